"""Starting values: crude, quick estimates that work on a handful of animals."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
from scipy.optimize import brentq

from secr_nea._typing import FloatArray
from secr_nea.detection import DetectionFunction, whole_range
from secr_nea.frames import DETECTOR_WORD
from secr_nea.individuals import LATENT
from secr_nea.likelihood import likelihood_of
from secr_nea.likelihood.center_effects import FARTHEST_SQUARED
from secr_nea.location_effects import is_location_word
from secr_nea.metric_design import METRIC_WORDS
from secr_nea.model import Model
from secr_nea.parameters import Parameter
from secr_nea.quadrature import quadrature
from secr_nea.searches import dimensions
from secr_nea.survey import Survey
from secr_nea.units import DENSITY_AREA_KM2, M2_PER_KM2, SIGMA_AT_UNIT_DENSITY

_COARSE_POINTS = 400
_FIRST_SEARCH_POINTS = 3000  # a larger mask is first tried at about this many points
FIRST_FRICTION = 0.3
"""Size of a friction coefficient at the start, for a covariate of root mean square 1."""
_MOST_SIGNED = 3  # coefficients whose signs are tried in all combinations


def first_sigma(surveys: Sequence[Survey]) -> float:
    """Scale of movement from the spread of each animal's detections.

    Parameters
    ----------
    surveys : sequence of Survey

    Returns
    -------
    float, metres
        Pooled RPSV (root pooled spatial variance about each animal's mean position); where no
        animal was seen at two traps, the trap spacing. Never below a fifth of the spacing.
    """
    squares, recaptures = 0.0, 0
    for captures in (survey.captures for survey in surveys):
        if np.isfinite(captures.rpsv):
            number = captures.n_detections - captures.n_animals
            squares += number * captures.rpsv**2
            recaptures += number
    spacings = [s.traps.spacing for s in surveys if np.isfinite(s.traps.spacing)]
    spacing = float(np.median(spacings)) if spacings else float(surveys[0].mask.spacing)
    rpsv = np.sqrt(squares / recaptures) if recaptures else 0.0
    return float(max(rpsv, 0.2 * spacing)) if rpsv > 0.0 else spacing


def shape_scale(function: DetectionFunction) -> tuple[float, float | None]:
    """Sigma (and z or w) of a detection function that spreads like a half-normal of sigma 1.

    Parameters
    ----------
    function : DetectionFunction

    Returns
    -------
    float
        Sigma for which the mean squared distance of detections equals that of the half-normal.
    float or None
        z or w that goes with it, for sigma = 1.
    """
    shape = function.shape
    distance = np.linspace(1e-3, 8.0, 4000)[None, :]
    extra = [] if shape.start is None else [np.full((1, 1), shape.start)]
    s = np.exp(shape.log_value(distance**2, np.ones((1, 1)), *extra))
    mean_square = float((s * distance**3).sum() / (s * distance).sum())
    return float(np.sqrt(2.0 / mean_square)), shape.start


def natural_start(
    model: Model, sigma: float, distances: Sequence[FloatArray | None] = ()
) -> dict[str, float]:
    """Natural-scale starting values of every parameter for a given half-normal scale.

    The amplitude is such that the expected number of detections per detected animal is the one
    observed, and density such that the expected number of detected animals is.

    Parameters
    ----------
    model : Model
    sigma : float, metres
        Scale of movement as for a half-normal.
    distances : sequence of float64 arrays, each (n_traps, n_points), m^2, optional
        Squared distances of each survey by the metric of the model; straight ones by default.

    Returns
    -------
    dict of str to float
        For ``D``, the detection parameters and, where they are used, ``a0`` and ``esa``.
    """
    function = model.detection
    scale, extra = shape_scale(function)
    start = {"sigma": sigma * scale}
    name = function.parameters[-1]
    if extra is not None:
        # z is a pure number, except for the lognormal, where it is a distance as w is.
        is_distance = name == "w" or "lognormal" in function.name
        start[name] = extra * start["sigma"] if is_distance else extra
    for key, parameter in model.parameters.items():
        if parameter.fixed is not None and key not in ("a0", "esa"):
            start[key] = parameter.fixed
    hazards, areas = _unit_exposure(model, start, distances, _relative_rates(model, start))
    n_animals = sum(survey.n_animals for survey in model.surveys)
    n_detections = sum(survey.n_detections for survey in model.surveys)
    if function.amplitude not in start:
        ratio = max(n_detections / max(n_animals, 1), 1.05)
        amplitude = _amplitude(hazards, areas, ratio)
        start[function.amplitude] = amplitude if function.is_hazard else -np.expm1(-amplitude)
    amplitude = start[function.amplitude]
    hazard = amplitude if function.is_hazard else -np.log1p(-amplitude)
    effective = sum(
        float((-np.expm1(-hazard * h)).sum()) * a for h, a in zip(hazards, areas, strict=True)
    )
    if "D" not in start:
        start["D"] = DENSITY_AREA_KM2 * max(n_animals, 0.5) / max(effective, 1e-300)
    known = _known_proportions(model)
    for c, parameter in enumerate(model.mixing_parameters, start=1):
        start[parameter.name] = known[c] / (known[0] + known[c])
    if "sigmak" in model.parameters and "sigmak" not in start:
        start["sigmak"] = start["sigma"] / SIGMA_AT_UNIT_DENSITY * np.sqrt(start["D"])
    for name in model.parameters:
        if is_location_word(name):
            start[name] = 1.0
    if "esa" in model.parameters:
        start["esa"] = effective / len(model.surveys)
    if "a0" in model.parameters:
        start["a0"] = hazard * 2.0 * np.pi * start["sigma"] ** 2 / M2_PER_KM2
    return start


def _known_proportions(model: Model) -> FloatArray:
    """Proportion of each class among the animals whose class is known, shrunk a little."""
    n_levels = model.individuals.n_levels
    class_of = np.concatenate([own.class_of for own in model.individuals.surveys])
    count = np.bincount(class_of[class_of >= 0], minlength=n_levels) + 1.0
    return np.asarray(count / count.sum())


def _relative_rates(model: Model, start: Mapping[str, float]) -> dict[str, float]:
    """How often each kind of detector detects, for its exposure, compared to all of them.

    Only where a formula lets the amplitude differ between kinds; a detection of a kind that made
    none counts as a half.
    """
    if not _amplitudes_by_kind(model):
        return {}
    kinds = dict.fromkeys(kind for survey in model.surveys for kind in survey.traps.detector)
    number, exposure = {}, {}
    for kind in kinds:
        alone = dict.fromkeys(kinds, 0.0) | {kind: 1.0}
        hazards, areas = _unit_exposure(model, start, (), alone)
        exposure[kind] = sum(float(h.sum()) * a for h, a in zip(hazards, areas, strict=True))
        number[kind] = sum(_detections_by(survey, kind) for survey in model.surveys)
    if min(exposure.values()) <= 0.0:
        return {}
    overall = sum(number.values()) / sum(exposure.values())
    return {kind: max(number[kind], 0.5) / exposure[kind] / overall for kind in kinds}


def _amplitudes_by_kind(model: Model) -> list[Parameter]:
    """The amplitude, if its formula has ``detector``."""
    found = [model.parameters.get(name) for name in ("lambda0", "g0")]
    return [
        p
        for p in found
        if p is not None and p.design is not None and DETECTOR_WORD in p.design.variables
    ]


def _detections_by(survey: Survey, kind: str) -> float:
    """Number of detections at one kind of detector."""
    own = np.array([word == kind for word in survey.traps.detector])
    return float(survey.captures.count[own[survey.captures.trap]].sum())


def _unit_exposure(
    model: Model,
    start: Mapping[str, float],
    distances: Sequence[FloatArray | None],
    relative: Mapping[str, float],
) -> tuple[list[FloatArray], list[float]]:
    """Total exposure of sparse mask points for an amplitude of 1, and the area of each point.

    ``relative`` multiplies the amplitude of kinds of detectors.
    """
    hazards, areas = [], []
    values = [np.full((1, 1), start[name]) for name in model.detection.shape.parameters]
    for b, survey in enumerate(model.surveys):
        step = max(1, survey.mask.n_points // _COARSE_POINTS)
        xy = survey.mask.xy[::step]
        sites, effort = _unit_sites(model, survey, [value[0] for value in values], relative)
        measured = distances[b] if len(distances) else None
        if measured is None:
            d2 = ((sites[:, None, :] - xy[None, :, :]) ** 2).sum(axis=2)
        else:
            d2 = np.minimum(measured[:, ::step], FARTHEST_SQUARED)
        with np.errstate(all="ignore"):
            hazards.append(effort @ np.exp(model.detection.shape.log_value(d2, *values)))
        areas.append(survey.mask.cell_area * survey.mask.n_points / len(xy))
    return hazards, areas


def _unit_sites(
    model: Model, survey: Survey, shape: Sequence[FloatArray], relative: Mapping[str, float]
) -> tuple[FloatArray, FloatArray]:
    """Places of traps and points of searches, and the exposure there for an amplitude of 1."""
    traps = survey.traps
    rate = np.array([relative.get(kind, 1.0) for kind in traps.detector])
    effort = traps.effort.sum(axis=1) * rate
    at_points = ~traps.is_search
    sites, exposure = [traps.xy[at_points]], [effort[at_points]]
    dimension = dimensions(traps.detector)
    for k in np.flatnonzero(traps.is_search):
        xy, weight = quadrature(traps.searches[k], model.smallest_sigma)
        whole = whole_range(model.detection.shape, int(dimension[k]), *shape)[0]
        sites.append(xy)
        exposure.append(effort[k] * weight / whole)
    return np.concatenate(sites), np.concatenate(exposure)


def _amplitude(hazards: Sequence[FloatArray], areas: Sequence[float], ratio: float) -> float:
    """Amplitude at which detections per detected animal equal the observed ratio."""

    def excess(log_amplitude: float) -> float:
        factor = np.exp(log_amplitude)
        detections = sum(float((factor * h).sum()) * a for h, a in zip(hazards, areas, strict=True))
        animals = sum(
            float((-np.expm1(-factor * h)).sum()) * a for h, a in zip(hazards, areas, strict=True)
        )
        return float(np.log(detections / animals) - np.log(ratio))

    top = max((float(h.max()) for h in hazards), default=0.0)
    if top <= 0.0:
        return 0.01
    low, high = -8.0 - np.log(top), 12.0 - np.log(top)
    if excess(low) > 0.0 or excess(high) < 0.0:
        return float(np.exp(-np.log(top)))
    return float(np.exp(brentq(excess, low, high, xtol=1e-3)))


def _nearest(parameter: Parameter, value: float) -> FloatArray:
    """Coefficients whose predictor is nearest to one value in every row of the data."""
    target = float(parameter.link.forward(np.array([value]))[0])
    if parameter.design is not None and parameter.design.columns[0] == "Intercept":
        return np.concatenate([[target], np.zeros(parameter.n_coefficients - 1)])
    full = np.full(len(parameter.rows), target)
    return np.asarray(np.linalg.lstsq(parameter.rows, full, rcond=None)[0])


def coefficients_of(model: Model, natural: Mapping[str, float]) -> FloatArray:
    """Coefficients at which every parameter has the same value everywhere.

    Those of the metric stay 0. An amplitude whose formula has ``detector`` follows the detections
    of each kind.

    Parameters
    ----------
    model : Model
    natural : mapping of str to float
        Natural-scale value of each estimated parameter.

    Returns
    -------
    float64 array, shape (n_coefficients,)
    """
    start = np.zeros(model.n_coefficients)
    for name, parameter in model.parameters.items():
        is_relative = name == "D" and model.is_relative
        if parameter.fixed is None and name not in METRIC_WORDS and not is_relative:
            start[parameter.slice] = _nearest(parameter, natural[name])
    relative = _relative_rates(model, natural)
    for parameter in _amplitudes_by_kind(model) if relative else []:
        start[parameter.slice] = _by_kind(model, parameter, natural[parameter.name], relative)
    return start


def _by_kind(
    model: Model, parameter: Parameter, value: float, relative: Mapping[str, float]
) -> FloatArray:
    """Coefficients of an amplitude that is different for each kind of detector."""
    kinds = model.detection_rows.frame[DETECTOR_WORD].astype(str)
    rate = kinds.map(relative).to_numpy(dtype=np.float64)
    amplitude: FloatArray = np.asarray(value * rate)
    if not model.detection.is_hazard:
        amplitude = np.asarray(-np.expm1(np.log1p(-value) * rate))
    target = parameter.link.forward(amplitude)[np.unique(parameter.row_of, return_index=True)[1]]
    return np.asarray(np.linalg.lstsq(parameter.rows, target, rcond=None)[0])


def crude_starts(model: Model) -> list[FloatArray]:
    """Starting points from the movements seen: as they are, and for smaller and larger scales.

    Parameters
    ----------
    model : Model

    Returns
    -------
    list of float64 arrays, each (n_coefficients,)
    """
    starts = [
        _crude_start(model, factor, metric)
        for factor in (1.0, 0.6, 1.7)
        for metric in metric_starts(model)
    ]
    return starts if model.individuals.variable != LATENT else _unlike_classes(model, starts[0])


def metric_starts(model: Model) -> list[FloatArray]:
    """Starts of the coefficients of a metric, the others 0: both signs of each friction.

    Where friction is the same everywhere many ways are equally long, and the likelihood has a
    kink; so no search begins there.

    Parameters
    ----------
    model : Model

    Returns
    -------
    list of float64 arrays, each (n_coefficients,)
    """
    start = np.zeros(model.n_coefficients)
    if "noneuc" not in model.parameters:
        return [start]
    friction = model.parameters["noneuc"]
    size = np.sqrt(np.einsum("ij,ij->j", friction.rows, friction.rows) / len(friction.rows))
    n = friction.n_coefficients
    signs = [(1.0,) * n, (-1.0,) * n]
    if n <= _MOST_SIGNED:
        signs = list(itertools.product((1.0, -1.0), repeat=n))
    starts = []
    for sign in signs:
        trial = start.copy()
        trial[friction.slice] = FIRST_FRICTION * np.array(sign) / size / np.sqrt(n)
        starts.append(trial)
    return starts


def _crude_start(model: Model, factor: float, metric: FloatArray) -> FloatArray:
    """Start with a multiple of the movements seen, measured as the model measures distance."""
    sigma = factor * first_sigma(model.surveys)
    if model.metric is None:
        return coefficients_of(model, natural_start(model, sigma))
    likelihood = likelihood_of(model)
    distances = [
        None if measured is None else measured.squared
        for measured in (
            likelihood.distances.measured(metric, b) for b in range(len(model.surveys))
        )
    ]
    sigma *= likelihood.distances.stretch(metric, sigma)
    return coefficients_of(model, natural_start(model, sigma, distances)) + metric


def _unlike_classes(model: Model, start: FloatArray) -> list[FloatArray]:
    """Starts in which latent classes differ: at equal classes the likelihood has a saddle."""
    own = [parameter.name for parameter in model.detection_parameters]
    starts = []
    for first, second in (
        (1.0, -0.5),
        (-1.0, 0.5),
        (1.5, 0.0),
        (-1.5, 0.0),
        (0.0, 0.7),
        (0.0, -0.7),
    ):
        for mix in (0.0, -1.0, 1.0):
            trial = start.copy()
            for j, name in enumerate(model.coefficient_names):
                parameter, _, column = name.partition(":")
                if parameter.startswith("pmix") and column == "Intercept":
                    trial[j] += mix
                elif column.startswith(LATENT):
                    step = first if parameter == own[0] else second
                    # The third class lies between the first two.
                    trial[j] = step * (0.5 if "[T.3]" in column else 1.0)
            starts.append(trial)
    return starts


def chained_start(model: Model, crude: FloatArray, given: Mapping[str, float]) -> FloatArray:
    """Start from the coefficients of another fit, by name.

    Parameters
    ----------
    model : Model
    crude : float64 array, shape (n_coefficients,)
        Values for parameters that the other fit does not have.
    given : mapping of coefficient name to value
        Names that this model does not have are ignored; a new term of a known parameter starts
        at 0.

    Returns
    -------
    float64 array, shape (n_coefficients,)
    """
    start = crude.copy()
    for parameter in model.parameters.values():
        known = [name in given for name in parameter.coefficient_names]
        if any(known):
            start[parameter.slice] = [given.get(n, 0.0) for n in parameter.coefficient_names]
    return start


def thinning(model: Model) -> int:
    """Every how many-th mask point is enough for a first search (1: all).

    Parameters
    ----------
    model : Model
    """
    if model.metric_design is not None and model.metric_design.parameters:
        # Measuring the distances takes most of the time, to few points or to all.
        return 1
    n_points = sum(survey.mask.n_points for survey in model.surveys)
    spacing = max(survey.mask.spacing for survey in model.surveys)
    allowed = int((0.5 * first_sigma(model.surveys) / spacing) ** 2)
    return max(1, min(n_points // _FIRST_SEARCH_POINTS, allowed))
