"""Habitat masks: cell sizes, grids around traps and in polygons, rasters, refusals."""

import geopandas
import numpy as np
import pandas as pd
import pytest
import rioxarray  # noqa: F401  (adds .rio)
import shapely
import xarray

from secr_nea.captures import CaptureHistory
from secr_nea.errors import CRSError, DataError, SecrWarning
from secr_nea.mask import HabitatMask
from secr_nea.mask_builders import default_spacing, rounded_up
from secr_nea.traps import TrapArray

UTM = "EPSG:32646"
WEST, SOUTH = 500_000.0, 5_400_000.0


def square(n=5, spacing=1000.0):
    x, y = np.meshgrid(WEST + spacing * np.arange(n), SOUTH + spacing * np.arange(n))
    return np.column_stack([x.ravel(), y.ravel()])


def turned(xy, degrees):
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return (xy - xy.mean(axis=0)) @ turn.T + xy.mean(axis=0)


def some_traps(**changes):
    xy = [[WEST, SOUTH], [WEST + 3000, SOUTH], [WEST, SOUTH + 4000]]
    return TrapArray(xy, **{"crs": UTM, **changes})


def elevation(step=500.0, n=60, crs=UTM):
    x = WEST - 10_000 + step * np.arange(n)
    y = SOUTH + 15_000 - step * np.arange(n)
    raster = xarray.DataArray(
        np.add.outer(y - SOUTH, x - WEST), dims=("y", "x"), coords={"y": y, "x": x}
    )
    return raster if crs is None else raster.rio.write_crs(crs)


def test_spacing_and_area_are_inferred():
    mask = HabitatMask(square(), crs=UTM)
    assert (mask.spacing, mask.cell_area, mask.area, mask.n_points) == (1000, 1, 25, 25)
    assert mask.extent == (WEST - 500, SOUTH - 500, WEST + 4500, SOUTH + 4500)
    assert len(mask) == 25


@pytest.mark.parametrize("degrees", [0, 17, 90])
def test_a_turned_grid_is_a_grid(degrees):
    mask = HabitatMask(turned(square(), degrees))
    assert mask.spacing == pytest.approx(1000)
    assert mask.contains(mask.xy).all()


def test_one_row_of_cells_and_isolated_cells_are_a_grid():
    assert HabitatMask(square()[:5]).spacing == 1000
    isolated = np.vstack([square(), [[WEST + 9000, SOUTH + 9000]]])
    assert HabitatMask(isolated).spacing == 1000


@pytest.mark.parametrize(
    "stretch", [np.array([1.0, 2.0]), np.array([1.0, 1.01])], ids=["1 x 2 cells", "nearly square"]
)
def test_cells_that_are_not_square_are_refused(stretch):
    with pytest.raises(DataError, match=r"not on a square grid.*Give spacing="):
        HabitatMask((square() - [WEST, SOUTH]) * stretch + [WEST, SOUTH])


def test_irregular_points_need_a_cell_area():
    random = np.random.default_rng(1)
    xy = square() + random.uniform(-100, 100, (25, 2))
    with pytest.raises(DataError, match="not on a square grid"):
        HabitatMask(xy)
    assert HabitatMask(xy, cell_area=0.5).cell_area == 0.5
    with pytest.raises(DataError, match="spacing of a single mask point"):
        HabitatMask(xy[:1])
    assert HabitatMask(xy[:1], spacing=500).cell_area == 0.25


def test_a_given_spacing_must_fit_the_points():
    assert HabitatMask(np.round(square(spacing=333.3)), spacing=333.3).spacing == 333.3
    with pytest.raises(DataError, match="2000 m contradicts .* only 1000 m apart"):
        HabitatMask(square(), spacing=2000)
    with pytest.raises(DataError, match="500 m contradicts .* most are 1000 m apart"):
        HabitatMask(square(), spacing=500)
    with pytest.raises(DataError, match="spacing must be a finite number above 0"):
        HabitatMask(square(), spacing=-1)


def test_a_cell_area_in_other_units_is_told_of():
    with pytest.warns(SecrWarning, match=r"cell_area is 100 km2.*hectares"):
        mask = HabitatMask(square(), cell_area=100)
    assert mask.cell_area == 100


@pytest.mark.parametrize(
    "xy, message",
    [
        (np.vstack([square(), square()[:1]]), "same point more than once .rows 1, 26"),
        ([[np.nan, 0], [0, 1000]], "mask point coordinates are missing or infinite in row 1"),
        (np.empty((0, 2)), "There is no mask point"),
    ],
)
def test_impossible_points(xy, message):
    with pytest.raises(DataError, match=message):
        HabitatMask(xy)


def test_degrees_and_web_mercator_are_refused():
    with pytest.raises(CRSError, match="mask coordinates look like degrees"):
        HabitatMask([[88, 49], [89, 49]])
    with pytest.raises(CRSError, match="Web Mercator"):
        HabitatMask(square() + np.array([9e6, 1e6]), crs=3857)


def test_levels_that_differ_in_case_are_refused():
    country = ["MN", "mn"] * 12 + ["RU"]
    with pytest.raises(DataError, match="'country' has the levels 'MN' and 'mn'"):
        HabitatMask(square(), covariates={"country": country})


def test_table_round_trip():
    mask = HabitatMask(
        square(), covariates={"elev": np.arange(25.0), "land": ["a", None] * 12 + ["b"]}
    )
    again = HabitatMask.from_dataframe(mask.to_dataframe())
    assert again.fingerprint == mask.fingerprint


def test_subset_keeps_the_cells():
    mask = HabitatMask(square(), covariates={"elev": np.arange(25.0)}, scaling={"elev": (1, 2)})
    corners = mask.subset([0, 4, 20, 24])
    assert (corners.spacing, corners.area, corners.scaling) == (1000, 4, {"elev": (1, 2)})
    assert corners.covariates["elev"].tolist() == [0, 4, 20, 24]
    assert mask.subset(mask.covariates["elev"] > 20).n_points == 4
    with pytest.raises(DataError, match="needs 25 values"):
        mask.subset([True, False])


def test_around_keeps_centres_within_the_buffer():
    mask = HabitatMask.around(some_traps(), buffer=8000, spacing=1000)
    distance = np.linalg.norm(mask.xy[:, None] - some_traps().xy[None], axis=2).min(axis=1)
    assert distance.max() <= 8000
    assert mask.crs == some_traps().crs
    np.testing.assert_allclose(mask.xy / 1000 % 1, 0.5)
    # the union of three discs, by cells
    discs = shapely.union_all([shapely.Point(*xy).buffer(8000, 200) for xy in some_traps().xy])
    assert mask.area == pytest.approx(discs.area / 1e6, rel=0.03)


def test_masks_of_neighbours_fit_together():
    here = HabitatMask.around(some_traps(), buffer=8000, spacing=1000)
    there = HabitatMask.around(
        TrapArray(some_traps().xy + np.array([5123.0, 777.0]), crs=UTM), buffer=8000, spacing=1000
    )
    shared = set(map(tuple, here.xy)) & set(map(tuple, there.xy))
    assert len(shared) > 50


def test_default_spacing_and_rounding():
    assert [default_spacing(b) for b in (25_000, 30_000, 8000)] == [1500, 2000, 500]
    assert [rounded_up(v) for v in (26_340, 27_000, 999)] == [27_000, 27_000, 1000]
    assert HabitatMask.around(some_traps(), buffer=25_000).spacing == 1500


def test_automatic_buffer_needs_captures():
    with pytest.raises(DataError, match="Pass the captures"):
        HabitatMask.around(some_traps(), buffer="auto")
    captures = CaptureHistory(some_traps(), animal=[0, 0], occasion=[0, 0], trap=[0, 1])
    mask = HabitatMask.around(captures, buffer="auto")  # rpsv 1500, buffer 9000
    distance = np.linalg.norm(mask.xy[:, None] - some_traps().xy[None], axis=2).min(axis=1)
    assert 8500 < distance.max() <= 9000
    once = CaptureHistory(some_traps(), animal=[0], occasion=[0], trap=[0])
    with pytest.raises(DataError, match="at least one animal detected at two traps"):
        HabitatMask.around(once, buffer="auto")
    with pytest.raises(DataError, match="width in metres or 'auto'"):
        HabitatMask.around(once, buffer="automatic")


def test_habitat_and_exclusion():
    west = shapely.box(WEST - 1e5, SOUTH - 1e5, WEST, SOUTH + 1e5)
    everything = HabitatMask.around(some_traps(), buffer=8000, spacing=1000)
    inside = HabitatMask.around(some_traps(), buffer=8000, spacing=1000, habitat=west)
    outside = HabitatMask.around(some_traps(), buffer=8000, spacing=1000, exclude=west)
    assert inside.n_points + outside.n_points == everything.n_points
    assert inside.xy[:, 0].max() < WEST < outside.xy[:, 0].min()


def test_habitat_in_degrees_is_transformed():
    west = geopandas.GeoSeries([shapely.box(WEST - 5e4, SOUTH - 5e4, WEST, SOUTH + 5e4)], crs=UTM)
    frame = geopandas.GeoDataFrame(geometry=west.segmentize(500).to_crs(4326))
    one = HabitatMask.around(some_traps(), buffer=8000, spacing=1000, habitat=frame)
    two = HabitatMask.around(some_traps(), buffer=8000, spacing=1000, habitat=west.iloc[0])
    np.testing.assert_array_equal(one.xy, two.xy)
    with pytest.raises(CRSError, match="CRS of the traps or mask is not known"):
        HabitatMask.around(some_traps(crs=None), buffer=8000, habitat=frame)
    with pytest.raises(CRSError, match="habitat has no CRS"):
        HabitatMask.around(
            some_traps(), buffer=8000, habitat=west.set_crs(None, allow_override=True)
        )


def test_unusable_builders():
    far = shapely.box(0, 0, 1000, 1000)
    with pytest.raises(DataError, match="No habitat cell"):
        HabitatMask.around(some_traps(), buffer=8000, habitat=far)
    with pytest.raises(DataError, match="too many"):
        HabitatMask.around(some_traps(), buffer=8000, spacing=1)
    with pytest.raises(DataError, match="no polygon with an area"):
        HabitatMask.around(some_traps(), buffer=8000, habitat=shapely.Point(0, 0))
    with pytest.raises(DataError, match="there is no file 'nowhere.gpkg'"):
        HabitatMask.around(some_traps(), buffer=8000, habitat="nowhere.gpkg")
    with pytest.raises(DataError, match="must be a file, a GeoDataFrame or shapely"):
        HabitatMask.around(some_traps(), buffer=8000, habitat=5)


def test_from_polygon_has_the_area_of_the_polygon(tmp_path):
    park = shapely.Point(WEST, SOUTH).buffer(20_000)
    mask = HabitatMask.from_polygon(park, 500, UTM)
    assert mask.area == pytest.approx(park.area / 1e6, rel=0.01)
    path = tmp_path / "park.gpkg"
    geopandas.GeoDataFrame(geometry=[park], crs=UTM).to_file(path)
    again = HabitatMask.from_polygon(path, 500)
    assert again.crs.to_epsg() == 32646
    np.testing.assert_array_equal(again.xy, mask.xy)
    with pytest.raises(DataError, match="Use a smaller spacing"):
        HabitatMask.from_polygon(shapely.box(WEST, SOUTH, WEST + 10, SOUTH + 10), 5000, UTM)


def test_from_raster_keeps_a_range(tmp_path):
    raster = elevation()
    mask = HabitatMask.from_raster(raster, keep=(0, 5000), name="elev")
    assert mask.spacing == 500
    assert mask.covariates["elev"].between(0, 5000).all()
    assert mask.n_points == int(((raster >= 0) & (raster <= 5000)).sum())
    same = HabitatMask.from_raster(raster, keep=lambda v: (v >= 0) & (v <= 5000), name="elev")
    assert same.fingerprint == mask.fingerprint
    path = tmp_path / "elevation.tif"
    raster.rio.to_raster(path)
    assert HabitatMask.from_raster(path, keep=(0, 5000), name="elev").n_points == mask.n_points
    with pytest.raises(DataError, match="No raster cell is kept"):
        HabitatMask.from_raster(raster, keep=(1e8, 1e9))
    with pytest.raises(DataError, match="must be square; they are 500 x 1000 m"):
        HabitatMask.from_raster(raster.isel(y=slice(None, None, 2)))


def test_from_raster_in_degrees_is_refused():
    x, y = np.linspace(88, 89, 10), np.linspace(49, 50, 10)
    raster = xarray.DataArray(np.ones((10, 10)), dims=("y", "x"), coords={"y": y, "x": x})
    with pytest.raises(CRSError, match=r"degrees.*rio\.reproject"):
        HabitatMask.from_raster(raster.rio.write_crs(4326))


@pytest.mark.parametrize("method", ["nearest", "linear"])
def test_raster_covariates_at_the_centres(tmp_path, method):
    mask = HabitatMask(square(), crs=UTM)
    with_values = mask.with_covariates(elev=elevation(), method=method)
    expected = (mask.xy - [WEST, SOUTH]).sum(axis=1)
    np.testing.assert_allclose(with_values.covariates["elev"], expected)
    path = tmp_path / "elevation.tif"
    elevation().rio.to_raster(path)
    from_file = mask.with_covariates(elev=path, method=method)
    np.testing.assert_allclose(from_file.covariates["elev"], expected)
    assert list(mask.covariates) == []


def test_points_are_transformed_into_the_raster_crs():
    mask = HabitatMask(square(), crs=UTM)
    degrees = elevation().rio.reproject("EPSG:4326", nodata=np.nan)
    values = mask.with_covariates(elev=degrees, method="linear").covariates["elev"]
    expected = (mask.xy - [WEST, SOUTH]).sum(axis=1)
    assert np.abs(values - expected).max() < 1000  # one raster cell


def test_values_outside_the_raster_are_missing_with_a_warning():
    mask = HabitatMask(square(30), crs=UTM)
    with pytest.warns(SecrWarning, match=r"'elev': the raster has no value at \d+ of 900"):
        values = mask.with_covariates(elev=elevation()).covariates["elev"]
    assert values.isna().any()
    assert values.notna().any()
    with pytest.raises(DataError, match="no value at any of the 4 mask points"):
        HabitatMask(square(2) + 1e5, crs=UTM).with_covariates(elev=elevation())


def test_covariate_sources_that_cannot_be():
    mask = HabitatMask(square(), crs=UTM)
    with pytest.raises(CRSError, match="CRS of the raster is not known"):
        mask.with_covariates(elev=elevation(crs=None))
    with pytest.raises(DataError, match="one value per mask point"):
        mask.with_covariates(elev=[1, 2])
    with pytest.raises(DataError, match="there is no file 'nowhere.tif'"):
        mask.with_covariates(elev="nowhere.tif")
    with pytest.raises(DataError, match="nearest, linear, mean, mode"):
        mask.with_covariates(elev=elevation(), method="cubic")
    with pytest.raises(DataError, match="Choose one band"):
        mask.with_covariates(elev=xarray.concat([elevation()] * 2, "band"))


def test_polygon_covariates():
    mask = HabitatMask(square(), crs=UTM)
    halves = [
        shapely.box(WEST - 1, SOUTH - 1, WEST + 1500, SOUTH + 9000),
        shapely.box(WEST + 1500, SOUTH - 1, WEST + 3500, SOUTH + 9000),
    ]
    layer = geopandas.GeoDataFrame({"land": ["RU", "MN"]}, geometry=halves, crs=UTM).to_crs(4326)
    with pytest.warns(SecrWarning, match="5 of 25 mask points lie in no polygon"):
        country = mask.with_covariates(country=(layer, "land")).covariates["country"]
    assert country.value_counts().to_dict() == {"RU": 10, "MN": 10}
    with pytest.raises(DataError, match=r"no column 'lamd' \(did you mean 'land'"):
        mask.with_covariates(country=(layer, "lamd"))


def test_scaling_is_remembered():
    mask = HabitatMask(square(), covariates={"elev": np.arange(25.0), "land": ["a"] * 25})
    scaled = mask.with_scaled("elev")
    mean, sd = scaled.scaling["elev"]
    assert (mean, sd) == (12.0, pytest.approx(np.std(np.arange(25), ddof=1)))
    np.testing.assert_allclose(scaled.covariates["elev_std"] * sd + mean, np.arange(25))
    with pytest.raises(DataError, match="'land' is a factor"):
        mask.with_scaled("land")
    with pytest.raises(DataError, match="does not vary"):
        mask.with_covariates(flat=np.ones(25)).with_scaled("flat")
    with pytest.raises(DataError, match=r"no column 'elve' \(did you mean 'elev'"):
        mask.with_scaled("elve")


def test_raster_of_values():
    mask = HabitatMask(square(), crs=UTM, covariates={"elev": np.arange(25.0)}).subset(range(1, 25))
    raster = mask.to_xarray("elev", units="m")
    assert (raster.dims, raster.shape, raster.name) == (("y", "x"), (5, 5), "elev")
    assert raster.rio.crs.to_epsg() == 32646
    assert raster.attrs["units"] == "m"
    assert float(raster.sel(x=WEST + 2000, y=SOUTH + 1000)) == 7
    assert np.isnan(raster.sel(x=WEST, y=SOUTH))
    assert raster["y"].to_numpy()[0] > raster["y"].to_numpy()[-1]
    again = HabitatMask.from_raster(raster, name="elev")
    assert sorted(map(tuple, again.xy)) == sorted(map(tuple, mask.xy))
    assert float(mask.to_xarray().sum()) == 24
    with pytest.raises(DataError, match="one number per mask point"):
        mask.to_xarray([1, 2])
    with pytest.raises(DataError, match="not on a grid aligned"):
        HabitatMask(turned(square(), 17)).to_xarray()


def test_cells_as_polygons():
    frame = HabitatMask(square(), crs=UTM).to_geodataframe()
    assert frame.area.sum() == 25e6
    assert frame.crs.to_epsg() == 32646


def test_nearest_and_contains():
    mask = HabitatMask(square())
    index, distance = mask.nearest([[WEST + 1100, SOUTH], [WEST - 2000, SOUTH]])
    assert (index.tolist(), distance.tolist()) == ([1, 0], [100, 2000])
    assert mask.contains([[WEST + 1100, SOUTH], [WEST - 2000, SOUTH]]).tolist() == [True, False]
    assert mask.contains_traps(some_traps()).all()


def test_printed_forms():
    mask = HabitatMask(square(), crs=UTM)
    assert repr(mask) == "HabitatMask(25 points, spacing 1,000 m, area 25 km2, EPSG:32646)"
    assert "cell area" in mask._repr_html_()


def test_nothing_can_be_changed():
    mask = HabitatMask(square())
    with pytest.raises(ValueError, match="read-only"):
        mask.xy[0, 0] = 5
    with pytest.raises(AttributeError):
        mask.spacing = 5


def test_rows_of_a_table_are_named():
    frame = pd.DataFrame({"x": ["1", "oops"], "y": ["1", "2"]})
    with pytest.raises(DataError, match="column 'x' of the mask table is not a number in row 2"):
        HabitatMask.from_dataframe(frame)
