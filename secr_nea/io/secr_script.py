"""The R script that reads the exported text files and repeats a fit with R secr."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from secr_nea import _checks
from secr_nea._version import __version__
from secr_nea.estimate import Estimate
from secr_nea.io import secr_words as words
from secr_nea.model import Model
from secr_nea.survey import Survey

HEAD = """\
# Written by secr_nea {version}. Run it in this folder, with R and the package secr:
#   Rscript secr.R
# Units are R's: metres, hectares, animals per hectare (x 10000 = animals per 100 km2).
library(secr)
options(digits = 17)   # R's readers of text files round to this many digits

# Words become factors whose levels are the same in all sessions.
as_factors <- function(object, levels) {{
    table <- covariates(object)
    for (name in intersect(names(levels), names(table))) {{
        values <- table[[name]]
        known <- levels[[name]]
        if (is.logical(values))   # R takes a column of F and T for FALSE and TRUE
            values <- c(intersect(known, c("F", "FALSE", "False"))[1],
                        intersect(known, c("T", "TRUE", "True"))[1])[values + 1]
        table[[name]] <- factor(as.character(values), levels = known)
    }}
    if (length(intersect(names(levels), names(table))) > 0) covariates(object) <- table
    object
}}
"""


def script(surveys: Sequence[Survey], sessions: Mapping[str, str], fit: Estimate | None) -> str:
    """Text of the script.

    Parameters
    ----------
    surveys : sequence of Survey
    sessions : mapping of survey name to its name in the files
    fit : Estimate or None

    Returns
    -------
    str

    Raises
    ------
    ModelError
        A model that R secr does not have.
    """
    parts = [HEAD.format(version=__version__), _data(surveys, sessions)]
    if fit is not None:
        parts.append(_fit(fit))
    else:
        parts.append("print(summary(capthist, terse = TRUE))\n")
    return "\n".join(parts)


def _columns(survey: Survey) -> list[str]:
    """Names of trap covariates in the order of the text file."""
    traps = survey.traps
    varying = [f"{n}.{s + 1}" for n in traps.varying_covariates for s in range(traps.n_occasions)]
    return [re.sub(r"\s+", "_", name) for name in (*map(str, traps.covariates.columns), *varying)]


def _levels(tables: Sequence[Any]) -> str:
    """R list of the levels of each factor, in alphabetical order, over all surveys."""
    found: dict[str, set[str]] = {}
    for table in tables:
        for name in table:  # a DataFrame or a mapping
            values = np.asarray(table[name]).ravel()
            if _checks.is_categorical(values):
                simple = words.simple_names(_checks.levels(values), "level").values()
                found.setdefault(str(name), set()).update(simple)
    return words.named_list(
        {_backticked(name): words.vector(sorted(levels)) for name, levels in found.items()}
    )


def _backticked(name: str) -> str:
    simple = re.sub(r"\s+", "_", name).replace("`", "_")
    return simple if re.fullmatch(r"[A-Za-z][\w.]*", simple) else f"`{simple}`"


def _varying_levels(surveys: Sequence[Survey]) -> list[dict[str, Any]]:
    """Columns of varying covariates, all with the levels of the whole covariate."""
    tables = []
    for survey in surveys:
        for name, values in survey.traps.varying_covariates.items():
            tables.append({f"{name}.{s + 1}": values for s in range(survey.n_occasions)})
    return tables


def _data(surveys: Sequence[Survey], sessions: Mapping[str, str]) -> str:
    from secr_nea.io.secr_write import covariate_names

    animal = covariate_names(surveys)
    located = any(survey.traps.is_search.any() for survey in surveys)
    where = ["x", "y"] if located else ["trap"]
    classes = [
        "character",
        "character",
        "integer",
        *(["numeric"] * 2 if located else ["character"]),
    ]
    names = ["session", "animal", "occasion", *where, *map(_plain, animal)]
    classes += [_r_type([s.captures.covariates for s in surveys], name) for name in animal]
    types = ", ".join(map(words.quoted, classes))
    trap_tables = [*(s.traps.covariates for s in surveys), *_varying_levels(surveys)]
    lines = [
        f"trap_levels <- {_levels(trap_tables)}",
        f"mask_levels <- {_levels([s.mask.covariates for s in surveys])}",
        f"animal_levels <- {_levels([s.captures.covariates for s in surveys])}",
        f'captures <- read.table("captures.txt", col.names = {words.vector(names)},',
        f"    colClasses = c({types}))",
        "sessions <- list()",
        "masks <- list()",
    ]
    for survey in surveys:
        lines += _session(survey, sessions[survey.name], animal, located)
    if len(surveys) == 1:
        lines += ["capthist <- sessions[[1]]", "mask <- masks[[1]]"]
    else:
        lines += [
            'class(sessions) <- c("capthist", "list")',
            "capthist <- sessions",
            'class(masks) <- c("mask", "list")',
            "mask <- masks",
        ]
    return "\n".join(lines) + "\n"


def _r_type(tables: Sequence[Any], name: str) -> str:
    """Class of a column in R: "01" must stay text."""
    values = [np.asarray(table[name]) for table in tables if name in table]
    return "character" if any(_checks.is_categorical(v) for v in values) else "numeric"


def _plain(name: str) -> str:
    return re.sub(r"\s+", "_", name)


def _session(survey: Survey, name: str, animal: Sequence[str], located: bool) -> list[str]:
    """Lines that make traps, capthist and mask of one session."""
    traps = survey.traps
    detector = words.DETECTORS[traps.detector_type]
    columns = _columns(survey)
    named = f", covnames = {words.vector(columns)}" if columns else ""
    own = words.quoted(name)
    covariates = f", covnames = {words.vector(map(_plain, animal))}" if animal else ""
    fmt = "XY" if located else "trapID"
    lines = [
        "",
        f"# session {name}",
        f'traps <- read.traps("traps_{name}.txt", detector = "{detector}", '
        f"binary.usage = FALSE{named})",
        "traps <- as_factors(traps, trap_levels)",
    ]
    if traps.varying_covariates:
        table = {
            _backticked(n): words.vector(f"{_plain(n)}.{s + 1}" for s in range(traps.n_occasions))
            for n in traps.varying_covariates
        }
        lines.append(f"timevaryingcov(traps) <- {words.named_list(table)}")
    area = survey.mask.cell_area * words.HECTARES
    mask_columns = [str(n) for n in survey.mask.covariates.columns]
    types = ["numeric"] * 2 + [_r_type([survey.mask.covariates], n) for n in mask_columns]
    return [
        *lines,
        f"ch <- make.capthist(captures[captures$session == {own}, ], traps, "
        f'fmt = "{fmt}", noccasions = {traps.n_occasions}{covariates}, bysession = FALSE)',
        f"sessions[[{own}]] <- as_factors(ch, animal_levels)",
        f'm <- read.mask("mask_{name}.txt", spacing = {survey.mask.spacing!r}, header = TRUE,',
        f"    colClasses = {words.vector(types)})",
        f'attr(m, "area") <- {area!r}   # hectares of one cell',
        f"masks[[{own}]] <- as_factors(m, mask_levels)",
    ]


def _covariate_frames(model: Model) -> dict[str, str]:
    """Arguments timecov and sessioncov, as R expressions."""
    found = {}
    surveys = model.surveys
    common = [n for n in surveys[0].covariates if all(n in s.covariates for s in surveys)]
    if common:
        found["sessioncov"] = _frame({n: [s.covariates[n] for s in surveys] for n in common})
    if len(surveys[0].occasion_covariates.columns):
        frames = [
            _frame({str(n): list(s.occasion_covariates[n]) for n in s.occasion_covariates})
            for s in surveys
        ]
        found["timecov"] = frames[0] if len(frames) == 1 else f"list({', '.join(frames)})"
    return found


def _frame(columns: Mapping[str, Sequence[Any]]) -> str:
    made = {}
    for name, values in columns.items():
        if _checks.is_categorical(np.asarray(values)):
            made[_backticked(name)] = words.vector(str(value) for value in values)
        else:
            made[_backticked(name)] = words.numbers(values)
    inside = ", ".join(f"{name} = {values}" for name, values in made.items())
    return f"data.frame({inside}, stringsAsFactors = TRUE)"


def arguments(model: Model) -> dict[str, str]:
    """Arguments of ``secr.fit`` as R expressions.

    Raises
    ------
    ModelError
        A model that R secr does not have.
    """
    words.refuse_foreign(model)
    formulas = {name: text for name, text in words.r_models(model).items()}
    details = {"fastproximity": "FALSE"}
    if model.population == "binomial":
        details["distribution"] = '"binomial"'
    found = {
        "detectfn": words.quoted(model.detection.code),
        "model": words.named_list(formulas),
        "link": words.named_list({n: words.quoted(link) for n, link in model.links.items()}),
        "CL": "TRUE" if model.population == "conditional" else "FALSE",
        "binomN": "1" if "binomial" in model.surveys[0].traps.detector else "0",
        "details": words.named_list(details),
        **_covariate_frames(model),
    }
    fixed = words.r_fixed(model)
    if fixed:
        found["fixed"] = words.named_list({name: repr(value) for name, value in fixed.items()})
    individuals = model.individuals
    if individuals.n_levels > 1 and individuals.variable != "latent_class":
        key = "groups" if individuals.grouped else "hcov"
        found[key] = words.quoted(individuals.variable)
    return found


def _fit(fit: Estimate) -> str:
    model = fit.model
    found = arguments(model)
    expected = fit.log_likelihood + words.log_likelihood_shift(model)
    beta = words.r_coefficients(model, fit.coefficients)
    lines = ["", "# The model, as secr_nea fitted it."]
    lines.append(f"arguments <- {_indented(found)}")
    lines += [f"expected <- {expected!r}   # log-likelihood of secr_nea, with R's constant"]
    same_order = words.has_same_order(model) and len(beta) > 0
    if same_order:
        lines += [
            f"beta <- {words.numbers(beta)}   # {', '.join(model.coefficient_names)}",
            "",
            "# R's log-likelihood at the coefficients of secr_nea (no fitting)",
            "only <- arguments",
            "only$details$LLonly <- TRUE",
            "at <- do.call(secr.fit, c(list(capthist = capthist, mask = mask, start = beta,",
            "    trace = FALSE), only))",
            "options(digits = 10)",
            'cat("log-likelihood at the coefficients of secr_nea: R", as.numeric(at)[1],',
            '    " secr_nea", expected, "\\n")',
        ]
    start = ", start = beta" if same_order else ""
    lines += [
        "",
        "# R's own fit",
        "fit <- do.call(secr.fit, c(list(capthist = capthist, mask = mask, trace = FALSE"
        f"{start}), arguments))",
        "print(fit)",
        'cat("log-likelihood: R", as.numeric(logLik(fit)), " secr_nea", expected, "\\n")',
        "print(predict(fit))",
    ]
    return "\n".join(lines) + "\n"


def _indented(items: Mapping[str, str]) -> str:
    inside = ",\n".join(f"    {name} = {value}" for name, value in items.items())
    return f"list(\n{inside})"
