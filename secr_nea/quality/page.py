"""The page of a check: one HTML file, complete in itself, with findings and pictures."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from importlib import resources
from typing import TYPE_CHECKING

import pandas as pd

from secr_nea import _checks
from secr_nea._crs import describe
from secr_nea._version import __version__
from secr_nea.quality import pictures
from secr_nea.quality.findings import Finding, Findings
from secr_nea.quality.names import is_placeholder
from secr_nea.quality.operation_checks import effort_of_rows
from secr_nea.quality.trap_positions import trap_positions

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_PICTURES: tuple[tuple[str, Callable[[Findings], Axes | None], str, str], ...] = (
    (
        "Map",
        pictures.map_of,
        "Area of a circle: number of detections. The map has a scale but no coordinates.",
        "No trap has a place that can be drawn.",
    ),
    (
        "Operation of cameras",
        pictures.timeline,
        "Bars: from set-up to retrieval, in the order of set-up. Points: detections.",
        "No table tells when cameras worked.",
    ),
    ("Effort", pictures.effort_histogram, "", "No table tells the effort."),
    (
        "Detections and animals over time",
        pictures.cumulative,
        "Where the curve of animals has become level, most animals that use the area were seen.",
        "Detections have no dates.",
    ),
)


def findings_page(findings: Findings, *, title: str | None = None) -> str:
    """The page as text.

    Parameters
    ----------
    findings : Findings
    title : str, optional

    Returns
    -------
    str
        HTML with styles and pictures inside; all text escaped.
    """
    name = title or "Check of field tables"
    style = resources.files("secr_nea.quality").joinpath("page.css").read_text(encoding="utf-8")
    body = [
        _verdict(findings),
        _cards(findings),
        _section("Findings", _findings(findings)),
        *(_picture(findings, *item) for item in _PICTURES),
        _section("What was read", _read(findings)),
    ]
    if findings.ledger is not None:
        body.append(_section("Corrections that were applied", _ledger(findings)))
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(name)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n"
        f'<header><p class="kind">Camera traps and detections</p><h1>{escape(name)}</h1></header>\n'
        f"<main>\n{''.join(body)}\n</main>\n"
        f"<footer>Made with secr_nea {escape(__version__)} from tables with the fingerprint "
        f"<code>{findings.tables.fingerprint}</code>. The page shows how cameras stand to each "
        "other: share it as you share the data.</footer>\n</body>\n</html>\n"
    )


def _section(title: str, body: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{body}</section>\n"


def _verdict(findings: Findings) -> str:
    kind = "bad" if findings.must_be_mended else "doubt" if findings.counts["warning"] else "good"
    return f'<div class="verdict {kind}"><b>{escape(findings.verdict)}</b></div>\n'


def _cards(findings: Findings) -> str:
    tables = findings.tables
    effort = effort_of_rows(tables)
    names = {n for n in tables.text("detections", "animal_id") if n and not is_placeholder(n)}
    facts: list[tuple[float, str]] = [
        (
            len(set(zip(tables.session("traps"), tables.text("traps", "trap_id"), strict=True))),
            "traps",
        ),
        (len(tables.raw["detections"]), "rows of detections"),
        (len(names), "animal ids"),
    ]
    if effort is not None:
        facts.append((round(float(pd.Series(effort).sum()), 1), "effort in all"))
    cards = (
        f'<div class="card"><b>{n:,.6g}</b><span>{escape(what)}</span></div>' for n, what in facts
    )
    return f'<div class="cards">{"".join(cards)}</div>\n'


def _findings(findings: Findings) -> str:
    if not len(findings):
        return "<p>Nothing was found.</p>"
    return "".join(_finding(finding) for finding in findings)


def _finding(finding: Finding) -> str:
    where = finding.table
    if finding.rows:
        where += f", {_checks.rows_listed(finding.rows)}"
    every = ""
    if len(finding.rows) > 8:
        every = (
            f"<details><summary>all {len(finding.rows)} rows</summary>"
            f"{', '.join(map(str, finding.rows))}</details>"
        )
    return (
        f'<article class="{finding.severity}"><h3><span>{finding.severity}</span> '
        f"{escape(finding.kind.replace('-', ' '))} <em>{escape(where)}</em></h3>"
        f"<p>{escape(finding.seen)}</p>{every}<dl><dt>Why</dt><dd>{escape(finding.why)}</dd>"
        f"<dt>Cure</dt><dd>{escape(finding.cure)}</dd></dl></article>\n"
    )


def _picture(
    findings: Findings,
    title: str,
    draw: Callable[[Findings], Axes | None],
    caption: str,
    instead: str,
) -> str:
    ax = draw(findings)
    if ax is None:
        return _section(title, f'<p class="hint">{escape(instead)}</p>')
    below = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    image = f'<img src="{pictures.as_source(ax)}" alt="{escape(title)}">'
    return _section(title, f"<figure>{image}{below}</figure>")


def _read(findings: Findings) -> str:
    """Columns, dates and reference system: what the check has understood."""
    tables = findings.tables
    where = trap_positions(tables)
    facts = [*tables.facts, where.fact or f"Reference system: {describe(tables.crs)}."]
    lost = tables.rows("traps")[~where.usable]
    if lost.size:
        facts.append(f"Not on the map: {_checks.rows_listed(lost)} of the traps.")
    items = "".join(f"<li>{escape(fact)}</li>" for fact in facts)
    roles = pd.DataFrame(
        {
            "table": list(tables.columns),
            "columns and what they are taken for": [
                ", ".join(f"{column} = {role}" for role, column in roles.items())
                for roles in tables.columns.values()
            ],
        }
    )
    return f"<ul>{items}</ul>{_table(roles)}"


def _ledger(findings: Findings) -> str:
    ledger = findings.ledger
    assert ledger is not None
    parts = [_table(ledger.to_dataframe())]
    if ledger.tables is not None:
        fates = ledger.individuals()
        changed = fates[fates["fate"] != "used"]
        if len(changed):
            parts.append(
                f"<h3>Individuals that were dropped, merged or renamed</h3>{_table(changed)}"
            )
    return "".join(parts)


def _table(frame: pd.DataFrame) -> str:
    head = "".join(f"<th>{escape(str(name))}</th>" for name in frame.columns)
    rows = "".join(
        f"<tr>{''.join(f'<td>{escape(str(value))}</td>' for value in row)}</tr>"
        for row in frame.itertuples(index=False)
    )
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    return f'<div class="wide">{table}</div>'
