"""Rasters read a window at a time give what they give as a whole, and are never held as a whole."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
import rioxarray  # noqa: F401  (adds .rio)
import xarray

import secr_nea as sn
from secr_nea import raster_windows

CELL = 1000.0
NARROW = 300  # cells of a window: twenty or more for the rasters of these tests


def raster(crs="EPSG:32645", descending=True, shape=(90, 70)):
    """Hills with a hole, 1 km cells (or degrees about as large)."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    values = 2000.0 + 800.0 * np.sin(rows / 7.0) * np.cos(columns / 9.0) + rows
    values[10:14, 20:30] = np.nan
    if crs == "EPSG:4326":
        x, y = 86.5 + 0.0135 * np.arange(shape[1]), 48.6 + 0.009 * np.arange(shape[0])
    else:
        x, y = 500_000.0 + CELL * np.arange(shape[1]), 5_400_000.0 + CELL * np.arange(shape[0])
    found = xarray.DataArray(values, coords={"y": y, "x": x}, dims=("y", "x"))
    found = found.isel(y=slice(None, None, -1)) if descending else found
    return found.rio.write_crs(crs)


@pytest.fixture(params=["EPSG:32645", "EPSG:4326"])
def path(request, tmp_path):
    file = tmp_path / "hills.tif"
    raster(request.param).rio.to_raster(file)
    return file


@pytest.fixture
def mask():
    x, y = np.meshgrid(np.arange(505_000.0, 545_000.0, 2500.0), np.arange(5.405e6, 5.47e6, 2500.0))
    inside = (x - 5.2e5) ** 2 + (y - 5.435e6) ** 2 < 3e4**2
    return sn.HabitatMask(np.column_stack([x[inside], y[inside]]), spacing=2500.0, crs="EPSG:32645")


@pytest.mark.filterwarnings("ignore::secr_nea.SecrWarning")
@pytest.mark.parametrize("method", ["nearest", "linear", "mean", "mode"])
def test_windows_change_nothing(method, path, mask, monkeypatch):
    whole = mask.with_covariates(hills=path, method=method).covariates["hills"].to_numpy()
    assert np.isfinite(whole).any()
    monkeypatch.setattr(raster_windows, "CELLS", NARROW)
    parts = mask.with_covariates(hills=path, method=method).covariates["hills"].to_numpy()
    # GDAL's warper interpolates its transformation along rows: to an eighth of a cell
    exact = method in ("nearest", "linear")
    np.testing.assert_allclose(parts, whole, rtol=1e-12 if exact else 2e-3)


@pytest.mark.parametrize("keep", [None, (1900.0, 2400.0), lambda z: z > 2000.0])
@pytest.mark.parametrize("descending", [True, False])
def test_a_mask_of_a_raster_is_the_same_in_strips(keep, descending, monkeypatch):
    whole = sn.HabitatMask.from_raster(raster(descending=descending), keep=keep)
    monkeypatch.setattr(raster_windows, "CELLS", NARROW)
    parts = sn.HabitatMask.from_raster(raster(descending=descending), keep=keep)
    np.testing.assert_array_equal(parts.xy, whole.xy)
    np.testing.assert_array_equal(parts.covariates["value"], whole.covariates["value"])


def test_keep_must_decide_cell_by_cell():
    with pytest.raises(sn.DataError, match="cell by cell"):
        sn.HabitatMask.from_raster(raster(), keep=lambda z: z > np.nanmean(z))


@pytest.mark.filterwarnings("ignore::secr_nea.SecrWarning")
def test_lazy_arrays_of_dask_are_read_in_windows(mask, monkeypatch):
    pytest.importorskip("dask")
    monkeypatch.setattr(raster_windows, "CELLS", NARROW)
    whole = mask.with_covariates(hills=raster(), method="linear").covariates["hills"]
    lazy = raster().chunk({"y": 16, "x": 16})
    parts = mask.with_covariates(hills=lazy, method="linear").covariates["hills"]
    np.testing.assert_allclose(parts, whole, rtol=1e-12)
    assert lazy.chunks is not None


LARGE = """
import sys
import numpy as np, secr_nea as sn
import rioxarray, rasterio.warp, scipy.interpolate, xarray
small = np.arange(40) * 50_000.0 + 25_000.0
x, y = np.meshgrid(small, small)
mask = sn.HabitatMask(np.column_stack([x.ravel(), y.ravel()]), spacing=50_000.0, crs="EPSG:32645")

def peak():  # ru_maxrss would begin at what pytest, which started this process, has used
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024.0

before = peak()
for method in ("nearest", "linear", "mean"):
    values = mask.with_covariates(z=sys.argv[1], method=method).covariates["z"]
    assert values.between(6.9, 7.1).all()
print(peak() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the peak of a process")
def test_a_raster_larger_than_memory_allows_is_never_loaded(tmp_path):
    """100 million cells, 800 MB as float64, add less than 300 MB."""
    import rasterio
    from rasterio.transform import from_origin

    file = tmp_path / "large.tif"
    side, step = 10_000, 200.0
    strip = np.full((500, side), 7, dtype=np.uint8)
    with rasterio.open(
        file, "w", driver="GTiff", width=side, height=side, count=1, dtype="uint8",
        crs="EPSG:32645", transform=from_origin(0.0, side * step, step, step),
        compress="deflate", tiled=True, zlevel=1,
    ) as out:  # fmt: skip
        for start in range(0, side, 500):
            out.write(strip, 1, window=((start, start + 500), (0, side)))
    # GDAL keeps blocks in a cache of its own, by default a twentieth of the machine's memory.
    done = subprocess.run(
        [sys.executable, "-c", LARGE, str(file)],
        capture_output=True, text=True, check=False, env={**os.environ, "GDAL_CACHEMAX": "32"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 300.0
