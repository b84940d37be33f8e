"""From any readable format to any writable one, by name: what the command ``convert`` does."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from secr_nea import _checks
from secr_nea._typing import PathLike
from secr_nea.errors import DataError
from secr_nea.io.camtrap_dp import DESCRIPTION, read_camtrap_dp
from secr_nea.io.camtrap_dp_write import write_camtrap_dp
from secr_nea.io.camtrapr import read_camtrapr
from secr_nea.io.field_sheets import read_field_tables
from secr_nea.io.field_tables import FieldTables
from secr_nea.io.geo_files import write_geopackage
from secr_nea.io.nextgis import read_nextgis
from secr_nea.io.secr_rdata import read_secr_rdata
from secr_nea.io.secr_text import read_secr_text
from secr_nea.io.secr_write import write_secr
from secr_nea.io.spacecap import read_spacecap
from secr_nea.io.table_files import write_tables
from secr_nea.io.untrusted import refusing
from secr_nea.io.wildlife_insights import read_wildlife_insights

READERS: dict[str, Callable[..., FieldTables]] = {
    "camtrap-dp": read_camtrap_dp,
    "wildlife-insights": read_wildlife_insights,
    "camtrapr": read_camtrapr,
    "sheets": read_field_tables,
    "secr-text": read_secr_text,
    "secr-rdata": read_secr_rdata,
    "spacecap": read_spacecap,
    "nextgis": read_nextgis,
}
"""Readers by the names that the command line uses."""
N_SOURCES = {
    "camtrap-dp": (1, 1),
    "wildlife-insights": (1, 1),
    "camtrapr": (2, 3),
    "sheets": (1, 3),
    "secr-text": (1, 2),
    "secr-rdata": (1, 1),
    "spacecap": (2, 3),
    "nextgis": (1, 2),
}
WRITERS = ("csv", "excel", "camtrap-dp", "geopackage", "secr")
ENDINGS = {".xlsx": "excel", ".zip": "camtrap-dp", ".gpkg": "geopackage", "": "csv"}
OPTIONS = {
    "species": ("camtrap-dp", "wildlife-insights", "camtrapr", "sheets"),
    "timezone": ("camtrap-dp",),
    "crs": tuple(READERS),
    "dates": ("wildlife-insights", "camtrapr", "sheets", "nextgis"),
    "edge_days": ("wildlife-insights", "camtrapr", "sheets", "nextgis"),
    "detector": ("secr-text", "spacecap"),
    "encoding": ("sheets",),
}
"""Options of reading, and the formats that have them."""


ALSO_WRITING = ("species", "timezone")
"""Options that a writer may need though the reader does not."""


def read_any(
    sources: Sequence[PathLike], form: str | None = None, **options: Any
) -> tuple[FieldTables, str]:
    """Read files of a named or recognised format.

    Parameters
    ----------
    sources : sequence of paths
        In the order of the reader's arguments.
    form : str, optional
        Name of the format; recognised from the files when None.
    **options
        Of reading; those that are None are left out.

    Returns
    -------
    FieldTables
    str
        The format.

    Raises
    ------
    DataError
        An unknown format, options that it does not have, and whatever its reader refuses.
    """
    if not sources:
        raise DataError("Name the files to read.")
    name = recognised(sources) if form is None else form
    if name not in READERS:
        raise DataError(
            f"There is no format {name!r}{_checks.did_you_mean(name, READERS)}; known are "
            f"{_checks.listed(READERS)}."
        )
    least, most = N_SOURCES[name]
    if not least <= len(sources) <= most:
        raise DataError(
            f"{name} takes {least if least == most else f'{least} to {most}'} source"
            f"{'' if most == 1 else 's'}; got {len(sources)}."
        )
    given = {key: value for key, value in options.items() if value is not None}
    given = {k: v for k, v in given.items() if k not in ALSO_WRITING or name in OPTIONS[k]}
    foreign = [key for key in given if name not in OPTIONS[key]]
    if foreign:
        raise DataError(
            f"{name} does not use {_checks.listed('--' + k.replace('_', '-') for k in foreign)}."
        )
    return READERS[name](*sources, **given), name


def recognised(sources: Sequence[PathLike]) -> str:
    """Format of files, from their names and first words.

    Raises
    ------
    DataError
        When it is not clear.
    """
    with refusing(repr(str(sources[0])), "a source"):
        first = Path(sources[0])
        if not first.exists():
            raise DataError(
                f"There is no file {str(sources[0])!r} (looked from {str(Path.cwd())!r})."
            )
        ending = first.suffix.lower()
        names = _names_in(first)
    if ending in (".rdata", ".rda", ".rds"):
        return "secr-rdata"
    if DESCRIPTION in names:
        return "camtrap-dp"
    if "deployments.csv" in names and any(name.startswith("images") for name in names):
        return "wildlife-insights"
    if ending in (".gpkg", ".geojson"):
        return "nextgis"
    if ending == ".txt":
        return "secr-text"
    if ending == ".xlsx":
        return "sheets"
    header = _header(first) if ending == ".csv" else ""
    if "loc_id" in header:
        return "spacecap"
    if "setup_date" in header:
        return "camtrapr"
    if ending == ".csv" and len(sources) > 1:
        return "sheets"
    raise DataError(
        f"The format of {first.name!r} is not recognised. Say it: --from, one of "
        f"{_checks.listed(READERS, 20)}."
    )


def _names_in(path: Path) -> set[str]:
    """Names of the files in a folder or archive, without folders."""
    if path.is_dir():
        return {file.name for file in path.iterdir()}
    if path.name == DESCRIPTION:
        return {DESCRIPTION}
    if path.suffix.lower() == ".zip" and zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            return {name.rpartition("/")[2] for name in archive.namelist()}
    return set()


def _header(path: Path) -> str:
    with path.open("rb") as stream:
        return stream.readline(100_000).decode("utf-8", errors="replace").casefold()


def plain_tables(tables: FieldTables) -> dict[str, pd.DataFrame]:
    """The three tables as they are written: without shapes and without row numbers of the source.

    Coordinates and times have all their digits.
    """
    made = {}
    for name in ("traps", "operation", "detections"):
        table = getattr(tables, name).drop(
            columns=["row", "date_only", "geometry"], errors="ignore"
        )
        made[name] = table
    return made


def write_any(
    tables: FieldTables,
    out: PathLike,
    form: str | None = None,
    *,
    species: str | None = None,
    timezone: str | None = None,
    survey_options: Mapping[str, Any] | None = None,
) -> str:
    """Write field tables in a named format, or in the one that the ending of ``out`` means.

    Parameters
    ----------
    tables : FieldTables
    out : path
    form : str, optional
        csv (a folder), excel (.xlsx), camtrap-dp (folder or .zip), geopackage (.gpkg), secr (a
        folder with text files and a script).
    species, timezone : str, optional
        For Camtrap DP.
    survey_options : mapping, optional
        For secr: mask, occasion_days ..., as for ``FieldTables.to_survey``.

    Returns
    -------
    str
        The format.

    Raises
    ------
    DataError
    """
    name = ENDINGS.get(Path(out).suffix.lower()) if form is None else form
    if name not in WRITERS:
        raise DataError(
            f"{'The ending of ' + repr(str(out)) if form is None else repr(form)} is no format "
            f"that is written. Say --to, one of {_checks.listed(WRITERS)}."
        )
    if name in ("csv", "excel"):
        if name == "excel" and Path(out).suffix.lower() != ".xlsx":
            raise DataError(f"An Excel workbook ends in .xlsx; got {str(out)!r}.")
        write_tables(plain_tables(tables), out)
    elif name == "geopackage":
        write_geopackage(out, tables)
    elif name == "camtrap-dp":
        if species is None:
            raise DataError("Camtrap DP needs the species: --species 'Panthera uncia'.")
        if timezone is None:
            raise DataError(
                "Camtrap DP needs the zone of the times: --timezone +07:00, or Asia/Hovd."
            )
        write_camtrap_dp(out, tables, species=species, timezone=timezone)
    else:
        write_secr(out, tables.to_surveys(**dict(survey_options or {})))
    return name
