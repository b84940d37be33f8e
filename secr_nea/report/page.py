"""The page of a report: one HTML file that is complete in itself and prints well."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from html import escape
from importlib import resources
from string import Template

import pandas as pd

from secr_nea import inference
from secr_nea.border import Transboundary
from secr_nea.estimate import Estimate
from secr_nea.inference.mask_check import typical_sigma
from secr_nea.inference.minimum_count import minimum_count
from secr_nea.inference.regions import WHOLE
from secr_nea.report.contents import Contents
from secr_nea.report.pictures import Picture
from secr_nea.report.tables import (
    abundance_shown,
    any_shown,
    coefficients_shown,
    data_summary,
    mask_shown,
    model_facts,
    models_shown,
    parameters_shown,
)
from secr_nea.report.words import REFERENCES, method_paragraph, software
from secr_nea.results_text import rounded

TEXT_COLUMNS = {"survey", "group", "region", "parameter", "at", "unit", "coefficient", "adequate"}
MOST_CARDS = 6

NEXT_HINT = (
    "A rough guide: animals are taken to be alike, and the relative error of density to be 1 / "
    "sqrt(min(animals, recaptures)). Simulate the plan that you choose."
)

ABUNDANCE_HINT = (
    "D: animals per 100 km2. Expected N: what the density surface promises for the area, also in "
    "another year. Realised N: animals that were there during the survey, detected or missed. "
    "Intervals are log-normal."
)


def page(
    given: Contents,
    abundance: pd.DataFrame | None,
    drawn: Sequence[Picture],
    *,
    title: str,
    note: str | None,
    files: Iterable[str],
    day: date,
) -> str:
    """The page as text.

    Parameters
    ----------
    given : Contents
    abundance : DataFrame or None
        Surveys and regions, as from `density_by_survey`; None when the fit did not earn numbers.
    drawn : sequence of Picture
    title : str
    note : str or None
    files : iterable of str
        Names of the files beside the page.
    day : datetime.date
        When it was made.

    Returns
    -------
    str
        HTML with styles and pictures inside; all text escaped.
    """
    versions = software()
    kind = "Spatially explicit capture-recapture"
    return _template("page.html").substitute(
        title=escape(title),
        style=_template("page.css").template,
        kind=kind if not given.public else f"{kind} · public version without positions",
        subtitle=escape(_subtitle(given.estimate)),
        note="" if note is None else f'<p class="note">{escape(note)}</p>',
        verdict=_verdict(given),
        cards="" if abundance is None else _cards(given.estimate, abundance, given.level),
        sections="\n".join(_sections(given, abundance, drawn, files)),
        footer=escape(f"Made on {day.isoformat()} with secr_nea {versions['secr_nea']}."),
    )


def _sections(
    given: Contents,
    abundance: pd.DataFrame | None,
    drawn: Sequence[Picture],
    files: Iterable[str],
) -> Iterator[str]:
    """The parts of the page from top to bottom."""
    estimate, level = given.estimate, given.level
    data = _data(given, drawn)
    if len(estimate.model.surveys) > 1:
        yield data
        yield _model(estimate)
    else:
        yield f'<div class="columns">{data}{_model(estimate)}</div>'
    yield _section("Captures", _figures(drawn, "data"))
    if given.models is not None:
        table = _table(models_shown(given.models))
        yield _section("Set of models", table, _figures(drawn, "models"))
    if abundance is None:
        yield _minimum(given)
    else:
        yield _estimates(estimate, level)
        yield _section("Abundance", _table(abundance_shown(abundance, level)), ABUNDANCE_HINT)
    if given.border is not None:
        yield _border(given, given.border, drawn)
    maps = _figures(drawn, "maps")
    if maps:
        yield _section("Maps", maps, "The maps have a scale but no grid coordinates.")
    if abundance is not None:
        yield _section("Detection function", _figures(drawn, "detection"))
        if effects := _figures(drawn, "effects"):
            yield _section("Effects of covariates", effects)
    for name, heading in (
        ("goodness_of_fit", "Goodness of fit"),
        ("sensitivity", "Sensitivity"),
    ):
        table = getattr(given, name)
        if table is not None:
            told = given.fit_notes if name == "goodness_of_fit" else ()
            yield _section(heading, _table(any_shown(table)), *told)
    if abundance is not None:
        yield _buffer(estimate, drawn)
        yield _methods(estimate, abundance, level)
    if given.ledger is not None:
        yield _section("Corrections of the data", _table(any_shown(given.ledger)))
    yield _origin(estimate, files)


def _template(name: str) -> Template:
    text = resources.files("secr_nea.report").joinpath(name).read_text(encoding="utf-8")
    return Template(text)


def _subtitle(estimate: Estimate) -> str:
    mark = estimate.fingerprint
    return (
        f"{mark.n_animals} animals, {mark.n_detections:,} detections, {mark.n_traps} detectors, "
        f"effort {mark.effort:,.6g}"
    )


def _verdict(given: Contents) -> str:
    """How far the numbers can be trusted: the first thing to read."""
    found = [*inference.doubts(given.estimate), *(f"Test of fit, {m}" for m in given.misfit)]
    if not found:
        return (
            '<div class="verdict good"><p><b>The fit is at its maximum and no reason for doubt '
            "was found</b> in the data, the mask or the maximisation.</p></div>"
        )
    kind = "bad" if given.unearned else "doubt"
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
    ways = "" if estimate.model.metric is None else ", in a straight line"
    cards.append(
        f'<div class="card"><span class="what">Scale of movement</span><b>{sigma:,.1f} km</b>'
        f"<span>sigma of the detection function{ways}</span></div>"
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


def _data(given: Contents, drawn: Sequence[Picture]) -> str:
    return _section("Data", _facts_table(data_summary(given.estimate, public=given.public)))


def _minimum(given: Contents) -> str:
    """What can be reported of data that carry no estimate."""
    counts = [minimum_count(s, level=given.level) for s in given.estimate.model.surveys]
    words = "".join(f"<p>{escape(count.sentence)}</p>" for count in counts)
    lacking = "".join(
        f"<p>{escape(c.name)}: {escape('; '.join(c.lacking))}.</p>" for c in counts if c.lacking
    )
    return _section("What can be reported without an estimate", words, lacking) + _next_survey(
        given
    )


def _next_survey(given: Contents) -> str:
    """What another survey may bring."""
    counts = [minimum_count(s, level=given.level) for s in given.estimate.model.surveys]
    parts = []
    for count in counts:
        heading = f"<h3>{escape(count.name)}</h3>" if len(counts) > 1 else ""
        parts += [heading, _table(count.shown_plans())]
    return _section("What the next survey may bring", *parts, NEXT_HINT)


def _border(given: Contents, found: Transboundary, drawn: Sequence[Picture]) -> str:
    """Both sides of the border: sentences, pictures and tables."""
    told = found.public_sentences if given.public else found.sentences
    items = "".join(f"<li>{escape(line)}</li>" for line in told)
    sentences = f"<ul>{items}</ul>"
    hidden = ("animals", "crossings", "furthest", "concordance") if given.public else ()
    named = {found.words[f"title {name}"] for name in hidden}
    parts = [sentences, _figures(drawn, "border")]
    for heading, table in found.shown().items():
        if heading not in named:
            parts += [f"<h3>{escape(heading)}</h3>", _table(table, words=True)]
    return _section("Both sides of the border", *parts)


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
    """Charts of the data, effects, maps, and several buffer checks stand side by side."""
    alone = picture.name.startswith(("operation", "captures", "border_", "mask", "extrapolation"))
    alone &= not picture.name.startswith("border_shares")
    together = ("data", "effects", "maps", "border", "buffer")
    beside = picture.section in together and among > 1 and not alone
    return "" if beside else ' class="whole"'


def _table(table: pd.DataFrame, *, words: bool = False) -> str:
    """A table whose numbers are already text; columns of words stand left, numbers right."""
    left = {name for name in table.columns if name in TEXT_COLUMNS or _is_text(table[name])}
    kinds = ["" if words or name in left else ' class="number"' for name in table.columns]
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
    kind = "wide tight" if words else "wide"
    return (
        f'<div class="{kind}"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _is_text(column: pd.Series) -> bool:
    """Whether a column holds words rather than numbers."""
    return bool(
        column.map(
            lambda cell: (
                any(c.isalpha() for c in str(cell))
                and len(str(cell)) > 3
                and " to " not in str(cell)
            )
        ).any()
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
