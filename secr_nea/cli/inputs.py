"""From what was typed to surveys and values: masks, pairs ``name=value``, coefficients in files."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import secr_nea as sn
from secr_nea.errors import DataError, FormulaError, ModelError

AUTO = "auto"


def mask_source(
    mask: str, buffer: float | None, spacing: float | None, habitat: str | None = None
) -> str | Callable[[sn.TrapArray], sn.HabitatMask]:
    """Mask table, or a function that makes a mask around traps.

    Parameters
    ----------
    mask : str
        Path of a table, or "auto".
    buffer, spacing : float, metres, optional
    habitat : str, optional
        Path of a layer of polygons; only cells in them are kept.

    Returns
    -------
    str or callable

    Raises
    ------
    DataError
        "auto" without a buffer; a buffer or habitat with a table.
    """
    if mask != AUTO:
        if buffer is not None:
            raise DataError(
                f"--buffer is for --mask auto; the mask table {mask!r} already says how far it "
                "reaches. Leave one of the two out."
            )
        if habitat is not None:
            raise DataError(
                f"--habitat is for --mask auto; the mask table {mask!r} already says which cells "
                "are habitat. Leave one of the two out."
            )
        return mask
    if buffer is None:
        raise DataError(
            "--mask auto needs --buffer, the distance in metres that the mask reaches from the "
            "traps: about 4 sigma, for example --buffer 25000."
        )
    return lambda traps: sn.HabitatMask.around(
        traps, buffer=buffer, spacing=spacing, habitat=habitat
    )


def pairs(given: Sequence[str], option: str, example: str) -> dict[str, str]:
    """Values by name from ``name=value`` texts.

    Parameters
    ----------
    given : sequence of str
    option, example : str
        For the message.

    Returns
    -------
    dict of str to str

    Raises
    ------
    ModelError
        If one is not of that form, or a name stands twice.
    """
    found: dict[str, str] = {}
    for text in given:
        name, sign, value = (part.strip() for part in text.partition("="))
        if not (name and sign and value):
            raise ModelError(f"{option} {text!r} is not name=value, such as {option} {example}.")
        if name in found:
            raise ModelError(f"{option} gives {name} twice, {found[name]} and {value}.")
        found[name] = value
    return found


def fixed_values(given: Sequence[str]) -> dict[str, float]:
    """Real parameters to hold at a value.

    Parameters
    ----------
    given : sequence of str
        Such as ``["sigma=5000"]``.

    Returns
    -------
    dict of str to float

    Raises
    ------
    ModelError
        If a value is not a number.
    """
    found = {}
    for name, text in pairs(given, "--fixed", "sigma=5000").items():
        try:
            found[name] = float(text)
        except ValueError:
            raise ModelError(
                f"--fixed {name}={text}: {text!r} is not a number, such as --fixed sigma=5000."
            ) from None
    return found


def coefficients_in(path: str, option: str) -> dict[str, float]:
    """Coefficients on the link scale from a JSON file.

    Parameters
    ----------
    path : str
        ``{name: value}``, or with the key "coefficients", also as this program writes it.
    option : str
        For the message.

    Returns
    -------
    dict of str to float

    Raises
    ------
    DataError
        If there is no such file, it is not JSON, or a value is not a number.
    """
    if not Path(path).is_file():
        raise DataError(f"{option}: there is no file {path!r} (looked from {str(Path.cwd())!r}).")
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{option}: {path} is not valid JSON: {error}.") from None
    if isinstance(content, Mapping) and "coefficients" in content:
        content = content["coefficients"]
    if not isinstance(content, Mapping) or not content:
        raise DataError(
            f"{option}: {path} must hold coefficients by name, such as "
            '{"D:Intercept": 0.2, "sigma:Intercept": 8.6}.'
        )
    return {str(name): _number(value, name, f"{option}: {path}") for name, value in content.items()}


def _number(value: Any, name: str, place: str) -> float:
    if isinstance(value, Mapping):
        value = value.get("estimate")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise DataError(f"{place}: the coefficient {name!r} must be a number; got {value!r}.")
    return float(value)


def refuse_survey_column(formulas: Mapping[str, str], column: str) -> None:
    """FormulaError when a formula calls the survey by the name of its column.

    Parameters
    ----------
    formulas : mapping of str to str
    column : str
        The survey column of the tables.
    """
    if column == "session":
        return
    word = re.compile(rf"(?<![\w.]){re.escape(column)}(?![\w.(])")
    for name, text in formulas.items():
        if word.search(text):
            raise FormulaError(
                f"--{name} {text!r} uses {column!r}, the survey column. Formulas call the survey "
                "'session', whatever its column is called: write session."
            )
