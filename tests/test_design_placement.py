"""Placements keep every rule, beat the best grid, and end in files that people can use."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from tolerances import EXACT

import secr_nea as sn
from secr_nea.design import (
    OBJECTIVES,
    Scenario,
    candidate_sites,
    expected,
    layout,
    optimal_spacing,
    place,
    precision,
    preset,
    spacing_curve,
    walking_hours,
    write_sites,
)
from secr_nea.design.information import RseWorth
from secr_nea.design.objectives import Worth

CRS = "EPSG:32646"
SOUTH_WEST = np.array([460_000.0, 5_500_000.0])


def landscape(n=10, step=3000.0, **covariates):
    """A square of candidate sites in a wider square of habitat, denser in the east."""
    axis = step * np.arange(n)
    xy = SOUTH_WEST + np.array([[x, y] for x in axis for y in axis])
    values = {"country": np.where(xy[:, 1] > xy[:, 1].mean(), "Russia", "Mongolia"), **covariates}
    habitat = sn.HabitatMask.from_polygon(
        shapely.box(*(SOUTH_WEST - 15_000.0), *(xy.max(axis=0) + 15_000.0)), 3000.0, crs=CRS
    )
    slope = (habitat.xy[:, 0] - SOUTH_WEST[0]) / 20_000.0
    sites = sn.TrapArray(
        xy,
        ids=[f"S{k:03d}" for k in range(len(xy))],
        effort=np.full(len(xy), 100.0),
        covariates=values,
        crs=CRS,
    )
    return Scenario(sites, habitat, np.exp(slope - 1.0), lambda0=0.006, sigma=5000.0)


# --- the objective -------------------------------------------------------------------------------


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_worth_of_any_set_is_what_expected_tells(objective):
    scenario = landscape(5).changed(classes={"f": 0.6, "m": 0.4}, sigma={"f": 4000.0, "m": 8000.0})
    worth = Worth.of(scenario, objective)
    chosen = np.array([3, 7, 12, 24])
    found = expected(scenario.changed(traps=scenario.traps.subset(chosen)))
    wanted = {
        "min(n, r)": min(found.animals, found.recaptures),
        "animals": found.animals,
        "recaptures": found.recaptures,
        "two detectors": found.two_detectors,
        "animals + two detectors": found.animals + found.two_detectors,
    }[objective]
    np.testing.assert_allclose(worth.value(chosen), wanted, **EXACT)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_gains_of_exchanges_are_those_of_the_sets_after_them(objective):
    worth = Worth.of(landscape(4), objective)
    chosen, fixed = np.array([1, 6, 11]), np.array([15])
    allowed = np.ones((3, 16), dtype=bool)
    allowed[:, [1, 6, 11, 15]] = False
    sites, values = worth.best_exchanges(chosen, fixed, allowed)
    for position in range(3):
        scores = []
        for site in np.flatnonzero(allowed[position]):
            trial = chosen.copy()
            trial[position] = site
            scores.append(worth.value(np.concatenate([fixed, trial])))
        np.testing.assert_allclose(values[position], max(scores), **EXACT)
        moved = chosen.copy()
        moved[position] = sites[position]
        np.testing.assert_allclose(
            worth.value(np.concatenate([fixed, moved])), values[position], **EXACT
        )


def test_the_best_of_few_cameras_is_found():
    """All pairs and triples can be tried: the exchange must find the best of them."""
    scenario = landscape(4, step=4000.0)
    worth = Worth.of(scenario, "min(n, r)")
    best = max(worth.value(np.array(c)) for c in itertools.combinations(range(16), 3))
    found = place(scenario, 3, starts=6, progress=False)
    np.testing.assert_allclose(found.value, best, **EXACT)


@pytest.mark.parametrize("lambda0", [0.006, 3.0])
@pytest.mark.parametrize("detector", ["count", "binary"])
def test_gains_of_exchanges_in_rse_are_those_of_the_sets_after_them(detector, lambda0):
    """Also where exposure is so large that exp(-exposure) is 0 in single precision."""
    plain = landscape(4).changed(
        classes={"f": 0.6, "m": 0.4}, sigma={"f": 4000.0, "m": 7000.0}, lambda0=lambda0
    )
    traps = sn.TrapArray(plain.traps.xy, effort=plain.traps.effort, detector=detector, crs=CRS)
    worth = RseWorth.of(plain.changed(traps=traps), 120, np.random.default_rng(3))
    chosen, fixed = np.array([1, 6, 11, 4]), np.array([15, 8])
    allowed = np.ones((4, 16), dtype=bool)
    allowed[:, [1, 6, 11, 4, 15, 8]] = False
    allowed[np.arange(4), chosen] = True
    sites, values = worth.best_exchanges(chosen, fixed, allowed)
    for position in range(4):
        after = {}
        for site in np.flatnonzero(allowed[position]):
            trial = chosen.copy()
            trial[position] = site
            after[site] = worth.value(np.concatenate([fixed, trial]))
        assert values[position] == pytest.approx(max(after.values()), rel=1e-4)
        assert after[sites[position]] == pytest.approx(values[position], rel=1e-4)


def test_the_information_objective_agrees_with_the_precision_of_a_model():
    few = landscape(6)
    worth = RseWorth.of(few, 3000, np.random.default_rng(1))
    rse = -worth.value(np.arange(36))
    assert rse == pytest.approx(precision(few, n_simulated=2000).rse, rel=0.05)
    binary = few.changed(
        traps=sn.TrapArray(
            few.traps.xy, effort=few.traps.effort, detector="binary", crs=few.traps.crs
        )
    )
    worth = RseWorth.of(binary, 3000, np.random.default_rng(2))
    rse = -worth.value(np.arange(36))
    assert rse == pytest.approx(precision(binary, n_simulated=2000).rse, rel=0.05)


def test_the_placement_for_rse_is_better_where_min_n_r_misleads():
    """In a sparse survey the largest min(n, r) puts cameras too close for sigma."""
    scenario = landscape(5, step=4000.0).changed(lambda0=0.004, density=0.4)
    plain = place(scenario, 8, starts=2, progress=False)
    best = place(scenario, 8, objective="rse", starts=2, n_simulated=150, progress=False)
    rse = [precision(p.scenario, n_simulated=2000).rse for p in (plain, best)]
    assert rse[1] <= rse[0] * 1.02
    assert best.value == pytest.approx(rse[1], rel=0.15)
    assert best.objective == "rse"


# --- rules ---------------------------------------------------------------------------------------


@settings(max_examples=15)
@given(st.data())
def test_no_placement_ever_breaks_a_rule(data):
    seed = data.draw(st.integers(0, 1000))
    rng = np.random.default_rng(seed)
    n_sites = 64
    hours = np.round(rng.uniform(0.0, 10.0, n_sites), 1)
    hours[rng.random(n_sites) < 0.1] = np.nan  # no way there
    scenario = landscape(8, hours=hours)
    number = data.draw(st.integers(2, 8))
    distance = data.draw(st.sampled_from([0.0, 3000.0, 4500.0, 7000.0]))
    budget = data.draw(st.sampled_from([None, 20.0, 35.0, 60.0]))
    most = data.draw(st.sampled_from([None, 6.0, 9.0]))
    quota = data.draw(st.integers(0, number // 2))
    fixed = data.draw(st.sampled_from([(), ("S000",), ("S000", "S001", "S063")]))
    objective = data.draw(st.sampled_from(OBJECTIVES))
    found, told = None, ""
    try:
        found = place(
            scenario,
            number,
            objective=objective,
            minimum_distance=distance,
            fixed=fixed,
            strata="country",
            at_least={"Russia": quota, "Mongolia": quota},
            cost="hours",
            budget=budget,
            most_cost=most,
            starts=2,
            seed=seed,
            progress=False,
        )
    except sn.DataError as error:
        told = str(error)
    if found is None:
        assert "could be placed" in told or "sites can have one" in told
        return
    traps = found.traps
    new = (traps.covariates["placed"] == "new").to_numpy()
    assert new.sum() == number
    assert len(set(traps.ids)) == number + len(fixed)
    assert set(fixed) == {i for i, n in zip(traps.ids, new, strict=True) if not n}
    away = np.hypot(*(traps.xy[None] - traps.xy[new][:, None]).transpose(2, 0, 1))
    away[np.arange(number), np.flatnonzero(new)] = np.inf
    assert away.min() >= distance * (1 - 1e-8)
    spent = traps.covariates["hours"].to_numpy()[new]
    assert np.isfinite(spent).all()
    assert budget is None or spent.sum() <= budget * (1 + 1e-9)
    assert most is None or spent.max() <= most
    per_country = traps.covariates["country"][new].value_counts()
    assert all(per_country.get(country, 0) >= quota for country in ("Russia", "Mongolia"))
    assert found.value >= found.grid_value * (1 - 1e-9) or not found.grid_keeps_rules


def test_the_placement_beats_the_best_grid_on_the_benchmark_landscape():
    scenario = landscape(14, step=2100.0)
    found = place(scenario, 15, starts=2, progress=False)
    assert found.grid_keeps_rules
    assert found.gain > 0.1
    assert found.value == pytest.approx(
        min(found.expected.animals, found.expected.recaptures), rel=1e-9
    )
    table = found.to_dataframe()
    assert table.loc["animals", "placement"] == found.expected.animals
    assert place(scenario, 15, starts=2, progress=False).traps.ids == found.traps.ids


def test_existing_cameras_may_be_an_array_of_their_own():
    old = sn.TrapArray([SOUTH_WEST + 1000.0], ids=["old"], effort=[80.0], crs=CRS)
    quota = {"strata": "country", "at_least": {"Russia": 2}}
    found = place(
        landscape(6), 4, fixed=old, minimum_distance=4000.0, starts=1, progress=False, **quota
    )
    assert (found.traps.covariates["country"] == "Russia").sum() >= 2
    assert found.traps.ids[-1] == "old"
    assert found.traps.effort[-1, 0] == 80.0
    assert np.hypot(*(found.traps.xy[:-1] - old.xy[0]).T).min() >= 4000.0


@pytest.mark.parametrize(
    "options, words",
    [
        ({"minimum_distance": 90_000.0}, "Only 1 of 5 cameras could be placed"),
        ({"strata": "country", "at_least": {"China": 1}}, "No site has the country China"),
        ({"at_least": {"Russia": 1}}, "at_least needs strata"),
        ({"strata": "nation", "at_least": {"Russia": 1}}, "no covariate 'nation'"),
        ({"budget": 3.0}, "A budget needs cost"),
        ({"fixed": ["S9"]}, "No site is called S9"),
        ({"fixed": "S001"}, r"write \['S001'\]"),
        ({"strata": "country"}, "needs at_least="),
        ({"strata": "country", "at_least": {"Russia": -3}}, "at_least of Russia must be a whole"),
        ({"strata": "country", "at_least": {"Russia": 2.5}}, "at_least of Russia must be a whole"),
        ({"starts": -1}, "starts must be a whole number of 0 or more"),
        ({"n_simulated": 0, "objective": "rse"}, "n_simulated must be a whole number of 10 or"),
        ({"strata": "country", "at_least": {"Russia": 3, "Mongolia": 3}}, "need 6 cameras"),
    ],
)
def test_rules_that_cannot_be_kept_are_told(options, words):
    with pytest.raises(sn.DataError, match=words):
        place(landscape(5), 5, progress=False, **options)


def test_a_number_may_name_a_stratum():
    zone = np.where(np.arange(36) < 30, 1, 2)
    found = place(
        landscape(6, zone=zone), 4, strata="zone", at_least={2: 3}, starts=2, progress=False
    )
    assert (found.traps.covariates["zone"] == 2).sum() >= 3


def test_sites_without_a_scenario_are_refused():
    with pytest.raises(sn.DataError, match=r"needs a Scenario.*got TrapArray"):
        place(landscape(4).traps, 3)


def test_objectives_that_are_not_possible_are_refused():
    with pytest.raises(sn.ModelError, match="'max' is not known"):
        place(landscape(4), 3, objective="max", progress=False)
    scenario = landscape(4)
    multi = sn.TrapArray(scenario.traps.xy, effort=scenario.traps.effort, detector="multi", crs=CRS)
    with pytest.raises(sn.ModelError, match="there is competition"):
        place(scenario.changed(traps=multi), 3, progress=False)


# --- layouts -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["regular", "cluster", "lacework", "coverage", "grts", "random"])
def test_layouts_have_their_number_of_different_sites(kind):
    sites = landscape(20, step=1500.0).traps
    found = layout(sites, 24, kind, seed=3)
    assert found.n_traps == 24
    assert len(set(found.ids)) == 24
    assert layout(sites, 24, kind, seed=3).ids == found.ids


def test_layouts_look_like_their_name():
    sites = landscape(40, step=750.0).traps
    grid = layout(sites, 25, "regular", spacing=6000.0)
    assert grid.spacing == pytest.approx(6000.0, rel=0.13)
    cluster = layout(sites, 24, "cluster", cluster_size=4, spacing=1500.0)
    assert cluster.spacing == pytest.approx(1500.0, rel=0.01)
    spread = layout(sites, 24, "coverage")
    assert spread.spacing > layout(sites, 24, "random").spacing * 1.4
    lace = layout(sites, 60, "lacework", spacing=1500.0, cluster_size=5)
    rows = np.unique(np.round(lace.xy[:, 1] / 750.0), return_counts=True)[1]
    assert rows.max() > 3 * np.median(rows), "some rows are full lines, the others are crossings"


def test_a_tessellated_sample_is_spread_more_evenly_than_a_random_one():
    """Every quarter gets its quarter of the sample, and every site has the same chance."""
    sites = landscape(16, step=1500.0).traps
    middle = np.median(sites.xy, axis=0)
    counts = []
    taken = np.zeros(sites.n_traps)
    for seed in range(100):
        found = layout(sites, 16, "grts", seed=seed)
        taken[[int(name[1:]) for name in found.ids]] += 1
        counts.append((found.xy > middle).all(axis=1).sum())
    assert np.var(counts) < 0.5 * 16 * 0.25 * 0.75
    share = 16 / 256
    worst = np.abs(taken / 100 - share).max()
    assert worst < 5.0 * np.sqrt(share * (1 - share) / 100)


# --- walking and files ---------------------------------------------------------------------------


def terrain(height):
    xy = np.array([[i * 500.0, j * 500.0] for i in range(41) for j in range(21)])
    return sn.HabitatMask(xy, covariates={"elevation": height(xy)}, crs=CRS)


def test_walking_on_the_flat_takes_toblers_time():
    """6 exp(-3.5 x 0.05) km/h along a row of cells, there and back."""
    mask = terrain(lambda xy: np.zeros(len(xy)))
    hours = walking_hours([[10_000.0, 5000.0]], mask, [[0.0, 5000.0]])
    assert hours[0] == pytest.approx(2 * 10.0 / (6 * np.exp(-0.175)), rel=1e-9)


def test_walking_uphill_and_back_takes_both_speeds():
    mask = terrain(lambda xy: 0.2 * xy[:, 0])
    hours = walking_hours([[4000.0, 0.0]], mask, [[0.0, 0.0]])
    up, down = 6 * np.exp(-3.5 * 0.25), 6 * np.exp(-3.5 * 0.15)
    assert hours[0] <= 4.0 / up + 4.0 / down + 1e-9
    assert hours[0] > 2 * 4.0 / 6.0


def test_a_gorge_is_walked_around_or_not_passed_at_all():
    mask = terrain(lambda xy: np.zeros(len(xy)))
    there, start = [[20_000.0, 0.0]], [[0.0, 0.0]]
    gorge = np.abs(mask.xy[:, 0] - 10_000.0) < 1200.0
    around = walking_hours(there, mask, start, passable=~(gorge & (mask.xy[:, 1] < 8000.0)))
    assert around[0] > 1.2 * walking_hours(there, mask, start)[0]
    assert np.isnan(walking_hours(there, mask, start, passable=~gorge)[0])


@pytest.mark.parametrize("ending", ["gpx", "kml", "gpkg"])
def test_sites_are_found_again_in_files(tmp_path, ending):
    import geopandas

    traps = landscape(3).traps
    path = write_sites(traps, tmp_path / f"cameras.{ending}")
    again = geopandas.read_file(path, layer="waypoints" if ending == "gpx" else None)
    name = {"gpx": "name", "kml": "Name", "gpkg": "trap_id"}[ending]
    assert again[name].tolist() == list(traps.ids)
    xy = again.to_crs(CRS).geometry
    np.testing.assert_allclose(xy.x, traps.xy[:, 0], atol=0.05)
    np.testing.assert_allclose(xy.y, traps.xy[:, 1], atol=0.05)
    write_sites(traps, path)


def test_files_need_a_crs_and_a_known_ending(tmp_path):
    traps = sn.TrapArray([[0, 0], [1000, 0]])
    with pytest.raises(sn.CRSError, match="no CRS"):
        write_sites(traps, tmp_path / "a.gpx")
    with pytest.raises(sn.DataError, match=r"ending must be one of .gpx"):
        write_sites(traps, tmp_path / "a.shp")
    with pytest.raises(sn.DataError, match="There is no folder"):
        write_sites(landscape(3).traps, tmp_path / "none" / "a.gpx")


def test_walks_begin_on_the_terrain():
    mask = terrain(lambda xy: np.zeros(len(xy)))
    with pytest.raises(sn.DataError, match=r"start rows 1, 2: .* km from the nearest cell"):
        walking_hours([[0.0, 0.0]], mask, [[5e6, 0.0], [0.0, -9000.0], [0.0, 0.0]])
    assert np.isnan(walking_hours([[0.0, -9000.0]], mask, [[0.0, 0.0]])[0])


def test_candidates_take_over_what_the_mask_knows():
    mask = preset("primorye").mask
    with pytest.raises(sn.DataError, match=r"effort must be one number.*got \(2,\)"):
        candidate_sites(mask, effort=[1.0, 2.0])
    sites = candidate_sites(mask, effort=92.0, keep=lambda m: m.xy[:, 0] < 500_000.0)
    assert set(sites.covariates["country"]) == {"Russia", "China"}
    assert sites.xy[:, 0].max() < 500_000.0
    assert (sites.effort == 92.0).all()


# --- spacing -------------------------------------------------------------------------------------


def test_best_spacing_is_where_animals_and_recaptures_are_equal():
    side = 3000.0 * np.arange(7)
    grid = sn.TrapArray(
        [[x, y] for x in side for y in side], effort=np.full(49, 100.0), detector="count"
    )
    options = {"density": 1.0, "lambda0": 0.004, "sigma": 5000.0}
    best = optimal_spacing(grid, **options)
    curve = spacing_curve(grid, spacings=[0.6 * best, best, 1.6 * best], **options)
    assert curve["rse"].idxmin() == pytest.approx(best)
    at_best = curve.loc[best]
    assert at_best["animals"] == pytest.approx(at_best["recaptures"], rel=0.03)
    # the rule of thumb, 2 sqrt(lambda0 x effort) sigma
    assert best == pytest.approx(2 * np.sqrt(0.4) * 5000.0, rel=0.3)
    with pytest.raises(sn.DataError, match="two traps or more"):
        spacing_curve(grid.subset([0]), **options)
    with pytest.raises(sn.DataError, match="spacings must be above 0"):
        spacing_curve(grid, spacings=[0.0], **options)
    with pytest.raises(sn.DataError, match="spacings must be above 0 m; got none"):
        spacing_curve(grid, spacings=[], **options)


def test_a_best_spacing_at_the_end_of_the_range_is_told():
    pair = sn.TrapArray([[0, 0], [1000, 0]], effort=[1.0, 1.0])
    with pytest.warns(sn.SecrWarning, match="so few recaptures"):
        best = optimal_spacing(pair, density=1.0, lambda0=1e-3, sigma=4000.0)
    assert best == pytest.approx(0.2 * 4000.0)
    with pytest.raises(sn.DataError, match="nothing can be detected"):
        optimal_spacing(pair, density=0.0, lambda0=1e-3, sigma=4000.0)
