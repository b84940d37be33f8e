"""The exceptions and the warning of the library, so that callers can catch them by kind."""

from __future__ import annotations


class SecrError(Exception):
    """Base of every error that the library raises on purpose."""


class DataError(SecrError, ValueError):
    """Tables, traps, captures or masks that cannot be right; the message names the cure."""


class CRSError(DataError):
    """Coordinates in a system that distances cannot be measured in, or in two different systems."""


class FormulaError(SecrError, ValueError):
    """A model formula that cannot be read or that names something the data do not have."""


class ModelError(SecrError, ValueError):
    """A model that cannot be built from the given surveys, formulas or options."""


class FitError(SecrError, RuntimeError):
    """A fit that could not be carried out, or a question that a failed fit cannot answer."""


class SecrWarning(UserWarning):
    """Doubtful data or science: the computation goes on, the message says what to look at."""
