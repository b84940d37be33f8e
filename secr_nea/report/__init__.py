"""Results that leave the program: a page with tables, maps and rasters, and plain values."""

from secr_nea.report.folder import write_report
from secr_nea.report.plain import plain_values, write_json

__all__ = ["plain_values", "write_json", "write_report"]
