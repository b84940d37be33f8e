"""How objects show themselves in a notebook: a small table of facts, or a table with notes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def facts_html(title: str, facts: Mapping[str, object]) -> str:
    """Small HTML table with a caption and one row a fact; all text is escaped."""
    rows = "".join(
        f"<tr><th style='text-align:left'>{escape(name)}</th><td "
        f"style='text-align:left'>{escape(str(value))}</td></tr>"
        for name, value in facts.items()
    )
    return f"<table><caption>{escape(title)}</caption><tbody>{rows}</tbody></table>"


def frame_html(frame: pd.DataFrame, notes: Sequence[str] = (), title: str = "") -> str:
    """A table of text with a title above and notes below; all text is escaped."""
    head = f"<p><b>{escape(title)}</b></p>" if title else ""
    told = "".join(f"<li>{escape(note)}</li>" for note in notes)
    below = f"<ul style='font-size:90%'>{told}</ul>" if told else ""
    return head + frame.to_html(escape=True, border=0) + below
