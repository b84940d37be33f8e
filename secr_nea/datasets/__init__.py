"""Surveys that ship with the library: simulated animals, real terrain."""
