"""Borders, protected areas and survey polygons from KML, KMZ, shapefiles, GeoPackage, GeoJSON."""

from __future__ import annotations

import json
import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from secr_nea import _checks
from secr_nea._crs import as_crs
from secr_nea._typing import CRSLike, PathLike
from secr_nea.errors import CRSError, DataError
from secr_nea.io.kml import kml_features
from secr_nea.io.untrusted import MAX_WHOLE, checked_members, existing_file, refusing, zip_file_of

if TYPE_CHECKING:
    import geopandas

MAGIC = {
    ".gpkg": b"SQLite format 3\x00",
    ".shp": b"\x00\x00\x27\x0a",
    ".fgb": b"fgb",
}
"""First bytes of the formats that GDAL reads: a file that lies about its format is not opened,
because some formats make GDAL read other files or the network."""
SHAPE_PARTS = (".shp", ".shx", ".dbf", ".prj", ".cpg")


def read_boundary(
    path: PathLike, *, layer: str | None = None, crs: CRSLike | None = None
) -> geopandas.GeoDataFrame:
    """Read polygons, lines or points of a map layer.

    Parameters
    ----------
    path : .kml, .kmz, .shp, .zip (of a shapefile), .gpkg, .geojson, .json or .fgb file
    layer : str, optional
        Layer of a GeoPackage, folder of a KML; needed where a GeoPackage has several.
    crs : anything pyproj understands, optional
        Of a file that does not tell it.

    Returns
    -------
    geopandas.GeoDataFrame
        Two-dimensional, valid shapes with their attributes and CRS (KML and GeoJSON: WGS 84); for
        ``HabitatMask.around(habitat=...)``, ``fit.abundance(region=...)`` and maps.

    Raises
    ------
    DataError, CRSError
        No such file or layer, damaged or empty files, no CRS.
    """
    file = existing_file(path, "boundary", MAX_WHOLE)
    ending = file.suffix.lower()
    with refusing(file.name, "a map layer"):
        if ending in (".kml", ".kmz"):
            frame = _kml(file, layer)
        elif ending in (".geojson", ".json"):
            frame = _geojson(file)
        elif ending == ".zip":
            frame = _zipped(file)
        elif ending in MAGIC:
            frame = _layer(file, layer)
        else:
            raise DataError(
                f"{file.name}: boundaries are read from .kml, .kmz, .shp, .zip, .gpkg, .geojson "
                "and .fgb files."
            )
        return _checked(frame, crs, file.name)


def _checked(frame: Any, crs: CRSLike | None, place: str) -> Any:
    import shapely

    frame = frame[frame.geometry.notna() & ~frame.geometry.is_empty]
    if not len(frame):
        raise DataError(f"{place} has no shape in it.")
    if frame.crs is None:
        if crs is None:
            raise CRSError(
                f"{place} does not tell its coordinate reference system. Give it: crs='EPSG:4326' "
                "for degrees."
            )
        frame = frame.set_crs(as_crs(crs))
    shapes = shapely.make_valid(shapely.force_2d(frame.geometry.to_numpy()))
    return frame.set_geometry(shapes, crs=frame.crs).reset_index(drop=True)


def _kml(file: Path, layer: str | None) -> Any:
    import geopandas

    content = file.read_bytes()
    if file.suffix.lower() == ".kmz":
        with zip_file_of(content, file.name) as archive:
            names = [n for n in checked_members(archive, file) if n.lower().endswith(".kml")]
            if not names:
                raise DataError(f"{file.name} holds no KML file.")
            content = archive.read("doc.kml" if "doc.kml" in names else names[0])
    table = kml_features(content, file.name, layer)
    return geopandas.GeoDataFrame(table, geometry="geometry", crs="EPSG:4326")


def _geojson(file: Path) -> Any:
    import geopandas
    import shapely

    try:
        content = json.loads(file.read_bytes().decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{file.name} is no GeoJSON: {error}.") from None
    features = content.get("features") if isinstance(content, dict) else None
    if features is None and isinstance(content, dict):
        features = [content if content.get("type") == "Feature" else {"geometry": content}]
    if not isinstance(features, list) or not all(isinstance(f, dict) for f in features):
        raise DataError(f"{file.name} is no GeoJSON: it has no list of features.")
    shapes = [
        shapely.from_geojson(json.dumps(f["geometry"])) if f.get("geometry") else None
        for f in features
    ]
    rows = [f.get("properties") if isinstance(f.get("properties"), dict) else {} for f in features]
    for row in rows:
        row.pop("geometry", None)
    named = (
        (content.get("crs") or {}).get("properties", {}).get("name")
        if isinstance(content.get("crs"), dict)
        else None
    )
    system = as_crs(named) if named else as_crs("EPSG:4326")
    if named and "CRS84" in str(named):
        system = as_crs("EPSG:4326")
    return geopandas.GeoDataFrame(rows, geometry=shapes, crs=system)


def _layer(file: Path, layer: str | None) -> Any:
    import geopandas
    import pyogrio

    with file.open("rb") as stream:
        if not stream.read(16).startswith(MAGIC[file.suffix.lower()]):
            raise DataError(f"{file.name} is no {file.suffix.lower()[1:]} file.")
    where = str(file.resolve())
    names = [str(name) for name, kind in pyogrio.list_layers(where) if kind is not None]
    if layer is None and len(names) > 1:
        raise DataError(
            f"{file.name} has the layers {_checks.listed(map(repr, names))}. Say which: "
            f"layer={names[0]!r}."
        )
    if layer is not None and layer not in names:
        raise DataError(
            f"{file.name} has no layer {layer!r}{_checks.did_you_mean(layer, names)}; it has "
            f"{_checks.listed(map(repr, names))}."
        )
    frame = geopandas.read_file(where, layer=layer or (names[0] if names else None))
    if not hasattr(frame, "geometry"):
        raise DataError(f"{file.name}: layer {layer or names[0]!r} has no shapes.")
    return frame


def _zipped(file: Path) -> Any:
    """A zipped shapefile: its parts are copied out one by one, nothing else is."""
    with zipfile.ZipFile(file) as archive:
        names = checked_members(archive, file)
        shapes = [name for name in names if name.lower().endswith(".shp")]
        if len(shapes) != 1:
            raise DataError(f"{file.name} must hold one .shp file; it holds {len(shapes)}.")
        stem = shapes[0][: -len(".shp")]
        with tempfile.TemporaryDirectory() as folder:
            for name in names:
                ending = Path(name).suffix.lower()
                if name[: -len(ending) or None] == stem and ending in SHAPE_PARTS:
                    with (
                        archive.open(name) as part,
                        (Path(folder) / f"layer{ending}").open("wb") as out,
                    ):
                        shutil.copyfileobj(part, out)
            return _layer(Path(folder) / "layer.shp", None)
