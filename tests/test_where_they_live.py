"""Activity centres together, expected use, range areas, regions together, plain counts."""

from __future__ import annotations

import dataclasses
from functools import cache

import build
import numpy as np
import pytest
from tolerances import EXACT

import secr_nea as sn
from secr_nea import inference
from secr_nea.diagnosis import Diagnosis
from secr_nea.estimate import Estimate

GOOD = Diagnosis(True, 0.0, 0.0, True, (), (), 1, 0.0, "At the maximum.")


@cache
def fit():
    return sn.fit(sn.datasets.sailugem(), D="~ ruggedness_std", progress=False)


@cache
def small(**options):
    """The example design at given coefficients; nothing is maximised."""
    survey = build.survey_of_design(build.example_design())
    model = sn.Model(survey, **options)
    truth = {"D": 60.0, "lambda0": 0.4, "sigma": 900.0, "z": 3.0}
    coefficients = np.log([truth[name.split(":")[0]] for name in model.coefficient_names])
    return sn.FitResult.of(
        Estimate(model, coefficients, 0.01 * np.eye(len(coefficients)), 0.0, GOOD)
    )


# --- activity centres -----------------------------------------------------------------------------


def test_activity_centres_together_are_those_of_each_animal():
    surfaces = fit().activity_centers()
    each = surfaces["probability"]
    np.testing.assert_allclose(each.sel(animal="SL07"), fit().activity_center("SL07"), **EXACT)
    np.testing.assert_allclose(each.sum(["x", "y"]), 1.0, **EXACT)
    total = surfaces["total"]
    assert float(total.sum()) == pytest.approx(28.0)
    inside = ~np.isnan(total.to_numpy())
    np.testing.assert_allclose(
        total.to_numpy()[inside], each.sum("animal").to_numpy()[inside], **EXACT
    )
    assert "is no map of density" in surfaces.attrs["warning"]


def test_shares_by_region_and_elsewhere():
    mask = sn.datasets.sailugem().mask
    west = mask.xy[:, 0] < 625_000.0
    table = inference.activity_shares(fit(), {"west": west}).set_index("animal")
    surface = fit().activity_center("SL01")
    wanted = float(surface.where(surface["x"] < 625_000.0).sum())
    np.testing.assert_allclose(table.loc["SL01", "west"], wanted, **EXACT)
    np.testing.assert_allclose(table[["west", "elsewhere"]].sum(axis=1), 1.0, **EXACT)


def test_groups_and_surveys_keep_the_order_of_animals():
    survey = build.survey_of_design(build.example_design())
    sexes = survey.captures.with_covariates(sex=["F", "M", "F", "M", "F"])
    named = sn.Survey(sexes, survey.mask, name="one")
    model = sn.Model([named, sn.Survey(sexes, survey.mask, name="two")], groups="sex")
    coefficients = np.log([60.0, 1.5, 0.4, 900.0])
    found = Estimate(model, coefficients, 0.01 * np.eye(4), 0.0, GOOD)
    table = inference.activity_shares(found, {"all": np.ones(survey.mask.n_points, bool)})
    assert list(table["animal"]) == [*named.captures.animal_ids] * 2
    surfaces = inference.activity_centers(found, survey="two")
    for animal in named.captures.animal_ids:
        np.testing.assert_allclose(
            surfaces["probability"].sel(animal=animal),
            inference.activity_center(found, animal, survey="two"),
            **EXACT,
        )


# --- expected use ---------------------------------------------------------------------------------


def naive_use(weight, xy, kernel):
    """Weights spread point by point."""
    use = np.zeros(len(xy))
    for m in range(len(xy)):
        own = kernel(np.hypot(*(xy - xy[m]).T))
        use += weight[m] * own / own.sum()
    return use


def test_expected_use_is_that_of_plain_loops():
    found = small()
    mask = found.model.surveys[0].mask
    kernel = lambda d: np.exp(-(d**2) / (2 * 900.0**2))  # noqa: E731
    wanted = naive_use(np.full(mask.n_points, 0.6), mask.xy, kernel) * 100.0 / mask.cell_area
    surface = inference.expected_use(found)
    np.testing.assert_allclose(surface, mask.to_xarray(wanted), **EXACT)
    animal = found.model.surveys[0].captures.animal_ids[0]
    share = inference.activity_center(found, animal)
    at = share.sel(x=list(mask.xy[:, 0]), y=list(mask.xy[:, 1]), method="nearest")
    weight = np.array([float(at[m, m]) for m in range(mask.n_points)])
    own = inference.expected_use(found, animal=animal)
    np.testing.assert_allclose(own, mask.to_xarray(naive_use(weight, mask.xy, kernel)), **EXACT)
    assert float(own.sum()) == pytest.approx(1.0)


def test_expected_use_adds_up_to_the_expected_number():
    for options in ({}, {"sigma_location": "~ ruggedness_std"}, {"classes": "sex"}):
        found = sn.fit(sn.datasets.sailugem(), progress=False, **options)
        use = found.expected_use()
        wanted = found.abundance()["expected_n"].iloc[0]
        assert float(use.sum()) * 4.0 / 100.0 == pytest.approx(wanted)


# --- range area -----------------------------------------------------------------------------------


def test_range_area_of_the_half_normal():
    table = inference.range_area(small())
    np.testing.assert_allclose(table["area_km2"], np.pi * 5.991465 * 0.81, rtol=1e-5)
    sigma = small().real_parameters().set_index("parameter").loc["sigma"]
    np.testing.assert_allclose(
        table["upper"] / table["area_km2"], (sigma["upper"] / 900.0) ** 2, rtol=1e-9
    )


def test_range_area_of_the_exponential():
    # (1 + r) exp(-r) = 0.05
    table = inference.range_area(small(detection="hazard_exponential"))
    np.testing.assert_allclose(table["radius_km"], 0.9 * 4.743865, rtol=1e-5)


def test_a_range_without_end_has_no_area():
    model = sn.Model(build.survey_of_design(build.example_design()), detection="HHR")
    values = {"D:Intercept": 60.0, "lambda0:Intercept": 0.4, "sigma:Intercept": 900.0}
    coefficients = model.coefficients(
        {**{k: np.log(v) for k, v in values.items()}, "z:Intercept": np.log(1.8)}
    )
    found = Estimate(model, coefficients, 0.01 * np.eye(4), 0.0, GOOD)
    table = inference.range_area(found)
    assert table["area_km2"].isna().all()
    with pytest.raises(sn.DataError, match="share must lie between"):
        inference.range_area(found, share=95)


# --- regions that vary together -------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["expected", "realised"])
def test_covariance_of_overlapping_regions_is_consistent(kind):
    """var(A) + var(B) + 2 cov = var(union) + var(overlap) + 2 cov(union, overlap)."""
    xy = sn.datasets.sailugem().mask.xy
    a, b = xy[:, 0] < 640_000.0, xy[:, 1] < 5_480_000.0
    regions = {"a": a, "b": b, "both": a & b, "either": a | b}
    v = inference.abundance_covariance(fit(), regions, kind=kind)
    left = v.loc["a", "a"] + v.loc["b", "b"] + 2 * v.loc["a", "b"]
    right = v.loc["both", "both"] + v.loc["either", "either"] + 2 * v.loc["both", "either"]
    np.testing.assert_allclose(left, right, rtol=1e-6)
    table = fit().abundance(regions, variance="mspe").set_index("region")
    np.testing.assert_allclose(np.diag(v), table[f"{kind}_se"] ** 2)


def test_covariance_needs_standard_errors_and_a_known_kind():
    bad = dataclasses.replace(GOOD, positive_definite=False)
    lost = dataclasses.replace(fit(), diagnosis=bad)
    assert inference.abundance_covariance(lost, "country").isna().all(axis=None)
    with pytest.raises(sn.DataError, match="kind must be one of"):
        inference.abundance_covariance(fit(), "country", kind="both")


def test_regions_may_be_points():
    with pytest.raises(sn.DataError, match="must be a bool array with one value per mask point"):
        fit().abundance({"west": np.ones(3, dtype=bool)})
    with pytest.raises(sn.DataError, match="No point of the mask"):
        fit().abundance({"nowhere": np.zeros(1840, dtype=bool)})


# --- a survey without a model ---------------------------------------------------------------------


def sparse(records, effort=50.0):
    traps = sn.TrapArray(
        np.column_stack([np.arange(6) * 4000.0, np.zeros(6)]) + 500_000.0,
        effort=np.full(6, effort),
    )
    animal, trap = zip(*records, strict=True)
    captures = sn.CaptureHistory(traps, animal=animal, occasion=[0] * len(records), trap=trap)
    return sn.Survey(captures, sn.HabitatMask.around(traps, buffer=12_000.0), name="Tavan")


def test_minimum_count_and_rate_by_hand():
    count = sn.minimum_count(sparse([(0, 0), (0, 1), (1, 3), (2, 5), (2, 5)]))
    assert (count.n_animals, count.n_detections, count.n_recaptures, count.n_movers) == (3, 5, 2, 1)
    assert count.rate == pytest.approx(100.0 * 5 / 300.0)
    # exact limits of a Poisson count of 5 (Garwood 1936): 1.623 and 11.668
    np.testing.assert_allclose(count.rate_interval, np.array([1.6235, 11.6683]) / 3.0, rtol=1e-4)
    assert not count.carries_density
    assert "3 animals, 20 are wanted" in count.lacking
    assert "Tavan: at least 3 animals; 5 detections" in str(count)
    assert count.to_dataframe().loc[0, "minimum_count"] == 3


def test_plans_follow_the_poisson_model():
    count = sn.minimum_count(sparse([(0, 0), (0, 1), (1, 3), (2, 5), (2, 5)]))
    table = count.next_survey().set_index("plan")
    same = table.loc["as this time"]
    np.testing.assert_allclose((same["animals"], same["recaptures"]), (3.0, 2.0), rtol=1e-6)
    more = table.loc["twice the effort, same places"]
    np.testing.assert_allclose(more["animals"] + more["recaptures"], 10.0, rtol=1e-6)
    places = table.loc["twice the places, same spacing"]
    np.testing.assert_allclose((places["animals"], places["recaptures"]), (6.0, 4.0), rtol=1e-6)
    assert not table["enough"][:-1].any()
    assert table["enough"].iloc[-1]


def test_a_survey_without_recaptures_still_has_a_plan():
    count = sn.minimum_count(sparse([(0, 0), (1, 3)]))
    assert count.n_recaptures == 0
    assert (count.next_survey()["recaptures"] > 0.0).all()


def test_nothing_seen_gives_an_upper_limit():
    survey = sparse([(0, 0)])
    nothing = sn.CaptureHistory(survey.traps, animal=[], occasion=[], trap=[], animal_ids=[])
    empty = sn.Survey(nothing, survey.mask, name="empty")
    count = sn.minimum_count(empty)
    np.testing.assert_allclose(count.rate_interval, [0.0, 3.688879 / 3.0], rtol=1e-6)
    assert "at least 0 animals" in str(count)
    with pytest.raises(sn.FitError, match="minimum_count"):
        sn.fit(empty, progress=False)


def test_several_surveys_count_an_animal_once():
    first = sparse([(0, 0), (1, 3)])
    second = sn.Survey(first.captures, first.mask, name="later")
    count = sn.minimum_count([first, second])
    assert (count.n_animals, count.n_detections, count.effort) == (2, 4, 600.0)


def test_a_fit_to_a_sparse_survey_tells_what_can_be_reported():
    with pytest.warns(sn.SecrWarning) as told:
        found = sn.fit(sparse([(0, 0), (0, 1), (1, 3), (2, 5), (2, 5)]), progress=False)
    words = " ".join(str(warning.message) for warning in told)
    assert "Tavan: at least 3 animals; 5 detections in 300 units of effort, 1.7 per 100" in words
    assert "minimum_count" in words
    assert inference.unearned(found) in ("", found.diagnosis.message)


@pytest.mark.filterwarnings("ignore::secr_nea.SecrWarning")
def test_without_moves_there_is_no_estimate_unless_sigma_is_given():
    survey = sparse([(0, 0), (0, 0), (1, 3), (2, 5), (2, 5)])
    good = dataclasses.replace(sn.fit(survey, progress=False), diagnosis=GOOD)
    assert "No animal was detected at two or more traps" in inference.unearned(good)
    fixed = sn.fit(survey, fixed={"sigma": 4000.0}, progress=False)
    assert inference.unearned(dataclasses.replace(fixed, diagnosis=GOOD)) == ""


def test_what_is_not_earned():
    assert inference.unearned(fit()) == ""
    for change in (
        {"converged": False},
        {"positive_definite": False},
        {"flat": ("sigma:Intercept",)},
        {"boundary": ("sigma",)},
    ):
        diagnosis = dataclasses.replace(GOOD, message="a reason", **change)
        assert inference.unearned(dataclasses.replace(fit(), diagnosis=diagnosis)) == "a reason"
    level = dataclasses.replace(GOOD, flat=("lambda0:topo[T.ridge]",), message="a level")
    assert inference.unearned(dataclasses.replace(fit(), diagnosis=level)) == ""


def test_a_level_in_percent_is_refused():
    with pytest.raises(sn.DataError, match="level must lie between 0 and 1"):
        sn.minimum_count(sn.datasets.sailugem(), level=95)


def test_what_five_animals_seen_once_cannot_say_is_not_shown():
    survey = sn.datasets.sailugem()
    records = survey.captures.to_dataframe().drop_duplicates("animal_id").iloc[3::6].assign(count=1)
    few = sn.Survey(sn.CaptureHistory.from_dataframe(records, survey.traps), survey.mask)
    with pytest.warns(sn.SecrWarning) as told:
        fit = sn.fit(few, progress=False)
    # nothing is measured in a sigma that nobody knows
    assert not any("sigma;" in str(warning.message) for warning in told)
    shown = fit.real_parameters()
    assert not (shown["se"] > 1e3 * shown["estimate"]).any()
    profile = fit.profile_interval("sigma").iloc[0]
    assert inference.unearned(fit) in profile["note"]
