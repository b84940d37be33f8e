"""The check of field tables: every finding, errors first."""

from __future__ import annotations

from collections.abc import Iterator

from secr_nea.effort import canonical_detectors
from secr_nea.quality.animal_checks import check_animals, check_ids
from secr_nea.quality.coordinate_checks import check_layout
from secr_nea.quality.dates import ORDERS
from secr_nea.quality.detection_checks import check_detections
from secr_nea.quality.findings import SEVERITIES, Finding, Findings
from secr_nea.quality.kinds import found
from secr_nea.quality.ledger import Ledger
from secr_nea.quality.operation_checks import check_operation
from secr_nea.quality.raw_tables import TABLES, RawTables
from secr_nea.quality.survey_checks import check_surveys
from secr_nea.quality.trap_positions import trap_positions


def check_tables(
    tables: RawTables, *, detector: str = "count", ledger: Ledger | None = None
) -> Findings:
    """Check field tables.

    Parameters
    ----------
    tables : RawTables
    detector : str
        What the traps are, as for :class:`secr_nea.TrapArray`.
    ledger : Ledger, optional
        Corrections to apply first.

    Returns
    -------
    Findings
        Errors first; then in the order traps, operation, detections, and by row.

    Raises
    ------
    DataError
        An unknown detector, or a ledger that does not fit the tables.
    """
    word = canonical_detectors(detector, ("",))[0]
    mended = tables if ledger is None else ledger.apply(tables)
    items = list(_all(mended, word))
    order = {name: i for i, name in enumerate(TABLES)}

    def key(item: Finding) -> tuple[int, int, int, str]:
        first = item.rows[0] if item.rows else 0
        return SEVERITIES.index(item.severity), order.get(item.table, 9), first, item.kind

    return Findings(tuple(sorted(items, key=key)), mended, ledger)


def _all(tables: RawTables, detector: str) -> Iterator[Finding]:
    yield from _undecided(tables)
    yield from check_ids(tables)
    yield from check_layout(tables, trap_positions(tables))
    yield from check_operation(tables)
    yield from check_detections(tables, detector)
    yield from check_animals(tables)
    yield from check_surveys(tables)


def _undecided(tables: RawTables) -> Iterator[Finding]:
    """Tables whose dates can be read both ways, with nothing to decide it."""
    for name, how in tables.decided.items():
        if how == "undecided":
            order = ORDERS[tables.orders[name]]
            yield found("date-order-undecided", name, [], f"Dates are taken as {order}.")
