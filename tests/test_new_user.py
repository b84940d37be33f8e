"""What a new user tripped over: each mistake has its words, and no number that was not earned."""

from __future__ import annotations

import warnings

import matplotlib.pyplot as plt
import numpy as np
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
