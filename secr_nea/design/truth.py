"""The truth of a scenario in the words of a model: its coefficients, and numbers of animals."""

from __future__ import annotations

import numpy as np

from secr_nea._typing import FloatArray
from secr_nea.design.scenario import Scenario
from secr_nea.errors import ModelError
from secr_nea.model import Model
from secr_nea.parameters import Parameter, sum_by_row
from secr_nea.units import M2_PER_KM2, animals_per_cell


def true_coefficients(model: Model, scenario: Scenario) -> FloatArray:
    """Coefficients at which a model says what is true in a scenario.

    Parameters
    ----------
    model : Model
        Of one survey with the traps and mask of the scenario.
    scenario : Scenario

    Returns
    -------
    float64 array, shape (n_coefficients,)
        Where formulas cannot say it exactly, the nearest that they can (least squares on the
        link scale); missing for parameters that a scenario does not have, such as ``noneuc``.

    Raises
    ------
    ModelError
        If the model has classes that are not those of the scenario.
    """
    found = np.full(model.n_coefficients, np.nan)
    for name, values in _true_rows(model, scenario).items():
        parameter = model.parameters.get(name)
        if parameter is None:
            continue
        if parameter.fixed is None:
            found[parameter.slice] = _nearest(parameter, values)
    return found


def _true_rows(model: Model, scenario: Scenario) -> dict[str, FloatArray]:
    """True value of each parameter at each row of its data."""
    rows = _detection_rows(model, scenario)
    if "a0" in model.parameters:
        hazard = rows[0] if model.detection.is_hazard else -np.log1p(-rows[0])
        area = hazard * 2.0 * np.pi * rows[1] ** 2 / M2_PER_KM2
        found = dict(zip(("a0", *model.detection.parameters[1:]), (area, *rows[1:]), strict=True))
    else:
        found = dict(zip(model.detection.parameters, rows, strict=True))
    if "D" in model.parameters:
        found["D"] = _density_rows(model, scenario)
    levels = model.individuals.levels
    for c, parameter in enumerate(model.mixing_parameters, start=1):
        pair = scenario.classes[levels[c]] + scenario.classes[levels[0]]
        # pmix of two classes is the share of the second; of more, its odds against the first
        share = scenario.classes[levels[c]] / pair
        found[parameter.name] = np.full(len(parameter.row_of), share)
    return found


def _density_rows(model: Model, scenario: Scenario) -> FloatArray:
    density = scenario.animals_at_points / float(animals_per_cell(1.0, scenario.mask.cell_area))
    if not model.individuals.grouped:
        return np.asarray(density)
    shares = [scenario.classes[level] for level in model.individuals.levels]
    return np.concatenate([share * density for share in shares])


def _detection_rows(model: Model, scenario: Scenario) -> list[FloatArray]:
    """True value of each detection parameter at each row of the detection data."""
    if len(model.surveys) != 1 or model.detection.name != scenario.detection.name:
        raise ModelError(
            "The truth of a scenario is that of one survey with the same detection function; got "
            f"{len(model.surveys)} surveys and {model.detection.name}."
        )
    own = {level: values for level, _, values in scenario.of_classes()}
    (rows,) = model.detection_rows.rows
    n_rows = len(model.detection_rows.frame)
    total, times = np.zeros((len(model.detection.parameters), n_rows)), np.zeros(n_rows)
    for c, level in enumerate(model.individuals.levels or ("",)):
        values = own.get(level) or own.get(None)
        parts = [(values, 1.0)] if values else [(v, share) for _, share, v in scenario.of_classes()]
        where = rows[c]
        np.add.at(times, where, 1.0)
        for at, share in parts:
            for p, value in enumerate(at):
                np.add.at(total[p], where, share * np.broadcast_to(value, where.shape))
    return list(total / np.maximum(times, 1.0))


def _nearest(parameter: Parameter, values: FloatArray) -> FloatArray:
    """Coefficients whose predictor is nearest to the values, on the link scale."""
    target = parameter.link.forward(np.asarray(values, dtype=np.float64))
    times = np.bincount(parameter.row_of, minlength=len(parameter.rows))
    mean = np.bincount(parameter.row_of, weights=target, minlength=len(parameter.rows)) / times
    weight = np.sqrt(times)
    return np.asarray(
        np.linalg.lstsq(parameter.rows * weight[:, None], mean * weight, rcond=None)[0]
    )


def expected_number(model: Model, coefficients: FloatArray) -> tuple[float, FloatArray]:
    """Expected number of animals on the masks of a model, and its derivative.

    Parameters
    ----------
    model : Model
    coefficients : float64 array, shape (n_coefficients,)

    Returns
    -------
    float
    float64 array, shape (n_coefficients,)
    """
    density = model.parameters["D"]
    copies = model.individuals.n_levels if model.individuals.grouped else 1
    area = np.concatenate(
        [np.full(s.mask.n_points * copies, s.mask.cell_area) for s in model.surveys]
    )
    per_density: FloatArray = sum_by_row(
        density.row_of, np.asarray(animals_per_cell(area, 1.0)), len(density.rows)
    )
    gradient = np.zeros(model.n_coefficients)
    gradient[density.slice] = density.pull_back(coefficients, per_density)
    return float(per_density @ density.values(coefficients)), gradient
