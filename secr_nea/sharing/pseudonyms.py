"""Names that mean nothing without the key, and columns that would give a place away."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pandas as pd

from secr_nea import _checks
from secr_nea.errors import DataError
from secr_nea.sharing.motion import digest

_PLACES = re.compile(
    r"x|y|z|e|n|lat\w*|lon\w*|easting\w*|northing\w*|utm\w*|(x|y)_?(coord\w*|utm|m)|coord\w*|"
    r"\w*zone|grid\w*|geom\w*|wkt|location\w*|locality|place\w*|site\w*|station\w*|camera\w*|name\w*|"
    r"trap\w*|village\w*|note\w*|comment\w*|remark\w*|description|address|photo\w*|"
    r"file\w*|gps\w*|district\w*|observer\w*|"
    r"х|у|(\w*_)?(широт|долгот|координат|мест[оа](?!обит)|местност|урочищ|кордон|участ|лесничеств|район|зон|"
    r"стоянк|станци|камер|фотоловуш|ловуш|точк|назван|имя|имен|сел[оа]|посел|деревн|примечан|коммент|"
    r"описан|адрес|наблюдател|инспектор|автор|фио|фото|файл)\w*",
    re.IGNORECASE,
)
"""Names of columns that tell a place or a person."""


def pseudonym(name: str, kind: str, key: str) -> str:
    """What a name is called under a key; the same name always has the same pseudonym.

    Parameters
    ----------
    name : str
    kind : str
        ``"animal"``, ``"trap"``: the same name of another kind has another pseudonym.
    key : str

    Returns
    -------
    str
        Such as ``"animal-3f9c2e71a0"``.
    """
    return f"{kind}-{digest(key, f'{kind}:{name.strip()}').hex()[:10]}"


def pseudonyms(names: Sequence[str], kind: str, key: str) -> list[str]:
    """Pseudonyms of several names.

    Parameters
    ----------
    names : sequence of str
    kind : str
    key : str

    Returns
    -------
    list of str

    Raises
    ------
    DataError
        If two names have the same pseudonym.
    """
    found = [pseudonym(name, kind, key) for name in names]
    if len(set(found)) < len(found):
        raise DataError(f"Two {kind} names have the same pseudonym; use another key.")
    return found


def telling_columns(frame: pd.DataFrame, keep: Sequence[str] = ()) -> list[str]:
    """Columns that would tell where or who: named like places, or a text of its own in most rows.

    Parameters
    ----------
    frame : DataFrame
    keep : sequence of str
        Columns that are wanted all the same.

    Returns
    -------
    list of str
    """
    found = []
    for name, column in frame.items():
        known = column.dropna()
        is_text = _checks.is_categorical(known) and not pd.api.types.is_bool_dtype(known)
        of_its_own = is_text and known.nunique() > max(6, 0.5 * len(known))
        if (
            _PLACES.fullmatch(re.sub(r"\W+", "_", str(name).strip()).strip("_")) or of_its_own
        ) and name not in keep:
            found.append(str(name))
    return found
