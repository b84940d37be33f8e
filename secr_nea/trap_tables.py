"""From tables and other arrays of traps to the contents of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.spatial import cKDTree

from secr_nea import _checks, _columns
from secr_nea._crs import describe, same_crs
from secr_nea._typing import FloatArray, IntArray
from secr_nea.effort import effort_columns, warn_of_effort_among
from secr_nea.errors import CRSError, DataError

if TYPE_CHECKING:
    from secr_nea.traps import TrapArray


def frame_contents(
    frame: pd.DataFrame,
    columns: tuple[str, str, str],
    effort: Any,
    covariates: Sequence[str] | None,
    varying: Mapping[str, Sequence[str]] | None,
) -> dict[str, Any]:
    """Arguments of a TrapArray from a table with one row per trap; ``columns`` are id, x and y."""
    id, x, y = columns
    _columns.require_columns(frame, columns, "traps")
    ids = _checks.names(
        _columns.id_column(frame, id, "trap id"), "trap id", _columns.row_numbers(frame)
    )
    xy = np.column_stack([_columns.number_column(frame, column, "traps") for column in (x, y)])
    hours = effort_columns(frame, effort)
    if hours:
        _columns.require_columns(frame, hours, "traps")
        effort = np.column_stack(
            [_columns.number_column(frame, column, "traps") for column in hours]
        )
    varying = {} if varying is None else {name: list(columns) for name, columns in varying.items()}
    _columns.require_columns(
        frame, [column for columns in varying.values() for column in columns], "traps"
    )
    used = {
        id,
        x,
        y,
        *hours,
        *(column for columns in varying.values() for column in columns),
    }
    if covariates is None:
        covariates = [str(column) for column in frame.columns if column not in used]
        warn_of_effort_among(covariates)
    _columns.require_columns(frame, covariates, "traps")
    return {
        "xy": xy,
        "ids": ids,
        "effort": effort,
        "covariates": frame[list(covariates)],
        "varying_covariates": {
            name: frame[columns].to_numpy() for name, columns in varying.items()
        },
    }


def joined_contents(arrays: Sequence[TrapArray]) -> dict[str, Any]:
    """Arguments of a TrapArray that holds the detectors of several."""
    occasions = [array.n_occasions for array in arrays]
    if not arrays or len(set(occasions)) > 1:
        raise DataError(
            "Arrays must have the same occasions to be joined; they have "
            f"{_checks.listed(occasions) or 'none'}. Give effort for each occasion, 0 where "
            "there was no search."
        )
    systems = [array.crs for array in arrays if array.crs is not None]
    if any(not same_crs(systems[0], other) for other in systems[1:]):
        raise CRSError(
            f"The arrays are in {_checks.listed(describe(crs) for crs in systems)}; they must "
            "be in one system to be joined."
        )
    varying = dict.fromkeys(name for array in arrays for name in array.varying_covariates)
    return dict(
        xy=np.concatenate([array.xy for array in arrays]),
        ids=[name for array in arrays for name in array.ids],
        effort=np.concatenate([array.effort for array in arrays]),
        detector=[word for array in arrays for word in array.detector],
        covariates=pd.concat([array.covariates for array in arrays], ignore_index=True),
        varying_covariates={
            name: np.concatenate(
                [
                    np.asarray(
                        array.varying_covariates.get(
                            name, np.full(array.effort.shape, np.nan, dtype=object)
                        ),
                        dtype=object,
                    )
                    for array in arrays
                ]
            )
            for name in varying
        },
        searches=[geometry for array in arrays for geometry in array.searches],
        crs=systems[0] if systems else None,
    )


def varying_arrays(
    varying: Mapping[str, ArrayLike] | None, shape: tuple[int, ...], covariates: pd.DataFrame
) -> dict[str, np.ndarray[Any, Any]]:
    """Covariates that change with the occasion as read-only arrays, checked."""
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    for name, given in (varying or {}).items():
        if name in covariates.columns or name in _checks.RESERVED_COVARIATES:
            raise DataError(
                f"Varying covariate {name!r} has the name of another covariate or of a formula's "
                "own variable. Rename it."
            )
        values = np.asarray(given)
        if values.shape != shape:
            raise DataError(
                f"Varying covariate {name!r} must have shape (n_traps, n_occasions) = {shape}; got "
                f"{values.shape}."
            )
        arrays[name] = _one_kind(values)
        _checks.check_covariate(arrays[name], name, "trap")
    return arrays


def _one_kind(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """float64 when every value is a number or missing, text (object) otherwise; read-only."""
    if values.dtype.kind == "b":
        values = values.astype(str)
    try:
        array: np.ndarray[Any, Any] = _checks.read_only(values, np.float64)
    except (TypeError, ValueError):
        array = _checks.read_only(values, object)
    return array


def warn_strange_layout(xy: FloatArray, ids: tuple[str, ...]) -> None:
    """SecrWarning when an array is tiny (kilometres?) or one trap is far from all others."""
    if len(xy) < 5:
        return
    nearest = np.asarray(cKDTree(xy).query(xy, k=2)[0]).reshape(-1, 2)[:, 1]
    typical = float(np.median(nearest))
    if 0.0 < typical < 20.0 and float(np.ptp(xy, axis=0).max()) < 500.0:
        _checks.warn(
            f"The traps are {typical:.3g} m from each other. If the coordinates are kilometres, "
            "multiply them by 1000.",
            4,
        )
    far = np.flatnonzero((nearest > 20.0 * typical) & (nearest > 50_000.0))
    if typical > 0.0 and far.size:
        told = _checks.listed([f"{ids[k]} ({nearest[k] / 1000.0:,.0f} km)" for k in far])
        _checks.warn(f"Far from every other trap: {told}. Is a digit of a coordinate missing?", 4)


def warn_same_place(xy: FloatArray, ids: tuple[str, ...]) -> None:
    """SecrWarning when traps stand at the same coordinates."""
    _, first, counts = np.unique(xy, axis=0, return_index=True, return_counts=True)
    if len(first) == len(xy):
        return
    groups = [np.flatnonzero((xy == xy[k]).all(axis=1)) for k in first[counts > 1]]
    told = _checks.listed((" = ".join(ids[k] for k in group) for group in groups), 5)
    _checks.warn(
        f"Different traps stand at the same coordinates: {told}. Check them; cameras of one "
        "station may be one trap.",
        stacklevel=4,
    )


def chosen_positions(index: ArrayLike, ids: Sequence[str]) -> IntArray:
    """Positions of the traps that ids, booleans or positions choose, in their order."""
    chosen = np.atleast_1d(np.asarray(index))
    if chosen.dtype.kind not in "UOT":
        return _checks.positions(chosen, len(ids), "trap")
    where = {name: k for k, name in enumerate(ids)}
    unknown = [name for name in chosen.tolist() if name not in where]
    if unknown:
        hint = _checks.did_you_mean(str(unknown[0]), ids)
        raise DataError(f"No trap is called {unknown[0]!r}{hint}.")
    return np.array([where[name] for name in chosen.tolist()], dtype=np.int64)
