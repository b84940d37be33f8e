"""Fonts for pictures whose names are written in Chinese, Japanese or Korean."""

from __future__ import annotations

import re
import warnings
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from secr_nea import _checks

EAST_ASIAN = (
    "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans SC", "Source Han Sans SC",
    "Source Han Sans CN", "Microsoft YaHei", "PingFang SC", "Hiragino Sans GB", "SimHei",
    "WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "Droid Sans Fallback", "Arial Unicode MS",
)  # fmt: skip
"""Fonts of Windows, macOS and Linux that have what matplotlib's own font has not."""

_MISSING = re.compile(r"Glyph (\d+) .*missing from font")


def families(installed: Collection[str], usual: list[str]) -> list[str]:
    """The usual fonts, and after them one that has Chinese letters, if it is installed.

    Parameters
    ----------
    installed : collection of str
        Names of the fonts of this machine.
    usual : list of str
        matplotlib's setting ``font.family``.

    Returns
    -------
    list of str
        A letter is drawn in the first font that has it.
    """
    return [*usual, *[name for name in EAST_ASIAN if name in installed][:1]]


@contextmanager
def written_in_any_script() -> Iterator[None]:
    """Draw with a font for Chinese letters; one warning for those that no font has."""
    import matplotlib
    from matplotlib import font_manager

    installed = font_manager.get_font_names()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        with matplotlib.rc_context(
            {"font.family": families(installed, list(matplotlib.rcParams["font.family"]))}
        ):
            yield
    lost: dict[str, None] = {}
    for warning in told:
        if letter := _MISSING.search(str(warning.message)):
            lost[chr(int(letter[1]))] = None
        else:
            warnings.warn_explicit(
                warning.message, warning.category, warning.filename, warning.lineno
            )
    if lost:
        _checks.warn(
            f"No font of this machine has the letters {''.join(lost)}: the pictures of the report "
            "show boxes in their place. Install one that has them, such as Noto Sans CJK, and "
            "write the report again.",
            stacklevel=7,
        )
