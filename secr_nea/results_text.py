"""How a fit prints: a table for the terminal and the same for the notebook."""

from __future__ import annotations

from html import escape

import numpy as np
import pandas as pd

from secr_nea import inference
from secr_nea.estimate import Estimate


def rounded(value: float, se: float = np.nan, digits: int = 4) -> str:
    """A number with as many digits as its standard error deserves.

    Parameters
    ----------
    value, se : float
    digits : int
        Significant digits where there is no standard error.

    Returns
    -------
    str

    Examples
    --------
    >>> rounded(7696.287, 435.6)
    '7,696'
    >>> rounded(0.0135474, 0.0013911)
    '0.0135'
    """
    if not np.isfinite(value):
        return "-"
    scale = se if np.isfinite(se) and se > 0.0 else abs(value) * 10.0 ** (2 - digits)
    if scale == 0.0:
        return f"{value:g}"
    decimals = max(0, int(1 - np.floor(np.log10(scale))))
    if decimals > 7 or abs(value) >= 1e12:
        return f"{value:.{digits - 1}g}"
    return f"{round(value, decimals) + 0.0:,.{decimals}f}"


def _tables(estimate: Estimate) -> list[tuple[str, pd.DataFrame]]:
    """The tables of a printed fit, already rounded to text."""
    real = inference.real_parameters(estimate)
    shown = pd.DataFrame(
        {
            "parameter": real["parameter"],
            "at": real["at"],
            "estimate": [rounded(v, s) for v, s in zip(real["estimate"], real["se"], strict=True)],
            "se": [rounded(s, s) for s in real["se"]],
            "95 % interval": _intervals(real),
            "unit": real["unit"],
        }
    )
    coefficients = _plain_coefficients(estimate)
    link = pd.DataFrame(
        {
            "coefficient": coefficients.index,
            "estimate": [
                rounded(v, s)
                for v, s in zip(coefficients["estimate"], coefficients["se"], strict=True)
            ],
            "se": [rounded(s, s) for s in coefficients["se"]],
            "95 % interval": _intervals(coefficients),
        }
    )
    tables = [("Estimates", shown), ("Coefficients (link scale)", link)]
    return [*tables, *_smooth_tables(estimate)]


def _plain_coefficients(estimate: Estimate) -> pd.DataFrame:
    """Coefficients but for those of penalised smooths, which mean nothing one by one."""
    hidden = [smooth.columns for smooth in estimate.model.smooths]
    table = estimate.coefficient_table()
    return table.drop(index=[estimate.names[j] for columns in hidden for j in columns])


def _smooth_tables(estimate: Estimate) -> list[tuple[str, pd.DataFrame]]:
    """Effective degrees of freedom of each penalised smooth; nothing without any."""
    if estimate.smoothing is None:
        return []
    table = estimate.smoothing.to_dataframe().reset_index()
    table["edf"] = [f"{edf:.2f}" for edf in table["edf"]]
    return [("Smooths (effective degrees of freedom)", table)]


def _intervals(table: pd.DataFrame) -> list[str]:
    columns = zip(table["lower"], table["upper"], table["se"], strict=True)
    return [f"{rounded(a, s)} to {rounded(b, s)}" if np.isfinite(s) else "-" for a, b, s in columns]


def _header(estimate: Estimate) -> list[str]:
    model = estimate.model
    formulas = ", ".join(f"{name} {p.text}" for name, p in model.parameters.items())
    effective = (
        "" if estimate.smoothing is None else f" ({estimate.effective_parameters:.2f} effective)"
    )
    metric = "" if model.metric is None else f"; distance {model.metric!r}"
    return [
        f"{model.detection.name}: {formulas}{metric}",
        str(estimate.fingerprint),
        f"logL {estimate.log_likelihood:.4f}, {estimate.n_parameters} coefficients{effective}, "
        f"AIC {estimate.aic:.2f}, AICc "
        + (f"{estimate.aicc:.2f}" if np.isfinite(estimate.aicc) else "- (too few animals)"),
        estimate.diagnosis.message,
        *(f"Doubt: {d}" for d in inference.doubts(estimate) if d != estimate.diagnosis.message),
    ]


def result_text(estimate: Estimate) -> str:
    """A fit as plain text.

    Parameters
    ----------
    estimate : Estimate

    Returns
    -------
    str
    """
    lines = _header(estimate)
    if not estimate.diagnosis.converged:
        return "\n".join(lines)
    for title, table in _tables(estimate):
        if (table.get("at", pd.Series([""])) == "").all():
            table = table.drop(columns="at", errors="ignore")
        lines += ["", title, table.to_string(index=False)]
    return "\n".join(lines)


def result_html(estimate: Estimate) -> str:
    """A fit as HTML for notebooks.

    Parameters
    ----------
    estimate : Estimate

    Returns
    -------
    str
    """
    first, *rest = _header(estimate)
    parts = [f"<p><b>{escape(first)}</b><br>" + "<br>".join(escape(line) for line in rest) + "</p>"]
    if estimate.diagnosis.converged:
        for title, table in _tables(estimate):
            if (table.get("at", pd.Series([""])) == "").all():
                table = table.drop(columns="at", errors="ignore")
            parts.append(f"<b>{escape(title)}</b>" + table.to_html(index=False, border=0))
    return "".join(parts)
