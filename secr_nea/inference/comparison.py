"""Fits of the same data side by side: criteria, weights, and what makes a fit doubtful."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from secr_nea._printing import frame_html
from secr_nea.distances import Metric
from secr_nea.errors import DataError, ModelError
from secr_nea.estimate import Estimate
from secr_nea.individuals import LATENT
from secr_nea.inference.comparable import explained, incomparable
from secr_nea.inference.intervals import lognormal_interval
from secr_nea.inference.mask_check import typical_sigma
from secr_nea.inference.quantities import overall_density
from secr_nea.parameters import DEFAULT_LINKS

CRITERIA = ("AICc", "AIC", "QAIC", "QAICc")
SAME = 1e-4  # log-likelihoods closer than this are the same maximum
_USUAL = ("straight distances", "no classes", "no groups", "usual links")
FEW = 4.0  # animals for each coefficient


@dataclass(frozen=True, eq=False, repr=False)
class ModelSet:
    """Fits of the same data that can be compared; read-only. Made by `compare` or `fit_models`.

    Parameters
    ----------
    fits : mapping of name to Estimate
    criterion : {"AICc", "AIC", "QAIC", "QAICc"}
    c_hat : float
        Overdispersion by which QAIC divides the log-likelihood.
    failures : mapping of name to str, optional
        Models that could not be fitted, and why.
    """

    fits: Mapping[str, Estimate]
    criterion: str = "AICc"
    c_hat: float = 1.0
    failures: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("fits", "failures"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    def __reduce__(self) -> tuple[Any, ...]:
        # read-only views cannot be pickled
        return ModelSet, (dict(self.fits), self.criterion, self.c_hat, dict(self.failures))

    def __getitem__(self, name: str) -> Estimate:
        if name not in self.fits:
            raise DataError(f"There is no model {name!r}; there are {', '.join(self.fits)}.")
        return self.fits[name]

    def __len__(self) -> int:
        return len(self.fits)

    def __iter__(self) -> Iterator[str]:
        return iter(self.fits)

    @property
    def criteria(self) -> pd.Series:
        """The criterion of each fit."""
        values = [information_criterion(f, self.criterion, self.c_hat) for f in self.fits.values()]
        return pd.Series(values, index=list(self.fits), name=self.criterion)

    @property
    def flags(self) -> dict[str, list[str]]:
        """What is doubtful about each fit, in words."""
        return {name: _flags(name, self.fits) for name in self.fits}

    @property
    def weights(self) -> pd.Series:
        """Akaike weight of each fit.

        Fits that did not converge and duplicates have weight 0: a model that is there twice would
        count twice.
        """
        usable = np.array([_usable(name, self.fits) for name in self.fits])
        criteria = self.criteria.where(usable, np.inf)
        if not np.isfinite(criteria).any():
            return pd.Series(np.nan, index=criteria.index, name="weight")
        weight = np.exp(-0.5 * (criteria - criteria.min()))
        shares: pd.Series = (weight / weight.sum()).rename("weight")
        return shares

    @property
    def best(self) -> Estimate:
        """The fit with the largest weight."""
        weights = self.weights
        if weights.isna().all():
            raise ModelError(
                f"No fit has a finite {self.criterion}: none converged, or there are too few "
                "animals for the number of coefficients."
            )
        return self.fits[str(weights.idxmax())]

    def table(self, *, level: float = 0.95) -> pd.DataFrame:
        """The table of models, the best first.

        Parameters
        ----------
        level : float
            Confidence level of the interval of density (log scale).

        Returns
        -------
        DataFrame
            Index: model. Columns: detection, formulas, n_parameters (effective, with penalised
            smooths), n_animals, log_likelihood, AIC, AICc, (QAIC, QAICc), delta, weight,
            density_per_100km2 (mean over the masks), density_lower, density_upper, density_cv,
            sigma_m (mean over traps), flags.
        """
        weights, criteria, flags = self.weights, self.criteria, self.flags
        lowest = criteria[weights > 0.0].min()
        rows = {}
        for name, fit in self.fits.items():
            quasi = {
                kind: information_criterion(fit, kind, self.c_hat)
                for kind in ("QAIC", "QAICc")
                if self.c_hat != 1.0 or self.criterion.startswith("Q")
            }
            rows[name] = {
                "detection": fit.model.detection.name,
                "formulas": formula_text(fit),
                "n_parameters": fit.effective_parameters,
                "n_animals": fit.fingerprint.n_animals,
                "log_likelihood": fit.log_likelihood,
                "AIC": fit.aic,
                "AICc": fit.aicc,
                **quasi,
                "delta": criteria[name] - lowest,
                "weight": weights[name],
                **_density(fit, level),
                "sigma_m": typical_sigma(fit)
                if "sigma" in fit.model.detection.parameters
                else np.nan,
                "flags": "; ".join(flags[name]),
            }
        frame = pd.DataFrame.from_dict(rows, orient="index").rename_axis("model")
        whole = bool((frame["n_parameters"] % 1.0 == 0.0).all())
        frame["n_parameters"] = frame["n_parameters"].astype(int if whole else float)
        order = np.lexsort((frame["delta"].to_numpy(), -frame["weight"].fillna(0.0).to_numpy()))
        return frame.iloc[order]

    def __repr__(self) -> str:
        return f"ModelSet({len(self.fits)} fits by {self.criterion}: {', '.join(self.fits)})"

    def __str__(self) -> str:
        return "\n".join([shown_table(self).to_string(), *self._notes()])

    def _repr_html_(self) -> str:
        return frame_html(shown_table(self), self._notes())

    def _notes(self) -> list[str]:
        notes = [f"Not fitted: {name}: {why}" for name, why in self.failures.items()]
        notes += [f"{name}: {'; '.join(told)}" for name, told in self.flags.items() if told]
        return notes


def shown_table(models: ModelSet) -> pd.DataFrame:
    """The table of models as text for the eye.

    Parameters
    ----------
    models : ModelSet

    Returns
    -------
    DataFrame of str
    """
    table = models.table()
    shown = pd.DataFrame(index=table.index)
    shown["K"] = [f"{k:.3g}" for k in table["n_parameters"]]
    shown["logL"] = [f"{v:.2f}" for v in table["log_likelihood"]]
    shown[models.criterion] = [f"{v:.2f}" for v in models.criteria[table.index]]
    shown["delta"] = [f"{v:.2f}" for v in table["delta"]]
    shown["weight"] = [f"{v:.3f}" for v in table["weight"]]
    ranges = zip(
        table["density_per_100km2"], table["density_lower"], table["density_upper"], strict=True
    )
    shown["density per 100 km2"] = [
        f"{_three(d)} ({_three(a)} to {_three(b)})" for d, a, b in ranges
    ]
    shown["sigma, m"] = [f"{v:,.0f}" for v in table["sigma_m"]]
    if table["flags"].any():
        shown["look at"] = ["see below" if told else "" for told in table["flags"]]
    return shown


def _three(value: float) -> str:
    """Three digits, zeros at the end included."""
    if not np.isfinite(value) or value == 0.0:
        return "-" if np.isnan(value) else f"{value:g}"
    return f"{value:,.{max(0, 2 - int(np.floor(np.log10(abs(value)))))}f}"


def compare(
    *fits: Estimate,
    criterion: str = "AICc",
    c_hat: float = 1.0,
    **named: Estimate,
) -> ModelSet:
    """Put fits of the same data side by side.

    Parameters
    ----------
    *fits : Estimate
        Named by the formulas in which they differ.
    criterion : {"AICc", "AIC", "QAIC", "QAICc"}
        What weights come from.
    c_hat : float
        Overdispersion for QAIC, 1 or more (see `overdispersion`).
    **named : Estimate
        Fits with names of your own.

    Returns
    -------
    ModelSet

    Raises
    ------
    ModelError
        If the fits are of different data, masks, effort or kinds of likelihood: their
        log-likelihoods then say nothing about each other.
    DataError
        If there is nothing to compare, or the criterion is not known.

    Notes
    -----
    AIC = -2 logL + 2 K; AICc = AIC + 2 K (K + 1) / (n - K - 1) with n the number of animals;
    QAIC = -2 logL / c_hat + 2 K; weights exp(-delta / 2) / sum. Burnham and Anderson (2002) Model
    selection and multimodel inference.
    """
    every = {**_auto_names(fits), **named}
    return model_set(every, criterion=criterion, c_hat=c_hat)


def model_set(
    fits: Mapping[str, Estimate],
    *,
    criterion: str = "AICc",
    c_hat: float = 1.0,
    failures: Mapping[str, str] | None = None,
) -> ModelSet:
    """A checked `ModelSet` of named fits; see `compare`.

    Parameters
    ----------
    fits : mapping of name to Estimate
    criterion : str
    c_hat : float
    failures : mapping of name to str, optional

    Returns
    -------
    ModelSet
    """
    strangers = [str(name) for name, fit in fits.items() if not isinstance(fit, Estimate)]
    if strangers or not fits:
        raise DataError(
            f"Fits are needed to compare; got {', '.join(strangers) or 'nothing'}"
            f"{' that is no fit' if strangers else ''}."
        )
    if criterion not in CRITERIA:
        raise DataError(f"criterion must be one of {', '.join(CRITERIA)}; got {criterion!r}.")
    if not (isinstance(c_hat, int | float | np.number) and 1.0 <= c_hat < np.inf):
        raise DataError(f"c_hat must be 1 or more; got {c_hat!r}.")
    _require_comparable(fits)
    return ModelSet(fits, criterion, float(c_hat), failures or {})


def information_criterion(fit: Estimate, criterion: str, c_hat: float = 1.0) -> float:
    """AIC, AICc, QAIC or QAICc of a fit.

    Parameters
    ----------
    fit : Estimate
    criterion : str
    c_hat : float
        Only used by QAIC and QAICc.

    Returns
    -------
    float
        Infinite where there are too few animals for the correction.
    """
    n, k = fit.fingerprint.n_animals, fit.effective_parameters
    divisor = c_hat if criterion.startswith("Q") else 1.0
    value = -2.0 * fit.log_likelihood / divisor + 2.0 * k
    if not criterion.endswith("c"):
        return value
    return value + 2.0 * k * (k + 1.0) / (n - k - 1.0) if n > k + 1.0 else np.inf


def formula_text(fit: Estimate) -> str:
    """The formulas of a fit on one line, such as ``"D ~ 1, sigma ~ sex"``."""
    return ", ".join(f"{name} {tidy(p.text)}" for name, p in fit.model.parameters.items())


def tidy(formula: str) -> str:
    """A formula with spaces where they belong, so that ``"~1"`` and ``"~ 1"`` are the same."""
    if not formula.lstrip().startswith("~"):
        return formula
    terms = " ".join(formula.lstrip("~ ").split())
    return "~ " + re.sub(r"\s*\+\s*", " + ", terms)


def short_names(fits: Sequence[Estimate]) -> list[str]:
    """A name for each fit: the formulas and options in which the fits differ.

    Parameters
    ----------
    fits : sequence of Estimate

    Returns
    -------
    list of str
        Numbered where two are the same model.
    """
    told = [
        _kind(fit) | {name: f"{name} {tidy(p.text)}" for name, p in fit.model.parameters.items()}
        for fit in fits
    ]
    keys = dict.fromkeys(key for parts in told for key in parts)
    varying = [key for key in keys if len({parts.get(key) for parts in told}) > 1]
    found: list[str] = []
    for fit, parts in zip(fits, told, strict=True):
        shown = [key for key in varying if key in parts] or list(fit.model.parameters)
        telling = [key for key in shown if parts[key] not in _USUAL] or shown
        name = ", ".join(parts[key] for key in telling)
        label, number = name, 2
        while label in found:
            label, number = f"{name} ({number})", number + 1
        found.append(label)
    return found


def _kind(fit: Estimate) -> dict[str, str]:
    """What a model is beside its formulas, in words."""
    model = fit.model
    levels = model.individuals.n_levels
    unusual = [
        f"{link} link of {name}"
        for name, link in model.links.items()
        if link != DEFAULT_LINKS.get(name, "log")
    ]
    mixture = (
        f"{levels} latent classes"
        if model.individuals.variable == LATENT
        else f"classes {explained(model)}"
    )
    return {
        "population": model.population,
        "detection": model.detection.name,
        "distance": describe_metric(model.metric),
        "classes": mixture if model.individuals.is_mixture else _USUAL[1],
        "groups": f"groups {explained(model)}" if model.individuals.grouped else _USUAL[2],
        "links": ", ".join(unusual) or _USUAL[3],
    }


def describe_metric(metric: Metric | None) -> str:
    """How distances are measured, for the eye."""
    return _USUAL[0] if metric is None else type(metric).__name__


def _auto_names(fits: tuple[Estimate, ...]) -> dict[str, Estimate]:
    strangers = [type(fit).__name__ for fit in fits if not isinstance(fit, Estimate)]
    if strangers:
        raise DataError(f"Fits are needed to compare; got {', '.join(strangers)}.")
    return dict(zip(short_names(fits), fits, strict=True))


# --- what may be compared ------------------------------------------------------------------------


def _require_comparable(fits: Mapping[str, Estimate]) -> None:
    (first_name, first), *others = fits.items()
    for name, fit in others:
        why = incomparable(first, fit)
        if why:
            raise ModelError(
                f"{name!r} cannot be compared with {first_name!r}: {why}. Their log-likelihoods "
                "are of different things; fit all models to the same data in the same way."
            )


# --- what is doubtful ----------------------------------------------------------------------------


def _flags(name: str, fits: Mapping[str, Estimate]) -> list[str]:
    fit = fits[name]
    found = []
    if not fit.diagnosis.converged:
        found.append("did not converge: no weight")
    if fit.diagnosis.converged and not fit.diagnosis.positive_definite:
        found.append("no standard errors")
    if fit.diagnosis.flat:
        found.append(f"not determined by the data: {', '.join(fit.diagnosis.flat)}")
    if fit.diagnosis.boundary:
        found.append(f"at a boundary: {', '.join(fit.diagnosis.boundary)}")
    n, k = fit.fingerprint.n_animals, fit.effective_parameters
    if n < FEW * k:
        found.append(f"{k:.3g} coefficients for {n} animals ({n / k:.1f} each; 4 or more needed)")
    twin = _twin(name, fits)
    if twin:
        found.append(f"the same fit as {twin!r}: no weight")
    found += _idle(name, fits)
    return found


def _twin(name: str, fits: Mapping[str, Estimate]) -> str:
    """An earlier fit that is the same model, or ""."""
    fit = fits[name]
    for other, earlier in fits.items():
        if other == name:
            return ""
        same_k = abs(fit.effective_parameters - earlier.effective_parameters) < 1e-6
        if same_k and abs(fit.log_likelihood - earlier.log_likelihood) < SAME:
            return other
    return ""


def _idle(name: str, fits: Mapping[str, Estimate]) -> list[str]:
    """A simpler fit whose likelihood is as high: what was added explains nothing."""
    fit = fits[name]
    for other, simpler in fits.items():
        fewer = simpler.effective_parameters < fit.effective_parameters - 0.5
        if fewer and abs(fit.log_likelihood - simpler.log_likelihood) < SAME:
            return [f"explains no more than {other!r}, which has fewer coefficients"]
    return []


def _usable(name: str, fits: Mapping[str, Estimate]) -> bool:
    return fits[name].diagnosis.converged and not _twin(name, fits)


def _density(fit: Estimate, level: float) -> dict[str, float]:
    quantity = overall_density(fit)
    density, cv = quantity.natural(quantity.spread(fit)[0]), quantity.spread(fit)[1]
    # the interval of `abundance`, so that a page shows one interval of one number
    lower, upper = lognormal_interval(density, cv * density, level)
    return {
        "density_per_100km2": density if np.isfinite(cv) else np.nan,
        "density_lower": lower,
        "density_upper": upper,
        "density_cv": cv,
    }
