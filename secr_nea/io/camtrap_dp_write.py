"""Field tables as a Camtrap DP 1.0 package: deployments and event-level observations."""

from __future__ import annotations

import csv
import datetime as dt
import json
import zipfile
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from secr_nea import _checks
from secr_nea._typing import PathLike
from secr_nea._version import __version__
from secr_nea.errors import DataError
from secr_nea.io.camtrap_dp import DESCRIPTION
from secr_nea.io.field_tables import FieldTables
from secr_nea.io.projections import to_degrees
from secr_nea.io.table_files import made_folder
from secr_nea.quality.dates import zone_of
from secr_nea.survey import Survey

STANDARD = "https://raw.githubusercontent.com/tdwg/camtrap-dp/1.0.2"
SEXES = {"f": "female", "female": "female", "m": "male", "male": "male"}
FIXED_TIME = (1980, 1, 1, 0, 0, 0)
"""Time of the files in an archive, so that equal contents give equal archives."""
DEPLOYMENT_FIELDS = (
    "deploymentID",
    "locationID",
    "latitude",
    "longitude",
    "deploymentStart",
    "deploymentEnd",
)
OBSERVATION_FIELDS = (
    "observationID",
    "deploymentID",
    "mediaID",
    "eventID",
    "eventStart",
    "eventEnd",
    "observationLevel",
    "observationType",
    "scientificName",
    "count",
    "sex",
    "individualID",
)
MEDIA_FIELDS = ("mediaID", "deploymentID", "timestamp", "filePath", "filePublic", "fileMediatype")


def write_camtrap_dp(
    path: PathLike,
    tables: FieldTables,
    *,
    species: str,
    timezone: str = "UTC",
    title: str = "Detections of individually known animals",
) -> Path:
    """Write dated field tables as a Camtrap DP 1.0 package.

    Parameters
    ----------
    path : folder, or .zip file
    tables : FieldTables
        With dates; of a survey without dates they are made by `dated_tables`.
    species : str
        Scientific name.
    timezone : str
        Zone of the times in ``tables``, such as "Asia/Hovd" or "+07:00".
    title : str

    Returns
    -------
    Path

    Raises
    ------
    DataError
        No dates, several sessions, no CRS, effort that is not 1 a day, a place that cannot be
        written.

    Notes
    -----
    True coordinates are written. For the public, release coarser places in another way.
    """
    tables = tables.only_session()
    if not tables.is_dated or ("time" not in tables.detections and len(tables.detections)):
        raise DataError(
            "Camtrap DP needs dates of operation and detection. Of a survey without dates: "
            "dated_tables(survey, start='2024-03-01')."
        )
    share = tables.operation.get("share", pd.Series(1.0, index=tables.operation.index))
    if (share != 1.0).any():
        raise DataError(
            "Camtrap DP has no effort other than deployments that operate; "
            f"{int((share != 1).sum())} intervals have another effort per day."
        )
    zone = zone_of(timezone)
    deployments = _deployments(tables, zone)
    observations = _observations(tables, deployments, zone, species)
    files = {
        DESCRIPTION: json.dumps(_description(tables, deployments, species, title), indent=1),
        "deployments.csv": _csv(deployments, DEPLOYMENT_FIELDS),
        "media.csv": _csv([], MEDIA_FIELDS),
        "observations.csv": _csv(observations, OBSERVATION_FIELDS),
    }
    return _written(Path(path), files)


def _written(path: Path, files: dict[str, str]) -> Path:
    try:
        if path.suffix.lower() == ".zip":
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
                for name, text in files.items():
                    archive.writestr(zipfile.ZipInfo(name, FIXED_TIME), text, zipfile.ZIP_DEFLATED)
            return path
        home = made_folder(path)
        for name, text in files.items():
            (home / name).write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise DataError(f"{str(path)!r} cannot be written: {error.strerror or error}.") from error
    return path


def _csv(rows: list[dict[str, Any]], fields: tuple[str, ...]) -> str:
    out = StringIO(newline="")
    writer = csv.DictWriter(out, fields, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def _iso(time: Any, zone: dt.tzinfo) -> str:
    return pd.Timestamp(time).to_pydatetime().replace(tzinfo=zone).isoformat()


def _deployments(tables: FieldTables, zone: dt.tzinfo) -> list[dict[str, Any]]:
    """One row for each interval of operation."""
    traps = tables.traps.set_index("trap_id")
    if {"longitude", "latitude"} <= set(traps.columns):
        longitude, latitude = traps["longitude"], traps["latitude"]
    elif tables.crs is None:
        raise DataError("The tables have no CRS, so there are no longitudes. Give crs= to them.")
    else:
        lon, lat = to_degrees(traps["x"].to_numpy(), traps["y"].to_numpy(), tables.crs)
        longitude, latitude = (pd.Series(v, index=traps.index) for v in (lon, lat))
    idle = [name for name in traps.index if name not in set(tables.operation["trap_id"])]
    if idle:
        _checks.warn(
            f"Camtrap DP cannot hold traps that never operated: {_checks.listed(idle)} left out.",
            stacklevel=4,
        )
    return [
        {
            "deploymentID": f"d{number}",
            "locationID": row["trap_id"],
            # 1e-9 degrees are 0.1 mm: the way back gives the same metres
            "latitude": f"{latitude[row['trap_id']]:.9f}",
            "longitude": f"{longitude[row['trap_id']]:.9f}",
            "deploymentStart": _iso(row["start"], zone),
            "deploymentEnd": _iso(row["end"], zone),
        }
        for number, row in enumerate(tables.operation.to_dict("records"), start=1)
    ]


def _observations(
    tables: FieldTables, deployments: list[dict[str, Any]], zone: dt.tzinfo, species: str
) -> list[dict[str, Any]]:
    """One event-level row for each detection, at the deployment nearest in time."""
    rows = []
    operation = tables.operation.reset_index(drop=True)
    for number, row in enumerate(tables.detections.to_dict("records"), start=1):
        own = np.flatnonzero((operation["trap_id"] == row["trap_id"]).to_numpy())
        if not own.size:
            raise DataError(
                f"Animal {row['animal_id']!r} was detected at {row['trap_id']!r}, which never "
                "operated."
            )
        start, end = (
            operation[edge].to_numpy()[own].astype("datetime64[s]").astype(np.int64)
            for edge in ("start", "end")
        )
        time = np.datetime64(row["time"], "s")
        seconds = int(time.astype(np.int64))
        away = np.maximum(start - seconds, seconds - end)
        at = _iso(time, zone)
        sex = row.get("sex")
        for k in range(int(row.get("count", 1) or 1)):
            rows.append(
                {
                    "observationID": f"o{number}.{k + 1}",
                    "deploymentID": deployments[own[away.argmin()]]["deploymentID"],
                    "eventID": f"e{number}.{k + 1}",
                    "eventStart": at,
                    "eventEnd": at,
                    "observationLevel": "event",
                    "observationType": "animal",
                    "scientificName": species,
                    "count": 1,
                    "sex": "" if _checks.is_missing(sex) else SEXES.get(str(sex).casefold(), ""),
                    "individualID": row["animal_id"],
                }
            )
    return rows


def _description(
    tables: FieldTables, deployments: list[dict[str, Any]], species: str, title: str
) -> dict[str, Any]:
    """Contents of datapackage.json."""
    longitude = [float(row["longitude"]) for row in deployments]
    latitude = [float(row["latitude"]) for row in deployments]
    corners = [[min(longitude), min(latitude)], [max(longitude), max(latitude)]]
    (west, south), (east, north) = corners
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {
        "profile": f"{STANDARD}/camtrap-dp-profile.json",
        "name": "secr-nea-export",
        "title": title,
        "created": f"{tables.operation['end'].max():%Y-%m-%dT%H:%M:%SZ}",
        "contributors": [{"title": f"secr_nea {__version__}", "role": "contributor"}],
        "project": {
            "title": title,
            "samplingDesign": "targeted",
            "captureMethod": ["activityDetection"],
            "individualAnimals": True,
            "observationLevel": ["event"],
        },
        "spatial": {"type": "Polygon", "coordinates": [ring]},
        "temporal": {
            "start": f"{tables.operation['start'].min():%Y-%m-%d}",
            "end": f"{tables.operation['end'].max():%Y-%m-%d}",
        },
        "taxonomic": [{"scientificName": species}],
        "resources": [
            {
                "name": name,
                "path": f"{name}.csv",
                "profile": "tabular-data-resource",
                "format": "csv",
                "mediatype": "text/csv",
                "encoding": "utf-8",
                "schema": f"{STANDARD}/{name}-table-schema.json",
            }
            for name in ("deployments", "media", "observations")
        ],
    }


def dated_tables(survey: Survey, start: str, *, occasion_days: int | None = None) -> FieldTables:
    """Field tables of a survey whose occasions have numbers only, with dates made for them.

    Parameters
    ----------
    survey : Survey
        Its effort must be days of operation, at most ``occasion_days`` on each occasion.
    start : date
        First day of the first occasion.
    occasion_days : int, optional
        Length of an occasion; the longest effort, rounded up, when None.

    Returns
    -------
    FieldTables
        Cameras operate from the beginning of each occasion for as many days as their effort;
        detections are spread evenly over that time. Effort by occasions of the same length, and
        captures, are those of the survey.

    Raises
    ------
    DataError
        Effort longer than an occasion, searches, no date.
    """
    traps = survey.traps
    if traps.is_search.any():
        raise DataError(
            "Searched areas and transects have no cameras; Camtrap DP cannot hold them."
        )
    try:
        begin = pd.Timestamp(start).normalize()
    except (ValueError, TypeError):
        begin = None
    if begin is None or pd.isna(begin) or begin.tzinfo is not None:
        raise DataError(f"start must be a date such as '2024-03-01'; got {start!r}.")
    length = int(np.ceil(traps.effort.max())) if occasion_days is None else int(occasion_days)
    if traps.effort.max() > length:
        raise DataError(
            f"Effort is up to {traps.effort.max():g}, more than occasion_days = {length}. Is it in "
            "days? Give longer occasions."
        )
    k, s = np.nonzero(traps.effort)
    first = begin + pd.to_timedelta(s * length, unit="D")
    working = pd.DataFrame(
        {
            "trap_id": np.array(traps.ids, dtype=object)[k],
            "start": first,
            "end": first + pd.to_timedelta(np.round(traps.effort[k, s] * 86_400), unit="s"),
            "share": 1.0,
        }
    )
    frame = traps.to_dataframe()
    kept = ["trap_id", "x", "y", *map(str, traps.covariates.columns)]
    return FieldTables(
        traps=frame[kept],
        operation=working,
        detections=_spread(survey, begin, length),
        crs=survey.crs,
        source=f"survey {survey.name!r}",
        timezone="made for numbered occasions",
        detector=traps.detector_type,
        notes=(f"Dates are made: occasions of {length} days from {begin:%Y-%m-%d}.",),
    )


def _spread(survey: Survey, begin: pd.Timestamp, length: int) -> pd.DataFrame:
    """A row for each detection, within the operation of its occasion."""
    captures = survey.captures
    table = captures.individuals().set_index("animal_id")
    rows = []
    records = zip(captures.animal, captures.occasion, captures.trap, captures.count, strict=True)
    for i, s, k, n in records:
        name = captures.animal_ids[i]
        for j in range(n):
            days = s * length + captures.traps.effort[k, s] * (j + 0.5) / n
            time = begin + pd.Timedelta(round(days * 86_400), unit="s")
            row = {"animal_id": name, "trap_id": captures.traps.ids[k], "time": time}
            rows.append({**row, **({"sex": table["sex"][name]} if "sex" in table else {})})
    if not rows:
        return pd.DataFrame({n: pd.Series(dtype=object) for n in ("animal_id", "trap_id", "time")})
    return pd.DataFrame(rows)
