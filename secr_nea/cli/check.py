"""The command ``check``: what is wrong in field tables, before anything is estimated."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import Parameter

from secr_nea.cli.messages import date_orders, plain_warnings

MUST_BE_MENDED = 1
"""Exit status when there is an error in the data."""


def _option(name: str) -> Any:
    return Parameter(name=f"--{name}", negative=())


def check(
    traps: str,
    detections: str,
    /,
    *,
    operation: Annotated[str | None, _option("operation")] = None,
    crs: Annotated[str | None, _option("crs")] = None,
    dates: Annotated[str, _option("dates")] = "infer",
    encoding: Annotated[str | None, _option("encoding")] = None,
    detector: Annotated[str, _option("detector")] = "count",
    ledger: Annotated[str | None, _option("ledger")] = None,
    report: Annotated[str | None, _option("report")] = None,
    json: Annotated[str | None, _option("json")] = None,
    quiet: Annotated[bool, _option("quiet")] = False,
) -> int:
    """Check field tables and explain what must be mended.

    Exit status: 0 when nothing must be mended, 1 when something must, 2 for unreadable tables.

    Parameters
    ----------
    traps
        Table of the traps: CSV (commas, semicolons or tabs) or Excel.
    detections
        Table of the detections.
    operation
        Table of the periods in which cameras worked.
    crs
        Coordinate reference system of x and y, such as EPSG:32645.
    dates
        Order of day and month: infer, dmy or mdy; or one for each table, such as
        traps=dmy,detections=mdy.
    encoding
        Of CSV files that are not UTF-8, such as cp1251.
    detector
        What the traps are: count, binary, binomial or multi.
    ledger
        JSON file of corrections to apply before the check.
    report
        Write one HTML page with the findings, a map and charts.
    json
        Write the findings to this JSON file.
    quiet
        Print nothing but errors.
    """
    import secr_nea as sn

    with plain_warnings():
        findings = sn.check(
            traps,
            detections,
            operation,
            crs=crs,
            dates=date_orders(dates),
            detector=detector,
            ledger=ledger,
            encoding=encoding,
        )
        if json is not None:
            findings.to_json(json)
        if report is not None:
            findings.report(report)
    if not quiet:
        for fact in findings.tables.facts:
            print(fact)
        print(findings)
        if report is not None:
            print(f"\nReport: {report}")
    return MUST_BE_MENDED if findings.must_be_mended else 0
