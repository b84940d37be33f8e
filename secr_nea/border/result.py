"""The result of a transboundary analysis: tables, a map, and sentences."""

from __future__ import annotations

from dataclasses import dataclass, replace
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from secr_nea.border.catalogues import Concordance
from secr_nea.border.labels import localised, place, words_of
from secr_nea.border.sides import Sides
from secr_nea.border.summary import number_of, sentences_of
from secr_nea.results_text import rounded
from secr_nea.survey import Survey

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False, repr=False)
class Transboundary:
    """What a survey across a border says about each side; read-only.

    Parameters
    ----------
    sides : Sides
        Countries and their polygons.
    surveys : tuple of Survey
    records : DataFrame
        Every record with its side; holds positions, so it is not part of any report.
    animals : DataFrame
        One row per survey and animal: seen_in, n_sides, detections_<country>, crossings (at
        least), share_<country> and share_elsewhere (where its activity centre lies; nan where the
        fit did not earn it), furthest_km_<country>.
    groups : DataFrame
        Animals seen in one country only and in both: survey, seen_in, n_sides, animals.
    crossings : DataFrame
        survey, animal, from, to, last_seen, first_seen (occasions or dates), order_known.
    furthest : DataFrame
        Per country: furthest_km and animal, and the same for animals seen on both sides
        (shared_km, shared_animal).
    abundance : DataFrame
        As `secr_nea.inference.abundance`, one row per country, ``elsewhere`` where part of the
        mask lies in none, and ``together``. Empty when the fit earned no numbers.
    covariance : dict of str to DataFrame
        ``"expected"`` and ``"realised"``: countries x countries of each survey, rows and columns
        (survey, country).
    double_count : DataFrame
        Per survey: list_<country> (animals on its list), sum_of_lists, animals, counted_again,
        ratio; expected_sum, expected_animals, expected_ratio from the model.
    national : DataFrame or None
        Estimates from each country's own data, where asked for.
    concordance : Concordance or None
    unearned : str
        Why no number of the fit is shown; empty when they are.
    level : float
    language : {"en", "ru"}
    mark : str
        `mark_of` the fit, by which a report knows its own.
    """

    sides: Sides
    surveys: tuple[Survey, ...]
    records: pd.DataFrame
    animals: pd.DataFrame
    groups: pd.DataFrame
    crossings: pd.DataFrame
    furthest: pd.DataFrame
    abundance: pd.DataFrame
    covariance: dict[str, pd.DataFrame]
    double_count: pd.DataFrame
    national: pd.DataFrame | None
    concordance: Concordance | None
    unearned: str
    level: float
    language: str
    mark: str

    @property
    def countries(self) -> tuple[str, ...]:
        """Names of the sides."""
        return self.sides.names

    @property
    def words(self) -> dict[str, str]:
        """Words for labels in the language of the result."""
        return words_of(self.language)

    def place(self, name: str) -> str:
        """Name of a country, or of several with commas, in the language of the result."""
        return place(name, self.language)

    @property
    def sentences(self) -> list[str]:
        """The result in plain sentences, in the language of the result."""
        return sentences_of(self)

    @property
    def public_sentences(self) -> list[str]:
        """The sentences without those that tell an animal and how far from the border it was."""
        return sentences_of(self, public=True)

    @property
    def summary(self) -> str:
        """The sentences as one text, one a line."""
        return "\n".join(self.sentences)

    def translated(self, language: str) -> Transboundary:
        """The same result with the words of another language, ``"en"`` or ``"ru"``."""
        words_of(language)
        return replace(self, language=language)

    def correlation(self, survey: str) -> float | None:
        """Correlation of the numbers of two countries; None for more, or where it is not known."""
        for kind in ("realised", "expected"):
            if kind in self.covariance and len(self.countries) == 2:
                matrix: Any = self.covariance[kind].loc[survey, survey]
                own = [name for name in self.countries if name in matrix.index]
                values = matrix.loc[own, own].to_numpy()
                if len(own) == 2 and np.isfinite(values).all():
                    return float(values[0, 1] / np.sqrt(values[0, 0] * values[1, 1]))
        return None

    def plot(self, *, survey: str | None = None, ax: Axes | None = None, **options: Any) -> Axes:
        """Map of the animals by the sides on which they were seen; see `secr_nea.plot.border`."""
        from secr_nea import plot

        drawn: Axes = plot.border(self, survey=survey, ax=ax, **options)
        return drawn

    def tables(self) -> dict[str, pd.DataFrame]:
        """All tables with exact numbers, by name; none holds a position.

        Returns
        -------
        dict of str to DataFrame
        """
        found = {
            "transboundary_animals": self.animals,
            "transboundary_groups": self.groups,
            "transboundary_crossings": self.crossings,
            "transboundary_furthest": self.furthest,
            "transboundary_abundance": self.abundance,
            "transboundary_double_count": self.double_count,
        }
        for kind, matrix in self.covariance.items():
            found[f"transboundary_covariance_{kind}"] = _flat(matrix)
        if self.national is not None:
            found["transboundary_national"] = self.national
        if self.concordance is not None:
            found["transboundary_concordance"] = self.concordance.shown()
        return found

    def shown(self) -> dict[str, pd.DataFrame]:
        """The tables as rounded text in the language of the result, by title.

        Returns
        -------
        dict of str to DataFrame of str
        """
        words = words_of(self.language)
        several = len(self.surveys) > 1
        found = {
            "groups": _groups_shown(self, words),
            "double count": _lists_shown(self, words),
            "abundance": _abundance_shown(self, words),
            "national": _national_shown(self, words),
            "furthest": _furthest_shown(self, words),
            "crossings": _crossings_shown(self, words),
            "animals": _animals_shown(self, words),
            "concordance": _concordance_shown(self, words),
        }
        shown = {}
        for key, table in found.items():
            if not len(table):
                continue
            hidden = [words["survey"]] if not several and words["survey"] in table else []
            text = table.drop(columns=hidden).map(lambda cell: localised(cell, self.language))
            shown[words[f"title {key}"]] = text
        return shown

    def __repr__(self) -> str:
        n = int(self.double_count["animals"].sum())
        return f"Transboundary({' | '.join(self.countries)}; {n} animals)"

    def __str__(self) -> str:
        parts = [self.summary]
        for title, table in self.shown().items():
            parts.append(f"{title}\n{table.to_string(index=False)}")
        return "\n\n".join(parts)

    def _repr_html_(self) -> str:
        sentences = "".join(f"<li>{escape(line)}</li>" for line in self.sentences)
        tables = "".join(
            f"<b>{escape(title)}</b>{table.to_html(index=False, border=0)}"
            for title, table in self.shown().items()
        )
        return f"<ul>{sentences}</ul>{tables}"


def _flat(matrix: pd.DataFrame) -> pd.DataFrame:
    """A covariance with plain columns, to be written as CSV."""
    flat = matrix.copy()
    flat.columns = pd.Index([" / ".join(pair) for pair in matrix.columns])
    return flat.reset_index()


def _groups_shown(found: Transboundary, words: dict[str, str]) -> pd.DataFrame:
    table = found.groups
    labels = [
        (words["only"] if row["n_sides"] == 1 else "{}").format(
            place(row["seen_in"], found.language)
        )
        for _, row in table.iterrows()
    ]
    return pd.DataFrame(
        {
            words["survey"]: table["survey"],
            words["group"]: labels,
            words["animals"]: table["animals"].astype(str),
        }
    )


def _animals_shown(found: Transboundary, words: dict[str, str]) -> pd.DataFrame:
    table = found.animals
    local = {name: place(name, found.language) for name in found.countries}
    columns: dict[str, Any] = {
        words["survey"]: table["survey"],
        words["animal"]: table["animal"],
        words["seen in"]: [place(name, found.language) for name in table["seen_in"]],
    }
    for name, shown in local.items():
        columns[words["detections in"].format(shown)] = table[f"detections_{name}"].astype(str)
    columns[words["crossings"]] = table["crossings"].astype(str)
    for name, shown in local.items() if not found.unearned else ():
        share = [f"{100.0 * value:.0f} %" for value in table[f"share_{name}"]]
        columns[words["share in"].format(shown)] = share
    for name, shown in local.items():
        far = table[f"furthest_km_{name}"].map(_kilometres)
        columns[words["furthest in"].format(shown)] = far
    return pd.DataFrame(columns)


def _kilometres(value: float) -> str:
    return f"{value:.1f}" if np.isfinite(value) else "-"


def _time(value: Any, words: dict[str, str]) -> str:
    if isinstance(value, pd.Timestamp):
        return value.strftime("%Y-%m-%d")
    return words["occasion"].format(value)


def _crossings_shown(found: Transboundary, words: dict[str, str]) -> pd.DataFrame:
    table = found.crossings
    columns = {words[name]: table[name] for name in ("survey", "animal")}
    for name in ("from", "to"):
        columns[words[name]] = table[name].map(lambda side: place(side, found.language))
    for name in ("last_seen", "first_seen"):
        columns[words[name]] = table[name].map(lambda value: _time(value, words))
    known = table["order_known"].map({True: words["yes"], False: words["no"]})
    return pd.DataFrame({**columns, words["order_known"]: known})


def _furthest_shown(found: Transboundary, words: dict[str, str]) -> pd.DataFrame:
    table = found.furthest
    return pd.DataFrame(
        {
            words["survey"]: table["survey"],
            words["country"]: table["country"].map(lambda side: place(side, found.language)),
            words["furthest"]: table["furthest_km"].map(_kilometres),
            words["who"]: table["animal"].fillna("-"),
            words["furthest shared"]: table["shared_km"].map(_kilometres),
            f"{words['who']} ": table["shared_animal"].fillna("-"),
        }
    )


def _abundance_shown(found: Transboundary, words: dict[str, str]) -> pd.DataFrame:
    table = found.abundance
    if not len(table):
        return table
    numbers = [number_of(row) for _, row in table.iterrows()]
    interval = words["interval"].format(100 * found.level)
    return pd.DataFrame(
        {
            words["survey"]: table["survey"],
            words["country"]: [
                words.get(name, place(name, found.language)) for name in table["country"]
            ],
            words["area"]: [f"{area:,.0f}" for area in table["area_km2"]],
            words["number"]: [rounded(value, se) for value, se, _, _ in numbers],
            interval: [_ends(low, high, se) for _, se, low, high in numbers],
            words["density"]: [rounded(d, digits=3) for d in table["density_per_100km2"]],
            f"{interval} ": [
                _ends(row["density_lower"], row["density_upper"], np.nan)
                for _, row in table.iterrows()
            ],
        }
    )


def _ends(low: float, high: float, se: float) -> str:
    if not np.isfinite(low):
        return "-"
    return f"{rounded(low, se, digits=3)} – {rounded(high, se, digits=3)}"


def _lists_shown(found: Transboundary, words: dict[str, str]) -> pd.DataFrame:
    rows = []
    for _, row in found.double_count.iterrows():
        lists = {place(name, found.language): str(row[f"list_{name}"]) for name in found.countries}
        head = {words["survey"]: row["survey"]}
        rows.append(
            {
                **head,
                " ": words["observed"],
                **lists,
                words["sum of lists"]: str(row["sum_of_lists"]),
                words["different animals"]: str(row["animals"]),
                words["ratio"]: f"{row['ratio']:.2f}" if row["animals"] else "-",
            }
        )
        if np.isfinite(row["expected_ratio"]):
            lists = {
                place(name, found.language): f"{row[f'expected_list_{name}']:.1f}"
                for name in found.countries
            }
            rows.append(
                {
                    **head,
                    " ": words["expected"],
                    **lists,
                    words["sum of lists"]: f"{row['expected_sum']:.1f}",
                    words["different animals"]: f"{row['expected_animals']:.1f}",
                    words["ratio"]: f"{row['expected_ratio']:.2f}",
                }
            )
    return pd.DataFrame(rows)


def _national_shown(found: Transboundary, words: dict[str, str]) -> pd.DataFrame:
    if found.national is None:
        return pd.DataFrame()
    table = found.national
    joint = found.abundance
    rows = []
    for _, row in table.iterrows():
        same = (joint["survey"] == row["survey"]) & (joint["country"] == row["country"])
        value = number_of(joint[same].iloc[0])[0] if same.any() else np.nan
        known = np.isfinite(row["number"])
        rows.append(
            {
                words["survey"]: row["survey"],
                words["country"]: place(row["country"], found.language),
                words["list"]: str(row["animals"]),
                words["national"]: rounded(row["number"], row["se"]),
                words["interval"].format(100 * found.level): _ends(
                    row["lower"], row["upper"], row["se"]
                ),
                words["joint"]: rounded(value, row["se"]),
                words["remark"]: "" if known else row["message"],
            }
        )
    shown = pd.DataFrame(rows)
    remark = words["remark"]
    return shown.drop(columns=remark) if (shown[remark] == "").all() else shown


def _concordance_shown(found: Transboundary, words: dict[str, str]) -> pd.DataFrame:
    if found.concordance is None:
        return pd.DataFrame()
    table = found.concordance.shown()
    status = {"agreed": "agreed", "only": "status only", "conflict": "conflict"}
    table["status"] = [words[status[value]] for value in table["status"]]
    return table.rename(columns={"key": words["key"], "status": words["status"]})
