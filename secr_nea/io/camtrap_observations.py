"""Identified animals in the observations table of Camtrap DP, each event counted once."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pandas as pd

from secr_nea import _checks
from secr_nea.errors import DataError
from secr_nea.io.csv_chunks import read_columns
from secr_nea.io.dates import zoned_times
from secr_nea.io.untrusted import Package

REQUIRED = (
    "deploymentID",
    "eventID",
    "eventStart",
    "eventEnd",
    "observationLevel",
    "observationType",
    "scientificName",
    "individualID",
)
OPTIONAL = ("lifeStage", "sex")
REPEATING = (
    "deploymentID",
    "observationLevel",
    "observationType",
    "scientificName",
    "individualID",
    "lifeStage",
    "sex",
)
EVENT_COLUMNS = ("event",)
MISSING = ("", "NA", "NaN")
LEVELS = ("event", "media")


def read_observations(
    package: Package,
    name: str,
    *,
    species: str | None,
    life_stages: Sequence[str] | None,
) -> tuple[pd.DataFrame, list[str]]:
    """Rows of identified animals of one species.

    Parameters
    ----------
    package : Package
    name : str
        File of the observations.
    species : str or None
    life_stages : sequence of str or None
        None: all but juvenile.

    Returns
    -------
    DataFrame
        The columns of the table as text, with its row numbers as index.
    list of str
        Notes on what was left out.

    Raises
    ------
    DataError
        Unknown species, or none given where several are identified.
    """
    place = f"{package.path.name}/{name}"
    kept, n_rows, species_seen, stages_left = [], 0, Counter[str](), Counter[str]()
    with package.open(name, "observations table") as stream:
        for piece in read_columns(
            stream, place, "observations", REQUIRED, OPTIONAL, repeating=REPEATING
        ):
            n_rows += len(piece)
            _check_levels(piece, place)
            named = ~piece["individualID"].isin(MISSING)
            named &= piece["observationType"].isin(("animal", *MISSING))
            piece = piece[named]
            species_seen.update(Counter(piece["scientificName"].tolist()))
            if species is not None:
                piece = piece[piece["scientificName"] == species]
            wanted = (
                piece["lifeStage"] != "juvenile"
                if life_stages is None
                else piece["lifeStage"].isin(life_stages)
            )
            stages_left.update(Counter(piece.loc[~wanted, "lifeStage"].tolist()))
            kept.append(_compact(piece[wanted]))
    found = _joined(kept)
    _check_species(species, species_seen, place)
    notes = [f"{len(found):,} of {n_rows:,} observation rows are of identified animals."]
    if not sum(species_seen.values()):
        notes.append("individualID is empty everywhere: there is nobody to recapture.")
        _checks.warn(
            f"{place}: individualID is empty in all {n_rows:,} rows, so there are no capture "
            "histories. Was the identification of individuals exported?",
            stacklevel=4,
        )
    if stages_left:
        told = _checks.listed(f"{n:,} {stage or 'unknown'}" for stage, n in stages_left.items())
        notes.append(f"Left out by life stage: {told}.")
    others = {s: n for s, n in species_seen.items() if species is not None and s != species}
    if others:
        told = _checks.listed(f"{n:,} {name or 'unnamed'}" for name, n in others.items())
        notes.append(f"Left out, other species: {told}.")
    return found, notes


def _check_levels(piece: pd.DataFrame, place: str) -> None:
    odd = ~piece["observationLevel"].isin(LEVELS)
    if odd.any():
        rows = piece.index[odd]
        raise DataError(
            f"{place}: observationLevel must be event or media; it is "
            f"{piece['observationLevel'][rows[0]]!r} in row {rows[0]} "
            f"({_checks.plural(len(rows), 'such row')} so far)."
        )


def _compact(piece: pd.DataFrame) -> pd.DataFrame:
    """The columns that are still needed; words that repeat as categories, which are small."""
    columns = ["deploymentID", "individualID", "observationLevel", "sex", "scientificName"]
    small = {name: piece[name].astype("category") for name in columns}
    return pd.DataFrame(small | {n: piece[n] for n in ("eventID", "eventStart", "eventEnd")})


def _joined(pieces: list[pd.DataFrame]) -> pd.DataFrame:
    if not pieces:
        return pd.DataFrame({name: pd.Series(dtype=str) for name in (*REQUIRED, *OPTIONAL)})
    joined = {}
    for name in pieces[0].columns:
        columns = [piece[name] for piece in pieces]
        if isinstance(columns[0].dtype, pd.CategoricalDtype):
            values = pd.api.types.union_categoricals(columns)
            index = np.concatenate([column.index for column in columns])
            joined[name] = pd.Series(values, index=index)
        else:
            joined[name] = pd.concat(columns)
    return pd.DataFrame(joined)


def _check_species(species: str | None, seen: Counter[str], place: str) -> None:
    told = _checks.listed(f"{name or 'unnamed'!r} ({n:,} rows)" for name, n in seen.most_common())
    if species is None and len(seen) > 1:
        raise DataError(
            f"{place}: animals of {len(seen)} species are identified: {told}. Say which: "
            f"species={seen.most_common(1)[0][0]!r}."
        )
    if species is not None and seen and species not in seen:
        raise DataError(
            f"{place}: no animal of species {species!r} is identified"
            f"{_checks.did_you_mean(species, seen)}; there are {told}."
        )


def events(found: pd.DataFrame, zone: dt.tzinfo | None, place: str) -> pd.DataFrame:
    """One row for each event of each animal at each deployment.

    Parameters
    ----------
    found : DataFrame
        Rows of `read_observations`.
    zone : tzinfo or None
    place : str
        For messages.

    Returns
    -------
    DataFrame
        animal_id, deploymentID, time (its first time), sex (its known one), event, in the order
        of time.

    Raises
    ------
    DataError
        Times that are none; two sexes of an animal within one event.

    Notes
    -----
    Rows of the event and of its media share eventID, deployment and animal: they are one
    detection. Media rows without an eventID are the same detection as an event of the animal at
    this deployment that lasted at that time, else one of their own.
    """
    frame = pd.DataFrame(
        {
            "animal_id": found["individualID"].astype("category"),
            "deploymentID": found["deploymentID"].astype("category"),
            "event": found["eventID"].where(~found["eventID"].isin(MISSING), ""),
            "time": zoned_times(found["eventStart"], zone, f"{place}: eventStart"),
            "end": zoned_times(found["eventEnd"], zone, f"{place}: eventEnd"),
            "sex": found["sex"].astype(str).where(~found["sex"].isin(MISSING)),
        },
        index=found.index,
    )
    empty = frame.index[frame["time"].isna()]
    if len(empty):
        raise DataError(f"{place}: eventStart is missing in {_checks.rows_listed(empty)}.")
    keys = ["animal_id", "deploymentID", "event"]
    named = frame[frame["event"] != ""]
    grouped = named.groupby(keys, observed=True, sort=False)
    once = grouped[["time"]].min()
    once["end"] = grouped["end"].max()
    sexes = named.dropna(subset=["sex"])[[*keys, "sex"]].drop_duplicates()
    _refuse_two_sexes(sexes, keys, place)
    once["sex"] = sexes.set_index(keys)["sex"]
    once = once.reset_index()
    alone = _without_event(frame[frame["event"] == ""], once)
    together = pd.concat([once, alone], ignore_index=True) if len(alone) else once
    together["animal_id"] = together["animal_id"].astype(str)
    return together.sort_values(["time", "animal_id"], kind="stable", ignore_index=True)


def _refuse_two_sexes(sexes: pd.DataFrame, keys: list[str], place: str) -> None:
    twice = sexes.duplicated(keys, keep=False)
    if twice.any():
        row = sexes[twice].iloc[0]
        raise DataError(
            f"{place}: animal {row['animal_id']!r} has two sexes within event {row['event']!r} "
            f"({_checks.rows_listed(sexes.index[twice])}). Decide for one, or leave sex empty."
        )


def _without_event(media: pd.DataFrame, once: pd.DataFrame) -> pd.DataFrame:
    """Rows without an eventID that no event of the same animal and deployment covers."""
    if not len(media):
        return media
    media = media.drop_duplicates(["animal_id", "deploymentID", "time"])
    keys = ["animal_id", "deploymentID"]
    rows = media.reset_index(names="row")
    both = rows.merge(once[[*keys, "time", "end"]], on=keys, suffixes=("", "_event"))
    last = both["end_event"].fillna(both["time_event"])
    covered = both.loc[(both["time"] >= both["time_event"]) & (both["time"] <= last), "row"]
    return media[~media.index.isin(covered)]
