"""From the replicates of a study to bias, precision, coverage and failures of each scenario."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from secr_nea._typing import FloatArray

if TYPE_CHECKING:
    import xarray

_OF_PARAMETER = {
    "true": "true value",
    "mean": "mean of the estimates",
    "bias": "relative bias, (mean - true) / true; on the link scale mean - true",
    "rse": "mean of the relative standard errors that fits tell; on the link scale of the errors",
    "spread": "standard deviation of the estimates, relative to the true value",
    "rmse": "root of the mean squared error, relative to the true value",
    "coverage": "share of the intervals that hold the true value",
    "bias_error": "Monte Carlo standard error of bias",
    "rse_error": "Monte Carlo standard error of rse",
    "rmse_error": "Monte Carlo standard error of rmse",
    "coverage_error": "Monte Carlo standard error of coverage",
}
_OF_SCENARIO = {
    "replicates": "surveys simulated",
    "failed": "share of surveys whose fit failed",
    "failed_error": "Monte Carlo standard error of failed",
    "animals": "mean number of animals detected",
    "detections": "mean number of detections",
    "recaptures": "mean number of recaptures",
    "two_detectors": "mean number of animals at two detectors or more",
}


def summarise(results: pd.DataFrame, axes: Mapping[str, tuple[Any, ...]]) -> xarray.Dataset:
    """Summary of all scenarios.

    Parameters
    ----------
    results : DataFrame
        One row per replicate; see `Study`.
    axes : mapping of name to labels
        The last axis runs fastest.

    Returns
    -------
    Dataset, dims (*axes, parameter)
    """
    import xarray

    shape = tuple(len(labels) for labels in axes.values())
    n = int(np.prod(shape))
    columns = [str(column) for column in results]
    names = [column[: -len("|estimate")] for column in columns if column.endswith("|estimate")]
    of_parameter = {key: np.full((n, len(names)), np.nan) for key in _OF_PARAMETER}
    of_scenario = {key: np.full(n, np.nan) for key in _OF_SCENARIO}
    for s in range(n):
        own = results[results["scenario"] == s]
        for key, value in _scenario(own).items():
            of_scenario[key][s] = value
        good = own[~own["failed"]]
        for p, name in enumerate(names):
            for key, value in _parameter(good, name).items():
                of_parameter[key][s, p] = value
    dims = tuple(axes)
    data: dict[str, Any] = {
        key: (dims, values.reshape(shape), {"long_name": _OF_SCENARIO[key]})
        for key, values in of_scenario.items()
    }
    for key, values in of_parameter.items():
        told = {"long_name": _OF_PARAMETER[key]}
        data[key] = ((*dims, "parameter"), values.reshape(*shape, len(names)), told)
    coords: dict[str, Any] = {name: list(labels) for name, labels in axes.items()}
    return xarray.Dataset(data, {**coords, "parameter": np.array(names, dtype=object)})


def _scenario(own: pd.DataFrame) -> dict[str, float]:
    share, number = float(own["failed"].mean()), len(own)
    means = {
        name: float(own[name].mean())
        for name in ("animals", "detections", "recaptures", "two_detectors")
    }
    failed = share_error(share, number)
    return {"replicates": number, "failed": share, "failed_error": failed, **means}


def _parameter(good: pd.DataFrame, name: str) -> dict[str, float]:
    """Numbers of one parameter in one scenario; coefficients (with ':') are not relative."""
    columns = [f"{name}|{what}" for what in ("true", "estimate", "se", "lower", "upper")]
    table = good[columns].dropna().to_numpy(dtype=np.float64)
    if not len(table):
        return {}
    true, estimate, se, lower, upper = table.T
    on_link = ":" in name
    unit = np.ones_like(true) if on_link else true
    wrong = (estimate - true) / unit
    own = se / (1.0 if on_link else estimate)
    covered = ((lower <= true) & (true <= upper)).astype(np.float64)
    rmse = float(np.sqrt((wrong**2).mean()))
    return {
        "true": float(true[0]),
        "mean": float(estimate.mean()),
        "bias": float(wrong.mean()),
        "bias_error": _error(wrong),
        "rse": float(own.mean()),
        "rse_error": _error(own),
        "spread": float(wrong.std(ddof=1)) if len(wrong) > 1 else np.nan,
        "rmse": rmse,
        "rmse_error": _error(wrong**2) / (2.0 * rmse) if rmse > 0.0 else np.nan,
        "coverage": float(covered.mean()),
        "coverage_error": share_error(float(covered.mean()), len(covered)),
    }


def share_error(share: float, number: int) -> float:
    """Monte Carlo standard error of a share; not 0 where all or none of few did it.

    Parameters
    ----------
    share : float
    number : int
        Surveys that it is a share of.

    Returns
    -------
    float
        Two more of each kind are added before the error is taken.

    References
    ----------
    Agresti, A. and Coull, B. A. (1998) Approximate is better than "exact" for interval estimation
    of binomial proportions. The American Statistician 52, 119-126.
    """
    if number == 0:
        return float("nan")
    middle = (share * number + 2.0) / (number + 4.0)
    return float(np.sqrt(middle * (1.0 - middle) / (number + 4.0)))


def _error(values: FloatArray) -> float:
    """Monte Carlo standard error of a mean."""
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else np.nan
