"""The ledger of corrections: explicit fixes of raw tables, each with its reason, kept in a file."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pandas as pd

from secr_nea import _checks
from secr_nea._typing import PathLike
from secr_nea.errors import DataError
from secr_nea.quality.corrections import (
    Change,
    Correction,
    cell_of,
    column_of,
    correction_of,
    held_by,
    ids_of,
    make,
    rows_named,
    swapped_text,
)
from secr_nea.quality.raw_tables import RawTables

FORMAT = "secr_nea ledger of corrections, version 1"


@dataclass(frozen=True, eq=False, repr=False)
class Ledger:
    """Corrections of field tables in the order in which they are made; read-only.

    Every method that adds a correction returns a new ledger. The tables themselves are never
    changed; :meth:`apply` gives new ones. Rows keep the numbers of the file, also after others were
    dropped.

    Parameters
    ----------
    corrections : tuple of Correction
    tables : RawTables or None
        The raw tables that corrections are written for.

    Examples
    --------
    >>> import pandas as pd
    >>> import secr_nea as sn
    >>> traps = pd.DataFrame({"trap": ["A"], "x": [500000.0], "y": [5400000.0]})
    >>> seen = pd.DataFrame({"animal": ["SL1", "SL-01"], "trap": ["A", "A"]})
    >>> tables = sn.raw_tables(traps, seen)
    >>> ledger = sn.Ledger.of(tables).merge_animals(["SL-01"], into="SL1", reason="same rosettes")
    >>> ledger.apply(tables).raw["detections"]["animal"].tolist()
    ['SL1', 'SL1']
    """

    corrections: tuple[Correction, ...] = ()
    tables: RawTables | None = field(default=None)

    @classmethod
    def of(cls, tables: RawTables) -> Ledger:
        """Empty ledger for raw tables."""
        if not isinstance(tables, RawTables):
            raise DataError(f"A ledger is written for RawTables; got {type(tables).__name__}.")
        return cls((), tables)

    # --- corrections

    def swap_dates(
        self, table: str, rows: Iterable[int], *, reason: str, which: str | None = None
    ) -> Ledger:
        """Exchange day and month of dates.

        Parameters
        ----------
        table : {"detections", "traps", "operation"}
        rows : iterable of int
            1 = first data row.
        reason : str
        which : {"date", "start", "end", "both"}, optional
            Which date of the row; "date" in detections.

        Returns
        -------
        Ledger

        Raises
        ------
        DataError
            No such row or column, or a date whose day and month cannot be exchanged.
        """
        if which is None and table != "detections":
            raise DataError("Say which date: which='start', 'end' or 'both'.")
        roles = ("start", "end") if which == "both" else (which or "date",)
        tables = self._current()
        changes = []
        for role in roles:
            column = column_of(tables, table, role)
            for row in rows:
                was = cell_of(tables, table, row, column)
                changes.append((table, row, column, swapped_text(was, tables, table, row)))
        return self._with("swap dates", reason, changes)

    def drop_rows(self, table: str, rows: Iterable[int], *, reason: str) -> Ledger:
        """Leave rows out.

        Parameters
        ----------
        table : str
        rows : iterable of int
        reason : str

        Returns
        -------
        Ledger
        """
        return self._with("drop rows", reason, [(table, row, "", "") for row in rows])

    def set_sex(self, animal: str, sex: str, *, reason: str) -> Ledger:
        """Give all detections of an animal one sex; "" when it is not known.

        Parameters
        ----------
        animal, sex : str
        reason : str

        Returns
        -------
        Ledger
        """
        tables = self._current()
        column = column_of(tables, "detections", "sex")
        rows = rows_named(tables, "detections", "animal_id", animal)
        return self._with("set sex", reason, [("detections", row, column, sex) for row in rows])

    def merge_animals(self, animals: Sequence[str], *, into: str, reason: str) -> Ledger:
        """Take several ids as one animal.

        Parameters
        ----------
        animals : sequence of str
            Ids that are given up.
        into : str
            The id that stays.
        reason : str

        Returns
        -------
        Ledger
        """
        if isinstance(animals, str):
            animals = [animals]
        return self._renamed("merge animals", "animal_id", dict.fromkeys(animals, into), reason)

    def rename_animal(self, old: str, new: str, *, reason: str) -> Ledger:
        """Give an animal another id.

        Parameters
        ----------
        old, new : str
        reason : str

        Returns
        -------
        Ledger
        """
        return self._renamed("rename animal", "animal_id", {old: new}, reason)

    def rename_trap(self, old: str, new: str, *, reason: str) -> Ledger:
        """Give a trap another id, in every table that has the old one.

        Parameters
        ----------
        old, new : str
        reason : str

        Returns
        -------
        Ledger
        """
        return self._renamed("rename trap", "trap_id", {old: new}, reason)

    def set_coordinates(self, trap: str, x: object, y: object, *, reason: str) -> Ledger:
        """Put a trap at another place.

        Parameters
        ----------
        trap : str
        x, y : float
            In the columns x and y; longitude and latitude where the table has only these.
        reason : str

        Returns
        -------
        Ledger
        """
        tables = self._current()
        first, second = ("x", "y") if tables.has("traps", "x") else ("lon", "lat")
        places = {column_of(tables, "traps", first): x, column_of(tables, "traps", second): y}
        rows = rows_named(tables, "traps", "trap_id", trap)
        changes = [
            ("traps", row, name, str(value)) for row in rows for name, value in places.items()
        ]
        return self._with("set coordinates", reason, changes)

    def set_value(self, table: str, row: int, column: str, value: object, *, reason: str) -> Ledger:
        """Write another value into one cell.

        Parameters
        ----------
        table : str
        row : int
        column : str
            Name of the column, or its role (date, start, effort ...).
        value : object
        reason : str

        Returns
        -------
        Ledger
        """
        tables = self._current()
        name = tables.columns.get(table, {}).get(column, column)
        return self._with("set value", reason, [(table, row, name, str(value))])

    def _renamed(self, action: str, role: str, names: Mapping[str, str], reason: str) -> Ledger:
        tables = self._current()
        homes = ("detections",) if role == "animal_id" else tuple(tables.raw)
        changes = []
        for old, new in names.items():
            hits = [
                (table, row, column_of(tables, table, role), new)
                for table in homes
                for row in rows_named(tables, table, role, old, needed=False)
            ]
            if not hits:
                known = dict.fromkeys(str(n) for table in homes for n in tables.text(table, role))
                raise DataError(
                    f"There is no {role.partition('_')[0]} {old!r}"
                    f"{_checks.did_you_mean(old, known)}."
                )
            changes += hits
        return self._with(action, reason, changes)

    def _current(self) -> RawTables:
        if self.tables is None:
            raise DataError(
                "This ledger was read without its tables: Ledger.read(path, tables) to add to it."
            )
        return self.apply(self.tables)

    def _with(
        self, action: str, reason: str, changes: Sequence[tuple[str, int, str, str]]
    ) -> Ledger:
        if not reason.strip():
            raise DataError(f"{action}: give a reason. Without one nobody can follow the decision.")
        tables = self._current()
        made = tuple(
            Change(table, int(row), column, held_by(tables, table, int(row), column), now)
            for table, row, column, now in changes
        )
        made = tuple(change for change in made if not change.column or change.was != change.now)
        if not made:
            raise DataError(f"{action}: no rows were given, or nothing would change.")
        return Ledger((*self.corrections, Correction(action, reason, made)), self.tables)

    # --- use

    def apply(self, tables: RawTables) -> RawTables:
        """New tables with all corrections made, in order.

        Parameters
        ----------
        tables : RawTables
            The raw tables.

        Returns
        -------
        RawTables

        Raises
        ------
        DataError
            When a cell no longer holds what it held when the correction was written.
        """
        raw = {name: frame.astype(object) for name, frame in tables.raw.items()}
        for number, correction in enumerate(self.corrections, start=1):
            for change in correction.changes:
                make(raw, change, f"correction {number} ({correction.action})")
        return tables.with_raw(raw)

    def individuals(self, tables: RawTables | None = None) -> pd.DataFrame:
        """What became of every animal id of the raw detections.

        Parameters
        ----------
        tables : RawTables, optional
            The raw tables; those the ledger was written for by default.

        Returns
        -------
        DataFrame, one row per raw id
            animal_id, detections, used (number of its detections that are used), fate ("used",
            "dropped", "partly dropped", "merged into ...", "renamed to ..."), reason.
        """
        raw = tables if tables is not None else self.tables
        if raw is None:
            raise DataError("Give the raw tables: ledger.individuals(tables).")
        final = self.apply(raw)
        before = ids_of(raw)
        after = ids_of(final)
        given_up = {
            change.was: (correction.action, change.now)
            for correction in self.corrections
            for change in correction.changes
            if correction.action in ("merge animals", "rename animal")
        }
        rows = []
        for name in dict.fromkeys(before.to_list()):
            own = before.index[before == name]
            used = int(own.isin(after.index).sum())
            fate = "used" if used == len(own) else "dropped" if used == 0 else "partly dropped"
            if name in given_up and used:
                verb = "merged into" if given_up[name][0] == "merge animals" else "renamed to"
                fate = f"{verb} {given_up[name][1]}"
            reasons = dict.fromkeys(self._reasons(set(own), name))
            rows.append((name, len(own), used, fate, "; ".join(reasons)))
        return pd.DataFrame(rows, columns=["animal_id", "detections", "used", "fate", "reason"])

    def _reasons(self, rows: set[int], name: str) -> Iterator[str]:
        for correction in self.corrections:
            for change in correction.changes:
                if change.table == "detections" and change.row in rows:
                    yield correction.reason

    def to_dataframe(self) -> pd.DataFrame:
        """One row a changed cell: correction, action, table, row, column, was, now, reason."""
        rows = [
            {"correction": n, "action": c.action, **asdict(change), "reason": c.reason}
            for n, c in enumerate(self.corrections, start=1)
            for change in c.changes
        ]
        names = ["correction", "action", "table", "row", "column", "was", "now", "reason"]
        return pd.DataFrame(rows, columns=names)

    def save(self, path: PathLike) -> Path:
        """Write the ledger as a JSON file that people can read.

        Parameters
        ----------
        path : path

        Returns
        -------
        pathlib.Path
        """
        target = Path(path)
        if not target.absolute().parent.is_dir():
            raise DataError(f"There is no folder {str(target.absolute().parent)!r} to write to.")
        content = {"format": FORMAT, "corrections": [asdict(c) for c in self.corrections]}
        text = json.dumps(content, indent=2, ensure_ascii=False)
        target.write_text(text + "\n", encoding="utf-8")
        return target

    @classmethod
    def read(cls, path: PathLike, tables: RawTables | None = None) -> Ledger:
        """Read a ledger.

        Parameters
        ----------
        path : path
        tables : RawTables, optional
            The raw tables, when corrections are to be added.

        Returns
        -------
        Ledger

        Raises
        ------
        DataError
            No such file, or no ledger in it.
        """
        if not isinstance(path, str | os.PathLike):
            raise DataError(f"A ledger is a Ledger or its file; got {type(path).__name__}.")
        source = Path(path)
        if not source.is_file():
            raise DataError(f"There is no ledger {str(path)!r} (looked from {str(Path.cwd())!r}).")
        try:
            content = json.loads(source.read_text(encoding="utf-8"))
            corrections = tuple(correction_of(item) for item in content["corrections"])
        except DataError:
            raise
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise DataError(
                f"{source.name} is no ledger of corrections as Ledger.save writes it, or it is "
                "damaged. Save it anew."
            ) from error
        return cls(corrections, tables)

    def __len__(self) -> int:
        return len(self.corrections)

    def __repr__(self) -> str:
        cells = sum(len(correction.changes) for correction in self.corrections)
        return f"Ledger({_checks.plural(len(self), 'correction')}, cells or rows: {cells})"

    def _repr_html_(self) -> str:
        return str(self.to_dataframe().to_html(index=False, border=0))
