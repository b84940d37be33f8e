"""The command line: ``python -m secr_nea check ...``, ``estimate``, ``design`` and others."""

from secr_nea.cli.commands import app, commands, main

__all__ = ["app", "commands", "main"]
