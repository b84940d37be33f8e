"""Readers and writers of the files that surveys are kept in."""

from __future__ import annotations

from secr_nea.io.boundary import read_boundary
from secr_nea.io.camtrap_dp import read_camtrap_dp
from secr_nea.io.camtrap_dp_write import dated_tables, write_camtrap_dp
from secr_nea.io.camtrapr import read_camtrapr
from secr_nea.io.field_sheets import read_field_tables
from secr_nea.io.field_tables import FieldTables
from secr_nea.io.geo_files import write_geopackage, write_geotiff, write_netcdf
from secr_nea.io.nextgis import read_nextgis
from secr_nea.io.projections import local_projection
from secr_nea.io.searches import read_searches
from secr_nea.io.secr_rdata import read_secr_rdata, secr_rdata_contents
from secr_nea.io.secr_text import read_secr_text
from secr_nea.io.secr_write import write_secr
from secr_nea.io.spacecap import read_spacecap
from secr_nea.io.synonyms import ColumnMapping, suggest_columns
from secr_nea.io.table_files import write_tables
from secr_nea.io.tables import read_captures, read_mask, read_surveys, read_traps
from secr_nea.io.wildlife_insights import read_wildlife_insights

__all__ = [
    "ColumnMapping",
    "FieldTables",
    "dated_tables",
    "local_projection",
    "read_boundary",
    "read_camtrap_dp",
    "read_camtrapr",
    "read_captures",
    "read_field_tables",
    "read_mask",
    "read_nextgis",
    "read_searches",
    "read_secr_rdata",
    "read_secr_text",
    "read_spacecap",
    "read_surveys",
    "read_traps",
    "read_wildlife_insights",
    "secr_rdata_contents",
    "suggest_columns",
    "write_camtrap_dp",
    "write_geopackage",
    "write_geotiff",
    "write_netcdf",
    "write_secr",
    "write_tables",
]
