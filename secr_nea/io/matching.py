"""Tables, masks and covariates of several surveys, matched by the name of the survey."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import pandas as pd

from secr_nea import _checks, _columns
from secr_nea._typing import CRSLike
from secr_nea.errors import DataError
from secr_nea.io.csv_text import Table, naming, read_text_table
from secr_nea.io.survey_rows import by_survey, typed
from secr_nea.mask import HabitatMask
from secr_nea.traps import TrapArray

MaskSource: TypeAlias = (
    Table | HabitatMask | Mapping[str, HabitatMask] | Callable[[TrapArray], HabitatMask]
)


def matched(
    source: Table | None,
    what: str,
    traps: Mapping[str, object],
    column: str,
    *,
    shared: bool = False,
) -> dict[str, pd.DataFrame]:
    """Tables by the names of the surveys in the traps table."""
    if source is None:
        return {}
    with naming(source, what):
        tables = by_survey(read_text_table(source, what), column, what)
        if list(tables) == [""] and (list(traps) == [""] or shared or not len(tables[""])):
            return dict.fromkeys(traps, tables[""])
        if "" in tables:
            raise DataError(
                f"The {what} table has no column {column!r}, but the traps table has "
                f"{_checks.plural(len(traps), 'survey')}: "
                f"{_checks.listed(map(repr, traps))}. Add the column."
            )
        if list(traps) == [""]:
            raise DataError(
                f"The {what} table has a column {column!r}, but the traps table has none. Add it "
                "to the traps table, or remove it."
            )
        _refuse_unknown(tables, traps, what)
    return tables


def _refuse_unknown(tables: Mapping[str, object], traps: Mapping[str, object], what: str) -> None:
    unknown = [name for name in tables if name not in traps]
    if unknown:
        told = _checks.listed(f"{name!r}{_checks.did_you_mean(name, traps)}" for name in unknown)
        raise DataError(
            f"The {what} name surveys that are not in the traps table: {told}. The traps table has "
            f"{_checks.listed(map(repr, traps))}."
        )


def are_shared(tables: Mapping[str, pd.DataFrame], named: Sequence[str]) -> bool:
    """Tell whether one individuals table serves several surveys."""
    return len(named) > 1 and len({id(table) for table in tables.values()}) == 1


def only_detected(individuals: pd.DataFrame, captures: pd.DataFrame) -> pd.DataFrame:
    """Rows of the individuals table whose animals are in the captures table."""
    _columns.require_columns(individuals, ["animal_id"], "individuals")
    detected = {_checks.as_text(name) for name in captures["animal_id"]}
    return individuals[[_checks.as_text(name) in detected for name in individuals["animal_id"]]]


def masks_by_survey(
    mask: MaskSource,
    traps: Mapping[str, object],
    column: str,
    crs: CRSLike | None,
    spacing: float | None,
) -> Callable[[str, TrapArray], HabitatMask]:
    """Function that gives the mask of a survey from its name and traps."""
    if isinstance(mask, HabitatMask):
        return lambda name, array: mask
    if isinstance(mask, Mapping):
        given = {_checks.as_text(name): habitat for name, habitat in mask.items()}
        _refuse_unknown(given, traps, "masks")
        _require_all(given, traps, "masks")
        return lambda name, array: given[name]
    if callable(mask):
        return lambda name, array: mask(array)
    tables = _mask_tables(mask, traps, column)
    if list(tables) == [""]:
        with naming(mask, "mask"):
            shared = HabitatMask.from_dataframe(
                typed(tables[""], ("x", "y")), crs=crs, spacing=spacing
            )
        return lambda name, array: shared

    def one(name: str, array: TrapArray) -> HabitatMask:
        with naming(mask, "mask", name):
            return HabitatMask.from_dataframe(
                typed(tables[name], ("x", "y")), crs=crs, spacing=spacing
            )

    return one


def _mask_tables(mask: Table, traps: Mapping[str, object], column: str) -> dict[str, pd.DataFrame]:
    with naming(mask, "mask"):
        tables = by_survey(read_text_table(mask, "mask"), column, "mask")
        if "" not in tables:
            if list(traps) == [""]:
                raise DataError(
                    f"The mask table has a column {column!r}, but the traps table has none. Add it "
                    "to the traps table, or remove it."
                )
            _refuse_unknown(tables, traps, "mask table's rows")
            _require_all(tables, traps, "mask table")
    return tables


def _require_all(tables: Mapping[str, object], traps: Mapping[str, object], what: str) -> None:
    absent = [name for name in traps if name not in tables]
    if absent:
        raise DataError(
            f"The {what} lack survey {_checks.listed(map(repr, absent))}; there are "
            f"{_checks.listed(map(repr, tables))}."
        )


def survey_covariates(
    covariates: pd.DataFrame | None, named: Sequence[str], column: str
) -> dict[str, dict[str, Any]]:
    """Covariates of each survey by name, from one row a survey."""
    if covariates is None:
        return {}
    frame = covariates.set_index(column) if column in covariates.columns else covariates
    if named == [""] and len(frame) == 1:
        return {"": {str(name): frame[name].iloc[0] for name in frame.columns}}
    labels = _checks.names(frame.index, "survey name of the covariates")
    table = dict(zip(labels, frame.to_dict("records"), strict=True))
    if named == [""]:
        raise DataError(f"covariates has {len(frame)} rows, but there is one survey. Give one row.")
    _refuse_unknown(table, dict.fromkeys(named), "covariates")
    _require_all(table, dict.fromkeys(named), "covariates")
    return {name: {str(key): value for key, value in row.items()} for name, row in table.items()}


def warn_without_detections(
    named: Sequence[str], captures: Mapping[str, pd.DataFrame], several: bool
) -> None:
    """SecrWarning that names surveys without any row in the captures table."""
    silent = [name for name in named if name not in captures or not len(captures[name])]
    if several and silent:
        _checks.warn(
            f"No detection in survey {_checks.listed(map(repr, silent))}: taken as surveyed "
            "without seeing any animal. "
            "Check the names of the surveys in the captures table.",
        )
