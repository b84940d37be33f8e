"""Whether two catalogues of individuals name the same animals consistently."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from secr_nea import _checks
from secr_nea.errors import DataError
from secr_nea.io.csv_text import read_text_table

STATUSES = ("agreed", "only", "conflict")
"""One name on each side; a name that only one side has; several names on a side."""

_LOOK_ALIKE = str.maketrans("АВЕКМНОРСТУХЅІЈ", "ABEKMHOPCTYXSIJ")


@dataclass(frozen=True, eq=False)
class Concordance:
    """Which names in two catalogues are the same animal; read-only.

    Parameters
    ----------
    catalogues : (str, str)
        Names of the catalogues.
    table : DataFrame
        One row per animal (names that are linked, directly or through others): key, one column for
        each catalogue (tuples of names), status ("agreed", "only" or "conflict").
    look_alikes : tuple of (str, str)
        Different names that look the same: other case, spaces, or Cyrillic letters for Latin.
    """

    catalogues: tuple[str, str]
    table: pd.DataFrame
    look_alikes: tuple[tuple[str, str], ...]

    @property
    def conflicts(self) -> pd.DataFrame:
        """Animals with several names in a catalogue: somebody split or merged them."""
        return self.table[self.table["status"] == "conflict"].reset_index(drop=True)

    @property
    def consistent(self) -> bool:
        """Whether there is no conflict and no pair of look-alikes."""
        return not len(self.conflicts) and not self.look_alikes

    @property
    def counts(self) -> pd.Series:
        """Animals agreed on, in one catalogue only, and in conflict."""
        first, second = self.catalogues
        status = self.table["status"]
        left = self.table[first].map(len) > 0
        numbers = {
            "agreed": int((status == "agreed").sum()),
            f"only {first}": int(((status == "only") & left).sum()),
            f"only {second}": int(((status == "only") & ~left).sum()),
            "conflict": int((status == "conflict").sum()),
        }
        return pd.Series(numbers, name="animals")

    @property
    def keys(self) -> dict[str, dict[str, str]]:
        """For each catalogue: its names, and the agreed key of each."""
        return {
            catalogue: {
                name: str(row["key"]) for _, row in self.table.iterrows() for name in row[catalogue]
            }
            for catalogue in self.catalogues
        }

    def rename(
        self, detections: pd.DataFrame, catalogue: str, *, animal_id: str = "animal_id"
    ) -> pd.DataFrame:
        """A table of detections with the agreed keys in place of one catalogue's names.

        Parameters
        ----------
        detections : DataFrame
        catalogue : str
            Which catalogue the names are of.
        animal_id : str
            Column with the names.

        Returns
        -------
        DataFrame
            A copy.

        Raises
        ------
        DataError
            If there are conflicts to be settled first, or a name is in no row of the concordance.
        """
        if catalogue not in self.catalogues:
            raise DataError(
                f"There is no catalogue {catalogue!r}; there are {' and '.join(self.catalogues)}."
            )
        if len(self.conflicts):
            raise DataError(
                f"{_checks.plural(len(self.conflicts), 'conflict')} must be settled first, or one "
                f"animal would become several: {_conflict_text(self)}"
            )
        known = self.keys[catalogue]
        names = detections[animal_id].astype(str).str.strip()
        unknown = list(dict.fromkeys(names[~names.isin(known)]))
        if unknown:
            raise DataError(
                f"{_checks.listed(map(repr, unknown))} not in the catalogue {catalogue!r}"
                f"{_checks.did_you_mean(unknown[0], known)}."
            )
        return detections.assign(**{animal_id: names.map(known)})

    def shown(self) -> pd.DataFrame:
        """The table as text."""
        names = {c: [", ".join(v) or "-" for v in self.table[c]] for c in self.catalogues}
        return pd.DataFrame({"key": self.table["key"], **names, "status": self.table["status"]})

    def __str__(self) -> str:
        numbers = ", ".join(f"{name}: {n}" for name, n in self.counts.items())
        lines = [f"Concordance of {' and '.join(self.catalogues)}: {numbers}."]
        if len(self.conflicts):
            lines.append(f"Conflicts: {_conflict_text(self)}")
        lines += [f"{a!r} and {b!r} look the same." for a, b in self.look_alikes]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        from html import escape

        return f"<p>{escape(str(self))}</p>{self.shown().to_html(index=False)}"


def concordance(
    links: Any,
    first: str | None = None,
    second: str | None = None,
    *,
    known: dict[str, Iterable[str]] | None = None,
) -> Concordance:
    """Check a table that says which names in two catalogues are the same animal.

    Parameters
    ----------
    links : DataFrame or CSV file
        One row per claim "this name here is that name there"; an empty cell where a catalogue does
        not have the animal.
    first, second : str, optional
        Columns with the names of the two catalogues; the first two columns by default.
    known : mapping of catalogue to names, optional
        All names of a catalogue, so that those that no row mentions are found too.

    Returns
    -------
    Concordance
        Names that are linked, directly or through others, are one animal: agreed when each
        catalogue has one name for it, a conflict when one has several. The key is the name in the
        first catalogue, else in the second.

    Raises
    ------
    DataError
        If the columns are missing, or the same name stands for animals of both catalogues that are
        not linked.

    Examples
    --------
    >>> import pandas as pd
    >>> links = pd.DataFrame({"Russia": ["Bars", "Irbis", "Irbis"], "Mongolia": ["M1", "M2", "M3"]})
    >>> int(concordance(links).counts["conflict"])
    1
    """
    table = read_text_table(links, "links") if isinstance(links, str | os.PathLike) else links
    if not isinstance(table, pd.DataFrame) or table.shape[1] < 2:
        raise DataError("links must be a DataFrame or a file with a column for each catalogue.")
    names = (str(first or table.columns[0]), str(second or table.columns[1]))
    for name in (*names, *(known or {})):
        if name not in table.columns:
            raise DataError(
                f"links: there is no column {name!r}"
                f"{_checks.did_you_mean(name, map(str, table.columns))}."
            )
    pairs = [
        tuple("" if _checks.is_missing(v) else _checks.as_text(v).strip() for v in row)
        for row in table[list(names)].itertuples(index=False)
    ]
    for catalogue, others in (known or {}).items():
        at = names.index(catalogue)
        pairs += [(str(n), "") if at == 0 else ("", str(n)) for n in others]
    pairs = [pair for pair in pairs if any(pair)]
    return Concordance(names, _grouped(pairs, names), _look_alikes(pairs))


def _grouped(pairs: Sequence[tuple[str, ...]], names: tuple[str, str]) -> pd.DataFrame:
    """Connected names: one row per animal."""
    nodes = list(dict.fromkeys((side, n) for pair in pairs for side, n in enumerate(pair) if n))
    at = {node: i for i, node in enumerate(nodes)}
    edges = np.array([[at[0, a], at[1, b]] for a, b in pairs if a and b]).reshape(-1, 2)
    graph = coo_array((np.ones(len(edges)), tuple(edges.T)), shape=(len(nodes), len(nodes)))
    group: list[int] = list(connected_components(graph, directed=False)[1]) if nodes else []
    rows = []
    for g in dict.fromkeys(group):
        members = [node for node, own in zip(nodes, group, strict=True) if own == g]
        sides = [tuple(n for side, n in members if side == j) for j in (0, 1)]
        several = max(map(len, sides)) > 1
        status = "conflict" if several else "only" if min(map(len, sides)) == 0 else "agreed"
        rows.append(((sides[0] or sides[1])[0], *sides, status))
    table = pd.DataFrame(rows, columns=["key", *names, "status"])
    twice = table["key"][table["key"].duplicated()]
    if len(twice):
        raise DataError(
            f"The name {twice.iloc[0]!r} stands in both catalogues for animals that no row links. "
            "Link them, or add the catalogue to one of the names."
        )
    return table


def _look_alikes(pairs: Sequence[tuple[str, ...]]) -> tuple[tuple[str, str], ...]:
    """Names within a catalogue that a reader cannot tell apart."""
    found: list[tuple[str, str]] = []
    for side in (0, 1):
        seen: dict[str, str] = {}
        for name in dict.fromkeys(pair[side] for pair in pairs if pair[side]):
            plain = unicodedata.normalize("NFKC", name).upper().translate(_LOOK_ALIKE)
            key = "".join(plain.split()).replace("-", "").replace("_", "")
            if key in seen:
                found.append((seen[key], name))
            seen.setdefault(key, name)
    return tuple(found)


def _conflict_text(found: Concordance) -> str:
    first, second = found.catalogues
    parts = (
        f"{', '.join(row[first]) or '-'} ({first}) = {', '.join(row[second]) or '-'} ({second})"
        for _, row in found.conflicts.iterrows()
    )
    return f"{_checks.listed(parts, 5)}."
