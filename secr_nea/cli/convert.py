"""The command ``convert``: files of one format into another."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import Group, Parameter

from secr_nea.cli.messages import date_orders, plain_warnings
from secr_nea.errors import DataError

READING = Group.create_ordered("Reading")
WRITING = Group.create_ordered("Writing")


def _option(name: str, group: Group) -> Any:
    return Parameter(name=f"--{name}", group=group, negative=())


def convert(
    *files: str,
    source_format: Annotated[str | None, _option("from", READING)] = None,
    species: Annotated[str | None, _option("species", READING)] = None,
    timezone: Annotated[str | None, _option("timezone", READING)] = None,
    crs: Annotated[str | None, _option("crs", READING)] = None,
    dates: Annotated[str | None, _option("dates", READING)] = None,
    edge_days: Annotated[str | None, _option("edge-days", READING)] = None,
    detector: Annotated[str | None, _option("detector", READING)] = None,
    encoding: Annotated[str | None, _option("encoding", READING)] = None,
    target_format: Annotated[str | None, _option("to", WRITING)] = None,
    occasion_days: Annotated[int | None, _option("occasion-days", WRITING)] = None,
    buffer: Annotated[float | None, _option("buffer", WRITING)] = None,
    quiet: Annotated[bool, _option("quiet", WRITING)] = False,
) -> int:
    """Convert files of a survey: SOURCE [SOURCE ...] OUT.

    Readable: camtrap-dp (folder or zip), wildlife-insights (folder or zip), camtrapr (stations,
    records, operation matrix), sheets (traps, detections, operation; CSV or Excel), secr-text
    (traps, captures), secr-rdata (.RData, .rds), spacecap (captures, deployment, centres), nextgis
    (visits). Writable: csv (a folder of traps.csv, operation.csv, detections.csv), excel (.xlsx),
    camtrap-dp (folder or .zip), geopackage (.gpkg), secr (a folder with text files and a script).

    Parameters
    ----------
    files
        The source, or the sources in the order above; last the file or folder to write.
    source_format
        Format of the sources; recognised when it is left out.
    species
        Scientific name of the species.
    timezone
        Zone in which days begin, such as Asia/Hovd or +07:00.
    crs
        Projection such as EPSG:32646; degrees get a local one when it is left out.
    dates
        Order of day and month in text: dmy or mdy; of field sheets also one for each table, such
        as traps=dmy,detections=mdy.
    edge_days
        What set-up and retrieval days without time count: half, whole or none.
    detector
        Detector word of formats that do not tell it.
    encoding
        Of field sheets as CSV that are not UTF-8, such as cp1251.
    target_format
        Format to write; from the ending of OUT when it is left out.
    occasion_days
        For secr: length of occasions in days.
    buffer
        For secr: width of the mask around the traps, metres.
    quiet
        Print nothing but warnings and errors.
    """
    from secr_nea.io.convert import read_any, write_any

    if len(files) < 2:
        raise DataError("convert needs a source and an output: convert SOURCE [SOURCE ...] OUT.")
    *sources, out = files
    with plain_warnings():
        tables, name = read_any(
            sources,
            source_format,
            species=species,
            timezone=timezone,
            crs=crs,
            dates=dates if dates is None else date_orders(dates),
            edge_days=edge_days,
            detector=detector,
            encoding=encoding,
        )
        options = {"occasion_days": occasion_days} if occasion_days is not None else {}
        if not quiet:
            print(f"{name}: {tables}")
        written = write_any(
            tables,
            out,
            target_format,
            species=species,
            timezone=_written_zone(timezone, tables.timezone),
            survey_options={**options, "mask": buffer},
        )
    if not quiet:
        print(f"Written: {out} ({written})")
    return 0


def _written_zone(asked: str | None, read: str) -> str | None:
    """Zone of the times that are written: the one asked for, or the one that was read."""
    if asked is not None:
        return asked
    return read.removeprefix("UTC") or None if read.startswith("UTC") else None
