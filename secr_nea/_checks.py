"""Checks that turn arguments into clean arrays, names and tables, or say what is wrong."""

from __future__ import annotations

import difflib
import hashlib
import warnings
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from secr_nea._typing import FloatArray, IntArray
from secr_nea.errors import DataError, SecrWarning

RESERVED_COVARIATES = ("session", "session_trend", "occasion", "occasion_trend")
"""Names that formulas use for the survey and the occasion, so that no covariate may have them."""


def listed(items: Iterable[object], limit: int = 8) -> str:
    """Join items for a message; after ``limit`` of them only their number is told."""
    words = [str(item) for item in items]
    if len(words) > limit:
        return f"{', '.join(words[:limit])} and {len(words) - limit} more"
    return ", ".join(words)


def rows_listed(rows: Iterable[object]) -> str:
    """Name table rows for a message: ``row 3`` or ``rows 3, 5, 9``."""
    rows = list(rows)
    return f"row{'s' if len(rows) > 1 else ''} {listed(rows)}"


def plural(number: int, word: str) -> str:
    """Number and noun: ``1 trap``, ``40 traps``, ``2 searches``."""
    ending = "" if number == 1 else "es" if word.endswith("ch") else "s"
    return f"{number:,} {word}{ending}"


def warn(message: str, stacklevel: int = 3) -> None:
    """Issue a SecrWarning that points at the caller of the function that calls this one."""
    warnings.warn(message, SecrWarning, stacklevel=stacklevel)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `` (did you mean 'CT01'?)``, or nothing when no known name is near.

    Examples
    --------
    >>> did_you_mean("trapID", ["x", "trap_id"])
    " (did you mean 'trap_id'?)"
    """
    by_key: dict[str, str] = {}
    for candidate in known:
        by_key.setdefault(_loose(candidate), candidate)
    near = difflib.get_close_matches(_loose(name), list(by_key), n=1, cutoff=0.6)
    return f" (did you mean {by_key[near[0]]!r}?)" if near else ""


def _loose(name: str) -> str:
    """Spelling without case, spaces and punctuation, so that ``Trap ID`` is near ``trap_id``."""
    return "".join(character for character in str(name).casefold() if character.isalnum())


def read_only(array: ArrayLike, dtype: Any) -> Any:
    """C-contiguous copy of an array that cannot be written to."""
    fresh = np.array(array, dtype=dtype, order="C", copy=True)
    fresh.setflags(write=False)
    return fresh


def restore(thing: Any, state: Mapping[str, Any]) -> None:
    """Fill an unpickled object; its arrays are read-only again, as pickling forgets that.

    Not for tidiness only: kernels are compiled for read-only and for other arrays apart, and the
    last digits may differ between the two. Every process must give the same numbers.
    """
    for value in state.values():
        if isinstance(value, np.ndarray):
            value.setflags(write=False)
    thing.__dict__.update(state)


def numbers(values: ArrayLike, name: str) -> FloatArray:
    """Convert to float64; DataError when a value is not a number.

    Missing values (None, NaN) become NaN.
    """
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"{name} must hold numbers only: {error}.") from None


def coordinates(xy: ArrayLike, what: str, ids: Sequence[str] | None = None) -> FloatArray:
    """Finite coordinates with two columns.

    Parameters
    ----------
    xy : array-like, shape (n, 2), metres
    what : str
        The thing that has the coordinates, for messages: ``trap``, ``mask point``.
    ids : sequence of str, optional
        Names of the things, told beside their row numbers.

    Returns
    -------
    float64 array, shape (n, 2), read-only

    Raises
    ------
    DataError
        Wrong shape, nothing in it, or coordinates that are missing or infinite.
    """
    array = numbers(xy, f"{what} coordinates")
    if array.ndim != 2 or array.shape[1] != 2:
        raise DataError(
            f"{what} coordinates must have shape (n, 2), one row each with x and y in metres; got "
            f"{array.shape}."
        )
    if len(array) == 0:
        raise DataError(f"There is no {what}: at least one row of coordinates is needed.")
    bad = np.flatnonzero(~np.isfinite(array).all(axis=1))
    if bad.size:
        named = (
            f" ({listed(ids[i] for i in bad.tolist())})"
            if ids is not None and len(ids) == len(array)
            else ""
        )
        raise DataError(
            f"{what} coordinates are missing or infinite in {rows_listed(bad + 1)}{named}. "
            "Fill in the coordinates or remove these rows."
        )
    fixed: FloatArray = read_only(array, np.float64)
    return fixed


def positive(value: float, name: str) -> float:
    """Finite number above 0 as a float, else DataError."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise DataError(f"{name} must be a number above 0; got {value!r}.") from None
    if not (np.isfinite(number) and number > 0):
        raise DataError(f"{name} must be a finite number above 0; got {value!r}.")
    return number


def whole(value: Any, name: str, least: int = 1) -> int:
    """One whole number, not below ``least``, else DataError."""
    is_number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    if not is_number or not float(value).is_integer() or value < least:
        raise DataError(f"{name} must be a whole number of {least} or more; got {value!r}.")
    return int(value)


def whole_numbers(values: ArrayLike, name: str, rows: Sequence[object] | None = None) -> IntArray:
    """One-dimensional int64 array; DataError names the rows with fractions or gaps."""
    array = numbers(values, name)
    if array.ndim != 1:
        raise DataError(f"{name} must be one-dimensional; got shape {array.shape}.")
    bad = np.flatnonzero(~np.isfinite(array) | (array != np.floor(array)))
    if bad.size:
        where = (bad + 1).tolist() if rows is None else [rows[i] for i in bad.tolist()]
        raise DataError(
            f"{name} must be whole numbers; {rows_listed(where)}: {listed(array[bad])}."
        )
    return array.astype(np.int64)


def positions(index: ArrayLike, n: int, what: str) -> IntArray:
    """Positions that an array of true/false (n values) or of positions chooses, shape (n_chosen,).

    Raises
    ------
    DataError
        Wrong number of true/false values, positions outside 0 ... n - 1.
    """
    chosen = np.asarray(index)
    if chosen.dtype == bool and chosen.shape != (n,):
        raise DataError(
            f"A true/false choice of {what}s needs {n} values; got shape {chosen.shape}."
        )
    try:
        return np.atleast_1d(np.arange(n)[chosen if chosen.size else chosen.astype(np.int64)])
    except IndexError as error:
        raise DataError(
            f"{what}s are chosen by positions 0 to {n - 1} or by true/false: {error}."
        ) from None


def names(
    values: Iterable[object], what: str, rows: Sequence[object] | None = None
) -> tuple[str, ...]:
    """Distinct names as text.

    Parameters
    ----------
    values : iterable
        Ids; numbers become text.
    what : str
        What is named, for messages: ``trap id``, ``animal id``.
    rows : sequence, optional
        Row number of each value; 1, 2, 3 ... when absent.

    Returns
    -------
    tuple of str

    Raises
    ------
    DataError
        Missing, blank-padded or repeated names, and names that differ only in case.
    """
    given = list(values)
    where = list(range(1, len(given) + 1)) if rows is None else list(rows)
    missing = [row for row, value in zip(where, given, strict=True) if is_missing(value)]
    if missing:
        raise DataError(
            f"{what} is missing in {rows_listed(missing)}. Fill it in or remove these rows."
        )
    texts = [as_text(value) for value in given]
    refuse_padding(texts, what, where)
    seen: dict[str, object] = {}
    for text, row in zip(texts, where, strict=True):
        if text in seen:
            raise DataError(
                f"{what} {text!r} stands more than once (rows {seen[text]} and {row}). Every "
                f"{what} must be unique."
            )
        seen[text] = row
    refuse_variants(texts, what)
    return tuple(texts)


def is_missing(value: object) -> bool:
    """Tell whether a cell is empty: None, NaN, NA or blank text."""
    if isinstance(value, str):
        return not value.strip()
    return value is None or bool(pd.isna(value))  # type: ignore[call-overload]


def as_text(value: object) -> str:
    """Text of an id: ``7.0``, which pandas makes of 7 beside an empty cell, is ``7`` again."""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)


def refuse_padding(texts: Iterable[str], what: str, rows: Iterable[object]) -> None:
    """DataError when names have white space around them."""
    padded = [(row, text) for row, text in zip(rows, texts, strict=True) if text != text.strip()]
    if padded:
        raise DataError(
            f"{what} has spaces around it in {rows_listed(row for row, _ in padded)}: "
            f"{listed(sorted({repr(text) for _, text in padded}))}. "
            "Remove them in the table (nothing is changed silently), for example with .str.strip()."
        )


def refuse_variants(texts: Iterable[str], what: str) -> None:
    """DataError when two names differ only in case or spaces."""
    pair = variant_pair(texts)
    if pair:
        raise DataError(
            f"{what} {pair[0]!r} and {pair[1]!r} differ only in case or spaces. "
            "If they are the same, spell them alike in the table; if not, give them clearly "
            "different names."
        )


def variant_pair(texts: Iterable[str]) -> tuple[str, str] | None:
    """First two names that differ only in case or white space, if any."""
    first: dict[str, str] = {}
    for text in dict.fromkeys(texts):
        key = "".join(text.casefold().split())
        if key in first:
            return first[key], text
        first[key] = text
    return None


def is_categorical(values: pd.Series | np.ndarray[Any, Any]) -> bool:
    """Tell whether a covariate is a factor: text, object, category or bool."""
    return (
        isinstance(values.dtype, pd.CategoricalDtype)
        or pd.api.types.is_bool_dtype(values.dtype)
        or not pd.api.types.is_numeric_dtype(values.dtype)
    )


def levels(values: Iterable[object]) -> list[str]:
    """Distinct non-missing values as text, in order of appearance."""
    return [str(value) for value in dict.fromkeys(values) if not is_missing(value)]


def covariate_frame(covariates: Any, n_rows: int, what: str) -> pd.DataFrame:
    """Covariates as a table of their own.

    Parameters
    ----------
    covariates : DataFrame, mapping of name to column, or None
    n_rows : int
        How many rows there must be; rows are matched by position.
    what : str
        The thing described, for messages: ``trap``, ``mask point``, ``animal``.

    Returns
    -------
    DataFrame with ``n_rows`` rows and index 0, 1, 2 ...

    Raises
    ------
    DataError
        Wrong number of rows, unusable names, infinite values, and factor levels that differ only in
        case or spaces.
    """
    if covariates is None:
        return pd.DataFrame(index=pd.RangeIndex(n_rows))
    try:
        frame = pd.DataFrame(covariates).copy()
    except ValueError as error:
        raise DataError(f"{what} covariates cannot be made into a table: {error}.") from None
    if len(frame) != n_rows and len(frame.columns):
        raise DataError(
            f"{what} covariates have {len(frame)} rows, but there are {n_rows} {what}s. One row "
            "each is needed, in the same order."
        )
    frame = (
        frame.reset_index(drop=True)
        if len(frame.columns)
        else pd.DataFrame(index=pd.RangeIndex(n_rows))
    )
    _check_covariate_names(list(frame.columns), what)
    for column in frame.columns:
        check_covariate(frame[column].to_numpy(), str(column), what)
    return frame


def with_columns(frame: pd.DataFrame, columns: Mapping[str, Any], what: str) -> pd.DataFrame:
    """Copy of a covariate table with columns added or replaced, matched by position."""
    changed = frame.copy()
    for name, values in columns.items():
        if np.shape(values) != (len(frame),):
            raise DataError(
                f"{what} covariate {name!r} must have one value per {what}, shape "
                f"({len(frame)},); got {np.shape(values)}."
            )
        changed[name] = np.asarray(values)
    return changed


def _check_covariate_names(columns: list[Hashable], what: str) -> None:
    for column in columns:
        if not isinstance(column, str) or not column.strip() or column != column.strip():
            raise DataError(
                f"{what} covariate names must be text without spaces around it; got {column!r}."
            )
        if column in RESERVED_COVARIATES:
            raise DataError(
                f"{what} covariate {column!r} has a name that formulas use for something else "
                f"({listed(RESERVED_COVARIATES)}). Rename or drop this column."
            )
    twice = sorted({str(column) for column in columns if columns.count(column) > 1})
    if twice:
        raise DataError(
            f"{what} covariates {listed(twice)} stand more than once. Rename or drop one of each."
        )


def check_covariate(values: np.ndarray[Any, Any], name: str, what: str) -> None:
    """DataError for infinite numbers and for factor levels that differ only in case or spaces."""
    if not is_categorical(values):
        finite = ~np.isinf(np.asarray(values, dtype=np.float64))
        infinite = np.flatnonzero(~finite.all(axis=tuple(range(1, finite.ndim))))
        if infinite.size:
            raise DataError(
                f"{what} covariate {name!r} is infinite in {rows_listed(infinite + 1)}."
            )
        return
    pair = variant_pair(levels(values.ravel()))
    if pair:
        raise DataError(
            f"{what} covariate {name!r} has the levels {pair[0]!r} and {pair[1]!r}, which differ "
            "only in case or spaces. "
            "Spell them alike: two spellings of a level would be estimated apart."
        )


def fingerprint(*parts: object) -> str:
    """First 12 hexadecimal digits of the SHA-256 of the contents: equal data, equal fingerprint."""
    digest = hashlib.sha256()
    for part in parts:
        _digest(digest.update, part)
    return digest.hexdigest()[:12]


def _digest(update: Callable[[bytes], object], part: object) -> None:
    if isinstance(part, pd.DataFrame):
        part = {str(column): part[column].to_numpy() for column in part.columns}
    if isinstance(part, Mapping):
        for key in sorted(part):
            update(f"{key}=".encode())
            _digest(update, part[key])
        return
    if isinstance(part, np.ndarray):
        update(f"{part.shape}".encode())
        if is_categorical(part):
            update(
                "\x1f".join(
                    "" if is_missing(value) else str(value) for value in part.ravel()
                ).encode()
            )
        else:
            # + 0.0 turns a negative zero, which prints alike, into zero
            update((np.ascontiguousarray(part, dtype=np.float64) + 0.0).tobytes())
        return
    update(repr(part).encode())
