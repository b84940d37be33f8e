"""The plain-language summary of a transboundary result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from secr_nea.border.labels import counted, localised, place
from secr_nea.results_text import rounded

if TYPE_CHECKING:
    from secr_nea.border.result import Transboundary

ANIMAL = {"en": ("animal", "animals"), "ru": ("особь", "особи", "особей")}
CROSSING = {"en": ("crossing", "crossings"), "ru": ("переход", "перехода", "переходов")}

SENTENCES: dict[str, dict[str, str]] = {
    "en": {
        "seen": "{animals} were told apart: {parts}.",
        "only": "{n} only in {country}",
        "both": "{n} on both sides",
        "crossed": "The records prove at least {crossings} of the border, by {animals}"
        "; the animal that crossed most often did so {most} times or more.",
        "crossed once": "The records prove at least {crossings} of the border, by {animals}.",
        "not crossed": "No animal was recorded on both sides.",
        "far": "{country}: the furthest record lies {km} km from the border ({animal}).",
        "lists": "If each country counted its own list, the sum would be {total}, but only "
        "{animals} were seen: a ratio of {ratio}.",
        "lists alike": "If each country counted its own list, the sum would be {total}: no "
        "animal is on two lists.",
        "expected lists": "The model expects a ratio of {ratio} from a survey like this one.",
        "joint": "One joint estimate gives {parts}; together {whole}.",
        "part": "{animals}{interval} in {country}, {density} per 100 km²",
        "whole": "{animals}{interval}",
        "together": "Both numbers come from one density surface and rise and fall together "
        "(correlation {r}): add the countries with their covariance, as in the row 'together'.",
        "national": "Each country on its own would estimate {parts}: {total} together, against "
        "{joint} jointly.",
        "national part": "{number} ({country})",
        "national none": "Estimates from each country's own list: {country} has none, because its "
        "data do not carry one.",
        "unearned": "No numbers by country are given: {reason}",
        "outside": "{share} % of the mask lies in none of the countries; the animals there are in "
        "the row 'elsewhere'.",
        "catalogues": "Of the names in the two catalogues {agreed} agree, {only} are in one only, "
        "and {conflict} are in conflict, to be settled before the lists are joined.",
        "catalogues agree": "The two catalogues agree on {agreed}; {only} are in one only, and "
        "none is in conflict.",
        "interval": " ({low} to {high})",
    },
    "ru": {
        "seen": "Различено: {animals}; {parts}.",
        "only": "{n} — только {country}",
        "both": "{n} — на обеих сторонах",
        "crossed": "Записи доказывают не менее чем {crossings} границы ({animals}); чаще всех "
        "границу переходила одна особь: не менее {most} раз.",
        "crossed once": "Записи доказывают не менее чем {crossings} границы ({animals}).",
        "not crossed": "Ни одна особь не отмечена на обеих сторонах.",
        "far": "{country}: самая дальняя встреча в {km} км от границы ({animal}).",
        "lists": "Сумма национальных списков — {total}, а разных животных отмечено {n}: "
        "отношение {ratio}.",
        "lists alike": "Сумма национальных списков — {total}, ни одно животное не учтено дважды.",
        "expected lists": "Для такой съёмки модель предсказывает отношение {ratio}.",
        "joint": "Единая совместная оценка: {parts}; вместе {whole}.",
        "part": "{country} — {animals}{interval}, {density} на 100 км²",
        "whole": "{animals}{interval}",
        "together": "Обе оценки получены из одной поверхности плотности и меняются согласованно "
        "(корреляция {r}): складывать страны следует с учётом ковариации, как в строке «вместе».",
        "national": "Каждая страна отдельно получила бы: {parts}; в сумме {total} против {joint} "
        "совместно.",
        "national part": "{country} — {number}",
        "national none": "Оценки по собственному списку: {country} — нет оценки, данных "
        "недостаточно.",
        "unearned": "Численность по странам не приводится: {reason}",
        "outside": "{share} % маски лежит вне этих стран; животные там — в строке "
        "«вне этих стран».",
        "catalogues": "В двух каталогах согласовано {agreed}, только в одном — {only}, "
        "противоречий — {conflict}; их нужно разрешить до объединения списков.",
        "catalogues agree": "Два каталога согласованы: общих {agreed}, только в одном — {only}, "
        "противоречий нет.",
        "interval": " ({low}–{high})",
    },
}


def sentences_of(found: Transboundary, *, public: bool = False) -> list[str]:
    """Sentences about one survey after another, and about the catalogues.

    Parameters
    ----------
    found : Transboundary
    public : bool
        Leave out what tells an animal and how far from the border it was.

    Returns
    -------
    list of str
    """
    names = list(found.double_count["survey"])
    sentences = []
    for name in names:
        own = _sentences(found, name, public)
        sentences += [f"{name}: {own[0]}", *own[1:]] if len(names) > 1 else own
    if found.concordance is not None:
        numbers = found.concordance.counts
        key = "catalogues" if numbers["conflict"] else "catalogues agree"
        text = SENTENCES[found.language][key]
        only = int(numbers.filter(like="only").sum())
        sentences.append(
            text.format(agreed=numbers["agreed"], only=only, conflict=numbers["conflict"])
        )
    return [localised(sentence, found.language) for sentence in sentences]


def _sentences(found: Transboundary, survey: str, public: bool) -> list[str]:
    text = SENTENCES[found.language]
    return [
        *_seen(found, survey, text),
        *_crossed(found, survey, text),
        *([] if public else _far(found, survey, text)),
        *_lists(found, survey, text),
        *_joint(found, survey, text),
        *_national(found, survey, text),
    ]


def _seen(found: Transboundary, survey: str, text: dict[str, str]) -> list[str]:
    groups = _of(found.groups, survey)
    parts = []
    for _, row in groups.iterrows():
        kind = "only" if row["n_sides"] == 1 else "both"
        label = place(row["seen_in"], found.language)
        shown = text[kind].format(n=row["animals"], country=label)
        parts.append(shown if row["n_sides"] < 3 else f"{row['animals']} ({label})")
    total = counted(int(groups["animals"].sum()), ANIMAL[found.language])
    return [text["seen"].format(animals=total, parts=", ".join(parts))]


def _crossed(found: Transboundary, survey: str, text: dict[str, str]) -> list[str]:
    own = _of(found.animals, survey)
    own = own[own["crossings"] > 0]
    if not len(own):
        return [text["not crossed"]]
    language = found.language
    return [
        text["crossed once" if own["crossings"].max() == 1 else "crossed"].format(
            crossings=counted(int(own["crossings"].sum()), CROSSING[language]),
            animals=counted(len(own), ANIMAL[language]),
            most=int(own["crossings"].max()),
        )
    ]


def _far(found: Transboundary, survey: str, text: dict[str, str]) -> list[str]:
    rows = _of(found.furthest, survey)
    return [
        text["far"].format(
            country=place(row["country"], found.language),
            km=f"{row['furthest_km']:.1f}",
            animal=row["animal"],
        )
        for _, row in rows.iterrows()
        if np.isfinite(row["furthest_km"])
    ]


def _lists(found: Transboundary, survey: str, text: dict[str, str]) -> list[str]:
    row = _of(found.double_count, survey).iloc[0]
    if not row["animals"]:
        return []
    animals = counted(int(row["animals"]), ANIMAL[found.language])
    sentences = [
        text["lists" if row["counted_again"] else "lists alike"].format(
            total=int(row["sum_of_lists"]),
            animals=animals,
            n=int(row["animals"]),
            ratio=f"{row['ratio']:.2f}",
        )
    ]
    if np.isfinite(row["expected_ratio"]):
        sentences.append(text["expected lists"].format(ratio=f"{row['expected_ratio']:.2f}"))
    return sentences


def number_of(row: pd.Series) -> tuple[float, float, float, float]:
    """Realised number with se and interval, or the expected one where there is none."""
    kind = "realised" if np.isfinite(row["realised_n"]) else "expected"
    value, se, low, high = (row[f"{kind}_{part}"] for part in ("n", "se", "lower", "upper"))
    return float(value), float(se), float(low), float(high)


def _joint(found: Transboundary, survey: str, text: dict[str, str]) -> list[str]:
    if found.unearned:
        return [text["unearned"].format(reason=found.unearned)]
    own = _of(found.abundance, survey)
    parts = []
    for country in found.countries:
        row = own[own["country"] == country]
        if len(row):
            parts.append(_part(row.iloc[0], text, found.language))
    whole = own[own["country"] == "together"].iloc[0]
    number, interval = _shown(whole, text, found.language)
    sentences = [
        text["joint"].format(
            parts=", ".join(parts), whole=text["whole"].format(animals=number, interval=interval)
        )
    ]
    outside = own[own["country"] == "elsewhere"]
    if len(outside):
        share = 100.0 * outside["area_km2"].iloc[0] / own["area_km2"].sum()
        sentences.append(text["outside"].format(share=f"{share:.2g}"))
    r = found.correlation(survey)
    if r is not None:
        sentences.append(text["together"].format(r=f"{r:.2f}"))
    return sentences


def _part(row: pd.Series, text: dict[str, str], language: str) -> str:
    number, interval = _shown(row, text, language)
    density = rounded(row["density_per_100km2"], digits=3)
    country = place(row["country"], language)
    return text["part"].format(animals=number, interval=interval, country=country, density=density)


def _shown(row: pd.Series, text: dict[str, str], language: str) -> tuple[str, str]:
    value, _, low, high = number_of(row)
    if not np.isfinite(value):
        return "-", ""
    number = counted(round(value), ANIMAL[language])
    if not np.isfinite(low):
        return number, ""
    return number, text["interval"].format(low=f"{low:.0f}", high=f"{high:.0f}")


def _national(found: Transboundary, survey: str, text: dict[str, str]) -> list[str]:
    if found.national is None or found.unearned:
        return []
    own = _of(found.national, survey)
    without = own[own["number"].isna()]
    if len(without):
        return [
            text["national none"].format(
                country=place(", ".join(without["country"]), found.language)
            )
        ]
    parts = [
        text["national part"].format(
            number=f"{row['number']:.0f}", country=place(row["country"], found.language)
        )
        for _, row in own.iterrows()
    ]
    together = _of(found.abundance, survey)
    joint: Any = number_of(together[together["country"] == "together"].iloc[0])[0]
    return [
        text["national"].format(
            parts=", ".join(parts), total=f"{own['number'].sum():.0f}", joint=f"{joint:.0f}"
        )
    ]


def _of(table: pd.DataFrame, survey: str) -> pd.DataFrame:
    return table[table["survey"] == survey]
