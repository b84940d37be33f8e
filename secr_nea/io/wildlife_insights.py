"""Downloads of Wildlife Insights (folder or zip): deployments and identified animals.

Column definitions: Wildlife Insights data dictionary, https://www.wildlifeinsights.org.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from secr_nea import _checks
from secr_nea._typing import CRSLike, PathLike
from secr_nea.errors import DataError
from secr_nea.io import projections
from secr_nea.io.camtrap_dp import SAME_PLACE, numbers_of
from secr_nea.io.csv_chunks import read_columns
from secr_nea.io.dates import order_of_table, parse_times
from secr_nea.io.field_tables import FieldTables
from secr_nea.io.operation import check_intervals
from secr_nea.io.untrusted import Package, open_package
from secr_nea.quality.occasions import operating_time

DEPLOYMENTS = ("deployment_id", "longitude", "latitude", "start_date", "end_date")
OPTIONAL_DEPLOYMENTS = ("placename", "camera_id", "fuzzed", "feature_type", "bait_type")
IMAGES = ("deployment_id", "genus", "species", "timestamp", "individual_id")
OPTIONAL_IMAGES = ("sex", "age", "is_blank", "fuzzed", "common_name")
YOUNG = ("juvenile",)


def read_wildlife_insights(
    path: PathLike,
    *,
    species: str | None = None,
    dates: str = "infer",
    edge_days: str = "half",
    crs: CRSLike | None = None,
) -> FieldTables:
    """Read a download of Wildlife Insights.

    Parameters
    ----------
    path : path of a folder or zip archive
        With deployments.csv and images.csv (or images_1.csv, images_2.csv ...).
    species : str, optional
        Scientific name; may be left out when animals of only one species are identified.
    dates : {"infer", "dmy", "mdy"}
        Order of day and month where Excel has rewritten the dates.
    edge_days : {"half", "whole", "none"}
        What a set-up or retrieval day without time of day counts.
    crs : anything pyproj understands, optional
        Projection of the traps; a local one when None.

    Returns
    -------
    FieldTables
        A trap is a placename. Times are local, as the cameras showed them.

    Raises
    ------
    DataError, CRSError
        Anything that cannot be right, with the file and row numbers (1 = first data row).
    """
    package = open_package(path, "a Wildlife Insights download", root="deployments.csv")
    place = f"{package.path.name}/deployments.csv"
    deployments = _whole(package, "deployments.csv", DEPLOYMENTS, OPTIONAL_DEPLOYMENTS)
    _refuse_fuzzed(deployments, place)
    traps, system = _places(deployments, crs, place)
    order = order_of_table(deployments, ("start_date", "end_date"), place, dates)
    operation = pd.DataFrame({"trap_id": deployments["trap_id"], "share": 1.0})
    for edge, column in (("start", "start_date"), ("end", "end_date")):
        times, bare = parse_times(
            deployments[column].tolist(), order, f"{place}: {column}", list(deployments.index)
        )
        # Wildlife Insights writes midnight where it knows the day only
        operation[edge] = operating_time(times, bare, edge=edge, edge_days=edge_days)
    operation["row"] = deployments.index
    check_intervals(operation, place)
    detections, notes = _detections(package, deployments, species, dates)
    notes.insert(0, f"{len(deployments)} deployments at {len(traps)} places.")
    return FieldTables(
        traps=traps,
        operation=operation,
        detections=detections,
        crs=system,
        source=str(package.path),
        timezone="local, as the cameras showed it",
        notes=tuple(notes),
    )


def _whole(
    package: Package, name: str, required: Sequence[str], optional: Sequence[str]
) -> pd.DataFrame:
    with package.open(name, "table") as stream:
        pieces = list(read_columns(stream, f"{package.path.name}/{name}", name, required, optional))
    table = pd.concat(pieces) if pieces else pd.DataFrame()
    if not len(table):
        raise DataError(f"{package.path.name}/{name} has no row.")
    return table


def _refuse_fuzzed(table: pd.DataFrame, place: str) -> None:
    fuzzed = table.index[table["fuzzed"].str.casefold().isin(("true", "1", "yes"))]
    if len(fuzzed):
        raise DataError(
            f"{place}: the coordinates were blurred (fuzzed) in {_checks.rows_listed(fuzzed)}. "
            "Blurred coordinates spoil distances, and with them sigma and density. Ask the owners "
            "for the true positions."
        )


def _places(deployments: pd.DataFrame, crs: CRSLike | None, place: str) -> tuple[pd.DataFrame, Any]:
    """One row for each place; ``deployments`` gets a column trap_id."""
    longitude, latitude = (
        numbers_of(deployments[name], f"{place}: {name}") for name in ("longitude", "latitude")
    )
    xy, system = projections.to_metres(longitude, latitude, projections.WGS84, crs)
    named = deployments["placename"].str.strip()
    deployments["trap_id"] = named.where(named != "", deployments["deployment_id"])
    table = pd.DataFrame(
        {
            "trap_id": deployments["trap_id"].to_numpy(),
            "x": xy[:, 0],
            "y": xy[:, 1],
            "longitude": longitude,
            "latitude": latitude,
        }
    )
    for name in ("feature_type", "bait_type"):
        if (deployments[name] != "").any():
            table[name] = deployments[name].to_numpy()
    first = table.drop_duplicates("trap_id")
    where = first.set_index("trap_id").loc[table["trap_id"]]
    away = np.hypot(table["x"] - where["x"].to_numpy(), table["y"] - where["y"].to_numpy())
    if (away > SAME_PLACE).any():
        k = int(away.argmax())
        raise DataError(
            f"{place}: place {table['trap_id'][k]!r} is at two places {away[k]:,.0f} m apart (row "
            f"{deployments.index[k]}). Correct the coordinates or the placename."
        )
    return first, system


def _detections(
    package: Package, deployments: pd.DataFrame, species: str | None, dates: str
) -> tuple[pd.DataFrame, list[str]]:
    names = [name for name in package.names if re.fullmatch(r"images(_?\w*)?\.csv", name)]
    if not names:
        raise DataError(
            f"{package.path.name} has no images.csv. Its files: {_checks.listed(package.names)}. "
            "Sequence downloads do not tell individuals of single images; download the images."
        )
    pieces, n_rows = [], 0
    for name in names:
        place = f"{package.path.name}/{name}"
        with package.open(name, "images table") as stream:
            for piece in read_columns(stream, place, "images", IMAGES, OPTIONAL_IMAGES):
                n_rows += len(piece)
                _refuse_fuzzed(piece, place)
                pieces.append(piece[piece["individual_id"].str.strip() != ""].assign(file=name))
    found = pd.concat(pieces) if pieces else pd.DataFrame(columns=[*IMAGES, *OPTIONAL_IMAGES])
    return _of_species(found, deployments, species, dates, n_rows, package.path.name)


def _of_species(
    found: pd.DataFrame,
    deployments: pd.DataFrame,
    species: str | None,
    dates: str,
    n_rows: int,
    place: str,
) -> tuple[pd.DataFrame, list[str]]:
    named = (found["genus"].str.strip() + " " + found["species"].str.strip()).str.strip()
    seen = list(dict.fromkeys(named))
    if species is None and len(seen) > 1:
        raise DataError(
            f"{place}: animals of {len(seen)} species are identified: {_checks.listed(seen)}. Say "
            f"which: species={seen[0]!r}."
        )
    if species is not None and seen and species not in seen:
        raise DataError(
            f"{place}: no animal of species {species!r} is identified"
            f"{_checks.did_you_mean(species, seen)}; there are {_checks.listed(seen)}."
        )
    wanted = pd.Series(True, index=found.index) if species is None else named == species
    young = found["age"].str.casefold().isin(YOUNG)
    kept = found[(wanted & ~young).to_numpy()]
    notes = [f"{len(kept):,} of {n_rows:,} images are of identified animals."]
    notes += (
        [f"Left out, juvenile: {int((wanted & young).sum())}."] if (wanted & young).any() else []
    )
    trap = deployments.drop_duplicates("deployment_id").set_index("deployment_id")["trap_id"]
    unknown = kept.index[~kept["deployment_id"].isin(trap.index)]
    if len(unknown):
        raise DataError(
            f"{place}: images of deployments that deployments.csv does not have, "
            f"{_checks.rows_listed(unknown)}: {_checks.listed(kept['deployment_id'][unknown])}."
        )
    times, bare = parse_times(
        kept["timestamp"].tolist(), dates, f"{place}: timestamp", list(kept.index)
    )
    sex = kept["sex"].str.strip().str.casefold()
    return pd.DataFrame(
        {
            "animal_id": kept["individual_id"].str.strip().to_numpy(),
            "trap_id": kept["deployment_id"].map(trap).to_numpy(),
            "time": times,
            "date_only": bare,
            "sex": sex.where(sex.isin(("male", "female"))).to_numpy(dtype=object),
        }
    ).drop_duplicates(["animal_id", "trap_id", "time"], ignore_index=True), notes
