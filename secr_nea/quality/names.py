"""Ids as people write them: placeholders, two spellings of one id, spaces around it."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Sequence

from secr_nea._checks import did_you_mean
from secr_nea.capture_tables import PLACEHOLDERS

_PLACEHOLDER = re.compile(
    r"(unknown|unk|unkn|unknow|unsure|uncertain|unidentified|unidentifiable|unid|un-id|undetermined|"
    r"indet|not identified|no id|noid|none|null|nil|nan|n\.?/?a\.?|not available|tbd|xxx+|"
    r"неизвестно|неизвестный|неизвестная|неизв|неопознан\w*|не определ[её]н\w*|н/?о|"
    r"[?\-_.*#]+)[\s\W_]*\d{0,3}\W*"
)
# letters that look alike in Cyrillic and Latin print
_LOOKALIKE = str.maketrans("авеікмнорстухё", "abeikmhopctyxe")
_LETTERS_ALIKE = str.maketrans("АВЕКМНОРСТУХІаеорсухікмнт", "ABEKMHOPCTYXIaeopcyxikmht")
_TOKEN = re.compile(r"\d+|[^\W\d_]+")
SHORTEST_NAME = 5
"""Letters from which two names that differ in one letter are doubted."""


def is_placeholder(name: str) -> bool:
    """Tell whether an id is a word for "we do not know who it was".

    Examples
    --------
    >>> is_placeholder("Unknown-2"), is_placeholder("?"), is_placeholder("Una")
    (True, True, False)
    """
    text = name.strip().casefold()
    return bool(text) and (text in PLACEHOLDERS or _PLACEHOLDER.fullmatch(text) is not None)


def spelling_key(name: str) -> tuple[str, ...]:
    """What is left of an id without case, punctuation, leading zeros and remarks in brackets.

    Letters and digits stay apart, so that ``A1-1`` and ``A11`` differ while ``SL-05``, ``sl 5`` and
    ``SL05 (cub?)`` agree.

    Examples
    --------
    >>> spelling_key("SL-05"), spelling_key("sl 5?"), spelling_key("A1-1"), spelling_key("A11")
    (('sl', '5'), ('sl', '5'), ('a', '1', '1'), ('a', '11'))
    """
    text = re.sub(r"\(.*?\)|\[.*?\]", " ", name).casefold().translate(_LOOKALIKE)
    text = re.sub(r"(?<=\d)\.0+$", "", text.strip())
    words = [word.lstrip("0") or "0" if word.isdecimal() else word for word in _TOKEN.findall(text)]
    joined: list[str] = []
    for word in words:
        # "Snow leopard" and "snowleopard" are one spelling; digits never merge
        if joined and not word.isdecimal() and not joined[-1].isdecimal():
            joined[-1] += word
        else:
            joined.append(word)
    return tuple(joined) or (name.strip().casefold(),)


def spelling_groups(names: Iterable[str]) -> list[list[str]]:
    """Groups of ids that are spellings of one another, in order of appearance.

    Parameters
    ----------
    names : iterable of str
        Without spaces around them.

    Returns
    -------
    list of list of str
        Each with two ids or more.
    """
    groups: dict[tuple[str, ...], list[str]] = {}
    for name in dict.fromkeys(names):
        groups.setdefault(spelling_key(name), []).append(name)
    return [group for group in groups.values() if len(group) > 1]


def one_letter_apart(names: Sequence[str]) -> list[tuple[str, str]]:
    """Pairs of ids that differ by one letter that was left out, added, mistaken or exchanged.

    Serial names stay apart: ids that differ in a digit or in the last letter are no pair, nor are
    short ones, nor words that stand in several ids each (``North1, North2, Nortb1, Nortb2``): these
    are names of groups.

    Examples
    --------
    >>> one_letter_apart(["Scarface", "Scarfase", "TigerA", "TigerB", "SL01", "SL02"])
    [('Scarface', 'Scarfase')]
    """
    keys = {name: spelling_key(name) for name in dict.fromkeys(names)}
    words = Counter(word for key in keys.values() for word in key)
    pairs = []
    for a, b in itertools.combinations(keys, 2):
        word = _different_word(keys[a], keys[b])
        if word is not None and _one_slip(*word) and min(words[w] for w in word) == 1:
            pairs.append((a, b))
    return pairs


def _different_word(a: tuple[str, ...], b: tuple[str, ...]) -> tuple[str, str] | None:
    """The one word in which two ids differ, if it is one, of letters, and long enough."""
    if len(a) != len(b):
        return None
    different = [(x, y) for x, y in zip(a, b, strict=True) if x != y]
    if len(different) != 1 or min(map(len, different[0])) < SHORTEST_NAME:
        return None
    return None if any(word.isdecimal() for word in different[0]) else different[0]


def _one_slip(x: str, y: str) -> bool:
    """One edit or exchange of neighbours, but none that only changes or adds the last letter."""
    longer, shorter = (x, y) if len(x) >= len(y) else (y, x)
    if len(longer) == len(shorter) + 1:
        return any(longer[:i] + longer[i + 1 :] == shorter for i in range(len(longer) - 1))
    if len(longer) != len(shorter):
        return False
    places = [i for i in range(len(x)) if x[i] != y[i]]
    if len(places) == 1:
        return places[0] < len(x) - 1
    i = places[0]
    return places == [i, i + 1] and x[i : i + 2] == y[i + 1] + y[i]


def same_id_hint(name: str, known: Iterable[str]) -> str:
    """Which known id is likely meant, for messages; "" when none is.

    Ids that are spellings of each other go first. Of others only those with the same digits are
    near: CT07 is no misprint of CT27 that anybody could tell.

    Examples
    --------
    >>> same_id_hint("CT7", ["CT07", "CT27"]), same_id_hint("CT99", ["CT07", "CT27"])
    (" (did you mean 'CT07'?)", '')
    >>> same_id_hint("Rigde 2", ["Ridge 2", "Ridge 3"])
    " (did you mean 'Ridge 2'?)"
    """
    ids = list(dict.fromkeys(known))
    key = spelling_key(name)
    same = [other for other in ids if spelling_key(other) == key]
    if same and name.translate(_LETTERS_ALIKE) == same[0].translate(_LETTERS_ALIKE):
        return f" ({same[0]!r} looks the same, but has other letters: Latin and Cyrillic)"
    digits = [word for word in key if word.isdecimal()]
    alike = [o for o in ids if [word for word in spelling_key(o) if word.isdecimal()] == digits]
    return f" (did you mean {same[0]!r}?)" if same else did_you_mean(name, alike)


SEX_WORDS = {
    "female": "female", "f": "female", "fem": "female", "♀": "female", "w": "female",
    "ж": "female", "самка": "female", "жен": "female",
    "male": "male", "m": "male", "♂": "male", "м": "male", "самец": "male", "муж": "male",
}  # fmt: skip
"""Words for the two sexes."""

UNKNOWN_SEX = frozenset(
    {"", "u", "unk", "unknown", "?", "na", "n/a", "nan", "none", "null", "-", "undetermined",
     "unsure", "not known", "н", "н/о", "неизвестно", "неизв", "unid", "indet"}
)  # fmt: skip
"""Words for a sex that is not known."""


def sex_of(word: str) -> str | None:
    """Read a sex: "female", "male", "" when unknown, None when the word is not understood.

    Examples
    --------
    >>> sex_of("F"), sex_of("самец"), sex_of("Unknown"), sex_of("adult")
    ('female', 'male', '', None)
    """
    text = word.strip().casefold().rstrip(".")
    if text in UNKNOWN_SEX:
        return ""
    if text.endswith("?"):
        return "" if text.rstrip("? ") in SEX_WORDS else None
    return SEX_WORDS.get(text)
