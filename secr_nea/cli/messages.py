"""What a person at a terminal reads and types: warnings in one plain line, orders of dates."""

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


def date_orders(text: str) -> str | dict[str, str]:
    """Order of day and month as typed: one for all tables, or one for each that is named.

    Examples
    --------
    >>> date_orders("dmy"), date_orders("traps=dmy,detections=mdy")
    ('dmy', {'traps': 'dmy', 'detections': 'mdy'})
    """
    if "=" not in text:
        return text.strip()
    pairs = [part.partition("=") for part in text.split(",")]
    return {table.strip(): order.strip() for table, _, order in pairs}
