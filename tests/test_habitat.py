"""Habitat by rules, polygons and lines; missing values; covariates from terrain."""

from __future__ import annotations

import geopandas
import numpy as np
import pytest
import shapely
import xarray

import secr_nea as sn

UTM = "EPSG:32645"


@pytest.fixture
def mask():
    """20 x 20 cells of 1 km."""
    column, row = np.meshgrid(np.arange(20), np.arange(20))
    xy = np.column_stack([column.ravel(), row.ravel()]) * 1000.0 + [500_500.0, 5_400_500.0]
    rng = np.random.default_rng(1)
    return sn.HabitatMask(
        xy,
        crs=UTM,
        covariates={
            "elevation": 2000.0 + 100.0 * column.ravel(),
            "cover": np.array(["rock", "forest", "water"])[rng.integers(0, 3, 400)],
            "code": rng.integers(1, 6, 400),
        },
    )


def raster(values, cell=250.0, west=500_000.0, north=5_420_000.0, crs=UTM):
    """DataArray of values (rows from north) with its CRS."""
    rows, columns = values.shape
    made = xarray.DataArray(
        values,
        dims=("y", "x"),
        coords={
            "y": north - cell * (np.arange(rows) + 0.5),
            "x": west + cell * (np.arange(columns) + 0.5),
        },
    )
    return made if crs is None else made.rio.write_crs(crs)


# --- which cells ---------------------------------------------------------------------------------


def test_rules_are_all_obeyed(mask):
    chosen = mask.where(
        elevation=(2500, 3500), cover={"rock", "forest"}, code=lambda code: code % 2 == 1
    )
    table = mask.to_dataframe()
    expected = table[
        table["elevation"].between(2500, 3500)
        & table["cover"].isin(["rock", "forest"])
        & (table["code"] % 2 == 1)
    ]
    np.testing.assert_array_equal(chosen.xy, expected[["x", "y"]].to_numpy())
    assert mask.where(elevation=(None, None)).n_points == mask.n_points
    assert mask.where(code=[1, 2]).n_points == int((table["code"] <= 2).sum())


def test_cells_without_a_value_are_left_out_and_told(mask):
    holes = mask.covariates["elevation"].to_numpy().copy()
    holes[:7] = np.nan
    other = mask.with_covariates(elevation=holes)
    with pytest.warns(sn.SecrWarning, match="missing at 7 of 400"):
        assert other.where(elevation=(0, None)).n_points == 393


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"slope": (0, 40)}, "slope"),
        ({"elevation": (9000, None)}, "No cell"),
        ({"elevation": 3000}, "must be"),
        ({"cover": "rock"}, "must be"),
        ({"elevation": lambda z: z[:3] > 0}, "one True or False"),
    ],
)
def test_rules_that_cannot_be(mask, rules, message):
    with pytest.raises(sn.DataError, match=message):
        mask.where(**rules)


def test_polygons_and_lines(mask):
    west = shapely.box(500_000, 5_400_000, 505_000, 5_420_000)
    assert mask.within(west).n_points == 100
    assert mask.without(west).n_points == 300
    river = shapely.LineString([(508_200, 5_399_000), (508_200, 5_421_000)])
    crossed = mask.without(river)
    assert crossed.n_points == 380
    assert not np.any(np.abs(crossed.xy[:, 0] - 508_500) < 1)
    layer = geopandas.GeoDataFrame(geometry=[west, river], crs=UTM).to_crs("EPSG:4326")
    assert 275 <= mask.without(layer).n_points <= 281
    with pytest.raises(sn.DataError, match="No cell"):
        mask.within(shapely.box(0, 0, 1, 1))
    with pytest.raises(sn.DataError, match="no file"):
        mask.without("nothing")


def test_missing_values_are_counted_and_filled_only_when_asked(mask):
    holes = mask.covariates["elevation"].to_numpy().copy()
    holes[[0, 21]] = np.nan
    cover = mask.covariates["cover"].to_numpy().copy()
    cover[5] = None
    other = mask.with_covariates(elevation=holes, cover=cover)
    assert other.missing()["missing"].to_dict() == {"elevation": 2, "cover": 1, "code": 0}
    assert other.without_missing("elevation").n_points == 398
    assert other.without_missing().n_points == 397
    filled = other.with_filled("elevation", "cover")
    assert filled.missing()["missing"].sum() == 0
    assert filled.covariates["elevation"].iloc[0] in (2000.0, 2100.0)
    mean = other.with_filled("elevation", by="mean").covariates["elevation"].iloc[0]
    assert mean == pytest.approx(np.nanmean(holes))
    with pytest.raises(sn.DataError, match="factor"):
        other.with_filled("cover", by="mean")
    assert other.missing()["missing"].sum() == 3  # nothing was changed in place


# --- terrain -------------------------------------------------------------------------------------


def test_slope_of_a_plane(mask):
    del mask
    y, x = np.mgrid[0:12, 0:15] * 250.0
    found = sn.terrain.slope(raster(0.3 * x + 0.4 * y)).to_numpy()
    np.testing.assert_allclose(found[1:-1, 1:-1], np.degrees(np.arctan(0.5)), rtol=1e-12)
    assert np.isnan(found[0]).all()


def test_ruggedness_against_loops():
    z = np.random.default_rng(2).normal(2000.0, 100.0, (9, 8))
    found = sn.terrain.ruggedness(raster(z)).to_numpy()
    for i in range(1, 8):
        for j in range(1, 7):
            block = z[i - 1 : i + 2, j - 1 : j + 2]
            assert found[i, j] == pytest.approx(np.sqrt(((block - z[i, j]) ** 2).sum()))


def test_focal_mean_against_loops():
    z = np.random.default_rng(3).normal(5.0, 1.0, (15, 17))
    z[4, 4] = np.nan
    found = sn.terrain.focal_mean(raster(z), 700.0).to_numpy()
    row, column = np.indices(z.shape)
    for i, j in ((0, 0), (4, 4), (7, 9), (14, 16)):
        near = np.hypot(row - i, column - j) * 250.0 <= 700.0
        assert found[i, j] == pytest.approx(np.nanmean(z[near]))


def test_degrees_are_refused_or_projected():
    z = np.random.default_rng(4).normal(2000.0, 50.0, (40, 40))
    degrees = raster(z, cell=0.01, west=88.0, north=50.0, crs="EPSG:4326")
    with pytest.raises(sn.CRSError, match="degrees"):
        sn.terrain.slope(degrees)
    assert float(sn.terrain.slope(degrees, crs=UTM).mean()) > 0.0
    with pytest.raises(sn.DataError, match="less than a cell"):
        sn.terrain.focal_mean(raster(z), 100.0)


def test_distance_to_features(mask):
    line = shapely.LineString([(510_000, 5_390_000), (510_000, 5_430_000)])
    found = sn.terrain.distance_to(line, mask)
    np.testing.assert_allclose(found, np.abs(mask.xy[:, 0] - 510_000.0))
    lake = shapely.box(500_000, 5_400_000, 503_000, 5_420_000)
    both = sn.terrain.distance_to(geopandas.GeoSeries([line, lake], crs=UTM), mask)
    assert (both[mask.xy[:, 0] < 503_000] == 0.0).all()
    with pytest.raises(sn.DataError, match="no features"):
        sn.terrain.distance_to([], mask)


@pytest.mark.parametrize("crs", [UTM, None])
def test_means_and_modes_of_the_raster_cells_within_a_mask_cell(mask, crs):
    own = sn.HabitatMask(mask.xy, crs=crs)
    rng = np.random.default_rng(5)
    z = rng.normal(3000.0, 200.0, (80, 80))
    code = rng.integers(1, 3, (80, 80)).astype(float)
    made = own.with_covariates(method="mean", elevation=raster(z, crs=crs))
    made = made.with_covariates(method="mode", cover=raster(code, crs=crs))
    blocks = z.reshape(20, 4, 20, 4)
    column = ((own.xy[:, 0] - 500_000) // 1000).astype(int)
    row = ((5_420_000 - own.xy[:, 1]) // 1000).astype(int)
    np.testing.assert_allclose(
        made.covariates["elevation"], blocks.mean(axis=(1, 3))[row, column], rtol=1e-6
    )
    share = (code.reshape(20, 4, 20, 4) == 1).mean(axis=(1, 3))[row, column]
    clear = share != 0.5
    expected = np.where(share > 0.5, 1.0, 2.0)
    np.testing.assert_array_equal(made.covariates["cover"][clear], expected[clear])
