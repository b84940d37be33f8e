"""Animals that are not independent of each other: in clusters, or over a patchy surface."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from secr_nea import _checks
from secr_nea._typing import BoolArray, FloatArray, IntArray
from secr_nea.design.simulate import checked_density, simulate_population
from secr_nea.design.streams import POPULATION, Seed, stream
from secr_nea.errors import DataError
from secr_nea.mask import HabitatMask
from secr_nea.units import M2_PER_KM2, animals_per_cell

_REACH = 4.0  # standard deviations beyond which no offspring settles


def simulate_clusters(
    mask: HabitatMask,
    density: float | str | ArrayLike,
    *,
    cluster_size: float,
    spread: float,
    seed: Seed = None,
) -> FloatArray:
    """Activity centres in clusters, such as females with their grown young.

    Cluster centres are a Poisson process; each has a Poisson number of animals, at distances from
    it that are bivariate normal. Clusters outside the mask reach into it, so that the mean density
    is the one asked for everywhere.

    Parameters
    ----------
    mask : HabitatMask
    density : float, str, or array-like of shape (n_points,), animals per 100 km2
    cluster_size : float
        Mean number of animals of a cluster, where density is highest.
    spread : float, metres
        Standard deviation of the distance from the cluster's centre, along each axis.
    seed : int, numpy SeedSequence, numpy Generator, or None

    Returns
    -------
    float64 array, shape (N, 2), metres

    Raises
    ------
    DataError
        If density, cluster size or spread are impossible.

    References
    ----------
    Neyman, J. and Scott, E. L. (1958) Statistical approach to problems of cosmology. Journal of
    the Royal Statistical Society B 20, 1-43 (the process); Thomas (1949) Biometrika 36, 18-25.
    """
    values = checked_density(mask, density)
    size = _checks.positive(cluster_size, "cluster_size")
    sd = _checks.positive(spread, "spread")
    rng = stream(seed, POPULATION)
    west, south, east, north = mask.extent
    low = np.array([west, south]) - _REACH * sd
    high = np.array([east, north]) + _REACH * sd
    top = float(values.max())
    area = float(np.prod(high - low)) / M2_PER_KM2
    n_clusters = rng.poisson(float(animals_per_cell(top, area)) / size)
    centres = rng.uniform(low, high, (n_clusters, 2))
    animals = np.repeat(centres, rng.poisson(size, n_clusters), axis=0)
    animals = animals + sd * rng.standard_normal(animals.shape)
    if not len(animals):
        return animals
    cell, inside = cell_of(mask, animals)
    # where density is lower than its maximum, fewer of them stay
    kept = inside & (rng.random(len(animals)) * top < values[cell])
    found: FloatArray = animals[kept]
    return found


def cell_of(mask: HabitatMask, xy: FloatArray) -> tuple[IntArray, BoolArray]:
    """Nearest cell of each place, and whether the place is inside it.

    Parameters
    ----------
    mask : HabitatMask
    xy : float64 array, shape (n, 2), metres

    Returns
    -------
    int64 array, shape (n,)
    bool array, shape (n,)
    """
    cell, _ = mask.nearest(xy)
    inside = (np.abs(xy - mask.xy[cell]) <= 0.5 * mask.spacing).all(axis=1)
    return cell, np.asarray(inside)


def cox_density(
    mask: HabitatMask,
    density: float | str | ArrayLike,
    *,
    sd: float,
    scale: float,
    seed: Seed = None,
) -> FloatArray:
    """One random, patchy density surface around a mean density.

    Parameters
    ----------
    mask : HabitatMask
    density : float, str, or array-like of shape (n_points,), animals per 100 km2
        Mean density.
    sd : float
        Standard deviation of the logarithm of density; 1 is very patchy.
    scale : float, metres
        Distance over which patches fade: the correlation of two places is exp(-distance / scale).
    seed : int, numpy SeedSequence, numpy Generator, or None

    Returns
    -------
    float64 array, shape (n_points,), animals per 100 km2

    Raises
    ------
    DataError
        If density, sd or scale are impossible.

    Notes
    -----
    D(x) exp(Z(x) - sd^2 / 2) with a Gaussian field Z of exponential covariance, drawn on a grid by
    circulant embedding.

    References
    ----------
    Moller, J., Syversveen, A. R. and Waagepetersen, R. P. (1998) Log Gaussian Cox processes.
    Scandinavian Journal of Statistics 25, 451-482. Dietrich, C. R. and Newsam, G. N. (1997) Fast
    and exact simulation of stationary Gaussian processes. SIAM J. Sci. Comput. 18, 1088-1107.
    """
    values = checked_density(mask, density)
    if not (np.isfinite(sd) and sd >= 0.0):
        raise DataError(f"sd must be a number of 0 or more; got {sd!r}.")
    rng = stream(seed, POPULATION)
    z = _gaussian_field(mask, _checks.positive(scale, "scale"), rng)
    return np.asarray(values * np.exp(sd * z - 0.5 * sd**2))


def _gaussian_field(mask: HabitatMask, scale: float, rng: np.random.Generator) -> FloatArray:
    """Standard normal values at mask points, correlated by exp(-distance / scale)."""
    low = mask.xy.min(axis=0)
    step = np.rint((mask.xy - low) / mask.spacing).astype(np.int64)
    # a torus so large that no correlation reaches around it
    margin = int(np.ceil(6.0 * scale / mask.spacing))
    n = step.max(axis=0) + 1 + margin
    axes = [np.minimum(np.arange(m), m - np.arange(m)) * mask.spacing for m in n]
    covariance = np.exp(-np.hypot(axes[0][:, None], axes[1][None, :]) / scale)
    eigenvalues = np.maximum(np.fft.fft2(covariance).real, 0.0)
    noise = rng.standard_normal(n) + 1j * rng.standard_normal(n)
    field = np.fft.fft2(np.sqrt(eigenvalues / np.prod(n)) * noise).real
    return np.asarray(field[step[:, 0], step[:, 1]])


def simulate_cox(
    mask: HabitatMask,
    density: float | str | ArrayLike,
    *,
    sd: float,
    scale: float,
    seed: Seed = None,
) -> FloatArray:
    """Activity centres over a random, patchy density (log-Gaussian Cox process).

    Parameters
    ----------
    mask : HabitatMask
    density : float, str, or array-like of shape (n_points,), animals per 100 km2
        Mean density.
    sd : float
        Standard deviation of the logarithm of density.
    scale : float, metres
        Distance over which patches fade; see `cox_density`.
    seed : int, numpy SeedSequence, numpy Generator, or None

    Returns
    -------
    float64 array, shape (N, 2), metres

    Raises
    ------
    DataError
        As `cox_density`.
    """
    rng = stream(seed, POPULATION)
    surface = cox_density(mask, density, sd=sd, scale=scale, seed=rng)
    return simulate_population(mask, surface, seed=rng)
