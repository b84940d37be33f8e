"""The command line: ``python -m secr_nea estimate ...``, ``check``, ``convert``, ``demo``."""

from secr_nea.cli.commands import app, commands, main

__all__ = ["app", "commands", "main"]
