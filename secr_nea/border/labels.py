"""Words for tables, maps and sentences of a transboundary result, in English and Russian."""

from __future__ import annotations

import re
from collections.abc import Sequence

from secr_nea.errors import DataError

LANGUAGES = ("en", "ru")

WORDS = {
    "en": {
        "survey": "survey",
        "animal": "animal",
        "animals": "animals",
        "both": "both",
        "only": "{} only",
        "seen in": "seen in",
        "country": "country",
        "detections": "detections",
        "detections in": "detections in {}",
        "crossings": "crossings (at least)",
        "share in": "lives in {}",
        "furthest in": "furthest in {}, km",
        "from": "from",
        "to": "to",
        "last_seen": "last seen",
        "first_seen": "first seen",
        "order_known": "order known",
        "occasion": "occasion {}",
        "yes": "yes",
        "no": "no",
        "group": "seen",
        "area": "area, km²",
        "density": "animals per 100 km²",
        "number": "animals",
        "interval": "{:g} % interval",
        "together": "together",
        "elsewhere": "elsewhere",
        "list": "animals on the list",
        "sum of lists": "sum of the national lists",
        "different animals": "different animals",
        "counted twice": "counted more than once",
        "ratio": "sum / animals",
        "observed": "observed",
        "expected": "expected from the model",
        "national": "own list only",
        "joint": "joint estimate",
        "sum": "sum",
        "remark": "remark",
        "furthest": "furthest record, km",
        "furthest shared": "furthest record of an animal seen on both sides, km",
        "who": "by",
        "title animals": "Animals",
        "title groups": "On which side they were seen",
        "title crossings": "Crossings",
        "title furthest": "Furthest records from the border",
        "title abundance": "Numbers and density by country, from one joint estimate",
        "title double count": "National lists against the joint list",
        "title national": "Estimates from each country's own list",
        "title concordance": "Two catalogues of animals",
        "status": "status",
        "agreed": "agreed",
        "status only": "in one catalogue",
        "conflict": "CONFLICT",
        "key": "animal",
        "border": "border",
        "trap": "detector",
        "use": "Animals",
        "share axis": "Where the animal has its activity centre, %",
    },
    "ru": {
        "survey": "съёмка",
        "animal": "особь",
        "animals": "особи",
        "both": "обе стороны",
        "only": "только {}",
        "seen in": "где отмечена",
        "country": "страна",
        "detections": "регистрации",
        "detections in": "регистрации, {}",
        "crossings": "переходы границы (не менее)",
        "share in": "живёт: {}",
        "furthest in": "дальше всего, {}, км",
        "from": "откуда",
        "to": "куда",
        "last_seen": "последняя встреча",
        "first_seen": "первая встреча",
        "order_known": "порядок известен",
        "occasion": "период {}",
        "yes": "да",
        "no": "нет",
        "group": "отмечены",
        "area": "площадь, км²",
        "density": "особей на 100 км²",
        "number": "особей",
        "interval": "интервал {:g} %",
        "together": "вместе",
        "elsewhere": "вне этих стран",
        "list": "особей в списке",
        "sum of lists": "сумма национальных списков",
        "different animals": "разных особей",
        "counted twice": "учтено больше одного раза",
        "ratio": "сумма / особи",
        "observed": "наблюдалось",
        "expected": "ожидается по модели",
        "national": "только свой список",
        "joint": "совместная оценка",
        "sum": "сумма",
        "remark": "примечание",
        "furthest": "самая дальняя встреча, км",
        "furthest shared": "самая дальняя встреча особи, отмеченной на обеих сторонах, км",
        "who": "особь",
        "title animals": "Особи",
        "title groups": "На какой стороне отмечены",
        "title crossings": "Переходы границы",
        "title furthest": "Самые дальние от границы встречи",
        "title abundance": "Численность и плотность по странам, единая совместная оценка",
        "title double count": "Национальные списки и общий список",
        "title national": "Оценки по собственному списку каждой страны",
        "title concordance": "Два каталога особей",
        "status": "статус",
        "agreed": "согласовано",
        "status only": "только в одном каталоге",
        "conflict": "ПРОТИВОРЕЧИЕ",
        "key": "особь",
        "border": "граница",
        "trap": "ловушка",
        "use": "Особи",
        "share axis": "Где находится центр активности особи, %",
    },
}

NAMES: dict[str, dict[str, str]] = {
    "en": {},
    "ru": {
        "Russia": "Россия",
        "Mongolia": "Монголия",
        "China": "Китай",
        "Kazakhstan": "Казахстан",
        "north": "север",
        "south": "юг",
        "west": "запад",
        "east": "восток",
    },
}
"""Names of countries and sides that are known in another language; others stay as they are."""


def place(name: str, language: str) -> str:
    """Name of a country or of several, with commas between them, in a language.

    Examples
    --------
    >>> place("Mongolia, Russia", "ru")
    'Монголия, Россия'
    """
    return ", ".join(NAMES[language].get(part, part) for part in name.split(", "))


def localised(text: str, language: str) -> str:
    """Numbers in a text as the language writes them: in Russian 1 234,5.

    Examples
    --------
    >>> localised("3,628 and 0.801", "ru") == "3\u00a0628 and 0,801"
    True
    """
    if language != "ru":
        return text
    text = re.sub(r"(?<=\d),(?=\d{3})", "\u00a0", text)
    return re.sub(r"(?<=\d)\.(?=\d)", ",", text)


def words_of(language: str) -> dict[str, str]:
    """Words of a language.

    Parameters
    ----------
    language : {"en", "ru"}

    Returns
    -------
    dict of str to str

    Raises
    ------
    DataError
        If there is no such language.
    """
    if language not in WORDS:
        raise DataError(f"language must be one of {', '.join(LANGUAGES)}; got {language!r}.")
    return WORDS[language]


def counted(number: int, forms: Sequence[str]) -> str:
    """A number with its noun, in the form that the number asks for.

    Parameters
    ----------
    number : int
    forms : sequence of str
        Two for English (one, several); three for Russian (1, 2 to 4, 5 and more).

    Returns
    -------
    str

    Examples
    --------
    >>> [counted(n, ("особь", "особи", "особей")) for n in (1, 3, 12, 21)]
    ['1 особь', '3 особи', '12 особей', '21 особь']
    """
    if len(forms) == 2:
        return f"{number} {forms[number != 1]}"
    last, teens = number % 10, number % 100 // 10 == 1
    which = 2 if teens or last == 0 or last > 4 else 0 if last == 1 else 1
    return f"{number} {forms[which]}"
