"""Traps: what they derive, that they cannot be changed, and the words of every refusal."""

import geopandas
import numpy as np
import pandas as pd
import pytest

from secr_nea.errors import CRSError, DataError, SecrWarning
from secr_nea.traps import TrapArray

XY = [[500_000.0, 5_400_000.0], [503_000.0, 5_400_000.0], [500_000.0, 5_404_000.0]]
UTM = "EPSG:32646"


def some_traps(**changes):
    given = {"ids": ["CT01", "CT02", "CT03"], "effort": [[30, 20], [10, 0], [0, 0]], "crs": UTM}
    return TrapArray(XY, **{**given, **changes})


def test_derived_quantities():
    traps = some_traps()
    assert (traps.n_traps, traps.n_occasions, len(traps)) == (3, 2, 3)
    assert traps.total_effort == 60
    assert traps.spacing == 3000
    assert traps.detector == ("count",) * 3
    assert traps.crs.to_epsg() == 32646


def test_defaults_are_one_occasion_of_effort_one():
    traps = TrapArray(XY)
    assert traps.ids == ("1", "2", "3")
    np.testing.assert_array_equal(traps.effort, np.ones((3, 1)))
    np.testing.assert_array_equal(TrapArray(XY, n_occasions=4).effort, np.ones((3, 4)))
    np.testing.assert_array_equal(TrapArray(XY, effort=[5, 6, 7]).effort, [[5], [6], [7]])


def test_one_trap_has_no_spacing():
    assert np.isnan(TrapArray([[0, 0]]).spacing)


def test_detector_aliases_and_mixtures():
    assert TrapArray(XY, detector="proximity").detector_type == "binary"
    assert TrapArray(XY, detector="binomial_count").detector_type == "binomial"
    assert TrapArray(XY, detector=["count", "binary", "count"]).detector_type == "mixed"
    with pytest.raises(DataError, match=r"'proximty' is not known \(did you mean 'proximity'\?\)"):
        TrapArray(XY, detector="proximty")


def test_nothing_can_be_changed():
    traps = some_traps()
    with pytest.raises(AttributeError):
        traps.crs = None
    with pytest.raises(ValueError, match="read-only"):
        traps.effort[0, 0] = 5
    given = np.array(XY)
    traps = TrapArray(given)
    given[0, 0] = 0
    assert traps.xy[0, 0] == 500_000


def test_table_round_trip():
    traps = some_traps(
        covariates={"topo": ["ridge", "saddle", None], "rugged": [1.5, np.nan, 3.0]},
        varying_covariates={"snow": [[0, 1], [2, 3], [4, 5]], "bait": [["a", "b"]] * 3},
    )
    varying = {"snow": ["snow.1", "snow.2"], "bait": ["bait.1", "bait.2"]}
    again = TrapArray.from_dataframe(traps.to_dataframe(), varying=varying, crs=traps.crs)
    assert again.fingerprint == traps.fingerprint
    assert again.varying_covariates["snow"].dtype == np.float64
    assert again.varying_covariates["bait"].dtype == object


def test_geodataframe_round_trip():
    traps = some_traps(covariates={"topo": ["ridge", "saddle", "ridge"]})
    again = TrapArray.from_geodataframe(traps.to_geodataframe())
    assert again.fingerprint == traps.fingerprint
    assert again.crs == traps.crs


def test_fingerprint_changes_with_the_contents():
    prints = {some_traps().fingerprint, some_traps(effort=[1, 2, 3]).fingerprint}
    prints |= {some_traps(ids=["a", "b", "c"]).fingerprint}
    prints |= {some_traps(detector="binomial").fingerprint}
    prints |= {some_traps(covariates={"a": [1, 2, 3]}).fingerprint}
    assert len(prints) == 5


def test_subset_by_position_truth_and_id():
    traps = some_traps(covariates={"a": [1, 2, 3]})
    for index in ([2, 0], ["CT03", "CT01"]):
        assert traps.subset(index).ids == ("CT03", "CT01")
        assert traps.subset(index).covariates["a"].tolist() == [3, 1]
    assert traps.subset([True, False, True]).ids == ("CT01", "CT03")
    with pytest.raises(DataError, match=r"'CT1'.*did you mean 'CT01'"):
        traps.subset(["CT1"])
    with pytest.raises(DataError, match="needs 3 values"):
        traps.subset([True])
    with pytest.raises(DataError, match="positions 0 to 2"):
        traps.subset([5])


def test_changes_give_a_new_object():
    traps = some_traps()
    assert traps.with_effort([1, 1, 1]).n_occasions == 1
    assert traps.with_covariates(wet=[0, 1, 0]).covariates["wet"].tolist() == [0, 1, 0]
    assert (traps.n_occasions, list(traps.covariates)) == (2, [])
    with pytest.raises(DataError, match="'wet' must have one value per trap"):
        traps.with_covariates(wet=1)


def test_printed_forms():
    assert repr(some_traps()) == (
        "TrapArray(3 traps, 2 occasions, count, effort 60, spacing 3,000 m, EPSG:32646)"
    )
    html = some_traps(covariates={"<b>": [1, 2, 3]})._repr_html_()
    assert "&lt;b&gt;" in html
    assert "never operated" in html


@pytest.mark.parametrize(
    "xy, message",
    [
        ([[0, 0, 0]], r"shape \(n, 2\)"),
        (np.empty((0, 2)), "There is no trap"),
        ([[0, 5000], [np.nan, 0], [np.inf, 1]], "missing or infinite in rows 2, 3"),
        ([["a", 0]], "numbers only"),
    ],
)
def test_impossible_coordinates(xy, message):
    with pytest.raises(DataError, match=message):
        TrapArray(xy)


def test_degrees_are_refused_with_the_cure():
    with pytest.raises(CRSError, match=r"look like degrees .*estimate_utm_crs"):
        TrapArray([[88.1, 49.5], [88.2, 49.6]])
    with pytest.raises(CRSError, match="EPSG:4326, which is in degrees"):
        TrapArray([[88.1, 49.5]], crs=4326)
    with pytest.raises(CRSError, match="look like degrees"):
        TrapArray([[88.1, 49.5], [88.2, 49.6]], crs=UTM)


def test_a_local_projection_may_have_its_origin_in_the_array():
    local = "+proj=laea +lat_0=49.5 +lon_0=88 +datum=WGS84 +units=m"
    assert TrapArray([[0, 0], [50, 60]], crs=local).spacing == pytest.approx(78.1, abs=0.01)


def test_web_mercator_is_refused_with_its_inflation():
    x, y = 9_795_000.0, 6_446_000.0  # about 50 degrees north
    with pytest.raises(CRSError, match=r"Web Mercator.*areas are inflated .* = 2\.4\d times"):
        TrapArray([[x, y], [x + 5000, y]], crs=3857)


def test_other_units_and_stretching_projections_are_refused():
    with pytest.raises(CRSError, match="unit is US survey foot"):
        TrapArray(XY, crs=2263)
    with pytest.raises(CRSError, match=r"EPSG:3395 makes distances wrong by up to 5\d\.\d%"):
        TrapArray([[9_795_000.0, 6_446_000.0]], crs=3395)
    with pytest.warns(SecrWarning, match="right system and zone"):
        TrapArray([[1_900_000.0, 5_400_000.0]], crs=UTM)
    with pytest.raises(CRSError, match="x and y in the right order"):
        TrapArray([[y, x] for x, y in XY], crs=UTM)
    with pytest.warns(SecrWarning, match="not made for the place"):
        TrapArray([[500_000.0, -3_000_000.0]], crs=UTM)
    with pytest.raises(CRSError, match="does not name a coordinate reference system"):
        TrapArray(XY, crs="zone 46")


@pytest.mark.parametrize(
    "ids, message",
    [
        (["a", "b", "a"], r"trap id 'a' stands more than once \(rows 1 and 3\)"),
        (["a", "A", "b"], "'a' and 'A' differ only in case"),
        (["a", " b", "c"], r"spaces around it in row 2: ' b'.*str\.strip"),
        (["a", None, "c"], "missing in row 2"),
        (["a", "b"], "2 trap ids for 3 traps"),
    ],
)
def test_doubtful_ids(ids, message):
    with pytest.raises(DataError, match=message):
        TrapArray(XY, ids=ids)


def test_ids_are_text():
    assert TrapArray(XY, ids=[7, 8.0, "009"]).ids == ("7", "8", "009")


def test_traps_at_one_place_are_told_of():
    with pytest.warns(SecrWarning, match="same coordinates: 1 = 3"):
        TrapArray([[0, 5000], [4000, 0], [0, 5000]])


@pytest.mark.parametrize(
    "effort, message",
    [
        ([1, -2, 3], "trap CT02 occasion 1: -2.*Write 0"),
        ([1, np.nan, 3], "trap CT02 occasion 1: nan"),
        ([1, 2], r"shape \(n_traps, n_occasions\) = \(3, .*got \(2,\)"),
        ([0, 0, 0], "No trap operated on any occasion"),
        (["a", 1, 2], "numbers only"),
    ],
)
def test_impossible_effort(effort, message):
    with pytest.raises(DataError, match=message):
        some_traps(effort=effort)


def test_occasions_must_agree_with_effort():
    with pytest.raises(DataError, match=r"= \(3, 4\)"):
        some_traps(n_occasions=4)
    with pytest.raises(DataError, match="whole number above 0"):
        TrapArray(XY, n_occasions=0)


def test_binomial_effort_is_a_number_of_trials():
    with pytest.raises(DataError, match=r"whole number of trials.*trap CT02 occasion 1: 2\.5"):
        some_traps(effort=[1, 2.5, 3], detector="binomial")


def test_an_occasion_without_effort_is_told_of():
    with pytest.warns(SecrWarning, match="No trap operated on occasion 2"):
        some_traps(effort=[[1, 0], [1, 0], [1, 0]])


@pytest.mark.parametrize(
    "covariates, message",
    [
        ({"water": ["yes", "Yes", "no"]}, "'water' has the levels 'yes' and 'Yes'"),
        ({"water": ["yes", "yes ", "no"]}, "differ only in case or spaces"),
        ({"session": [1, 2, 3]}, "formulas use for something else"),
        ({"elev": [1, 2]}, "2 rows, but there are 3 traps"),
        ({"elev": [1, np.inf, 2]}, "'elev' is infinite in row 2"),
        ({3: [1, 2, 3]}, "must be text"),
    ],
)
def test_impossible_covariates(covariates, message):
    with pytest.raises(DataError, match=message):
        some_traps(covariates=covariates)


def test_missing_covariates_are_kept():
    traps = some_traps(covariates={"elev": [1, np.nan, 3]})
    assert traps.covariates["elev"].isna().tolist() == [False, True, False]


def test_varying_covariates_are_checked():
    with pytest.raises(DataError, match=r"'snow' must have shape .* = \(3, 2\); got \(3,\)"):
        some_traps(varying_covariates={"snow": [1, 2, 3]})
    with pytest.raises(DataError, match="'bait' has the levels 'a' and 'A'"):
        some_traps(varying_covariates={"bait": [["a", "A"]] * 3})
    with pytest.raises(DataError, match="name of another covariate"):
        some_traps(covariates={"s": [1, 2, 3]}, varying_covariates={"s": np.ones((3, 2))})


def test_table_mistakes_are_named_by_column_and_row():
    frame = pd.DataFrame({"trapID": ["a", "b"], "x": [0, 5000], "y": [0, 5000]})
    with pytest.raises(DataError, match=r"no column 'trap_id' \(did you mean 'trapID'\?\)"):
        TrapArray.from_dataframe(frame)
    frame = frame.rename(columns={"trapID": "trap_id"}).assign(x=["12,5", "3000"])
    with pytest.raises(DataError, match=r"decimal commas in row 1: '12,5'"):
        TrapArray.from_dataframe(frame)
    with pytest.raises(DataError, match="missing or infinite in row 2"):
        TrapArray.from_dataframe(frame.assign(x=[1.0, None]))


def test_a_covariate_that_looks_like_effort_is_told_of():
    frame = TrapArray(XY).to_dataframe().rename(columns={"effort": "camera_days"})
    with pytest.warns(SecrWarning, match="'camera_days' of the traps table looks like effort"):
        TrapArray.from_dataframe(frame)
    traps = TrapArray.from_dataframe(frame, effort="camera_days")
    assert list(traps.covariates) == []


def test_only_points_are_traps():
    shape = geopandas.GeoSeries.from_wkt(["POINT (0 5000)", "LINESTRING (0 0, 1 1)"])
    frame = geopandas.GeoDataFrame({"trap_id": ["a", "b"]}, geometry=shape)
    with pytest.raises(DataError, match="other or missing geometries stand in row 2"):
        TrapArray.from_geodataframe(frame)
