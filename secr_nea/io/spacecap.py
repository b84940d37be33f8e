"""The three files of SPACECAP: animal captures, trap deployment, potential home-range centres.

Gopalaswamy et al. (2012), Program SPACECAP: software for estimating animal density using spatially
explicit capture-recapture models, Methods in Ecology and Evolution 3, 1067-1072.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from secr_nea import _checks, _columns
from secr_nea._crs import as_crs
from secr_nea._typing import CRSLike, PathLike
from secr_nea.errors import DataError
from secr_nea.io.field_tables import FieldTables
from secr_nea.io.sheets import read_cells
from secr_nea.mask import HabitatMask

CAPTURES = ("LOC_ID", "ANIMAL_ID", "SO")
PLACES = ("LOC_ID", "X_COORD", "Y_COORD")
CENTRES = ("X_COORD", "Y_COORD", "HABITAT")


def read_spacecap(
    captures: PathLike,
    deployment: PathLike,
    centres: PathLike | None = None,
    *,
    detector: str = "binary",
    crs: CRSLike | None = None,
) -> FieldTables:
    """Read the three files of SPACECAP.

    Parameters
    ----------
    captures : CSV file
        LOC_ID, ANIMAL_ID, SO (sampling occasion).
    deployment : CSV file
        LOC_ID, X_Coord, Y_Coord, and a column of 0 and 1 for each sampling occasion.
    centres : CSV file, optional
        X_Coord, Y_Coord, HABITAT: the mask is where HABITAT is 1. Its points must be a square
        grid.
    detector : str
        SPACECAP knows an animal at a trap once an occasion, which is "binary".
    crs : anything pyproj understands, optional
        The files do not tell it.

    Returns
    -------
    FieldTables

    Raises
    ------
    DataError, CRSError
        Anything that cannot be right, with file and row numbers (1 = first data row).
    """
    seen = _table(captures, "captures", CAPTURES)
    places = _table(deployment, "trap deployment", PLACES)
    ids = _columns.id_column(places, "LOC_ID", "LOC_ID")
    occasions = [name for name in places.columns if name not in PLACES]
    _check_occasions(occasions, Path(deployment).name)
    working = np.column_stack(
        [_columns.number_column(places, name, "trap deployment") for name in occasions]
    )
    odd = np.argwhere((working != 0) & (working != 1))
    if len(odd):
        k, s = odd[0]
        raise DataError(
            f"{Path(deployment).name}: operation must be 0 or 1; trap {ids[k]!r} has "
            f"{working[k, s]:g} on occasion {occasions[s]}."
        )
    detections = pd.DataFrame(
        {
            "animal_id": _columns.id_column(seen, "ANIMAL_ID", "ANIMAL_ID"),
            "trap_id": _columns.id_column(seen, "LOC_ID", "LOC_ID"),
            "occasion": _columns.number_column(seen, "SO", "captures"),
        },
        index=seen.index,
    )
    traps = pd.DataFrame(
        {
            "trap_id": ids,
            "x": _columns.number_column(places, "X_COORD", "trap deployment"),
            "y": _columns.number_column(places, "Y_COORD", "trap deployment"),
        }
    )
    effort = pd.DataFrame(
        {
            "trap_id": np.repeat(np.array(ids, dtype=object), len(occasions)),
            "occasion": np.tile(np.arange(1, len(occasions) + 1), len(ids)),
            "effort": working.ravel(),
        }
    )
    masks = {} if centres is None else {"": _mask(centres, crs)}
    return FieldTables(
        traps=traps,
        operation=effort,
        detections=detections,
        crs=as_crs(crs),
        source=str(deployment),
        detector=detector,
        masks=masks,
    )


def _table(path: PathLike, what: str, needed: Sequence[str]) -> pd.DataFrame:
    """Table with its column names in capitals, as they vary between versions."""
    frame = read_cells(path, what)
    frame.columns = pd.Index([str(name).strip().upper() for name in frame.columns])
    if frame.columns.has_duplicates:
        raise DataError(f"{Path(path).name} ({what}) has a column twice, but for its capitals.")
    _columns.require_columns(frame, needed, what)
    return frame


def _check_occasions(names: Sequence[str], place: str) -> None:
    if not names:
        raise DataError(f"{place} has no columns of sampling occasions after Y_Coord.")
    numbers = [re.search(r"(\d+)$", str(name)) for name in names]
    found = [int(match.group(1)) for match in numbers if match]
    if len(found) == len(names) and found != list(range(1, len(names) + 1)):
        raise DataError(
            f"{place}: the columns of occasions must be 1, 2 ... {len(names)} without gaps; they "
            f"are {_checks.listed(names, 20)}."
        )


def _mask(path: PathLike, crs: CRSLike | None) -> HabitatMask:
    frame = _table(path, "potential home-range centres", CENTRES)
    habitat = _columns.number_column(frame, "HABITAT", "home-range centres")
    xy = np.column_stack(
        [_columns.number_column(frame, name, "home-range centres") for name in CENTRES[:2]]
    )
    if not (habitat == 1).any():
        raise DataError(f"{Path(path).name}: HABITAT is nowhere 1.")
    return HabitatMask(xy[habitat == 1], crs=crs)
