"""What a new user tripped over: each mistake has its words, and no number that was not earned."""

from __future__ import annotations

import warnings

import build
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import secr_nea as sn

GRID = np.stack(np.meshgrid(np.arange(5), np.arange(4)), axis=-1).reshape(-1, 2) * 4000.0
CORNER = np.array([500_000.0, 5_500_000.0])


def survey_of(animal, trap):
    traps = sn.TrapArray(GRID + CORNER, effort=np.full(20, 90.0))
    captures = sn.CaptureHistory(traps, animal=animal, occasion=[0] * len(animal), trap=trap)
    mask = sn.HabitatMask.around(traps, buffer=20_000.0, spacing=2000.0)
    return sn.Survey(captures, mask)


@pytest.mark.parametrize("trap", [[3, 8, 15], [7, 7, 7]])
def test_data_without_recaptures_give_no_density(trap):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sn.SecrWarning)
        fit = sn.fit(survey_of([0, 1, 2], trap), progress=False)
    assert "D:Intercept" in fit.diagnosis.flat
    assert "report the minimum count" in fit.diagnosis.message
    numbers = fit.abundance().iloc[0]
    assert np.isnan([numbers["density_per_100km2"], numbers["realised_n"]]).all()
    assert fit.density_surface()["density"].isnull().all()
    real = fit.real_parameters().set_index("parameter")
    assert np.isnan(real.loc["D", "estimate"])
    assert "No animal was detected at two or more traps" in str(fit)
    with pytest.raises(sn.DataError, match="do not determine density"):
        sn.plot.density(fit)
    plt.close("all")


def test_kilometres_are_suspected():
    with pytest.warns(sn.SecrWarning, match="If the coordinates are kilometres"):
        sn.TrapArray((GRID + CORNER) / 1000.0)


def test_a_trap_far_from_all_others_is_suspected():
    xy = GRID + CORNER
    xy[3, 0] = 50_000.0
    with pytest.warns(sn.SecrWarning, match=r"Far from every other trap: 4 \(450 km\)"):
        sn.TrapArray(xy)


@pytest.mark.parametrize("start", [{"foo": 1.0}, "x"])
def test_a_start_that_says_nothing_is_refused(start):
    with pytest.raises(sn.ModelError, match="start must be a fit, or a mapping"):
        sn.fit(survey_of([0, 0, 1], [3, 4, 4]), start=start, progress=False)


@pytest.mark.parametrize(
    "option, words",
    [
        ({"hcov": "sex"}, "classes='sex'"),
        ({"CL": "~ 1"}, "population='conditional'"),
        ({"lambda0": "~ bk"}, "R's bk is detected_before_here"),
        ({"lambda0": "~ t"}, "R's t is occasion here"),
    ],
)
def test_words_of_r_are_translated(option, words):
    with pytest.raises((sn.ModelError, sn.FormulaError), match=words):
        sn.Model(survey_of([0, 0, 1], [3, 4, 4]), **option)


def test_fits_that_explain_different_things_have_different_codes():
    survey = sn.datasets.sailugem()
    codes = [
        sn.fit(survey, progress=False, **options).fingerprint.code
        for options in ({}, {"sigma": "~ topography"}, {"population": "conditional"})
    ]
    assert codes[0] == codes[1] != codes[2]


def learner(**options):
    """A fit with a learned response."""
    design = build.example_design("binary", n_occasions=3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sn.SecrWarning)
        return sn.fit(build.survey_of_design(design), progress=False, **options)


def test_no_animal_is_half_detected():
    """A learned response is shown without and with it, and predictions are for one or the other."""
    fit = learner(lambda0="~ detected_before")
    shown = fit.real_parameters().query("parameter == 'lambda0'").set_index("at")["estimate"]
    assert list(shown.index) == ["detected_before=0", "detected_before=1"]
    level, step = fit.coefficient_table()["estimate"].filter(like="lambda0")
    np.testing.assert_allclose(shown, np.exp([level, level + step]))
    for value in (0.5, 7, "yes"):
        with pytest.raises(sn.FormulaError, match="detected_before is 0"):
            fit.predict({"detected_before": value})


def test_single_values_are_a_row_of_a_prediction():
    fit = learner(lambda0="~ detected_before")
    one = fit.predict({"detected_before": 1})
    pd.testing.assert_frame_equal(one, fit.predict({"detected_before": [1]}))
    with pytest.raises(sn.FormulaError, match="values of one length"):
        fit.predict({"detected_before": [0, 1], "height": [1.0]})
    with pytest.raises(sn.ModelError, match="The model has no lamda0"):
        fit.predict(parameters=["lamda0"])


@pytest.mark.parametrize("values", [[1.0, np.nan, 2.0], "abc", None, [1j, 0.0, 0.0]])
def test_coefficients_that_are_no_numbers_are_refused(values):
    """The log-likelihood -inf says that the data are impossible, which NaN does not."""
    model = sn.Model(survey_of([0, 0, 1], [3, 4, 4]))
    with pytest.raises(sn.ModelError, match=r"lambda0:Intercept is not a number|must be 3 numbers"):
        sn.log_likelihood(model, values)


@pytest.mark.parametrize("value", [np.nan, np.inf, "7"])
def test_a_start_without_a_number_is_refused(value):
    survey = survey_of([0, 0, 1], [3, 4, 4])
    with pytest.raises(sn.ModelError, match="no finite number for D:Intercept"):
        sn.fit(survey, start={"D:Intercept": value}, progress=False)


@pytest.mark.parametrize("option", ["classes", "groups"])
def test_measurements_are_no_classes(option):
    survey = survey_of([0, 0, 1], [3, 4, 4])
    captures = survey.captures.with_covariates(weight=[31.5, 42.25], litter=[1.0, 2.0])
    weighed = sn.Survey(captures, survey.mask)
    with pytest.raises(sn.ModelError, match="weight is a measurement"):
        sn.Model(weighed, **{option: "weight"})
    with pytest.raises(sn.ModelError, match="name of one animal covariate"):
        sn.Model(weighed, **{option: ["litter"]})
    assert sn.Model(weighed, **{option: "litter"}).individuals.levels == ("1.0", "2.0")


@pytest.mark.parametrize("name", ["D", "sigma", "a0"])
def test_metres_and_areas_have_no_logit_link(name):
    with pytest.raises(sn.ModelError, match=f"logit link of {name} would keep it between 0 and 1"):
        sn.Model(survey_of([0, 0, 1], [3, 4, 4]), links={name: "logit"}, **{name: "~ 1"})


def test_shapes_that_are_no_functions_are_refused():
    for shape in (3, lambda d: d):
        with pytest.raises(sn.ModelError, match="must be a function of distance, sigma"):
            sn.user_detection_function("mine", shape)
    with pytest.raises(sn.ModelError, match="choose another name"):
        sn.user_detection_function("half_normal", lambda d, sigma: np.exp(-d / sigma))


def test_latent_classes_must_differ():
    survey = survey_of([0, 0, 1], [3, 4, 4])
    with pytest.raises(sn.ModelError, match="classes that are alike cannot be told apart"):
        sn.Model(survey, classes=2)
    assert sn.Model(survey, classes=2, fixed={"pmix": 0.4}).n_coefficients == 3
