"""The command line: ``python -m secr_nea estimate ...``, ``demo``, ``convert ...``."""

from secr_nea.cli.commands import app, commands, main

__all__ = ["app", "commands", "main"]
