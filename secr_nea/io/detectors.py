"""The detectors of every survey of a study: traps from one table, searches from another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from secr_nea._typing import CRSLike
from secr_nea.errors import DataError
from secr_nea.io.csv_text import Table, naming, read_text_table
from secr_nea.io.matching import matched
from secr_nea.io.searches import is_geodata, searches_of, searches_table
from secr_nea.io.survey_rows import by_survey, traps_of
from secr_nea.traps import TrapArray


@dataclass(frozen=True)
class TrapReading:
    """How a table of traps is read; see `secr_nea.read_traps`.

    Parameters
    ----------
    detector : str or sequence of str
    effort_column : str or None
    varying : mapping of name to list of columns, or None
    """

    detector: str | Sequence[str] = "count"
    effort_column: str | None = None
    varying: Mapping[str, Sequence[str]] | None = None


@dataclass(frozen=True)
class StudyDetectors:
    """Tables of the detectors by survey; a study without a survey column has the one survey "".

    Parameters
    ----------
    sources : tuple
        The traps and the searches as they were given, for messages.
    traps, searches : dict of str to DataFrame
        Either may lack a survey.
    effort : dict of str to DataFrame
        Of the traps.
    search_effort : dict of str to DataFrame
    reading : TrapReading
    crs : anything pyproj understands, or None
    n_occasions : int or None
    """

    sources: tuple[Any, Any]
    traps: dict[str, pd.DataFrame]
    searches: dict[str, Any]
    effort: dict[str, pd.DataFrame]
    search_effort: dict[str, pd.DataFrame]
    reading: TrapReading
    crs: CRSLike | None
    n_occasions: int | None

    @property
    def names(self) -> dict[str, None]:
        """Names of the surveys in order: those with traps, then those with searches only."""
        return dict.fromkeys([*self.traps, *self.searches])

    def of(self, name: str) -> TrapArray:
        """The detectors of one survey; searches have as many occasions as its traps.

        Parameters
        ----------
        name : str

        Returns
        -------
        TrapArray
        """
        told = None if name == "" else name
        arrays = []
        n_occasions = self.n_occasions
        if name in self.traps:
            with naming(self.sources[0], "traps", told):
                array = traps_of(
                    self.traps[name],
                    self.reading.detector,
                    self.crs,
                    self.effort.get(name),
                    self.reading.effort_column,
                    n_occasions,
                    self.reading.varying,
                )
            arrays.append(array)
            n_occasions = array.n_occasions
        if name in self.searches:
            rows, effort = self.searches[name], self.search_effort.get(name)
            crs = self.crs
            if crs is None and is_geodata(rows):
                crs = rows.crs
            with naming(self.sources[1], "searches", told):
                arrays.append(searches_of(rows, None, crs, effort, n_occasions))
        return arrays[0] if len(arrays) == 1 else TrapArray.joined(*arrays)


def study_detectors(
    traps: Table | None,
    searches: Any,
    *,
    effort: Table | None,
    search_effort: Table | None,
    survey_column: str,
    reading: TrapReading,
    crs: CRSLike | None,
    n_occasions: int | None,
) -> StudyDetectors:
    """Detectors of all surveys of a study.

    Parameters
    ----------
    traps, effort, search_effort : CSV file or DataFrame, or None
    searches : CSV file, DataFrame, GeoDataFrame or file of geodata, or None
    survey_column : str
    reading : TrapReading
    crs : anything pyproj understands, or None
    n_occasions : int or None

    Returns
    -------
    StudyDetectors

    Raises
    ------
    DataError
        If there are neither traps nor searches, or only one of the two tables names surveys.
    """
    if traps is None and searches is None:
        raise DataError("Give traps= or searches=, or both: without detectors there is no survey.")
    trap_tables: dict[str, pd.DataFrame] = {}
    search_tables: dict[str, Any] = {}
    if traps is not None:
        with naming(traps, "traps"):
            trap_tables = by_survey(read_text_table(traps, "traps"), survey_column, "traps")
    if searches is not None:
        frame = searches_table(searches)
        with naming(searches, "searches"):
            search_tables = by_survey(frame, survey_column, "searches")
    if trap_tables and search_tables and ("" in trap_tables) != ("" in search_tables):
        with_it, without = ("searches", "traps") if "" in trap_tables else ("traps", "searches")
        raise DataError(
            f"The {with_it} table has a column {survey_column!r}, but the {without} table has "
            "none. Both must name their surveys, or neither."
        )
    if effort is not None and traps is None:
        raise DataError("effort= is that of traps; give search_effort= for searches.")
    if search_effort is not None and searches is None:
        raise DataError("search_effort= needs searches=.")
    return StudyDetectors(
        (traps, searches),
        trap_tables,
        search_tables,
        matched(effort, "effort", trap_tables, survey_column),
        matched(search_effort, "search effort", search_tables, survey_column),
        reading,
        crs,
        n_occasions,
    )
