"""The three tables that every reader makes (traps, operation, detections), and surveys of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pandas as pd
import pyproj

from secr_nea import _checks
from secr_nea._crs import describe
from secr_nea._printing import facts_html
from secr_nea.captures import CaptureHistory
from secr_nea.errors import DataError
from secr_nea.io import operation as operating
from secr_nea.io.kept_detections import independent, inside_operation
from secr_nea.io.survey_rows import effort_of, typed
from secr_nea.mask import HabitatMask
from secr_nea.quality.occasions import occasion_edges
from secr_nea.survey import Survey
from secr_nea.traps import TrapArray

if TYPE_CHECKING:
    import geopandas

MaskSource: TypeAlias = (
    HabitatMask
    | Mapping[str, HabitatMask]
    | Callable[[CaptureHistory], HabitatMask]
    | float
    | str
    | None
)
SESSION = "session"
PLACES = ("trap_id", "x", "y", "longitude", "latitude", "geometry", SESSION)
"""Columns of the traps table that are no covariates."""


@dataclass(frozen=True, eq=False, repr=False)
class FieldTables:
    """What a team brings from the field, as three tables with one meaning for each column.

    Parameters
    ----------
    traps : DataFrame
        trap_id, x, y (metres in ``crs``); longitude and latitude where they are known; geometry
        for searched areas and transects; covariates; session where there are several surveys.
    operation : DataFrame
        Either trap_id, start, end (local time) and share (effort per day, 1 as a rule), one row
        for each interval in which a camera worked; or trap_id, occasion (1, 2 ...), effort. May
        have no rows: every trap then operated with effort 1 on each occasion.
    detections : DataFrame
        animal_id, trap_id, and time (local) or occasion; count; sex and what else is known.
    crs : pyproj.CRS or None
    source : str
        The file or folder.
    timezone : str
        Zone of the times, in words.
    notes : tuple of str
        What was chosen, left out or put together while reading, with numbers.
    detector : str
        Detector word; see `TrapArray`.
    animal_covariates : tuple of str
        Columns of ``detections`` that describe the animal.
    masks : mapping of session to HabitatMask
        Of formats that have them; the name of the only session may be "".
    varying : mapping of name to columns of ``traps``, one for each occasion
        Covariates that change with the occasion.
    n_occasions : int, optional
        Where occasions are numbered and no table tells how many there were.
    """

    traps: pd.DataFrame
    operation: pd.DataFrame
    detections: pd.DataFrame
    crs: pyproj.CRS | None
    source: str = ""
    timezone: str = ""
    notes: tuple[str, ...] = ()
    detector: str = "count"
    animal_covariates: tuple[str, ...] = ("sex",)
    masks: Mapping[str, HabitatMask] = field(default_factory=dict)
    varying: Mapping[str, Sequence[str]] = field(default_factory=dict)
    n_occasions: int | None = None

    def __post_init__(self) -> None:
        for name in ("traps", "operation", "detections"):
            object.__setattr__(self, name, getattr(self, name).reset_index(drop=True).copy())
        if not len(self.traps):
            raise DataError(f"{self.source or 'The tables'}: there is no trap in it.")

    @property
    def is_dated(self) -> bool:
        """Whether operation is told by dates, not by numbered occasions."""
        return "start" in self.operation.columns

    @property
    def sessions(self) -> tuple[str, ...]:
        """Names of the surveys; one called "" where there is no column session."""
        if SESSION not in self.traps.columns:
            return ("",)
        return tuple(dict.fromkeys(self.traps[SESSION].astype(str)))

    def session(self, name: str) -> FieldTables:
        """The tables of one survey.

        Raises
        ------
        DataError
            No survey of this name.
        """
        if name not in self.sessions:
            raise DataError(
                f"There is no session {name!r}{_checks.did_you_mean(name, self.sessions)}; there "
                f"are {_checks.listed(map(repr, self.sessions))}."
            )
        if name == "":
            return self
        parts = {}
        for what in ("traps", "operation", "detections"):
            table = getattr(self, what)
            if SESSION in table.columns:
                table = table[table[SESSION].astype(str) == name].drop(columns=SESSION)
            parts[what] = table
        masks = {"": self.masks[name]} if name in self.masks else {}
        return replace(self, **parts, masks=masks)

    def edges(
        self,
        *,
        occasion_days: float | None = None,
        window: tuple[Any, Any] | None = None,
        starts_at: str = "midnight",
    ) -> np.ndarray:
        """Boundaries of the occasions in local time.

        Parameters
        ----------
        occasion_days : int, optional
            Length of an occasion; one occasion for the whole survey when None.
        window : (first, last), optional
            Days (the last one included) or times between which the survey counts; from the first
            start to the last end of operation when None.
        starts_at : {"midnight", "noon"}

        Returns
        -------
        datetime64[s] array, shape (n_occasions + 1,)

        Raises
        ------
        DataError
            No dates in the tables, or a window without any day.
        """
        if not self.is_dated or not len(self.operation):
            raise DataError(
                f"{self.source or 'These tables'}: operation has no dates, so occasions cannot be "
                "cut. Leave occasion_days=, window= and starts_at= out."
            )
        if window is None:
            first, last = self.operation["start"].min(), self.operation["end"].max()
        else:
            first, last = (_day(end) for end in window)
            bare = last == last.normalize()
            last = last + pd.Timedelta(days=1) if bare else last
        begin, end = (np.datetime64(stamp, "s") for stamp in (first, last))
        return occasion_edges(begin, end, occasion_days, starts_at)

    def to_traps(
        self,
        *,
        detector: str | None = None,
        cameras: str = "any",
        **occasions: Any,
    ) -> TrapArray:
        """Traps with their effort.

        Parameters
        ----------
        detector : str, optional
            Detector word; that of the tables when None.
        cameras : {"any", "sum"}
            Whether a day on which two cameras of a station worked counts once or twice.
        **occasions
            As for :meth:`edges`.

        Returns
        -------
        TrapArray
            Effort is in days where operation is dated. Traps without any interval have none.

        Raises
        ------
        DataError, CRSError
        """
        frame = self.only_session().traps
        ids = _checks.names(frame["trap_id"], "trap id")
        common: dict[str, Any] = {"ids": ids, "crs": self.crs}
        common["covariates"], common["varying_covariates"] = self._covariates(frame)
        common |= self._effort(ids, cameras, occasions)
        if "geometry" in frame.columns and frame["geometry"].notna().all():
            return TrapArray.from_searches(list(frame["geometry"]), **common)
        xy = frame[["x", "y"]].to_numpy(dtype=np.float64)
        return TrapArray(xy, detector=detector or self.detector, **common)

    def only_session(self) -> FieldTables:
        """The tables of the only session; DataError when there are several."""
        if len(self.sessions) > 1:
            raise DataError(
                f"There are {len(self.sessions)} sessions: "
                f"{_checks.listed(map(repr, self.sessions))}. Use to_surveys(), or "
                f"session({self.sessions[0]!r})."
            )
        return self.session(self.sessions[0])

    def _covariates(self, frame: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, Any]]:
        """Covariates of the traps, constant and varying."""
        kept = frame.drop(columns=[name for name in PLACES if name in frame.columns])
        table = typed(kept, ()).reset_index(drop=True)
        varying = {name: table[list(columns)].to_numpy() for name, columns in self.varying.items()}
        own = [column for columns in self.varying.values() for column in columns]
        return table.drop(columns=own), varying

    def _effort(
        self, ids: tuple[str, ...], cameras: str, occasions: Mapping[str, Any]
    ) -> dict[str, Any]:
        table = self.only_session().operation
        if self.is_dated:
            _known(table["trap_id"], ids, "operation")
            edges = self.edges(**occasions)
            effort = operating.effort_by_occasion(table, ids, edges, cameras=cameras)
            return {"effort": effort}
        if any(value not in (None, "midnight") for value in occasions.values()):
            self.edges(**occasions)  # says that there are no dates
        if not len(table):
            return {"n_occasions": self.n_occasions}
        return {"effort": effort_of(table, ids, self.n_occasions)}

    def to_captures(
        self,
        *,
        detector: str | None = None,
        cameras: str = "any",
        independence_minutes: float | None = None,
        outside: str = "refuse",
        **occasions: Any,
    ) -> CaptureHistory:
        """Capture history, with its traps.

        Parameters
        ----------
        detector, cameras
            As for :meth:`to_traps`.
        independence_minutes : float, optional
            Of detections of one animal at one trap only the first one within this time is kept. 0
            says that all are independent; when None they are kept too, and bursts are told of.
        outside : {"refuse", "drop", "keep"}
            What to do with detections on days on which their trap did not operate.
        **occasions
            As for :meth:`edges`.

        Returns
        -------
        CaptureHistory
            With binary detectors an animal counts once for each trap and occasion.

        Raises
        ------
        DataError
            Unknown traps, detections outside operation, contradictory sexes ...

        Warns
        -----
        SecrWarning
            Detections left out (outside the window or operation), bursts.
        """
        tables = self.only_session()
        traps = tables.to_traps(detector=detector, cameras=cameras, **occasions)
        frame = tables.detections
        if "time" in frame.columns and self.is_dated:
            edges = tables.edges(**occasions)
            kept = inside_operation(frame, tables.operation, edges, outside)
            kept = independent(kept, independence_minutes, traps.detector_type)
            after = np.searchsorted(edges, kept["time"].to_numpy().astype("datetime64[s]"), "right")
            kept = kept.assign(occasion=np.minimum(after, len(edges) - 1))
        else:
            kept = frame
        if traps.detector_type == "binary" and len(kept):
            kept = kept.drop_duplicates(["animal_id", "trap_id", "occasion"])
            kept = kept.drop(columns="count", errors="ignore")
        described = [name for name in self.animal_covariates if name in kept.columns]
        return CaptureHistory.from_dataframe(kept, traps, animal_covariates=described)

    def to_survey(
        self,
        mask: MaskSource = None,
        *,
        name: str | None = None,
        **options: Any,
    ) -> Survey:
        """Survey of the only session.

        Parameters
        ----------
        mask : HabitatMask, function of the captures, buffer in metres, or "auto", optional
            The mask of the tables when None; "auto" where they have none.
        name : str, optional
            Name of the survey; that of the session, or "survey".
        **options
            As for :meth:`to_captures`.

        Returns
        -------
        Survey

        Raises
        ------
        DataError, CRSError
        """
        tables = self.only_session()
        captures = tables.to_captures(**options)
        own = self.sessions[0]
        if isinstance(mask, Mapping):
            mask = _of_session(mask, own)
        habitat = _mask_of(mask, captures, tables.masks)
        return Survey(captures, habitat, name=name or own or "survey")

    def to_surveys(self, mask: MaskSource = None, **options: Any) -> tuple[Survey, ...]:
        """One survey for each session, with ``mask`` also by session; see :meth:`to_survey`."""
        return tuple(
            self.session(name).to_survey(
                _of_session(mask, name) if isinstance(mask, Mapping) else mask,
                name=name or "survey",
                **options,
            )
            for name in self.sessions
        )

    def to_geodataframe(self) -> geopandas.GeoDataFrame:
        """The traps table with points (or the shapes of searches) and the CRS."""
        import geopandas

        plain = pd.DataFrame(self.traps.drop(columns="geometry", errors="ignore"))
        shapes = self.traps.get("geometry")
        if shapes is None:
            shapes = geopandas.points_from_xy(plain["x"], plain["y"])
        return geopandas.GeoDataFrame(plain, geometry=list(shapes), crs=self.crs)

    def __repr__(self) -> str:
        animals = self.detections["animal_id"].nunique() if len(self.detections) else 0
        parts = [_checks.plural(len(self.traps), "trap")]
        parts += [_checks.plural(len(self.detections), "detection")]
        parts += [_checks.plural(animals, "animal")]
        parts += [_checks.plural(len(self.sessions), "session")] if len(self.sessions) > 1 else []
        parts += [describe(self.crs) if self.crs is not None else "no CRS"]
        return f"FieldTables({', '.join(parts)})"

    def __str__(self) -> str:
        return "\n".join([repr(self), *(f"  - {note}" for note in self.notes)])

    def _repr_html_(self) -> str:
        facts = {
            "source": self.source or "-",
            "traps": len(self.traps),
            "operation": f"{len(self.operation)} rows",
            "detections": len(self.detections),
            "sessions": _checks.listed(self.sessions) or "one",
            "times": self.timezone or "-",
            "CRS": describe(self.crs),
        }
        facts |= {f"note {i + 1}": note for i, note in enumerate(self.notes)}
        return facts_html("FieldTables", facts)


def _day(value: Any) -> pd.Timestamp:
    try:
        stamp = pd.Timestamp(value)
    except (ValueError, TypeError):
        stamp = None
    if stamp is None or pd.isna(stamp) or stamp.tzinfo is not None:
        raise DataError(f"window must be two local dates, such as '2024-03-01'; got {value!r}.")
    return stamp


def _of_session(masks: Mapping[str, HabitatMask], name: str) -> HabitatMask:
    if name not in masks:
        raise DataError(
            f"There is no mask for session {name!r}; there are "
            f"{_checks.listed(map(repr, masks)) or 'none'}."
        )
    return masks[name]


def _mask_of(mask: Any, captures: CaptureHistory, own: Mapping[str, HabitatMask]) -> HabitatMask:
    if mask is None and len(own) == 1:
        return next(iter(own.values()))
    if isinstance(mask, HabitatMask):
        return mask
    if callable(mask):
        made: HabitatMask = mask(captures)
        return made
    return HabitatMask.around(captures, buffer="auto" if mask is None else mask)


def _known(named: pd.Series, ids: tuple[str, ...], what: str) -> None:
    unknown = [name for name in dict.fromkeys(named) if name not in set(ids)]
    if unknown:
        told = _checks.listed(f"{name!r}{_checks.did_you_mean(name, ids)}" for name in unknown)
        raise DataError(f"The {what} table names traps that are not in the traps table: {told}.")
