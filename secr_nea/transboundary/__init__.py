"""One survey across a border: what each side may say, and what both must say together."""

from secr_nea.transboundary.analysis import transboundary
from secr_nea.transboundary.catalogues import Concordance, concordance
from secr_nea.transboundary.result import Transboundary

__all__ = ["Concordance", "Transboundary", "concordance", "transboundary"]
