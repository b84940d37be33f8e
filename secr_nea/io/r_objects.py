"""Objects of R from .RData and .rds files, as plain arrays with their attributes; no code is run.

The package ``rdata`` parses the format; functions, environments and byte code become None.
"""

from __future__ import annotations

import bz2
import gzip
import importlib.util
import lzma
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from secr_nea._typing import PathLike
from secr_nea.errors import DataError
from secr_nea.io.untrusted import MAX_WHOLE, MEGABYTE, existing_file, refusing

MAGIC = ((b"\x1f\x8b", gzip.GzipFile), (b"BZh", bz2.BZ2File), (b"\xfd7zXZ\x00", lzma.LZMAFile))
KEPT_CLASSES = ("capthist", "traps", "mask", "popn", "secr", "secrlist", "list", "Date")


@dataclass(frozen=True)
class RValue:
    """A value of R with its attributes.

    Parameters
    ----------
    value : array, list, mapping, DataFrame or None
    classes : tuple of str
    attributes : mapping of str to value
    """

    value: Any
    classes: tuple[str, ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)


def read_r_file(path: PathLike) -> dict[str, Any]:
    """Named objects of an R file.

    Parameters
    ----------
    path : .RData, .rda or .rds file

    Returns
    -------
    dict of str to value
        An .rds file has one object, called by the name of the file. Values with a class of R secr
        are `RValue`.

    Raises
    ------
    DataError
        No such file, too large, damaged, or the package ``rdata`` is not installed.
    """
    file = existing_file(path, "R", MAX_WHOLE)
    if importlib.util.find_spec("rdata") is None:
        raise DataError(
            f"{file.name} holds R objects; reading them needs the package rdata: "
            "pip install 'secr-nea[r]'."
        )
    with refusing(file.name, "R objects"):
        converted = _converted(_unpacked(file))
    if isinstance(converted, dict) and file.suffix.lower() != ".rds":
        return {str(name): value for name, value in converted.items()}
    return {file.stem: converted}


def _unpacked(file: Path) -> bytes:
    """Contents without compression, which must not grow beyond the limit."""
    content = file.read_bytes()
    for magic, opener in MAGIC:
        if content.startswith(magic):
            try:
                with opener(file) as stream:
                    content = stream.read(MAX_WHOLE + 1)
            except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
                raise DataError(f"{file.name} is damaged: {error}.") from None
            if len(content) > MAX_WHOLE:
                raise DataError(
                    f"{file.name} unpacks to more than {MAX_WHOLE / MEGABYTE:,.0f} MB of R objects."
                )
            break
    return content


def _converted(content: bytes) -> Any:
    import rdata

    types = rdata.parser.RObjectType
    skipped = (types.CLO, types.ENV, types.BCODE, types.EXTPTR, types.LANG)

    class Converter(rdata.conversion.SimpleConverter):
        """Without code: functions, environments and calls are left out."""

        def _convert_next(self, obj: Any) -> Any:
            info = getattr(obj, "info", None)
            if info is not None and info.type in skipped:
                return None
            return super()._convert_next(obj)

    parsed = rdata.parser.parse_data(content, extension="")
    constructors: dict[str | bytes, Any] = {name: _kept(name) for name in KEPT_CLASSES}
    constructors |= {"data.frame": _frame, "factor": _factor}
    return Converter(
        constructor_dict=constructors, default_encoding="utf-8", force_default_encoding=False
    ).convert(parsed)


def _kept(name: str) -> Any:
    def constructor(value: Any, attributes: Mapping[str, Any]) -> RValue:
        return RValue(value, _classes(attributes), attributes)

    return constructor


def _classes(attributes: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(name) for name in np.atleast_1d(attributes.get("class", ())))


def _factor(value: Any, attributes: Mapping[str, Any]) -> Any:
    codes = np.ma.filled(np.ma.masked_invalid(np.ma.asarray(value, dtype=float)), 0).astype(int) - 1
    levels = [str(level) for level in np.atleast_1d(attributes.get("levels", ()))]
    if codes.size and (codes.max() >= len(levels) or codes.min() < -1):
        raise DataError("A factor has codes beyond its levels.")
    return pd.Categorical.from_codes(
        list(codes.tolist()), categories=pd.Index(levels, dtype=object)
    )


def _frame(value: Any, attributes: Mapping[str, Any]) -> RValue:
    return RValue(value, _classes(attributes), attributes)


def table_of(value: Any, what: str) -> pd.DataFrame:
    """Data frame of R (also of a class that is one) as a DataFrame; None gives no columns.

    Raises
    ------
    DataError
        Columns of different lengths, or no data frame.
    """
    if isinstance(value, RValue):
        attributes, value = value.attributes, value.value
    else:
        attributes = {}
    if value is None or (isinstance(value, list | tuple) and not len(value)):
        return pd.DataFrame()
    if not isinstance(value, Mapping):
        raise DataError(f"{what} of the R file is no data frame ({type(value).__name__}).")
    columns = {str(name): _column(cells) for name, cells in value.items()}
    lengths = {len(cells) for cells in columns.values()}
    if len(lengths) > 1:
        raise DataError(f"{what} of the R file has columns of different lengths.")
    n = lengths.pop() if lengths else 0
    return pd.DataFrame(columns, index=pd.Index(row_names(attributes, n), dtype=object))


def _column(cells: Any) -> Any:
    if isinstance(cells, RValue):
        cells = cells.value
    if isinstance(cells, pd.Categorical):
        return pd.Series(cells.astype(object))
    if isinstance(cells, np.ma.MaskedArray):
        if cells.dtype.kind in "iub":
            return np.ma.filled(cells.astype(float), np.nan)
        return np.asarray(cells.data)
    return np.asarray(cells)


def row_names(attributes: Mapping[str, Any], n: int) -> list[str]:
    """Row names of a data frame; 1, 2 ... where R stores only their number."""
    names = attributes.get("row.names")
    if names is not None and not np.ma.isMaskedArray(names):
        texts = [str(name) for name in np.atleast_1d(names)]
        if len(texts) == n:
            return texts
    return [str(i + 1) for i in range(n)]
