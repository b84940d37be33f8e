"""Both sides of a border: exact on constructed data, consistent on the example, clear in words."""

from __future__ import annotations

import dataclasses
import itertools
import string
from functools import cache

import geopandas
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from tolerances import EXACT

import secr_nea as sn
from secr_nea import inference
from secr_nea.border.crossings import crossings_of, shortest_order
from secr_nea.border.labels import NAMES, WORDS, counted, localised
from secr_nea.border.sides import sides_of
from secr_nea.border.summary import SENTENCES
from secr_nea.diagnosis import Diagnosis
from secr_nea.estimate import Estimate

GOOD = Diagnosis(True, 0.0, 0.0, True, (), (), 1, 0.0, "At the maximum.")
X0, Y0 = 500_000.0, 5_400_000.0
BORDER = Y0 + 5_000.0
TRAPS = np.array([[2000.0, 1000.0], [8000.0, 4000.0], [2000.0, 7000.0], [8000.0, 9500.0]])
TRUTH = {"D": 40.0, "lambda0": 0.02, "sigma": 2000.0}
# animal, occasion, trap: A only south, B crosses three times, C only north, D once but unordered
RECORDS = [
    ("A", 1, "S1"), ("A", 3, "S2"),
    ("B", 1, "S1"), ("B", 2, "N1"), ("B", 3, "S2"), ("B", 5, "N2"),
    ("C", 2, "N2"), ("C", 2, "N1"),
    ("D", 4, "S2"), ("D", 4, "N1"),
]  # fmt: skip


def constructed_survey(name="ridge"):
    traps = sn.TrapArray(
        TRAPS + np.array([X0, Y0]),
        ids=["S1", "S2", "N1", "N2"],
        effort=np.array([[10.0] * 5, [8.0] * 5, [6.0] * 5, [12.0] * 5]),
        detector="count",
    )
    captures = sn.CaptureHistory.from_dataframe(
        pd.DataFrame(RECORDS, columns=["animal_id", "occasion", "trap_id"]), traps
    )
    column, row = np.meshgrid(np.arange(14), np.arange(14))
    xy = np.column_stack([column.ravel(), row.ravel()]) * 1000.0
    xy = xy + np.array([X0 - 1500.0, Y0 - 1500.0])
    return sn.Survey(captures, sn.HabitatMask(xy), name=name)


@cache
def constructed():
    """An estimate at known coefficients, with a known covariance: nothing is maximised."""
    model = sn.Model(constructed_survey())
    coefficients = np.log(list(TRUTH.values()))
    covariance = np.array([[0.09, -0.01, 0.004], [-0.01, 0.04, -0.006], [0.004, -0.006, 0.01]])
    return sn.FitResult.of(Estimate(model, coefficients, covariance, -10.0, GOOD))


def countries(border=BORDER):
    west, east = X0 - 50_000, X0 + 50_000
    return geopandas.GeoDataFrame(
        {"country": ["Southland", "Northland"]},
        geometry=[
            shapely.box(west, Y0 - 50_000, east, border),
            shapely.box(west, border, east, Y0 + 50_000),
        ],
    )


@cache
def found():
    return sn.transboundary(constructed(), countries())


def naive_activity():
    """Pr(x | w_i) and p.(x) of the constructed survey with loops of plain numpy."""
    survey = constructed_survey()
    log_w = {}
    d2 = ((survey.mask.xy[:, None] - survey.traps.xy[None]) ** 2).sum(axis=2)
    hazard = TRUTH["lambda0"] * np.exp(-d2 / (2.0 * TRUTH["sigma"] ** 2))
    total = hazard @ survey.traps.effort.sum(axis=1)
    for animal, _, trap in RECORDS:
        k = survey.traps.ids.index(trap)
        log_w[animal] = log_w.get(animal, -total) + np.log(hazard[:, k])
    weights = {a: np.exp(w - w.max()) for a, w in log_w.items()}
    return {a: w / w.sum() for a, w in weights.items()}, total, hazard


def north_cells():
    return constructed_survey().mask.xy[:, 1] > BORDER


# --- the constructed survey, exact ----------------------------------------------------------------


def test_animals_are_grouped_by_the_sides_on_which_they_were_seen():
    groups = found().groups.set_index("seen_in")["animals"]
    assert groups.to_dict() == {"Southland": 1, "Northland": 1, "Southland, Northland": 2}


def test_crossings_are_counted_and_timed_by_occasion():
    table = found().crossings
    rows = [tuple(row) for row in table.drop(columns="survey").itertuples(index=False)]
    assert rows[:3] == [
        ("B", "Southland", "Northland", 1, 2, True),
        ("B", "Northland", "Southland", 2, 3, True),
        ("B", "Southland", "Northland", 3, 5, True),
    ]
    (last,) = rows[3:]
    assert (last[0], set(last[1:3])) == ("D", {"Southland", "Northland"})
    assert last[3:] == (4, 4, False)
    crossings = found().animals.set_index("animal")["crossings"]
    assert crossings.to_dict() == {"A": 0, "B": 3, "C": 0, "D": 1}


def test_furthest_records_are_distances_to_the_border():
    table = found().furthest.set_index("country")
    assert table.loc["Southland", "furthest_km"] == pytest.approx(4.0)
    assert table.loc["Northland", "furthest_km"] == pytest.approx(4.5)
    assert table.loc["Southland", "animal"] == "A"
    assert table.loc["Southland", "shared_animal"] == "B"
    far = found().animals.set_index("animal")
    assert far.loc["D", "furthest_km_Southland"] == pytest.approx(1.0)
    assert far.loc["D", "furthest_km_Northland"] == pytest.approx(2.0)
    assert np.isnan(far.loc["A", "furthest_km_Northland"])


def test_shares_of_activity_centres_are_those_of_plain_loops():
    naive, _, _ = naive_activity()
    table = found().animals.set_index("animal")
    for animal, weight in naive.items():
        np.testing.assert_allclose(
            table.loc[animal, "share_Northland"], weight[north_cells()].sum(), **EXACT
        )
    shares = table[["share_Southland", "share_Northland", "share_elsewhere"]]
    np.testing.assert_allclose(shares.sum(axis=1), 1.0, **EXACT)
    assert (shares["share_elsewhere"] == 0.0).all()


def test_numbers_by_country_are_those_of_plain_loops():
    naive, total, _ = naive_activity()
    table = found().abundance.set_index("country")
    per_cell = TRUTH["D"] / 100.0
    north = north_cells()
    for name, inside in (("Northland", north), ("Southland", ~north)):
        np.testing.assert_allclose(table.loc[name, "expected_n"], inside.sum() * per_cell)
        realised = sum(w[inside].sum() for w in naive.values())
        realised += (per_cell * np.exp(-total))[inside].sum()
        np.testing.assert_allclose(table.loc[name, "realised_n"], realised, **EXACT)
    assert table.loc["together", "area_km2"] == 196.0


def test_covariance_of_the_countries_by_plain_differences():
    base = constructed()

    def numbers(coefficients):
        moved = dataclasses.replace(base, coefficients=coefficients)
        table = sn.transboundary(moved, countries()).abundance.set_index("country")
        return table.loc[["Southland", "Northland"], ["expected_n", "realised_n"]].to_numpy()

    gradient = np.zeros((3, 2, 2))
    for j in range(3):
        step = np.zeros(3)
        step[j] = 1e-4
        ends = [numbers(base.coefficients + sign * step) for sign in (1.0, -1.0)]
        gradient[j] = (ends[0] - ends[1]) / 2e-4
    naive, total, _ = naive_activity()
    north = north_cells()
    share = np.array([w[north].sum() for w in naive.values()])
    spread = (share * (1.0 - share)).sum()
    missed = TRUTH["D"] / 100.0 * np.exp(-total)
    error = np.diag([missed[~north].sum(), missed[north].sum()]) + spread * (2 * np.eye(2) - 1)
    for kind, position, extra in (("expected", 0, 0.0), ("realised", 1, error)):
        g = gradient[:, :, position]
        wanted = g.T @ base.covariance @ g + extra
        np.testing.assert_allclose(found().covariance[kind].to_numpy(), wanted, rtol=1e-5)


def test_the_countries_with_their_covariance_are_the_union():
    table = found().abundance.set_index("country")
    for kind in ("expected", "realised"):
        matrix = found().covariance[kind].to_numpy()
        np.testing.assert_allclose(matrix.sum(), table.loc["together", f"{kind}_se"] ** 2)
        own = table.loc[["Southland", "Northland"]]
        np.testing.assert_allclose(np.diag(matrix), own[f"{kind}_se"] ** 2)
        np.testing.assert_allclose(own[f"{kind}_n"].sum(), table.loc["together", f"{kind}_n"])
    assert -1.0 < found().correlation("ridge") < 1.0


def test_the_double_count_observed_and_expected():
    row = found().double_count.iloc[0]
    assert (row["list_Southland"], row["list_Northland"]) == (3, 3)
    assert (row["sum_of_lists"], row["animals"], row["counted_again"]) == (6, 4, 2)
    assert row["ratio"] == 1.5
    _, total, hazard = naive_activity()
    effort = constructed_survey().traps.effort.sum(axis=1)
    for name, k in (("Southland", [0, 1]), ("Northland", [2, 3])):
        seen = -np.expm1(-hazard[:, k] @ effort[k])
        wanted = TRUTH["D"] / 100.0 * seen.sum()
        np.testing.assert_allclose(row[f"expected_list_{name}"], wanted, **EXACT)
    union = TRUTH["D"] / 100.0 * -np.expm1(-total).sum()
    np.testing.assert_allclose(row["expected_animals"], union, **EXACT)
    assert row["expected_ratio"] == pytest.approx(row["expected_sum"] / union)


# --- sides ----------------------------------------------------------------------------------------


def test_the_line_of_a_border_is_as_good_as_the_polygons():
    line = shapely.LineString([(X0 - 30_000, BORDER), (X0 + 30_000, BORDER)])
    names = {"south": "Southland", "north": "Northland"}
    result = sn.transboundary(constructed(), line, names=names)
    for name, table in found().tables().items():
        pd.testing.assert_frame_equal(result.tables()[name], table)


def test_a_winding_line_leaves_no_crumbs():
    x = np.linspace(X0 - 30_000, X0 + 30_000, 200)
    line = shapely.LineString(np.column_stack([x, BORDER + 900.0 * np.sin((x - X0) / 700.0)]))
    extent = (X0 - 2000.0, Y0 - 2000.0, X0 + 12_000.0, Y0 + 12_000.0)
    sides = sides_of(line, None, crs=None, extent=extent)
    assert sides.names == ("south", "north")
    south, north = sides.polygons
    assert south.intersection(north).area == pytest.approx(0.0, abs=1.0)
    assert shapely.box(*extent).difference(shapely.union(south, north)).area < 1.0


def test_a_line_up_and_down_has_a_west_and_an_east():
    line = shapely.LineString([(X0 + 5000, Y0 - 30_000), (X0 + 5000, Y0 + 30_000)])
    result = sn.transboundary(constructed(), line)
    assert result.countries == ("west", "east")


@pytest.mark.parametrize(
    "layer, options, told",
    [
        (countries(), {"by": "name"}, "no attribute 'name'"),
        (countries().iloc[:1], {}, "touches only Southland"),
        (shapely.Point(X0, Y0), {}, "must be polygons, or the lines"),
        (shapely.LineString([(X0, BORDER), (X0 + 2000, BORDER)]), {}, "into two sides; it makes 1"),
        (countries().assign(country=["Southland", None]), {}, "'country' is empty for a polygon"),
        (countries(), {"names": {"Norhtland": "N"}}, "did you mean 'Northland'"),
        (countries(), {"names": {"Northland": "together"}}, "may not be called 'together'"),
        (countries(), {"language": "mn"}, "language must be one of en, ru"),
        (countries(), {"national": "yes"}, "national must be one of own side, whole mask"),
        (3, {}, "must be a GeoDataFrame"),
    ],
)
def test_layers_that_cannot_be_used_are_told(layer, options, told):
    with pytest.raises(sn.DataError, match=told):
        sn.transboundary(constructed(), layer, **options)


def test_countries_that_overlap_are_warned_of():
    layer = countries()
    layer.loc[1, "geometry"] = shapely.box(X0 - 50_000, BORDER - 3000.0, X0 + 50_000, Y0 + 50_000)
    with pytest.warns(sn.SecrWarning, match="Southland and Northland overlap by"):
        result = sn.transboundary(constructed(), layer)
    pd.testing.assert_frame_equal(result.groups, found().groups)


def test_a_layer_with_a_crs_needs_a_survey_with_one():
    with pytest.raises(sn.CRSError, match="both must be known"):
        sn.transboundary(constructed(), countries().set_crs("EPSG:32645"))


def with_a_gap(width):
    layer = countries(BORDER - 1000.0 - width)
    layer.loc[1, "geometry"] = shapely.box(X0 - 50_000, BORDER + 500.0, X0 + 50_000, Y0 + 50_000)
    return layer


def test_records_outside_all_countries_are_told_by_trap():
    with pytest.raises(sn.DataError, match="S2 with detections is in none of Southland, North"):
        sn.transboundary(constructed(), with_a_gap(1200.0))


def test_records_in_a_sliver_between_countries_go_to_the_nearest_with_a_warning():
    with pytest.warns(sn.SecrWarning, match=r"S2 \(Southland\): in none of the countries"):
        result = sn.transboundary(constructed(), with_a_gap(300.0))
    pd.testing.assert_frame_equal(result.groups, found().groups)


def test_ground_in_no_country_is_a_row_of_its_own():
    layer = countries()
    layer.loc[1, "geometry"] = shapely.box(X0 - 50_000, BORDER, X0 + 50_000, Y0 + 10_600.0)
    result = sn.transboundary(constructed(), layer)
    table = result.abundance.set_index("country")
    assert list(table.index) == ["Southland", "Northland", "elsewhere", "together"]
    whole = inference.abundance(constructed()).iloc[0]
    parts = table.loc[["together", "elsewhere"], "realised_n"].sum()
    np.testing.assert_allclose(parts, whole["realised_n"])
    assert "of the mask lies in none of the countries" in result.summary


def test_three_countries():
    layer = countries()
    east = shapely.box(X0 + 5000, BORDER, X0 + 50_000, Y0 + 50_000)
    layer.loc[1, "geometry"] = layer.geometry[1].difference(east)
    layer.loc[2] = {"country": "Eastland", "geometry": east}
    result = sn.transboundary(constructed(), layer)
    seen = result.groups.set_index("seen_in")["animals"]
    assert seen[seen > 0].to_dict() == {
        "Southland": 1, "Southland, Northland": 1, "Northland, Eastland": 1,
        "Southland, Northland, Eastland": 1,
    }  # fmt: skip
    assert result.correlation("ridge") is None
    assert result.double_count["sum_of_lists"].iloc[0] == 8
    np.testing.assert_allclose(
        result.covariance["realised"].to_numpy().sum(),
        result.abundance.set_index("country").loc["together", "realised_se"] ** 2,
    )
    assert "1 (Southland, Northland, Eastland)" in result.summary


# --- dates ----------------------------------------------------------------------------------------


def dated():
    days = {1: "2024-05-01", 2: "2024-05-10", 3: "2024-06-01", 4: "2024-06-20", 5: "2024-07-04"}
    table = pd.DataFrame(RECORDS, columns=["animal_id", "occasion", "trap_id"])
    table["date"] = table["occasion"].map(days)
    table.loc[table["animal_id"] == "D", "date"] = ["2024-06-22", "2024-06-20"]
    return table.drop(columns="occasion")


def test_dates_take_the_place_of_occasions():
    table = sn.transboundary(constructed(), countries(), detections=dated()).crossings
    last = table[table["animal"] == "D"].iloc[0]
    assert (last["from"], last["to"], last["order_known"]) == ("Northland", "Southland", True)
    assert (last["last_seen"], last["first_seen"]) == (
        pd.Timestamp("2024-06-20"), pd.Timestamp("2024-06-22"),
    )  # fmt: skip


@pytest.mark.parametrize(
    "change, told",
    [
        (lambda t: t.rename(columns={"date": "Date"}), "no column 'date'.*did you mean 'Date'"),
        (lambda t: t.assign(date=["31.31.2024", *t["date"][1:]]), "no date in row 1"),
        (lambda t: t.assign(animal_id=["Z", *t["animal_id"][1:]]), "row 1 not in the survey"),
        (lambda t: t.iloc[1:], "the captures also have 'A' at 'S1'"),
    ],
)
def test_a_table_of_other_detections_is_refused(change, told):
    with pytest.raises(sn.DataError, match=told):
        sn.transboundary(constructed(), countries(), detections=change(dated()))


def fewest(steps):
    """Crossings of the best of all orders, by trying each one."""
    options = [list(itertools.permutations(sorted(set(step)))) for step in steps]
    walks = ([side for part in path for side in part] for path in itertools.product(*options))
    return min(sum(a != b for a, b in itertools.pairwise(walk)) for walk in walks)


@given(st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=3), min_size=1, max_size=5))
def test_no_order_has_fewer_crossings(steps):
    path = shortest_order(steps)
    assert [sorted(part) for part in path] == [sorted(set(step)) for step in steps]
    walk = [side for part in path for side in part]
    assert sum(a != b for a, b in itertools.pairwise(walk)) == fewest(steps)


def test_an_animal_that_stayed_did_not_cross():
    records = pd.DataFrame({"survey": "s", "animal_id": "A", "side": [0, 0], "time": [1, 2]})
    assert crossings_of(records, ["a", "b"]).empty


# --- the example survey ---------------------------------------------------------------------------


@cache
def sailugem():
    return sn.fit(sn.datasets.sailugem(), D="~ ruggedness_std", progress=False)


@cache
def sailugem_border():
    return sailugem().transboundary(
        sn.datasets.sailugem_countries(),
        detections=sn.datasets.data_path("detections.csv"),
        national="own side",
    )


def test_numbers_agree_with_abundance_and_shares_by_country():
    result, fit = sailugem_border(), sailugem()
    layer = sn.datasets.sailugem_countries()
    table = fit.abundance(layer, by="country", variance="mspe").set_index("region")
    own = result.abundance.set_index("country").loc[table.index]
    for name in ("expected_n", "realised_n", "realised_lower", "density_upper"):
        np.testing.assert_allclose(own[name], table[name])
    shares = fit.activity_shares(layer, by="country")
    np.testing.assert_allclose(result.animals["share_Russia"], shares["Russia"])
    np.testing.assert_allclose(
        result.animals["share_Russia"].sum(), table.loc["Russia", "n_detected"]
    )


def test_national_estimates_with_a_fence_count_too_many():
    result = sailugem_border()
    joint = result.abundance.set_index("country").loc["together", "realised_n"]
    assert result.national["number"].sum() > 1.3 * joint
    assert list(result.national["animals"]) == [22, 18]
    assert "Each country on its own would estimate" in result.summary


def test_a_national_list_too_small_for_an_estimate_is_told():
    survey = sn.datasets.sailugem()
    frame = survey.captures.to_dataframe()
    russian = survey.traps.covariates["country"].to_numpy() == "Russia"
    few = set(np.array(survey.traps.ids)[russian][:3])
    keep = frame["trap_id"].isin(set(np.array(survey.traps.ids)[~russian]) | few)
    captures = sn.CaptureHistory.from_dataframe(frame[keep], survey.traps)
    fit = sn.fit(sn.Survey(captures, survey.mask, name="few"), progress=False)
    result = fit.transboundary(sn.datasets.sailugem_countries(), national="own side")
    row = result.national.set_index("country").loc["Russia"]
    assert np.isnan(row["number"])
    assert len(row["message"]) > 20
    assert "Russia has none" in result.summary


def test_no_number_of_a_fit_that_did_not_earn_it_is_shown():
    bad = dataclasses.replace(GOOD, converged=False, message="NOT CONVERGED: a test.")
    result = dataclasses.replace(sailugem(), diagnosis=bad).transboundary(
        sn.datasets.sailugem_countries()
    )
    assert result.abundance.empty
    assert result.covariance == {}
    assert result.animals["share_Russia"].isna().all()
    assert np.isnan(result.double_count["expected_ratio"].iloc[0])
    assert "No numbers by country are given: NOT CONVERGED" in result.summary
    assert not any("joint estimate" in title for title in result.shown())
    assert result.double_count["sum_of_lists"].iloc[0] == 40


def test_tables_name_no_position():
    result = sailugem_border()
    traps = sn.datasets.sailugem().traps
    for table in result.tables().values():
        text = table.to_csv()
        assert not any(f"{value:.0f}" in text for value in traps.xy.ravel())
        assert not any(name in text for name in traps.ids)


def test_two_sides_as_two_surveys_are_warned_of():
    first, second = constructed_survey("2023"), constructed_survey("2024")
    model = sn.Model([first, second])
    fit = sn.FitResult.of(
        Estimate(model, constructed().coefficients, constructed().covariance, -20.0, GOOD)
    )
    with pytest.warns(sn.SecrWarning, match="A, B, C, D are in several surveys"):
        result = fit.transboundary(countries())
    assert list(result.double_count["survey"]) == ["2023", "2024"]
    np.testing.assert_allclose(
        result.covariance["realised"].loc["2024", "2024"].to_numpy(),
        found().covariance["realised"].to_numpy(),
    )
    assert result.summary.count("4 animals were told apart") == 2
    assert fit.transboundary(countries(), survey="2023").surveys == (first,)


def test_models_whose_detection_cannot_be_parted_have_no_expected_lists():
    survey = sn.datasets.sailugem()
    fit = sn.fit(survey, classes="sex", lambda0="~ sex", progress=False)
    assert_no_expected_lists(fit)


def test_a_response_of_traps_has_no_expected_lists():
    traps = sn.datasets.sailugem().traps
    twice = traps.with_effort(np.repeat(traps.effort / 2.0, 2, axis=1))
    animals = sn.design.simulate_population(sn.datasets.sailugem().mask, 1.5, seed=3)
    seen = sn.design.simulate_captures(animals, twice, lambda0=0.012, sigma=5500.0, seed=3)
    survey = sn.Survey(seen.captures, sn.datasets.sailugem().mask, name="twice")
    assert_no_expected_lists(sn.fit(survey, lambda0="~ trap_detected_before", progress=False))


def assert_no_expected_lists(fit):
    result = fit.transboundary(sn.datasets.sailugem_countries())
    assert np.isnan(result.double_count["expected_animals"].iloc[0])
    assert np.isfinite(result.abundance["realised_n"]).all()


# --- words ----------------------------------------------------------------------------------------


def fields(text):
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_both_languages_have_every_word_and_sentence():
    assert set(WORDS["en"]) == set(WORDS["ru"])
    assert set(SENTENCES["en"]) == set(SENTENCES["ru"])
    for key, text in WORDS["en"].items():
        assert text.count("{") == WORDS["ru"][key].count("{")
    optional = {"animals", "n"}
    for key, text in SENTENCES["en"].items():
        assert fields(text) - optional == fields(SENTENCES["ru"][key]) - optional


def test_russian_has_no_english_words():
    shown = sailugem_border().translated("ru")
    text = shown.summary + "".join(
        title + table.drop(columns=[c for c in table if c == "особь"]).to_csv()
        for title, table in shown.shown().items()
    )
    latin = {
        word for word in "".join(c if c.isascii() and c.isalpha() else " " for c in text).split()
    }
    assert latin <= {"SL"}
    assert "Россия" in text
    assert "1,43" in text
    assert NAMES["ru"]["Mongolia"] in text


def test_the_summary_says_the_numbers():
    result = sailugem_border()
    text = result.summary
    assert "28 animals were told apart: 10 only in Mongolia, 6 only in Russia, 12 on both" in text
    assert "the sum would be 40, but only 28 animals were seen: a ratio of 1.43" in text
    numbers = result.abundance.set_index("country")["realised_n"]
    assert f"{numbers['Mongolia']:.0f} animals (" in text
    assert "<table" in result._repr_html_()
    assert repr(result) == "Transboundary(Mongolia | Russia; 28 animals)"


def test_numbers_and_their_nouns():
    assert [counted(n, ("animal", "animals")) for n in (0, 1, 2)] == [
        "0 animals", "1 animal", "2 animals",
    ]  # fmt: skip
    forms = ("особь", "особи", "особей")
    assert [counted(n, forms).split()[1] for n in (0, 1, 4, 5, 11, 14, 21, 112)] == [
        "особей", "особь", "особи", "особей", "особей", "особей", "особь", "особей",
    ]  # fmt: skip
    assert localised("1,234.5 and 12, 13.", "ru") == "1\u00a0234,5 and 12, 13."
    assert localised("1,234.5", "en") == "1,234.5"


# --- catalogues -----------------------------------------------------------------------------------

LINKS = pd.DataFrame(
    {
        "Russia": ["Bars", "Irbis", "Irbis", "Kaan", "Aila", None, "Sary "],
        "Mongolia": ["M1", "M2", "M3", None, "M4", "M5", "M6"],
    }
)


def test_concordance_finds_agreement_gaps_and_conflicts():
    result = sn.concordance(LINKS)
    assert result.counts.to_dict() == {
        "agreed": 3, "only Russia": 1, "only Mongolia": 1, "conflict": 1,
    }  # fmt: skip
    (conflict,) = result.conflicts.to_dict("records")
    assert conflict["Russia"] == ("Irbis",)
    assert conflict["Mongolia"] == ("M2", "M3")
    assert not result.consistent
    assert "Irbis (Russia) = M2, M3 (Mongolia)" in str(result)


def test_links_through_others_are_followed():
    chain = pd.DataFrame({"a": ["1", "2", "2"], "b": ["x", "x", "y"]})
    (row,) = sn.concordance(chain).table.to_dict("records")
    assert (row["a"], row["b"], row["status"]) == (("1", "2"), ("x", "y"), "conflict")


def test_a_consistent_concordance_renames_both_lists():
    result = sn.concordance(LINKS.drop(index=[1, 2]))
    own = pd.DataFrame({"animal_id": ["M4", "M5", "M4"], "trap_id": ["a", "b", "c"]})
    assert list(result.rename(own, "Mongolia")["animal_id"]) == ["Aila", "M5", "Aila"]
    with pytest.raises(sn.DataError, match="'M7' not in the catalogue 'Mongolia'"):
        result.rename(pd.DataFrame({"animal_id": ["M7"]}), "Mongolia")
    with pytest.raises(sn.DataError, match="1 conflict must be settled"):
        sn.concordance(LINKS).rename(own, "Mongolia")
    with pytest.raises(sn.DataError, match="no catalogue 'China'"):
        result.rename(own, "China")


def test_names_that_nobody_linked_are_found():
    result = sn.concordance(LINKS, known={"Mongolia": ["M1", "M9"]})
    assert result.counts["only Mongolia"] == 2


def test_names_that_look_the_same_are_found():
    links = pd.DataFrame({"Russia": ["M-01", "М01", "m 01"], "Mongolia": ["a", "b", "c"]})
    result = sn.concordance(links)
    assert result.look_alikes == (("M-01", "М01"), ("M-01", "m 01"))
    assert "look the same" in str(result)


def test_catalogues_that_cannot_be_used():
    with pytest.raises(sn.DataError, match="stands in both catalogues"):
        sn.concordance(pd.DataFrame({"a": ["x", None], "b": [None, "x"]}))
    with pytest.raises(sn.DataError, match="a column for each catalogue"):
        sn.concordance(pd.DataFrame({"a": ["x"]}))
    with pytest.raises(sn.DataError, match="no column 'Rusia'"):
        sn.concordance(LINKS, "Rusia", "Mongolia")


def test_catalogues_are_part_of_the_result():
    result = sn.transboundary(constructed(), countries(), catalogues=LINKS)
    told = "names in the two catalogues 3 agree, 2 are in one only, and 1 are in conflict"
    assert told in result.summary
    assert "transboundary_concordance" in result.tables()
    settled = sn.transboundary(constructed(), countries(), catalogues=LINKS.drop(index=[1, 2]))
    assert "agree on 3; 2 are in one only, and none is in conflict" in settled.summary
    assert "Противоречие".upper() in result.translated("ru").shown()["Два каталога особей"].to_csv()


# --- what a page needs ----------------------------------------------------------------------------


def test_lists_without_a_shared_animal_are_not_called_a_double_count():
    alike = found().double_count.assign(sum_of_lists=5, animals=5, counted_again=0, ratio=1.0)
    for language, told in (
        ("en", "no animal is on two lists"),
        ("ru", "ни одно животное не учтено"),
    ):
        text = dataclasses.replace(found(), double_count=alike).translated(language).summary
        assert told in text
        assert "but only" not in text


def test_public_sentences_name_no_animal():
    told = found().public_sentences
    assert set(told) < set(found().sentences)
    assert any("told apart" in line for line in told)
    left_out = [line for line in found().sentences if line not in told]
    assert left_out == [line for line in found().sentences if "the furthest record" in line]


def test_tables_of_files_keep_ids_as_they_are_written(tmp_path):
    file = tmp_path / "names.csv"
    file.write_text("Russia,Mongolia\n007,NA\n008,M1\n", encoding="utf-8")
    table = sn.concordance(file).table
    assert list(table["Russia"]) == [("007",), ("008",)]
    assert list(table["Mongolia"]) == [("NA",), ("M1",)]
    with pytest.raises(sn.DataError, match=r"no links file 'absent\.csv'"):
        sn.concordance("absent.csv")
    with pytest.raises(sn.DataError, match=r"no detections file 'absent\.csv'"):
        constructed().transboundary(countries(), detections="absent.csv")
