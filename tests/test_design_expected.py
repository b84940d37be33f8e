"""Expected numbers agree with published values, brute force and simulation; so does the RSE."""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import pytest
from tolerances import EXACT, MONTE_CARLO

import secr_nea as sn
from secr_nea.design import Animals, Scenario, expected, precision, preset


def line_mask(n=9, step=1000.0):
    xy = np.array([[i * step, j * step] for i in range(n) for j in range(n)])
    return sn.HabitatMask(xy, spacing=step)


# --- published values ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def published():
    """The 8 x 8 grid of the package secrdesign: 20 m spacing, 5 animals per hectare."""
    side = 20.0 * np.arange(8)
    traps = np.array([[x, y] for x in side for y in side])
    step = 340.0 / 64.0
    axis = -100.0 + step * (np.arange(64) + 0.5)
    points = np.array([[x, y] for x in axis for y in axis])
    near = np.sqrt(((points[:, None] - traps[None]) ** 2).sum(axis=2)).min(axis=1) <= 100.0
    return traps, sn.HabitatMask(points[near], spacing=step)


@pytest.mark.parametrize(
    "detector, numbers",
    [("multi", (20.42885, 32.59759, 28.62447)), ("binary", (20.42885, 56.14689, 49.64859))],
)
def test_numbers_published_for_an_example_grid(published, detector, numbers):
    """Enrm(D = 5, ..., list(lambda0 = 0.2, sigma = 20), 5) of secrdesign 2.9, its own test."""
    xy, mask = published
    traps = sn.TrapArray(xy, n_occasions=5, detector=detector)
    found = expected(traps, mask, 50_000.0, lambda0=0.2, sigma=20.0)
    ours = (found.animals, found.recaptures, found.spatial_recaptures)
    np.testing.assert_allclose(ours, numbers, rtol=1e-6)


def test_share_at_two_detectors_published_for_an_example_grid(published):
    """Qpm of secrdesign 2.9 for the same grid (Dupont et al. 2021)."""
    xy, mask = published
    traps = sn.TrapArray(xy, n_occasions=5, detector="binary")
    found = expected(traps, mask, 50_000.0, lambda0=0.2, sigma=20.0)
    shares = np.array([found.animals, found.two_detectors]) / found.population
    np.testing.assert_allclose(shares, (0.3817752, 0.2816757), rtol=1e-6)


@pytest.mark.parametrize(
    "name, animals, detections",
    [
        ("namkha", 25.9, 43.9),
        ("chikhachev", 20.0, 59.0),
        ("silkhem", 6.7, 13.0),
        ("hunchun", 8.9, 43.0),
        ("primorye", 21.0, 109.0),
        ("leopard", 43.0, 147.0),
    ],
)
def test_presets_give_the_numbers_of_the_surveys_they_stand_for(name, animals, detections):
    found = preset(name).expected()
    assert found.animals == pytest.approx(animals, rel=0.05)
    assert found.detections == pytest.approx(detections, rel=0.03)


# --- brute force ---------------------------------------------------------------------------------


def tiny(detector, **changes):
    """Three traps, few occasions of different effort, so that all histories can be listed."""
    contents = {
        "traps": sn.TrapArray(
            [[2000, 2000], [4000, 3000], [3000, 6000]],
            effort=[[1, 2], [2, 0], [1, 1]],
            detector=detector,
        ),
        "mask": line_mask(),
        "density": 100.0,
        "lambda0": 0.4,
        "sigma": 2000.0,
        **changes,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Scenario(**contents)


def history_probabilities(scenario, place, most=1):
    """All histories (occasion, trap) of an animal with their probabilities, by plain loops."""
    traps = scenario.traps
    d2 = ((traps.xy - place) ** 2).sum(axis=1)
    hazard = scenario.parameters["lambda0"] * np.exp(-d2 / (2 * scenario.parameters["sigma"] ** 2))
    per_occasion = []
    for s in range(traps.n_occasions):
        exposure = hazard * traps.effort[:, s]
        outcomes = {}
        if traps.detector_type == "multi":
            total = exposure.sum()
            outcomes[(0, 0, 0)] = np.exp(-total)
            for k in range(3):
                one = tuple(int(j == k) for j in range(3))
                outcomes[one] = exposure[k] / total * (1 - np.exp(-total))
        else:
            limits = [
                most if traps.detector_type == "binary" else int(traps.effort[k, s])
                for k in range(3)
            ]
            for y in itertools.product(*(range(limit + 1) for limit in limits)):
                p = 1.0
                for k in range(3):
                    if traps.detector_type == "binary":
                        q = 1 - np.exp(-exposure[k])
                        p *= q if y[k] else 1 - q
                    else:
                        q, n = 1 - np.exp(-hazard[k]), limits[k]
                        ways = len(list(itertools.combinations(range(n), y[k])))
                        p *= ways * q ** y[k] * (1 - q) ** (n - y[k])
                outcomes[y] = p
        per_occasion.append(outcomes)
    for combination in itertools.product(*(o.items() for o in per_occasion)):
        counts = np.array([y for y, _ in combination])
        yield counts, float(np.prod([p for _, p in combination]))


@pytest.mark.parametrize("detector", ["binary", "binomial", "multi"])
def test_expected_numbers_are_sums_over_all_histories(detector):
    scenario = tiny(detector)
    sums = np.zeros(5)
    for place in scenario.mask.xy:
        for counts, p in history_probabilities(scenario, place):
            n_traps = (counts.sum(axis=0) > 0).sum()
            sums += p * np.array(
                [
                    counts.sum() > 0,
                    counts.sum(),
                    max(counts.sum() - 1, 0),
                    max(n_traps - 1, 0),
                    n_traps >= 2,
                ]
            )
    found = scenario.expected()
    ours = (
        found.animals,
        found.detections,
        found.recaptures,
        found.further_detectors,
        found.two_detectors,
    )
    np.testing.assert_allclose(ours, sums, **EXACT)


def test_information_is_the_sum_over_all_histories():
    """Binary detectors: sum over histories of (d mu)(d mu)' / mu, by differences of mu."""
    scenario = tiny("binary", lambda0=0.25, mask=line_mask(5, 2000.0))
    truth = np.log([100.0, 0.25, 2000.0])
    area = scenario.mask.cell_area

    def intensities(beta):
        at = scenario.changed(lambda0=float(np.exp(beta[1])), sigma=float(np.exp(beta[2])))
        found = {}
        for place in at.mask.xy:
            for counts, p in history_probabilities(at, place):
                if counts.any() and p > 0.0:
                    key = tuple(counts.ravel())
                    found[key] = found.get(key, 0.0) + p * np.exp(beta[0]) * area / 100.0
        return np.array([found[key] for key in sorted(found)])

    step = 1e-4
    slopes = [
        (intensities(truth + step * e) - intensities(truth - step * e)) / (2 * step)
        for e in np.eye(3)
    ]
    information = np.einsum("pw,qw->pq", slopes, np.array(slopes) / intensities(truth))
    covariance = np.linalg.inv(information)
    found = precision(scenario, n_simulated=8000, seed=2)
    assert found.rse == pytest.approx(np.sqrt(covariance[0, 0]), rel=0.05)
    np.testing.assert_allclose(np.diag(found.covariance), np.diag(covariance), rtol=0.12)
    assert abs(found.rse - np.sqrt(covariance[0, 0])) < MONTE_CARLO * max(found.rse_error, 1e-3)


# --- simulation ----------------------------------------------------------------------------------

CROWD = 20_000.0  # animals are independent, so that one dense population serves for many


def at_points(mask, density, *, seed):
    """Activity centres at mask points, as sums over the mask have them."""
    rng = np.random.default_rng(seed)
    return Animals(np.repeat(mask.xy, rng.poisson(np.full(mask.n_points, CROWD / 81)), axis=0))


SEARCH = [(1000.0, 1000.0, 4000.0, 3000.0), (5000.0, 4000.0, 8000.0, 8000.0)]


def array_of(detector):
    import shapely

    if detector == "area_search":
        return sn.TrapArray.from_searches(
            [shapely.box(*b) for b in SEARCH], effort=[[1, 2], [2, 0]]
        )
    if detector == "transect":
        lines = [shapely.LineString([(1000, 1000), (4000, 3000)]), [(5000, 4000), (8000, 8000)]]
        return sn.TrapArray.from_searches([lines[0], shapely.LineString(lines[1])], n_occasions=2)
    kinds = ("count", "binary", "multi", "multi") if detector == "mixed" else detector
    xy = [[2000, 2000], [4000, 3000], [3000, 6000], [6000, 5000]]
    return sn.TrapArray(xy, effort=[[1, 2, 2], [2, 0, 0], [1, 1, 1], [2, 2, 1]], detector=kinds)


@pytest.mark.parametrize(
    "detector", ["count", "binary", "binomial", "multi", "mixed", "area_search", "transect"]
)
def test_expected_numbers_agree_with_simulation(detector):
    mask = line_mask()
    scenario = Scenario(
        array_of(detector),
        mask,
        CROWD / mask.area * 100.0,
        classes={"f": 0.6, "m": 0.4},
        lambda0={"f": 0.5, "m": 0.2},
        sigma={"f": 1200.0, "m": 2400.0},
        population=at_points,
    )
    captures = scenario.simulate(seed=8).captures
    found = scenario.expected()
    per_animal = np.zeros((4, captures.n_animals))
    np.add.at(per_animal[1], captures.animal, captures.count)
    pairs = np.unique(np.column_stack([captures.animal, captures.trap]), axis=0)
    n_traps = np.bincount(pairs[:, 0], minlength=captures.n_animals)
    per_animal[0], per_animal[2], per_animal[3] = 1.0, n_traps - 1, n_traps >= 2
    ours = (found.animals, found.detections, found.further_detectors, found.two_detectors)
    for simulated, number in zip(per_animal, ours, strict=True):
        # a Poisson number of animals: the variance of a sum is the sum of squares
        error = np.sqrt((simulated**2).sum())
        assert abs(simulated.sum() - number) < MONTE_CARLO * error


def test_recaptures_at_other_traps_agree_with_simulated_counts():
    """For counts the order of an animal's detections is random."""
    mask = line_mask()
    scenario = Scenario(
        array_of("count"), mask, CROWD / 81 * 100.0, lambda0=0.5, sigma=1500.0, population=at_points
    )
    captures = scenario.simulate(seed=3).captures
    rng = np.random.default_rng(1)
    animal, trap = (
        np.repeat(captures.animal, captures.count),
        np.repeat(captures.trap, captures.count),
    )
    order = np.lexsort([rng.random(len(animal)), animal])
    animal, trap = animal[order], trap[order]
    moved = (animal[1:] == animal[:-1]) & (trap[1:] != trap[:-1])
    per_animal = np.bincount(animal[1:][moved], minlength=captures.n_animals)
    error = np.sqrt((per_animal**2).sum())
    assert abs(moved.sum() - scenario.expected().spatial_recaptures) < MONTE_CARLO * error


def test_expected_numbers_of_capped_detectors_agree_with_simulation():
    """Animals compete, so that many ordinary surveys are needed instead of a crowd."""
    traps = sn.TrapArray(
        [[2000, 2000], [4000, 3000], [3000, 6000]],
        effort=[[1, 2], [2, 1], [1, 1]],
        detector="capped",
    )
    mask = line_mask()
    rates = np.full(mask.n_points, 0.25)

    def few(mask, density, *, seed):
        rng = np.random.default_rng(seed)
        return Animals(np.repeat(mask.xy, rng.poisson(rates), axis=0))

    scenario = Scenario(traps, mask, 25.0, lambda0=0.6, sigma=1500.0, population=few)
    rng = np.random.default_rng(4)
    seen = np.zeros((600, 2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for row in seen:
            captures = scenario.simulate(seed=rng).captures
            row[:] = captures.n_animals, captures.n_detections
    found = scenario.expected()
    error = seen.std(axis=0, ddof=1) / np.sqrt(len(seen))
    assert abs(seen[:, 1].mean() - found.detections) < MONTE_CARLO * error[1]
    # detectors are taken to be independent for an animal, which is nearly so
    assert abs(seen[:, 0].mean() - found.animals) < MONTE_CARLO * error[0] + 0.03 * found.animals
    assert found.rse < precision(scenario, n_simulated=150).rse < 4 * found.rse
    with pytest.raises(sn.ModelError, match="all animals compete"):
        scenario.changed(classes={"f": 1.0})


def test_distances_of_a_metric_enter_simulation_expected_numbers_and_fits():
    """A gorge through the middle that can only be passed in the north."""
    import shapely

    from secr_nea.design import MetricDistance, study
    from secr_nea.distances import LeastCost

    plain = preset("leopard")
    plain = plain.changed(traps=plain.traps.subset(np.arange(0, 160, 4)))
    x, y = plain.traps.xy.mean(axis=0)
    gorge = shapely.LineString([(x + 10.0, y - 80_000.0), (x + 10.0, y + 15_000.0)])
    metric = LeastCost(neighbors=8, barriers=gorge)
    scenario = plain.changed(distances=metric)
    assert isinstance(scenario.distances, MetricDistance)
    animals, detections = np.zeros(15), np.zeros(15)
    for seed in range(15):
        captures = scenario.simulate(seed=seed).captures
        animals[seed], detections[seed] = captures.n_animals, captures.n_detections
    found = scenario.expected()
    for values, number in ((animals, found.animals), (detections, found.detections)):
        assert abs(values.mean() - number) < MONTE_CARLO * values.std(ddof=1) / np.sqrt(15)
    assert found.detections < 0.95 * plain.expected().detections
    few = study(scenario, 2, client="loop", progress=False)
    assert not few.results["failed"].any()
    truth = scenario.changed(
        distances=MetricDistance(metric, scenario.mask, np.ones(plain.mask.n_points))
    )
    np.testing.assert_allclose(truth.expected().detections, found.detections, **EXACT)
    with pytest.raises(sn.ModelError, match="A metric such as LeastCost"):
        MetricDistance("straight", scenario.mask)
    for wrong in ("LeastCost", LeastCost):
        with pytest.raises(sn.ModelError, match="distances must be a metric"):
            plain.changed(distances=wrong)


def test_a_study_is_another_one_when_only_the_barriers_differ():
    import shapely

    from secr_nea.design.fingerprints import fingerprint_of
    from secr_nea.distances import LeastCost

    plain = preset("chikhachev")
    x, y = plain.traps.xy.mean(axis=0)
    line = shapely.LineString([(x, y - 80_000.0), (x, y + 5000.0)])
    keys = {
        fingerprint_of(plain.changed(distances=metric))
        for metric in (
            None,
            LeastCost(neighbors=8),
            LeastCost(neighbors=8, barriers=line),
            LeastCost(neighbors=8, barriers=line, crossing_cost=3000.0),
        )
    }
    assert len(keys) == 4


# --- rules of thumb and laws ---------------------------------------------------------------------


def test_rse_is_the_rule_of_thumb_and_smaller_for_a_fixed_number():
    scenario = preset("chikhachev")
    found = scenario.expected()
    assert found.rse == pytest.approx(1 / np.sqrt(min(found.animals, found.recaptures)))
    fixed = scenario.changed(fixed_n=80)
    again = fixed.expected()
    assert again.population == pytest.approx(80.0)
    wanted = np.sqrt(1 / min(again.animals, again.recaptures) - 1 / 80.0)
    assert again.rse == pytest.approx(wanted)


def test_information_rse_agrees_with_the_standard_errors_of_fits():
    scenario = preset("leopard")
    found = precision(scenario, n_simulated=2000)
    ses = []
    for seed in range(6):
        fit = sn.fit(scenario.simulate(seed=seed), progress=False)
        ses.append(fit.standard_errors[0])
    assert found.rse == pytest.approx(np.mean(ses), rel=0.06)


def test_precision_of_a_model_with_sexes_and_density_covariates():
    scenario = preset("chikhachev", sexes=True)
    slope = (scenario.mask.xy[:, 0] - 500_000.0) / 30_000.0
    scenario = scenario.changed(
        mask=scenario.mask.with_covariates(slope=slope), density=np.exp(0.3 * slope)
    )
    formulas = {"D": "~ slope", "lambda0": "~ sex", "sigma": "~ sex"}
    found = precision(scenario, formulas=formulas, classes="sex", n_simulated=800)
    table = found.to_dataframe()
    assert table.loc["D:slope", "true"] == pytest.approx(0.3, abs=1e-9)
    assert table.loc["sigma:sex[T.male]", "true"] == pytest.approx(np.log(2.0))
    assert table.loc["pmix:Intercept", "true"] == pytest.approx(np.log(0.4 / 0.6))
    assert 0.2 < found.rse < 0.4
    assert "RSE of density" in found._repr_html_()


def test_link_of_density_does_not_change_its_precision():
    scenario = preset("hunchun")
    log = precision(scenario, n_simulated=800)
    assert precision(scenario, n_simulated=800).rse == log.rse, "the same seed, the same number"
    fixed = precision(scenario.changed(fixed_n=30), n_simulated=800)
    assert fixed.rse < log.rse


def test_what_cannot_be_told_apart_is_refused():
    lonely = tiny("count", traps=sn.TrapArray([[4000, 4000]]))
    with pytest.raises(sn.ModelError, match="cannot tell the parameters"):
        precision(lonely, n_simulated=200)
    blind = tiny("count", lambda0=0.0)
    assert blind.expected().rse == np.inf
    with pytest.raises(sn.DataError, match="Nothing can be detected"):
        precision(blind)


def test_a_scenario_is_checked_at_once():
    with pytest.raises(sn.ModelError, match="classes are not given"):
        tiny("count", sigma={"f": 1000.0, "m": 2000.0})
    with pytest.raises(sn.ModelError, match="needs the parameters lambda0, sigma"):
        Scenario(tiny("count").traps, line_mask(), 1.0, lambda0=0.1)
    with pytest.raises(sn.DataError, match="a mask and a density are needed"):
        expected(tiny("count").traps)
    with pytest.raises(sn.DataError, match="A Scenario is complete"):
        expected(tiny("count"), line_mask())
    with pytest.raises(sn.DataError, match="no preset 'chikachev' .*chikhachev"):
        preset("chikachev")


def test_the_same_seed_gives_the_same_survey():
    scenario = preset("primorye", sexes=True, faults=True)
    one, two = scenario.simulate(seed=4), scenario.simulate(seed=4)
    assert one.fingerprint == two.fingerprint
    assert scenario.simulate(seed=5).fingerprint != one.fingerprint
    assert set(scenario.mask.covariates["country"]) == {"Russia", "China"}
    countries = sn.design.preset_countries("primorye")
    assert list(countries["country"]) == ["Russia", "China"]


def test_a_fit_simulates_surveys_like_its_own():
    fit = sn.fit(preset("leopard").simulate(seed=1), progress=False)
    survey = fit.simulate(seed=2)
    assert (
        survey.fingerprint
        == sn.design.simulate_survey(fit.model, fit.coefficients, seed=2).fingerprint
    )
    assert survey.traps.fingerprint == fit.model.surveys[0].traps.fingerprint


# --- what a scenario refuses ---------------------------------------------------------------------


def _plain(**changes):
    traps = sn.TrapArray([[0, 0], [3000, 0], [0, 3000]], effort=[60.0] * 3)
    mask = sn.HabitatMask.around(traps, buffer=12_000.0, spacing=3000.0)
    return Scenario(traps, mask, 1.0, lambda0=0.01, sigma=4000.0).changed(**changes)


@pytest.mark.parametrize("number", [-3, 2.5, True])
def test_a_fixed_number_of_animals_is_whole(number):
    with pytest.raises(sn.DataError, match="fixed_n must be a whole number of animals"):
        _plain(fixed_n=number)


def test_scenarios_that_contradict_themselves_are_refused_at_once():
    chikhachev = sn.design.preset("chikhachev")
    elsewhere = sn.TrapArray(chikhachev.traps.xy, effort=chikhachev.traps.effort, crs="EPSG:32647")
    with pytest.raises(sn.CRSError, match="EPSG:32647"):
        chikhachev.changed(traps=elsewhere)
    far = sn.TrapArray(_plain().traps.xy + 1e6, effort=[60.0] * 3)
    with pytest.raises(sn.DataError, match="no trap stands in the mask"):
        _plain(traps=far)
    with pytest.raises(sn.ModelError, match="sigma is 4 m.*not kilometres"):
        _plain(sigma=4.0)
    with pytest.raises(sn.DataError, match="fixed_n or population, not both"):
        _plain(fixed_n=5, population=sn.design.simulate_population)
    with pytest.raises(sn.DataError, match=r"faults must be a function.*got 0\.1"):
        _plain(faults=0.1)
    with pytest.raises(sn.ModelError, match="distances must be a metric .*got 'leastcost'"):
        _plain(distances="leastcost")
    with pytest.raises(sn.DataError, match="classes must be a mapping"):
        _plain(classes=["f", "m"])
    with pytest.raises(sn.DataError, match=r"animals would live on this mask"):
        _plain(density=1e9).simulate(seed=1)
