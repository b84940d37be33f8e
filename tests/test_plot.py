"""Pictures draw what they say, name their units, give away no positions and change no settings."""

from __future__ import annotations

import dataclasses
import itertools
import subprocess
import sys
from dataclasses import replace
from functools import cache

import build
import matplotlib as mpl
import numpy as np
import oracle
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PathCollection, PolyCollection
from matplotlib.colors import to_rgba
from tolerances import EXACT

import secr_nea as sn
from secr_nea import plot
from secr_nea.plot._curves import detection_curves, reference_rows
from secr_nea.plot._positions import distances_to_mean, mean_positions
from secr_nea.plot._scale_bar import NAME, bar_length
from secr_nea.plot.activity_map import lowest_inside
from secr_nea.plot.capture_charts import rarefaction

plt = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture(autouse=True)
def closed_and_unchanged():
    before = dict(mpl.rcParams)
    yield
    plt.close("all")
    assert dict(mpl.rcParams) == before


@cache
def fitted():
    return sn.fit(
        sn.datasets.sailugem(), D="~ ruggedness_std", lambda0="~ topography", progress=False
    )


@cache
def connected():
    """Connectivity on a coarse mask, with straight ways."""
    survey = sn.datasets.sailugem(6000.0)
    model = sn.Model(survey, distance=sn.LeastCost(neighbors=8))
    beta = model.coefficients(np.log([1.2, 0.01, 5500.0]))
    return sn.inference.connectivity(dataclasses.replace(fitted(), model=model, coefficients=beta))


@cache
def several():
    name = next(n for n in oracle.survey_names() if len(oracle.survey(n)["sessions"]) == 3)
    return sn.fit(build.surveys_of_reference(name), lambda0="~ session", progress=False)


def survey():
    return sn.datasets.sailugem()


DETECTIONS = sn.datasets.data_path("detections.csv")
CAMERAS = sn.datasets.data_path("cameras.csv")


@cache
def both_sides():
    return fitted().transboundary(sn.datasets.sailugem_countries())


def model_table():
    return pd.DataFrame(
        {"model": ["best", "flat", "failed"], "D": [1.0, 1.2, np.nan],
         "lower": [0.7, np.nan, np.nan], "upper": [1.5, np.nan, np.nan], "weight": [0.7, 0.3, 0.0]}
    )  # fmt: skip


MAPS = {
    "activity_centers": lambda **o: plot.activity_centers(fitted(), **o),
    "border": lambda **o: plot.border(both_sides(), **o),
    "detectability": lambda **o: plot.detectability(fitted(), **o),
    "expected_use": lambda **o: plot.expected_use(fitted(), **o),
    "extrapolation": lambda **o: plot.extrapolation(fitted(), **o),
    "movements": lambda **o: plot.movements(survey(), detections=DETECTIONS, **o),
    "traps": lambda **o: plot.traps(survey(), **o),
    "captures": lambda **o: plot.captures(survey(), **o),
    "mask": lambda **o: plot.mask(survey(), **o),
    "density": lambda **o: plot.density(fitted(), **o),
    "activity_center": lambda **o: plot.activity_center(fitted(), "SL01", **o),
    "connectivity": lambda **o: plot.connectivity(connected(), **o),
    "regions": lambda **o: plot.regions(sn.datasets.sailugem_countries(), **o),
    "hillshade": lambda **o: plot.hillshade(sn.datasets.sailugem_elevation(), **o),
}
CHARTS = {
    "border_shares": lambda **o: plot.border_shares(both_sides(), **o),
    "capture_frequency": lambda **o: plot.capture_frequency(survey(), **o),
    "cumulative_animals": lambda **o: plot.cumulative_animals(survey(), **o),
    "double_count": lambda **o: plot.double_count(both_sides(), **o),
    "effect": lambda **o: plot.effect(fitted(), "ruggedness_std", **o),
    "effort": lambda **o: plot.effort(survey(), operation=CAMERAS, **o),
    "forest": lambda **o: plot.forest(model_table(), **o),
    "detection": lambda **o: plot.detection(fitted(), **o),
    "buffer": lambda **o: plot.buffer(fitted(), **o),
    "spacing": lambda **o: plot.spacing(fitted(), **o),
}


def of_kind(ax, kind):
    return [c for c in ax.collections if isinstance(c, kind)]


def texts(ax):
    """Everything written in the figure."""
    ax.figure.canvas.draw()
    found = ax.figure.findobj(mpl.text.Text)
    return [t.get_text() for t in found if t.get_visible() and t.get_text()]


def bars(ax):
    return [a for a in ax.artists if a.get_gid() == NAME]


# --- all pictures --------------------------------------------------------------------------------


def test_every_function_is_tested_here():
    assert set(plot.__all__) == {*MAPS, *CHARTS, "explore"}


@pytest.mark.parametrize("name", [*MAPS, *CHARTS])
def test_pictures_return_axes_they_made_or_were_given(name):
    draw = (MAPS | CHARTS)[name]
    assert isinstance(draw(), Axes)
    _, ax = plt.subplots()
    assert draw(ax=ax, title="A title") is ax
    assert ax.get_title() == "A title"
    assert (MAPS | CHARTS)[name]().get_title() == ""


@pytest.mark.parametrize("name", MAPS)
def test_maps_have_a_scale_bar_and_no_positions(name):
    ax = MAPS[name]()
    written = texts(ax)
    assert ax.get_aspect() == 1.0
    assert len(bars(ax)) == 1
    assert any(text.endswith(" km") for text in written)
    assert not len(ax.get_xticks())
    assert not len(ax.get_yticks())
    assert ax.format_coord(600_000.0, 5_480_000.0) == ""
    assert not any("orthing" in text or "5,4" in text for text in written)


@pytest.mark.parametrize("name", MAPS)
def test_maps_show_coordinates_in_km_when_asked(name):
    ax = MAPS[name](coordinates=True)
    written = texts(ax)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Easting (km)", "Northing (km)")
    assert any(text.startswith("5,4") for text in written)
    assert not bars(ax)
    assert "600.00 km" in ax.format_coord(600_000.0, 5_480_000.0)


@pytest.mark.parametrize("name", ["density", "activity_center", "buffer"])
def test_several_surveys_ask_for_a_name(name):
    draw = {
        "density": lambda **o: plot.density(several(), **o),
        "activity_center": lambda **o: plot.activity_center(several(), first_animal(), **o),
        "buffer": lambda **o: plot.buffer(several(), **o),
    }[name]
    with pytest.raises(sn.DataError, match="survey="):
        draw()
    assert isinstance(draw(survey=several().model.surveys[1].name), Axes)


def first_animal():
    return several().model.surveys[1].captures.animal_ids[0]


@pytest.mark.parametrize("name", ["traps", "captures"])
def test_several_surveys_are_refused_where_data_are_drawn(name):
    with pytest.raises(sn.DataError, match=r"choose one, as in surveys\[0\]"):
        getattr(plot, name)(list(several().model.surveys))


def test_importing_the_package_does_not_import_matplotlib():
    code = "import sys, secr_nea.plot; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# --- layers --------------------------------------------------------------------------------------


def test_backgrounds_leave_the_limits_to_the_map():
    item = survey()
    ax = plot.hillshade(sn.datasets.sailugem_elevation())
    plot.density(fitted(), ax=ax)
    west, south, east, north = item.mask.extent
    np.testing.assert_allclose([*ax.get_xlim(), *ax.get_ylim()], [west, east, south, north])
    plot.regions(sn.datasets.sailugem_countries(), borders=True, like=item, ax=ax)
    plot.hillshade(sn.datasets.sailugem_elevation(), ax=ax)
    np.testing.assert_allclose([*ax.get_xlim(), *ax.get_ylim()], [west, east, south, north])
    assert len(bars(ax)) == 1


def test_the_legend_grows_with_layers_and_repeats_nothing():
    ax = plot.density(fitted())
    plot.captures(survey(), by="sex", ax=ax)
    plot.captures(survey(), by="sex", ax=ax)
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels[:3] == ["trap", "never operated", "Detections"]
    assert labels.count("Sex") == labels.count("F") == 1


def test_legends_and_colour_bars_stand_outside_the_map():
    ax = plot.density(fitted())
    figure = ax.figure
    figure.canvas.draw()
    frame = ax.get_window_extent()
    assert ax.get_legend().get_window_extent().x0 >= frame.x1
    (bar,) = [other for other in figure.axes if other is not ax]
    assert bar.get_window_extent().y1 <= frame.y0
    assert not bar.get_tightbbox().overlaps(bars(ax)[0].get_window_extent())


# --- traps and captures --------------------------------------------------------------------------


def test_traps_have_sizes_by_effort_and_crosses_where_there_was_none():
    array = survey().traps
    effort = array.effort.sum(axis=1)
    worked, idle = of_kind(plot.traps(array), PathCollection)
    assert len(worked.get_offsets()) == (effort > 0).sum()
    assert len(idle.get_offsets()) == (effort == 0).sum() > 0
    assert (np.diff(worked.get_sizes()) <= 0).all()
    labels = texts(plot.traps(array, effort_unit="camera-days"))
    assert {"Effort (camera-days)", "50", "100", "never operated"} <= set(labels)


def test_traps_are_coloured_by_a_factor_or_by_numbers():
    labels = texts(plot.traps(survey(), by="topography"))
    assert {"Topography", "canyon", "ridge", "saddle"} <= set(labels)
    array = survey().traps
    numbers = array.with_covariates(height=np.arange(array.n_traps, dtype=float))
    ax = plot.traps(numbers, by="height")
    assert any(other.get_xlabel() == "height" for other in ax.figure.axes)
    with pytest.raises(sn.DataError, match=r"no covariate 'topografy' \(did you mean 'topography'"):
        plot.traps(survey(), by="topografy")


def test_captures_join_each_visited_trap_to_the_mean_position():
    item = survey()
    ax = plot.captures(item)
    (lines,) = of_kind(ax, LineCollection)
    segments = np.array(lines.get_segments())
    visits = item.captures.to_dataframe().groupby(["animal_id", "trap_id"]).ngroups
    assert len(segments) == visits
    centres = mean_positions(item.captures)
    assert {tuple(end) for end in segments[:, 1]} == {tuple(centre) for centre in centres}
    nearest = np.hypot(*(segments[:, 0, None] - item.traps.xy).transpose(2, 0, 1)).min(axis=1)
    assert nearest.max() < 0.3 * item.traps.spacing


def test_captures_by_sex_show_the_unknown_in_grey():
    item = survey()
    ax = plot.captures(item, by="sex", labels=True)
    assert {"Sex", "F", "M", "unknown", "Detections", "SL01"} <= set(texts(ax))
    (lines,) = of_kind(ax, LineCollection)
    assert len(np.unique(lines.get_colors(), axis=0)) == 3
    with pytest.raises(sn.DataError, match="animals have no covariate"):
        plot.captures(item, by="age")


def test_captures_without_any_animal_show_the_traps():
    item = survey()
    history = sn.CaptureHistory(item.traps, animal=[], occasion=[], trap=[])
    ax = plot.captures(sn.Survey(history, item.mask))
    assert not of_kind(ax, LineCollection)
    assert len(of_kind(ax, PathCollection)) == 2


def test_mean_positions_and_distances_count_every_detection():
    traps = sn.TrapArray([[0, 0], [3000, 0], [9000, 9000]])
    history = sn.CaptureHistory(
        traps, animal=[0, 0, 1], occasion=[0, 0, 0], trap=[0, 1, 2], count=[2, 1, 1]
    )
    np.testing.assert_allclose(mean_positions(history), [[1000, 0], [9000, 9000]])
    np.testing.assert_allclose(distances_to_mean(history), [1000, 1000, 2000])


# --- rasters -------------------------------------------------------------------------------------


def test_mask_covariates_get_a_colour_bar_or_a_legend():
    item = survey().mask
    ax = plot.mask(item, "elevation", label="elevation (m)")
    (image,) = ax.images
    np.testing.assert_allclose(
        np.sort(image.get_array().compressed()), np.sort(item.covariates["elevation"])
    )
    np.testing.assert_allclose(image.get_extent(), np.array(item.extent)[[0, 2, 1, 3]])
    assert "elevation (m)" in texts(ax)
    assert {"Country", "Mongolia", "Russia"} <= set(texts(plot.mask(item, "country")))
    standardised = texts(plot.mask(item, "elevation_std"))
    assert "elevation (standard deviations from the mean)" in standardised
    with pytest.raises(sn.DataError, match="mask has no covariate 'height'"):
        plot.mask(item, "height")
    with pytest.raises(sn.DataError, match="A HabitatMask or a Survey is needed; got int"):
        plot.mask(3)


@pytest.mark.parametrize(
    "what, label",
    [
        ("density", "Density (animals per 100 km²)"),
        ("se", "Standard error of density (animals per 100 km²)"),
        ("cv", "Coefficient of variation of density (%)"),
        ("lower", "Lower 95 % limit of density (animals per 100 km²)"),
        ("upper", "Upper 95 % limit of density (animals per 100 km²)"),
    ],
)
def test_density_shows_the_surface_with_its_unit(what, label):
    ax = plot.density(fitted(), what=what, traps=False)
    expected = fitted().density_surface()[what].to_numpy() * (100.0 if what == "cv" else 1.0)
    (image,) = ax.images
    np.testing.assert_allclose(image.get_array().filled(np.nan), expected, **EXACT)
    assert label in texts(ax)
    assert not of_kind(ax, PathCollection)


def test_the_same_density_everywhere_has_a_colour_from_the_middle():
    (image,) = plot.density(several(), survey=several().model.surveys[0].name).images
    np.testing.assert_allclose(image.norm(image.get_array().compressed()), 0.5)


def test_density_of_another_mask_with_chosen_limits():
    mask = survey().mask.subset(np.arange(400))
    ax = plot.density(fitted(), mask=mask, limits=(0.0, 1.0))
    (image,) = ax.images
    assert image.get_array().count() == 400
    assert image.get_clim() == (0.0, 1.0)
    with pytest.raises(sn.DataError, match="what = 'variance' is not known; choose one of density"):
        plot.density(fitted(), what="variance")


def test_activity_centre_contours_hold_their_share():
    item = survey()
    ax = plot.activity_center(fitted(), "SL02")
    values = fitted().activity_center("SL02").to_numpy()
    for share in (0.5, 0.95):
        inside = values[values > lowest_inside(np.nan_to_num(values), share)]
        assert inside.sum() >= share
        assert inside.sum() - inside.min() < share
    own = item.captures.animal == item.captures.animal_ids.index("SL02")
    marks = of_kind(ax, PathCollection)[-1]
    assert len(marks.get_offsets()) == len(np.unique(item.captures.trap[own]))
    assert {"Probability per cell of 4 km²", "50 % region", "95 % region"} <= set(texts(ax))
    whole = plot.activity_center(fitted(), "SL02", whole=True)
    np.testing.assert_allclose(whole.get_xlim(), np.array(item.mask.extent)[[0, 2]])


def test_all_probability_in_one_cell_can_be_outlined():
    assert lowest_inside(np.array([1.0, 0.0, 0.0]), 0.5) < 1.0


# --- charts --------------------------------------------------------------------------------------


def test_detection_has_a_curve_and_a_band_for_each_level():
    ax = plot.detection(fitted(), per="camera-day")
    assert len(ax.lines) == len(of_kind(ax, PolyCollection)) == 3
    assert len({line.get_color() for line in ax.lines}) == 3
    assert len({str(line._dash_pattern) for line in ax.lines}) == 3
    assert ax.get_xlabel() == "Distance (km)"
    assert ax.get_ylabel() == "Detections per camera-day"
    real = fitted().real_parameters().query("parameter == 'lambda0'")
    np.testing.assert_allclose([line.get_ydata()[0] for line in ax.lines], real["estimate"])
    words = " ".join(texts(ax)).replace("\n", " ")
    assert "Detections, distance to the animal's mean position" in words


def test_bands_at_the_trap_are_those_of_the_amplitude():
    curves, factors = detection_curves(fitted(), np.array([0.0, 5000.0]), by=None, level=0.95)
    real = fitted().real_parameters().query("parameter == 'lambda0'")
    assert factors == ["topography"]
    np.testing.assert_allclose([c.lower[0] for c in curves], real["lower"], rtol=1e-6)
    np.testing.assert_allclose([c.upper[0] for c in curves], real["upper"], rtol=1e-6)


def test_bands_of_a0_and_of_probabilities():
    item = survey()
    for options in ({"a0": "~ 1"}, {"detection": "half_normal", "g0": "~ 1"}):
        result = sn.fit(item, progress=False, **options)
        ax = plot.detection(result, distances=False)
        (line,) = ax.lines
        assert ax.get_legend() is None
        assert 0.005 < line.get_ydata()[0] < 0.03
        assert len(ax.figure.axes) == 1
    assert ax.get_ylabel() == "Probability of detection per unit effort"


def test_flat_coefficients_give_no_band():
    broken = fitted().covariance.copy()
    k = fitted().names.index("lambda0:topography[T.ridge]")
    broken[k, k] = 1e6
    ax = plot.detection(replace(fitted(), covariance=broken))
    assert len(ax.lines) == 3
    assert len(of_kind(ax, PolyCollection)) == 2


def test_detection_of_several_surveys_by_session():
    ax = plot.detection(several())
    assert [line.get_label() for line in ax.lines] == [s.name for s in several().model.surveys]
    one = plot.detection(several(), survey=several().model.surveys[0].name)
    assert len(one.lines) == 3
    with pytest.raises(sn.DataError, match="There is no survey 'nowhere'"):
        plot.detection(several(), survey="nowhere")
    with pytest.raises(sn.DataError, match="does not depend on a factor 'topo'"):
        plot.detection(several(), by="topo")
    with pytest.raises(sn.DataError, match="choose one of hazard, probability"):
        plot.detection(several(), what="g")


def test_many_combinations_are_shown_by_one_factor():
    item = survey()
    rng = np.random.default_rng(3)
    groups = rng.choice(list("abcdefgh"), item.traps.n_traps)
    traps = item.traps.with_covariates(group=groups)
    captures = sn.CaptureHistory.from_dataframe(item.captures.to_dataframe(), traps)
    model = sn.Model(sn.Survey(captures, item.mask), lambda0="~ topography + group")
    estimate = replace(
        fitted(),
        model=model,
        coefficients=np.zeros(model.n_coefficients),
        covariance=np.eye(model.n_coefficients),
    )
    rows, factors = reference_rows(estimate, None)
    assert factors == ["topography"]
    assert rows["group"].nunique() == 1
    rows, factors = reference_rows(estimate, "group")
    assert (factors, len(rows)) == (["group"], 6)


def test_buffer_shows_the_curve_in_km_and_sigma_and_the_advice():
    ax = plot.buffer(fitted())
    check = sn.inference.check_mask(fitted()).iloc[0]
    assert ax.get_xlabel() == "Buffer (km)"
    assert "animals per 100 km²" in ax.get_ylabel()
    curve, in_use = ax.lines
    np.testing.assert_allclose(in_use.get_xdata(), check["buffer_m"] / 1000.0)
    np.testing.assert_allclose(curve.get_xdata()[-1], check["buffer_m"] / 1000.0)
    words = " ".join(texts(ax))
    assert "The buffer is wide enough" in words
    assert "Buffer in sigma (sigma = 5.4" in words
    assert "buffer in use" in words


def test_a_narrow_buffer_is_advised_against():
    item = survey()
    near = item.mask.nearest(item.traps.xy)[0]
    apart = np.hypot(*(item.mask.xy[:, None] - item.traps.xy).transpose(2, 0, 1)).min(axis=1)
    mask = item.mask.subset(np.union1d(near, np.flatnonzero(apart < 8000.0)))
    with pytest.warns(sn.SecrWarning, match="too high"):
        result = sn.fit(sn.Survey(item.captures, mask), progress=False)
    words = " ".join(texts(plot.buffer(result)))
    assert "Widen the mask to about" in words
    assert "advised" in words


# --- backgrounds ---------------------------------------------------------------------------------


def test_borders_are_dashed_and_shared_lines_drawn_once():
    countries = sn.datasets.sailugem_countries()
    (outlines,) = of_kind(plot.regions(countries), LineCollection)
    ax = plot.regions(countries, borders=True, label="country")
    (borders,) = of_kind(ax, LineCollection)
    assert borders.get_linestyle()[0][1] is not None
    assert outlines.get_linestyle()[0][1] is None

    def length(lines):
        return sum(np.hypot(*np.diff(line, axis=0).T).sum() for line in lines.get_segments())

    shared = countries.geometry[0].intersection(countries.geometry[1]).length
    np.testing.assert_allclose(length(outlines) - length(borders), shared, rtol=0.01)
    assert {"Mongolia", "Russia"} <= set(texts(ax))


def test_regions_are_put_on_the_map_of_the_mask():
    item = survey()
    degrees = sn.datasets.sailugem_countries().to_crs("EPSG:4326")
    ax = plot.regions(degrees, like=item)
    assert ax.get_xlim()[0] > 500_000.0
    plot.regions(list(sn.datasets.sailugem_countries().geometry), ax=ax)
    with pytest.raises(sn.CRSError, match="in degrees"):
        plot.regions(degrees)
    with pytest.raises(sn.CRSError, match="have no CRS"):
        plot.regions(degrees.geometry[0], like=item)
    with pytest.raises(sn.DataError, match=r"no attribute 'Country' \(did you mean 'country'"):
        plot.regions(degrees, like=item, label="Country")
    with pytest.raises(sn.DataError, match="no geometry"):
        plot.regions(degrees[:0], like=item)


def test_hillshade_is_soft_and_refuses_what_is_no_grid_in_metres():
    elevation = sn.datasets.sailugem_elevation()
    (image,) = plot.hillshade(elevation, strength=0.4).images
    assert image.get_array().min() >= 0.6
    assert image.get_zorder() < 0
    upside_down = elevation.sortby("y")
    np.testing.assert_allclose(
        plot.hillshade(upside_down, strength=0.4).images[0].get_array(), image.get_array()
    )
    with pytest.raises(sn.DataError, match="must be a DataArray with dims"):
        plot.hillshade(elevation.to_numpy())
    with pytest.raises(sn.DataError, match="looks like degrees"):
        plot.hillshade(elevation.assign_coords(x=elevation["x"] / 1e5))
    with pytest.raises(sn.DataError, match="strength must lie between 0 and 1"):
        plot.hillshade(elevation, strength=2.0)


def test_scale_bars_have_round_lengths():
    widths = [900.0, 4000.0, 30_000.0, 124_000.0, 2e6]
    assert [bar_length(w) for w in widths] == [200.0, 1000.0, 5000.0, 20_000.0, 500_000.0]


def test_unknown_values_are_grey_in_colours():
    import pandas as pd

    from secr_nea.plot._colours import UNKNOWN, category_colours, colouring

    chosen = colouring(pd.Series([1.0, np.nan, 3.0]))
    assert chosen.colours[1] == UNKNOWN
    assert chosen.mappable is not None
    many = category_colours(12)
    assert len({to_rgba(colour) for colour in many}) == 12


# --- effort, captures and movements ---------------------------------------------------------------


def test_the_timeline_has_a_bar_for_each_time_of_operation():
    ax = plot.effort(survey(), operation=CAMERAS, detections=DETECTIONS)
    table = pd.read_csv(CAMERAS)
    days = table["effort_days"]
    widths = [bar.get_width() for bar in ax.patches]
    np.testing.assert_allclose(widths, days[days > 0])
    (seen,) = ax.lines
    assert len(seen.get_xdata()) == 96
    assert ax.get_yticklabels()[0].get_text() == "SAI-01"


def test_the_timeline_without_dates_is_effort():
    ax = plot.effort(survey(), effort_unit="camera-days")
    np.testing.assert_allclose(
        [bar.get_width() for bar in ax.patches], survey().traps.effort.sum(axis=1)
    )
    assert ax.get_xlabel() == "Camera-days"
    several_occasions = plot.effort(build.survey_of_design(build.example_design(n_occasions=3)))
    (image,) = several_occasions.images
    assert image.get_array().shape == (4, 3)
    assert np.isnan(np.ma.filled(image.get_array(), np.nan)).sum() == 1


def test_several_surveys_stand_below_and_beside_each_other():
    surveys = several().model.surveys
    ax = plot.effort(surveys)
    assert len(ax.patches) or len(ax.images)
    assert {survey.name for survey in surveys} <= set(texts(ax))
    ax = plot.capture_frequency(surveys)
    heights = sum(bar.get_height() for bar in ax.patches)
    assert heights == sum(survey.n_animals for survey in surveys)
    assert len(plot.cumulative_animals(surveys).lines) == 3


@pytest.mark.parametrize("what, first", [("detections", 9), ("places", 11)])
def test_capture_frequency_counts_animals(what, first):
    heights = [bar.get_height() for bar in plot.capture_frequency(survey(), what=what).patches]
    frame = survey().captures.to_dataframe()
    times = frame.groupby("animal_id")["count"].sum()
    if what == "places":
        times = frame.groupby("animal_id")["trap_id"].nunique()
    assert heights == [(times == k).sum() for k in range(1, times.max() + 1)]
    assert heights[0] == first
    with pytest.raises(sn.DataError, match="choose one of detections, places"):
        plot.capture_frequency(survey(), what="moves")


def test_rarefaction_against_all_orders():
    """Mean number of different animals over every order of the detections."""
    times = np.array([3, 1, 2])
    animals = np.repeat(np.arange(3), times)
    orders = np.array(list(itertools.permutations(animals)))
    wanted = [np.mean([len(set(order[:k])) for order in orders]) for k in range(7)]
    np.testing.assert_allclose(rarefaction(times), wanted, **EXACT)


def test_cumulative_animals_by_date_and_occasion():
    (curve,) = plot.cumulative_animals(survey(), detections=DETECTIONS).lines
    assert max(curve.get_ydata()) == 28
    assert (np.diff(curve.get_ydata()) >= 0).all()
    design = build.survey_of_design(build.example_design())
    (curve,) = plot.cumulative_animals(design).lines
    first = pd.Series(design.captures.occasion).groupby(design.captures.animal).min()
    assert list(curve.get_ydata()) == [0, (first == 0).sum(), 5]


def test_movements_have_arrows_only_where_the_order_is_known():
    def arrows(ax):
        return [t.arrow_patch for t in ax.texts if t.arrow_patch is not None]

    dated = arrows(plot.movements(survey(), detections=DETECTIONS))
    kinds = [type(patch.get_arrowstyle()).__name__ for patch in dated]
    assert kinds.count("CurveFilledB") > 50
    plain = arrows(plot.movements(survey()))
    assert {type(patch.get_arrowstyle()).__name__ for patch in plain} == {"Curve"}
    frame = survey().captures.to_dataframe()
    places = frame.groupby("animal_id")["trap_id"].nunique()
    assert len(plain) == (places - 1).sum()


@pytest.mark.parametrize("name", ["movements", "cumulative_animals"])
def test_dates_of_other_forms_are_refused(name):
    table = pd.read_csv(DETECTIONS)
    table.loc[4, "date"] = "03/04/2024"
    with pytest.raises(sn.DataError, match="date cannot be read in row 5: '03/04/2024'"):
        getattr(plot, name)(survey(), detections=table)
    with pytest.raises(sn.DataError, match="no column 'date'"):
        getattr(plot, name)(survey(), detections=table.drop(columns="date"))


# --- effects, models, coverage --------------------------------------------------------------------


def test_an_effect_is_the_prediction_in_the_covariate_s_own_unit():
    ax = plot.effect(fitted(), "ruggedness_std")
    curve = ax.lines[0]
    mean, sd = survey().mask.scaling["ruggedness"]
    x = np.asarray(curve.get_xdata())
    grid = pd.DataFrame({"ruggedness_std": (x - mean) / sd})
    wanted = fitted().predict(grid, parameters=["D"])["estimate"]
    known = np.isfinite(curve.get_ydata())
    np.testing.assert_allclose(np.asarray(curve.get_ydata())[known], wanted[known])
    assert ax.get_xlabel() == "Ruggedness"
    (band,) = of_kind(ax, PolyCollection)
    assert band is not None
    beyond = fitted().extrapolation()["ruggedness_std"].to_numpy()
    values = survey().mask.covariates["ruggedness"].to_numpy()
    assert x[known].max() <= values[~beyond].max()
    assert len(plot.effect(fitted(), "ruggedness_std", rug=False).lines) == len(ax.lines) - 1


def test_the_effect_of_a_factor_has_a_point_for_each_level():
    ax = plot.effect(fitted(), "topography")
    assert [t.get_text() for t in ax.get_xticklabels()] == ["canyon", "ridge", "saddle"]
    table = fitted().real_parameters().set_index("parameter").loc["lambda0"]
    (points,) = [line for line in ax.lines if line.get_marker() == "o"]
    np.testing.assert_allclose(np.asarray(points.get_ydata(), float), table["estimate"])


def test_effects_that_are_not_there_are_told():
    with pytest.raises(sn.DataError, match=r"'rugedness_std' \(did you mean 'ruggedness_std'"):
        plot.effect(fitted(), "rugedness_std")
    with pytest.raises(sn.DataError, match="formula of sigma does not have"):
        plot.effect(fitted(), "topography", parameter="sigma")
    with pytest.raises(sn.DataError, match="no parameter 'g0'"):
        plot.effect(fitted(), "topography", parameter="g0")


def test_the_forest_shows_what_is_known():
    ax = plot.forest(model_table())
    (segments,) = of_kind(ax, LineCollection)
    np.testing.assert_allclose(segments.get_segments()[0][:, 0], [0.7, 1.5])
    assert len(segments.get_segments()) == 1
    written = texts(ax)
    assert {"best", "flat", "failed", "no estimate", "0.70"} <= set(written)
    long = model_table().rename(
        columns={"D": "density_per_100km2", "lower": "density_lower", "upper": "density_upper"}
    )
    assert isinstance(plot.forest(long.set_index("model")), Axes)
    with pytest.raises(sn.DataError, match="it has no D"):
        plot.forest(pd.DataFrame({"model": ["a"]}))


def test_coverage_maps_show_the_surfaces():
    (image,) = plot.detectability(fitted()).images
    drawn = np.ma.filled(image.get_array(), np.nan)
    np.testing.assert_allclose(np.nanmax(drawn), fitted().pdot().max())
    (image,) = plot.extrapolation(fitted()).images
    share = fitted().extrapolation()["ruggedness_std"].mean()
    assert np.ma.mean(image.get_array()) == pytest.approx(share)
    (image,) = plot.expected_use(fitted(), animal="SL01").images
    assert np.ma.sum(image.get_array()) == pytest.approx(1.0)


def test_all_activity_centres_come_with_their_warning():
    ax = plot.activity_centers(fitted())
    assert any("is no map of density" in text.replace("\n", " ") for text in texts(ax))
    (image,) = ax.images
    assert np.ma.sum(image.get_array()) == pytest.approx(28.0)
    with pytest.raises(sn.DataError, match="share must lie"):
        plot.activity_centers(fitted(), share=50)


# --- both sides of a border -----------------------------------------------------------------------


def test_border_pictures_count_and_translate():
    written = texts(both_sides().plot())
    assert {"Mongolia only: 10", "Russia only: 6", "both: 12"} <= set(written)
    written = texts(plot.border(both_sides().translated("ru")))
    assert {"только Монголия: 10", "обе стороны: 12", "граница", "Россия"} <= set(written)
    ax = plot.double_count(both_sides())
    assert {"22", "18", "40", "28"} <= set(texts(ax))
    ax = plot.border_shares(both_sides())
    by_row = {}
    for bar in ax.patches:
        by_row[round(bar.get_y(), 3)] = by_row.get(round(bar.get_y(), 3), 0.0) + bar.get_width()
    np.testing.assert_allclose(list(by_row.values()), 100.0, atol=0.5)
    with pytest.raises(sn.DataError, match="Choose survey="):
        plot.border(both_sides(), survey="Altai")


# --- the interactive map --------------------------------------------------------------------------


def test_the_interactive_map_has_its_layers(tmp_path):
    pytest.importorskip("folium")
    pytest.importorskip("mapclassify")
    drawn = plot.explore(fitted(), regions=sn.datasets.sailugem_countries(), tiles=None)
    drawn.save(tmp_path / "map.html")
    html = (tmp_path / "map.html").read_text(encoding="utf-8")
    assert "SAI-01" in html
    for name in ("density", "regions", "animals", "detectors"):
        assert name in html


def test_the_interactive_map_needs_a_crs_and_a_survey():
    pytest.importorskip("folium")
    with pytest.raises(sn.CRSError, match="needs a CRS"):
        plot.explore(build.survey_of_design(build.example_design()))
    with pytest.raises(sn.DataError, match="A Survey or a fit is needed"):
        plot.explore(3)


def test_without_folium_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "folium", None)
    with pytest.raises(sn.DataError, match=r"pip install 'secr-nea\[explore\]'"):
        plot.explore(survey())
