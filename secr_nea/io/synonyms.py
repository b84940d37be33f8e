"""Which column of a field sheet is meant: names recognised by synonym, shown, and confirmed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pandas as pd

from secr_nea import _checks
from secr_nea._columns import DECIMAL_COMMA
from secr_nea._printing import facts_html
from secr_nea._typing import PathLike
from secr_nea.errors import DataError
from secr_nea.io.sheets import read_cells
from secr_nea.quality.columns import EFFORT, END, ROLES, SESSION, START, TRAP, plain

COMMON = {
    # wider than where columns are taken without being shown for confirmation
    "session": f"{SESSION} site area season участок",
    "trap_id": TRAP,
}
_PLACES, _SEEN = ROLES["traps"], ROLES["detections"]
CAMERA = {plain(word) for word in _PLACES["camera"].split()}
SYNONYMS: dict[str, dict[str, str]] = {
    "traps": COMMON
    | {"x": _PLACES["x"], "y": _PLACES["y"], "utm_zone": _PLACES["zone"]}
    | {"longitude": _PLACES["lon"], "latitude": _PLACES["lat"]}
    | {"start": START, "end": END, "effort": EFFORT},
    "detections": COMMON
    | {name: _SEEN[name] for name in ("animal_id", "occasion", "sex")}
    | {"time": _SEEN["date"], "count": f"{_SEEN['count']} n number"}
    | {"species": "species species_name scientific_name вид"},
    "operation": COMMON
    | {"start": START, "end": END, "occasion": _SEEN["occasion"], "effort": EFFORT},
}


@dataclass(frozen=True)
class ColumnMapping(Mapping[str, str]):
    """Column of the table for each name that the library uses.

    It is shown for confirmation: pass it, or a changed ``dict`` of it, as ``columns=``.

    Parameters
    ----------
    found : mapping of the library's name to the table's column
    unused : tuple of str
        Columns that no name fits; in the traps table they are covariates.
    """

    found: Mapping[str, str]
    unused: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> str:
        return self.found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.found)

    def __len__(self) -> int:
        return len(self.found)

    def __str__(self) -> str:
        lines = [f"{name:<12} <- {column!r}" for name, column in self.found.items()]
        lines += [f"not used: {_checks.listed(map(repr, self.unused), 20)}"] if self.unused else []
        return "\n".join(lines) or "no column was recognised"

    def _repr_html_(self) -> str:
        return facts_html("Columns", {**self.found, "not used": _checks.listed(self.unused, 20)})


def suggest_columns(
    source: PathLike | pd.DataFrame,
    table: str,
    *,
    sheet: str | None = None,
    encoding: str | None = None,
) -> ColumnMapping:
    """Columns of a field sheet that the library recognises, to be looked at and confirmed.

    Parameters
    ----------
    source : path of a CSV file or Excel workbook, or DataFrame
    table : {"traps", "detections", "operation"}
    sheet, encoding : str, optional
        As for `read_field_tables`.

    Returns
    -------
    ColumnMapping
        Print it; pass it on as ``columns=``.

    Raises
    ------
    DataError
        Two columns that mean the same.

    Examples
    --------
    >>> sheet = pd.DataFrame(columns=["Camera ID", "UTM_X", "UTM_Y", "Topography"])
    >>> print(suggest_columns(sheet, "traps"))
    trap_id      <- 'Camera ID'
    x            <- 'UTM_X'
    y            <- 'UTM_Y'
    not used: 'Topography'
    """
    frame = read_cells(source, table, sheet=sheet, encoding=encoding)
    return mapping_of([str(name) for name in frame.columns], table)


def mapping_of(columns: list[str], table: str) -> ColumnMapping:
    """Mapping of recognised columns; exact names go before synonyms.

    Raises
    ------
    DataError
        An unknown kind of table, or two columns that mean the same.
    """
    kind = "detections" if table == "captures" else table
    if kind not in SYNONYMS:
        raise DataError(f"table must be {_checks.listed(SYNONYMS)}; got {table!r}.")
    found: dict[str, str] = {}
    for name, words in SYNONYMS[kind].items():
        exact = [column for column in columns if column == name]
        keys = {plain(word) for word in (name, *words.split())}
        like = exact or [column for column in columns if plain(column) in keys]
        if len(like) > 1 and name == "trap_id":
            # a station with a column for its cameras
            like = [column for column in like if plain(column) not in CAMERA] or like
        if len(like) > 1:
            raise DataError(
                f"The {table} table has {_checks.listed(map(repr, like))}, any of which may be "
                f"{name}. Say which: columns={{{name!r}: {like[0]!r}, ...}}, with all columns "
                f"that are needed; read_field_tables takes columns={{{table!r}: {{...}}}}."
            )
        if like:
            found[name] = like[0]
    used = set(found.values())
    return ColumnMapping(found, tuple(column for column in columns if column not in used))


def renamed(
    frame: pd.DataFrame,
    columns: Mapping[str, str] | str | None,
    table: str,
    place: str,
    *,
    confirm: str = "",
) -> tuple[pd.DataFrame, str]:
    """Table with the library's column names, and a note on what was taken for what.

    Parameters
    ----------
    frame : DataFrame
    columns : mapping of the library's name to the table's column, "synonyms", or None
        None leaves the names as they are; "synonyms" takes what `suggest_columns` finds, and
        warns of it, so that it can be confirmed; a mapping goes before the names of the table.
    table, place : str
        For messages.
    confirm : str
        The table under which ``columns=`` names the columns, where it names those of several.

    Returns
    -------
    DataFrame
    str
        Empty when no column was renamed.
    """
    if columns is None:
        return frame, ""
    present = [str(name) for name in frame.columns]
    if isinstance(columns, str):
        if columns != "synonyms":
            raise DataError(f"columns must be a mapping or 'synonyms'; got {columns!r}.")
        chosen: Mapping[str, str] = mapping_of(present, table)
    else:
        chosen = columns
        absent = [column for column in chosen.values() if column not in present]
        if absent:
            told = _checks.listed(f"{c!r}{_checks.did_you_mean(c, present)}" for c in absent)
            raise DataError(
                f"{place}: columns= names {told}, which the table does not have. Its columns: "
                f"{_checks.listed(present, 20)}."
            )
    changed = {column: name for name, column in chosen.items() if column != name}
    clash = [name for column, name in changed.items() if name in present and name not in changed]
    if clash:
        raise DataError(
            f"{place}: columns= makes a second column {_checks.listed(map(repr, clash))}. Rename "
            "or remove the one that is there."
        )
    note = _checks.listed((f"{column!r} is {name}" for column, name in changed.items()), 20)
    if note and isinstance(columns, str):
        _checks.warn(
            f"{place}: columns taken by synonym: {note}. Confirm with "
            f"columns={ {confirm: dict(chosen)} if confirm else dict(chosen) }.",
            stacklevel=4,
        )
    return frame.rename(columns=changed), f"Columns of {place}: {note}." if note else ""


def decimal_points(cells: pd.Series) -> pd.Series:
    """Text cells with decimal commas as decimal points; others stay."""
    return cells.map(
        lambda cell: (
            cell.replace(",", ".")
            if isinstance(cell, str) and DECIMAL_COMMA.fullmatch(cell)
            else cell
        )
    )
