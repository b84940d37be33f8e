"""Pictures of a transboundary result: the animals of both sides, their shares, the double count."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from secr_nea.errors import DataError
from secr_nea.plot._charts import chart_axes, finish_chart
from secr_nea.plot._colours import CATEGORIES, INK, UNKNOWN, category_colours
from secr_nea.plot._legend import add_section, line, marker, show_legend
from secr_nea.plot._map_axes import finish_map, map_axes
from secr_nea.plot.background import regions
from secr_nea.plot.capture_map import aside, draw_detections
from secr_nea.plot.trap_map import draw_traps
from secr_nea.survey import Survey

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from secr_nea.border import Transboundary

BOTH = CATEGORIES[1]
"""Colour of animals that were seen in several countries."""


def border(
    result: Transboundary,
    *,
    survey: str | None = None,
    labels: bool = False,
    ax: Axes | None = None,
    legend: bool = True,
    coordinates: bool = False,
    title: str | None = None,
) -> Axes:
    """Map of the animals on both sides of a border, coloured by where they were seen.

    Parameters
    ----------
    result : Transboundary
        Its language is that of the words.
    survey : str, optional
        Name of the survey, needed when there are several.
    labels : bool
        Whether to write the ids of animals that were seen on several sides.
    ax : Axes, optional
        Where to draw; new axes by default.
    legend : bool
        Whether to explain colours.
    coordinates : bool
        Easting and northing at the edges instead of a scale bar; by default the picture gives away
        no positions.
    title : str, optional

    Returns
    -------
    matplotlib.axes.Axes
        In metres. Lines join the records of an animal with their mean position.

    Raises
    ------
    DataError
        If the survey is not named.

    Examples
    --------
    >>> import secr_nea as sn
    >>> fitted = sn.fit(sn.datasets.sailugem(), progress=False)
    >>> found = sn.transboundary(fitted, sn.datasets.sailugem_countries())
    >>> ax = sn.plot.border(found, title="Sailugem (simulated)")
    """
    item = _survey(result, survey)
    west, south, east, north = item.traps.bounds
    rim = 0.12 * max(east - west, north - south)
    ax = map_axes(ax, (west - rim, south - rim, east + rim, north + rim))
    ax.set_xlim(west - rim, east + rim)
    ax.set_ylim(south - rim, north + rim)
    colours = _colours(result)
    _tint(ax, result, colours)
    draw_traps(ax, item.traps, legend=False)
    _draw_animals(ax, result, item, colours, labels)
    shown = result.sides.to_geodataframe()
    shown["country"] = [result.place(name) for name in shown["country"]]
    regions(shown, label="country", borders=True, ax=ax, coordinates=coordinates)
    if legend:
        words = result.words
        entries = [marker(words["trap"], size=13, mfc="white", mec=INK, mew=0.6)]
        entries.append(line(words["border"], color=INK, linestyle=(0, (6, 2, 1, 2)), lw=1.1))
        add_section(ax, "", entries)
        groups = result.groups[result.groups["survey"] == item.name]
        numbers = {row["seen_in"]: row["animals"] for _, row in groups.iterrows() if row["animals"]}
        add_section(
            ax,
            words["use"],
            [
                marker(f"{_group_label(result, kind)}: {n}", mfc=colours(kind), mec="white")
                for kind, n in numbers.items()
            ],
        )
        show_legend(ax)
    return finish_map(ax, coordinates=coordinates, title=title)


def _tint(ax: Axes, result: Transboundary, colours: Any) -> None:
    """A breath of the colour of each country under everything else."""
    from secr_nea.plot._map_axes import background

    with background(ax):
        for name, polygon in zip(result.countries, result.sides.polygons, strict=True):
            import geopandas

            geopandas.GeoSeries([polygon]).plot(ax=ax, color=colours(name), alpha=0.06, zorder=0)


def _survey(result: Transboundary, survey: str | None) -> Survey:
    names = [item.name for item in result.surveys]
    if survey is None and len(names) == 1:
        return result.surveys[0]
    if survey not in names:
        raise DataError(f"Choose survey= from {', '.join(names)}; got {survey!r}.")
    return result.surveys[names.index(survey)]


def _colours(result: Transboundary) -> Any:
    """Colour of a set of countries."""
    own = [CATEGORIES[0], CATEGORIES[2], CATEGORIES[3], CATEGORIES[5], CATEGORIES[4]]
    many = own if len(result.countries) <= len(own) else category_colours(len(result.countries))
    known = dict(zip(result.countries, many, strict=False))
    return lambda kind: known.get(kind, BOTH)


def _group_label(result: Transboundary, kind: str) -> str:
    shown = result.place(kind)
    if kind in result.countries:
        return result.words["only"].format(shown)
    return result.words["both"] if len(result.countries) == 2 else shown


def _draw_animals(
    ax: Axes, result: Transboundary, item: Survey, colours: Any, labels: bool
) -> None:
    from matplotlib.collections import LineCollection
    from matplotlib.patheffects import withStroke

    records = result.records[result.records["survey"] == item.name].reset_index(drop=True)
    position = {name: k for k, name in enumerate(item.traps.ids)}
    trap = np.array([position[name] for name in records["trap_id"]], dtype=np.int64)
    moved = aside(trap, item.captures, item.traps.bounds)
    moved[item.traps.is_search[trap]] = 0.0
    records[["x", "y"]] += moved
    animals = result.animals[result.animals["survey"] == item.name]
    for _, animal in animals.iterrows():
        own = records[records["animal_id"] == animal["animal"]]
        xy = own[["x", "y"]].to_numpy(dtype=np.float64)
        count = own["count"].to_numpy(dtype=np.float64)
        middle = np.average(xy, axis=0, weights=count)
        colour = colours(animal["seen_in"])
        segments = [np.array([at, middle]) for at in xy]
        drawn = LineCollection(segments, colors=colour, linewidths=1.2, zorder=5)
        drawn.set_path_effects([withStroke(linewidth=2.2, foreground="white", alpha=0.7)])
        ax.add_collection(drawn)
        draw_detections(ax, xy, count, colour)
        if labels and animal["n_sides"] > 1:
            text = ax.annotate(
                animal["animal"],
                (float(middle[0]), float(middle[1])),
                xytext=(3, 3),
                textcoords="offset points",
                fontsize=7,
            )
            text.set(zorder=8, path_effects=[withStroke(linewidth=2.0, foreground="white")])


def border_shares(
    result: Transboundary,
    *,
    survey: str | None = None,
    ax: Axes | None = None,
    legend: bool = True,
    title: str | None = None,
) -> Axes:
    """Share of each animal's activity centre by country, one bar an animal.

    Parameters
    ----------
    result : Transboundary
    survey : str, optional
        Name of the survey, needed when there are several.
    ax : Axes, optional
        Where to draw; new axes by default.
    legend : bool
        Whether to name the countries.
    title : str, optional

    Returns
    -------
    matplotlib.axes.Axes
        Animals in the order of their share of the first country; those seen on several sides are
        printed bold.

    Raises
    ------
    DataError
        If the survey is not named, or the fit did not earn the shares.
    """
    item = _survey(result, survey)
    table = result.animals[result.animals["survey"] == item.name]
    columns = [*(f"share_{name}" for name in result.countries), "share_elsewhere"]
    if table[columns].isna().to_numpy().any():
        raise DataError(f"The fit did not earn these shares: {result.unearned}")
    table = table.sort_values(columns[0], ascending=False, kind="stable")
    ax = chart_axes(ax, (5.6, float(np.clip(1.0 + 0.17 * len(table), 2.4, 9.0))))
    colours = _colours(result)
    left = np.zeros(len(table))
    at = np.arange(len(table))
    for name, column in zip([*result.countries, "elsewhere"], columns, strict=True):
        width = 100.0 * table[column].to_numpy()
        if name == "elsewhere" and width.max(initial=0.0) < 0.5:
            continue
        colour = UNKNOWN if name == "elsewhere" else colours(name)
        label = result.words.get(name, result.place(name))
        ax.barh(at, width, left=left, height=0.78, color=colour, label=label)
        left += width
    ax.set_yticks(at, list(table["animal"]), fontsize=7)
    for text, several in zip(ax.get_yticklabels(), table["n_sides"] > 1, strict=True):
        text.set_fontweight("bold" if several else "normal")
    ax.set_ylim(len(table) - 0.4, -0.6)
    ax.set_xlim(0.0, 100.0)
    ax.tick_params(axis="y", length=0)
    ax.set_xlabel(result.words["share axis"])
    if legend:
        ax.legend(frameon=False, ncols=3, loc="lower left", bbox_to_anchor=(0.0, 1.0))
    return finish_chart(ax, legend=False, title=title)


def double_count(
    result: Transboundary,
    *,
    survey: str | None = None,
    ax: Axes | None = None,
    legend: bool = True,
    title: str | None = None,
) -> Axes:
    """The national lists, their sum, and the animals there really were.

    Parameters
    ----------
    result : Transboundary
    survey : str, optional
        Name of the survey, needed when there are several.
    ax : Axes, optional
        Where to draw; new axes by default.
    legend : bool
        Whether to explain the marks of what the model expects.
    title : str, optional

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    DataError
        If the survey is not named.
    """
    item = _survey(result, survey)
    row = result.double_count[result.double_count["survey"] == item.name].iloc[0]
    words, colours = result.words, _colours(result)
    names = [result.place(name) for name in result.countries]
    lists = [int(row[f"list_{name}"]) for name in result.countries]
    ax = chart_axes(ax, (5.6, 3.4))
    at = np.arange(len(names) + 2)
    ax.bar(at[: len(names)], lists, color=[colours(name) for name in result.countries], width=0.7)
    bottom = 0
    for name, number in zip(result.countries, lists, strict=True):
        ax.bar(len(names), number, bottom=bottom, color=colours(name), width=0.7)
        bottom += number
    ax.bar(len(names) + 1, int(row["animals"]), color=INK, width=0.7)
    numbers = [*lists, int(row["sum_of_lists"]), int(row["animals"])]
    for x, number in zip(at, numbers, strict=True):
        ax.annotate(
            str(number),
            (float(x), 0.0),
            xytext=(0, 4),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontweight="bold",
            color="white" if number else INK,
        )
    if np.isfinite(row["expected_animals"]):
        expected = [row[f"expected_list_{name}"] for name in result.countries]
        expected += [row["expected_sum"], row["expected_animals"]]
        style: dict[str, Any] = {
            "color": UNKNOWN,
            "ms": 26,
            "mew": 1.6,
            "ls": "none",
            "marker": "_",
        }
        ax.plot(at, expected, label=words["expected"], zorder=4, **style)
    labels = [*names, words["sum of lists"], words["different animals"]]
    ax.set_xticks(at, [_two_lines(text) for text in labels])
    ax.tick_params(axis="x", length=0)
    ax.set_ylabel(words["list"])
    ax.set_ylim(0.0, 1.18 * max(max(numbers), 1))
    return finish_chart(ax, legend=legend, title=title)


def _two_lines(text: str) -> str:
    import textwrap

    return textwrap.fill(text, 16)
