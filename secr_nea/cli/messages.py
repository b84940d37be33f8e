"""Warnings as a person at a terminal reads them: one plain line each."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from secr_nea.errors import SecrWarning


def one_line(message: object) -> str:
    """The message without line breaks."""
    return " ".join(str(message).split())


@contextmanager
def plain_warnings() -> Iterator[list[str]]:
    """Print the library's warnings on stderr as they come, each once; others are left to Python.

    Yields
    ------
    list of str
        What was warned of so far.
    """
    told: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("always", SecrWarning)
        show_others = warnings.showwarning

        def show(
            message: Warning | str,
            category: type[Warning],
            filename: str,
            lineno: int,
            file: TextIO | None = None,
            line: str | None = None,
        ) -> None:
            if not issubclass(category, SecrWarning):
                show_others(message, category, filename, lineno, file, line)
            elif one_line(message) not in told:
                told.append(one_line(message))
                print(f"warning: {told[-1]}", file=sys.stderr)

        warnings.showwarning = show
        yield told
