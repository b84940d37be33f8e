"""Reference surveys (tests/data/oracle) and R secr 5.5.0's answers, in our words and units.

Frames and arrays only. R's units (D per hectare, a0 in hectares, esa in hectares) are converted on
the way in: animals per 100 km2, km2. Coefficients keep R's order; `names` says what each one is.
"""

from __future__ import annotations

import json
import math
import re
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

FOLDER = Path(__file__).parent / "data" / "oracle"
HECTARES_PER_KM2 = 100.0
HECTARES_PER_DENSITY_AREA = 10_000.0  # densities are per 100 km2

INTERCEPT = "Intercept"
# R's variable: ours. The one place to change a word of the formulas.
LEARNED_RESPONSES = {
    "b": "detected_before",
    "B": "detected_last_occasion",
    "bk": "detected_before_here",
    "Bk": "detected_last_occasion_here",
}
WORDS = {"t": "occasion", "T": "occasion_trend", "Session": "session_trend", "g": "sex"}
WORDS |= LEARNED_RESPONSES
LATENT_CLASS, KNOWN_CLASS = "latent_class", "sex"  # h2 without and with hcov = "sex"
FACTORS = ("topo", "country", "session", "sex", "g", "h2")
DETECTORS = {
    "proximity": "binary",
    "count": "count",
    "multi": "multi",
    "capped": "capped",
    "polygon": "area_search",
    "transect": "transect",
}
DETECTION_FUNCTIONS = {
    "HN": "half_normal",
    "HR": "hazard_rate",
    "EX": "exponential",
    "WEX": "w_exponential",
    "ANN": "annular_normal",
    "CLN": "cumulative_lognormal",
    "CG": "cumulative_gamma",
    "HHN": "hazard_half_normal",
    "HHR": "hazard_hazard_rate",
    "HEX": "hazard_exponential",
    "HAN": "hazard_annular_normal",
    "HCG": "hazard_cumulative_gamma",
    "HVP": "hazard_variable_power",
}

# --- surveys -------------------------------------------------------------------------------------


def survey_names():
    """Names of the reference surveys."""
    return sorted(path.name for path in (FOLDER / "data").iterdir())


def case_names(pattern="*"):
    """Names of the cases that match a file pattern, e.g. "proximity_*"."""
    return sorted(path.stem for path in (FOLDER / "cases").glob(f"{pattern}.json"))


def _table(survey_name, table, session):
    """One CSV file, rows of one session; ids are text, unknown is None."""
    path = FOLDER / "data" / survey_name / f"{table}.csv"
    if not path.exists():
        return None
    ids = dict.fromkeys(("session", "animal_id", "trap_id", "search_id", "sex"), str)
    frame = pd.read_csv(path, dtype=ids)
    if "sex" in frame:
        frame["sex"] = frame["sex"].astype(object).where(frame["sex"].notna(), None)
    if "session" in frame:
        frame = frame[frame["session"] == session].drop(columns="session")
    return frame.reset_index(drop=True)


@cache
def survey(name):
    """A reference survey: dict of the keys below; do not change what it holds.

    name, detector (our word), sessions: {session name: session dict} in R's order. A session dict
    has traps (frame trap_id, x, y, covariates), effort (trap, occasion) array, captures (frame
    animal_id, occasion 1.., trap_id, count; searches: x, y), individuals (frame animal_id, sex or
    None), mask (frame x, y, covariates), spacing (m), n_occasions, varying {name: (trap, occasion)
    array} and, for searches, searches {search_id: vertices (vertex, 2)} with traps None.
    """
    about = json.loads((FOLDER / "data" / name / "survey.json").read_text())
    detector = "binomial" if name == "binomial_count" else DETECTORS[about["detector"]]
    names = np.atleast_1d(about["sessions"])
    occasions = np.broadcast_to(about["n_occasions"], len(names))
    spacings = np.broadcast_to(about["mask_spacing_m"], len(names))
    sessions = {
        str(session): _session(name, str(session), int(n), float(spacing), about)
        for session, n, spacing in zip(names, occasions, spacings, strict=True)
    }
    return {"name": name, "detector": detector, "sessions": sessions}


def _session(name, session, n_occasions, spacing, about):
    traps = _table(name, "traps", session)
    out = {
        "captures": _table(name, "captures", session).assign(count=1),
        "individuals": _table(name, "individuals", session),
        "mask": _table(name, "mask", session),
        "spacing": spacing,
        "n_occasions": n_occasions,
        "varying": {},
    }
    if "search_id" in traps:
        out["traps"] = None
        by_id = traps.groupby("search_id")
        out["searches"] = {key: rows[["x", "y"]].to_numpy() for key, rows in by_id}
        out["effort"] = np.ones((len(out["searches"]), n_occasions))
        return out
    for key, columns in about.get("time_varying_trap_covariate", {}).items():
        out["varying"][key] = traps[columns].to_numpy()
        traps = traps.drop(columns=columns)
    out["traps"] = traps
    out["effort"] = np.ones((len(traps), n_occasions))
    effort = _table(name, "effort", session)
    if effort is not None:
        wide = effort.pivot(index="trap_id", columns="occasion", values="effort")
        out["effort"] = wide.loc[traps["trap_id"]].to_numpy(dtype=float)
    return out


def dense_histories(session):
    """Counts (animal, occasion, trap), animals in the order of `individuals`, traps of `traps`."""
    animal = {key: i for i, key in enumerate(session["individuals"]["animal_id"])}
    trap = {key: k for k, key in enumerate(session["traps"]["trap_id"])}
    out = np.zeros((len(animal), session["n_occasions"], len(trap)), dtype=int)
    for row in session["captures"].itertuples():
        out[animal[row.animal_id], row.occasion - 1, trap[row.trap_id]] += row.count
    return out


def search_records(session):
    """(animal, occasion, search, x, y) of each detection, 0-based; the nearest search has it."""
    from shapely import LineString, Point, Polygon

    vertices = session["searches"].values()
    shapes = [Polygon(v) if (v[0] == v[-1]).all() else LineString(v) for v in vertices]
    animal = {key: i for i, key in enumerate(session["individuals"]["animal_id"])}
    out = []
    for row in session["captures"].itertuples():
        away = [shape.distance(Point(row.x, row.y)) for shape in shapes]
        out.append((animal[row.animal_id], row.occasion - 1, int(np.argmin(away)), row.x, row.y))
    return out


# --- R's names -> ours ---------------------------------------------------------------------------


def our_formula(formula, *, class_word):
    """R's formula in our words: t -> occasion, x^2 -> x**2, h2 -> the class's word."""
    words = WORDS | {"h2": class_word}
    return re.sub(r"[A-Za-z_]\w*", lambda m: words.get(m[0], m[0]), formula).replace("^", "**")


def our_column(term, *, class_word):
    """R's column name as formulaic spells it: toporidge -> topo[T.ridge]."""
    if ":" in term:
        return ":".join(our_column(part, class_word=class_word) for part in term.split(":"))
    words = WORDS | {"h2": class_word}
    occasion = re.fullmatch(r"t(\d+)", term)
    if occasion:
        return f"{words['t']}[T.{occasion[1]}]"
    if term.endswith("TRUE"):
        return words[term.removesuffix("TRUE")]
    if term.startswith("I("):
        return term.replace("^", " ** ")
    for factor in FACTORS:
        level = term.removeprefix(factor)
        if term.startswith(factor) and level:
            return f"{words.get(factor, factor)}[T.{level}]"
    return words.get(term, term)


def our_name(name, *, class_word):
    """R's coefficient name as ours: "D" -> "D:Intercept", "D.rug_std" -> "D:rug_std"."""
    parameter, _, term = name.partition(".")
    if parameter == "pmix" or not term:
        return f"{parameter}:{INTERCEPT}"
    return f"{parameter}:{our_column(term, class_word=class_word)}"


def _names_of_evaluation(model, latent):
    """R's coefficient names of a case without a fit (one term per formula at most)."""
    names = []
    for parameter, formula in model.items():
        term = formula.removeprefix("~").strip()
        suffix = {"b": "TRUE", "B": "TRUE", "bk": "TRUE", "Bk": "TRUE", "h2": "2"}.get(term, "")
        if not term.endswith("- 1"):
            names.append(parameter)
        if term != "1":
            names.append(f"{parameter}.{term.removesuffix('- 1').strip()}{suffix}")
    return [*names, "pmix"] if latent else names


# --- cases ---------------------------------------------------------------------------------------


@cache
def case(name):
    """R's answers for one model: dict of the keys below; do not change what it holds.

    name, survey, detection_function, detector, formulas {parameter: our formula}, names (of the
    coefficients), links {parameter: link}; coefficients, standard_errors, log_likelihood,
    n_parameters, AIC, AICc (None in cases without a fit); at: list of {coefficients,
    log_likelihood}; estimates (frame at, parameter, link, estimate, standard_error, lower, upper;
    None); conditional, population ("poisson", "binomial"), groups ("sex", None), latent_classes
    (1, 2), known_class ("sex", None), directions (8, 16 of an
    ecological distance, None), seconds_of_R, and
    `extras`, see `_extras`.
    """
    raw = json.loads((FOLDER / "cases" / f"{name}.json").read_text())
    arguments = raw["arguments"] or {}
    details = arguments.get("details") or {}
    latent = any("h2" in formula for formula in raw["model"].values())
    class_word = KNOWN_CLASS if "hcov" in arguments else LATENT_CLASS
    r_names = raw.get("beta_names") or _names_of_evaluation(raw["model"], latent)
    names = [our_name(one, class_word=class_word) for one in r_names]
    formulas = {p: our_formula(f, class_word=class_word) for p, f in raw["model"].items()}
    if latent:
        formulas["pmix"] = "~ 1"
    shift = np.array([_shift(one) for one in names])
    return {
        "name": name,
        "survey": raw["survey"],
        "detection_function": DETECTION_FUNCTIONS[raw["detectfn"]],
        "detector": survey(raw["survey"])["detector"],
        "formulas": formulas,
        "names": names,
        "links": raw.get("links") or _default_links(formulas),
        "coefficients": None if raw.get("mle") is None else np.array(raw["mle"]) + shift,
        "standard_errors": None if raw.get("se") is None else np.array(raw["se"], dtype=float),
        "log_likelihood": raw.get("loglik"),
        "n_parameters": raw.get("npar"),
        "AIC": raw.get("AIC"),
        "AICc": raw.get("AICc"),
        "at": [
            {"coefficients": np.array(a["beta"]) + shift, "log_likelihood": a["loglik"]}
            for a in raw["at"]
        ],
        "estimates": _estimates(raw.get("predict")),
        "conditional": bool(arguments.get("CL")),
        "population": details.get("distribution", "poisson"),
        "groups": arguments.get("groups"),
        "latent_classes": 2 if latent else 1,
        "known_class": arguments.get("hcov"),
        "directions": _directions(details.get("userdist")),
        "seconds_of_R": raw.get("R_seconds"),
        "extras": _extras(raw.get("extras") or {}, shift),
    }


def _shift(name):
    """What takes a coefficient from R's units to ours: only intercepts of D and a0 change."""
    return {
        f"D:{INTERCEPT}": math.log(HECTARES_PER_DENSITY_AREA),
        f"a0:{INTERCEPT}": -math.log(HECTARES_PER_KM2),
    }.get(name, 0.0)


def _factor(parameter):
    """What takes a real parameter from R's units to ours."""
    return {
        "D": HECTARES_PER_DENSITY_AREA,
        "a0": 1 / HECTARES_PER_KM2,
        "esa": 1 / HECTARES_PER_KM2,
    }.get(parameter, 1.0)


def _default_links(formulas):
    return {p: "logit" if p in ("g0", "pmix") else "log" for p in formulas}


def _directions(code):
    found = re.search(r"directions = (\d+)", " ".join(code or []))
    return int(found[1]) if found else None


def _estimates(predict):
    """Real parameters of R's predict, one row each; `at` is R's label of the row ("" when one)."""
    if not predict:
        return None
    tables = predict if isinstance(predict, dict) else {"": predict}
    rows = []
    for at, table in tables.items():
        for row in table:
            factor = _factor(row["parameter"])
            rows.append(
                {
                    "at": at,
                    "parameter": row["parameter"],
                    "link": row.get("link"),
                    "estimate": row["estimate"] * factor,
                    "standard_error": _times(row.get("SE.estimate"), factor),
                    "lower": _times(row.get("lcl"), factor),
                    "upper": _times(row.get("ucl"), factor),
                    **{key: row[key] for key in ("CVn", "CVa", "CVD") if key in row},
                }
            )
    return pd.DataFrame(rows)


def _times(value, factor):
    return math.nan if value is None else value * factor


def _extras(raw, shift):
    """Derived quantities in our units, those that a case has.

    abundance {session ("" when one): frame which ("expected", "realised"), estimate,
    standard_error, lower, upper, n}; points (point, 2), centres of cells; pdot (point,), which R
    computes with the first level of a trap factor at every trap; activity_center_probability
    {animal_id: (point,)}, the probability that the centre is in that cell of the mask, computed by
    R for counts with mean T (1 - exp(-h)) instead of its likelihood's T h; effective_area (km2, one
    number or one per animal; sum of p. over cells times the cell area, whatever D is); derived
    (frame as `estimates`); profile_limits (coefficient, 2) at 95 %.
    """
    out = {}
    if "region_N" in raw:
        tables = raw["region_N"] if isinstance(raw["region_N"], dict) else {"": raw["region_N"]}
        out["abundance"] = {key: _abundance(rows) for key, rows in tables.items()}
    if "points" in raw:
        out["points"] = np.array([[p["x"], p["y"]] for p in raw["points"]])
        out["pdot"] = np.array(raw["pdot_at_points"])
        found = raw["fxi_first_three_animals_at_points"]
        out["activity_center_probability"] = {key: np.array(v) for key, v in found.items()}
    if "esa_ha" in raw:
        out["effective_area"] = np.array(raw["esa_ha"]) / HECTARES_PER_KM2
    if "derived" in raw:
        out["derived"] = _estimates(raw["derived"])
    if "profile_ci_beta" in raw:
        out["profile_limits"] = np.array(raw["profile_ci_beta"]) + shift[:, None]
    return out


def _abundance(rows):
    frame = pd.DataFrame(rows).rename(
        columns={"SE.estimate": "standard_error", "lcl": "lower", "ucl": "upper"}
    )
    frame["which"] = frame["which"].map({"E.N": "expected", "R.N": "realised"})
    return frame
