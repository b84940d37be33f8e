"""Recipe of the example survey: simulated snow leopards on the real terrain of the Sailugem ridge.

The files that it writes are part of the package, so nobody needs to run it. It is kept so that
the example can be checked and remade, byte for byte with the same versions of GDAL and numpy::

    python secr_nea/datasets/make_sailugem.py --geodata DIR --out DIR

DIR of ``--geodata`` holds a clip of NOAA GLOBE 1.0 and the land borders of Natural Earth 1:10m.
Terrain and border are real; cameras, animals and detections are invented by the random numbers
below. Nothing here comes from a real camera or a real animal.
"""

from __future__ import annotations

import argparse
import json
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
import rasterio
from numpy.typing import NDArray
from rasterio.transform import from_origin
from rasterio.warp import Resampling, reproject
from scipy import ndimage
from shapely import LineString, box, unary_union
from shapely.ops import polygonize

FloatArray = NDArray[np.float64]

DEM = "altai_globe30s_86-90E_47-50N.tif"
BORDERS = "borders_altai_84-92E_46-51N.geojson"

CRS = "EPSG:32645"
LEFT, BOTTOM, RIGHT, TOP = 562_000, 5_436_000, 695_000, 5_532_000  # metres
CELL = 500  # metres
MARGIN = 10  # cells around the frame, so that moving windows are whole at its edge

# The crest that the border follows, by eye from the elevation model.
CREST = LineString(
    [(592e3, 5479e3), (603e3, 5481e3), (617e3, 5483e3), (634e3, 5480e3), (647e3, 5482e3),
     (664e3, 5490e3)]
)  # fmt: skip
ROWS = (-8_400.0, -2_800.0, 2_800.0, 8_400.0)  # metres from the crest, positive to the north
PER_ROW = 11
SEARCH_RADIUS = 1_800.0  # metres in which a team looks for a good place
MIN_SPACING = 4_300.0  # metres between the cells of two stations
MAX_ELEVATION = 3_400.0
CAMERA_SEED = 2030
SURVEY_SEED = 115  # of 150 tried: about 30 animals, 95 detections, crossings of the border

BUFFER = 25_000.0
DENSITY_AT_REFERENCE = 1.0  # animals per 100 km2
REFERENCE_RUGGEDNESS = 160.0  # metres
RUGGEDNESS_SLOPE = 0.006  # of log density, per metre of ruggedness
LAMBDA0 = {"canyon": 0.0060, "ridge": 0.0110, "saddle": 0.0085}  # per camera-day
SIGMA = 5_500.0  # metres


class Terrain(NamedTuple):
    """Rasters of the frame, each of shape (n_rows, n_columns)."""

    elevation: FloatArray
    ruggedness: FloatArray
    topography: NDArray[np.str_]


def warp_elevation(path: Path) -> FloatArray:
    """Elevation in metres on the 500 m grid of the frame with its margin."""
    border = MARGIN * CELL
    shape = ((TOP - BOTTOM + 2 * border) // CELL, (RIGHT - LEFT + 2 * border) // CELL)
    elevation = np.full(shape, np.nan)
    with rasterio.open(path) as source:
        reproject(
            rasterio.band(source, 1),
            elevation,
            dst_transform=from_origin(LEFT - border, TOP + border, CELL, CELL),
            dst_crs=CRS,
            dst_nodata=np.nan,
            resampling=Resampling.bilinear,
        )
    if np.isnan(elevation).any():
        raise ValueError(f"{path.name} does not cover the frame with its margin; use a larger clip")
    return np.round(elevation)


def terrain_ruggedness(elevation: FloatArray) -> FloatArray:
    """Terrain ruggedness index of Riley et al. (1999), mean of 2.5 km x 2.5 km, in whole metres.

    The index is the root of the sum of squared differences to the eight neighbours. Its mean over
    five cells says how rugged the surroundings are, whatever cell a mask point falls into.
    """
    rows, columns = elevation.shape
    padded = np.pad(elevation, 1, mode="edge")
    squares = np.zeros_like(elevation)
    for down in range(3):
        for right in range(3):
            squares += (padded[down : down + rows, right : right + columns] - elevation) ** 2
    mean: FloatArray = ndimage.uniform_filter(np.sqrt(squares), 5)
    return np.round(mean)


def topographic_class(elevation: FloatArray) -> NDArray[np.str_]:
    """Call every cell ridge, canyon, saddle or slope.

    Ridge and canyon lie 60 m above or below the mean of 5.5 km x 5.5 km. A saddle lies within
    60 m of that mean, is nearly level (under 8 %), and curves up one way and down the other: the
    determinant of its second differences is clearly negative (under -20 m2 per cell^4).
    """
    position = elevation - ndimage.uniform_filter(elevation, 11)
    smooth = {
        order: ndimage.gaussian_filter(elevation, 1.5, order=order)
        for order in ((0, 1), (1, 0), (0, 2), (2, 0), (1, 1))
    }
    steepness = np.hypot(smooth[0, 1], smooth[1, 0]) / CELL
    curvature = smooth[0, 2] * smooth[2, 0] - smooth[1, 1] ** 2
    saddle = (np.abs(position) < 60) & (steepness < 0.08) & (curvature < -20)
    return np.select(
        [position > 60, position < -60, saddle], ["ridge", "canyon", "saddle"], "slope"
    )


def make_terrain(path: Path) -> Terrain:
    """Warp the elevation model and derive ruggedness and topography; cut the margin off."""
    elevation = warp_elevation(path)
    inside = (slice(MARGIN, -MARGIN), slice(MARGIN, -MARGIN))
    return Terrain(
        elevation[inside],
        terrain_ruggedness(elevation)[inside],
        topographic_class(elevation)[inside],
    )


def cell_centers(shape: tuple[int, ...]) -> FloatArray:
    """Coordinates of all cells, shape (n_cells, 2), metres, row by row from the north-west."""
    x = LEFT + CELL * (np.arange(shape[1]) + 0.5)
    y = TOP - CELL * (np.arange(shape[0]) + 0.5)
    return np.column_stack([np.tile(x, len(y)), np.repeat(y, len(x))])


def make_countries(path: Path) -> gpd.GeoDataFrame:
    """Cut the frame along the border and name each side after Natural Earth's coarse countries."""
    frame = box(LEFT, BOTTOM, RIGHT, TOP)
    lines = gpd.read_file(path).to_crs(CRS).union_all().intersection(frame)
    pieces = gpd.GeoDataFrame(
        geometry=list(polygonize(unary_union([lines, frame.boundary]))), crs=CRS
    )
    fixture = "tests/fixtures/naturalearth_lowres/naturalearth_lowres.shp"
    with resources.as_file(resources.files("pyogrio") / fixture) as shapefile:
        known = gpd.read_file(shapefile, bbox=(86, 47, 90, 50))[["name", "geometry"]]
    # Distant parts of a country have no coordinates in this UTM zone, so cut them off first.
    known = known.clip((84, 46, 92, 51)).to_crs(CRS)
    shares = gpd.overlay(pieces.reset_index(names="piece"), known)
    shares["area"] = shares.area
    largest = shares.sort_values("area").drop_duplicates("piece", keep="last")
    pieces["country"] = largest.set_index("piece")["name"]
    return pieces.dissolve("country").sort_index().reset_index()[["country", "geometry"]]


def country_of(xy: FloatArray, countries: gpd.GeoDataFrame) -> list[str]:
    """Name the country of each point, shape (n_points, 2), metres."""
    names = np.full(len(xy), "", dtype=object)
    for name, geometry in zip(countries["country"], countries.geometry, strict=True):
        names[gpd.points_from_xy(*xy.T).within(geometry)] = name
    return [str(name) for name in names]


def planned_places() -> FloatArray:
    """Staggered rows of planned stations along the crest, shape (n_places, 2), metres."""
    step = CREST.length / PER_ROW
    places = []
    for i in range(PER_ROW):
        for number, offset in enumerate(ROWS):
            along = step * (i + 0.25 + 0.5 * (number % 2))
            here = CREST.interpolate(along)
            behind, ahead = CREST.interpolate(along - 4_000), CREST.interpolate(along + 4_000)
            direction = np.array([ahead.x - behind.x, ahead.y - behind.y])
            normal = np.array([-direction[1], direction[0]]) / np.hypot(*direction)
            places.append(np.array([here.x, here.y]) + offset * normal)
    return np.array(places)


def choose_cells(terrain: Terrain, rng: np.random.Generator) -> list[int]:
    """Move each planned station to rugged ground of a drawn topography nearby; return its cell."""
    xy = cell_centers(terrain.elevation.shape)
    topography, ruggedness = terrain.topography.ravel(), terrain.ruggedness.ravel()
    allowed = (topography != "slope") & (terrain.elevation.ravel() < MAX_ELEVATION)
    chosen: list[int] = []
    for place in planned_places():
        near = allowed & (np.hypot(*(xy - place).T) < SEARCH_RADIUS)
        for other in chosen:
            near &= np.hypot(*(xy - xy[other]).T) >= MIN_SPACING
        wanted = near & (topography == rng.choice(["ridge", "canyon", "saddle"], p=[0.4, 0.3, 0.3]))
        candidates = np.flatnonzero(wanted if wanted.any() else near)
        if len(candidates):
            score = ruggedness[candidates] * rng.uniform(0.7, 1.0, len(candidates))
            chosen.append(int(candidates[score.argmax()]))
    return chosen


def draw_effort(n_cameras: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Whole camera-days: most cameras 50 to 140, six failed early (20 to 40), two were lost (0)."""
    effort = np.clip(np.round(rng.normal(110, 24, n_cameras)), 50, 140).astype(np.int64)
    unlucky = rng.permutation(n_cameras)
    effort[unlucky[:6]] = rng.integers(20, 41, 6)
    effort[unlucky[6:8]] = 0
    return effort


def make_cameras(terrain: Terrain, countries: gpd.GeoDataFrame) -> pd.DataFrame:
    """Table of stations, numbered from west to east."""
    rng = np.random.default_rng(CAMERA_SEED)
    cells = np.array(choose_cells(terrain, rng))
    xy = cell_centers(terrain.elevation.shape)[cells]
    xy = np.round(xy + rng.uniform(-CELL / 2, CELL / 2, xy.shape))
    order = np.argsort(xy[:, 0])
    cells, xy = cells[order], xy[order]
    effort = draw_effort(len(xy), rng)
    start = pd.Timestamp("2024-04-05") + pd.to_timedelta(rng.integers(0, 21, len(xy)), unit="D")
    end = start + pd.to_timedelta(effort, unit="D")
    return pd.DataFrame(
        {
            "trap_id": [f"SAI-{number:02d}" for number in range(1, len(xy) + 1)],
            "x": xy[:, 0].astype(int),
            "y": xy[:, 1].astype(int),
            "start_date": start.strftime("%Y-%m-%d"),
            "end_date": end.strftime("%Y-%m-%d").where(effort > 0, ""),
            "effort_days": effort,
            "topography": terrain.topography.ravel()[cells],
            "country": country_of(xy, countries),
        }
    )


def draw_animals(terrain: Terrain, rng: np.random.Generator) -> FloatArray:
    """Activity centres of a Poisson process over the whole frame, shape (n_animals, 2), metres."""
    relative = terrain.ruggedness.ravel() - REFERENCE_RUGGEDNESS
    density = DENSITY_AT_REFERENCE * np.exp(RUGGEDNESS_SLOPE * relative)
    per_cell = rng.poisson(density / 100.0 * CELL**2 / 1e6)
    centers = np.repeat(cell_centers(terrain.elevation.shape), per_cell, axis=0)
    return np.asarray(centers + rng.uniform(-CELL / 2, CELL / 2, centers.shape))


def draw_detections(
    cameras: pd.DataFrame, centers: FloatArray, rng: np.random.Generator
) -> pd.DataFrame:
    """One row per detection; animals are numbered in the order in which they were first seen."""
    camera_xy = cameras[["x", "y"]].to_numpy(dtype=float)
    squared = ((centers[:, None, :] - camera_xy) ** 2).sum(axis=2)
    scale = (cameras["topography"].map(LAMBDA0) * cameras["effort_days"]).to_numpy()
    count = rng.poisson(scale * np.exp(-squared / (2 * SIGMA**2)))
    animal, camera = (np.repeat(index, count[count > 0]) for index in np.nonzero(count))
    day = rng.integers(0, cameras["effort_days"].to_numpy()[camera])
    date = pd.to_datetime(cameras["start_date"]).to_numpy()[camera] + day.astype("timedelta64[D]")
    table = pd.DataFrame({"animal": animal, "camera": camera, "date": date})
    table = table.sort_values(["date", "animal", "camera"], ignore_index=True)
    number = pd.factorize(table["animal"])[0] + 1
    return pd.DataFrame(
        {
            "animal_id": [f"SL{i:02d}" for i in number],
            "occasion": 1,
            "trap_id": cameras["trap_id"].to_numpy()[table["camera"]],
            "date": table["date"].dt.strftime("%Y-%m-%d"),
        }
    )


def draw_sex(detections: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Sex of each detected animal: F, M, or empty where no photograph showed it."""
    animals = sorted(detections["animal_id"].unique())
    sex = rng.choice(["F", "M"], len(animals), p=[0.55, 0.45])
    return pd.DataFrame(
        {"animal_id": animals, "sex": np.where(rng.uniform(size=len(animals)) < 0.15, "", sex)}
    )


def describe_truth(
    cameras: pd.DataFrame, centers: FloatArray, terrain: Terrain, countries: gpd.GeoDataFrame
) -> dict[str, Any]:
    """Say what a fit should find: the parameters, and the animals alive near the cameras."""
    around = gpd.points_from_xy(cameras["x"], cameras["y"]).buffer(BUFFER, quad_segs=64)
    region = unary_union(list(around))
    alive = centers[gpd.points_from_xy(*centers.T).within(region)]
    cells = gpd.points_from_xy(*cell_centers(terrain.elevation.shape).T).within(region)
    relative = terrain.ruggedness.ravel()[cells] - REFERENCE_RUGGEDNESS
    density = DENSITY_AT_REFERENCE * np.exp(RUGGEDNESS_SLOPE * relative)
    by_country = pd.Series(country_of(alive, countries)).value_counts().sort_index()
    return {
        "note": "SIMULATED animals, cameras and detections on real terrain; for examples and tests",
        "seeds": {"cameras": CAMERA_SEED, "animals": SURVEY_SEED},
        "detector": "count",
        "detection_function": "hazard_half_normal",
        "lambda0_per_camera_day": LAMBDA0,
        "sigma_m": SIGMA,
        "log_density": {
            "formula": "log(D) = intercept + ruggedness * slope, D in animals per 100 km2",
            "intercept": round(
                float(np.log(DENSITY_AT_REFERENCE) - RUGGEDNESS_SLOPE * REFERENCE_RUGGEDNESS), 6
            ),
            "slope_per_m": RUGGEDNESS_SLOPE,
        },
        "region": {
            "what": f"all land within {BUFFER:.0f} m of any camera",
            "area_km2": round(region.area / 1e6, 1),
            "mean_density_per_100_km2": round(float(density.mean()), 4),
            "animals_alive": len(alive),
            "animals_alive_by_country": {str(k): int(v) for k, v in by_country.items()},
        },
    }


def write_raster(path: Path, values: FloatArray) -> None:
    """Write whole metres as a compressed GeoTIFF."""
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        height=values.shape[0],
        width=values.shape[1],
        count=1,
        dtype="int16",
        nodata=-32768,
        crs=CRS,
        transform=from_origin(LEFT, TOP, CELL, CELL),
        compress="deflate",
        predictor=2,
        zlevel=9,
    ) as target:
        target.write(values.astype(np.int16), 1)


def make_sailugem(geodata: Path, out: Path) -> None:
    """Make all files of the example survey in the folder ``out``."""
    terrain = make_terrain(geodata / DEM)
    countries = make_countries(geodata / BORDERS)
    cameras = make_cameras(terrain, countries)
    rng = np.random.default_rng(SURVEY_SEED)
    centers = draw_animals(terrain, rng)
    detections = draw_detections(cameras, centers, rng)
    individuals = draw_sex(detections, rng)
    truth = describe_truth(cameras, centers, terrain, countries)

    out.mkdir(parents=True, exist_ok=True)
    write_raster(out / "elevation.tif", terrain.elevation)
    write_raster(out / "ruggedness.tif", terrain.ruggedness)
    (out / "countries.geojson").unlink(missing_ok=True)
    countries.to_file(
        out / "countries.geojson", driver="GeoJSON", engine="pyogrio", COORDINATE_PRECISION=1
    )
    for name, table in (
        ("cameras", cameras),
        ("detections", detections),
        ("individuals", individuals),
    ):
        table.to_csv(out / f"{name}.csv", index=False, lineterminator="\n")
    (out / "truth.json").write_text(json.dumps(truth, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    """Read the folders from the command line and make the files."""
    parser = argparse.ArgumentParser(description="Remake the simulated Sailugem example survey.")
    parser.add_argument("--geodata", type=Path, required=True, help=f"folder with {DEM}, {BORDERS}")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "data")
    arguments = parser.parse_args()
    make_sailugem(arguments.geodata, arguments.out)


if __name__ == "__main__":
    main()
