"""Studies with searches beside cameras, read from tables of all surveys; their starting values."""

from __future__ import annotations

import math

import geopandas
import numpy as np
import pandas as pd
import pytest
from test_searches import study

import secr_nea as sn
from secr_nea.start import crude_starts

TRUTH = study()[1]


def simulated():
    """Two surveys: cameras with searches, and searches alone."""
    model, truth = study()
    north = sn.design.simulate_survey(model, truth, seed=1)
    searches = sn.TrapArray.from_searches(
        [north.traps.searches[k] for k in np.flatnonzero(north.traps.is_search)],
        ids=list("xyz"),
        n_occasions=3,
    )
    nobody = sn.CaptureHistory(searches, animal=[], occasion=[], trap=[])
    alone = sn.Survey(nobody, north.mask)
    other = sn.Model(alone, lambda0="~ detector", smallest_sigma=750.0)
    at = {name: truth[name] for name in other.coefficient_names}
    at["lambda0:Intercept"] = 0.0
    south = sn.design.simulate_survey(other, at, seed=2)
    return {"north": north, "south": south}


def tables(surveys, geodata=False):
    """One table of each kind for all surveys."""
    traps, searches, captures, effort = [], [], [], []
    for name, survey in surveys.items():
        array = survey.traps
        for k in range(array.n_traps):
            row = {"session": name}
            if array.searches[k] is None:
                x, y = array.xy[k]
                traps.append(row | {"trap_id": array.ids[k], "x": x, "y": y})
                effort += [
                    row | {"trap_id": array.ids[k], "occasion": s + 1, "effort": array.effort[k, s]}
                    for s in range(array.n_occasions)
                ]
                continue
            shape = array.searches[k]
            row["search_id"] = array.ids[k]
            if geodata:
                searches.append(row | {"geometry": shape})
                continue
            line = shape.exterior if shape.geom_type == "Polygon" else shape
            searches += [
                row | {"vertex": v + 1, "x": x, "y": y} for v, (x, y) in enumerate(line.coords)
            ]
        captures.append(survey.captures.to_dataframe().assign(session=name))
    frame = pd.DataFrame(searches)
    if geodata:
        frame = geopandas.GeoDataFrame(frame, geometry="geometry", crs="EPSG:32647")
    return {
        "traps": pd.DataFrame(traps),
        "effort": pd.DataFrame(effort),
        "searches": frame,
        "captures": pd.concat(captures),
    }


def search_effort(surveys):
    """A row for each search and occasion, effort 1."""
    return pd.DataFrame(
        {"session": name, "search_id": survey.traps.ids[k], "occasion": s + 1, "effort": 1.0}
        for name, survey in surveys.items()
        for k in np.flatnonzero(survey.traps.is_search)
        for s in range(survey.traps.n_occasions)
    )


@pytest.mark.parametrize("geodata", [False, True])
def test_searches_and_cameras_of_several_surveys_are_read(tmp_path, geodata):
    surveys = simulated()
    given = tables(surveys, geodata)
    given["captures"].to_csv(tmp_path / "captures.csv", index=False)
    given["captures"] = tmp_path / "captures.csv"
    if geodata:
        given["searches"].to_file(tmp_path / "searches.gpkg")
        given["searches"] = tmp_path / "searches.gpkg"
    read = sn.read_surveys(
        **given,
        search_effort=search_effort(surveys),
        mask=lambda traps: sn.HabitatMask.around(traps, buffer=5000.0, spacing=750.0),
    )
    assert [survey.name for survey in read] == ["north", "south"]
    for found, survey in zip(read, surveys.values(), strict=True):
        assert found.traps.detector == survey.traps.detector
        assert found.traps.ids == survey.traps.ids
        np.testing.assert_array_equal(found.traps.effort, survey.traps.effort)
        if geodata and found.traps.is_search.all():
            assert found.traps.crs.to_epsg() == 32647
        ours = found.captures.to_dataframe().reset_index(drop=True)
        theirs = survey.captures.to_dataframe().reset_index(drop=True)
        pd.testing.assert_frame_equal(ours, theirs, check_dtype=False)
    model = sn.Model(read, lambda0="~ detector", smallest_sigma=750.0)
    same = sn.Model(list(surveys.values())[:1], lambda0="~ detector", smallest_sigma=750.0)
    at = [3.4, 0.0, -3.9, -0.4, 7.3]
    alone = sn.Model([read[0]], lambda0="~ detector", smallest_sigma=750.0)
    assert model.coefficient_names == alone.coefficient_names
    if geodata:  # a table of vertices has no holes, and one of the areas does
        np.testing.assert_allclose(
            sn.log_likelihood(alone, at), sn.log_likelihood(same, at), rtol=1e-9
        )


def test_searches_have_the_occasions_of_the_traps():
    surveys = {"north": simulated()["north"]}
    given = {name: table.drop(columns="session") for name, table in tables(surveys).items()}
    mask = surveys["north"].mask
    (read,) = sn.read_surveys(**given, mask=mask)
    assert read.traps.n_occasions == surveys["north"].traps.n_occasions == 2
    assert (read.traps.effort[read.traps.is_search] == 1.0).all()
    assert read.captures.n_detections == surveys["north"].captures.n_detections


def test_a_survey_without_detections_is_told():
    surveys = simulated()
    given = tables(surveys)
    given["captures"] = given["captures"].query("session == 'north'")
    with pytest.warns(sn.SecrWarning, match="No detection in survey 'south'"):
        read = sn.read_surveys(
            **given, search_effort=search_effort(surveys), mask=surveys["north"].mask
        )
    assert read[1].n_animals == 0


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda t: t | {"traps": None, "searches": None, "effort": None}, "Give traps= or searche"),
        (lambda t: t | {"traps": t["traps"].drop(columns="session")}, "Both must name their surve"),
        (lambda t: t | {"traps": None}, "effort= is that of traps"),
        (lambda t: t | {"searches": None, "search_effort": t["effort"]}, "needs searches="),
    ],
)
def test_tables_that_do_not_fit_are_told(change, words):
    surveys = simulated()
    with pytest.raises(sn.DataError, match=words):
        sn.read_surveys(**change(tables(surveys)), mask=surveys["north"].mask)


# --- starting values -----------------------------------------------------------------------------


def test_start_of_each_kind_of_detector():
    """Within a factor of two or three of the truth, where one amplitude would be off by fifty."""
    survey = simulated()["north"]
    model = sn.Model(survey, lambda0="~ detector", smallest_sigma=750.0)
    start = dict(zip(model.coefficient_names, crude_starts(model)[0], strict=True))
    for name in ("lambda0:Intercept", "lambda0:detector[T.count]", "lambda0:detector[T.transect]"):
        assert abs(start[name] - TRUTH[name]) < math.log(3.0), name


def test_start_of_a_kind_that_detected_nothing():
    """Half a detection: finite, and lower than the others."""
    survey = simulated()["north"]
    captures = survey.captures
    keep = ~survey.traps.is_search[captures.trap]
    animals = np.unique(captures.animal[keep], return_inverse=True)[1]
    silent = sn.CaptureHistory(
        survey.traps,
        animal=animals,
        occasion=captures.occasion[keep],
        trap=captures.trap[keep],
        count=captures.count[keep],
    )
    model = sn.Model(sn.Survey(silent, survey.mask), lambda0="~ detector", smallest_sigma=750.0)
    start = dict(zip(model.coefficient_names, crude_starts(model)[0], strict=True))
    assert np.isfinite(list(start.values())).all()
    assert start["lambda0:Intercept"] < TRUTH["lambda0:Intercept"] - 1.0
    assert np.isfinite(sn.log_likelihood(model, start))
