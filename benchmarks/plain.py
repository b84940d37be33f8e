"""The straightforward rival: the likelihood in NumPy and SciPy as a careful ecologist writes it.

Dense arrays over (hazard columns x points) and (animals x points), NumPy's own exp, matrix products
and numerical gradients. It is not made slow on purpose: squared distances are kept, occasions of a
trap that are alike are one column, and the animals' detections are one matrix product. Only the
design matrices, the points of searches and the steps of a graph come from the library.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import optimize, sparse
from scipy.special import expit, gammaln, logsumexp

from secr_nea.likelihood import likelihood_of


@dataclass(frozen=True)
class Columns:
    """The distinct hazards (site, row of the detection covariates, effort) of a class, C in all.

    ``exposure`` says how often an animal met each, (n_animals or 1, C), ``undetected`` how often
    an animal that is never detected does, (C,), and ``y`` (n_animals, C) what was detected.
    """

    site: np.ndarray
    row: np.ndarray
    effort: np.ndarray
    exposure: np.ndarray
    undetected: np.ndarray
    y: np.ndarray


@dataclass(frozen=True)
class Layout:
    """One survey: squared distances from its sites, the columns of each class, the constants."""

    d2: np.ndarray | None
    classes: tuple[Columns, ...]
    is_binary: bool
    cell_area: float
    constant: float


def columns_of_traps(traps, captures, rows):
    """Columns of point detectors; rows (n_states, n_traps, S), state 1 after a detection there."""
    y = np.zeros((captures.n_animals, traps.n_traps, traps.n_occasions))
    np.add.at(y, (captures.animal, captures.trap, captures.occasion), captures.count)
    before = np.cumsum(y, axis=2) - y > 0
    state = before.astype(int) if len(rows) > 1 else np.zeros((1, *y.shape[1:]), dtype=int)
    site = np.broadcast_to(np.arange(traps.n_traps)[:, None], traps.effort.shape)
    keys = [np.column_stack([site.ravel(), row.ravel(), traps.effort.ravel()]) for row in rows]
    distinct, column = np.unique(np.concatenate(keys), axis=0, return_inverse=True)
    column = column.reshape(rows.shape)
    size = (len(y), len(distinct))
    trap, occasion = np.indices(traps.effort.shape)
    own = column[state, trap, occasion]
    exposure = np.array([np.bincount(one.ravel(), minlength=size[1]) for one in own], dtype=float)
    detected = np.zeros(size)
    own = np.broadcast_to(own, y.shape)
    np.add.at(detected, (np.indices(y.shape)[0], own), y)
    undetected = np.bincount(column[0].ravel(), minlength=size[1]).astype(float)
    worked = distinct[:, 2] > 0.0
    site, row, effort = distinct[worked].T
    return Columns(
        site.astype(int),
        row.astype(int),
        effort,
        exposure[:, worked],
        undetected[worked],
        detected[:, worked],
    )


def columns_of_searches(block):
    """Columns of searched areas: points of quadrature with weights, and places of detections."""
    t = block.tables
    exposure = np.zeros(block.n_columns)
    exposure[t.exposure_column] = t.exposure_effort
    y = np.zeros((block.n_animals, block.n_columns))
    animal = np.repeat(block.animals, np.diff(t.detection_start))
    y[animal, t.detection_column] = t.detection_count
    ones = np.ones(block.n_columns)
    return Columns(block.column_site, block.column_row, ones, exposure[None], exposure, y)


class PlainLikelihood:
    """Poisson number of animals, half-normal hazards; counts, binary detectors or searches."""

    def __init__(self, model):
        self.model = model
        self.is_search = all(survey.traps.is_search.all() for survey in model.surveys)
        self.ground = model.metric_design.grounds[0] if "noneuc" in model.parameters else None
        self.surveys = [self._lay_out(b) for b in range(len(model.surveys))]
        edges = np.cumsum([survey.mask.n_points for survey in model.surveys])[:-1]
        density = model.parameters["D"]
        self.density_slice = density.slice
        self.density_designs = np.split(density.rows[density.row_of], edges)

    def _lay_out(self, b):
        survey = self.model.surveys[b]
        traps, captures = survey.traps, survey.captures
        sites = traps.xy
        if self.is_search:
            (block,) = likelihood_of(self.model).populations[b].blocks
            sites, classes = block.sites, (columns_of_searches(block),)
        else:
            rows = self.model.detection_rows.rows[b][:, 0]
            classes = tuple(columns_of_traps(traps, captures, row) for row in rows)
        d2 = None
        if self.ground is None:
            x, y = (sites[:, None, k] - survey.mask.xy[None, :, k] for k in (0, 1))
            d2 = x * x + y * y
        return Layout(
            d2=d2,
            classes=classes,
            is_binary=traps.detector_type == "binary",
            cell_area=survey.mask.cell_area,
            constant=self._constant(captures, traps.detector_type),
        )

    def _constant(self, captures, detector):
        # Histories with positions are never identical.
        alike = 0.0 if self.is_search else gammaln(captures.identical_histories + 1.0).sum()
        return -alike - (detector != "binary") * gammaln(captures.count + 1.0).sum()

    def __call__(self, coefficients):
        """Log-likelihood."""
        values = [
            np.exp(p.rows[p.row_of] @ coefficients[p.slice])
            for p in self.model.detection_parameters
        ]
        share = self._shares(coefficients)
        total = 0.0
        for survey, design in zip(self.surveys, self.density_designs, strict=True):
            animals = np.exp(design @ coefficients[self.density_slice]) * survey.cell_area / 100.0
            d2 = self._least_cost(coefficients) ** 2 if survey.d2 is None else survey.d2
            log_pr, detected = zip(
                *(self._of_class(survey, one, d2, values) for one in survey.classes), strict=True
            )
            log_all = log_pr[0]
            if len(share) > 1:
                log_all = logsumexp(log_pr, axis=0, b=share[:, None, None])
            total += logsumexp(log_all + np.log(animals), axis=1).sum() + survey.constant
            total -= share @ (np.array(detected) @ animals)
        return total

    def _shares(self, coefficients):
        if "pmix" not in self.model.parameters:
            return np.ones(1)
        second = expit(coefficients[self.model.parameters["pmix"].slice][0])
        return np.array([1.0 - second, second])

    def _of_class(self, survey, own, d2, values):
        """Log Pr(history | centre) (n_animals, n_points) and p. (n_points,) in one class."""
        lambda0, sigma = (value[own.row] for value in values)
        if self.is_search:
            lambda0 = lambda0 / (2.0 * np.pi * sigma**2)
        log_hazard = np.log(lambda0)[:, None] - d2[own.site] / (2.0 * sigma[:, None] ** 2)
        hazard = np.exp(log_hazard)
        seen = own.y.any(axis=0)
        effort = own.effort[seen, None]
        if survey.is_binary:
            exposed = effort * hazard[seen]
            # log(exp(A) - 1), finite where A is nothing
            log_detected = exposed + np.log(-np.expm1(-np.maximum(exposed, 1e-300)))
        else:
            log_detected = log_hazard[seen] + np.log(effort)
        log_pr = own.y[:, seen] @ log_detected - (own.exposure * own.effort) @ hazard
        return log_pr, -np.expm1(-(own.undetected * own.effort) @ hazard)

    def _least_cost(self, coefficients):
        """Distances from the traps to all cells: edges, a sparse matrix, SciPy's Dijkstra."""
        noneuc = self.model.parameters["noneuc"]
        friction = np.exp(noneuc.rows[noneuc.row_of] @ coefficients[noneuc.slice])
        return least_cost(self.ground.graph, friction, self.ground.sites)


def least_cost(graph, friction, sources):
    """Cheapest ways from the sources to all cells of a graph, by SciPy alone."""
    u, k = np.nonzero(graph.table >= 0)
    v = graph.table[u, k]
    cost = graph.lengths[k] * (friction[u] + friction[v]) / 2.0
    matrix = sparse.csr_matrix((cost, (u, v)), shape=(graph.n_cells, graph.n_cells))
    return sparse.csgraph.dijkstra(matrix, indices=sources)


def gradient(likelihood, at, step=1.5e-8):
    """Value and forward differences, as an optimiser without derivatives takes them."""
    value = likelihood(at)
    shifted = [likelihood(at + step * unit) for unit in np.eye(len(at))]
    return value, (np.array(shifted) - value) / step


def fit(likelihood, start):
    """Maximum by BFGS with numerical gradients, and the covariance by second differences."""
    found = optimize.minimize(lambda b: -likelihood(b), start, method="BFGS")
    return found.x, -found.fun, covariance(likelihood, found.x)


def covariance(likelihood, at):
    """Inverse of minus the second derivatives."""
    return np.linalg.inv(-hessian(likelihood, at))


def hessian(likelihood, at, step=1e-3):
    """Second derivatives of the log-likelihood by central differences."""
    n = len(at)
    shift = np.eye(n) * step
    out = np.empty((n, n))
    middle = likelihood(at)
    for i in range(n):
        out[i, i] = likelihood(at + shift[i]) - 2.0 * middle + likelihood(at - shift[i])
        for j in range(i):
            out[i, j] = out[j, i] = 0.25 * (
                likelihood(at + shift[i] + shift[j])
                - likelihood(at + shift[i] - shift[j])
                - likelihood(at - shift[i] + shift[j])
                + likelihood(at - shift[i] - shift[j])
            )
    return out / step**2
