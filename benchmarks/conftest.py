"""Conditions of all benchmarks that pytest runs."""

from __future__ import annotations

import os

import machine

# Before anything imports NumPy.
os.environ.update(machine.BLAS_THREADS)
