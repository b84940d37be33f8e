"""Surveys and fits as text files for R secr, with a script that repeats the fit."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import shapely

from secr_nea import _checks
from secr_nea._typing import PathLike
from secr_nea.errors import DataError
from secr_nea.estimate import Estimate
from secr_nea.io.secr_script import script
from secr_nea.io.secr_words import DETECTORS, simple_names
from secr_nea.io.table_files import made_folder
from secr_nea.survey import Survey, as_surveys
from secr_nea.traps import TrapArray


def write_secr(folder: PathLike, what: Survey | Sequence[Survey] | Estimate) -> Path:
    """Write surveys, or a fit, for a colleague who uses R secr.

    Parameters
    ----------
    folder : path
        Made when it does not exist; files of the same names are replaced.
    what : Survey, sequence of Survey, or fit
        With a fit the script also repeats it and compares the log-likelihoods.

    Returns
    -------
    Path
        The script ``secr.R``. Beside it: ``traps_<session>.txt`` (with usage and covariates),
        ``captures.txt``, ``mask_<session>.txt``. Blanks and signs in ids and in words become
        ``_``, because R's text files are separated by blanks.

    Raises
    ------
    DataError
        Ids that would become equal, cameras and searches in one survey, a folder that cannot be
        written.
    ModelError
        A model that R secr does not have.
    """
    fit = what if isinstance(what, Estimate) else None
    surveys = as_surveys(fit.model.surveys if fit is not None else what)  # type: ignore[arg-type]
    sessions = simple_names([survey.name for survey in surveys], "survey name")
    for survey in surveys:
        _refuse_mixed(survey)
    text = script(surveys, sessions, fit)
    home = made_folder(folder)
    try:
        for survey in surveys:
            name = sessions[survey.name]
            _write(home / f"traps_{name}.txt", _traps_lines(survey.traps))
            _write(home / f"mask_{name}.txt", _mask_lines(survey))
        _write(home / "captures.txt", _captures_lines(surveys, sessions))
        _write(home / "secr.R", [text])
    except OSError as error:
        raise DataError(
            f"The folder {str(folder)!r} cannot be written: {error.strerror or error}."
        ) from error
    return home / "secr.R"


def _refuse_mixed(survey: Survey) -> None:
    if survey.traps.detector_type not in DETECTORS:
        raise DataError(
            f"Survey {survey.name!r} has {_checks.listed(dict.fromkeys(survey.traps.detector))} "
            "detectors together; R secr has one kind for each occasion. Write them as surveys of "
            "their own."
        )


def _write(path: Path, lines: Sequence[str]) -> None:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")


def cells(values: Any) -> list[str]:
    """Covariate as words of a text file: numbers with all digits, words without blanks, NA."""
    column = pd.Series(np.asarray(values, dtype=object))
    known = [str(value) for value in column.dropna().unique()]
    words = simple_names(known, "level") if _checks.is_categorical(np.asarray(values)) else {}
    return [
        "NA" if _checks.is_missing(value) else words[str(value)] if words else repr(float(value))
        for value in column
    ]


def trap_table(traps: TrapArray) -> dict[str, list[str]]:
    """Covariates of traps in the order of the text file, varying ones as name.1, name.2 ..."""
    table = {str(name): cells(traps.covariates[name]) for name in traps.covariates.columns}
    for name, values in traps.varying_covariates.items():
        table.update({f"{name}.{s + 1}": cells(values[:, s]) for s in range(traps.n_occasions)})
    return table


def _traps_lines(traps: TrapArray) -> list[str]:
    ids = simple_names(traps.ids, "trap id")
    table = trap_table(traps)
    columns = list(table.values())
    usage = [f"usage{s + 1}" for s in range(traps.n_occasions)]
    header = ["#", "id", "x", "y", *usage]
    header += ["/", *(re.sub(r"\s+", "_", name) for name in table)] if table else []
    lines = [" ".join(header)]
    for k, name in enumerate(traps.ids):
        words = [repr(float(value)) for value in traps.effort[k]]
        words += ["/", *(column[k] for column in columns)] if columns else []
        for x, y in _vertices(traps, k):
            lines.append(" ".join([ids[name], repr(float(x)), repr(float(y)), *words]))
    return lines


def _vertices(traps: TrapArray, k: int) -> np.ndarray:
    """Position of a trap, or the vertices of a search."""
    shape = traps.searches[k]
    if shape is None:
        return traps.xy[k : k + 1]
    if shape.geom_type.startswith("Multi") and len(shape.geoms) == 1:
        shape = shape.geoms[0]  # as GeoPackages hold every line and polygon
    if shape.geom_type not in ("Polygon", "LineString") or len(getattr(shape, "interiors", [])):
        raise DataError(
            f"Search {traps.ids[k]!r} has holes or several parts, which R's text files cannot "
            "hold. Divide it into simple polygons or lines."
        )
    ring = shape.exterior if shape.geom_type == "Polygon" else shape
    return np.asarray(shapely.get_coordinates(ring))


def _mask_lines(survey: Survey) -> list[str]:
    mask = survey.mask
    table = {str(name): cells(mask.covariates[name]) for name in mask.covariates.columns}
    lines = [" ".join(["x", "y", *(re.sub(r"\s+", "_", name) for name in table)])]
    for m in range(mask.n_points):
        x, y = mask.xy[m]
        lines.append(" ".join([repr(float(x)), repr(float(y)), *(c[m] for c in table.values())]))
    return lines


def _captures_lines(surveys: Sequence[Survey], sessions: dict[str, str]) -> list[str]:
    """One line for each detection; a session without any has the animal NONE."""
    named = covariate_names(surveys)
    at_positions = any(survey.traps.is_search.any() for survey in surveys)
    where = ["x", "y"] if at_positions else ["trap"]
    lines = [" ".join(["#", "session", "animal", "occasion", *where, *named])]
    for survey in surveys:
        captures = survey.captures
        ids = simple_names(captures.animal_ids, "animal id")
        traps = simple_names(survey.traps.ids, "trap id")
        known = {
            name: cells(captures.covariates[name])
            if name in captures.covariates
            else ["NA"] * captures.n_animals
            for name in named
        }
        index = {name: i for i, name in enumerate(captures.animal_ids)}
        for row in captures.to_dataframe().to_dict("records"):
            i = index[str(row["animal_id"])]
            place = (
                [repr(float(row["x"])), repr(float(row["y"]))]
                if at_positions
                else [traps[str(row["trap_id"])]]
            )
            words = [sessions[survey.name], ids[str(row["animal_id"])], str(row["occasion"])]
            line = " ".join([*words, *place, *(known[name][i] for name in named)])
            lines += [line] * int(row["count"])
        if not captures.n_animals:
            nowhere = ["0", "0"] if at_positions else [traps[survey.traps.ids[0]]]
            words = [sessions[survey.name], "NONE", "1", *nowhere, *["NA"] * len(named)]
            lines.append(" ".join(words))
    return lines


def covariate_names(surveys: Sequence[Survey]) -> list[str]:
    """Covariates of animals, of all surveys."""
    return list(dict.fromkeys(str(n) for s in surveys for n in s.captures.covariates.columns))
