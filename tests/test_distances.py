"""Distances over a graph, around barriers, by resistance and by direction."""

from __future__ import annotations

import geopandas
import naive
import numpy as np
import pandas as pd
import pytest
import shapely
import tolerances
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

import secr_nea as sn
from secr_nea.distances.commute import Circuit
from secr_nea.distances.graph import MaskGraph
from secr_nea.distances.paths import Network, Paths

AVERAGES = ("mean_friction", "mean_conductance", "geometric", "larger_conductance")


def landscape(n_columns=12, n_rows=9, spacing=1000.0, *, seed=1, holes=0):
    """Mask with random friction (log scale) at every cell, some of them missing; four traps."""
    rng = np.random.default_rng(seed)
    column, row = np.meshgrid(np.arange(n_columns), np.arange(n_rows))
    xy = np.column_stack([column.ravel(), row.ravel()]) * spacing + spacing / 2.0
    traps = np.array([[1.2, 1.4], [8.3, 4.5], [8.4, 4.6], [5.2, 7.1]]) * spacing
    cells = np.floor(traps / spacing).astype(int)
    keep = np.ones(len(xy), dtype=bool)
    free = np.setdiff1d(np.arange(len(xy)), cells[:, 1] * n_columns + cells[:, 0])
    keep[rng.choice(free, holes, replace=False)] = False
    mask = sn.HabitatMask(xy[keep], spacing=spacing)
    return mask, sn.TrapArray(traps), rng.normal(size=keep.sum())


def numerical(ground, friction, weight, step=1e-6):
    """Derivative of sum(weight * squared) to the log friction of every cell, by differences."""
    out = np.empty(len(friction))
    for i in range(len(friction)):
        ends = []
        for sign in (1.0, -1.0):
            moved = friction.copy()
            moved[i] *= np.exp(sign * step)
            ends.append((ground.measure((moved,)).squared * weight).sum())
        out[i] = (ends[0] - ends[1]) / (2.0 * step)
    return out


# --- least cost ----------------------------------------------------------------------------------


@pytest.mark.parametrize("neighbors", [8, 16])
@given(seed=st.integers(0, 10_000), holes=st.integers(0, 40), strength=st.floats(-2.0, 2.0))
@settings(deadline=None, max_examples=15)
def test_least_cost_is_dijkstra_s_bit_for_bit(neighbors, seed, holes, strength):
    mask, traps, z = landscape(seed=seed, holes=holes)
    friction = np.exp(strength * z)
    ground = sn.LeastCost(neighbors=neighbors).ground(traps, mask, "ridge")
    expected = naive.least_cost_distances(
        traps.xy, mask.xy, friction, spacing=mask.spacing, directions=neighbors
    )
    measured = ground.measure((friction,))
    np.testing.assert_array_equal(np.isinf(measured.distance), np.isinf(expected))
    finite = np.isfinite(expected)
    np.testing.assert_allclose(measured.distance[finite], expected[finite], rtol=1e-15)


@pytest.mark.parametrize("neighbors", [4, 8])
def test_least_cost_is_that_of_scikit_image(neighbors):
    graph = pytest.importorskip("skimage.graph")
    mask, _, z = landscape()
    friction = np.exp(0.7 * z)
    cost = friction.reshape(9, 12)
    found = Paths.of(
        Network.of(MaskGraph.of(mask, neighbors), friction, 0),
        np.array([13, 70]),
        np.arange(mask.n_points),
    )
    for source, distance in zip((13, 70), found.distance, strict=True):
        start = [divmod(source, 12)]
        expected, _ = graph.MCP_Geometric(
            cost, fully_connected=neighbors == 8, sampling=(1000.0, 1000.0)
        ).find_costs(start)
        np.testing.assert_allclose(distance, expected.ravel(), rtol=1e-14)


@pytest.mark.parametrize("average", AVERAGES)
def test_gradient_of_least_cost(average):
    mask, traps, z = landscape(holes=15)
    ground = sn.LeastCost(average=average).ground(traps, mask, "ridge")
    friction = np.exp(0.5 * z)
    measured = ground.measure((friction,))
    weight = np.random.default_rng(3).normal(size=measured.squared.shape) * 1e-6
    weight[np.isinf(measured.squared)] = 0.0
    (d_friction,) = measured.pull_back(weight)
    expected = numerical(ground, friction, np.nan_to_num(weight))
    largest = np.abs(expected).max()
    np.testing.assert_allclose(d_friction * friction, expected, atol=1e-7 * largest)


def test_gradient_with_barriers_that_cost_and_beyond_the_cells():
    mask, traps, z = landscape()
    fence = shapely.LineString([[6100.0, -100.0], [6100.0, 6300.0]])
    lake = shapely.box(2100.0, 3900.0, 4400.0, 5700.0)
    metric = sn.LeastCost(barriers=[fence, lake], crossing_cost=4000.0, polygon_friction=3.0)
    ground = metric.ground(traps, mask, "ridge")
    friction = np.exp(0.5 * z)
    xy = np.array([[-2500.0, 4000.0], [15_000.0, 12_000.0], [6500.0, 700.0]])
    measured = ground.measure((friction,), xy, beyond=True)
    weight = np.random.default_rng(5).normal(size=measured.squared.shape) * 1e-6
    (d_friction,) = measured.pull_back(weight)
    expected = np.empty(len(friction))
    for i in range(len(friction)):
        ends = []
        for step in (1e-6, -1e-6):
            moved = friction.copy()
            moved[i] *= np.exp(step)
            ends.append((ground.measure((moved,), xy, beyond=True).squared * weight).sum())
        expected[i] = (ends[0] - ends[1]) / 2e-6
    largest = np.abs(expected).max()
    np.testing.assert_allclose(d_friction * friction, expected, atol=1e-7 * largest)


def test_trees_that_are_grown_again_give_the_same(monkeypatch):
    mask, _, z = landscape()
    friction = np.exp(z)
    network = Network.of(MaskGraph.of(mask, 16), friction, 0)
    sources, targets = np.array([3, 50]), np.arange(mask.n_points)
    weight = np.random.default_rng(0).normal(size=(2, mask.n_points))
    kept = Paths.of(network, sources, targets)
    monkeypatch.setattr("secr_nea.distances.paths._KEPT", 0)
    again = Paths.of(network, sources, targets)
    assert kept.trees
    assert not again.trees
    np.testing.assert_array_equal(kept.distance, again.distance)
    np.testing.assert_array_equal(kept.pull_back(weight), again.pull_back(weight))


def test_very_unequal_frictions_go_to_scipy():
    """Buckets as wide as the cheapest step would be too many; the other way gives the same."""
    mask, traps, z = landscape(holes=10)
    friction = np.exp(6.0 * z)
    network = Network.of(MaskGraph.of(mask, 16), friction, 0)
    assert network.buckets[1] == 0
    expected = naive.least_cost_distances(
        traps.xy, mask.xy, friction, spacing=mask.spacing, directions=16
    )
    found = sn.LeastCost().ground(traps, mask, "ridge").measure((friction,)).distance
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(np.isfinite(found), finite)
    np.testing.assert_allclose(found[finite], expected[finite], rtol=1e-14)


def test_threads_agree_bit_for_bit():
    mask, traps, z = landscape(30, 25)
    ground = sn.LeastCost().ground(traps, mask, "ridge")
    weight = np.random.default_rng(0).normal(size=(4, mask.n_points))
    found = []
    for n_threads in (1, 2, 3):
        sn.set_threads(n_threads)
        measured = ground.measure((np.exp(z),))
        found.append((measured.squared, measured.pull_back(weight)[0]))
    sn.set_threads(1)
    for squared, gradient in found[1:]:
        np.testing.assert_array_equal(squared, found[0][0])
        np.testing.assert_array_equal(gradient, found[0][1])


@pytest.mark.parametrize("metric", [sn.LeastCost(), sn.CommuteDistance()])
def test_moving_turning_and_reordering_change_nothing(metric):
    mask, traps, z = landscape(holes=12)
    friction = np.exp(z)
    expected = metric.ground(traps, mask, "ridge").measure((friction,)).distance
    angle = 0.7
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    order = np.random.default_rng(4).permutation(mask.n_points)
    changes = {
        "moved": (lambda xy: xy + np.array([412_345.6, 5_432_109.8]), np.arange(mask.n_points)),
        "turned": (lambda xy: xy @ turn, np.arange(mask.n_points)),
        "mirrored": (lambda xy: xy * [-1.0, 1.0], np.arange(mask.n_points)),
        "reordered": (lambda xy: xy, order),
    }
    for name, (change, rows) in changes.items():
        other = sn.HabitatMask(change(mask.xy)[rows], spacing=mask.spacing)
        ground = metric.ground(sn.TrapArray(change(traps.xy)), other, "ridge")
        found = ground.measure((friction[rows],)).distance
        np.testing.assert_allclose(found, expected[:, rows], rtol=1e-9, atol=1e-3, err_msg=name)


def test_friction_scales_distance():
    mask, traps, z = landscape()
    for metric in (sn.LeastCost(), sn.CommuteDistance()):
        ground = metric.ground(traps, mask, "ridge")
        once, thrice = (ground.measure((c * np.exp(z),)).distance for c in (1.0, 3.0))
        np.testing.assert_allclose(thrice, 3.0 * once, rtol=1e-10, atol=1e-8)


def test_without_friction_the_way_is_nearly_straight():
    mask, _, _ = landscape(61, 61)
    traps = sn.TrapArray(mask.xy[[61 * 30 + 30]])
    straight = naive.distances(traps.xy, mask.xy)[0]
    far = straight > 5000.0
    for neighbors, most in ((4, 1.4143), (8, 1.0824), (16, 1.0275)):
        found = sn.LeastCost(neighbors=neighbors).ground(traps, mask, "plain").measure(())
        ratio = found.distance[0][far] / straight[far]
        assert ratio.min() >= 1.0 - 1e-12
        assert ratio.max() == pytest.approx(most, abs=2e-3)


def test_a_finer_graph_for_a_coarser_mask():
    mask, _, _ = landscape(6, 5, 2000.0)
    fine, traps, z = landscape(12, 10, 1000.0, seed=8)
    ground = sn.LeastCost(graph=fine).ground(traps, mask, "ridge")
    friction = np.exp(z)
    found = ground.measure((friction,)).distance
    # centres of the coarse cells lie on corners of fine ones: the south-eastern one counts
    inside = MaskGraph.of(fine).snap(mask.xy, "mask point")
    offset = fine.xy[inside] - mask.xy
    np.testing.assert_allclose(offset, np.tile([500.0, -500.0], (mask.n_points, 1)))
    whole = sn.LeastCost().ground(traps, fine, "ridge").measure((friction,)).distance
    np.testing.assert_array_equal(found, whole[:, inside])


def test_an_edge_belongs_to_the_south_eastern_cell():
    mask, _, _ = landscape(4, 4)
    grid = MaskGraph.of(mask).grid
    places = np.array([[2000.0, 1500.0], [1500.0, 2000.0], [2000.0, 2000.0], [4000.0, 0.0]])
    np.testing.assert_array_equal(grid.cell_of(places), [4 + 2, 4 + 1, 4 + 2, 3])
    assert (grid.cell_of(np.array([[4000.1, 100.0], [-1.0, 100.0], [5.0, 4001.0]])) == -1).all()


def test_places_outside_are_refused_and_may_be_moved():
    mask, traps, _ = landscape()
    outside = sn.TrapArray(np.vstack([traps.xy, [[-600.0, 500.0]]]), ids=["a", "b", "c", "d", "e"])
    with pytest.raises(sn.DataError, match=r"1 trap of 5 is outside .* e \(the farthest 1,100 m"):
        sn.LeastCost().ground(outside, mask, "ridge")
    ground = sn.LeastCost(snap_within=1200.0).ground(outside, mask, "ridge")
    assert ground.sites[-1] == 0
    with pytest.raises(sn.ModelError, match="Distances of 'ridge' are not known everywhere"):
        ground.measure((), np.array([[-5000.0, 0.0]]))


def test_a_limit_cuts_what_is_farther():
    mask, traps, z = landscape()
    friction = np.exp(z)
    whole = sn.LeastCost().ground(traps, mask, "r").measure((friction,)).distance
    limited = sn.LeastCost(limit=6000.0).ground(traps, mask, "r").measure((friction,)).distance
    near = whole <= 6000.0
    np.testing.assert_array_equal(limited[near], whole[near])
    assert np.isinf(limited[~near]).all()


@pytest.mark.parametrize(
    "arguments, words",
    [
        ({"neighbors": 6}, "neighbors must be 4, 8 or 16"),
        ({"average": "harmonic"}, "average = 'harmonic' is not known"),
        ({"limit": -1.0}, "limit must be a finite number above 0"),
    ],
)
def test_options_that_cannot_be(arguments, words):
    with pytest.raises(sn.DataError, match=words):
        sn.LeastCost(**arguments)


def test_points_off_a_grid_are_refused():
    xy = np.random.default_rng(0).uniform(0.0, 20_000.0, (30, 2))
    mask = sn.HabitatMask(xy[np.lexsort(xy.T)], cell_area=0.01, spacing=100.0)
    with pytest.raises(sn.DataError, match="need a mask on one square grid"):
        MaskGraph.of(mask)


# --- barriers ------------------------------------------------------------------------------------


def river():
    """A line across the landscape but for a gap in the north."""
    return shapely.LineString([[6100.0, -500.0], [6100.0, 7900.0]])


def test_a_river_is_walked_around():
    mask, _, _ = landscape()
    west = sn.TrapArray([[4500.0, 500.0]])
    free = sn.LeastCost().ground(west, mask, "r").measure(()).distance[0]
    stopped = sn.LeastCost(barriers=river()).ground(west, mask, "r").measure(()).distance[0]
    same = mask.xy[:, 0] < 6000.0
    np.testing.assert_allclose(stopped[same], free[same])
    # the opposite bank, 3 km away, is reached by the gap at y = 8,500
    opposite = np.flatnonzero((mask.xy == [7500.0, 500.0]).all(axis=1))[0]
    assert free[opposite] == pytest.approx(3000.0)
    assert stopped[opposite] > 2.0 * 7400.0


def test_a_whole_barrier_leaves_no_way_and_a_costly_one_does():
    mask, _, _ = landscape()
    whole = shapely.LineString([[6100.0, -500.0], [6100.0, 9500.0]])
    west = sn.TrapArray([[4500.0, 500.0]])
    closed = sn.LeastCost(barriers=whole).ground(west, mask, "r").measure(()).distance[0]
    np.testing.assert_array_equal(np.isinf(closed), mask.xy[:, 0] > 6100.0)
    open_at_a_price = sn.LeastCost(barriers=whole, crossing_cost=2500.0)
    priced = open_at_a_price.ground(west, mask, "r").measure(()).distance[0]
    free = sn.LeastCost().ground(west, mask, "r").measure(()).distance[0]
    np.testing.assert_allclose(priced - free, np.where(mask.xy[:, 0] > 6100.0, 2500.0, 0.0))


def test_knight_s_moves_do_not_jump_a_thin_barrier():
    """A river far thinner than a cell, straight between two columns of cells."""
    mask, _, _ = landscape()
    thin = shapely.box(5999.0, -500.0, 6001.0, 9500.0)
    west = sn.TrapArray([[5500.0, 500.0]])
    closed = sn.LeastCost(barriers=thin).ground(west, mask, "r").measure(()).distance[0]
    np.testing.assert_array_equal(np.isinf(closed), mask.xy[:, 0] > 6000.0)


def test_a_polygon_that_costs_counts_the_metres_within():
    mask, _, _ = landscape(12, 1)
    west = sn.TrapArray([[500.0, 500.0]])
    town = shapely.box(3200.0, -100.0, 5900.0, 1100.0)
    metric = sn.LeastCost(barriers=town, polygon_friction=4.0)
    found = metric.ground(west, mask, "r").measure(()).distance[0]
    length = mask.xy[:, 0] - 500.0
    within = np.clip(mask.xy[:, 0], 3200.0, 5900.0) - 3200.0
    np.testing.assert_allclose(found, length + 3.0 * within)


@pytest.mark.parametrize(
    "barriers, options, words",
    [
        (shapely.Point(0, 0), {}, "must be lines .* or polygons .*; got Point"),
        (river(), {"crossing_cost": -1.0}, "crossing_cost must be a number of 0 or more; got -1"),
        (river(), {"crossing_cost": "5 km"}, "column of the layer .* got '5 km'"),
        (river(), {"polygon_friction": 0.5}, "polygon_friction must be a number of 1 or more"),
        (None, {"crossing_cost": 500.0}, "give barriers= too"),
        (None, {"snap_within": -5.0}, "snap_within must be a number of 0 or more; got -5"),
        (shapely.LineString([(0, 0), (np.inf, 1)]), {}, "barriers has coordinates that are miss"),
        ("nowhere.gpkg", {}, "there is no file 'nowhere.gpkg'"),
    ],
)
def test_barriers_that_cannot_be(barriers, options, words):
    mask, traps, _ = landscape()
    with pytest.raises(sn.DataError, match=words):
        sn.LeastCost(barriers=barriers, **options).ground(traps, mask, "r")


@pytest.mark.filterwarnings("error::secr_nea.SecrWarning")
def test_barriers_that_touch_nothing_are_told():
    mask, traps, _ = landscape()
    far = shapely.LineString([(9e6, 0.0), (9e6, 1e4)])
    with pytest.warns(sn.SecrWarning, match="No barrier comes near the cells"):
        sn.LeastCost(barriers=far).ground(traps, mask, "r")
    sn.LeastCost(barriers=river()).ground(traps, mask, "r")


def test_each_barrier_may_have_its_own_cost(tmp_path):
    """A fence that is closed and a river that costs 2 km, in one layer, also from a file."""
    plain, crs = landscape(12, 1)[0], "EPSG:32646"
    mask = sn.HabitatMask(plain.xy, spacing=1000.0, crs=crs)
    west = sn.TrapArray([[500.0, 500.0]], crs=crs)
    lines = [shapely.LineString([[x, -500.0], [x, 1500.0]]) for x in (3100.0, 8100.0)]
    layer = geopandas.GeoDataFrame({"cost": [2000.0, np.nan]}, geometry=lines, crs=crs)
    layer.to_file(tmp_path / "lines.gpkg")
    length = mask.xy[:, 0] - 500.0
    wanted = length + np.where(length > 2600.0, 2000.0, 0.0)
    wanted[mask.xy[:, 0] > 8100.0] = np.inf
    for barriers in (layer, tmp_path / "lines.gpkg"):
        metric = sn.LeastCost(barriers=barriers, crossing_cost="cost")
        np.testing.assert_allclose(metric.ground(west, mask, "r").measure(()).distance[0], wanted)
    for column, words in (
        ("price", "the columns are cost, geometry"),
        ("geometry", "numbers only"),
    ):
        with pytest.raises(sn.DataError, match=words):
            sn.LeastCost(barriers=layer, crossing_cost=column).ground(west, mask, "r")


def test_friction_of_another_length_is_refused_before_it_is_read():
    mask, traps, _ = landscape()
    for metric in (sn.LeastCost(), sn.CommuteDistance()):
        with pytest.raises(sn.DataError, match=r"each of the .* cells .* got shape \(5,\)"):
            metric.ground(traps, mask, "r").measure((np.ones(5),))
    with pytest.raises(sn.DataError, match=r"got shape \(5,\)"):
        sn.design.MetricDistance(sn.LeastCost(), mask, np.ones(5))
    with pytest.raises(sn.ModelError, match="fitted_distances"):
        sn.design.MetricDistance(sn.AnisotropicDistance(), mask)


def test_a_graph_that_is_no_mask_is_refused():
    mask, traps, _ = landscape()
    with pytest.raises(sn.ModelError, match="graph must be a HabitatMask .* got ndarray"):
        sn.LeastCost(graph=mask.xy).ground(traps, mask, "r")


# --- resistance ----------------------------------------------------------------------------------


def laplacian(circuit):
    """Dense Laplacian of a circuit, put together edge by edge."""
    n = circuit.graph.n_cells
    out = np.zeros((n, n))
    for u, v, cost in zip(circuit.u, circuit.v, circuit.cost, strict=True):
        out[u, v] -= 1.0 / cost
        out[v, u] -= 1.0 / cost
        out[u, u] += 1.0 / cost
        out[v, v] += 1.0 / cost
    return out


def test_resistance_is_that_of_the_pseudo_inverse():
    mask, traps, z = landscape(holes=10)
    ground = sn.CommuteDistance().ground(traps, mask, "ridge")
    friction = np.exp(z)
    inverse = np.linalg.pinv(
        laplacian(Circuit.of(ground.graph, friction, 0)), rcond=1e-10, hermitian=True
    )
    diagonal = np.diag(inverse)
    s = ground.sites
    expected = diagonal[s][:, None] + diagonal - 2.0 * inverse[s]
    found = ground.measure((friction,)).distance
    joined = ground.graph.components[s][:, None] == ground.graph.components
    assert np.isinf(found[~joined]).all()
    np.testing.assert_allclose(found[joined], expected[joined], rtol=1e-9, atol=1e-8)


def test_resistance_in_a_row_of_cells_is_the_length_of_the_way():
    mask, _, _ = landscape(12, 1)
    west = sn.TrapArray([[500.0, 500.0]])
    found = sn.CommuteDistance().ground(west, mask, "row").measure(()).distance[0]
    np.testing.assert_allclose(found, mask.xy[:, 0] - 500.0, atol=1e-8)


@pytest.mark.parametrize("average", AVERAGES)
def test_gradient_of_resistance(average):
    mask, traps, z = landscape(9, 7)
    traps = sn.TrapArray(traps.xy[[0, 3]] * 0.7)
    ground = sn.CommuteDistance(average=average).ground(traps, mask, "ridge")
    friction = np.exp(0.5 * z)
    measured = ground.measure((friction,))
    weight = np.random.default_rng(3).normal(size=measured.squared.shape) * 1e-6
    (d_friction,) = measured.pull_back(weight)
    expected = numerical(ground, friction, weight, 1e-5)
    largest = np.abs(expected).max()
    np.testing.assert_allclose(d_friction * friction, expected, atol=1e-6 * largest)


def test_gradient_of_resistance_between_separate_parts_and_with_barriers():
    mask, _, z = landscape()
    traps = sn.TrapArray([[1500.0, 1500.0], [9500.0, 4500.0]])
    walls = [
        shapely.LineString([[6100.0, -500.0], [6100.0, 9500.0]]),
        shapely.box(1900.0, 3900.0, 4400.0, 5700.0),
    ]
    metric = sn.CommuteDistance(barriers=walls, polygon_friction=2.0)
    ground = metric.ground(traps, mask, "ridge")
    friction = np.exp(0.5 * z)
    measured = ground.measure((friction,))
    reached = np.isfinite(measured.squared)
    assert reached.any()
    assert not reached.all()
    weight = np.random.default_rng(3).normal(size=reached.shape) * 1e-6
    (d_friction,) = measured.pull_back(weight)

    def total(values):
        squared = ground.measure((values,)).squared
        return (np.where(reached, squared, 0.0) * weight).sum()

    expected = [
        (total(friction * np.exp(1e-5 * e)) - total(friction * np.exp(-1e-5 * e))) / 2e-5
        for e in np.eye(len(friction))
    ]
    largest = np.abs(expected).max()
    np.testing.assert_allclose(d_friction * friction, expected, atol=1e-6 * largest)


def test_resistance_is_below_the_cheapest_way():
    mask, traps, z = landscape()
    friction = np.exp(z)
    cheapest = sn.LeastCost(neighbors=8).ground(traps, mask, "r").measure((friction,)).distance
    resistance = sn.CommuteDistance(neighbors=8).ground(traps, mask, "r").measure((friction,))
    assert (resistance.distance <= cheapest * (1.0 + 1e-9) + 1e-6).all()


def test_too_many_cells_for_resistance(monkeypatch):
    monkeypatch.setattr("secr_nea.distances.commute._MOST_CELLS", 50)
    mask, traps, _ = landscape()
    with pytest.raises(sn.ModelError, match=r"108 are too many \(at most 50\)"):
        sn.CommuteDistance().ground(traps, mask, "r")


# --- directions ----------------------------------------------------------------------------------


@given(ratio=st.floats(1.0, 6.0), axis=st.floats(0.0, np.pi))
@settings(deadline=None, max_examples=30)
def test_anisotropic_distance_is_along_and_across(ratio, axis):
    mask, traps, _ = landscape()
    r = np.log(ratio)
    values = tuple(np.array([r * f(2.0 * axis)]) for f in (np.cos, np.sin))
    found = sn.AnisotropicDistance().ground(traps, mask, "r").measure(values).squared
    apart = mask.xy[None] - traps.xy[:, None]
    along = apart @ [np.cos(axis), np.sin(axis)]
    across = apart @ [-np.sin(axis), np.cos(axis)]
    expected = along**2 / ratio + across**2 * ratio
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-3)


@pytest.mark.parametrize("stretch", [(0.6, -0.3), (0.0, 0.0), (3e-3, 4e-3), (0.0, 1.2)])
def test_gradient_of_anisotropic_distance(stretch):
    mask, traps, _ = landscape()
    ground = sn.AnisotropicDistance().ground(traps, mask, "r")
    weight = np.random.default_rng(1).normal(size=(4, mask.n_points)) * 1e-6

    def total(east, northeast):
        values = (np.array([east]), np.array([northeast]))
        return (ground.measure(values).squared * weight).sum()

    found = ground.measure(tuple(np.array([s]) for s in stretch)).pull_back(weight)
    h = 1e-5
    east, northeast = stretch
    expected = [
        (total(east + h, northeast) - total(east - h, northeast)) / (2.0 * h),
        (total(east, northeast + h) - total(east, northeast - h)) / (2.0 * h),
    ]
    np.testing.assert_allclose(np.concatenate(found), expected, rtol=1e-6, atol=1e-7)


# --- given distances -----------------------------------------------------------------------------


def straight(mask, traps):
    return naive.distances(traps.xy, mask.xy)


def test_given_distances_are_taken_as_they_are():
    mask, traps, _ = landscape()
    matrix = straight(mask, traps)
    matrix[0, 5] = np.inf
    ground = sn.GivenDistance(matrix).ground(traps, mask, "r")
    np.testing.assert_allclose(ground.measure(()).distance, matrix)
    at = ground.measure((), mask.xy[[3, 8]] + 300.0).distance
    np.testing.assert_allclose(at, matrix[:, [3, 8]])
    with pytest.raises(sn.ModelError, match="known for its own mask only; 1 of 2 places"):
        ground.measure((), np.array([[500.0, 500.0], [-5000.0, 0.0]]))


def test_rows_in_another_order_are_refused():
    """Even two that changed places; but a coarse raster and a trap off the mask are no mistake."""
    column, row = np.meshgrid(np.arange(30), np.arange(20))
    xy = np.column_stack([column.ravel(), row.ravel()]) * 1000.0 + 500.0
    mask = sn.HabitatMask(xy[xy[:, 0] > 6000.0], spacing=1000.0)
    traps = sn.TrapArray([[1500.0, 10_500.0], [7500.0, 10_500.0], [15_500.0, 5500.0]])
    matrix = straight(mask, traps)
    sn.GivenDistance(matrix).ground(traps, mask, "r")
    coarse = np.floor(matrix / 6000.0) * 6000.0
    sn.GivenDistance(coarse).ground(traps, mask, "r")
    for order in ([0, 2, 1], [1, 2, 0]):
        with pytest.raises(sn.DataError, match="rows or columns are in another order"):
            sn.GivenDistance(matrix[order]).ground(traps, mask, "r")


def test_a_table_of_distances_is_put_in_order():
    mask, traps, _ = landscape()
    matrix = straight(mask, traps)
    table = pd.DataFrame(matrix, index=list(traps.ids)).iloc[[2, 0, 3, 1]]
    found = sn.GivenDistance({"r": table}).ground(traps, mask, "r").measure(()).distance
    np.testing.assert_allclose(found, matrix)
    with pytest.raises(sn.DataError, match="missing 4"):
        sn.GivenDistance(table.drop(index="4")).ground(traps, mask, "r")
    with pytest.raises(sn.DataError, match="no matrix for the survey 'other'; it has r"):
        sn.GivenDistance({"r": table}).ground(traps, mask, "other")


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda m: m.T, r"shape \(4, 108\); got \(108, 4\). It looks transposed"),
        (lambda m: m[:, :-1], r"shape \(4, 108\); got \(4, 107\)"),
        (lambda m: np.where(m < 1000.0, np.nan, m), "missing or negative, the first from trap"),
        (lambda m: -m, "missing or negative"),
        (lambda m: m / 1000.0, "0.001 times the straight ones .* Multiply kilometres by 1,000"),
        (lambda m: m * 100.0, "100 times the straight ones"),
        (lambda m: m[:, np.random.default_rng(1).permutation(m.shape[1])], "another order"),
    ],
)
def test_given_distances_that_cannot_be(change, words):
    mask, traps, _ = landscape()
    metric = sn.GivenDistance(change(straight(mask, traps)))
    with pytest.raises(sn.DataError, match=words):
        metric.ground(traps, mask, "r")


def test_average_degree_and_parts():
    mask, _, _ = landscape(3, 1)
    graph = MaskGraph.of(mask, 4)
    assert graph.average_degree == pytest.approx(4.0 / 3.0)
    gap = sn.HabitatMask(mask.xy[[0, 2]], spacing=1000.0, cell_area=1.0)
    np.testing.assert_array_equal(MaskGraph.of(gap, 8).components, [0, 1])


def test_table_is_symmetric():
    mask, _, _ = landscape(holes=20)
    graph = MaskGraph.of(mask, 16)
    u, k = np.nonzero(graph.table >= 0)
    pairs = sparse.coo_matrix((graph.lengths[k], (u, graph.table[u, k]))).toarray()
    np.testing.assert_array_equal(pairs, pairs.T)
    apart = np.hypot(*(mask.xy[u] - mask.xy[graph.table[u, k]]).T)
    np.testing.assert_allclose(graph.lengths[k], apart, **tolerances.EXACT)
