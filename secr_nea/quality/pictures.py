"""Pictures of field tables: map, operation of cameras, effort, animals and detections over time."""

from __future__ import annotations

import base64
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from secr_nea.quality.detection_checks import TABLE
from secr_nea.quality.findings import COLOURS, Findings
from secr_nea.quality.names import is_placeholder
from secr_nea.quality.operation_checks import effort_of_rows
from secr_nea.quality.operation_rows import days_of, duration_days, periods
from secr_nea.quality.trap_positions import trap_positions

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH_INCHES = 7.0
DOTS_PER_INCH = 130
INK, SOFT, CAMERA, SEEN = "#222222", "#9aa5b1", "#5b8db8", "#D55E00"
MOST_LABELS = 70
"""Cameras up to which each has its name beside the timeline."""


def _axes(height: float) -> Axes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH_INCHES, height), dpi=DOTS_PER_INCH, layout="compressed")
    FigureCanvasAgg(figure)
    ax = figure.subplots()
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def as_source(ax: Axes) -> str:
    """Picture as text for the ``src`` of an HTML image."""
    buffer = BytesIO()
    figure = ax.get_figure(root=True)
    assert figure is not None
    figure.savefig(buffer, format="png")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def _doubted(findings: Findings, table: str) -> dict[int, str]:
    """Gravest severity of each row of a table that has a finding of its own."""
    out: dict[int, str] = {}
    for severity in ("note", "warning", "error"):
        for finding in findings:
            if finding.table == table and finding.severity == severity:
                out |= dict.fromkeys(finding.rows, severity)
    return out


def map_of(findings: Findings) -> Axes | None:
    """Map of the traps, larger where there were more detections, findings in colour.

    Parameters
    ----------
    findings : Findings

    Returns
    -------
    Axes or None
        None when no place is known.
    """
    tables = findings.tables
    where = trap_positions(tables)
    if not where.usable.any():
        return None
    xy = where.xy[where.usable]
    names = tables.text("traps", "trap_id")[where.usable]
    rows = tables.rows("traps")[where.usable]
    hits = tables.text(TABLE, "trap_id")
    number = np.array([(hits == name).sum() for name in names], dtype=float)
    (west, south), (east, north) = xy.min(axis=0), xy.max(axis=0)
    ratio = float(np.clip((north - south) / max(east - west, 1.0), 0.3, 1.2))
    ax = _axes(0.9 + 0.75 * WIDTH_INCHES * ratio)
    doubted = _doubted(findings, "traps")
    edge = [COLOURS[doubted[row]] if row in doubted else "white" for row in rows.tolist()]
    wide = [1.8 if row in doubted else 0.5 for row in rows.tolist()]
    fill = np.where(number > 0, SEEN, SOFT)
    style: dict[str, Any] = {"s": 16 + 14 * number, "c": fill, "edgecolors": edge, "zorder": 3}
    ax.scatter(xy[:, 0], xy[:, 1], linewidths=wide, **style)
    _scale_bar(ax, xy)
    _legend(ax, [("detections", SEEN, "white"), ("none", SOFT, "white"),
                 *((f"has a finding ({s})", "white", COLOURS[s]) for s in ("error", "warning")
                   if s in doubted.values())])  # fmt: skip
    return ax


def _legend(ax: Axes, entries: list[tuple[str, str, str]]) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D(
            [], [], linestyle="", marker="o", markersize=7, mfc=fill, mec=edge, mew=1.6, label=text
        )
        for text, fill, edge in entries
    ]
    ax.legend(handles=handles, loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=len(handles),
              frameon=False, fontsize=8.5, handletextpad=0.2, columnspacing=1.2)  # fmt: skip


def _scale_bar(ax: Axes, xy: np.ndarray) -> None:
    """A scale and no coordinates: the picture gives away no positions on the Earth."""
    ax.set_aspect("equal", adjustable="datalim")
    ax.margins(0.07)
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set(visible=True, color=SOFT, linewidth=0.6)
    width = max(float(np.ptp(xy[:, 0])), float(np.ptp(xy[:, 1])), 1.0)
    power = 10.0 ** np.floor(np.log10(0.25 * width))
    length = max(step * power for step in (1.0, 2.0, 5.0) if step * power <= 0.25 * width)
    west = float(xy[:, 0].min())
    text = f"{length / 1000.0:g} km" if length >= 1000 else f"{length:g} m"
    # below the map, where no trap can be
    below: dict[str, Any] = {"transform": ax.get_xaxis_transform(), "clip_on": False}
    ax.plot([west, west + length], [-0.05] * 2, color=INK, lw=2.5, solid_capstyle="butt", **below)
    ax.annotate(text, (west + length, -0.05), (5, 0), xycoords=below["transform"],
                textcoords="offset points", va="center", fontsize=8.5)  # fmt: skip


def timeline(findings: Findings) -> Axes | None:
    """Bars in which each camera worked, with its detections as points.

    Parameters
    ----------
    findings : Findings

    Returns
    -------
    Axes or None
        None when no period is known.
    """
    tables = findings.tables
    known = periods(tables, mended=False)
    known = known[known["start"].notna() & known["end"].notna() & (known["start"] <= known["end"])]
    if known.empty:
        return None
    several = known["session"].nunique() > 1
    label = known["trap_id"] if not several else known["session"] + " " + known["trap_id"]
    names = list(dict.fromkeys(label[known["start"].sort_values(kind="stable").index]))
    level = {name: i for i, name in enumerate(names)}
    ax = _axes(float(np.clip(1.0 + 0.155 * len(names), 2.2, 14.0)))
    lanes = label.map(level).to_numpy()
    days = duration_days(known) + 1.0
    ax.barh(lanes, days, left=known["start"].to_numpy(), height=0.62, color=CAMERA, alpha=0.75)
    _detections_on(ax, findings, level, several)
    lowest, highest = _usual_days(known)
    ax.set_xlim(lowest, highest)
    ax.set_ylim(len(names) - 0.3, -0.7)
    shown = names if len(names) <= MOST_LABELS else []
    ax.set_yticks([level[name] for name in shown], shown, fontsize=6.5)
    _date_axis(ax)
    ax.grid(axis="x", color="#e3e7eb", lw=0.7)
    ax.set_axisbelow(True)
    entries = [("detection", SEEN, SEEN), ("date with a finding", "white", COLOURS["error"])]
    _legend(ax, entries)
    return ax


def _date_axis(ax: Axes) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator()  # type: ignore[no-untyped-call]
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]


def _usual_days(known: Any) -> tuple[Any, Any]:
    """Days that the picture shows: all cameras but those whose year is plainly wrong."""
    start, end = np.sort(known["start"].to_numpy()), np.sort(known["end"].to_numpy())
    middle = start[len(start) // 2]
    year = np.timedelta64(730, "D")
    inside_start, inside_end = (
        start[np.abs(start - middle) < year],
        end[np.abs(end - middle) < year],
    )
    first = inside_start[0] if len(inside_start) else start[0]
    last = inside_end[-1] if len(inside_end) else end[-1]
    margin = max((last - first) // 30, np.timedelta64(1, "D"))
    return first - margin, last + 2 * margin


def _detections_on(ax: Axes, findings: Findings, level: dict[str, int], several: bool) -> None:
    tables = findings.tables
    if not tables.has(TABLE, "date"):
        return
    when = tables.dates(TABLE, "date").when
    traps, session = tables.text(TABLE, "trap_id"), tables.session(TABLE)
    names = [f"{s} {t}" if several else t for s, t in zip(session, traps, strict=True)]
    odd = {
        row
        for kind in ("day-month-swapped", "outside-operation")
        for finding in findings.of(kind)
        if finding.table == TABLE
        for row in finding.rows
    }
    for marked in (False, True):
        mine = [
            i for i, name in enumerate(names)
            if name in level and not np.isnat(when[i]) and (tables.rows(TABLE)[i] in odd) == marked
        ]  # fmt: skip
        ax.scatter(when[mine], [level[names[i]] for i in mine], s=26 if marked else 11, zorder=4,
                   c="white" if marked else SEEN, linewidths=1.4 if marked else 0,
                   edgecolors=COLOURS["error"] if marked else SEEN)  # fmt: skip


def effort_histogram(findings: Findings) -> Axes | None:
    """Histogram of the effort of traps.

    Parameters
    ----------
    findings : Findings

    Returns
    -------
    Axes or None
        None when no effort is known.
    """
    from matplotlib.ticker import MaxNLocator

    tables = findings.tables
    effort, unit = effort_of_rows(tables), "effort of a trap"
    if effort is None:
        known = periods(tables)
        effort = duration_days(known)
        unit = "days from start to end"
    effort = effort[np.isfinite(effort)]
    if not len(effort):
        return None
    ax = _axes(2.6)
    bins = np.linspace(min(0.0, effort.min()), max(effort.max(), 1.0), 25)
    number, edges = np.histogram(effort, bins=bins)
    ax.stairs(number, edges, fill=True, color=CAMERA)
    ax.set_ylim(0, 1.25 * number.max())
    ax.set_xlabel(unit)
    ax.set_ylabel("traps")
    ax.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    ax.axvline(float(np.median(effort)), color=INK, lw=1, ls="--")
    ax.annotate(f"median {np.median(effort):g}", (float(np.median(effort)), 1.0),
                xycoords=("data", "axes fraction"), xytext=(4, -2), textcoords="offset points",
                va="top", fontsize=8.5)  # fmt: skip
    return ax


def cumulative(findings: Findings) -> Axes | None:
    """Detections and different animals, added up over time.

    Parameters
    ----------
    findings : Findings

    Returns
    -------
    Axes or None
        None when detections have no dates.
    """
    tables = findings.tables
    if not tables.has(TABLE, "date"):
        return None
    day = days_of(tables.dates(TABLE, "date").when)
    animal = tables.text(TABLE, "animal_id")
    order = np.argsort(day, kind="stable")
    order = order[~np.isnat(day[order])]
    if not order.size:
        return None
    seen: set[str] = set()
    animals = []
    for name in animal[order]:
        seen |= set() if not name or is_placeholder(name) else {name}
        animals.append(len(seen))
    ax = _axes(2.9)
    when = day[order].astype("datetime64[s]")
    lines = (("detections", np.arange(1, len(order) + 1), SEEN), ("animals", animals, CAMERA))
    for name, values, colour in lines:
        ax.step(when, values, where="post", color=colour, lw=1.8)
        ax.annotate(f"{values[-1]} {name}", (when[-1], values[-1]), (5, 0), color=colour,
                    textcoords="offset points", va="center", fontsize=8.5)  # fmt: skip
    ax.set_ylim(bottom=0)
    ax.margins(x=0.02)
    _date_axis(ax)
    ax.grid(axis="y", color="#e3e7eb", lw=0.7)
    return ax
