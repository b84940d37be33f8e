"""Pickled surveys are the same and read-only again: processes must share them and agree."""

from __future__ import annotations

import pickle

import pytest
from build import example_design, survey_of_design

import secr_nea as sn


def test_a_survey_survives_pickling_read_only_and_to_the_last_digit():
    survey = survey_of_design(example_design())
    again = pickle.loads(pickle.dumps(survey))
    assert again.fingerprint == survey.fingerprint
    for array in (again.traps.xy, again.traps.effort, again.mask.xy, again.captures.count):
        with pytest.raises(ValueError, match="read-only"):
            array[:] = 0
    at = [1.0, -3.0, 7.0]
    assert sn.log_likelihood(sn.Model(again), at) == sn.log_likelihood(sn.Model(survey), at)


def test_a_fit_can_be_kept_and_opened_again():
    with pytest.warns(sn.SecrWarning):
        fit = sn.fit(survey_of_design(example_design()), progress=False)
    again = pickle.loads(pickle.dumps(fit))
    assert again.log_likelihood == fit.log_likelihood
    assert again.abundance().equals(fit.abundance())
    with pytest.raises(TypeError, match="mappingproxy"):
        again.model.formulas["D"] = "~ x"
