"""Simulated populations do what their parameters say: clusters, patches, sexes, turnover."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from tolerances import MONTE_CARLO

import secr_nea as sn
from secr_nea.design import (
    Animals,
    cox_density,
    simulate_captures,
    simulate_clusters,
    simulate_cox,
    simulate_years,
)


@pytest.fixture(scope="module")
def mask():
    centres = 1000.0 * (np.arange(30) + 0.5)
    xy = np.column_stack([np.tile(centres, 30), np.repeat(centres, 30)])
    return sn.HabitatMask(xy, covariates={"east": np.where(xy[:, 0] > 15_000.0, 40.0, 10.0)})


def near(values, expected):
    """Mean of simulated values against theory, by their own Monte Carlo error."""
    values = np.asarray(values, dtype=float)
    error = values.std(ddof=1) / np.sqrt(len(values))
    assert abs(values.mean() - expected) < MONTE_CARLO * error, (values.mean(), expected, error)


# --- clusters and patches ------------------------------------------------------------------------


def test_clusters_have_the_mean_density_everywhere(mask):
    east, west = [], []
    for seed in range(200):
        xy = simulate_clusters(mask, "east", cluster_size=4.0, spread=800.0, seed=seed)
        assert mask.contains(xy).all()
        east.append((xy[:, 0] > 15_000.0).sum())
        west.append((xy[:, 0] <= 15_000.0).sum())
    near(east, 40.0 * 450.0 / 100.0)
    near(west, 10.0 * 450.0 / 100.0)


def test_numbers_of_tight_clusters_vary_by_one_plus_their_size(mask):
    """Var(N) / E(N) = 1 + mean size, when hardly any cluster is cut by the edge."""
    numbers = [
        len(simulate_clusters(mask, 20.0, cluster_size=5.0, spread=50.0, seed=seed))
        for seed in range(1500)
    ]
    ratio = np.var(numbers, ddof=1) / np.mean(numbers)
    assert abs(ratio - 6.0) < MONTE_CARLO * 6.0 * np.sqrt(2.0 / 1499.0) * 1.2


def test_patchy_density_has_the_moments_of_its_process(mask):
    """E D = D; Cov(D(x), D(y)) = D^2 (exp(sd^2 exp(-d / scale)) - 1)."""
    draws = np.array(
        [cox_density(mask, 2.0, sd=0.8, scale=4000.0, seed=seed) for seed in range(1500)]
    )
    near(draws[:, 0], 2.0)
    near(draws[:, 450], 2.0)
    for other, distance in ((1, 1000.0), (4, 4000.0), (12, 12_000.0)):
        products = (draws[:, 0] - 2.0) * (draws[:, other] - 2.0)
        near(products, 4.0 * np.expm1(0.64 * np.exp(-distance / 4000.0)))


def test_cox_without_variation_is_a_poisson_population(mask):
    numbers = [len(simulate_cox(mask, 10.0, sd=0.0, scale=1.0, seed=s)) for s in range(400)]
    near(numbers, 90.0)
    assert 0.7 < np.var(numbers) / 90.0 < 1.4


# --- animals and their classes -------------------------------------------------------------------


def test_animals_keep_names_and_covariates():
    animals = Animals(
        [[0, 0], [5, 5], [9, 9]], ids=["a", "b", "c"], covariates={"sex": list("fmf")}
    )
    some = animals.subset([2, 0])
    assert some.ids == ("c", "a")
    assert list(some.covariates["sex"]) == ["f", "f"]
    assert np.asarray(some).tolist() == [[9, 9], [0, 0]]
    with pytest.raises(sn.DataError, match="2 animal ids for 1 animal"):
        Animals([[0, 0]], ids=["a", "b"])
    with pytest.raises(sn.DataError, match="adds up to 0.9"):
        animals.with_classes({"f": 0.5, "m": 0.4})


def test_shares_of_classes_are_those_asked_for():
    animals = Animals(np.zeros((20_000, 2))).with_classes({"f": 0.3, "m": 0.7}, seed=1)
    near((animals.covariates["sex"] == "f").to_numpy(), 0.3)


def test_sexes_are_detected_by_their_own_parameters(mask):
    traps = sn.TrapArray([[10_000, 10_000], [20_000, 20_000]], effort=[30, 50])
    animals = Animals(np.repeat([[11_000.0, 10_500.0]], 4000, axis=0))
    animals = animals.with_classes({"female": 0.5, "male": 0.5}, seed=3)
    found = simulate_captures(
        animals,
        traps,
        seed=4,
        lambda0={"female": 0.03, "male": 0.01},
        sigma={"female": 1000.0, "male": 4000.0},
    )
    captures = found.captures
    assert set(captures.animal_ids) <= set(animals.ids)
    sex = animals.covariates["sex"].to_numpy()
    for name, lambda0, sigma in (("female", 0.03, 1000.0), ("male", 0.01, 4000.0)):
        d2 = ((traps.xy - [11_000.0, 10_500.0]) ** 2).sum(axis=1)
        expected = float((lambda0 * np.exp(-d2 / (2 * sigma**2)) * [30, 50]).sum())
        total = np.zeros(len(animals))
        np.add.at(total, found.detected[captures.animal], captures.count)
        near(total[sex == name], expected)
    # the label travels with the animal
    assert (sex[found.detected] == captures.covariates["sex"].to_numpy()).all()


def test_parameters_of_a_class_that_animals_do_not_have_are_refused():
    traps = sn.TrapArray([[0, 0], [2000, 0]])
    with pytest.raises(sn.DataError, match="no covariate 'sex'"):
        simulate_captures([[0, 0]], traps, lambda0=0.1, sigma={"f": 1000.0, "m": 2000.0})
    animals = Animals([[0, 0]], covariates={"sex": ["unknown"]})
    with pytest.raises(sn.DataError, match="the sex unknown"):
        simulate_captures(animals, traps, lambda0=0.1, sigma={"f": 1000.0, "m": 2000.0})
    with pytest.raises(sn.ModelError, match="different classes"):
        simulate_captures(animals, traps, lambda0={"x": 0.1}, sigma={"f": 1000.0, "m": 2000.0})


def test_other_distances_than_straight_lines_are_used():
    traps = sn.TrapArray([[0, 0], [20_000, 0]], effort=[50, 50])
    animals = np.repeat([[10_000.0, 0.0]], 3000, axis=0)

    def wall(sites, places):
        """A gorge between the second trap and the animals: no way."""
        away = np.hypot(*(sites[:, None] - places[None]).transpose(2, 0, 1))
        away[1] = np.inf
        return away

    found = simulate_captures(animals, traps, lambda0=0.05, sigma=8000.0, seed=1, distances=wall)
    assert set(found.captures.trap) == {0}
    with pytest.raises(sn.ModelError, match="one distance of 0 or more"):
        simulate_captures(
            animals, traps, lambda0=0.05, sigma=8000.0, distances=lambda a, b: np.zeros(3)
        )


# --- turnover ------------------------------------------------------------------------------------


def test_survivors_keep_their_names_and_recruits_are_new(mask):
    years = simulate_years(mask, 20.0, 4, survival=0.7, dispersal=500.0, seed=5)
    seen: set[str] = set()
    for before, after in pairwise(years):
        seen |= set(before.ids)
        recruits = set(after.ids) - set(before.ids)
        assert not recruits & seen
        assert mask.contains(after.xy).all()


def test_survival_and_recruitment_are_those_asked_for(mask):
    survived, numbers, grown = [], [], []
    for seed in range(150):
        first, second = simulate_years(mask, 20.0, 2, survival=0.8, seed=seed)
        survived.append(len(set(first.ids) & set(second.ids)) - 0.8 * len(first))
        numbers.append(len(second) - len(first))
        one, two = simulate_years(mask, 20.0, 2, survival=0.8, recruitment=0.5, seed=seed)
        grown.append(len(two) - 1.3 * len(one))
    near(survived, 0.0)
    near(numbers, 0.0)
    near(grown, 0.0)


def test_dispersal_has_its_standard_deviation(mask):
    """Far from the edge the step is bivariate normal."""
    first, second = simulate_years(mask, 4000.0, 2, dispersal=400.0, seed=7)
    inner = (np.abs(first.xy - 15_000.0) < 12_000.0).all(axis=1)
    assert first.ids == second.ids
    step = (second.xy - first.xy)[inner]
    near(step.ravel() ** 2, 400.0**2)
    near(step.ravel(), 0.0)


def test_years_are_reproducible_and_checked(mask):
    options = {"survival": {"f": 0.9, "m": 0.7}, "classes": {"f": 0.6, "m": 0.4}, "seed": 3}
    one = simulate_years(mask, 10.0, 3, **options)
    two = simulate_years(mask, 10.0, 3, **options)
    assert all(a.ids == b.ids and (a.xy == b.xy).all() for a, b in zip(one, two, strict=True))
    sexes = {i: s for year in one for i, s in zip(year.ids, year.covariates["sex"], strict=True)}
    assert all(
        sexes[i] == s for year in one for i, s in zip(year.ids, year.covariates["sex"], strict=True)
    )
    with pytest.raises(sn.DataError, match="survival must lie between 0 and 1"):
        simulate_years(mask, 10.0, 2, survival=1.2)
    with pytest.raises(sn.DataError, match="recruitment must be a number of 0 or more"):
        simulate_years(mask, 10.0, 2, recruitment=-0.1)
    with pytest.raises(sn.DataError, match="the classes are none"):
        simulate_years(mask, 10.0, 2, survival={"f": 0.5})
