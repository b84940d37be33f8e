"""The straightforward rival: the likelihood in NumPy as an ecologist would write it, and BFGS.

Dense arrays over traps x points and animals x points, NumPy's own exp, matrix products (BLAS may
use every core) and numerical gradients. It is not made slow on purpose: squared distances are kept,
occasions that are alike are pooled and the animals' detections are one matrix product. Only the
design matrices come from the library's formulas.
"""

from __future__ import annotations

import numpy as np
from scipy import optimize
from problems import detection_rows
from scipy.special import gammaln, logsumexp


class PlainLikelihood:
    """Poisson number of animals, hazard half-normal, count or binary detectors, log links."""

    def __init__(self, model):
        self.model = model
        self.surveys = [
            self._lay_out(survey, detection_rows(model, b))
            for b, survey in enumerate(model.surveys)
        ]
        edges = np.cumsum([survey.mask.n_points for survey in model.surveys])[:-1]
        density = model.parameters["D"]
        self.density_slice = density.slice
        self.density_designs = np.split(density.rows[density.row_of], edges)

    def _lay_out(self, survey, rows):
        traps, captures = survey.traps, survey.captures
        difference = traps.xy[:, None, :] - survey.mask.xy[None, :, :]
        y = np.zeros((traps.n_occasions, captures.n_animals, traps.n_traps))
        np.add.at(y, (captures.occasion, captures.animal, captures.trap), captures.count)
        groups = {}
        for s in range(traps.n_occasions):
            key = (rows[:, s].tobytes(), traps.effort[:, s].tobytes())
            groups.setdefault(key, []).append(s)
        occasions = [(rows[:, s[0]], traps.effort[:, s[0]], len(s), y[s].sum(axis=0))
                     for s in groups.values()]  # fmt: skip
        binary = traps.detector_type == "binary"
        constant = -gammaln(captures.identical_histories + 1.0).sum()
        if not binary:
            constant -= gammaln(captures.count + 1.0).sum()
        return (difference**2).sum(axis=2), occasions, binary, survey.mask.cell_area, constant

    def __call__(self, coefficients):
        """Log-likelihood."""
        lambda0, sigma = (
            np.exp(p.rows[p.row_of] @ coefficients[p.slice])
            for p in self.model.detection_parameters
        )
        total = 0.0
        for (d2, occasions, binary, cell_area, constant), design in zip(
            self.surveys, self.density_designs, strict=True
        ):
            animals = np.exp(design @ coefficients[self.density_slice]) * cell_area / 100.0
            hazard_of_all = np.zeros(d2.shape[1])
            log_pr = np.zeros((occasions[0][3].shape[0], d2.shape[1]))
            for rows, effort, times, y in occasions:
                log_exposed = np.log(lambda0[rows])[:, None] - d2 / (2.0 * sigma[rows, None] ** 2)
                with np.errstate(divide="ignore"):
                    log_exposed += np.log(effort)[:, None]
                exposed = np.exp(log_exposed)
                hazard_of_all += times * exposed.sum(axis=0)
                used = effort > 0.0
                if binary:
                    # log(exp(A) - 1), finite where A is nothing
                    log_exposed = exposed + np.log(-np.expm1(-np.maximum(exposed, 1e-300)))
                log_pr += y[:, used] @ log_exposed[used]
            log_pr += np.log(animals) - hazard_of_all
            total += logsumexp(log_pr, axis=1).sum() + constant
            total -= (animals * -np.expm1(-hazard_of_all)).sum()
        return total


def fit(likelihood, start):
    """Maximum by BFGS with numerical gradients, and the covariance by second differences."""
    found = optimize.minimize(lambda b: -likelihood(b), start, method="BFGS")
    return found.x, -found.fun, np.linalg.inv(-hessian(likelihood, found.x))


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
