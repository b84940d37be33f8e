"""The tables of a report: what was surveyed, modelled and estimated, rounded for people."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy.spatial.distance import pdist

from secr_nea import inference
from secr_nea._crs import describe
from secr_nea.errors import DataError
from secr_nea.estimate import Estimate
from secr_nea.results_text import rounded
from secr_nea.survey import Survey
from secr_nea.units import DENSITY_AREA_KM2, square_metres_to_km2

NUMBER_WORDS = {
    "poisson": "Poisson",
    "binomial": "fixed (binomial)",
    "conditional": "not modelled: the likelihood is conditional on the animals detected",
}


def density_by_survey(
    estimate: Estimate,
    *,
    regions: Any = None,
    by: str | None = None,
    level: float = 0.95,
    variance: str = "auto",
) -> pd.DataFrame:
    """Density and numbers of animals of every survey, and of the regions that its mask touches.

    Parameters
    ----------
    estimate : Estimate
    regions : as ``region`` of `secr_nea.inference.abundance`, optional
    by : str, optional
        Attribute of the polygons that names the regions.
    level : float
    variance : {"auto", "poisson", "mspe"}

    Returns
    -------
    DataFrame
        Columns as from `secr_nea.inference.abundance`. Of the conditional likelihood, which has no
        model of density: the derived density, and no regions.
    """
    if estimate.model.population == "conditional":
        return _derived(estimate, level)
    whole = inference.abundance(estimate, level=level, variance=variance)
    if regions is None:
        return whole
    parts = inference.abundance(estimate, region=regions, by=by, level=level, variance=variance)
    order = {survey.name: b for b, survey in enumerate(estimate.model.surveys)}
    both = pd.concat([whole, parts], ignore_index=True)
    return both.sort_values(
        "survey", key=lambda name: name.map(order), kind="stable", ignore_index=True
    )


def _derived(estimate: Estimate, level: float) -> pd.DataFrame:
    """Derived density of the conditional likelihood, and the numbers in the mask it implies."""
    table = inference.derived_density(estimate, level=level)
    areas = {survey.name: survey.mask.area for survey in estimate.model.surveys}
    area = table["survey"].map(areas).to_numpy(dtype=np.float64)
    individuals = estimate.model.individuals
    group = {"group": table[individuals.variable]} if individuals.grouped else {}
    scale = area / DENSITY_AREA_KM2
    unknown = [f"realised_{part}" for part in ("n", "se", "lower", "upper")]
    return pd.DataFrame(
        {
            "survey": table["survey"],
            **group,
            "region": "whole mask",
            "area_km2": area,
            "density_per_100km2": table["density_per_100km2"],
            "density_lower": table["lower"],
            "density_upper": table["upper"],
            "expected_n": table["density_per_100km2"] * scale,
            "expected_se": table["se"] * scale,
            "expected_lower": table["lower"] * scale,
            "expected_upper": table["upper"] * scale,
            **dict.fromkeys(unknown, np.nan),
            "n_detected": table["n_detected"],
            "variance": "none",
        }
    )


def abundance_shown(table: pd.DataFrame, level: float = 0.95) -> pd.DataFrame:
    """Abundance as rounded text for a page or a terminal.

    Parameters
    ----------
    table : DataFrame
        As from `density_by_survey`.
    level : float
        Confidence level, for the heading.

    Returns
    -------
    DataFrame of str
    """
    interval = f"{100 * level:g} % interval"
    density_se = table["expected_se"] * table["density_per_100km2"] / table["expected_n"]
    shown = pd.DataFrame(
        {
            **{name: table[name] for name in ("survey", "group", "region") if name in table},
            "km2": [f"{area:,.0f}" for area in table["area_km2"]],
            "D": _numbers(table["density_per_100km2"], density_se),
            f"D {interval}": _intervals(table, "density", density_se),
            "expected N": _numbers(table["expected_n"], table["expected_se"]),
            "E(N) interval": _intervals(table, "expected", table["expected_se"]),
            "realised N": _numbers(table["realised_n"], table["realised_se"]),
            "R(N) interval": _intervals(table, "realised", table["realised_se"]),
        }
    )
    one_place = (shown["region"] == shown["region"].iloc[0]).all()
    return shown.drop(columns="region") if one_place else shown


def _numbers(values: pd.Series, se: pd.Series) -> list[str]:
    return [rounded(v, s) for v, s in zip(values, se, strict=True)]


def _intervals(table: pd.DataFrame, name: str, se: pd.Series) -> list[str]:
    columns = zip(table[f"{name}_lower"], table[f"{name}_upper"], se, strict=True)
    return [f"{rounded(a, s)} to {rounded(b, s)}" if np.isfinite(a) else "-" for a, b, s in columns]


def parameters_shown(estimate: Estimate, level: float) -> pd.DataFrame:
    """Real parameters as rounded text, with their units.

    Parameters
    ----------
    estimate : Estimate
    level : float

    Returns
    -------
    DataFrame of str
    """
    real = inference.real_parameters(estimate, level=level)
    if "sigma" in estimate.model.parameters:
        real = pd.concat([_in_kilometres(real), *_ranges(estimate, level)], ignore_index=True)
    shown = _rounded(real, level)
    shown.insert(0, "parameter", real["parameter"])
    shown.insert(1, "at", real["at"])
    shown["unit"] = real["unit"]
    return shown.drop(columns="at") if (shown["at"] == "").all() else shown


def _in_kilometres(real: pd.DataFrame) -> pd.DataFrame:
    """Sigma in km, as people speak of it."""
    real = real.copy()
    sigma = (real["parameter"] == "sigma") & (real["unit"] == "m")
    real.loc[sigma, ["estimate", "se", "lower", "upper"]] /= 1000.0
    real.loc[sigma, "unit"] = "km"
    return real


def _ranges(estimate: Estimate, level: float) -> list[pd.DataFrame]:
    """Area of the range that holds 95 % of the activity, for each sigma, where it is one area."""
    metric = estimate.model.metric
    if metric is not None and not metric.keeps_area:
        return []
    areas = inference.range_area(estimate, level=level)
    # the width of the interval says how many digits the area deserves
    se = (areas["upper"] - areas["lower"]) / 4.0
    return [
        pd.DataFrame(
            {
                "parameter": "range area (95 %)",
                "at": areas["at"],
                "estimate": areas["area_km2"],
                "se": se,
                "lower": areas["lower"],
                "upper": areas["upper"],
                "unit": "km2, if detection follows use",
            }
        )
    ]


def coefficients_shown(estimate: Estimate, level: float) -> pd.DataFrame:
    """Coefficients on the link scale as rounded text.

    Parameters
    ----------
    estimate : Estimate
    level : float

    Returns
    -------
    DataFrame of str
    """
    table = estimate.coefficient_table(level).reset_index()
    shown = _rounded(table, level)
    shown.insert(0, "coefficient", table["coefficient"])
    return shown


def _rounded(table: pd.DataFrame, level: float) -> pd.DataFrame:
    limits = zip(table["lower"], table["upper"], table["se"], strict=True)
    return pd.DataFrame(
        {
            "estimate": _numbers(table["estimate"], table["se"]),
            "standard error": _numbers(table["se"], table["se"]),
            f"{100 * level:g} % interval": [
                f"{rounded(a, s)} to {rounded(b, s)}" if np.isfinite(s) else "-"
                for a, b, s in limits
            ],
        }
    )


def data_summary(estimate: Estimate, *, public: bool = False) -> pd.DataFrame:
    """What was surveyed: one column a survey, one row a fact, as text.

    Parameters
    ----------
    estimate : Estimate
    public : bool
        Whether to leave out the coordinate reference system.

    Returns
    -------
    DataFrame of str
        Index: the facts. No coordinates.
    """
    facts = pd.DataFrame({s.name: _facts(s) for s in estimate.model.surveys})
    return facts.drop(index="coordinates") if public else facts


def _facts(survey: Survey) -> dict[str, str]:
    captures, traps, mask = survey.captures, survey.traps, survey.mask
    rate = 100.0 * survey.n_detections / traps.total_effort
    moved = longest_moves(survey)
    hull = _hull_area(survey)
    sexes = _by_sex(survey)
    idle = int((traps.effort.sum(axis=1) == 0.0).sum())
    return {
        "detectors": f"{traps.n_traps} ({traps.detector_type})",
        "detectors that never operated": f"{idle}",
        "minimum convex polygon of the detectors": f"{hull:,.0f} km2",
        "median distance to the next": f"{traps.spacing / 1000:,.1f} km",
        "occasions": f"{survey.n_occasions}",
        "effort": f"{traps.total_effort:,.6g}",
        "animals": f"{survey.n_animals}{sexes}",
        "detections": f"{survey.n_detections:,}",
        "detections per 100 units of effort": rounded(rate, digits=3),
        "detectors with a detection": f"{captures.n_traps_visited}",
        "recaptures": f"{captures.n_recaptures:,}",
        "animals at two or more detectors": f"{captures.animals_at_two_traps}",
        "mean longest move": f"{np.mean(moved) / 1000:,.1f} km" if len(moved) else "-",
        "longest move": f"{max(moved) / 1000:,.1f} km" if len(moved) else "-",
        "habitat mask": f"{mask.area:,.0f} km2, {mask.n_points:,} cells of {mask.spacing:,.0f} m",
        "coordinates": describe(survey.crs) if survey.crs is not None else "metres, CRS not given",
    }


def _hull_area(survey: Survey) -> float:
    """Area of the convex polygon around detectors and searches, km2."""
    import shapely

    parts = [shapely.MultiPoint(survey.traps.xy), *(g for g in survey.traps.searches if g)]
    return square_metres_to_km2(float(shapely.union_all(parts).convex_hull.area))


def _by_sex(survey: Survey) -> str:
    """Animals by sex, where it is known of any."""
    if "sex" not in survey.captures.covariates:
        return ""
    sex = survey.captures.covariates["sex"].astype(object)
    numbers = sex.where(sex.notna(), "unknown").astype(str).value_counts().sort_index()
    return f" ({', '.join(f'{name} {n}' for name, n in numbers.items())})"


def table_of(thing: Any, what: str) -> pd.DataFrame:
    """A table from a DataFrame, or from a result that can be turned into one.

    Parameters
    ----------
    thing : DataFrame, or object with ``table()``, ``table`` or ``to_dataframe()``
    what : str
        What it is called in messages.

    Returns
    -------
    DataFrame
        Its index as columns, where it has names.

    Raises
    ------
    DataError
        If it cannot be turned into a table.
    """
    for name in ("table", "to_dataframe"):
        if not isinstance(thing, pd.DataFrame) and hasattr(thing, name):
            found = getattr(thing, name)
            thing = found() if callable(found) else found
    if isinstance(thing, pd.Series):
        thing = thing.to_frame()
    if not isinstance(thing, pd.DataFrame):
        raise DataError(
            f"{what} must be a DataFrame, or a result with table() or to_dataframe(); got "
            f"{type(thing).__name__}."
        )
    return thing.reset_index() if any(name is not None for name in thing.index.names) else thing


def any_shown(table: pd.DataFrame) -> pd.DataFrame:
    """Any table as rounded text.

    Parameters
    ----------
    table : DataFrame

    Returns
    -------
    DataFrame of str
    """
    return pd.DataFrame(
        {str(name).replace("_", " "): [_cell(v) for v in table[name]] for name in table.columns}
    )


def models_shown(table: pd.DataFrame) -> pd.DataFrame:
    """A set of models as text that fits on a page; another table as `any_shown` has it.

    Parameters
    ----------
    table : DataFrame
        As of `ModelSet.table`, with the model as a column.

    Returns
    -------
    DataFrame of str
    """
    if not {"model", "n_parameters", "AICc", "density_per_100km2", "flags"} <= set(table.columns):
        return any_shown(table)
    kinds = [name for name in ("AIC", "AICc", "QAIC", "QAICc") if name in table]
    shown = {
        "model": table["model"].astype(str),
        "K": [f"{k:.3g}" for k in table["n_parameters"]],
        "logL": [f"{v:.2f}" for v in table["log_likelihood"]],
        **{name: [f"{v:.2f}" for v in table[name]] for name in kinds},
        "delta": [f"{v:.2f}" for v in table["delta"]],
        "weight": ["< 0.001" if 0.0 < v < 0.001 else f"{v:.3f}" for v in table["weight"]],
        "D": [f"{v:.3g}" for v in table["density_per_100km2"]],
        "D interval": [
            f"{low:.3g} to {high:.3g}"
            for low, high in zip(table["density_lower"], table["density_upper"], strict=True)
        ],
    }
    if table["flags"].astype(bool).any():
        shown["look at"] = table["flags"].astype(str)
    return pd.DataFrame(shown)


def _cell(value: Any) -> str:
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, int | np.integer):
        return f"{value:,}"
    if isinstance(value, float | np.floating):
        return rounded(float(value), digits=4)
    if isinstance(value, pd.Timestamp):
        return value.strftime("%Y-%m-%d")
    return "" if value is None else str(value)


def longest_moves(survey: Survey) -> list[float]:
    """Largest distance between two detections of each animal seen at two detectors, metres.

    Parameters
    ----------
    survey : Survey

    Returns
    -------
    list of float
    """
    animal, at, _ = survey.captures.places
    places = [np.unique(at[animal == i], axis=0) for i in range(survey.n_animals)]
    return [float(pdist(xy).max()) for xy in places if len(xy) > 1]


def mask_shown(estimate: Estimate) -> pd.DataFrame:
    """Buffer and spacing of the masks against sigma, as rounded text.

    Parameters
    ----------
    estimate : Estimate

    Returns
    -------
    DataFrame of str
    """
    check = inference.check_mask(estimate)
    return pd.DataFrame(
        {
            "survey": check.index,
            "buffer": [f"{metres / 1000:,.1f} km" for metres in check["buffer_m"]],
            "buffer in sigma": [f"{value:.1f}" for value in check["buffer_in_sigma"]],
            "spacing": [f"{metres:,.0f} m" for metres in check["spacing_m"]],
            "spacing in sigma": [
                "" if np.isnan(value) else f"{value:.2f}" for value in check["spacing_in_sigma"]
            ],
            "density too high by": [
                "less than 0.1 %" if bias < 1e-3 else f"about {100 * bias:.1f} %"
                for bias in check["relative_bias"]
            ],
            "adequate": ["yes" if good else "NO" for good in check["adequate"]],
        }
    )


def model_facts(estimate: Estimate) -> dict[str, str]:
    """What was modelled and how the fit ended, as text.

    Parameters
    ----------
    estimate : Estimate

    Returns
    -------
    dict
    """
    model, diagnosis = estimate.model, estimate.diagnosis
    facts = {"detection function": model.detection.name.replace("_", " ")}
    for name, parameter in model.parameters.items():
        link = "" if parameter.fixed is not None else f"   ({model.links[name]} link)"
        facts[name] = f"{parameter.text}{link}"
    facts |= {} if model.metric is None else {"distance": repr(model.metric)}
    return facts | {
        "number of animals": NUMBER_WORDS[model.population],
        "log-likelihood": f"{estimate.log_likelihood:.4f}",
        "coefficients": f"{estimate.n_parameters}",
        "AIC": f"{estimate.aic:.2f}",
        "AICc": f"{estimate.aicc:.2f}",
        "diagnosis": diagnosis.message,
        "evaluations": f"{diagnosis.n_evaluations} in {diagnosis.seconds:.2f} s",
    }
