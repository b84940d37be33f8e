"""Text files of R secr and DENSITY: traps with usage and covariates, captures, searched areas.

Efford, Dawson and Robbins (2004), DENSITY: software for analysing capture-recapture data from
passive detector arrays, Animal Biodiversity and Conservation 27, 217-228; help pages ``read.traps``
and ``read.capthist`` of R secr.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import shapely

from secr_nea import _checks
from secr_nea._columns import ROW, typed_covariate
from secr_nea._crs import as_crs
from secr_nea._typing import CRSLike, PathLike
from secr_nea.effort import DETECTORS
from secr_nea.errors import DataError
from secr_nea.io.field_tables import SESSION, FieldTables
from secr_nea.io.untrusted import MAX_WHOLE, existing_file

TOKEN = re.compile(r'"[^"]*"|[^\s,;"]+')
NO_ANIMAL = "NONE"
"""Animal id that says: this session was surveyed, nothing was caught."""
SHAPES = {"polygon": "area_search", "area_search": "area_search", "transect": "transect"}
Traps: TypeAlias = PathLike | Mapping[str, PathLike]


@dataclass(frozen=True)
class Line:
    """A line of a text file: its number in the file (1 = first line) and its words."""

    number: int
    words: tuple[str, ...]


def read_secr_text(
    traps: Traps,
    captures: PathLike | None = None,
    *,
    detector: str = "count",
    fmt: str = "trapID",
    trap_covariates: Sequence[str] | None = None,
    animal_covariates: Sequence[str] | None = None,
    varying: Mapping[str, Sequence[str]] | None = None,
    n_occasions: int | None = None,
    binary_usage: bool = False,
    crs: CRSLike | None = None,
) -> FieldTables:
    """Read the text files of R secr and DENSITY.

    Parameters
    ----------
    traps : file, or mapping of session to file
        Lines ``id x y [usage ...] [/ covariates ...]``, separated by blanks, tabs or commas; with
        polygons and transects one line for each vertex. A mapping is matched to the captures by
        name; one file serves all sessions.
    captures : file, optional
        Lines ``session animal occasion trap [covariates ...]``, or with ``fmt="XY"``
        ``session animal occasion x y [covariates ...]``.
    detector : str
        R's word or ours: count, proximity, multi, polygon, transect ...
    fmt : {"trapID", "XY"}
    trap_covariates : sequence of str, optional
        Names of the columns after the slash; from the comment line above the data, or cov1, cov2
        ..., when None.
    animal_covariates : sequence of str, optional
        Names of the last columns of the captures; from the comment line above the data, or cov1,
        cov2 ..., when None.
    varying : mapping of name to covariates, one for each occasion, optional
        R's ``timevaryingcov``.
    n_occasions : int, optional
        Where no usage tells it; the last occasion of the captures when None.
    binary_usage : bool
        Whether usage is written as digits, one for each occasion, without blanks: ``11011``.
    crs : anything pyproj understands, optional
        R's files do not tell it.

    Returns
    -------
    FieldTables

    Raises
    ------
    DataError, CRSError
        Anything that cannot be right, with file and line. Animals lost on capture (negative
        occasions in R) are refused: there is no model for them here.
    """
    if detector not in DETECTORS:
        raise DataError(
            f"Detector {detector!r} is not known{_checks.did_you_mean(detector, DETECTORS)}. "
            f"Known: {_checks.listed(DETECTORS)}."
        )
    if fmt not in ("trapID", "XY"):
        raise DataError(f"fmt must be 'trapID' or 'XY'; got {fmt!r}.")
    files = dict(traps) if isinstance(traps, Mapping) else {"": traps}
    made = {
        name: _traps_of(file, detector, trap_covariates, binary_usage)
        for name, file in files.items()
    }
    if not made:
        raise DataError("traps= names no file.")
    described: list[str] = []
    if captures is None:
        seen, sessions = _no_detections(), list(made)
    else:
        seen, sessions, described = _captures_of(captures, fmt, animal_covariates)
    if list(made) == [""]:
        made = dict.fromkeys(sessions, made[""])
    _match(made, sessions)
    if list(made) == [""] or len(made) == 1:
        seen = seen.drop(columns=SESSION, errors="ignore")
        made = {"": next(iter(made.values()))}
    else:
        made = {
            name: (pair[0].assign(session=name), pair[1].assign(session=name))
            for name, pair in made.items()
        }
    places, effort = (pd.concat([pair[i] for pair in made.values()]) for i in (0, 1))
    absent = [c for columns in (varying or {}).values() for c in columns if c not in places]
    if absent:
        raise DataError(f"varying= names covariates that are not there: {_checks.listed(absent)}.")
    if not len(effort) and n_occasions is None:
        n_occasions = int(seen["occasion"].max()) if len(seen) else 1
    return FieldTables(
        traps=places,
        operation=effort,
        detections=seen,
        crs=as_crs(crs),
        source=_checks.listed(str(file) for file in files.values()),
        detector=DETECTORS[detector],
        animal_covariates=tuple(described),
        varying=dict(varying or {}),
        n_occasions=n_occasions if not len(effort) else None,
    )


def _no_detections() -> pd.DataFrame:
    return pd.DataFrame(
        {name: pd.Series(dtype=object) for name in ("animal_id", "trap_id", "occasion")}
    )


def _match(made: Mapping[str, Any], sessions: Sequence[str]) -> None:
    unknown = [name for name in sessions if name not in made]
    if unknown:
        raise DataError(
            f"The captures name sessions without traps: {_checks.listed(map(repr, unknown))}; "
            f"there are traps of {_checks.listed(map(repr, made))}. Sessions are matched by name."
        )


def lines_of(path: PathLike, what: str) -> tuple[list[Line], list[str]]:
    """Lines of a text file that are not comments, and the words of the last comment above them."""
    file = existing_file(path, what, MAX_WHOLE)
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(f"{file.name} ({what}) is not UTF-8 text.") from None
    if "\x00" in text:
        raise DataError(f"{file.name} ({what}) is no text: it holds NUL characters.")
    lines: list[Line] = []
    header: list[str] = []
    for number, line in enumerate(text.split("\n"), start=1):
        content, _, comment = line.partition("#")
        words = tuple(word.strip('"') for word in TOKEN.findall(content))
        if words:
            lines.append(Line(number, words))
        elif comment.strip() and not lines:
            header = [word.strip('"') for word in TOKEN.findall(comment)]
    if not lines:
        raise DataError(f"{file.name} ({what}) has no line of data.")
    return lines, header


def number_at(line: Line, k: int, place: str) -> float:
    """Word ``k`` of a line as a finite number, else DataError."""
    try:
        value = float(line.words[k])
    except (ValueError, IndexError):
        value = float("nan")
    if not np.isfinite(value):
        got = line.words[k] if k < len(line.words) else "nothing"
        raise DataError(f"{place}, line {line.number}: a number is needed, not {got!r}.")
    return value


def _traps_of(
    path: PathLike, detector: str, names: Sequence[str] | None, binary: bool
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Traps and effort of one file."""
    place = str(path)
    lines, header = lines_of(path, "traps")
    short = [line.number for line in lines if len(line.words) < 3]
    if short:
        raise DataError(f"{place}: id, x and y are needed in line {_checks.listed(short)}.")
    rows = [_split(line, place) for line in lines]
    xy = np.array([[number_at(line, 1, place), number_at(line, 2, place)] for line in lines])
    ids = [line.words[0] for line in lines]
    covariates = _named_covariates(rows, names, header, place)
    if DETECTORS[detector] in SHAPES.values():
        return _searches(ids, xy, rows, covariates, DETECTORS[detector], binary, place)
    _checks.names(ids, "trap id", [line.number for line in lines])
    places = pd.DataFrame({"trap_id": ids, "x": xy[:, 0], "y": xy[:, 1]})
    places = pd.concat([places, covariates], axis=1)
    return places, _effort(ids, rows, binary, place)


Parts: TypeAlias = tuple[Line, tuple[str, ...], tuple[str, ...]]


def _split(line: Line, place: str) -> Parts:
    """A line with its words of usage and of covariates, which a slash tells apart."""
    rest = " ".join(f'"{word}"' if " " in word else word for word in line.words[3:])
    if rest.count("/") > 1:
        raise DataError(f"{place}, line {line.number}: more than one slash.")
    before, _, after = rest.partition("/")
    words = [tuple(w.strip('"') for w in TOKEN.findall(part)) for part in (before, after)]
    return line, words[0], words[1]


def _named_covariates(
    rows: Sequence[Parts], names: Sequence[str] | None, header: Sequence[str], place: str
) -> pd.DataFrame:
    n = len(rows[0][2])
    uneven = [line.number for line, _, words in rows if len(words) != n]
    if uneven:
        raise DataError(
            f"{place}: {n} covariates in line {rows[0][0].number}, but another number in line "
            f"{_checks.listed(uneven)}."
        )
    if names is None and "/" in header and len(header) - header.index("/") - 1 == n:
        names = header[header.index("/") + 1 :]
    found = [f"cov{i + 1}" for i in range(n)] if names is None else list(names)
    if len(found) != n:
        raise DataError(f"{place}: {n} covariates, but {len(found)} names of them.")
    table = pd.DataFrame([words for _, _, words in rows], columns=found, dtype=object)
    numbers = [line.number for line, _, _ in rows]
    return pd.DataFrame(
        {name: typed_covariate(table[name], numbers) for name in found}, index=table.index
    )


def _effort(ids: Sequence[str], rows: Sequence[Parts], binary: bool, place: str) -> pd.DataFrame:
    """Long effort table; without rows where no usage is written."""
    values = []
    for line, words, _ in rows:
        if binary:
            digits = "".join(words)
            if digits.strip("01"):
                raise DataError(
                    f"{place}, line {line.number}: binary usage is digits 0 and 1; got {digits!r}."
                )
            values.append([float(digit) for digit in digits])
        else:
            values.append(
                [number_at(Line(line.number, words), k, place) for k in range(len(words))]
            )
    n = len(values[0])
    uneven = [row[0].number for row, own in zip(rows, values, strict=True) if len(own) != n]
    if uneven:
        raise DataError(
            f"{place}: usage of {n} occasions in line {rows[0][0].number}, but not in line "
            f"{_checks.listed(uneven)}."
        )
    return pd.DataFrame(
        {
            "trap_id": np.repeat(np.array(ids, dtype=object), n),
            "occasion": np.tile(np.arange(1, n + 1), len(ids)),
            "effort": np.array(values, dtype=np.float64).ravel(),
        }
    )


def _searches(
    ids: Sequence[str],
    xy: np.ndarray,
    rows: Sequence[Parts],
    covariates: pd.DataFrame,
    word: str,
    binary: bool,
    place: str,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """One row for each polygon or transect, whose vertices follow each other."""
    named = np.array(ids, dtype=object)
    shapes, first = {}, []
    for name in dict.fromkeys(ids):
        own = np.flatnonzero(named == name)
        needed = 3 if word == "area_search" else 2
        if len(own) < needed:
            raise DataError(f"{place}: {name!r} has {len(own)} vertices; {needed} are needed.")
        shape = shapely.Polygon if word == "area_search" else shapely.LineString
        shapes[name] = shape(xy[own])
        first.append(int(own[0]))
    middle = [geometry.centroid for geometry in shapes.values()]
    places = pd.DataFrame(
        {
            "trap_id": list(shapes),
            "x": [point.x for point in middle],
            "y": [point.y for point in middle],
            "geometry": list(shapes.values()),
        }
    )
    effort = _effort(list(shapes), [rows[k] for k in first], binary, place)
    kept = covariates.iloc[first].reset_index(drop=True)
    return pd.concat([places, kept], axis=1), effort


def _captures_of(
    path: PathLike, fmt: str, names: Sequence[str] | None
) -> tuple[pd.DataFrame, list[str], list[str]]:
    """Detections, all sessions in order of appearance, and the names of covariates."""
    lines, header = lines_of(path, "captures")
    place = str(path)
    where = ["trap_id"] if fmt == "trapID" else ["x", "y"]
    least = 3 + len(where)
    covariates = list(names or ())
    if names is None and (more := len(lines[0].words) - least) > 0:
        told = header[least:] if len(header) == least + more else []
        simple = len(set(told)) == more and all(word.isidentifier() for word in told)
        covariates = told if simple else [f"cov{i + 1}" for i in range(more)]
    n = least + len(covariates)
    sessions = list(dict.fromkeys(line.words[0] for line in lines))
    lines = [line for line in lines if len(line.words) < 2 or line.words[1] != NO_ANIMAL]
    bad = [line.number for line in lines if len(line.words) != n]
    if bad:
        raise DataError(
            f"{place}: {n} words are needed (session, animal, occasion, {', '.join(where)}"
            f"{''.join(f', {name}' for name in covariates)}), not so in line "
            f"{_checks.listed(bad)}. Are there blanks in an id, or columns that "
            "animal_covariates= does not name?"
        )
    occasion = [number_at(line, 2, place) for line in lines]
    lost = [line.number for line, s in zip(lines, occasion, strict=True) if s < 0]
    if lost:
        raise DataError(
            f"{place}: animals lost on capture (negative occasion) in line {_checks.listed(lost)}. "
            "There is no model for losses; write the occasion without its sign to keep the "
            "detection, and leave such animals out of later occasions knowingly."
        )
    made: dict[str, Any] = {
        SESSION: [line.words[0] for line in lines],
        "animal_id": [line.words[1] for line in lines],
        "occasion": occasion,
    }
    if fmt == "trapID":
        made["trap_id"] = [line.words[3] for line in lines]
    else:
        made["x"] = [number_at(line, 3, place) for line in lines]
        made["y"] = [number_at(line, 4, place) for line in lines]
    start = 3 + len(where)
    numbers = [line.number for line in lines]
    for k, name in enumerate(covariates):
        cells = pd.Series([line.words[start + k] for line in lines], dtype=object, name=name)
        made[name] = typed_covariate(cells, numbers).to_numpy()
    frame = pd.DataFrame(made, index=pd.Index(numbers, name=ROW))
    return frame, sessions, covariates
