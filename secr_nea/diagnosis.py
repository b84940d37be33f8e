"""How a fit ended, in words, with causes and cures."""

from __future__ import annotations

from dataclasses import dataclass

FLAT_SE = 30.0
"""Above this standard error, in units of the predictor, a quantity counts as not determined."""


@dataclass(frozen=True)
class Diagnosis:
    """How the maximisation ended; read-only.

    Parameters
    ----------
    converged : bool
        Whether the log-likelihood is at a maximum. If not: give ``start=`` from a simpler fit,
        simplify the formulas, or look for covariates on very different scales.
    distance_to_maximum : float
        Expected gain of log-likelihood that is left (half g' H^-1 g over the directions that are
        not flat), below 1e-6 at a maximum. Coefficients of friction at a kink, where the slope
        falls to both sides, are left out.
    gradient : float
        Largest derivative of the log-likelihood to a change of one unit of a predictor.
    positive_definite : bool
        Whether the information matrix is positive definite over the coefficients that are not
        flat; if not, no standard errors are given.
    flat : tuple of str
        Coefficients that the data say nothing about, or that run to infinity. Usual causes: a
        level without detections (merge or drop it), two covariates that go together, a detection
        parameter that cannot be told from another with so few recaptures. Their standard errors
        are not given, and those of the others hold for these coefficients where they stand.
    boundary : tuple of str
        Real parameters at the edge of what is possible (a probability of 1, a sigma far larger
        than the mask or far smaller than its cells).
    n_evaluations : int
        Evaluations of the likelihood.
    seconds : float
        Time that the fit took.
    message : str
        The verdict in one sentence.
    """

    converged: bool
    distance_to_maximum: float
    gradient: float
    positive_definite: bool
    flat: tuple[str, ...]
    boundary: tuple[str, ...]
    n_evaluations: int
    seconds: float
    message: str

    @property
    def good(self) -> bool:
        """Whether every estimate and interval can be used as it stands."""
        return self.converged and self.positive_definite and not self.flat and not self.boundary

    def to_dict(self) -> dict[str, object]:
        """All fields as plain values, for JSON."""
        return {
            "converged": self.converged,
            "distance_to_maximum": self.distance_to_maximum,
            "gradient": self.gradient,
            "positive_definite": self.positive_definite,
            "flat": list(self.flat),
            "boundary": list(self.boundary),
            "message": self.message,
        }


def verdict(
    converged: bool, positive_definite: bool, flat: tuple[str, ...], boundary: tuple[str, ...]
) -> str:
    """The diagnosis in one or two sentences.

    Parameters
    ----------
    converged, positive_definite : bool
    flat, boundary : tuple of str

    Returns
    -------
    str
    """
    verb = "stands" if len(boundary) == 1 else "stand"
    edge = f"{', '.join(boundary)} {verb} at the edge of what is possible"
    if not converged:
        where = f" ({edge})" if boundary else ""
        return (
            f"NOT CONVERGED: the log-likelihood is not at a maximum{where}; do not use these "
            "numbers. Start from a simpler fit (start=fit), or simplify the formulas."
        )
    parts = ["At the maximum"]
    if not positive_definite:
        parts.append(
            "but the information matrix is not positive definite, so no standard errors are given"
        )
    levels = [name for name in flat if not name.endswith(":Intercept")]
    whole = [name for name in flat if name.endswith(":Intercept")]
    if whole:
        verb = "is" if len(whole) == 1 else "are"
        parts.append(
            f"but {', '.join(whole)} {verb} not determined by the data, so what rests on it is not "
            "shown: too few animals were seen at several traps, or nobody lives in the reference "
            "level. Fix sigma from a comparable survey (fixed=), use fewer terms, or report the "
            "minimum count"
        )
    if levels:
        verb = "is" if len(levels) == 1 else "are"
        parts.append(
            f"but {', '.join(levels)} {verb} not determined by the data (a level without "
            "detections, terms that go together, or a covariate that needs scaling): no standard "
            "error is given there; merge, scale or drop the term"
        )
    if boundary:
        parts.append(f"but {edge}")
    return "; ".join(parts) + "."
