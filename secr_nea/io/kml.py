"""Shapes of KML documents; entities and document types are refused, so nothing can be expanded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import shapely
from defusedxml.ElementTree import fromstring

from secr_nea import _checks
from secr_nea.errors import DataError

MAX_DEPTH = 100


def kml_features(content: bytes, place: str, folder: str | None = None) -> pd.DataFrame:
    """Placemarks of a KML document.

    Parameters
    ----------
    content : bytes
    place : str
        File name for messages.
    folder : str, optional
        Only the placemarks of the folder of this name.

    Returns
    -------
    DataFrame
        Columns name, folder, geometry (longitude, latitude; heights are dropped).

    Raises
    ------
    DataError
        Not KML, entities or a document type in it, coordinates that are none, no such folder.
    """
    try:
        root = fromstring(content, forbid_dtd=True, forbid_entities=True, forbid_external=True)
    except Exception as error:
        # defusedxml and expat have families of errors of their own
        raise DataError(f"{place} is no KML that can be read safely: {error!r}.") from None
    rows = list(_placemarks(root, "", 0, place))
    if folder is not None:
        folders = list(dict.fromkeys(row["folder"] for row in rows))
        if folder not in folders:
            raise DataError(
                f"{place} has no folder {folder!r}{_checks.did_you_mean(folder, folders)}; it has "
                f"{_checks.listed(map(repr, folders)) or 'none'}."
            )
        rows = [row for row in rows if row["folder"] == folder]
    if not rows:
        raise DataError(f"{place} has no placemark with a shape.")
    return pd.DataFrame(rows)


def _tag(element: Any) -> str:
    return str(element.tag).rpartition("}")[2]


def _text(element: Any, tag: str) -> str:
    return next((str(c.text or "").strip() for c in element if _tag(c) == tag), "")


def _placemarks(element: Any, folder: str, depth: int, place: str) -> Iterator[dict[str, Any]]:
    if depth > MAX_DEPTH:
        raise DataError(f"{place}: folders within folders, more than {MAX_DEPTH} deep.")
    if _tag(element) == "Placemark":
        shapes = [shape for child in element for shape in _shapes(child, 0, place)]
        if shapes:
            shape = shapes[0] if len(shapes) == 1 else shapely.union_all(shapes)
            yield {"name": _text(element, "name"), "folder": folder, "geometry": shape}
        return
    inside = _text(element, "name") or folder if _tag(element) == "Folder" else folder
    for child in element:
        yield from _placemarks(child, inside, depth + 1, place)


def _shapes(element: Any, depth: int, place: str) -> Iterator[Any]:
    """Shapely geometries of a geometry element."""
    if depth > MAX_DEPTH:
        raise DataError(f"{place}: shapes within shapes, more than {MAX_DEPTH} deep.")
    kind = _tag(element)
    if kind == "MultiGeometry":
        for child in element:
            yield from _shapes(child, depth + 1, place)
    elif kind == "Point":
        yield shapely.Point(_coordinates(element, place, 1)[0])
    elif kind in ("LineString", "LinearRing"):
        yield shapely.LineString(_coordinates(element, place, 2))
    elif kind == "Polygon":
        outer = [_coordinates(e, place, 3) for e in element if _tag(e) == "outerBoundaryIs"]
        inner = [_coordinates(e, place, 3) for e in element if _tag(e) == "innerBoundaryIs"]
        if len(outer) != 1:
            raise DataError(f"{place}: a polygon has {len(outer)} outer boundaries.")
        yield shapely.make_valid(shapely.Polygon(outer[0], inner))


def _coordinates(element: Any, place: str, least: int) -> np.ndarray:
    """Longitudes and latitudes of the coordinates below an element, shape (n, 2)."""
    text = next((str(e.text or "") for e in element.iter() if _tag(e) == "coordinates"), "")
    try:
        points = [[float(number) for number in word.split(",")[:2]] for word in text.split()]
        xy = np.array(points, dtype=np.float64)
    except ValueError:
        raise DataError(f"{place}: coordinates that are no numbers: {text[:60]!r}.") from None
    if xy.ndim != 2 or xy.shape[1] != 2 or len(xy) < least:
        raise DataError(f"{place}: a shape has {len(points)} points; {least} are needed.")
    if not np.isfinite(xy).all() or (np.abs(xy) > [180.0, 90.0]).any():
        raise DataError(f"{place}: coordinates beyond longitude 180 or latitude 90: {text[:60]!r}.")
    return xy
