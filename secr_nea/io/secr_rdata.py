"""Objects of R secr (capthist, traps, mask, fitted secr) from .RData and .rds files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import shapely

from secr_nea import _checks
from secr_nea._crs import as_crs
from secr_nea._typing import CRSLike, PathLike
from secr_nea.effort import DETECTORS
from secr_nea.errors import DataError
from secr_nea.io.field_tables import SESSION, FieldTables
from secr_nea.io.r_objects import RValue, read_r_file, table_of
from secr_nea.io.untrusted import refusing
from secr_nea.mask import HabitatMask

KINDS = ("capthist", "traps", "mask", "secr")
R_DETECTORS = {"polygon": "area_search", "transect": "transect"}
HECTARES = 100.0
"""Hectares in a km2."""


def secr_rdata_contents(path: PathLike) -> pd.DataFrame:
    """What an R file holds: one row for each object.

    Parameters
    ----------
    path : .RData, .rda or .rds file

    Returns
    -------
    DataFrame
        Columns name, kind (capthist, traps, mask, secr or other), sessions.
    """
    objects = read_r_file(path)
    return pd.DataFrame(
        [(name, _kind(value), len(_sessions(value))) for name, value in objects.items()],
        columns=["name", "kind", "sessions"],
    )


def read_secr_rdata(
    path: PathLike,
    *,
    captures: str | None = None,
    traps: str | None = None,
    mask: str | None = None,
    crs: CRSLike | None = None,
) -> FieldTables:
    """Read capture histories, traps and masks of R secr; nothing in the file is executed.

    Parameters
    ----------
    path : .RData, .rda or .rds file
        Objects of class capthist, traps, mask, or secr (a fit, which holds its capthist and mask).
    captures, traps, mask : str, optional
        Names of the objects to use; needed where there are several of a kind.
    crs : anything pyproj understands, optional
        R's objects do not tell it.

    Returns
    -------
    FieldTables
        With ``masks`` where the file has one. A capthist brings its own traps.

    Raises
    ------
    DataError, CRSError
        A damaged file, no such object, detectors or losses that have no counterpart.
    """
    objects = read_r_file(path)
    place = Path(path).name
    with refusing(place, "objects of R secr"):
        return _tables(objects, captures, traps, mask, crs, place)


def _tables(
    objects: Mapping[str, Any],
    captures: str | None,
    traps: str | None,
    mask: str | None,
    crs: CRSLike | None,
    place: str,
) -> FieldTables:
    fits = [name for name, value in objects.items() if _kind(value) == "secr"]
    if fits and captures is None and not _of_kind(objects, "capthist"):
        parts = _one(objects, "secr", None, place).value
        objects = {k: parts[k] for k in ("capthist", "mask") if isinstance(parts.get(k), RValue)}
    histories = _one(objects, "capthist", captures, place)
    detectors = _one(objects, "traps", traps, place) if histories is None else None
    if histories is None and detectors is None:
        told = _checks.listed(f"{name} ({_kind(value)})" for name, value in objects.items())
        raise DataError(f"{place} holds neither capthist nor traps: {told or 'nothing'}.")
    source = histories if histories is not None else detectors
    parts = {
        name: _history(value, name or "the capthist")
        if histories is not None
        else _only_traps(value)
        for name, value in _sessions(source).items()
    }
    words = {word for *_, word in parts.values()}
    if len(words) > 1:
        raise DataError(f"{place}: sessions have different detectors: {_checks.listed(words)}.")
    frames = []
    for i in range(3):
        frames.append(
            pd.concat(
                [
                    part[i] if name == "" else part[i].assign(**{SESSION: name})
                    for name, part in parts.items()
                ],
                ignore_index=True,
            )
        )
    habitat = _one(objects, "mask", mask, place)
    described = [n for n in frames[2].columns if n not in NOT_DESCRIBED]
    return FieldTables(
        traps=frames[0],
        operation=frames[1],
        detections=frames[2],
        crs=as_crs(crs),
        source=place,
        detector=words.pop(),
        animal_covariates=tuple(described),
        varying=_varying(next(iter(_sessions(source).values()))),
        masks={} if habitat is None else _masks(habitat, list(parts), crs, place),
    )


def _varying(value: RValue) -> dict[str, tuple[str, ...]]:
    """Columns of covariates that change with the occasion, of a capthist or traps."""
    traps = value.attributes.get("traps", value)
    attributes = traps.attributes if isinstance(traps, RValue) else {}
    found = attributes.get("timevaryingcov")
    if isinstance(found, RValue):
        found = found.value
    if not isinstance(found, Mapping):
        return {}
    return {str(n): tuple(str(c) for c in np.atleast_1d(columns)) for n, columns in found.items()}


NOT_DESCRIBED = (SESSION, "animal_id", "trap_id", "occasion", "count", "x", "y")


def _kind(value: Any) -> str:
    if not isinstance(value, RValue):
        return "other"
    return next((kind for kind in KINDS if kind in value.classes), "other")


def _of_kind(objects: Mapping[str, Any], kind: str) -> list[str]:
    return [name for name, value in objects.items() if _kind(value) == kind]


def _one(objects: Mapping[str, Any], kind: str, name: str | None, place: str) -> Any:
    """The object of a kind; None when there is none and none was asked for."""
    names = _of_kind(objects, kind)
    if name is not None:
        if name not in names:
            raise DataError(
                f"{place} has no {kind} {name!r}{_checks.did_you_mean(name, names)}; it has "
                f"{_checks.listed(map(repr, names)) or 'none'}."
            )
        return objects[name]
    if len(names) > 1:
        word = "captures" if kind == "capthist" else kind
        raise DataError(
            f"{place} has several objects of kind {kind}: {_checks.listed(map(repr, names))}. Say "
            f"which: {word}={names[0]!r}."
        )
    return objects[names[0]] if names else None


def _sessions(value: Any) -> dict[str, Any]:
    """Parts of a list of sessions by name; a single session is called ""."""
    if isinstance(value, RValue) and "list" in value.classes:
        parts = value.value
        named = parts if isinstance(parts, Mapping) else dict(enumerate(parts, start=1))
        return {str(name): part for name, part in named.items()}
    return {"": value}


Parts = tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, str]


def _history(value: RValue, name: str) -> Parts:
    """Traps, effort and detections of one capthist."""
    array = getattr(value.value, "values", value.value)
    counts = np.ma.filled(np.ma.asarray(array, dtype=np.float64), np.nan)
    detectors = value.attributes.get("traps")
    if counts.ndim != 3 or not isinstance(detectors, RValue):
        raise DataError(
            f"{name} is no capthist of secr 3.0 or later (an array of animal, occasion, trap, with "
            "traps). In R: updateCH(object), then save it again."
        )
    if not np.isfinite(counts).all() or (counts != np.floor(counts)).any():
        raise DataError(f"{name} has counts that are missing or no whole numbers.")
    if (counts < 0).any():
        raise DataError(f"{name} has animals lost on capture (negative counts): no model for it.")
    places, effort, _, word = _only_traps(detectors, counts.shape[1])
    ids = _labels(value, 0, counts.shape[0])
    if len(places) != counts.shape[2]:
        raise DataError(f"{name} has {counts.shape[2]} detectors, but {len(places)} traps.")
    names = places["trap_id"].to_numpy(dtype=object)
    # the order of R's positions of detections: trap, occasion, animal
    trap, occasion, animal = np.nonzero(counts.transpose(2, 1, 0))
    number = counts[animal, occasion, trap].astype(np.int64)
    seen = pd.DataFrame(
        {
            "animal_id": np.array(ids, dtype=object)[animal],
            "occasion": occasion + 1,
            "trap_id": names[trap],
            "count": number,
        }
    )
    if "geometry" in places.columns:
        seen = _with_positions(seen, value, places, name)
    return places, effort, _described(seen, value, ids), word


def _labels(value: RValue, axis: int, n: int) -> list[str]:
    coordinates = getattr(value.value, "coords", None)
    if coordinates is not None:
        dimension = value.value.dims[axis]
        if dimension in coordinates:
            return [str(label) for label in coordinates[dimension].to_numpy()]
    names = value.attributes.get("dimnames")
    labels = None if names is None else list(names)[axis]
    if labels is None:
        return [str(i + 1) for i in range(n)]
    return [str(label) for label in np.atleast_1d(labels)]


def _with_positions(
    seen: pd.DataFrame, value: RValue, places: pd.DataFrame, name: str
) -> pd.DataFrame:
    """One row for each detection of a search, with its position."""
    xy = table_of(value.attributes.get("detectedXY"), f"detectedXY of {name}")
    rows = seen.loc[seen.index.repeat(seen["count"])].reset_index(drop=True).assign(count=1)
    if len(xy) != len(rows) or not {"x", "y"} <= set(xy.columns):
        raise DataError(f"{name} has {len(rows)} detections, but {len(xy)} positions (detectedXY).")
    rows["x"], rows["y"] = xy["x"].to_numpy(), xy["y"].to_numpy()
    shapes = places.set_index("trap_id")["geometry"]
    points = shapely.points(rows["x"].to_numpy(float), rows["y"].to_numpy(float))
    away = shapely.distance(np.array([shapes[trap] for trap in rows["trap_id"]]), points)
    if len(away) and away.max() > 1.0:
        raise DataError(
            f"{name}: a position is {away.max():,.0f} m from its search; the order of positions is "
            "not R secr's."
        )
    return rows


def _described(seen: pd.DataFrame, value: RValue, ids: Sequence[str]) -> pd.DataFrame:
    """Detections with the covariates of their animals."""
    table = table_of(value.attributes.get("covariates"), "covariates")
    if not len(table.columns) or len(table) != len(ids):
        return seen
    table.index = pd.Index(list(ids))
    for column in table.columns:
        if column not in NOT_DESCRIBED:
            seen[column] = table[column].reindex(seen["animal_id"]).to_numpy()
    return seen


def _only_traps(value: Any, n_occasions: int | None = None) -> Parts:
    """Traps and effort of one traps object, without detections."""
    frame = table_of(value, "traps")
    attributes = value.attributes
    if not {"x", "y"} <= set(frame.columns):
        raise DataError("A traps object has no columns x and y.")
    word = _detector(attributes)
    covariates = table_of(attributes.get("covariates"), "covariates of the traps")
    if word in R_DETECTORS.values():
        places = _shapes(frame, attributes, word)
    else:
        places = pd.DataFrame(
            {"trap_id": list(frame.index), "x": frame["x"].to_numpy(), "y": frame["y"].to_numpy()}
        )
    if len(covariates.columns) and len(covariates) == len(places):
        for column in covariates.columns:
            places[column] = covariates[column].to_numpy()
    usage = attributes.get("usage")
    n = n_occasions or 1
    values = np.ones((len(places), n))
    if usage is not None:
        values = np.asarray(getattr(usage, "values", usage), dtype=np.float64)
        if values.ndim != 2 or len(values) != len(places):
            raise DataError(f"usage has {values.shape[0]} rows for {len(places)} traps.")
    effort = pd.DataFrame(
        {
            "trap_id": np.repeat(places["trap_id"].to_numpy(dtype=object), values.shape[1]),
            "occasion": np.tile(np.arange(1, values.shape[1] + 1), len(places)),
            "effort": values.ravel(),
        }
    )
    nobody = {name: pd.Series(dtype=object) for name in ("animal_id", "trap_id", "occasion")}
    return places, effort, pd.DataFrame(nobody), word


def _detector(attributes: Mapping[str, Any]) -> str:
    words = list(dict.fromkeys(str(word) for word in np.atleast_1d(attributes.get("detector", ()))))
    if len(words) != 1 or words[0] not in DETECTORS:
        raise DataError(
            f"Detector {_checks.listed(words) or 'unknown'} of the R file has no counterpart; "
            f"known are {_checks.listed(DETECTORS)}."
        )
    return DETECTORS[words[0]]


def _shapes(frame: pd.DataFrame, attributes: Mapping[str, Any], word: str) -> pd.DataFrame:
    owner = attributes.get("polyID" if word == "area_search" else "transectID")
    if isinstance(owner, RValue):
        owner = owner.value
    named = np.array([str(name) for name in (owner if owner is not None else [])], dtype=object)
    if len(named) != len(frame):
        raise DataError("A traps object of polygons or transects does not say whose vertices are.")
    xy = frame[["x", "y"]].to_numpy(dtype=np.float64)
    levels = (
        list(owner.categories) if isinstance(owner, pd.Categorical) else list(dict.fromkeys(named))
    )
    make = shapely.Polygon if word == "area_search" else shapely.LineString
    shapes = [make(xy[named == str(name)]) for name in levels]
    return pd.DataFrame(
        {
            "trap_id": [str(name) for name in levels],
            "x": [shape.centroid.x for shape in shapes],
            "y": [shape.centroid.y for shape in shapes],
            "geometry": shapes,
        }
    )


def _masks(
    value: RValue, sessions: Sequence[str], crs: CRSLike | None, place: str
) -> dict[str, HabitatMask]:
    made = {name: _mask(part, crs) for name, part in _sessions(value).items()}
    if list(made) == [""]:
        return dict.fromkeys(sessions, made[""])
    if list(sessions) == [""] and len(made) == 1:
        return {"": next(iter(made.values()))}
    if all(name.isdigit() for name in made) and len(made) == len(sessions):
        # R leaves the list without names; secr.fit then matches by position
        return dict(zip(sessions, made.values(), strict=True))
    absent = [name for name in sessions if name not in made]
    if absent:
        raise DataError(f"{place} has no mask for session {_checks.listed(map(repr, absent))}.")
    return {name: made[name] for name in sessions}


def _mask(value: RValue, crs: CRSLike | None) -> HabitatMask:
    frame = table_of(value, "mask")
    covariates = table_of(value.attributes.get("covariates"), "covariates of the mask")
    area = value.attributes.get("area")
    cell = None if area is None else float(np.atleast_1d(area)[0]) / HECTARES
    spacing = value.attributes.get("spacing")
    side = None if spacing is None else float(np.atleast_1d(spacing)[0])
    if not {"x", "y"} <= set(frame.columns):
        raise DataError("A mask object has no columns x and y.")
    return HabitatMask(
        frame[["x", "y"]].to_numpy(dtype=np.float64),
        cell_area=cell,
        spacing=side,
        covariates=covariates.reset_index(drop=True) if len(covariates.columns) else None,
        crs=crs,
    )
