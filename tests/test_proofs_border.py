"""Proof: national lists along a ridge count animals twice, as often as the model expects."""

from __future__ import annotations

import geopandas
import numpy as np
import pytest
import shapely
from tolerances import MONTE_CARLO

import secr_nea as sn
from secr_nea.diagnosis import Diagnosis
from secr_nea.estimate import Estimate

pytestmark = pytest.mark.proof

GOOD = Diagnosis(True, 0.0, 0.0, True, (), (), 1, 0.0, "At the maximum.")
X0, Y0 = 500_000.0, 5_400_000.0


def near_the_crest(seed):
    """40 cameras along 70 km, within 9 km of a crest on y = Y0, most of them near it."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(0.0, 70_000.0, 40)
    y = np.clip(rng.normal(0.0, 3500.0, 40), -9000.0, 9000.0)
    return sn.TrapArray(np.column_stack([X0 + x, Y0 + y]), effort=np.full(40, 120.0))


def block(seed):
    """160 stations 4.6 km apart, 46 km from west to east; the border runs through the middle."""
    x = (np.arange(10) - 4.5) * 4600.0 + X0 + 23_000.0
    y = (np.arange(16) - 7.5) * 4600.0 + Y0
    xy = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    return sn.TrapArray(xy, effort=np.full(160, 92.0))


def two_countries():
    reach = 400_000.0
    south = shapely.box(X0 - reach, Y0 - reach, X0 + reach, Y0)
    north = shapely.box(X0 - reach, Y0, X0 + reach, Y0 + reach)
    return geopandas.GeoDataFrame({"country": ["south", "north"]}, geometry=[south, north])


def surveys_of(preset, n, layouts):
    """Simulated surveys with their animals: so many, over so many layouts of the cameras."""
    make_traps, density, lambda0, sigma = preset
    for seed in range(n):
        if seed % (n // layouts) == 0:
            traps = make_traps(seed)
            mask = sn.HabitatMask.around(traps, buffer=4.0 * sigma, spacing=0.6 * sigma)
        animals = sn.design.simulate_population(mask, density, seed=seed)
        drawn = sn.design.simulate_captures(animals, traps, lambda0=lambda0, sigma=sigma, seed=seed)
        yield sn.Survey(drawn.captures, mask, name="ridge"), animals


def at_truth(survey, preset):
    _, density, lambda0, sigma = preset
    model = sn.Model(survey)
    values = np.log([density, lambda0, sigma])
    return Estimate(model, values, 0.01 * np.eye(3), 0.0, GOOD)


PRESETS = {
    # density per 100 km2, lambda0 per day, sigma; then the ratio of the sum of the two lists to the
    # animals seen in 500 simulated surveys (of a ridge whose layout is not told in full)
    "ridge": ((near_the_crest, 0.9, 0.006, 6000.0), 10, 1.42, 0.05),
    "tigers": ((block, 0.35, 0.006, 7500.0), 1, 1.18, 0.02),
    "leopards": ((block, 0.98, 0.008, 4500.0), 1, 1.09, 0.02),
}


@pytest.mark.parametrize("name", PRESETS)
def test_the_double_count_is_the_expected_one_and_the_published_one(name):
    preset, layouts, published, about = PRESETS[name]
    counted, expected = [], []
    for survey, _ in surveys_of(preset, 200, layouts):
        side = survey.traps.xy[survey.captures.trap, 1] > Y0
        lists = [len(set(survey.captures.animal[side == j])) for j in (False, True)]
        counted.append((sum(lists), survey.n_animals))
        if len(counted) % (200 // layouts) == 0:
            found = sn.transboundary(at_truth(survey, preset), two_countries())
            row = found.double_count.iloc[0]
            expected.append((row["expected_sum"], row["expected_animals"]))
    mean = np.mean(counted, axis=0)
    error = np.std(counted, axis=0, ddof=1) / np.sqrt(len(counted))
    wanted = np.mean(expected, axis=0)
    # cells of 0.6 sigma carry about 1 % of the expectation
    assert (np.abs(mean - wanted) < MONTE_CARLO * error + 0.01 * wanted).all(), (mean, wanted)
    assert wanted[0] / wanted[1] == pytest.approx(published, abs=about)
    assert mean[0] / mean[1] == pytest.approx(published, abs=2.0 * about)


# a coarse mask and few movers are part of the simulation
@pytest.mark.filterwarnings("ignore::secr_nea.SecrWarning")
def test_numbers_by_country_cover_the_truth_and_their_covariance_is_right():
    """Joint fits: 95 % intervals of each side and of both together hold the animals there were."""
    preset = PRESETS["ridge"][0]
    countries = two_countries()
    inside, errors = [], []
    for survey, animals in surveys_of(preset, 120, 12):
        fit = sn.fit(survey, progress=False)
        if not fit.diagnosis.good:
            continue
        found = fit.transboundary(countries)
        table = found.abundance.set_index("country")
        north = int((animals[:, 1] > Y0).sum())
        truth = {"south": len(animals) - north, "north": north, "together": len(animals)}
        inside.append(
            [table.loc[k, "realised_lower"] <= n <= table.loc[k, "realised_upper"]
             for k, n in truth.items()]
        )  # fmt: skip
        z = [
            (table.loc[k, "realised_n"] - n) / table.loc[k, "realised_se"] for k, n in truth.items()
        ]
        errors.append(z)
    assert len(inside) > 110
    coverage = np.mean(inside, axis=0)
    # binomial: 0.95 with 120 surveys has a standard error of 0.02
    assert (coverage > 0.95 - 4 * 0.02).all(), coverage
    spread = np.std(errors, axis=0)
    assert ((spread > 0.75) & (spread < 1.3)).all(), spread


# a coarse mask and few movers are part of the simulation
@pytest.mark.filterwarnings("ignore::secr_nea.SecrWarning")
def test_two_fenced_national_estimates_are_too_large_together():
    preset = PRESETS["ridge"][0]
    countries = two_countries()
    ratios = []
    for survey, animals in surveys_of(preset, 30, 3):
        fit = sn.fit(survey, progress=False)
        found = fit.transboundary(countries, national="own side")
        numbers = found.national["number"]
        if numbers.notna().all():
            ratios.append(numbers.sum() / len(animals))
    assert len(ratios) > 20
    assert np.mean(ratios) > 1.2
