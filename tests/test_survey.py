"""Surveys: parts that fit together, several surveys that can be analysed together."""

import numpy as np
import pytest

from secr_nea.captures import CaptureHistory
from secr_nea.errors import CRSError, DataError, SecrWarning
from secr_nea.mask import HabitatMask
from secr_nea.survey import Survey, as_surveys
from secr_nea.traps import TrapArray

UTM = "EPSG:32646"
XY = np.array([[500_000.0, 5_400_000.0], [503_000.0, 5_400_000.0]])


def captures_at(xy=XY, crs=UTM, topo=None, sex="F"):
    covariates = None if topo is None else {"topo": topo}
    traps = TrapArray(xy, n_occasions=2, crs=crs, covariates=covariates)
    return CaptureHistory(
        traps, animal=[0, 0], occasion=[0, 1], trap=[0, 1], covariates={"sex": [sex]}
    )


def some_survey(name="Chikhachev", captures=None, mask=None, **options):
    captures = captures or captures_at()
    mask = mask or HabitatMask.around(captures.traps, buffer=8000, spacing=1000)
    return Survey(captures, mask, name=name, **options)


def test_a_survey_passes_on_what_its_parts_know():
    survey = some_survey()
    assert survey.traps is survey.captures.traps
    assert (survey.n_animals, survey.n_detections, survey.n_occasions) == (1, 2, 2)
    assert survey.crs.to_epsg() == 32646
    assert repr(survey).startswith("Survey('Chikhachev', 1 animal, 2 detections, 2 traps")
    assert "Survey Chikhachev" in survey._repr_html_()


def test_summary_is_one_row():
    table = some_survey().summary()
    assert table.index.tolist() == ["Chikhachev"]
    assert table.loc["Chikhachev", "animals_at_two_traps"] == 1
    assert table.loc["Chikhachev", "crs"] == "EPSG:32646"


def test_fingerprint_tells_data_apart():
    prints = {some_survey().fingerprint, some_survey("other").fingerprint}
    prints |= {some_survey(covariates={"year": 2020}).fingerprint}
    prints |= {some_survey(captures=captures_at(sex="M")).fingerprint}
    assert len(prints) == 4
    assert some_survey().fingerprint == some_survey().fingerprint


def test_parts_must_be_of_their_kind():
    survey = some_survey()
    with pytest.raises(DataError, match="needs a CaptureHistory first; got TrapArray"):
        Survey(survey.traps, survey.mask)
    with pytest.raises(DataError, match="needs a HabitatMask second; got str"):
        Survey(survey.captures, "mask.csv")


def test_different_reference_systems_are_refused():
    mask = HabitatMask.around(captures_at(crs="EPSG:32645").traps, buffer=8000)
    with pytest.raises(CRSError, match=r"traps are in EPSG:32646 .* EPSG:32645.*to_crs"):
        some_survey(mask=mask)
    unknown = HabitatMask.around(captures_at(crs=None).traps, buffer=8000)
    with pytest.warns(SecrWarning, match="mask have no CRS; they are taken to be in EPSG:32646"):
        survey = some_survey(mask=unknown)
    assert survey.crs.to_epsg() == 32646


def test_a_mask_elsewhere_is_refused():
    mask = HabitatMask.around(captures_at(XY + 50_000).traps, buffer=8000, spacing=1000)
    with pytest.raises(DataError, match=r"no trap stands in the mask; .* \d\d\.\d km away"):
        some_survey(mask=mask)


def test_a_trap_outside_the_mask_is_told_of():
    mask = HabitatMask.around(captures_at().traps.subset([0]), buffer=1500, spacing=500)
    with pytest.warns(SecrWarning, match="1 trap outside the mask: 2"):
        some_survey(mask=mask)


def test_covariates_of_the_survey():
    survey = some_survey(covariates={"year": 2020}, occasion_covariates={"moon": [0.1, 0.9]})
    assert survey.covariates == {"year": 2020}
    assert survey.occasion_covariates["moon"].tolist() == [0.1, 0.9]
    with pytest.raises(DataError, match="'year' must be one value"):
        some_survey(covariates={"year": [2020, 2021]})
    with pytest.raises(DataError, match="'session' needs another name"):
        some_survey(covariates={"session": 1})
    with pytest.raises(DataError, match="1 rows, but there are 2 occasions"):
        some_survey(occasion_covariates={"moon": [0.1]})


def test_as_surveys_takes_one_or_several():
    one, two = some_survey("one"), some_survey("two")
    assert as_surveys(one) == (one,)
    assert as_surveys([two, one]) == (two, one)
    assert as_surveys({"a": one, "b": two}) == (one, two)


def test_as_surveys_refuses_what_cannot_be_told_apart():
    one = some_survey("Nemegt")
    with pytest.raises(DataError, match="survey name 'Nemegt' stands more than once"):
        as_surveys([one, one])
    with pytest.raises(DataError, match="'Nemegt' and 'nemegt' differ only in case"):
        as_surveys([one, some_survey("nemegt")])
    for wrong in ([], 5, [one, "two"]):
        with pytest.raises(DataError, match="A Survey or several of them are needed"):
            as_surveys(wrong)


def test_levels_must_agree_across_surveys():
    one = some_survey("one", captures_at(topo=["yes", "no"]))
    two = some_survey("two", captures_at(topo=["Yes", "no"]))
    with pytest.raises(DataError, match="'topo' has the levels 'yes' and 'Yes' in different"):
        as_surveys([one, two])
    three = some_survey("three", captures_at(topo=[1.0, 2.0]))
    with pytest.raises(DataError, match="'topo' is text in survey one and numbers in survey three"):
        as_surveys([one, three])
    with pytest.raises(DataError, match="animal covariate 'sex' has the levels 'F' and 'f'"):
        as_surveys([one, some_survey("four", captures_at(sex="f"))])
    assert len(as_surveys([one, some_survey("five", captures_at(topo=["ridge", "no"]))])) == 2
