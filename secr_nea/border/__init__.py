"""One survey across a border: what each side may say, and what both must say together."""

from secr_nea.border.analysis import mark_of, transboundary
from secr_nea.border.catalogues import Concordance, concordance
from secr_nea.border.result import Transboundary

__all__ = ["Concordance", "Transboundary", "concordance", "mark_of", "transboundary"]
