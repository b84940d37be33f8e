"""Checks of field data, explicit corrections, and effort from the times when cameras worked."""

from __future__ import annotations

from secr_nea.quality.assemble import capture_history, trap_array
from secr_nea.quality.check import check_tables
from secr_nea.quality.corrections import Change, Correction
from secr_nea.quality.findings import Finding, Findings
from secr_nea.quality.independence import independent_detections
from secr_nea.quality.kinds import KINDS
from secr_nea.quality.ledger import Ledger
from secr_nea.quality.operation import Effort, Operation
from secr_nea.quality.raw_tables import RawTables, raw_tables
from secr_nea.quality.windows import SurveyWindow, choose_window, window_curve

__all__ = [
    "KINDS",
    "Change",
    "Correction",
    "Effort",
    "Finding",
    "Findings",
    "Ledger",
    "Operation",
    "RawTables",
    "SurveyWindow",
    "capture_history",
    "check_tables",
    "choose_window",
    "independent_detections",
    "raw_tables",
    "trap_array",
    "window_curve",
]
