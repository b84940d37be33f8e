"""Invented surveys with realistic numbers: snow leopard ridges, tiger and leopard lowlands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from secr_nea import _checks
from secr_nea._typing import FloatArray
from secr_nea.captures import CaptureHistory
from secr_nea.design.faults import add_ghosts, fail_cameras, forget_sex, lose_cameras, single_flanks
from secr_nea.design.scenario import Scenario
from secr_nea.design.streams import LAYOUT, Seed, stream
from secr_nea.errors import DataError
from secr_nea.mask import HabitatMask
from secr_nea.traps import TrapArray

if TYPE_CHECKING:
    import geopandas

_BUFFER = 4.0  # sigma
_LAYOUT_SEED = 1


@dataclass(frozen=True)
class _Recipe:
    """Numbers of one preset: cameras in a rectangle (km), on a grid or scattered (rows None)."""

    cameras: int
    rows: int | None
    width: float
    height: float
    days: float
    density: float
    lambda0: float
    sigma: float
    spacing: float
    crs: str
    north: float
    countries: tuple[str, str] | None
    about: str
    uneven: tuple[float, float] | None = None


_RECIPES = {
    "namkha": _Recipe(
        55, None, 42, 45, 82.5, 1.63, 0.00256, 6074.0, 1500.0, "EPSG:32644", 3_320_000.0, None,
        "snow leopards of a wide mountain district, effort very uneven (2 to 251 days)",
        (2.0, 251.0),
    ),
    "chikhachev": _Recipe(
        40, None, 70, 18, 120, 0.9, 0.006, 6000.0, 2400.0, "EPSG:32646", 5_530_000.0,
        ("Russia", "Mongolia"), "snow leopards of a ridge with the border along its crest",
    ),
    "eastern_sayan": _Recipe(
        36, None, 64, 24, 110, 0.5, 0.005, 6500.0, 2600.0, "EPSG:32647", 5_740_000.0,
        ("Russia", "Mongolia"), "a thin population of snow leopards on a ridge with a border",
    ),
    "silkhem": _Recipe(
        30, None, 60, 21, 100, 0.4, 0.004, 6500.0, 2600.0, "EPSG:32645", 5_510_000.0,
        ("Russia", "Mongolia"), "a ridge with too few snow leopards and too little effort",
    ),
    "hunchun": _Recipe(
        84, 7, 39.6, 21.6, 80, 0.30, 0.006, 7500.0, 3000.0, "EPSG:32652", 4_760_000.0, None,
        "Amur tigers of one reserve, a grid of stations",
    ),
    "primorye": _Recipe(
        160, 10, 69, 41.4, 92, 0.35, 0.006, 7500.0, 3000.0, "EPSG:32652", 4_800_000.0,
        ("Russia", "China"), "Amur tigers of two countries",
    ),
    "leopard": _Recipe(
        160, 10, 69, 41.4, 92, 0.98, 0.008, 4500.0, 1800.0, "EPSG:32652", 4_780_000.0,
        ("Russia", "China"), "Amur leopards of a national park and the reserve across the border",
    ),
}  # fmt: skip

PRESETS = tuple(_RECIPES)
"""Names that `preset` knows."""

SEXES = {"female": 0.6, "male": 0.4}
_MALE_RANGE = 2.0  # sigma of males in units of that of females


def preset(name: str, *, sexes: bool = False, faults: bool = False, seed: int = 1) -> Scenario:
    """A survey with realistic numbers of cameras, animals and detections, at an invented place.

    Densities, detection and effort are of the size of published surveys; coordinates, borders and
    layouts are invented. Where there is a border the mask has the covariate ``country``.

    Parameters
    ----------
    name : str
        ``"chikhachev"``, ``"eastern_sayan"``, ``"silkhem"`` (too sparse) and ``"namkha"`` for snow
        leopards; ``"hunchun"`` and ``"primorye"`` for tigers; ``"leopard"`` for leopards.
    sexes : bool
        Females and males, with sigma of males twice that of females and lambda0 such that
        lambda0 sigma^2 is the same for both.
    faults : bool
        One camera in ten lost, one in five failing early; single flanks in 8 % of detections, of
        which the left is used; 3 % of detections misidentified; sex unknown for 20 % of animals.
    seed : int
        Of lost and failing cameras, and of uneven effort.

    Returns
    -------
    Scenario

    Raises
    ------
    DataError
        If there is no such preset.

    Examples
    --------
    >>> import secr_nea as sn
    >>> sn.design.preset("hunchun").traps
    TrapArray(84 traps, 1 occasion, count, effort 6,720, spacing 3,600 m, EPSG:32652)
    """
    recipe = _RECIPES.get(name)
    if recipe is None:
        raise DataError(
            f"There is no preset {name!r}{_checks.did_you_mean(str(name), PRESETS)}. "
            f"Choose one of {', '.join(PRESETS)}."
        )
    traps = _traps(recipe, seed)
    if faults:
        traps = fail_cameras(lose_cameras(traps, 0.1, seed=seed), 0.2, seed=seed + 1)
    mask = HabitatMask.around(
        traps, buffer=_BUFFER * recipe.sigma * (1.4 if sexes else 1.0), spacing=recipe.spacing
    )
    if recipe.countries is not None:
        first = mask.xy[:, 1] > recipe.north
        mask = mask.with_covariates(country=np.where(first, *recipe.countries))
    spoil: Callable[..., CaptureHistory] | None = None
    if faults:
        spoil = partial(_spoilt, sexes=sexes)
    return Scenario(
        traps,
        mask,
        recipe.density,
        classes=SEXES if sexes else None,
        faults=spoil,
        name=name,
        **_parameters(recipe, sexes),
    )


def preset_countries(name: str) -> geopandas.GeoDataFrame:
    """The two countries of a preset with a border, as polygons that cover its mask.

    Parameters
    ----------
    name : str

    Returns
    -------
    GeoDataFrame, columns country and geometry

    Raises
    ------
    DataError
        If there is no such preset, or it has no border.
    """
    import geopandas
    import shapely

    scenario = preset(name, sexes=True)
    recipe = _RECIPES[name]
    if recipe.countries is None:
        raise DataError(f"The preset {name!r} lies in one country.")
    west, south, east, north = scenario.mask.extent
    margin = 20_000.0
    boxes = [
        shapely.box(west - margin, recipe.north, east + margin, north + margin),
        shapely.box(west - margin, south - margin, east + margin, recipe.north),
    ]
    return geopandas.GeoDataFrame(
        {"country": list(recipe.countries)}, geometry=boxes, crs=recipe.crs
    )


def _traps(recipe: _Recipe, seed: int) -> TrapArray:
    """Cameras on a rectangle around an invented place."""
    size = 1000.0 * np.array([recipe.width, recipe.height])
    if recipe.rows is None:
        # the same places whatever the seed: only what goes wrong differs
        at = stream(_LAYOUT_SEED, LAYOUT).uniform(-0.5, 0.5, (recipe.cameras, 2))
    else:
        columns = np.linspace(-0.5, 0.5, recipe.cameras // recipe.rows)
        rows = np.linspace(-0.5, 0.5, recipe.rows)
        at = np.stack(np.meshgrid(columns, rows), axis=-1).reshape(-1, 2)
    xy = np.round(np.array([500_000.0, recipe.north]) + at * size)
    return TrapArray(
        xy,
        ids=[f"C{k + 1:03d}" for k in range(len(xy))],
        effort=_days(recipe, len(xy), seed),
        detector="count",
        crs=recipe.crs,
    )


def _days(recipe: _Recipe, number: int, seed: int) -> FloatArray:
    """Camera-days of each camera: the same for all, or between two ends around a mean."""
    if recipe.uneven is None:
        return np.full(number, recipe.days)
    low, high = recipe.uneven
    rng = stream(seed, 1)
    mean = (recipe.days - low) / (high - low)
    days = low + (high - low) * rng.beta(2.0 * mean, 2.0 * (1.0 - mean), number)
    rounded: FloatArray = np.rint(days * recipe.days / days.mean())
    return np.clip(rounded, low, high)


def _parameters(recipe: _Recipe, sexes: bool) -> dict[str, Any]:
    if not sexes:
        return {"lambda0": recipe.lambda0, "sigma": recipe.sigma}
    # the mean of sigma over the sexes is that of the recipe, lambda0 sigma^2 the same for both
    female = recipe.sigma / (SEXES["female"] + _MALE_RANGE * SEXES["male"])
    sigma = {"female": female, "male": _MALE_RANGE * female}
    area = recipe.lambda0 * recipe.sigma**2
    return {"lambda0": {s: area / v**2 for s, v in sigma.items()}, "sigma": sigma}


def _spoilt(captures: CaptureHistory, *, seed: Seed, sexes: bool) -> CaptureHistory:
    """The usual faults of a field season."""
    rng = stream(seed, 2)
    if captures.n_animals:
        captures = single_flanks(captures, 0.08, use="left", seed=rng)
        captures = add_ghosts(captures, 0.03, seed=rng)
        captures = forget_sex(captures, 0.2, seed=rng) if sexes else captures
    return captures
