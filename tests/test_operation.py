# ruff: noqa: E501
"""Effort from times of operation, occasions, survey windows and independence of detections."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import secr_nea as sn
from secr_nea.errors import DataError
from secr_nea.quality.intervals import difference, intersection, overlap, union


def tables(periods, detections=None, **columns):
    """Field tables with an operation table of (trap, camera, start, end)."""
    operation = pd.DataFrame(periods, columns=["trap", "camera", "start", "end"], dtype=object)
    for name, cells in columns.items():
        operation[name] = cells
    names = list(dict.fromkeys(operation["trap"]))
    traps = pd.DataFrame({"trap": names, "x": 5e5 + 3000.0 * np.arange(len(names)), "y": 5.4e6})
    if detections is None:
        detections = pd.DataFrame({"animal": ["A"], "trap": names[:1]})
    return sn.raw_tables(traps, detections, operation)


def operation(*periods, columns=None, **options):
    return sn.Operation.from_tables(tables(list(periods), **(columns or {})), **options)


# --- the rule for days of set-up and retrieval


@pytest.mark.parametrize("edge_days, counted", [("none", 0.0), ("half", 0.5), ("whole", 1.0)])
@pytest.mark.parametrize("days", [1, 2, 10])
def test_sum_of_a_period_follows_the_rule(edge_days, counted, days):
    end = pd.Timestamp("2024-05-01") + pd.Timedelta(days=days)
    long = ("U", "", "2024-04-01", "2024-06-01")
    op = operation(("T", "", "2024-05-01", str(end.date())), long, edge_days=edge_days)
    assert op.effort().effort[0, 0] == pytest.approx(days - 1 + 2 * counted, abs=1e-9)
    daily = op.daily().to_numpy()[0]
    assert set(daily.round(9)) <= {0.0, counted, 1.0}


def test_same_day_counts_only_when_such_days_count_fully():
    period = ("T", "", "2024-05-01", "2024-05-01")
    other = ("U", "", "2024-05-01", "2024-05-03")
    for edge_days, expected in (("none", 0.0), ("half", 0.0), ("whole", 1.0)):
        assert operation(period, other, edge_days=edge_days).effort().effort[0, 0] == expected


def test_times_are_used_exactly():
    op = operation(("T", "", "2024-05-01 06:00", "2024-05-02 18:00"))
    assert op.effort().effort[0, 0] == pytest.approx(1.5)
    np.testing.assert_allclose(op.daily().to_numpy(), [[0.75, 0.75]])


# --- failures, pairs, lost cameras


def test_failures_are_taken_out():
    columns = {"Problem1_from": ["2024-05-03"], "Problem1_to": ["2024-05-06"]}
    op = operation(("T", "", "2024-05-01", "2024-05-11"), columns=columns)
    assert op.effort().effort[0, 0] == pytest.approx(10 - 3)
    np.testing.assert_allclose(op.daily().to_numpy()[0], [0.5, 1, 0.5, 0, 0, 0.5, 1, 1, 1, 1, 0.5])


@pytest.mark.parametrize("edge_days, counted", [("none", 0.0), ("half", 0.5), ("whole", 1.0)])
def test_failure_until_retrieval_leaves_nothing_after_it(edge_days, counted):
    columns = {"Problem1_from": ["2024-05-03"], "Problem1_to": ["2024-05-11"]}
    op = operation(("T", "", "2024-05-01", "2024-05-11"), columns=columns, edge_days=edge_days)
    assert op.effort().effort[0, 0] == pytest.approx(1 + 2 * counted)


@pytest.mark.parametrize("station, days", [("any", 14), ("sum", 20), ("all", 6)])
def test_paired_cameras_of_a_station(station, days):
    op = operation(("T", "left", "2024-05-01", "2024-05-11"), ("T", "right", "2024-05-05", "2024-05-15"),
                   station=station)  # fmt: skip
    assert op.effort().effort[0, 0] == pytest.approx(days)


def test_periods_of_one_camera_are_never_counted_twice():
    op = operation(("T", "a", "2024-05-01", "2024-05-11"), ("T", "a", "2024-05-05", "2024-05-15"),
                   station="sum")  # fmt: skip
    assert op.effort().effort[0, 0] == pytest.approx(14)


def test_lost_camera_without_an_end_is_refused_by_row():
    with pytest.raises(DataError, match=r"lacks start or end in row 2 \(U\).*last day"):
        operation(("T", "", "2024-05-01", "2024-05-11"), ("U", "", "2024-05-01", ""))


def test_end_before_start_is_refused_by_row():
    with pytest.raises(DataError, match=r"row 1 \(T\)"):
        operation(("T", "", "2024-05-11", "2024-05-01"))


# --- occasions


def test_occasions_share_out_the_effort():
    op = operation(("T", "", "2024-05-01", "2024-05-21"), ("U", "", "2024-05-08", "2024-05-30"))
    one = op.effort().effort.sum(axis=1)
    for days in (1, 5, 7, 14, 100):
        for starts_at in ("midnight", "noon"):
            parts = op.effort(days=days, starts_at=starts_at)
            np.testing.assert_allclose(parts.effort.sum(axis=1), one)
            assert (parts.effort <= parts.occasions["days"].to_numpy() + 1e-9).all()


def test_days_outside_the_chosen_dates_do_not_count():
    op = operation(("T", "", "2024-05-01", "2024-05-21"))
    assert op.effort(start="2024-05-05", end="2024-05-09").effort[0, 0] == pytest.approx(5)
    assert op.effort(start="2024-05-05", end="2024-05-09", days=2).n_occasions == 3


def test_noon_keeps_a_night_in_one_occasion_and_midnight_does_not():
    op = operation(("T", "", "2024-05-01", "2024-05-21"))
    night = np.array(["2024-05-04T23:50", "2024-05-05T00:10"], dtype="datetime64[s]")
    noon = op.effort(days=1, starts_at="noon").occasion_of(night)
    midnight = op.effort(days=1).occasion_of(night)
    assert noon[0] == noon[1]
    assert midnight[1] == midnight[0] + 1


def test_days_without_time_need_cuts_at_midnight():
    op = operation(("T", "", "2024-05-01", "2024-05-21"))
    day = np.array(["2024-05-04"], dtype="datetime64[s]")
    assert op.effort(days=1).occasion_of(day, False)[0] == 4
    with pytest.raises(DataError, match="start at noon"):
        op.effort(days=1, starts_at="noon").occasion_of(day, False)
    outside = np.array(["2023-01-01", "2025-01-01", "NaT"], dtype="datetime64[s]")
    assert op.effort(days=7).occasion_of(outside).tolist() == [0, 0, 0]


def test_same_night_across_a_border_needs_one_zone():
    period = ("T", "", "2024-05-01T12:00:00+10:00", "2024-05-11T12:00:00+10:00")
    with pytest.raises(DataError, match="zone='Asia/Hovd'"):
        operation(period)
    here = operation(period, zone="Asia/Vladivostok")
    there = operation(period, zone="Asia/Shanghai")
    assert here.effort().effort.sum() == pytest.approx(10)
    # 12:00 in Vladivostok is 10:00 in Jilin
    assert here.intervals["T"][0][0] - there.intervals["T"][0][0] == pytest.approx(2 / 24)
    with pytest.raises(DataError, match="no time zone"):
        operation(period, zone="Asia/Nowhere")


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 20)), min_size=1, max_size=4),
       st.sampled_from(["whole", "half", "none"]), st.sampled_from(["midnight", "noon"]),
       st.one_of(st.none(), st.integers(1, 9)), st.sampled_from(["any", "sum"]))  # fmt: skip
def test_checked_tables_and_field_sheets_give_equal_effort(spans, edge_days, starts_at, days, pair):
    first = np.datetime64("2024-05-01")
    day = np.timedelta64(1, "D")
    rows = [
        ("T", str(i), str(first + a * day), str(first + (a + b) * day))
        for i, (a, b) in enumerate(spans)
    ]
    rows.append(("U", "", "2024-04-20T06:30:00", "2024-07-01T18:15:00"))
    checked = operation(*rows, edge_days=edge_days, station=pair)
    frame = pd.DataFrame(rows, columns=["trap_id", "camera", "start", "end"])
    traps = pd.DataFrame({"trap_id": ["T", "U"], "x": [5e5, 5.03e5], "y": 5.4e6})
    sheets = sn.read_field_tables(
        traps, operation=frame.drop(columns="camera"), edge_days=edge_days, columns=None
    )
    one = checked.effort(days=days, starts_at=starts_at)
    other = sheets.to_traps(cameras=pair, occasion_days=days, starts_at=starts_at)
    np.testing.assert_allclose(one.effort, other.effort, atol=1e-8)
    np.testing.assert_array_equal(
        one.occasions["start"].to_numpy().astype("datetime64[s]"),
        sheets.edges(occasion_days=days, starts_at=starts_at)[:-1],
    )


# --- into the survey


def test_effort_and_detections_make_a_survey():
    seen = pd.DataFrame(
        {"animal": ["A", "A", "B"], "trap": ["T", "U", "T"],
         "date": ["2024-05-02", "2024-05-09", "2024-05-09"], "sex": ["M", "M", "f"]}
    )  # fmt: skip
    periods = [("T", "", "2024-05-01", "2024-05-11"), ("U", "", "2024-05-03", "2024-05-15"),
               ("V", "", "2024-05-01", "2024-05-15")]  # fmt: skip
    field = tables(periods, seen)
    effort = sn.Operation.from_tables(field).effort(days=7)
    traps = sn.trap_array(field, effort)
    captures = sn.capture_history(field, traps, effort)
    np.testing.assert_allclose(traps.effort, [[6.5, 3.5, 0], [4.5, 7, 0.5], [6.5, 7, 0.5]])
    assert captures.to_dataframe()[["animal_id", "occasion", "trap_id"]].to_numpy().tolist() == [
        ["A", 1, "T"], ["A", 2, "U"], ["B", 2, "T"]
    ]  # fmt: skip
    assert list(captures.covariates["sex"]) == ["male", "female"]
    mask = sn.HabitatMask.around(traps, buffer=10_000, spacing=2000)
    assert sn.Survey(captures, mask).n_detections == 3
    part = sn.Operation.from_tables(field).effort(end="2024-05-05")
    with pytest.raises(DataError, match="rows 2, 3 of the detections"):
        sn.capture_history(field, sn.trap_array(field, part), part)
    some = sn.capture_history(field, sn.trap_array(field, part), part, outside="drop")
    assert some.n_detections == 1


def test_long_table_of_effort_is_what_read_traps_takes():
    field = tables([("T", "", "2024-05-01", "2024-05-11"), ("U", "", "2024-05-03", "2024-05-15"),
                    ("V", "", "2024-05-03", "2024-05-15")])  # fmt: skip
    effort = sn.Operation.from_tables(field).effort(days=7)
    frame = field.raw["traps"].rename(columns={"trap": "trap_id"})
    traps = sn.read_traps(frame, effort=effort.to_dataframe())
    np.testing.assert_allclose(traps.effort, effort.effort)


def test_traps_in_degrees_come_out_in_metres():
    lon, lat = 90.0 + 0.05 * np.arange(4), np.full(4, 50.0)
    traps = pd.DataFrame({"station": list("ABCD"), "lat": lat, "lon": lon})
    seen = pd.DataFrame({"animal": ["X"], "station": ["A"]})
    array = sn.trap_array(sn.raw_tables(traps, seen))
    # 0.05 degrees of longitude at 50 north on the WGS84 ellipsoid, across the zone joint at 90
    np.testing.assert_allclose(np.hypot(*np.diff(array.xy, axis=0).T), 3584.8, atol=0.5)


# --- windows


def brute_window(working, longest, share):
    """Every stretch of days tried in turn."""
    best = None
    n = working.shape[1]
    for length in range(1, min(longest, n) + 1):
        for start in range(n - length + 1):
            days = working[:, start : start + length]
            if (days > 0).mean(axis=0).min() >= share:
                key = (length, round(days.sum(), 6), -start)
                best = key if best is None or key > best else best
    return best


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 12), st.integers(1, 15)), min_size=2, max_size=6),
       st.sampled_from([0.5, 0.8, 1.0]), st.integers(1, 12))  # fmt: skip
def test_window_is_the_longest_of_all(periods, share, longest):
    first = pd.Timestamp("2024-05-01")
    rows = [
        (f"T{i}", "", str((first + pd.Timedelta(days=a)).date()), str((first + pd.Timedelta(days=a + b)).date()))
        for i, (a, b) in enumerate(periods)
    ]  # fmt: skip
    op = operation(*rows)
    best = brute_window(op.daily().to_numpy(), longest, share)
    if best is None:
        with pytest.raises(DataError, match="There is no day"):
            sn.choose_window(op, longest=longest, working=share)
        return
    window = sn.choose_window(op, longest=longest, working=share)
    assert window.days == best[0]
    assert window.camera_days == pytest.approx(best[1])
    assert window.worst_share >= share - 1e-12
    assert (pd.Timestamp(window.end) - pd.Timestamp(window.start)).days + 1 == window.days


def test_curve_of_windows_falls_and_counts_detections():
    op = operation(("T", "", "2024-05-01", "2024-05-21"), ("U", "", "2024-05-08", "2024-05-30"))
    seen = pd.DataFrame(
        {"animal_id": ["A", "A"], "date": pd.to_datetime(["2024-05-10", "2024-05-29"])}
    )
    curve = sn.window_curve(op, detections=seen)
    assert (np.diff(curve["worst_share"]) <= 1e-12).all()
    assert curve["days"].tolist() == list(range(1, 31))
    assert curve.iloc[-1][["detections", "animals"]].tolist() == [2, 1]


# --- independence


def brute_independent(times, gap):
    kept = []
    for t in sorted(times):
        if not kept or t - kept[-1] >= gap:
            kept.append(t)
    return kept


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("AB"), st.integers(0, 300)), max_size=20))
def test_independent_detections_are_those_of_a_plain_loop(events):
    start = pd.Timestamp("2024-05-01")
    frame = pd.DataFrame(
        {"animal_id": [a for a, _ in events], "trap_id": "T",
         "date": pd.to_datetime([start + pd.Timedelta(minutes=m) for _, m in events])}
    )  # fmt: skip
    kept = sn.independent_detections(frame, "30min")
    for animal in "AB":
        minutes = (
            (kept["date"][kept["animal_id"] == animal] - start) / pd.Timedelta("1min")
        ).tolist()
        assert sorted(minutes) == brute_independent([m for a, m in events if a == animal], 30)


def test_one_detection_a_day_and_visits_that_end_after_a_gap():
    times = pd.to_datetime(["2024-05-01", "2024-05-01", "2024-05-02", "2024-05-04"])
    frame = pd.DataFrame({"animal_id": "A", "trap_id": "T", "date": times})
    assert sn.independent_detections(frame, "1D").index.tolist() == [0, 2, 3]
    with pytest.raises(DataError, match="interval"):
        sn.independent_detections(frame, "soon")


# --- arithmetic of intervals against a grid


SPANS = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), max_size=5)


@given(SPANS, SPANS)
def test_intervals_agree_with_sets_of_hours(first, second):
    def hours(spans):
        return {h for a, b in spans for h in range(a, b)}

    assert hours(union(first)) == hours(first)
    assert hours(difference(first, second)) == hours(first) - hours(second)
    assert hours(intersection(first, second)) == hours(first) & hours(second)
    edges = np.array([0.0, 7, 13, 20])
    expected = [len([h for h in hours(first) if a <= h < b]) for a, b in pairwise(edges)]
    np.testing.assert_array_equal(overlap(union(first), edges), expected)
