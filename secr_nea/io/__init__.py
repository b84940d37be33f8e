"""Readers and writers of the files that surveys are kept in."""

from __future__ import annotations

from secr_nea.io.searches import read_searches
from secr_nea.io.tables import read_captures, read_mask, read_surveys, read_traps

__all__ = ["read_captures", "read_mask", "read_searches", "read_surveys", "read_traps"]
