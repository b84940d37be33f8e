"""Named, seeded survey problems of known size, invented by the simulator; no field data.

`problem(name)` builds a problem once. Coordinates are metres, density is animals per 100 km2.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache

import numpy as np
import shapely

import secr_nea as sn


@dataclass(frozen=True)
class Problem:
    """A model of simulated surveys, and the coefficients that made them."""

    name: str
    about: str
    model: sn.Model
    truth: np.ndarray
    seed: int
    options: Mapping[str, object] = field(default_factory=dict)

    @property
    def n_points(self):
        return sum(survey.mask.n_points for survey in self.model.surveys)

    @property
    def n_traps(self):
        return sum(survey.traps.n_traps for survey in self.model.surveys)

    @property
    def n_animals(self):
        return sum(survey.n_animals for survey in self.model.surveys)

    @property
    def n_cube(self):
        """Numbers in arrays of animals x points x traps, of all surveys together."""
        surveys = self.model.surveys
        return sum(s.n_animals * s.mask.n_points * s.traps.n_traps for s in surveys)

    def fresh_model(self):
        """The same model without anything that was computed before."""
        return sn.Model(self.model.surveys, **self.options)


@dataclass(frozen=True)
class Recipe:
    """How a problem is made: layout of the surveys, truth, seed, what `Model` is given."""

    about: str
    layout: Callable[[], list[sn.Survey]]
    truth: Mapping[str, float]
    seed: int
    options: Mapping[str, object] = field(default_factory=dict)


@cache
def problem(name):
    """The problem of that name; the same numbers every time."""
    recipe = RECIPES[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sn.SecrWarning)  # no animal has been drawn yet
        empty = sn.Model(recipe.layout(), **recipe.options)
        unknown = set(recipe.truth) - set(empty.coefficient_names)
        assert not unknown, f"{name}: {unknown} are not coefficients of {empty.coefficient_names}"
        truth = np.array([recipe.truth.get(key, 0.0) for key in empty.coefficient_names])
        model = sn.Model(simulated(empty, truth, recipe.seed), **recipe.options)
    return Problem(name, recipe.about, model, truth, recipe.seed, recipe.options)


def simulated(model, coefficients, seed):
    """New animals and detections of every survey of a model."""
    surveys = sn.design.simulate_survey(model, coefficients, seed=seed)
    return surveys if isinstance(surveys, tuple) else (surveys,)


# --- layouts -------------------------------------------------------------------------------------


def grid(n_columns, n_rows, spacing):
    x, y = np.meshgrid(np.arange(n_columns), np.arange(n_rows))
    return np.column_stack([x.ravel(), y.ravel()]) * float(spacing)


def ridge_line(n_traps, length, width, rng):
    """Cameras along a winding ridge, jittered so that no two are at one place."""
    along = np.linspace(0.0, 1.0, n_traps)
    y = width * np.sin(7.0 * along)
    jitter = rng.uniform(-0.3, 0.3, (n_traps, 2)) * length / n_traps
    return np.column_stack([along * length, y]) + jitter


def nearest_cells(traps, spacing, n_points):
    """The so many grid cells that are nearest to a trap."""
    buffer = 0.5 * np.sqrt(n_points) * spacing
    low, high = traps.min(axis=0) - buffer, traps.max(axis=0) + buffer
    first, last = np.floor(low / spacing), np.ceil(high / spacing)
    cells = grid(int(last[0] - first[0]), int(last[1] - first[1]), spacing) + first * spacing
    apart = np.min(
        [np.hypot(cells[:, 0] - x, cells[:, 1] - y) for x, y in traps],
        axis=0,
    )
    return cells[np.sort(np.argsort(apart, kind="stable")[:n_points])]


def smooth_surface(xy, rng, wavelength):
    """A smooth random covariate, standardised."""
    direction = rng.normal(size=(6, 2)) * 2.0 * np.pi / wavelength
    phase = rng.uniform(0.0, 2.0 * np.pi, 6)
    surface = np.cos(xy @ direction.T + phase).sum(axis=1)
    return (surface - surface.mean()) / surface.std()


def empty_survey(traps, cells, spacing, name="survey", covariates=None, occasions=None):
    nobody = sn.CaptureHistory(traps, animal=[], occasion=[], trap=[])
    mask = sn.HabitatMask(cells, spacing=spacing, covariates=covariates)
    return sn.Survey(nobody, mask, name=name, occasion_covariates=occasions)


def tiny():
    traps = sn.TrapArray(np.add(grid(3, 3, 1500.0), [6500.0, 3000.0]), effort=np.full((9, 5), 10.0))
    return [empty_survey(traps, grid(20, 10, 1000.0), 1000.0)]


def ridge():
    rng = np.random.default_rng(11)
    xy = ridge_line(40, 60_000.0, 6_000.0, rng)
    working = (rng.random((40, 120)) > 0.1).astype(float)  # batteries die, snow falls
    traps = sn.TrapArray(xy, effort=working, detector="binary")
    cells = nearest_cells(xy, 1200.0, 1500)
    return [
        empty_survey(traps, cells, 1200.0, covariates={"cover": smooth_surface(cells, rng, 3e4)})
    ]


def gobi_like():
    rng = np.random.default_rng(2012)
    surveys = []
    for name, n_traps, n_points in (("A", 41, 8469), ("B", 30, 10_495), ("C", 39, 8582)):
        xy = ridge_line(n_traps, 45_000.0, 7_000.0, rng)
        traps = sn.TrapArray(
            xy,
            effort=rng.integers(20, 120, (n_traps, 1)).astype(float),
            covariates={
                "place": rng.choice(["canyon", "ridge", "saddle"], n_traps),
                "slope": rng.normal(size=n_traps),
                "rocks": rng.normal(size=n_traps),
            },
        )
        cells = nearest_cells(xy, 500.0, n_points)
        covariates = {"rugged": smooth_surface(cells, rng, 2.5e4)}
        surveys.append(empty_survey(traps, cells, 500.0, name, covariates))
    return surveys


def two_country_block():
    rng = np.random.default_rng(77)
    xy = grid(16, 10, 5000.0) + rng.uniform(-800.0, 800.0, (160, 2))
    traps = sn.TrapArray(xy, effort=np.ones((160, 8)), detector="binary")
    cells = nearest_cells(xy, 1000.0, 10_000)
    country = np.where(cells[:, 0] < 35_000.0, "west", "east")
    covariates = {"forest": smooth_surface(cells, rng, 4e4), "country": country}
    return [empty_survey(traps, cells, 1000.0, covariates=covariates)]


def terrain():
    """8,469 cells of 500 m and 41 cameras over invented terrain, of the size of a Gobi survey."""
    cells = grid(150, 57, 500.0)[:8469]
    rng = np.random.default_rng(3)
    waves = rng.uniform(0.0002, 0.0009, (6, 2)) * rng.choice([-1.0, 1.0], (6, 2))
    rugged = np.sin(cells @ waves.T + rng.uniform(0.0, 6.0, 6)).sum(axis=1)
    rugged = (rugged - rugged.mean()) / rugged.std()
    low, high = cells.min(axis=0) + 9000.0, cells.max(axis=0) - 9000.0
    traps = sn.TrapArray(rng.uniform(low, high, (41, 2)), effort=np.full((41, 1), 100.0))
    return [empty_survey(traps, cells, 500.0, "terrain", {"rugged": rugged})]


def searched_area():
    """A block of 12 square searches, three visits, in 4,900 cells."""
    corners = grid(4, 3, 9000.0) + 9000.0
    traps = sn.TrapArray.from_searches(
        [shapely.box(x, y, x + 6000.0, y + 6000.0) for x, y in corners], n_occasions=3
    )
    return [empty_survey(traps, grid(70, 70, 700.0), 700.0)]


# --- recipes -------------------------------------------------------------------------------------


def intercepts(density, lambda0, sigma):
    return {
        "D:Intercept": np.log(density),
        "lambda0:Intercept": np.log(lambda0),
        "sigma:Intercept": np.log(sigma),
    }


SNOW_LEOPARD = intercepts(0.62, 0.013, 7000.0)
TIGER = intercepts(0.6, 0.15, 5000.0)
FEMALES = {"pmix:Intercept": 0.3, "lambda0:latent_class[T.2]": -2.0, "sigma:latent_class[T.2]": 0.7}

RECIPES = {
    "tiny": Recipe("9 traps, counts, 200 points", tiny, intercepts(20.0, 0.02, 1500.0), 1),
    "ridge": Recipe(
        "40 cameras, 120 daily occasions, binary, 1,500 points",
        ridge,
        {**intercepts(1.4, 0.006, 4500.0), "D:cover": 0.4},
        3,
        {"D": "~ cover"},
    ),
    "gobi_like": Recipe(
        "3 surveys, 110 cameras, counts, 27,546 points", gobi_like, SNOW_LEOPARD, 5
    ),
    "gobi_like_covariates": Recipe(
        "the same; D ~ rugged, lambda0 ~ place (3 levels)",
        gobi_like,
        {**SNOW_LEOPARD, "D:rugged": 0.4, "lambda0:place[T.ridge]": 0.5},
        5,
        {"D": "~ rugged", "lambda0": "~ place"},
    ),
    "gobi_like_own_traps": Recipe(
        "the same; lambda0 ~ slope, sigma ~ rocks: every trap has values of its own",
        gobi_like,
        {**SNOW_LEOPARD, "lambda0:slope": 0.2, "sigma:rocks": 0.05},
        5,
        {"lambda0": "~ slope", "sigma": "~ rocks"},
    ),
    "two_country_block": Recipe(
        "160 stations, 8 occasions, binary, 10,000 points; D ~ forest + country",
        two_country_block,
        {**TIGER, "D:forest": 0.3, "D:country[T.west]": -0.4},
        7,
        {"D": "~ forest + country"},
    ),
    "time": Recipe(
        "the same; lambda0 ~ occasion (8 levels)",
        two_country_block,
        {**TIGER, "lambda0:occasion[T.4]": 0.3},
        7,
        {"lambda0": "~ occasion"},
    ),
    "learned": Recipe(
        "the same; lambda0 ~ detected_before_here",
        two_country_block,
        {**TIGER, "lambda0:detected_before_here": 0.5},
        7,
        {"lambda0": "~ detected_before_here"},
    ),
    "mixture": Recipe(
        "the same; two latent classes that differ in lambda0 and sigma",
        two_country_block,
        {**intercepts(1.5, 0.4, 4000.0), **FEMALES},
        7,
        {"classes": 2, "lambda0": "~ latent_class", "sigma": "~ latent_class"},
    ),
    "ecological": Recipe(
        "least-cost distances, 8 neighbours, friction estimated; D ~ rugged",
        terrain,
        {**intercepts(0.8, 0.015, 7000.0), "D:rugged": 0.4, "noneuc:rugged": -0.4},
        4,
        {"D": "~ rugged", "noneuc": "~ rugged - 1", "distance": sn.LeastCost(neighbors=8)},
    ),
    "area_search": Recipe(
        "12 searched squares of 36 km2, 3 visits; D ~ x",
        searched_area,
        {**intercepts(5.0, 2.0, 2500.0), "D:x": 0.3},
        7,
        {"D": "~ x"},
    ),
}
"""Every problem by its name."""

NAMES = tuple(RECIPES)
GRID_NAMES = tuple(name for name in NAMES if name != "ecological")
"""Problems for which there are kernels for grids."""
NO_PLAIN_FIT = ("time",)
"""Problems whose rival takes minutes to fit."""
NO_PLAIN_COVARIANCE = ("time", "ecological")
"""The same; and shortest paths have kinks, at which second differences mean nothing."""
