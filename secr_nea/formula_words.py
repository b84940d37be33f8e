"""Words of formulas: the functions that may be called, and what users of R may type instead."""

from __future__ import annotations

ALLOWED_CALLS = frozenset(
    [
        "bs",
        "cr",
        "cs",
        "cc",
        "poly",
        "s",
        "te",
        "scale",
        "center",
        "standardize",
        "C",
        "I",
        "log",
        "log10",
        "log2",
        "exp",
        "exp10",
        "sqrt",
        "abs",
        "hashed",
    ]
)
"""formulaic's transforms, smooths, and a few functions of NumPy."""

R_TERMS = {
    "t": "occasion",
    "T": "occasion_trend",
    "Session": "session_trend",
    "b": "detected_before",
    "B": "detected_last_occasion",
    "bk": "detected_before_here",
    "Bk": "detected_last_occasion_here",
    "k": "trap_detected_before",
    "K": "trap_detected_last_occasion",
    "h2": "latent_class (with classes=2)",
    "h3": "latent_class (with classes=3)",
    "g": "the name of the group's covariate (with groups=)",
    "sex": "a word for detection with classes='sex', groups='sex' or population='conditional'",
    "X": "x",
    "Y": "y",
}
"""Predictors of R's secr and their words here."""
