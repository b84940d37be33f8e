"""From a fit and a border to everything that both sides ask for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from secr_nea import _checks, inference
from secr_nea._typing import BoolArray, FloatArray
from secr_nea.border.catalogues import Concordance, concordance
from secr_nea.border.crossings import crossings_of
from secr_nea.border.labels import words_of
from secr_nea.border.national import MASKS, expected_detected, national_estimates
from secr_nea.border.records import side_records, with_dates
from secr_nea.border.result import Transboundary
from secr_nea.border.sides import Sides, sides_of
from secr_nea.errors import DataError
from secr_nea.estimate import Estimate
from secr_nea.inference.activity import survey_activity_centers
from secr_nea.inference.detectability import survey_index
from secr_nea.survey import Survey

TOGETHER, ELSEWHERE = "together", "elsewhere"


def transboundary(
    fit: Estimate,
    countries: Any,
    *,
    by: str | None = "country",
    names: Mapping[str, str] | None = None,
    survey: str | None = None,
    detections: Any = None,
    catalogues: Any = None,
    national: str | None = None,
    level: float = 0.95,
    language: str = "en",
) -> Transboundary:
    """Everything that two countries ask of one survey across their border.

    Which animals were seen on which side, how often they crossed, how far from the border they
    were met, how many live on each side, and how wrong the sum of the two national lists is.

    Parameters
    ----------
    fit : FitResult
        One fit to the records of both sides, in which a shared animal has one id.
    countries : GeoDataFrame, geometry or vector file
        Polygons of the countries, or the line of the border, in any projection.
    by : str, optional
        Attribute of the polygons that names the countries.
    names : mapping of str to str, optional
        Other names for the sides; those of a line are called ``"north"`` and ``"south"``, or
        ``"west"`` and ``"east"``.
    survey : str, optional
        Only this survey; all by default, each by itself.
    detections : DataFrame or CSV file, optional
        Columns animal_id, trap_id, date (and survey): the table that the captures were made of.
        Crossings are then told by date, else by occasion.
    catalogues : DataFrame, CSV file or Concordance, optional
        Names of the animals in two catalogues; see `concordance`.
    national : {"own side", "whole mask"}, optional
        Also fit the model to each country's detectors and records alone, with a mask that ends at
        the border (as if it were a fence) or goes on across it.
    level : float
        Confidence level of the intervals.
    language : {"en", "ru"}
        Language of labels and sentences; the columns of the tables keep their English names.

    Returns
    -------
    Transboundary
        Tables, ``summary`` in plain sentences, and ``plot()``.

    Raises
    ------
    DataError, CRSError
        If the countries, dates or catalogues cannot be used, or a detector with records stands
        outside all countries.

    Notes
    -----
    Numbers by country come from one density surface (`secr_nea.inference.abundance`, variance
    ``"mspe"``), with their covariance (`secr_nea.inference.abundance_covariance`), so that the row
    ``together`` has the right interval. Crossings are the fewest that the records allow. Of a fit
    that did not earn its numbers (not converged, flat, at a boundary) only what was seen is told.

    Examples
    --------
    >>> import secr_nea as sn
    >>> result = sn.fit(sn.datasets.sailugem(), progress=False)
    >>> found = sn.transboundary(result, sn.datasets.sailugem_countries())
    >>> found.groups[["seen_in", "animals"]]
                seen_in  animals
    0          Mongolia       10
    1            Russia        6
    2  Mongolia, Russia       12
    """
    words_of(language)
    if national is not None and national not in MASKS:
        raise DataError(f"national must be one of {', '.join(MASKS)}, or None; got {national!r}.")
    surveys = fit.model.surveys
    chosen = list(range(len(surveys))) if survey is None else [survey_index(fit, survey)]
    own = tuple(surveys[b] for b in chosen)
    extents = np.array([_extent(item) for item in own])
    ends = (*extents[:, :2].min(axis=0), *extents[:, 2:].max(axis=0))
    west, south, east, north = map(float, ends)
    sides = sides_of(countries, by, crs=own[0].crs, extent=(west, south, east, north), names=names)
    _refuse_reserved(sides)
    _warn_of_shared_ids(own)
    records = pd.concat([side_records(item, sides) for item in own], ignore_index=True)
    timed = records
    if detections is not None:
        timed = with_dates(records, detections, [item.name for item in own])
    crossings = crossings_of(timed, sides.names)
    unearned = inference.unearned(fit)
    shares = {} if unearned else {b: _shares(fit, b, sides) for b in chosen}
    has_numbers = not unearned and fit.model.has_density
    return Transboundary(
        sides=sides,
        surveys=own,
        records=records,
        animals=_animals(own, records, crossings, sides, [shares.get(b) for b in chosen]),
        groups=_groups(own, records, sides),
        crossings=crossings,
        furthest=_furthest(own, records, sides),
        abundance=_abundance(fit, chosen, sides, level) if has_numbers else pd.DataFrame(),
        covariance=_covariances(fit, chosen, sides) if has_numbers else {},
        double_count=_double_count(fit, chosen, records, sides, has_numbers),
        national=_national(fit, chosen, sides, national, level),
        concordance=_catalogues(catalogues),
        unearned=unearned or ("" if has_numbers else "the model has no density."),
        level=level,
        language=language,
        mark=mark_of(fit),
    )


def mark_of(fit: Estimate) -> str:
    """Short text that differs between fits of other data, models or estimates.

    Parameters
    ----------
    fit : Estimate

    Returns
    -------
    str
    """
    return _checks.fingerprint(fit.fingerprint.code, fit.names, fit.coefficients)


def _extent(item: Survey) -> tuple[float, ...]:
    west, south, east, north = zip(item.mask.extent, item.traps.bounds, strict=True)
    return min(west), min(south), max(east), max(north)


def _refuse_reserved(sides: Sides) -> None:
    taken = [name for name in sides.names if name in (TOGETHER, ELSEWHERE)]
    if taken:
        raise DataError(f"A country may not be called {taken[0]!r}; rename it with names=.")


def _warn_of_shared_ids(surveys: Sequence[Survey]) -> None:
    seen: dict[str, str] = {}
    shared: dict[str, None] = {}
    for item in surveys:
        for name in item.captures.animal_ids:
            if seen.setdefault(name, item.name) != item.name:
                shared[name] = None
    if shared:
        _checks.warn(
            f"{_checks.listed(shared)} {'is' if len(shared) == 1 else 'are'} in several surveys. "
            "If these are the two sides of one border in one season, join them into one survey: "
            "as surveys of their own they count these animals twice.",
            stacklevel=4,
        )


def _inside(fit: Estimate, b: int, sides: Sides) -> dict[str, BoolArray]:
    """Mask points of each country that has any, and of none."""
    side = sides.of(fit.model.surveys[b].mask.xy)
    found = {name: side == j for j, name in enumerate(sides.names)}
    found[ELSEWHERE] = side < 0
    return {name: inside for name, inside in found.items() if inside.any()}


def _shares(fit: Estimate, b: int, sides: Sides) -> FloatArray:
    """Share of each animal's activity centre by country and elsewhere, (n_animals, n_sides + 1)."""
    each = survey_activity_centers(fit, b)
    side = sides.of(fit.model.surveys[b].mask.xy)
    columns = [each @ (side == j) for j in [*range(len(sides.names)), -1]]
    return np.column_stack(columns)


def _animals(
    surveys: Sequence[Survey],
    records: pd.DataFrame,
    crossings: pd.DataFrame,
    sides: Sides,
    shares: Sequence[FloatArray | None],
) -> pd.DataFrame:
    """One row per survey and animal."""
    crossed = crossings.groupby(["survey", "animal"]).size()
    rows = []
    for item, share in zip(surveys, shares, strict=True):
        of_survey = records[records["survey"] == item.name]
        for i, animal in enumerate(item.captures.animal_ids):
            own = of_survey[of_survey["animal_id"] == animal]
            seen = sorted(set(own["side"]))
            row: dict[str, Any] = {
                "survey": item.name,
                "animal": animal,
                "seen_in": _label(seen, sides),
                "n_sides": len(seen),
            }
            for j, name in enumerate(sides.names):
                row[f"detections_{name}"] = int(own["count"][own["side"] == j].sum())
            row["crossings"] = int(crossed.get((item.name, animal), 0))
            for j, name in enumerate([*sides.names, ELSEWHERE]):
                row[f"share_{name}"] = np.nan if share is None else float(share[i, j])
            for j, name in enumerate(sides.names):
                far = own["distance_m"][own["side"] == j].max() / 1000.0
                row[f"furthest_km_{name}"] = float(far)
            rows.append(row)
    return pd.DataFrame(rows)


def _label(seen: Sequence[int], sides: Sides) -> str:
    return ", ".join(sides.names[j] for j in seen)


def _groups(surveys: Sequence[Survey], records: pd.DataFrame, sides: Sides) -> pd.DataFrame:
    """Animals seen in each country only, then in several."""
    rows = []
    for item in surveys:
        own = records[records["survey"] == item.name]
        by_animal = own.groupby("animal_id", sort=False)["side"]
        seen = [tuple(sorted(set(side))) for _, side in by_animal]
        kinds: list[tuple[int, ...]] = [(j,) for j in range(len(sides.names))]
        if len(sides.names) == 2:
            kinds.append((0, 1))
        kinds += sorted({kind for kind in seen if kind not in kinds}, key=lambda k: (len(k), k))
        for kind in kinds:
            n = sum(found == kind for found in seen)
            row = {"survey": item.name, "seen_in": _label(kind, sides), "n_sides": len(kind)}
            rows.append({**row, "animals": n})
    return pd.DataFrame(rows)


def _furthest(surveys: Sequence[Survey], records: pd.DataFrame, sides: Sides) -> pd.DataFrame:
    """Furthest record from the border on each side, of all and of animals seen on both."""
    n_sides = records.groupby(["survey", "animal_id"])["side"].transform("nunique")
    rows = []
    for item in surveys:
        for j, name in enumerate(sides.names):
            own = records[(records["survey"] == item.name) & (records["side"] == j)]
            row: dict[str, Any] = {"survey": item.name, "country": name}
            for table, km, who in (
                (own, "furthest_km", "animal"),
                (own[n_sides[own.index] > 1], "shared_km", "shared_animal"),
            ):
                far = table.sort_values("distance_m", ascending=False, kind="stable").head(1)
                row[km] = float(far["distance_m"].iloc[0]) / 1000.0 if len(far) else np.nan
                row[who] = far["animal_id"].iloc[0] if len(far) else None
            rows.append(row)
    return pd.DataFrame(rows)


def _abundance(fit: Estimate, chosen: Sequence[int], sides: Sides, level: float) -> pd.DataFrame:
    """Numbers by country, elsewhere and together, with one kind of variance that adds up."""
    tables = []
    for b in chosen:
        inside = _inside(fit, b, sides)
        whole = np.any([points for name, points in inside.items() if name != ELSEWHERE], axis=0)
        table = inference.abundance(
            fit,
            region={**inside, TOGETHER: whole},
            survey=fit.model.surveys[b].name,
            level=level,
            variance="mspe",
        )
        if "group" in table:
            table = table[table["group"] == "all"].drop(columns="group")
        tables.append(table.rename(columns={"region": "country"}))
    return pd.concat(tables, ignore_index=True)


def _covariances(fit: Estimate, chosen: Sequence[int], sides: Sides) -> dict[str, pd.DataFrame]:
    """Covariances of the countries of each survey, one block a survey."""
    found = {}
    for kind in inference.region_covariance.KINDS:
        if kind == "realised" and fit.model.population == "binomial":
            continue
        blocks = {}
        for b in chosen:
            item = fit.model.surveys[b]
            regions = {n: p for n, p in _inside(fit, b, sides).items() if n != ELSEWHERE}
            blocks[item.name] = inference.abundance_covariance(
                fit, regions, survey=item.name, kind=kind
            ).T.rename_axis(None)
        columns = {name: block.T for name, block in blocks.items()}
        whole = pd.concat({n: pd.concat({n: block}, axis=1) for n, block in columns.items()})
        found[kind] = whole.rename_axis(["survey", "country"])
    return found


def _double_count(
    fit: Estimate,
    chosen: Sequence[int],
    records: pd.DataFrame,
    sides: Sides,
    has_numbers: bool,
) -> pd.DataFrame:
    """The sum of the national lists against the animals there really were."""
    rows = []
    for b in chosen:
        item = fit.model.surveys[b]
        own = records[records["survey"] == item.name]
        lists = [int(own["animal_id"][own["side"] == j].nunique()) for j in range(len(sides.names))]
        n = item.n_animals
        row: dict[str, Any] = {"survey": item.name}
        row |= {f"list_{name}": k for name, k in zip(sides.names, lists, strict=True)}
        row |= {"sum_of_lists": sum(lists), "animals": n, "counted_again": sum(lists) - n}
        row["ratio"] = sum(lists) / n if n else np.nan
        expected = expected_detected(fit, b, sides) if has_numbers else None
        values = np.full(len(sides.names) + 1, np.nan) if expected is None else expected
        row |= {
            f"expected_list_{name}": float(v)
            for name, v in zip(sides.names, values[:-1], strict=True)
        }
        total = float(values[:-1].sum())
        row |= {"expected_sum": total, "expected_animals": float(values[-1])}
        row["expected_ratio"] = total / float(values[-1])
        rows.append(row)
    return pd.DataFrame(rows)


def _national(
    fit: Estimate, chosen: Sequence[int], sides: Sides, how: str | None, level: float
) -> pd.DataFrame | None:
    if how is None or fit.model.population == "conditional":
        return None
    tables = [national_estimates(fit, b, sides, whole=how == MASKS[1], level=level) for b in chosen]
    return pd.concat(tables, ignore_index=True)


def _catalogues(catalogues: Any) -> Concordance | None:
    if catalogues is None or isinstance(catalogues, Concordance):
        return catalogues
    return concordance(catalogues)
