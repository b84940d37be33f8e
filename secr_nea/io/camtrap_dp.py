"""Camtrap DP 1.0 packages (folder or zip): deployments and identified animals as field tables.

Bubnicki et al. (2024), Camtrap DP: an open standard for the FAIR exchange and archiving of camera
trap data, Remote Sensing in Ecology and Conservation 10, 283-295; https://camtrap-dp.tdwg.org.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from secr_nea import _checks
from secr_nea._typing import CRSLike, FloatArray, PathLike
from secr_nea.errors import DataError
from secr_nea.io import projections
from secr_nea.io.camtrap_observations import EVENT_COLUMNS, events, read_observations
from secr_nea.io.csv_chunks import read_columns
from secr_nea.io.dates import offsets_of, zoned_times
from secr_nea.io.field_tables import FieldTables
from secr_nea.io.operation import check_intervals
from secr_nea.io.untrusted import Package, open_package, relative_name
from secr_nea.quality.dates import zone_of

DESCRIPTION = "datapackage.json"
DEPLOYMENT_COLUMNS = ("deploymentID", "latitude", "longitude", "deploymentStart", "deploymentEnd")
OPTIONAL_DEPLOYMENT_COLUMNS = (
    "locationID",
    "locationName",
    "coordinateUncertainty",
    "cameraID",
    "timestampIssues",
    "baitUse",
    "featureType",
    "habitat",
)
COVARIATES = ("baitUse", "featureType", "habitat")
MISSING = ("NA", "NaN")
"""Values that the standard's tables may have in place of empty cells."""
MAX_UNCERTAINTY = 1000.0
SAME_PLACE = 100.0
"""Deployments of one location farther apart than this, in metres, are a mistake."""


def read_camtrap_dp(
    path: PathLike,
    *,
    species: str | None = None,
    life_stages: Sequence[str] | None = None,
    timezone: str | None = None,
    crs: CRSLike | None = None,
    max_uncertainty: float = MAX_UNCERTAINTY,
) -> FieldTables:
    """Read a Camtrap DP 1.0 package.

    Parameters
    ----------
    path : path of a folder, its datapackage.json, or a zip archive
    species : str, optional
        Scientific name; may be left out when animals of only one species are identified.
    life_stages : sequence of str, optional
        Which to keep, of adult, subadult, juvenile; all but juvenile, and unknown ones, when None.
    timezone : str, optional
        Zone in which days begin, such as "Asia/Hovd" or "+07:00"; the offset of the deployments
        when they all have the same.
    crs : anything pyproj understands, optional
        Projection of the traps; a local one when None.
    max_uncertainty : float, metres
        Coordinates that are this uncertain, or more, are refused: they were blurred.

    Returns
    -------
    FieldTables
        A trap is a location (locationID; without it, deployments within about 10 m). It operates
        in the deployments' intervals; gaps between them are no effort. An animal counts once for
        each event, whether it was recorded for the event, for its media, or for both.

    Raises
    ------
    DataError, CRSError
        Anything that cannot be right, with the file and row numbers (1 = first data row).
    """
    package = open_package(path, "a Camtrap DP package", root=DESCRIPTION)
    tables, notes = _tables_of(package)
    place = f"{package.path.name}/{tables['deployments']}"
    deployments = _deployments(package, tables["deployments"])
    _refuse_blurred(deployments, max_uncertainty, place)
    notes += _timestamp_notes(deployments)
    zone, told = _zone(deployments, timezone, place)
    deployments["start"] = zoned_times(deployments["deploymentStart"], zone, f"{place}: start")
    deployments["end"] = zoned_times(deployments["deploymentEnd"], zone, f"{place}: end")
    traps, system, where = _locations(deployments, crs, place)
    notes += where
    operation = deployments[["trap_id", "start", "end"]].assign(
        share=1.0, camera=deployments["cameraID"], row=deployments.index
    )
    check_intervals(operation, place)
    found, told_of = read_observations(
        package, tables["observations"], species=species, life_stages=life_stages
    )
    detections = _detections(found, deployments, zone, f"{package.path.name}/observations")
    notes += told_of
    notes.append(f"Days begin and end in {told}; effort is in days of operation.")
    return FieldTables(
        traps=traps,
        operation=operation,
        detections=detections,
        crs=system,
        source=str(package.path),
        timezone=told,
        notes=tuple(notes),
    )


def _tables_of(package: Package) -> tuple[dict[str, str], list[str]]:
    """File of each table, from the description of the package."""
    if not package.has(DESCRIPTION):
        raise DataError(
            f"{package.path.name} has no {DESCRIPTION}: it is no Camtrap DP package. Its files: "
            f"{_checks.listed(package.names) or 'none'}."
        )
    try:
        content = json.loads(package.bytes_of(DESCRIPTION, "description").decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{package.path.name}/{DESCRIPTION} is no JSON: {error}.") from None
    resources = content.get("resources") if isinstance(content, dict) else None
    if not isinstance(resources, list):
        raise DataError(f"{package.path.name}/{DESCRIPTION} lists no resources.")
    found: dict[str, str] = {}
    for resource in resources:
        if not isinstance(resource, dict) or resource.get("name") not in (
            "deployments",
            "observations",
        ):
            continue
        file = resource.get("path")
        file = file[0] if isinstance(file, list) and len(file) == 1 else file
        found[str(resource["name"])] = relative_name(file, package)
    absent = [name for name in ("deployments", "observations") if name not in found]
    if absent:
        raise DataError(
            f"{package.path.name}/{DESCRIPTION} has no resource {_checks.listed(absent)}."
        )
    return found, _profile_note(content)


def _profile_note(content: dict[str, Any]) -> list[str]:
    profile = str(content.get("profile", ""))
    if "camtrap-dp/1." in profile:
        return []
    if "camtrap-dp/0" in profile:
        raise DataError(
            f"The package follows {profile}, a version before 1.0, whose columns differ. Export it "
            "anew as Camtrap DP 1.0."
        )
    return [f"The package names the profile {profile!r}, not Camtrap DP 1.x; read as 1.0."]


def _deployments(package: Package, name: str) -> pd.DataFrame:
    with package.open(name, "deployments table") as stream:
        chunks = list(
            read_columns(
                stream,
                f"{package.path.name}/{name}",
                "deployments",
                DEPLOYMENT_COLUMNS,
                OPTIONAL_DEPLOYMENT_COLUMNS,
            )
        )
    table = pd.concat(chunks) if chunks else pd.DataFrame()
    if not len(table):
        raise DataError(f"{package.path.name}/{name} has no deployment.")
    table = table.replace(dict.fromkeys(MISSING, ""))
    place = f"{package.path.name}/{name}"
    ids = table["deploymentID"]
    for column in DEPLOYMENT_COLUMNS:
        empty = table.index[table[column] == ""]
        if len(empty):
            raise DataError(f"{place}: {column} is missing in {_checks.rows_listed(empty)}.")
    if ids.duplicated().any():
        rows = table.index[ids.duplicated(keep=False)]
        raise DataError(f"{place}: deploymentID stands twice in {_checks.rows_listed(rows)}.")
    for column in ("latitude", "longitude"):
        table[column] = numbers_of(table[column], f"{place}: {column}")
    projections.check_degrees(table["longitude"].to_numpy(), table["latitude"].to_numpy(), place)
    return table


def numbers_of(cells: pd.Series, place: str) -> FloatArray:
    """Numbers of text cells; empty cells are NaN. DataError with rows for anything else."""
    values = pd.to_numeric(cells.where(cells != ""), errors="coerce")
    bad = (values.isna() & (cells != "")) | np.isinf(values.to_numpy(dtype=np.float64))
    if bad.any():
        told = _checks.listed(f"row {row}: {cells[row]!r}" for row in cells.index[bad])
        raise DataError(f"{place} is not a number: {told}.")
    return values.to_numpy(dtype=np.float64)


def _refuse_blurred(deployments: pd.DataFrame, limit: float, place: str) -> None:
    uncertainty = numbers_of(
        deployments["coordinateUncertainty"], f"{place}: coordinateUncertainty"
    )
    blurred = uncertainty >= limit
    if blurred.any():
        raise DataError(
            f"{place}: {int(blurred.sum())} of {len(deployments)} deployments have a "
            f"coordinateUncertainty of {np.nanmin(uncertainty[blurred]):,.0f} m or more "
            f"({_checks.rows_listed(deployments.index[blurred])}). Blurred coordinates spoil "
            "distances, and with them sigma and density. Ask the owners for the true positions (or "
            "a partner package whose coordinates are moved together)."
        )


def _timestamp_notes(deployments: pd.DataFrame) -> list[str]:
    doubtful = deployments.index[deployments["timestampIssues"].str.lower() == "true"]
    if not len(doubtful):
        return []
    told = f"Deployments with timestampIssues: {_checks.rows_listed(doubtful)}."
    _checks.warn(f"{told} Their dates may be wrong.", stacklevel=4)
    return [told]


def _zone(
    deployments: pd.DataFrame, timezone: str | None, place: str
) -> tuple[dt.tzinfo | None, str]:
    """Zone of the local times, and its name."""
    offsets = offsets_of(pd.concat([deployments["deploymentStart"], deployments["deploymentEnd"]]))
    if timezone is not None:
        if "" in offsets:
            raise DataError(
                f"{place}: some times have no offset from UTC, so they cannot be moved to "
                f"{timezone}. The standard asks for times such as 2023-01-06T14:05:00+07:00."
            )
        return zone_of(timezone), timezone
    if len(offsets) > 1:
        raise DataError(
            f"{place}: times have different offsets from UTC: "
            f"{_checks.listed(offset or 'none' for offset in offsets)}. Say in which zone days "
            "begin: timezone='Asia/Hovd', or timezone='+07:00'."
        )
    if offsets == [""]:
        return None, "local time (no offset is written)"
    if offsets == ["+00:00"]:
        _checks.warn(
            f"{place}: all times are in UTC, so days begin at midnight UTC. If the cameras showed "
            "local time, say so: timezone='+07:00'.",
            stacklevel=4,
        )
    return zone_of(offsets[0]), f"UTC{offsets[0]}"


def _locations(
    deployments: pd.DataFrame, crs: CRSLike | None, place: str
) -> tuple[pd.DataFrame, Any, list[str]]:
    """One row for each location; ``deployments`` gets a column trap_id."""
    xy, system = projections.to_metres(
        deployments["longitude"].to_numpy(),
        deployments["latitude"].to_numpy(),
        projections.WGS84,
        crs,
    )
    named = deployments["locationID"].to_numpy(dtype=object).copy()
    unnamed = named == ""
    notes = []
    if unnamed.any():
        rounded = deployments[["latitude", "longitude"]].round(4).astype(str)
        named[unnamed] = rounded.agg(" ".join, axis=1).to_numpy(dtype=object)[unnamed]
        notes.append(
            f"{int(unnamed.sum())} deployments have no locationID; those at the same coordinates "
            "(to 0.0001 degrees) are one trap."
        )
    deployments["trap_id"] = named
    placed = deployments.assign(x=xy[:, 0], y=xy[:, 1])
    first = placed.drop_duplicates("trap_id").set_index("trap_id")
    away = np.hypot(
        placed["x"].to_numpy() - first.loc[named, "x"].to_numpy(),
        placed["y"].to_numpy() - first.loc[named, "y"].to_numpy(),
    )
    if (away > SAME_PLACE).any():
        k = int(away.argmax())
        raise DataError(
            f"{place}: location {named[k]!r} is at two places {away[k]:,.0f} m apart (row "
            f"{placed.index[k]}). Correct the coordinates or the locationID."
        )
    if (away > 1.0).any():
        notes.append(
            f"Deployments of one location are up to {away.max():.0f} m apart; the first one's "
            "position is used."
        )
    kept = ["x", "y", "longitude", "latitude"]
    kept += [name for name in ("locationName", *COVARIATES) if (first[name] != "").any()]
    notes.append(f"{len(deployments)} deployments at {len(first)} locations.")
    return first[kept].reset_index(), system, notes


def _detections(
    found: pd.DataFrame, deployments: pd.DataFrame, zone: dt.tzinfo | None, place: str
) -> pd.DataFrame:
    """One row for each event of an animal."""
    columns = ["animal_id", "trap_id", "time", "sex"]
    if not len(found):
        return pd.DataFrame({name: pd.Series(dtype=object) for name in columns})
    trap = deployments.set_index("deploymentID")["trap_id"]
    unknown = ~found["deploymentID"].isin(trap.index)
    if unknown.any():
        told = _checks.listed(
            f"row {row}: {found['deploymentID'][row]!r}" for row in found.index[unknown]
        )
        raise DataError(f"{place}: deploymentID that no deployment has: {told}.")
    once = events(found, zone, place)
    once["trap_id"] = once["deploymentID"].astype(str).map(trap)
    return once[[*columns, *(name for name in EVENT_COLUMNS if name in once)]]
