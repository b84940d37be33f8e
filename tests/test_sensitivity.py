"""Sensitivity tables, overdispersion, and the variance between replicate surveys."""

from __future__ import annotations

import warnings
from functools import cache

import build
import numpy as np
import pytest

import secr_nea as sn
from secr_nea.inference import inflated_interval, overdispersion, replicate_density


def quiet_fit(*args, **kwargs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sn.SecrWarning)
        return sn.fit(*args, progress=False, **kwargs)


@cache
def example():
    return sn.datasets.sailugem(2500.0)


@cache
def null_fit():
    return quiet_fit(example())


@cache
def ridges_fit():
    return quiet_fit(build.surveys_of_reference("three_ridges"))


def density_of(survey):
    return quiet_fit(survey).abundance()["density_per_100km2"].iloc[0]


# --- sensitivity ---------------------------------------------------------------------------------


def test_scenarios_are_fits_of_changed_surveys():
    survey = example()
    near = survey.traps.distance_from(survey.mask.xy) <= 18_000.0
    table = null_fit().sensitivity(buffers=[18_000.0], without_singles=True)
    smaller = sn.Survey(survey.captures, survey.mask.subset(near))
    row = table.loc["buffer 18,000 m"]
    assert row["density_per_100km2"] == pytest.approx(density_of(smaller), rel=1e-4)
    assert row["mask_points"] == near.sum()
    frame = survey.captures.to_dataframe()
    number = frame.groupby("animal_id")["count"].transform("sum")
    many = sn.CaptureHistory.from_dataframe(frame[number > 1], survey.traps)
    row = table.loc["without animals detected once"]
    assert row["n_animals"] == many.n_animals < survey.n_animals
    assert row["density_per_100km2"] == pytest.approx(
        density_of(sn.Survey(many, survey.mask)), rel=1e-4
    )
    first = table.iloc[0]
    assert table.index[0] == "as fitted"
    assert first["change_percent"] == 0.0
    expected = 100.0 * (row["density_per_100km2"] / first["density_per_100km2"] - 1.0)
    assert row["change_percent"] == pytest.approx(expected)


def test_merging_two_animals_adds_their_detections():
    ids = example().captures.animal_ids
    table = null_fit().sensitivity(merge={"one": {ids[0]: ids[1]}})
    assert table.loc["one", "n_animals"] == example().n_animals - 1
    assert table.loc["one", "n_detections"] == example().n_detections


def test_an_animal_that_is_not_there_cannot_be_merged():
    known = example().captures.animal_ids
    table = null_fit().sensitivity(merge={"wrong": {f"{known[0]}x": known[1]}})
    assert f"there is no animal '{known[0]}x'" in table.loc["wrong", "note"]
    assert np.isnan(table.loc["wrong", "density_per_100km2"])


def test_binary_detectors_hold_a_merged_animal_once():
    (survey,) = build.surveys_of_reference("ridge_proximity")
    captures = survey.captures
    rows = captures.to_dataframe()
    shared = rows[rows.duplicated(["occasion", "trap_id"], keep=False)]
    pair = shared.groupby(["occasion", "trap_id"])["animal_id"].first().iloc[0]
    other = next(
        name
        for name in shared.merge(
            shared[shared["animal_id"] == pair][["occasion", "trap_id"]],
            on=["occasion", "trap_id"],
        )["animal_id"]
        if name != pair
    )
    table = quiet_fit(survey).sensitivity(merge={"same": {pair: other}})
    assert table.loc["same", "note"] == ""
    assert table.loc["same", "n_detections"] < captures.n_detections
    assert table.loc["same", "n_animals"] == captures.n_animals - 1


def test_windows_keep_their_occasions():
    (survey,) = build.surveys_of_reference("ridge_proximity")
    n = survey.n_occasions
    fit = quiet_fit(survey, lambda0="~ snow")
    table = fit.sensitivity(windows={"all": (1, n), "first": (1, n // 2), "no": (1, n + 1)})
    assert table.loc["all", "change_percent"] == pytest.approx(0.0, abs=1e-3)
    kept = survey.captures.occasion < n // 2
    assert table.loc["first", "n_detections"] == survey.captures.count[kept].sum()
    assert "are not all there" in table.loc["no", "note"]
    assert np.isnan(table.loc["no", "density_per_100km2"])


def test_other_masks_and_captures():
    survey = example()
    wider = sn.datasets.sailugem(3000.0).mask
    table = null_fit().sensitivity(
        spacings=[2], masks={"coarse": wider}, captures={"same": survey.captures}
    )
    assert table.loc["coarse", "mask_points"] == wider.n_points
    assert table.loc["same", "change_percent"] == pytest.approx(0.0, abs=1e-3)
    thin = table.loc["cells 2 times as wide"]
    assert abs(thin["change_percent"]) < 10.0
    assert 0.2 * survey.mask.n_points < thin["mask_points"] < 0.3 * survey.mask.n_points


def test_nothing_to_vary_is_told():
    with pytest.raises(sn.DataError, match="Say what to vary"):
        null_fit().sensitivity()
    table = null_fit().sensitivity(buffers=9e5)
    assert "give wider ones by masks=" in table.iloc[1]["note"]


def test_a_density_that_the_data_do_not_determine_is_not_shown():
    survey = example()
    seen = survey.captures.to_dataframe().drop_duplicates("animal_id").head(2)
    few = sn.Survey(
        sn.CaptureHistory.from_dataframe(seen, survey.traps), survey.mask, name=survey.name
    )
    row = quiet_fit(few).sensitivity(spacings=[2]).loc["as fitted"]
    assert row[["density_per_100km2", "lower", "upper", "cv"]].isna().all()
    assert "No animal was detected at two or more traps" in row["note"]


# --- overdispersion ------------------------------------------------------------------------------


def test_overdispersion_of_surveys_by_hand():
    fit = ridges_fit()
    found = overdispersion(fit)
    areas = fit.effective_sampling_area()["estimate"].to_numpy()
    density = fit.abundance()["density_per_100km2"].iloc[0] / 100.0
    expected = areas * density
    n = np.array([survey.n_animals for survey in fit.model.surveys])
    np.testing.assert_allclose(found.table["expected"], expected, rtol=1e-8)
    pearson = ((n - expected) ** 2 / expected).sum() / 2.0
    assert found.pearson == pytest.approx(pearson, rel=1e-8)
    assert found.c_hat == pytest.approx(pearson / (1.0 + (n / expected - 1.0).mean()), rel=1e-8)
    assert n.sum() == pytest.approx(expected.sum(), rel=1e-5)
    assert "3 units (df 2)" in str(found)


def test_a_cluster_of_all_traps_is_the_survey():
    survey = example()
    traps = survey.traps.with_covariates(one=["a"] * 44, two=["a"] * 20 + ["b"] * 24)
    captures = sn.CaptureHistory.from_dataframe(survey.captures.to_dataframe(), traps)
    fit = quiet_fit(sn.Survey(captures, survey.mask))
    with pytest.raises(sn.DataError, match="1 units and 1 coefficients"):
        overdispersion(fit, by="one")
    table = overdispersion(fit, by="two").table
    assert list(table.index) == ["a", "b"]
    # an animal may be detected in both clusters
    assert table["expected"].sum() > fit.model.surveys[0].n_animals - 0.01
    assert table["observed"].sum() >= survey.n_animals
    with pytest.raises(sn.DataError, match="need the covariate 'three'"):
        overdispersion(fit, by="three")


def test_intervals_are_widened_by_the_root():
    fit = ridges_fit()
    plain, wide = (inflated_interval(fit, c, ["density", "sigma"]) for c in (1.0, 4.0))
    ratio = np.log(wide["upper"] / wide["lower"]) / np.log(plain["upper"] / plain["lower"])
    np.testing.assert_allclose(ratio, 2.0, rtol=1e-9)
    assert inflated_interval(fit, 0.3).equals(inflated_interval(fit, 1.0))
    same = inflated_interval(fit, overdispersion(fit))
    assert same.equals(inflated_interval(fit, overdispersion(fit).c_hat))
    with pytest.raises(sn.DataError, match="c_hat must be a number"):
        inflated_interval(fit, float("nan"))


def test_variance_between_surveys_by_hand():
    fit = ridges_fit()
    row = replicate_density(fit).iloc[0]
    n = np.array([survey.n_animals for survey in fit.model.surveys])
    areas = fit.effective_sampling_area()["estimate"].to_numpy()
    expected = areas * row["density_per_100km2"] / 100.0
    rate = n.sum() / expected.sum()
    spread = sum(e**2 * (k / e - rate) ** 2 for k, e in zip(n, expected, strict=True))
    cv_n = np.sqrt(3.0 / (2.0 * expected.sum() ** 2) * spread) / rate
    assert row["cv_n"] == pytest.approx(cv_n, rel=1e-6)
    assert row["cv"] == pytest.approx(np.hypot(cv_n, row["cv_detection"]), rel=1e-9)
    assert row["cv_n_poisson"] == pytest.approx(1.0 / np.sqrt(n.sum()))
    model_cv = np.hypot(row["cv_n_poisson"], row["cv_detection"])
    abundance = fit.abundance().iloc[0]
    assert model_cv == pytest.approx(abundance["expected_se"] / abundance["expected_n"], rel=0.01)
    with pytest.raises(sn.DataError, match="three or more; there is 1"):
        replicate_density(null_fit())
