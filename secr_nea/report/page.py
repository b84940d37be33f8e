"""The page of a report: one HTML file that is complete in itself and prints well."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from html import escape
from importlib import resources
from string import Template

import pandas as pd

from secr_nea import inference
from secr_nea.estimate import Estimate
from secr_nea.inference.mask_check import typical_sigma
from secr_nea.inference.regions import WHOLE
from secr_nea.report.pictures import Picture
from secr_nea.report.tables import (
    abundance_shown,
    coefficients_shown,
    data_summary,
    mask_shown,
    model_facts,
    parameters_shown,
)
from secr_nea.report.words import REFERENCES, method_paragraph, software
from secr_nea.results_text import rounded

TEXT_COLUMNS = {"survey", "group", "region", "parameter", "at", "unit", "coefficient", "adequate"}
MOST_CARDS = 6

ABUNDANCE_HINT = (
    "D: animals per 100 km2. Expected N: what the density surface promises for the area, also in "
    "another year. Realised N: animals that were there during the survey, detected or missed. "
    "Intervals are log-normal."
)


def page(
    estimate: Estimate,
    abundance: pd.DataFrame | None,
    drawn: Sequence[Picture],
    *,
    title: str,
    note: str | None,
    level: float,
    files: Iterable[str],
    day: date,
) -> str:
    """The page as text.

    Parameters
    ----------
    estimate : Estimate
    abundance : DataFrame or None
        Surveys and regions, as from `density_by_survey`; None when the fit did not converge.
    drawn : sequence of Picture
    title : str
    note : str or None
    level : float
        Confidence level.
    files : iterable of str
        Names of the files beside the page.
    day : datetime.date
        When it was made.

    Returns
    -------
    str
        HTML with styles and pictures inside; all text escaped.
    """
    sections = [f'<div class="columns">{_data(estimate)}{_model(estimate)}</div>']
    if len(estimate.model.surveys) > 1:
        sections = [_data(estimate), _model(estimate)]
    if abundance is not None:
        sections += [
            _estimates(estimate, level),
            _section("Abundance", _table(abundance_shown(abundance, level)), ABUNDANCE_HINT),
        ]
    sections.append(_maps(drawn))
    if abundance is not None:
        sections += [_detection(drawn), _buffer(estimate, drawn)]
        sections.append(_methods(estimate, abundance, level))
    sections.append(_origin(estimate, files))
    versions = software()
    return _template("page.html").substitute(
        title=escape(title),
        style=_template("page.css").template,
        subtitle=escape(_subtitle(estimate)),
        note="" if note is None else f'<p class="note">{escape(note)}</p>',
        verdict=_verdict(estimate),
        cards="" if abundance is None else _cards(estimate, abundance, level),
        sections="\n".join(sections),
        footer=escape(f"Made on {day.isoformat()} with secr_nea {versions['secr_nea']}."),
    )


def _template(name: str) -> Template:
    text = resources.files("secr_nea.report").joinpath(name).read_text(encoding="utf-8")
    return Template(text)


def _subtitle(estimate: Estimate) -> str:
    mark = estimate.fingerprint
    return (
        f"{mark.n_animals} animals, {mark.n_detections:,} detections, {mark.n_traps} detectors, "
        f"effort {mark.effort:,.6g}"
    )


def _verdict(estimate: Estimate) -> str:
    """How far the numbers can be trusted: the first thing to read."""
    found = inference.doubts(estimate)
    if not found:
        return (
            '<div class="verdict good"><p><b>The fit is at its maximum and no reason for doubt '
            "was found</b> in the data, the mask or the maximisation.</p></div>"
        )
    kind = "doubt" if estimate.diagnosis.converged else "bad"
    items = "".join(f"<li>{escape(doubt)}</li>" for doubt in found)
    return f'<div class="verdict {kind}"><p><b>Reasons for doubt</b></p><ul>{items}</ul></div>'


def _cards(estimate: Estimate, abundance: pd.DataFrame, level: float) -> str:
    """The few numbers that are quoted."""
    rows = abundance[abundance["region"] == WHOLE]
    if "group" in rows:
        rows = rows[rows["group"] == "all"]
    several = len(rows) > 1
    cards = []
    for _, row in list(rows.iterrows())[: MOST_CARDS // 2 if several else 1]:
        place = f" in {row['survey']}" if several else ""
        kind = "realised" if pd.notna(row["realised_n"]) else "expected"
        area = f"{kind} number in {row['area_km2']:,.0f} km2"
        row = row.rename({"density_per_100km2": "density_n"})
        row["density_se"] = row["expected_se"] * row["density_n"] / row["expected_n"]
        cards.append(_card(f"Density{place}", "animals per 100 km2", row, "density", level))
        cards.append(_card(f"Animals{place}", area, row, kind, level))
    sigma = typical_sigma(estimate) / 1000.0
    cards.append(
        f'<div class="card"><span class="what">Scale of movement</span><b>{sigma:,.1f} km</b>'
        "<span>sigma of the detection function</span></div>"
    )
    return f'<div class="cards">{"".join(cards)}</div>'


def _card(what: str, unit: str, row: pd.Series, kind: str, level: float) -> str:
    se, interval = row[f"{kind}_se"], ""
    if pd.notna(row[f"{kind}_lower"]):
        ends = (rounded(row[f"{kind}_{end}"], se) for end in ("lower", "upper"))
        interval = f"<br>{100 * level:g} % interval {' to '.join(ends)}"
    return (
        f'<div class="card"><span class="what">{escape(what)}</span>'
        f"<b>{rounded(row[f'{kind}_n'], se)}</b><span>{escape(unit)}{interval}</span></div>"
    )


def _data(estimate: Estimate) -> str:
    return _section("Data", _facts_table(data_summary(estimate)))


def _model(estimate: Estimate) -> str:
    facts = pd.DataFrame({"": model_facts(estimate)})
    return _section("Model and diagnosis", _facts_table(facts, head=False))


def _estimates(estimate: Estimate, level: float) -> str:
    return _section(
        "Estimates",
        _table(parameters_shown(estimate, level)),
        "Covariates that are numbers are held at their mean.",
        "<h3>Coefficients on the link scale</h3>",
        _table(coefficients_shown(estimate, level)),
    )


def _maps(drawn: Sequence[Picture]) -> str:
    figures = _figures(drawn, "maps")
    return _section("Maps", figures, "The maps have a scale but no grid coordinates.")


def _detection(drawn: Sequence[Picture]) -> str:
    return _section("Detection function", _figures(drawn, "detection"))


def _buffer(estimate: Estimate, drawn: Sequence[Picture]) -> str:
    return _section(
        "Buffer and spacing of the mask", _table(mask_shown(estimate)), _figures(drawn, "buffer")
    )


def _methods(estimate: Estimate, abundance: pd.DataFrame, level: float) -> str:
    whole = abundance[abundance["region"] == WHOLE]
    if "group" in whole:
        whole = whole[whole["group"] == "all"]
    references = "".join(f"<li>{escape(reference)}</li>" for reference in REFERENCES)
    paragraph = escape(method_paragraph(estimate, whole, level))
    return _section("Methods", f"<p>{paragraph}</p>", f"<ul>{references}</ul>")


def _origin(estimate: Estimate, files: Iterable[str]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in software().items())
    names = ", ".join(f"<code>{escape(name)}</code>" for name in sorted(files))
    return _section(
        "Data fingerprint, software, files",
        f"<p>Data: {escape(str(estimate.fingerprint))}. Only fits with the same code "
        f"<code>{estimate.fingerprint.code}</code> are of the same data and can be compared by "
        "AICc.</p>",
        f"<p>Software: {escape(versions)}.</p>",
        f"<p>In this folder: {names}.</p>",
    )


def _section(title: str, *parts: str) -> str:
    """A heading and its parts; a part that is no HTML is a hint."""
    body = [p if p.startswith("<") else f'<p class="hint">{escape(p)}</p>' for p in parts if p]
    return f"<section><h2>{escape(title)}</h2>{''.join(body)}</section>"


def _figures(drawn: Sequence[Picture], section: str) -> str:
    own = [picture for picture in drawn if picture.section == section]
    found = [
        f'<figure{_width(picture, len(own))}><img src="{picture.source}" '
        f'alt="{escape(picture.caption)}"><figcaption>{escape(picture.caption)}</figcaption></figure>'
        for picture in own
    ]
    return f'<div class="figures">{"".join(found)}</div>' if found else ""


def _width(picture: Picture, among: int) -> str:
    """Density and its CV, and several buffer checks, stand side by side; the rest alone."""
    beside = picture.name.startswith("density") or (picture.section == "buffer" and among > 1)
    return "" if beside else ' class="whole"'


def _table(table: pd.DataFrame) -> str:
    """A table whose numbers are already text; columns of words stand left, numbers right."""
    kinds = ["" if name in TEXT_COLUMNS else ' class="number"' for name in table.columns]
    head = "".join(
        f"<th{kind}>{escape(str(name))}</th>"
        for name, kind in zip(table.columns, kinds, strict=True)
    )
    rows = []
    for _, row in table.iterrows():
        cells = "".join(
            f"<td{kind}>{escape(str(value))}</td>" for value, kind in zip(row, kinds, strict=True)
        )
        whole = ' class="whole"' if row.get("region") == WHOLE else ""
        rows.append(f"<tr{whole}>{cells}</tr>")
    return (
        f'<div class="wide"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _facts_table(facts: pd.DataFrame, *, head: bool = True) -> str:
    """One row a fact, one column a survey."""
    names = "".join(f"<th>{escape(str(name))}</th>" for name in facts.columns)
    title = f"<thead><tr><th></th>{names}</tr></thead>" if head else ""
    rows = "".join(
        f"<tr><th>{escape(str(fact))}</th>"
        + "".join(f'<td class="formula">{escape(str(value))}</td>' for value in row)
        + "</tr>"
        for fact, row in zip(facts.index, facts.to_numpy(), strict=True)
    )
    return f'<div class="wide"><table>{title}<tbody>{rows}</tbody></table></div>'
