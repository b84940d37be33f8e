"""Capture histories of one survey: which animal was detected where, when and how often."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from secr_nea import _checks, _columns
from secr_nea._printing import facts_html
from secr_nea._typing import FloatArray, IntArray
from secr_nea.capture_rules import check_records
from secr_nea.capture_tables import (
    add_up,
    counts_of,
    covariates_of_detections,
    covariates_of_individuals,
    identical_among,
    located_rows,
    natural_order,
    occasion_positions,
    positions_of,
    refuse_placeholders,
    trap_positions,
)
from secr_nea.errors import DataError
from secr_nea.traps import TrapArray

if TYPE_CHECKING:
    import xarray


@dataclass(frozen=True, eq=False, repr=False, init=False)
class CaptureHistory:
    """Detections of individually known animals, as sparse records; read-only.

    Parameters
    ----------
    traps : TrapArray
        Where the animals were detected.
    animal, occasion, trap : array-like of int, shape (n_records,)
        0-based positions of the animal, the occasion and the trap of each record. The same three
        numbers twice are added up.
    count : array-like of int, shape (n_records,), optional
        Detections of each record, 1 or more; 1 when absent.
    xy : array-like, shape (n_records, 2), metres, optional
        Where each detection of a search was made, one record for each; ignored for traps that are
        points.
    animal_ids : sequence of str, optional
        Names, unique; "1", "2" ... when absent.
    covariates : DataFrame or mapping, n_animals rows, optional
        What is known of each animal, for example sex; missing values stay missing.

    Attributes
    ----------
    animal, occasion, trap, count : int64 array, shape (n_records,)
        Sorted by animal, occasion, trap; count is above 0.
    positions : float64 array, shape (n_located, 2), metres
        Positions of the detections of searches, record after record.
    located : int64 array, shape (n_located,)
        Record of each position: ``animal[located]`` was at ``positions``.
    animal_ids : tuple of str
    covariates : DataFrame, n_animals rows
    traps : TrapArray

    Raises
    ------
    DataError
        Positions out of range, animals without detection, doubtful ids, detections where effort is
        0, counts that the detector cannot give.

    Examples
    --------
    >>> traps = TrapArray([[0, 0], [3000, 0]], ids=["north", "south"])
    >>> CaptureHistory(traps, animal=[0, 0, 1], occasion=[0, 0, 0], trap=[0, 1, 1])
    CaptureHistory(2 animals, 3 detections, 2 of 2 traps visited, 1 occasion, count)
    """

    traps: TrapArray
    animal: IntArray
    occasion: IntArray
    trap: IntArray
    count: IntArray
    positions: FloatArray
    located: IntArray
    animal_ids: tuple[str, ...]
    covariates: pd.DataFrame

    def __init__(
        self,
        traps: TrapArray,
        *,
        animal: ArrayLike,
        occasion: ArrayLike,
        trap: ArrayLike,
        count: ArrayLike | None = None,
        xy: ArrayLike | None = None,
        animal_ids: Sequence[object] | None = None,
        covariates: pd.DataFrame | Mapping[str, Any] | None = None,
    ) -> None:
        where = [
            _checks.whole_numbers(values, name)
            for name, values in (("animal", animal), ("occasion", occasion), ("trap", trap))
        ]
        counts = np.ones(len(where[0])) if count is None else count
        counts = _checks.whole_numbers(counts, "count")
        if len({len(values) for values in (*where, counts)}) != 1:
            lengths = _checks.listed(len(values) for values in (*where, counts))
            raise DataError(
                f"animal, occasion, trap and count must be equally long; got {lengths}."
            )
        if animal_ids is None:
            animal_ids = [str(i + 1) for i in range(int(where[0].max(initial=-1)) + 1)]
        ids = _checks.names(animal_ids, "animal id")
        refuse_placeholders(ids)
        _check_positions(where, counts, (len(ids), traps.n_occasions, traps.n_traps))
        _refuse_undetected(where[0], ids)
        positions, owner = positions_of(traps, where[2], counts, xy)
        added, record = add_up(where, counts, (len(ids), traps.n_occasions, traps.n_traps))
        order = np.argsort(record[owner], kind="stable")
        put = object.__setattr__
        put(self, "positions", _checks.read_only(positions[order], np.float64))
        put(self, "located", _checks.read_only(record[owner][order], np.int64))
        put(self, "traps", traps)
        for name, values in zip(("animal", "occasion", "trap", "count"), added, strict=True):
            put(self, name, _checks.read_only(values, np.int64))
        put(self, "animal_ids", ids)
        put(self, "covariates", _checks.covariate_frame(covariates, len(ids), "animal"))
        check_records(self)

    @classmethod
    def from_dataframe(
        cls,
        frame: pd.DataFrame,
        traps: TrapArray,
        *,
        animal_id: str = "animal_id",
        occasion: str = "occasion",
        trap_id: str = "trap_id",
        count: str = "count",
        x: str = "x",
        y: str = "y",
        tolerance: float = 100.0,
        individuals: pd.DataFrame | None = None,
        animal_covariates: Sequence[str] | None = None,
    ) -> CaptureHistory:
        """Capture histories from a table with one row per detection, or per record with a count.

        Parameters
        ----------
        frame : DataFrame
            Detections. Without the column ``count`` each row is one detection. Without the column
            ``occasion`` all are of the first occasion, if there is but one. Other columns are not
            used.
        traps : TrapArray
        animal_id, occasion, trap_id, count : str
            Column names. Occasions are numbered 1, 2 ... n_occasions. Rows of searches need no
            ``trap_id``: a detection belongs to the search that contains it or is nearest.
        x, y : str
            Columns with the positions of detections, metres; only used for searches.
        tolerance : float, metres
            How far from its search a detection may be.
        individuals : DataFrame, optional
            One row per detected animal: the column ``animal_id``, all others are covariates of the
            animals.
        animal_covariates : list of str, optional
            Columns of ``frame`` that describe the animal; they must not contradict each other. When
            None: "sex" if there is such a column.

        Returns
        -------
        CaptureHistory
            Animals are in natural order of their ids ("2" before "10"), whatever the order of the
            rows.

        Raises
        ------
        DataError
            As for the class; also unknown traps, occasions out of range, animals that the two
            tables do not share, animals with contradictory covariates, positions far from every
            search. Row numbers are told (1 = first data row).
        """
        _columns.require_columns(frame, [animal_id], "captures")
        animals = _columns.id_column(frame, animal_id, "animal id")
        rows = _columns.row_numbers(frame)
        ids = sorted(dict.fromkeys(animals), key=natural_order)
        refuse_placeholders(ids, animals, rows)
        _checks.refuse_variants(ids, "animal id")
        position = {name: i for i, name in enumerate(ids)}
        if animal_covariates is None:
            animal_covariates = ["sex"] if "sex" in frame.columns else []
        _columns.require_columns(frame, animal_covariates, "captures")
        covariates = covariates_of_detections(frame, animals, ids, animal_covariates)
        if individuals is not None:
            _columns.require_columns(individuals, [animal_id], "individuals")
            covariates = covariates_of_individuals(individuals, animal_id, ids, covariates)
        if traps.is_search.any():
            places, xy = located_rows(frame, traps, trap_id, (x, y), tolerance)
        else:
            _columns.require_columns(frame, [trap_id], "captures")
            named = _columns.id_column(frame, trap_id, "trap id")
            places, xy = trap_positions(named, traps, rows), None
        return cls(
            traps,
            animal=[position[name] for name in animals],
            occasion=occasion_positions(frame, occasion, traps.n_occasions),
            trap=places,
            count=counts_of(frame, count),
            xy=xy,
            animal_ids=ids,
            covariates=covariates,
        )

    @property
    def n_animals(self) -> int:
        """Number of animals detected."""
        return len(self.animal_ids)

    @property
    def n_occasions(self) -> int:
        """Number of occasions of the traps."""
        return self.traps.n_occasions

    @property
    def n_records(self) -> int:
        """Number of distinct (animal, occasion, trap) records."""
        return len(self.animal)

    @property
    def n_detections(self) -> int:
        """Number of detections, counts included."""
        return int(self.count.sum())

    @property
    def n_recaptures(self) -> int:
        """Number of detections after the first one of each animal."""
        return self.n_detections - self.n_animals

    @property
    def n_traps_visited(self) -> int:
        """Number of traps with at least one detection."""
        return len(np.unique(self.trap))

    @cached_property
    def animals_at_two_traps(self) -> int:
        """Number of animals detected at two places or more: these carry the information on sigma.

        A place is a trap, or the position of a detection of a search.
        """
        at_points = ~self.traps.is_search[self.trap]
        animal = np.concatenate([self.animal[at_points], self.animal[self.located]])
        place = np.concatenate(
            [self.trap[at_points], self.traps.n_traps + np.arange(len(self.located))]
        )
        pairs = np.unique(np.column_stack([animal, place]), axis=0)
        return int((np.bincount(pairs[:, 0], minlength=self.n_animals) >= 2).sum())

    @cached_property
    def identical_histories(self) -> IntArray:
        """How many animals share each distinct full history, int64, largest first.

        They add up to n_animals. Two animals share a history when their counts agree for every
        occasion and trap; one with detections of known position shares with none.
        """
        return self.identical_among(np.arange(self.n_animals))

    def identical_among(self, animals: IntArray) -> IntArray:
        """The same as `identical_histories` for some of the animals, int64 array of positions."""
        chosen = np.isin(self.animal, animals)
        alone = np.full(self.n_records, -1, dtype=np.int64)
        alone[self.located] = self.animal[self.located]
        records = np.column_stack([self.occasion, self.trap, self.count, alone])[chosen]
        return np.array(identical_among(self.animal[chosen], records), dtype=np.int64)

    @cached_property
    def places(self) -> tuple[IntArray, FloatArray, FloatArray]:
        """Where animals were: at traps that are points, and at positions in searches.

        Returns
        -------
        int64 array, shape (n_places,)
            Animal.
        float64 array, shape (n_places, 2), metres
        float64 array, shape (n_places,)
            Number of detections.
        """
        at_points = ~self.traps.is_search[self.trap]
        return (
            np.concatenate([self.animal[at_points], self.animal[self.located]]),
            np.concatenate([self.traps.xy[self.trap[at_points]], self.positions]),
            np.concatenate([self.count[at_points], np.ones(len(self.located))]),
        )

    @cached_property
    def rpsv(self) -> float:
        """Root pooled spatial variance, metres: a first guess of sigma; NaN without recaptures.

        Notes
        -----
        sqrt(sum_i sum_j abs(x_ij - mean_i)^2 / (2 sum_i (n_i - 1))) over the detections j of the
        animals i, the estimate of sigma of a circular bivariate normal home range.
        """
        animal, xy, count = self.places
        n = np.bincount(animal, weights=count, minlength=self.n_animals)
        squares = 0.0
        for at in xy.T:
            mean = np.bincount(animal, weights=count * at, minlength=self.n_animals) / n
            squares += float((count * (at - mean[animal]) ** 2).sum())
        recaptures = float((n - 1).sum())
        return float(np.sqrt(squares / (2 * recaptures))) if recaptures > 0 else float("nan")

    @cached_property
    def fingerprint(self) -> str:
        """Twelve hexadecimal digits that change with the records, the animals or the traps."""
        records: list[object] = [self.animal, self.occasion, self.trap, self.count]
        if self.traps.is_search.any():
            records.append(self.positions)
        return _checks.fingerprint(
            self.traps.fingerprint, *records, self.animal_ids, self.covariates
        )

    def to_dataframe(self) -> pd.DataFrame:
        """Table with animal_id, occasion (1, 2 ...), trap_id and count, one row per record.

        With searches also x and y (metres), and one row per detection of a search.
        """
        row, xy = self._rows()
        is_located = self.traps.is_search[self.trap[row]]
        columns: dict[str, Any] = {
            "animal_id": [self.animal_ids[i] for i in self.animal[row]],
            "occasion": self.occasion[row] + 1,
            "trap_id": [self.traps.ids[k] for k in self.trap[row]],
            "count": np.where(is_located, 1, self.count[row]),
        }
        located = {"x": xy[:, 0], "y": xy[:, 1]} if self.traps.is_search.any() else {}
        return pd.DataFrame(columns | located)

    def _rows(self) -> tuple[IntArray, FloatArray]:
        """Record of each row, one for each detection of a search, and where it was."""
        times = np.where(self.traps.is_search[self.trap], self.count, 1)
        row = np.repeat(np.arange(self.n_records), times)
        xy = self.traps.xy[self.trap[row]]
        xy[self.traps.is_search[self.trap[row]]] = self.positions
        return row, xy

    def with_covariates(self, **columns: ArrayLike) -> CaptureHistory:
        """Return the same captures with animal covariates added or replaced, n_animals values."""
        row, xy = self._rows()
        is_located = self.traps.is_search[self.trap[row]]
        return CaptureHistory(
            self.traps,
            animal=self.animal[row],
            occasion=self.occasion[row],
            trap=self.trap[row],
            count=np.where(is_located, 1, self.count[row]),
            xy=xy,
            animal_ids=self.animal_ids,
            covariates=_checks.with_columns(self.covariates, columns, "animal"),
        )

    def individuals(self) -> pd.DataFrame:
        """Table with animal_id and the covariates, one row per animal."""
        frame = self.covariates.copy()
        frame.insert(0, "animal_id", list(self.animal_ids))
        return frame

    def to_xarray(self) -> xarray.DataArray:
        """Counts as a dense labelled array, int64, dims (animal, occasion, trap).

        The traps have the coordinates x and y in metres.
        """
        import xarray

        counts = np.zeros((self.n_animals, self.n_occasions, self.traps.n_traps), dtype=np.int64)
        counts[self.animal, self.occasion, self.trap] = self.count
        return xarray.DataArray(
            counts,
            dims=("animal", "occasion", "trap"),
            coords={
                "animal": np.array(self.animal_ids, dtype=object),
                "occasion": np.arange(1, self.n_occasions + 1),
                "trap": np.array(self.traps.ids, dtype=object),
                "x": ("trap", self.traps.xy[:, 0], {"units": "m"}),
                "y": ("trap", self.traps.xy[:, 1], {"units": "m"}),
            },
            name="count",
            attrs={"units": "detections"},
        )

    __setstate__ = _checks.restore

    def __len__(self) -> int:
        return self.n_animals

    def __repr__(self) -> str:
        visited = f"{self.n_traps_visited} of {self.traps.n_traps} traps visited"
        parts = [
            _checks.plural(self.n_animals, "animal"),
            _checks.plural(self.n_detections, "detection"),
            visited,
        ]
        parts += [_checks.plural(self.n_occasions, "occasion"), self.traps.detector_type]
        return f"CaptureHistory({', '.join(parts)})"

    def _repr_html_(self) -> str:
        return facts_html(
            "CaptureHistory",
            {
                "animals": self.n_animals,
                "detections": self.n_detections,
                "recaptures": self.n_recaptures,
                "animals at two traps or more": self.animals_at_two_traps,
                "traps visited": f"{self.n_traps_visited} of {self.traps.n_traps}",
                "occasions": self.n_occasions,
                "animal covariates": _checks.listed(self.covariates.columns) or "none",
                "fingerprint": self.fingerprint,
            },
        )


def _check_positions(
    where: Sequence[IntArray], counts: IntArray, sizes: tuple[int, int, int]
) -> None:
    for name, values, size in zip(("animal", "occasion", "trap"), where, sizes, strict=True):
        bad = np.flatnonzero((values < 0) | (values >= size))
        if bad.size:
            raise DataError(
                f"{name} must be 0 to {size - 1} (positions, starting at 0); "
                f"{_checks.rows_listed(bad + 1)}: {_checks.listed(values[bad])}."
            )
    bad = np.flatnonzero(counts < 1)
    if bad.size:
        raise DataError(
            f"count must be 1 or more in each record; {_checks.rows_listed(bad + 1)}: "
            f"{_checks.listed(counts[bad])}. "
            "Leave out records without a detection."
        )


def _refuse_undetected(animal: IntArray, ids: Sequence[str]) -> None:
    unseen = sorted(set(range(len(ids))) - set(animal.tolist()))
    if unseen:
        raise DataError(
            f"Animal {_checks.listed(repr(ids[i]) for i in unseen)} has no detection. "
            "Only detected animals belong in a capture history; remove the others."
        )
