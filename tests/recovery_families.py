"""Every family of models: surveys simulated with known truth, fitted, and compared to it.

    python tests/recovery_families.py                 all families, then the section of the page
    python tests/recovery_families.py null smooth     only these, shown and not written

The section of `docs/recovery.md` between its two marks is written anew. Finished families are
kept as CSV files in the folder that SECR_NEA_RECOVERY_FOLDER names, and taken from there.
"""

from __future__ import annotations

import os
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import shapely
from scipy import stats

import secr_nea as sn
from secr_nea import inference
from secr_nea.maximise import maximise

PAGE = Path(__file__).resolve().parents[1] / "docs" / "recovery.md"
BEGIN, END = "<!-- families: begin -->", "<!-- families: end -->"
SEED = 20_261_121
N_SURVEYS = 500
N_OF_SLOW = {"smooth": 200}
# Beyond Monte Carlo error: penalised intervals hold a curve less often where it bends most.
COVERAGE_SLACK = {"smooth": 0.12, "clear mixture": 0.02}
SIGMA, SPACING, BUFFER = 2000.0, 1000.0, 8000.0  # metres
Z = float(stats.norm.ppf(0.975))
Rows = list[tuple[str, float, float, float, bool]]


# --- the place -----------------------------------------------------------------------------------


def cameras(detector: str, n_occasions: int = 5, effort: float = 1.0) -> sn.TrapArray:
    """36 detectors 1.5 sigma apart, with a covariate."""
    x, y = np.meshgrid(np.arange(6) * 3000.0, np.arange(6) * 3000.0)
    height = np.sin(np.arange(36) * 1.7)
    return sn.TrapArray(
        np.column_stack([x.ravel(), y.ravel()]),
        effort=np.full((36, n_occasions), effort),
        detector=detector,
        covariates={"height": height - height.mean()},
    )


def searched(kind: str) -> sn.TrapArray:
    """Nine squares of 2 km, or twelve lines of 6 km."""
    if kind == "area_search":
        corners = [(x, y) for x in (0, 6500, 13_000) for y in (0, 6500, 13_000)]
        shapes = [shapely.box(x, y, x + 2000, y + 2000) for x, y in corners]
    else:
        ends = [(x, y) for x in (0, 4500, 9000) for y in (0, 5000, 10_000, 15_000)]
        shapes = [shapely.LineString([(x, y), (x + 6000, y)]) for x, y in ends]
    return sn.TrapArray.from_searches(shapes)


def survey_at(traps: sn.TrapArray, name: str = "one", sexes: tuple[Any, ...] = ()) -> sn.Survey:
    """A survey to simulate from; its animals only say which sexes there are, and how often known.

    The covariate ``rugged`` of the mask has mean 0 and standard deviation 1.
    """
    mask = sn.HabitatMask.around(traps, buffer=BUFFER, spacing=SPACING)
    x, y = (mask.xy - mask.xy.mean(axis=0)).T / 6000.0
    rugged = np.sin(1.3 * x) + np.cos(1.7 * y - 0.4) + 0.3 * x
    mask = mask.with_covariates(rugged=(rugged - rugged.mean()) / rugged.std())
    n = len(sexes)
    captures = sn.CaptureHistory(
        traps,
        animal=np.arange(n),
        occasion=np.zeros(n, dtype=int),
        trap=np.arange(n),
        covariates={"sex": list(sexes)} if n else None,
    )
    return sn.Survey(captures, mask, name=name)


# --- the families --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Family:
    """One kind of model.

    Parameters
    ----------
    title : str
    surveys : callable
        Makes the surveys to simulate from.
    truth : dict of coefficient name to value
    options : dict
        Of the model that is simulated.
    fitted : dict or None
        Of the model that is fitted, where it is another.
    rows : callable
        From (estimate, family, survey) to what is compared with the truth.
    """

    title: str
    surveys: Callable[[], list[sn.Survey]]
    truth: dict[str, float]
    options: dict[str, Any] = field(default_factory=dict)
    fitted: dict[str, Any] | None = None
    rows: Callable[..., Rows] | None = None


def truth_of(density: float, amplitude: float, **others: float) -> dict[str, float]:
    """Coefficients: density per 100 km2, lambda0, sigma, and others on their link scale."""
    plain = {"D": density, "lambda0": amplitude, "sigma": SIGMA}
    known = {f"{name}:Intercept": float(np.log(value)) for name, value in plain.items()}
    return known | {name.replace("__", ":"): value for name, value in others.items()}


def coefficient_rows(estimate: Any, truth: dict[str, float]) -> Rows:
    """Each coefficient with its Wald interval."""
    rows = []
    for name, value, se in zip(
        estimate.names, estimate.coefficients, estimate.standard_errors, strict=True
    ):
        if name in truth:
            within = abs(value - truth[name]) <= Z * se
            rows.append((name, truth[name], float(value), float(se), bool(within)))
    return rows


def total_density(family: Family, model: sn.Model, mask: sn.HabitatMask) -> float:
    """Logarithm of the true mean density of all groups over the first mask."""
    values = model.parameters["D"].values(model.coefficients(family.truth))
    rows = model.parameters["D"].row_of
    n_groups = model.individuals.n_levels if model.individuals.grouped else 1
    return float(np.log(values[rows[: n_groups * mask.n_points]].sum() / mask.n_points))


def conditional_rows(estimate: Any, family: Family, model: sn.Model) -> Rows:
    """Coefficients, and density derived from the animals detected."""
    row = inference.derived_density(estimate).iloc[0]
    true = total_density(family, model, model.surveys[0].mask)
    log_se = float(np.sqrt(np.log1p(row["cv"] ** 2)))
    found = float(np.log(row["density_per_100km2"]))
    density = ("derived log D", true, found, log_se, abs(found - true) <= Z * log_se)
    return [*coefficient_rows(estimate, family.truth), density]


def relative_rows(estimate: Any, family: Family, model: sn.Model) -> Rows:
    """Coefficients of relative density and detection, with the level from the absolute form."""
    return coefficient_rows(inference.absolute_density(estimate), family.truth)


def smooth_density(rugged: np.ndarray) -> np.ndarray:
    """Density that rises and falls with ruggedness."""
    return 13.0 * np.exp(0.9 * np.sin(1.2 * rugged))


def smooth_rows(estimate: Any, family: Family, model: sn.Model) -> Rows:
    """The curve at three places, the expected number, and detection."""
    fit = sn.FitResult.of(estimate)
    at = np.array([-1.0, 0.0, 1.0])
    table = fit.predict({"rugged": at}, parameters=["D"])
    rows = [row for row in coefficient_rows(estimate, family.truth) if not row[0].startswith("D:")]
    for i, true in enumerate(smooth_density(at)):
        low, value, high = np.log(table.loc[i, ["lower", "estimate", "upper"]].astype(float))
        true = float(np.log(true))
        within = bool(low <= true <= high)
        rows.append((f"log D at {at[i]:g}", true, value, (high - low) / (2 * Z), within))
    mask = model.surveys[0].mask
    expected = smooth_density(mask.covariates["rugged"].to_numpy()).sum() * mask.cell_area / 100
    row = fit.abundance().iloc[0]
    within = bool(row["expected_lower"] <= expected <= row["expected_upper"])
    rows.append(("expected N", expected, row["expected_n"], row["expected_se"], within))
    return rows


def mixture_rows(estimate: Any, family: Family, model: sn.Model) -> Rows:
    """Coefficients with the second class the one that is detected more often."""
    names = list(estimate.names)
    effect = names.index("lambda0:latent_class[T.2]")
    if estimate.coefficients[effect] < 0.0:
        # The classes have changed places: intercept + effect, -effect, -pmix.
        swap = np.eye(len(names))
        swap[names.index("lambda0:Intercept"), effect] = 1.0
        swap[effect, effect] = swap[-1, -1] = -1.0
        estimate = sn.FitResult(
            estimate.model,
            swap @ estimate.coefficients,
            swap @ estimate.covariance @ swap.T,
            estimate.log_likelihood,
            estimate.diagnosis,
        )
    return coefficient_rows(estimate, family.truth)


SEXES = ("F", "M")
SEX_EFFECTS = {"lambda0__sex[T.M]": -0.5, "sigma__sex[T.M]": 0.25}
TREND = {"D__session_trend": 0.15, "D__rugged": 0.5}
FAMILIES = {
    "null": Family(
        "Count detectors, null model",
        lambda: [survey_at(cameras("count", 1, 5.0))],
        truth_of(14.0, 0.12),
    ),
    "density": Family(
        "Covariates of density and detection",
        lambda: [survey_at(cameras("count", 1, 5.0))],
        truth_of(14.0, 0.12, D__rugged=0.5, lambda0__height=0.4),
        {"D": "~ rugged", "lambda0": "~ height"},
    ),
    "binary": Family(
        "Binary detectors", lambda: [survey_at(cameras("binary"))], truth_of(14.0, 0.12)
    ),
    "binomial": Family(
        "Binomial counts",
        lambda: [survey_at(cameras("binomial", 1, 5.0))],
        truth_of(14.0, 0.12),
    ),
    "learned": Family(
        "Learned response at the trap",
        lambda: [survey_at(cameras("binary", 6))],
        truth_of(14.0, 0.12, lambda0__detected_before_here=0.7),
        {"lambda0": "~ detected_before_here"},
    ),
    "time": Family(
        "Trend of detection over occasions",
        lambda: [survey_at(cameras("binary"))],
        truth_of(14.0, 0.09, lambda0__occasion_trend=0.2),
        {"lambda0": "~ occasion_trend"},
    ),
    "multi": Family(
        "Multi-catch traps", lambda: [survey_at(cameras("multi", 8))], truth_of(14.0, 0.1)
    ),
    "capped": Family(
        "Capped detectors", lambda: [survey_at(cameras("capped", 8))], truth_of(14.0, 0.08)
    ),
    "sex": Family(
        "Sex with a quarter unknown (hybrid mixture)",
        lambda: [survey_at(cameras("count", 1, 5.0), sexes=(*SEXES, "F", None))],
        truth_of(20.0, 0.15, **SEX_EFFECTS, pmix__Intercept=-0.4),
        {"classes": "sex", "lambda0": "~ sex", "sigma": "~ sex"},
    ),
    "groups": Family(
        "Groups by sex, complete",
        lambda: [survey_at(cameras("count", 1, 5.0), sexes=SEXES)],
        truth_of(11.0, 0.15, **SEX_EFFECTS, **{"D__sex[T.M]": -0.4}),
        {"groups": "sex", "lambda0": "~ sex", "sigma": "~ sex"},
    ),
    "conditional": Family(
        "Conditional likelihood with sex, derived density",
        lambda: [survey_at(cameras("count", 1, 5.0), sexes=SEXES)],
        truth_of(11.0, 0.15, **SEX_EFFECTS, **{"D__sex[T.M]": -0.4}),
        {"groups": "sex", "lambda0": "~ sex", "sigma": "~ sex"},
        {"population": "conditional", "lambda0": "~ sex", "sigma": "~ sex"},
        conditional_rows,
    ),
    "relative": Family(
        "Relative density, and its absolute form",
        lambda: [survey_at(cameras("count", 1, 5.0))],
        truth_of(14.0, 0.12, D__rugged=0.5),
        {"D": "~ rugged"},
        {"population": "conditional", "D": "~ rugged"},
        relative_rows,
    ),
    "mixture": Family(
        "Two latent classes, few detections of each animal",
        lambda: [survey_at(cameras("count", 1, 10.0))],
        truth_of(25.0, 0.015, **{"lambda0__latent_class[T.2]": 2.3, "pmix__Intercept": 0.0}),
        {"classes": 2, "lambda0": "~ latent_class"},
        None,
        mixture_rows,
    ),
    "trend": Family(
        "Three surveys with a trend of density",
        lambda: [survey_at(cameras("count", 1, 5.0), name) for name in "ABC"],
        truth_of(8.0, 0.12, **TREND),
        {"D": "~ session_trend + rugged"},
    ),
    "smooth": Family(
        "Penalised smooth of density",
        lambda: [survey_at(cameras("count", 1, 5.0))],
        truth_of(14.0, 0.12),
        {"D": "~ s(rugged, k=5)"},
        None,
        smooth_rows,
    ),
    "fixed number": Family(
        "Fixed number of animals (binomial population)",
        lambda: [survey_at(cameras("count", 1, 5.0))],
        truth_of(14.0, 0.12),
        {"population": "binomial"},
    ),
    "areas": Family(
        "Searched areas",
        lambda: [survey_at(searched("area_search"))],
        truth_of(25.0, 12.0),
        {"smallest_sigma": 1000.0},
    ),
    "transects": Family(
        "Searched transects",
        lambda: [survey_at(searched("transect"))],
        truth_of(14.0, 2.0),
        {"smallest_sigma": 1000.0},
    ),
    "clear mixture": Family(
        "Two latent classes, many detections of each animal",
        lambda: [survey_at(cameras("count", 1, 10.0))],
        truth_of(25.0, 0.06, **{"lambda0__latent_class[T.2]": 2.0, "pmix__Intercept": 0.0}),
        {"classes": 2, "lambda0": "~ latent_class"},
        None,
        mixture_rows,
    ),
}
HOPELESS = ("mixture",)
"""Families that show a limit of the method, of which no test asks for more."""


# --- simulate, fit, compare ----------------------------------------------------------------------


def models_of(family: Family) -> tuple[sn.Model, dict[str, float]]:
    """The model that is simulated, and its coefficients."""
    model = sn.Model(family.surveys(), **family.options)
    return model, {name: family.truth.get(name, 0.0) for name in model.coefficient_names}


def simulated(key: str, model: sn.Model, truth: dict[str, float], seed: Any) -> list[sn.Survey]:
    """New surveys of a family; those of the smooth follow a curve that no spline is exactly."""
    if key != "smooth":
        found = sn.design.simulate_survey(model, truth, seed=seed)
        return [found] if isinstance(found, sn.Survey) else list(found)
    mask, traps = model.surveys[0].mask, model.surveys[0].traps
    density = smooth_density(mask.covariates["rugged"].to_numpy())
    rng = np.random.default_rng(seed)
    animals = sn.design.simulate_population(mask, density, seed=rng)
    amplitude = float(np.exp(truth["lambda0:Intercept"]))
    captures = sn.design.simulate_captures(
        animals, traps, lambda0=amplitude, sigma=SIGMA, seed=rng
    ).captures
    return [sn.Survey(captures, mask, name="one")]


def run(key: str, n_surveys: int | None = None) -> pd.DataFrame:
    """All fits of a family: one row for each quantity and simulated survey."""
    family = FAMILIES[key]
    n_surveys = N_OF_SLOW.get(key, N_SURVEYS) if n_surveys is None else n_surveys
    model, truth = models_of(family)
    seeds = np.random.SeedSequence([SEED, list(FAMILIES).index(key)]).spawn(n_surveys)
    parts = []
    for i, seed in enumerate(seeds):
        surveys = simulated(key, model, truth, seed)
        options = family.options if family.fitted is None else family.fitted
        estimate = maximise(sn.Model(surveys, **options), progress=False)
        if family.rows is None:
            rows = coefficient_rows(estimate, family.truth)
        else:
            rows = family.rows(estimate, family, model)
        frame = pd.DataFrame(rows, columns=["quantity", "truth", "estimate", "se", "covered"])
        parts.append(
            frame.assign(
                survey=i,
                good=estimate.diagnosis.good,
                n_animals=sum(survey.n_animals for survey in surveys),
                n_detections=sum(survey.n_detections for survey in surveys),
            )
        )
    return pd.concat(parts, ignore_index=True)


def kept(key: str) -> pd.DataFrame:
    """The fits of a family, from the folder of finished ones where they are there."""
    folder = os.environ.get("SECR_NEA_RECOVERY_FOLDER")
    path = None if folder is None else Path(folder) / f"{key.replace(' ', '_')}.csv"
    if path is not None and path.exists():
        return pd.read_csv(path)
    began = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sn.SecrWarning)
        frame = run(key)
    print(f"{key}: {time.process_time() - began:.0f} s", flush=True)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        frame.to_csv(path, index=False)
    return frame


def summary(frame: pd.DataFrame) -> pd.DataFrame:
    """Bias, RMSE, mean standard error and coverage, with Monte Carlo errors; proper maxima only."""
    rows = {}
    for name, part in frame[frame["good"]].groupby("quantity", sort=False):
        error, n = part["estimate"] - part["truth"], len(part)
        share = part["covered"].mean()
        rows[name] = {
            "truth": part["truth"].mean(),
            "bias": error.mean(),
            "bias_error": error.std(ddof=1) / np.sqrt(n),
            "rmse": np.sqrt((error**2).mean()),
            "mean_se": part["se"].mean(),
            "coverage": share,
            "coverage_error": np.sqrt(max(share * (1.0 - share), 0.25 / n) / n),
        }
    return pd.DataFrame.from_dict(rows, orient="index")


# --- the section of the page ---------------------------------------------------------------------


def number(value: float) -> str:
    """Three decimals, or one where the number is large."""
    return f"{value:.3f}" if abs(value) < 10.0 else f"{value:.1f}"


INTRODUCTION = f"""\
## Every family of models

{N_SURVEYS} simulated surveys for each family ({N_OF_SLOW["smooth"]} for the smooth), small:
36 detectors 1.5 sigma apart ({SIGMA:,.0f} m is sigma) on a mask of cells of half a sigma that ends
4 sigma from them; about fifty animals are detected. Coefficients are on their link scale: a bias of
0.01 of a logarithm is 1 %. Means and coverage are over the fits that ended at a proper maximum; the
share of these is told. Behind ± stand Monte Carlo standard errors: with {N_SURVEYS} surveys a
coverage of 95 % is met within about ±2 %.

With so few animals an estimate of maximum likelihood has a bias of the order of a tenth of its
standard error; more is a fault. What is not near zero bias or 95 % is discussed under its table.

This section is written by `python tests/recovery_families.py`.
"""

REMARKS = {
    "capped": (
        "The likelihood of capped detectors is an approximation (the expected share of a catch), "
        "the simulation is not: each trap keeps the first animal that comes. Any bias is that of "
        "the approximation."
    ),
    "mixture": (
        "The class that is detected more often counts as the second. With two or three detections "
        "of each animal the data can hardly tell the classes apart: many fits end without a "
        "proper maximum, and the intervals of the others hold too seldom. This is a limit of the "
        "method and the reason why a fit with vague classes warns; see `fit.profile_pmix()`. "
        "Nothing here is tested; the next family is."
    ),
    "clear mixture": (
        "The same model with about five detections of each animal, and far more in the second "
        "class."
    ),
    "smooth": (
        "The true curve is 13 exp(0.9 sin(1.2 rugged)), which is no spline. At 1 it is near its "
        "top, which fifty animals do not show in full: the smooth is too low there by half a "
        "standard error, and its interval holds the truth too seldom. That is the price of "
        "smoothness; the expected number is not touched by it."
    ),
    "fixed number": (
        "The intervals of D are those of the fixed number of animals in the mask, which does not "
        "vary between the simulated surveys."
    ),
}


def table(frame: pd.DataFrame) -> list[str]:
    """The Markdown of one table."""
    lines = [
        "| quantity | truth | bias | RMSE | mean SE | coverage of 95 % |",
        "|---|---|---|---|---|---|",
    ]
    for name, row in summary(frame).iterrows():
        lines.append(
            f"| {name} | {number(row['truth'])} | {number(row['bias'])} ± "
            f"{number(row['bias_error'])} | {number(row['rmse'])} | {number(row['mean_se'])} | "
            f"{100 * row['coverage']:.1f} ± {100 * row['coverage_error']:.1f} % |"
        )
    return lines


def section() -> str:
    """The Markdown of all families."""
    lines = [BEGIN, "", INTRODUCTION]
    for key, family in FAMILIES.items():
        frame = kept(key)
        each = frame.drop_duplicates("survey")
        lines += [
            f"### {family.title}",
            "",
            f"{len(each)} surveys, on average {each['n_animals'].mean():.1f} animals and "
            f"{each['n_detections'].mean():.1f} detections; {100 * each['good'].mean():.1f} % of "
            "the fits ended at a proper maximum.",
            "",
            *table(frame),
        ]
        lines += ["", *([REMARKS[key], ""] if key in REMARKS else [])]
    return "\n".join([*lines, END])


def section_of_page() -> str:
    """The section as it stands in the page; empty when it is not there."""
    text = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    if BEGIN not in text:
        return ""
    return text[text.index(BEGIN) : text.index(END) + len(END)]


def write_section() -> None:
    """Put the section into the page, in place of the one before."""
    made, text = section(), PAGE.read_text(encoding="utf-8")
    before = section_of_page()
    text = text.replace(before, made) if before else f"{text.rstrip()}\n\n{made}\n"
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sn.set_threads(1)
    for name in sys.argv[1:]:
        frame = kept(name)
        print(frame.drop_duplicates("survey")[["good", "n_animals", "n_detections"]].mean())
        print(summary(frame).round(3).to_string())
    if not sys.argv[1:]:
        write_section()
