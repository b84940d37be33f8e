"""What a check found: each finding with its rows, reason and cure, and all of them together."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import pandas as pd

from secr_nea import _checks
from secr_nea._typing import PathLike
from secr_nea.errors import DataError

if TYPE_CHECKING:
    from secr_nea.quality.ledger import Ledger
    from secr_nea.quality.raw_tables import RawTables

SEVERITIES = ("error", "warning", "note")
COLUMNS = ["severity", "kind", "table", "rows", "seen", "why", "cure"]
COLOURS = {"error": "#b3261e", "warning": "#a86400", "note": "#4a5a6a"}


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong or doubtful in the data.

    Parameters
    ----------
    kind : str
        Name of what is wrong, such as ``"day-month-swapped"``; `secr_nea.quality.KINDS` has all.
    severity : {"error", "warning", "note"}
        An error must be mended before anything is estimated; a warning should be looked at; a note
        is good to know.
    table : {"traps", "operation", "detections", "mask", "surveys"}
        Where it is.
    rows : tuple of int
        Every row that takes part, 1 = first data row; empty when the whole table is meant.
    seen : str
        What was seen, with names and values.
    why : str
        Why it matters.
    cure : str
        How to mend it.
    """

    kind: str
    severity: str
    table: str
    rows: tuple[int, ...]
    seen: str
    why: str
    cure: str

    def to_dict(self) -> dict[str, Any]:
        """The finding with keys kind, severity, table, rows, seen, why, cure."""
        return {
            "kind": self.kind,
            "severity": self.severity,
            "table": self.table,
            "rows": list(self.rows),
            "seen": self.seen,
            "why": self.why,
            "cure": self.cure,
        }


@dataclass(frozen=True, repr=False, eq=False)
class Findings:
    """All findings of a check, errors first; behaves as a sequence of :class:`Finding`.

    Parameters
    ----------
    found : tuple of Finding
    tables : RawTables
        What was checked.
    ledger : Ledger or None
        Corrections that were applied before the check.
    """

    found: tuple[Finding, ...]
    tables: RawTables
    ledger: Ledger | None = None

    def __len__(self) -> int:
        return len(self.found)

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.found)

    @overload
    def __getitem__(self, index: int) -> Finding: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Finding, ...]: ...
    def __getitem__(self, index: int | slice) -> Finding | tuple[Finding, ...]:
        return self.found[index]

    def of(self, kind: str) -> tuple[Finding, ...]:
        """Findings of one kind."""
        return tuple(finding for finding in self.found if finding.kind == kind)

    @property
    def errors(self) -> tuple[Finding, ...]:
        """What must be mended."""
        return tuple(finding for finding in self.found if finding.severity == "error")

    @property
    def must_be_mended(self) -> bool:
        """Whether there is any error."""
        return bool(self.errors)

    @cached_property
    def counts(self) -> dict[str, int]:
        """Number of findings of each severity."""
        return {s: sum(f.severity == s for f in self.found) for s in SEVERITIES}

    @property
    def verdict(self) -> str:
        """One sentence: how many findings there are, and whether the data can be used."""
        if not self.found:
            return "Nothing was found that must be mended or looked at."
        told = [_checks.plural(n, severity) for severity, n in self.counts.items() if n]
        ending = (
            "Mend the errors before anything is estimated."
            if self.must_be_mended
            else "Nothing must be mended; look at the rest."
        )
        return f"{', '.join(told)}. {ending}"

    def to_dataframe(self) -> pd.DataFrame:
        """One row a finding: severity, kind, table, rows (list of int), seen, why, cure."""
        rows = [finding.to_dict() for finding in self.found]
        return pd.DataFrame(rows, columns=COLUMNS)

    def to_json(self, path: PathLike | None = None) -> str:
        """Findings as a JSON list of objects with kind, severity, table, rows, seen, why, cure.

        Parameters
        ----------
        path : path, optional
            File to write it to.

        Returns
        -------
        str
        """
        text = json.dumps([f.to_dict() for f in self.found], indent=2, ensure_ascii=False)
        if path is not None:
            _writable(path).write_text(text + "\n", encoding="utf-8")
        return text

    def report(self, path: PathLike, *, title: str | None = None) -> Path:
        """Write one HTML page: findings, map, operation of cameras, effort, animals over time.

        The page is complete in itself. It shows a map with a scale but without coordinates; it
        does show where cameras stand to each other, so treat it as data.

        Parameters
        ----------
        path : path
        title : str, optional

        Returns
        -------
        pathlib.Path

        Raises
        ------
        DataError
            No such folder.
        """
        from secr_nea.quality.page import findings_page

        target = _writable(path)
        target.write_text(findings_page(self, title=title), encoding="utf-8")
        return target

    def __repr__(self) -> str:
        return f"Findings({self.verdict})"

    def __str__(self) -> str:
        parts = [self.verdict]
        for finding in self.found:
            where = finding.table
            if finding.rows:
                where += f", {_checks.rows_listed(finding.rows)}"
            parts.append(f"\n{finding.severity.upper()} {finding.kind} ({where})")
            for name, text in (
                ("", finding.seen),
                ("why: ", finding.why),
                ("cure: ", finding.cure),
            ):
                parts.append(textwrap.fill(f"  {name}{text}", 96, subsequent_indent="    "))
        return "\n".join(parts)

    def _repr_html_(self) -> str:
        return f"<p><b>{escape(self.verdict)}</b></p>{findings_table(self)}"


def findings_table(findings: Findings) -> str:
    """Findings as an HTML table; all text escaped."""
    if not findings.found:
        return ""
    head = "".join(f"<th style='text-align:left'>{name}</th>" for name in
                   ("", "where", "what was seen", "why it matters", "how to mend it"))  # fmt: skip
    body = "".join(map(_row, findings))
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _row(finding: Finding) -> str:
    colour = COLOURS[finding.severity]
    rows = f"<br>{escape(_checks.rows_listed(finding.rows))}" if finding.rows else ""
    cell = "<td style='text-align:left;vertical-align:top'>"
    return (
        f"<tr>{cell}<b style='color:{colour}'>{finding.severity}</b><br>"
        f"<code>{escape(finding.kind)}</code></td>"
        f"{cell}{escape(finding.table)}{rows}</td>"
        f"{cell}{escape(finding.seen)}</td>{cell}{escape(finding.why)}</td>"
        f"{cell}{escape(finding.cure)}</td></tr>"
    )


def _writable(path: PathLike) -> Path:
    target = Path(path)
    if not target.absolute().parent.is_dir():
        raise DataError(f"There is no folder {str(target.absolute().parent)!r} to write to.")
    if target.is_dir():
        raise DataError(f"{str(target)!r} is a folder; name a file.")
    return target
