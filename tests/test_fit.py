"""How a fit behaves: diagnosis, starts, fixed parameters, links, doubts, and how it prints."""

from __future__ import annotations

import dataclasses
import warnings
from functools import cache

import build
import numpy as np
import pandas as pd
import pytest
import tolerances

import secr_nea as sn
from secr_nea import maximise as maximise_module
from secr_nea.boundaries import boundaries
from secr_nea.diagnosis import verdict
from secr_nea.inference import doubts
from secr_nea.likelihood.evaluate import Likelihood
from secr_nea.maximise import maximise
from secr_nea.results_text import rounded
from secr_nea.start import crude_starts, first_sigma, shape_scale

TRUTH = {
    "hazard_half_normal": {"lambda0": 0.012, "sigma": 5500.0},
    "hazard_exponential": {"lambda0": 0.03, "sigma": 3500.0},
    "hazard_hazard_rate": {"lambda0": 0.012, "sigma": 5000.0, "z": 4.0},
    "half_normal": {"g0": 0.012, "sigma": 5500.0},
    "exponential": {"g0": 0.03, "sigma": 3500.0},
    "hazard_rate": {"g0": 0.012, "sigma": 5000.0, "z": 4.0},
}


@cache
def example():
    return sn.datasets.sailugem()


@cache
def null_fit():
    return sn.fit(example(), progress=False)


def quiet_fit(*arguments, **options):
    """A fit whose doubts are not the point."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sn.SecrWarning)
        return sn.fit(*arguments, progress=False, **options)


def with_captures(survey, captures, **changed):
    """The same survey with other captures (of the same traps or of others)."""
    return sn.Survey(captures, changed.get("mask", survey.mask), name=changed.get("name", "other"))


def kept_captures(captures, keep):
    """Captures of some records only."""
    animal = captures.animal[keep]
    _, number = np.unique(animal, return_inverse=True)
    return sn.CaptureHistory(
        captures.traps,
        animal=number.reshape(-1),
        occasion=captures.occasion[keep],
        trap=captures.trap[keep],
        count=captures.count[keep],
    )


def survey_of(n_animals, *, seed, detection="hazard_half_normal"):
    """The first so many detected animals of a simulation on the example's ground."""
    survey = example()
    animals = sn.design.simulate_population(survey.mask, 1.0, seed=seed, fixed_n=5 * n_animals)
    captures = sn.design.simulate_captures(
        animals, survey.traps, detection=detection, seed=seed, **TRUTH[detection]
    ).captures
    return with_captures(survey, kept_captures(captures, captures.animal < n_animals))


def survey_with_idle_level():
    """A trap covariate one level of which never saw an animal; the level comes last."""
    survey = example()
    visited = np.zeros(survey.traps.n_traps, dtype=bool)
    visited[survey.captures.trap] = True
    kind = np.where(visited, survey.traps.covariates["topography"].astype(str), "village")
    traps = sn.TrapArray(
        survey.traps.xy,
        ids=survey.traps.ids,
        effort=survey.traps.effort,
        detector="count",
        covariates=pd.DataFrame({"kind": kind}),
        crs=survey.traps.crs,
    )
    old = survey.captures
    captures = sn.CaptureHistory(
        traps, animal=old.animal, occasion=old.occasion, trap=old.trap, count=old.count
    )
    return with_captures(survey, captures)


# --- the diagnosis -------------------------------------------------------------------------------


def test_a_good_fit_says_so():
    diagnosis = null_fit().diagnosis
    assert diagnosis.good
    assert diagnosis.message == "At the maximum."
    assert diagnosis.flat == diagnosis.boundary == ()
    assert abs(diagnosis.distance_to_maximum) < 1e-6
    assert diagnosis.n_evaluations > 0
    assert diagnosis.seconds > 0.0
    assert set(diagnosis.to_dict()) == {
        "converged",
        "distance_to_maximum",
        "gradient",
        "positive_definite",
        "flat",
        "boundary",
        "message",
    }


def test_nothing_nearby_is_higher():
    """In random directions, a tenth of a standard error away."""
    fit = null_fit()
    rng = np.random.default_rng(1)
    for direction in rng.standard_normal((20, 3)):
        away = fit.coefficients + 0.1 * fit.standard_errors * direction
        assert sn.log_likelihood(fit.model, away) < fit.log_likelihood


def test_a_level_without_detections_is_named():
    """Its coefficient runs away; the others are those of a fit without those traps' effort."""
    with pytest.warns(sn.SecrWarning, match=r"kind\[T.village\] is not determined by the data"):
        fit = sn.fit(survey_with_idle_level(), lambda0="~ kind", progress=False)
    assert fit.diagnosis.flat == ("lambda0:kind[T.village]",)
    assert fit.diagnosis.converged
    assert not fit.diagnosis.good
    table = fit.coefficient_table()
    assert np.isnan(table.loc["lambda0:kind[T.village]", ["se", "lower", "upper"]]).all()
    others = table.drop(index="lambda0:kind[T.village]")
    assert (others["se"] > 0.0).all()
    assert table.loc["lambda0:kind[T.village]", "estimate"] < -8.0

    survey = fit.model.surveys[0]
    idle = (survey.traps.covariates["kind"] == "village").to_numpy()
    traps = survey.traps.with_effort(np.where(idle[:, None], 0.0, survey.traps.effort))
    old = survey.captures
    captures = sn.CaptureHistory(
        traps, animal=old.animal, occasion=old.occasion, trap=old.trap, count=old.count
    )
    kind = traps.covariates["kind"].replace("village", "ridge")
    traps = sn.TrapArray(
        traps.xy,
        ids=traps.ids,
        effort=traps.effort,
        detector="count",
        covariates=pd.DataFrame({"kind": kind}),
        crs=traps.crs,
    )
    captures = sn.CaptureHistory(
        traps, animal=old.animal, occasion=old.occasion, trap=old.trap, count=old.count
    )
    without = quiet_fit(with_captures(survey, captures), lambda0="~ kind")
    expected = without.coefficient_table()
    np.testing.assert_allclose(others["estimate"], expected["estimate"], rtol=0, atol=1e-3)
    np.testing.assert_allclose(others["se"], expected["se"], **tolerances.SE_RELATIVE)


def test_two_covariates_that_nearly_go_together_are_named():
    """Not exactly, which the formula would refuse, but too closely for any data."""
    survey = example()
    rugged = survey.mask.covariates["ruggedness_std"].to_numpy()
    rough = rugged + 1e-4 * np.sin(np.arange(len(rugged)))
    mask = survey.mask.with_covariates(rough=rough)
    fit = quiet_fit(with_captures(survey, survey.captures, mask=mask), D="~ ruggedness_std + rough")
    assert set(fit.diagnosis.flat) == {"D:ruggedness_std", "D:rough"}
    assert "are not determined by the data" in fit.diagnosis.message
    others = fit.coefficient_table().drop(index=list(fit.diagnosis.flat))
    assert (others["se"] > 0.0).all()


def test_a_fit_that_stops_too_early_is_not_converged(monkeypatch):
    monkeypatch.setattr(maximise_module, "_search", lambda target, u, hessian, tolerance: u)
    monkeypatch.setattr(maximise_module, "_newton", lambda point: (0.0, 0.0 * point.u))
    monkeypatch.setattr(maximise_module, "_push_flat", lambda target, point: point)
    with pytest.warns(sn.SecrWarning, match="NOT CONVERGED"):
        fit = sn.fit(example(), progress=False)
    assert not fit.diagnosis.converged
    assert not fit.diagnosis.good
    assert abs(fit.diagnosis.distance_to_maximum) > 1e-6
    assert "do not use these numbers" in str(fit)
    assert "Estimates" not in str(fit)
    assert "<table" not in fit._repr_html_()


def test_a_probability_of_one_is_a_boundary():
    """Every animal was seen at its one trap on every one of many occasions."""
    design = build.example_design("binary", n_occasions=2)
    design["effort"] = np.ones((4, 12))
    design["histories"] = np.zeros((4, 12, 4), dtype=np.int64)
    for i in range(4):
        design["histories"][i, :, i] = 1
    fit = quiet_fit(build.survey_of_design(design), detection="half_normal", fixed={"sigma": 500.0})
    assert fit.diagnosis.boundary == ("g0",)
    assert "g0 stands at the edge of what is possible" in fit.diagnosis.message
    assert not fit.diagnosis.good


def test_a_sigma_wider_than_the_mask_is_a_boundary():
    """Detections that have nothing to do with distance."""
    design = build.example_design("count")
    design["histories"] = np.ones((5, 2, 4), dtype=np.int64) * (design["effort"].T > 0)
    fit = quiet_fit(build.survey_of_design(design))
    assert fit.diagnosis.boundary == ("sigma",)


def test_a_sigma_between_the_points_of_the_mask_is_a_boundary():
    """Animals of one trap each, and a group of them: no density follows from their sigma."""
    design = build.example_design("count")
    model = sn.Model(build.survey_of_design(design))
    spacing = model.surveys[0].mask.spacing
    for share, expected in ((0.1, ("sigma",)), (0.3, ())):
        beta = np.log([1.0, 0.2, share * spacing])
        assert boundaries(model, beta) == expected


def test_verdicts():
    assert verdict(True, True, (), ()) == "At the maximum."
    assert verdict(False, False, ("D:x",), ()).startswith("NOT CONVERGED")
    assert "no standard errors are given" in verdict(True, False, (), ())
    assert "D:x is not determined" in verdict(True, True, ("D:x",), ())
    assert "D:x, D:z are not determined" in verdict(True, True, ("D:x", "D:z"), ())
    assert "g0, sigma stand at the edge" in verdict(True, True, (), ("g0", "sigma"))


def test_no_animals_is_an_error():
    survey = example()
    nothing = sn.CaptureHistory(survey.traps, animal=[], occasion=[], trap=[], count=[])
    with pytest.raises(sn.FitError, match="No animal was detected"):
        sn.fit(with_captures(survey, nothing), progress=False)


def test_a_survey_without_animals_beside_one_with_some():
    """It says that density is lower, and nothing else fails."""
    survey = example()
    nothing = sn.CaptureHistory(survey.traps, animal=[], occasion=[], trap=[], count=[])
    both = [survey, with_captures(survey, nothing, name="empty")]
    fit = quiet_fit(both)
    np.testing.assert_allclose(
        fit.coefficients - null_fit().coefficients, [-np.log(2.0), 0.0, 0.0], atol=1e-5
    )


def test_impossible_data_is_an_error(monkeypatch):
    monkeypatch.setattr(Likelihood, "value", lambda self, coefficients: -np.inf)
    with pytest.raises(sn.FitError, match="impossible at every starting value"):
        sn.fit(example(), progress=False)


def test_data_that_are_all_but_impossible_are_told():
    """Traps a thousand sigma from every mask point."""
    survey = build.survey_of_design(build.example_design())
    fit = quiet_fit(survey, fixed={"sigma": 1.0})
    assert not fit.diagnosis.good


def test_nothing_to_estimate_is_an_error():
    fixed = {"D": 1.0, "lambda0": 0.01, "sigma": 5500.0}
    with pytest.raises(sn.SecrError, match="fixed"):
        sn.fit(example(), fixed=fixed, progress=False)


# --- starts --------------------------------------------------------------------------------------


def test_first_sigma_by_hand():
    """Root of the pooled variance about each animal's mean, by axis."""
    traps = sn.TrapArray([[0.0, 0.0], [2000.0, 0.0], [0.0, 4000.0]], effort=[5.0, 5.0, 5.0])
    captures = sn.CaptureHistory(
        traps, animal=[0, 0, 1], occasion=[0, 0, 0], trap=[0, 1, 2], count=[1, 3, 1]
    )
    survey = sn.Survey(captures, sn.HabitatMask.around(traps, buffer=9000.0, spacing=1000.0))
    squares = 1500.0**2 + 3 * 500.0**2
    assert first_sigma([survey]) == pytest.approx(np.sqrt(squares / (2 * (5 - 2))))


def test_first_sigma_without_movement_is_the_spacing():
    survey = example()
    first = np.unique(survey.captures.animal, return_index=True)[1]
    alone = with_captures(survey, kept_captures(survey.captures, first))
    assert first_sigma([alone]) == survey.traps.spacing


@pytest.mark.parametrize("name", TRUTH)
def test_scales_of_shapes_agree(name):
    """Mean squared distance of detections on a plane is 2 sigma^2, as of the half-normal."""
    function = sn.detection_function(name)
    scale, extra = shape_scale(function)
    d = np.linspace(1e-4, 8.0, 200_001)[None, :]
    values = [np.full((1, 1), v) for v in ((scale,) if extra is None else (scale, extra))]
    s = np.exp(function.shape.log_value((d * scale) ** 2, *values))[0]
    d = d[0] * scale
    mean = np.sum(s * d**3) / np.sum(s * d)
    assert mean == pytest.approx(2.0, rel=1e-3)


def test_crude_starts_expect_the_animals_that_were_seen():
    model = null_fit().model
    start = crude_starts(model)[0]
    survey = model.surveys[0]
    at_start = dataclasses.replace(null_fit(), coefficients=start)
    density = np.exp(start[0]) * survey.mask.cell_area / 100.0
    expected = density * at_start.pdot().sum()
    assert expected == pytest.approx(survey.n_animals, rel=0.05)


def test_a_simpler_fit_is_a_start():
    """By name: new terms begin at 0, unknown names do not matter, and the end is the same."""
    simple = null_fit()
    plain = quiet_fit(example(), D="~ ruggedness_std")
    chained = quiet_fit(example(), D="~ ruggedness_std", start=simple)
    by_name = quiet_fit(
        example(), D="~ ruggedness_std", start={"D:Intercept": 0.3, "sigma:other": 99.0}
    )
    for fit in (chained, by_name):
        away = (fit.coefficients - plain.coefficients) / plain.standard_errors
        assert np.abs(away).max() < tolerances.ESTIMATE
    back = quiet_fit(example(), start=plain)
    assert back.log_likelihood == pytest.approx(simple.log_likelihood, abs=1e-6)


@pytest.mark.parametrize("shift", [-3.0, 3.0])
def test_a_far_start_ends_at_the_same_maximum(shift):
    start = dict(
        zip(null_fit().names, null_fit().coefficients + shift * np.array([1, -1, 0.3]), strict=True)
    )
    fit = quiet_fit(example(), start=start)
    assert fit.log_likelihood == pytest.approx(null_fit().log_likelihood, abs=1e-6)


@pytest.mark.parametrize("name", TRUTH)
@pytest.mark.parametrize("n_animals", [6, 12, 60])
def test_small_surveys_converge_from_crude_starts(name, n_animals):
    """Hazard rates of six animals may have no z that the data support: those are named."""
    good = 0
    for seed in range(4):
        survey = survey_of(n_animals, seed=seed + 1, detection=name)
        estimate = maximise(sn.Model(survey, detection=name), progress=False)
        good += estimate.diagnosis.good
    assert good >= (2 if name.endswith("hazard_rate") and n_animals < 12 else 4)


# --- fixed parameters and links ------------------------------------------------------------------


@pytest.mark.parametrize("parameter", ["lambda0", "sigma", "D"])
def test_a_parameter_fixed_at_its_estimate_changes_nothing(parameter):
    free = null_fit()
    value = free.real_parameters().set_index("parameter").loc[parameter, "estimate"]
    fit = quiet_fit(example(), fixed={parameter: value})
    assert fit.n_parameters == 2
    assert fit.log_likelihood == pytest.approx(free.log_likelihood, abs=1e-8)
    kept = [name for name in free.names if not name.startswith(f"{parameter}:")]
    expected = free.coefficient_table().loc[kept]
    np.testing.assert_allclose(fit.coefficients, expected["estimate"], atol=1e-5)
    # what is known need not be estimated: errors can only be smaller
    assert (fit.standard_errors <= expected["se"] + 1e-9).all()
    row = fit.real_parameters().set_index("parameter").loc[parameter]
    assert row["estimate"] == pytest.approx(value)
    assert row["se"] == 0.0


def test_links_do_not_change_the_maximum():
    free = null_fit()
    log = free.coefficient_table()["estimate"]
    identity = quiet_fit(example(), links={"D": "identity"})
    logit = quiet_fit(example(), links={"lambda0": "logit"})
    for fit in (identity, logit):
        assert fit.diagnosis.good
        assert fit.log_likelihood == pytest.approx(free.log_likelihood, abs=1e-6)
    density, lambda0 = np.exp(log["D:Intercept"]), np.exp(log["lambda0:Intercept"])
    assert identity.coefficients[0] == pytest.approx(density, rel=1e-4)
    assert identity.standard_errors[0] == pytest.approx(density * free.standard_errors[0], rel=1e-2)
    assert logit.coefficients[1] == pytest.approx(np.log(lambda0 / (1 - lambda0)), rel=1e-4)
    row = identity.real_parameters().iloc[0]
    assert row["estimate"] - row["lower"] == pytest.approx(row["upper"] - row["estimate"])


def test_an_identity_density_that_would_be_negative_is_told():
    """The maximum lies where the density of some cells is zero."""
    fit = quiet_fit(example(), D="~ ruggedness_std", links={"D": "identity"})
    assert not fit.diagnosis.good


def test_an_identity_density_with_a_factor():
    """As many parameters as levels: the same maximum as with the log link."""
    identity = quiet_fit(example(), D="~ country", links={"D": "identity"})
    log = quiet_fit(example(), D="~ country")
    assert identity.diagnosis.good
    assert identity.log_likelihood == pytest.approx(log.log_likelihood, abs=1e-6)


def test_binomial_population_is_close_to_poisson():
    fit = quiet_fit(example(), population="binomial")
    assert fit.diagnosis.good
    assert fit.coefficients[0] == pytest.approx(null_fit().coefficients[0], abs=0.05)
    assert fit.standard_errors[0] < null_fit().standard_errors[0]


def test_a_model_may_be_given():
    model = sn.Model(example(), sigma="~ 1")
    fit = quiet_fit(model)
    assert fit.model is model
    with pytest.raises(sn.ModelError, match="A Model is complete"):
        quiet_fit(model, D="~ ruggedness_std")
    with pytest.raises(sn.ModelError, match="A Model is complete"):
        quiet_fit(model, detection="half_normal")


# --- nothing is changed --------------------------------------------------------------------------


def test_the_survey_is_unchanged_by_a_fit():
    survey = survey_of(12, seed=3)
    before = (
        survey.fingerprint,
        survey.traps.fingerprint,
        survey.captures.fingerprint,
        survey.mask.fingerprint,
    )
    quiet_fit(survey, D="~ x", lambda0="~ 1")
    after = (
        survey.fingerprint,
        survey.traps.fingerprint,
        survey.captures.fingerprint,
        survey.mask.fingerprint,
    )
    assert before == after


def test_a_result_is_read_only():
    fit = quiet_fit(example())
    for name in ("model", "coefficients", "covariance", "log_likelihood", "diagnosis"):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(fit, name, None)
    for array in (fit.coefficients, fit.covariance):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0.0
    with pytest.raises(dataclasses.FrozenInstanceError):
        fit.diagnosis.converged = True


def test_the_same_fit_twice_is_the_same_to_the_last_bit():
    first, second = quiet_fit(example()), quiet_fit(example())
    np.testing.assert_array_equal(first.coefficients, second.coefficients)
    np.testing.assert_array_equal(first.covariance, second.covariance)
    assert first.fingerprint == second.fingerprint


def test_the_fingerprint_is_that_of_the_data():
    """Formulas do not change it; one detection more does."""
    assert quiet_fit(example(), D="~ x").fingerprint == null_fit().fingerprint
    old = example().captures
    count = old.count.copy()
    count[0] += 1
    captures = sn.CaptureHistory(
        old.traps, animal=old.animal, occasion=old.occasion, trap=old.trap, count=count
    )
    other = quiet_fit(with_captures(example(), captures, name="Sailugem"))
    assert other.fingerprint.code != null_fit().fingerprint.code
    assert str(null_fit().fingerprint).startswith("28 animals, 96 detections, 44 traps")


def test_criteria_by_hand():
    fit = null_fit()
    assert fit.aic == -2.0 * fit.log_likelihood + 6.0
    assert fit.aicc == pytest.approx(fit.aic + 2 * 3 * 4 / (28 - 3 - 1))
    few = quiet_fit(survey_of(4, seed=2))
    assert few.aicc == np.inf
    np.testing.assert_allclose(fit.standard_errors**2, np.diag(fit.covariance))


# --- how it prints -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "se", "text"),
    [
        (7696.287, 435.6, "7,696"),
        (0.0135474, 0.0013911, "0.0135"),
        (0.95, 0.2, "0.95"),
        (9.96, 0.0996, "9.960"),
        (1234.5678, 12.0, "1,235"),
        (1.2345678, np.nan, "1.235"),
        (123456.7, np.nan, "123,457"),
        (0.0, np.nan, "0"),
        (0.0, 0.0, "0"),
        (np.nan, 1.0, "-"),
        (3.7, 0.0, "3.700"),
        (1.5, np.inf, "1.500"),
        (-4.4822, 0.1678, "-4.48"),
        (1e-20, 1e-21, "1e-20"),
    ],
)
def test_rounding(value, se, text):
    """Two digits of the standard error, four without one."""
    assert rounded(value, se) == text


@pytest.mark.parametrize(
    ("value", "se", "worst"),
    [(1e21, 1e22, 12), (1e300, np.nan, 12), (-0.001, 0.5, 4)],
)
def test_rounding_of_runaway_numbers(value, se, worst):
    text = rounded(value, se)
    assert len(text) <= worst
    assert float(text.replace(",", "")) == pytest.approx(value, rel=0.2, abs=se if se < 1e3 else 0)
    assert not text.startswith("-0.00")


def test_repr_is_one_line():
    text = repr(null_fit())
    assert "\n" not in text
    assert text.startswith("FitResult(hazard_half_normal; D ~ 1, lambda0 ~ 1, sigma ~ 1; logL -")
    assert text.endswith("At the maximum.)")


def test_text_holds_what_is_needed():
    text = str(null_fit())
    for part in (
        "hazard_half_normal: D ~ 1, lambda0 ~ 1, sigma ~ 1",
        "28 animals, 96 detections, 44 traps",
        "3 coefficients, AIC",
        "At the maximum.",
        "Estimates",
        "animals per 100 km2",
        "per unit effort",
        "Coefficients (link scale)",
        "sigma:Intercept",
    ):
        assert part in text
    assert " at " not in text.partition("Coefficients")[0].partition("Estimates")[2]
    sigma = null_fit().real_parameters().set_index("parameter").loc["sigma"]
    assert f"{sigma['estimate']:,.0f}" in text


def test_text_names_reference_values():
    text = str(quiet_fit(example(), lambda0="~ topography", fixed={"sigma": 5500.0}))
    for part in ("topography=canyon", "topography=saddle", "sigma fixed at 5500"):
        assert part in text


def test_html_is_safe_and_complete():
    html = quiet_fit(example(), D="~ I(ruggedness_std < 0)")._repr_html_()
    assert html.count("<table") == 2
    assert "I(ruggedness_std &lt; 0)" in html
    assert "(ruggedness_std < 0)" not in html
    for word in ("At the maximum.", "AICc", "95 % interval"):
        assert word in html


# --- doubts --------------------------------------------------------------------------------------


def test_a_sound_fit_raises_no_doubt():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit = sn.fit(example(), progress=False)
    assert doubts(fit) == []


def test_a_mask_that_is_too_small_is_told():
    survey = example()
    mask = sn.HabitatMask.around(survey.traps, buffer=5000.0, spacing=2000.0)
    with pytest.warns(sn.SecrWarning, match="Use a buffer of about"):
        sn.fit(with_captures(survey, survey.captures, mask=mask), progress=False)


def test_a_mask_that_is_too_coarse_is_told():
    survey = example()
    mask = sn.HabitatMask.around(survey.traps, buffer=30_000.0, spacing=5000.0)
    with pytest.warns(sn.SecrWarning, match=r"5,000 m apart, 0\.\d\d sigma; use at most 0.6 sigma"):
        sn.fit(with_captures(survey, survey.captures, mask=mask), progress=False)


def told(survey, **options):
    """Everything a fit warns of."""
    with pytest.warns(sn.SecrWarning) as records:
        sn.fit(survey, progress=False, **options)
    assert all(record.filename == __file__ for record in records)
    return " | ".join(str(record.message) for record in records)


def test_few_animals_and_many_coefficients_are_told():
    text = told(survey_of(5, seed=4))
    assert "Only 5 animals were detected" in text
    assert "3 coefficients were estimated from 5 animals" in text


def test_few_movers_are_told_unless_sigma_is_fixed():
    captures = example().captures
    first = np.unique(captures.animal, return_index=True)[1]
    moved = np.flatnonzero(captures.animal < 3)
    still = with_captures(example(), kept_captures(captures, np.union1d(first, moved)))
    n_movers = still.captures.animals_at_two_traps
    assert 0 < n_movers < 3
    assert f"Only {n_movers} animals were detected at two or more traps" in told(still)
    fixed = quiet_fit(still, fixed={"sigma": 5500.0})
    assert not any("two or more traps" in doubt for doubt in doubts(fixed))
