# ruff: noqa: E501
"""The nasty files of the checks and their clean twins: one survey, spoilt in one way at a time.

    python tests/findings_files.py

writes them to tests/data/findings. The survey is simulated, at invented coordinates. A table that
is as in the unspoilt survey is not written again: it is in tests/data/findings/base.
"""

from __future__ import annotations

import csv
import json
import shutil
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyproj

FOLDER = Path(__file__).parent / "data" / "findings"
TOPOGRAPHY = ("Ridge", "Valley", "Saddle")
ZONE = "EPSG:32643"


def dmy(day):
    return day.strftime("%d/%m/%Y")


def mdy(day):
    return day.strftime("%m/%d/%Y")


def survey():
    """Clean tables in the form that teams hold: traps day first, detections month first."""
    random = np.random.default_rng(7)
    to_degrees = pyproj.Transformer.from_crs(ZONE, "EPSG:4326", always_xy=True)
    traps = []
    for k in range(24):
        x = 480_000 + 3_500 * (k % 6) + random.integers(-600, 600)
        y = 4_650_000 + 3_500 * (k // 6) + random.integers(-600, 600)
        lon, lat = to_degrees.transform(x, y)
        start = date(2023, 9, 20) + timedelta(days=int(random.integers(0, 9)))
        days = int(random.integers(70, 95))
        traps.append(
            {
                "session": "1", "trapID": f"CT{k + 1:02d}", "x": f"{x}", "y": f"{y}",
                "Lat": f"{lat:.5f}", "Lon": f"{lon:.5f}", "UTM Zone": "43N",
                "start_date": dmy(start), "end_date": dmy(start + timedelta(days=days)),
                "effort": str(days), "Topography": TOPOGRAPHY[k % 3], "Note": "Functional",
            }
        )  # fmt: skip
    detections = []
    for i in range(12):
        home = random.integers(0, 24)
        near = [home, home + 1 if home % 6 < 5 else home - 1, (home + 6) % 24]
        for j in range(4):
            trap = traps[near[j % 3]]
            start = date(2023, *map(int, trap["start_date"].split("/")[1::-1]))
            # 13 to 27 October: no day that is also a month, and within every period
            day = date(2023, 10, 13) + timedelta(days=int(random.integers(0, 15)))
            assert start < day
            detections.append(
                {
                    "session": "1", "animalID": f"SL{i + 1:02d}", "occasion": "1",
                    "date": mdy(day), "trapID": trap["trapID"], "sex": "MF"[i % 2],
                }
            )  # fmt: skip
    return traps, detections


def changed(table, row, **cells):
    """Copy of a table with other cells in a row (1 = first data row)."""
    out = [dict(r) for r in table]
    out[row - 1] |= {name.replace("__", " "): value for name, value in cells.items()}
    return out


def without(table, *columns):
    return [{name: cell for name, cell in row.items() if name not in columns} for row in table]


def everywhere(table, column, function):
    return [{**row, column: function(row[column])} for row in table]


def rows_of(table, column, value):
    return [i for i, row in enumerate(table, start=1) if row[column] == value]


def iso(table, column, order):
    def turn(text):
        a, b, year = text.split("/")
        day, month = (a, b) if order == "dmy" else (b, a)
        return f"{year}-{month}-{day}"

    return everywhere(table, column, turn)


def two_sessions(traps, detections, second="2"):
    """The survey twice: other names of the animals, the same cameras a year later."""
    again = [{**row, "session": second} for row in traps]
    later = [{**row, "session": second, "animalID": row["animalID"].replace("SL", "TN")}
             for row in detections]  # fmt: skip
    return traps + again, detections + later


def projected(traps, system):
    to = pyproj.Transformer.from_crs("EPSG:4326", system, always_xy=True)
    out = []
    for row in traps:
        x, y = to.transform(float(row["Lon"]), float(row["Lat"]))
        out.append({**row, "x": f"{x:.1f}", "y": f"{y:.1f}"})
    return out


def joined_zones():
    """Cameras on both sides of 78 degrees east, each in the zone of its own longitude."""
    traps, detections = survey()
    out, beyond = [], []
    for k, row in enumerate(traps, start=1):
        lon = 77.87 + 0.043 * ((k - 1) % 6)
        lat = 42.0 + 0.031 * ((k - 1) // 6)
        zone = 43 if lon < 78.0 else 44
        to = pyproj.Transformer.from_crs("EPSG:4326", f"EPSG:326{zone}", always_xy=True)
        x, y = to.transform(lon, lat)
        beyond += [k] if zone == 44 else []
        out.append({**row, "x": f"{x:.1f}", "y": f"{y:.1f}", "Lat": f"{lat:.5f}",
                    "Lon": f"{lon:.5f}", "UTM Zone": f"{zone}N"})  # fmt: skip
    one = projected(out, "EPSG:32643")
    one = [{**row, "UTM Zone": "43N"} for row in one]
    return out, one, detections, beyond


def line(traps, width):
    to_degrees = pyproj.Transformer.from_crs(ZONE, "EPSG:4326", always_xy=True)
    out = []
    for k, row in enumerate(traps):
        x, y = 480_000 + 3_000 * k, 4_650_000 + width * (k % 4)
        lon, lat = to_degrees.transform(x, y)
        out.append({**row, "x": f"{x}", "y": f"{y}", "Lat": f"{lat:.5f}", "Lon": f"{lon:.5f}"})
    return out


def operation_of(traps):
    return [
        {"station": row["trapID"], "from": row["start_date"], "to": row["end_date"]}
        for row in traps
    ]


def cases():
    """Each kind: nasty tables, clean twin, table and rows of the finding, options of the check.

    Yields (name, nasty, clean, table, rows, options); tables are (traps, detections, operation).
    """
    t, d = survey()
    clean = (t, d, None)
    no_zone = without(t, "UTM Zone")
    plain = without(t, "Lat", "Lon", "UTM Zone")

    def case(kind, nasty, table, rows, twin=clean, **options):
        full = [(*tables, None)[:3] for tables in (nasty, twin)]
        return kind, full[0], full[1], table, rows, options

    # --- dates
    swapped = everywhere(
        changed(d, 9, date="12/10/2023"), "date", str
    )  # 12 October, as 10 December
    swapped = changed(swapped, 9, date="01/10/2024")  # 1 October 2024 to a day-first eye
    inside = changed(d, 9, date="10/01/2023")
    outside_swapped = iso(changed(d, 9, date="01/10/2023"), "date", "mdy")
    yield case("day-month-swapped", (t, outside_swapped), "detections", [9],
               (t, iso(inside, "date", "mdy")))  # fmt: skip
    backward = changed(t, 5, start_date="10/02/2023", end_date="31/12/2023", effort="90")
    backward = changed(t, 5, start_date="10/02/2023", end_date="31/12/2023", effort="90")
    good_dates = changed(t, 5, start_date="02/10/2023", end_date="31/12/2023", effort="90")
    yield case("day-month-swapped", (backward, d), "traps", [5], (good_dates, d))
    yield case("date-not-understood", (t, changed(d, 4, date="31/31/2023")), "detections", [4],
               (t, changed(d, 4, date="2023-10-14")))  # fmt: skip
    yield case("date-missing", (t, changed(d, 6, date="")), "detections", [6])
    ambiguous = [
        {**row, "date": f"{3 + i % 7:02d}/{4 + i % 7:02d}/2023"} for i, row in enumerate(d)
    ]
    undated = without(t, "start_date", "end_date")
    yield case("date-order-undecided", (undated, ambiguous), "detections", [],
               (undated, changed(ambiguous, 1, date="13/04/2023")))  # fmt: skip
    far = changed(t, 8, start_date="25/09/2013", end_date="24/12/2013", effort="90")
    far = [row for row in far]
    away = [row for row in d if row["trapID"] != t[7]["trapID"]]
    yield case("date-far-from-others", (far, away), "traps", [8], (t, away))
    # --- coordinates
    yield case("coordinate-missing", (changed(t, 3, x="", Lat="", Lon=""), d), "traps", [3])
    yield case("coordinate-not-number", (changed(t, 3, x="48x000"), d), "traps", [3],
               (changed(t, 3, x=t[2]["x"] + ",0"), d))  # fmt: skip
    degrees = [{**row, "x": row["Lon"], "y": row["Lat"]} for row in t]
    yield case("degrees-in-metre-columns", (without(degrees, "Lat", "Lon", "UTM Zone"), d), "traps",
               list(range(1, 25)), (plain, d))  # fmt: skip
    yield case("degrees-in-metre-columns",
               (changed(t, 4, x=t[3]["Lon"], y=t[3]["Lat"]), d), "traps", [4])  # fmt: skip
    km = [{**row, "x": f"{int(row['x']) / 1000 - 400:.3f}", "y": f"{int(row['y']) / 1000 - 4600:.3f}"}
          for row in plain]  # fmt: skip
    local = [{**row, "x": str(int(row["x"]) - 478_000), "y": str(int(row["y"]) - 4_648_000)}
             for row in plain]  # fmt: skip
    yield case("coordinates-in-kilometres", (km, d), "traps", list(range(1, 25)), (local, d))
    yield case("x-y-swapped", (changed(t, 11, x=t[10]["y"], y=t[10]["x"]), d), "traps", [11])
    all_swapped = [{**row, "x": row["y"], "y": row["x"]} for row in plain]
    yield case("x-y-swapped", (all_swapped, d), "traps", list(range(1, 25)), (plain, d))
    degrees_only = without(t, "x", "y", "UTM Zone")
    exchanged = [{**row, "Lat": row["Lon"], "Lon": row["Lat"]} for row in degrees_only]
    yield case("x-y-swapped", (exchanged, d), "traps", list(range(1, 25)), (degrees_only, d))
    yield case("latitude-longitude-impossible", (changed(t, 2, Lat="421.15"), d), "traps", [2])
    mercator = without(projected(t, "EPSG:3857"), "UTM Zone")
    yield case("web-mercator", (mercator, d), "traps", list(range(1, 25)), (no_zone, d))
    yield case("web-mercator", (without(mercator, "Lat", "Lon"), d), "traps", list(range(1, 25)),
               (plain, d), crs="EPSG:3857")  # fmt: skip
    yield case("crs-does-not-fit", (plain, d), "traps", list(range(1, 25)), (no_zone, d),
               crs="EPSG:2154")  # fmt: skip
    yield case("crs-does-not-fit", (no_zone, d), "traps", list(range(1, 25)), (no_zone, d),
               crs="EPSG:32644")  # fmt: skip
    two, one, seen, beyond = joined_zones()
    yield case("utm-zone-joint", (two, seen), "traps", beyond, (one, seen))
    yield case("utm-zone-joint", (without(two, "UTM Zone", "Lat", "Lon"), seen), "traps", beyond,
               (without(one, "UTM Zone", "Lat", "Lon"), seen))  # fmt: skip
    yield case("latitude-longitude-disagree",
               (changed(t, 7, Lat=f"{float(t[6]['Lat']) + 0.05:.5f}"), d), "traps", [7],
               (everywhere(everywhere(t, "Lat", lambda s: s[:-1]), "Lon", lambda s: s[:-1]), d))  # fmt: skip
    same = changed(t, 14, **{name: t[12][name] for name in ("x", "y", "Lat", "Lon")})
    yield case("traps-at-same-place", (same, d), "traps", [13, 14])
    far_x = changed(plain, 10, x=str(int(t[9]["x"]) + 300_000))
    yield case("trap-far-away", (far_x, d), "traps", [10], (plain, d))
    yield case("linear-array", (line(t, 900), d), "traps", [], (line(t, 7000), d))
    # --- ids
    yield case("trap-id-missing", (t, changed(d, 12, trapID="")), "detections", [12])
    yield case("animal-id-missing", (t, changed(d, 12, animalID="")), "detections", [12])
    yield case("placeholder-id", (t, changed(d, 20, animalID="Unknown 2")), "detections", [20],
               (t, changed(changed(d, 20, animalID="Una"), 19, animalID="Una")))  # fmt: skip
    yield case("several-animals-in-one-row", (t, changed(d, 20, animalID="SL05, SL06")),
               "detections", [20])  # fmt: skip
    near = sorted({*rows_of(d, "animalID", "SL05")})
    yield case("near-duplicate-animal-id", (t, changed(d, near[1], animalID="SL-5")), "detections",
               near, (t, everywhere(d, "animalID", lambda s: s.replace("SL05", "SL55"))))  # fmt: skip
    named = everywhere(d, "animalID", lambda s: {"SL05": "Scarface", "SL06": "Sharkhan"}.get(s, s))
    yield case("near-duplicate-animal-id", (t, changed(named, near[2], animalID="Scarfcae")),
               "detections", near, (t, named))  # fmt: skip
    yield case("near-duplicate-trap-id", (changed(t, 20, trapID="ct-01"), away_from(d, "CT20")), "traps",
               [1, 20], (changed(t, 20, trapID="CT101"), away_from(d, "CT20")))  # fmt: skip
    yield case(
        "spaces-around-id", (t, changed(d, 2, trapID=d[1]["trapID"] + " ")), "detections", [2]
    )
    yield case(
        "duplicate-trap", (changed(t, 20, trapID="CT03"), away_from(d, "CT20")), "traps", [3, 20]
    )
    # --- sessions
    both = two_sessions(t, d)
    yield case("session-missing", (changed(both[0], 30, session=""), both[1]), "traps", [30],
               twin=(*both, None), )  # fmt: skip
    yield case("unknown-session", (both[0], changed(both[1], 50, session="3")), "detections", [50],
               twin=(*both, None))  # fmt: skip
    other = [{**row, "session": {"1": "Tost", "2": "Noyon"}[row["session"]]} for row in both[1]]
    yield case("surveys-matched-by-position", (both[0], other), "detections",
               list(range(1, 97)), twin=(*both, None))  # fmt: skip
    yield case("survey-without-detections", (both[0], d), "traps", list(range(25, 49)),
               twin=(*both, None))  # fmt: skip
    shared = changed(both[1], 49, animalID="SL01")
    yield case("animal-in-several-surveys", (both[0], shared), "detections",
               rows_of(shared, "animalID", "SL01"), twin=(*both, None))  # fmt: skip
    steppe = [{**row, "Topography": "Steppe"} if row["session"] == "2" and row["Topography"] == "Valley"
              else row for row in both[0]]  # fmt: skip
    yield case("levels-differ-between-surveys", (steppe, both[1]), "traps",
               [i for i, row in enumerate(steppe, 1) if row["Topography"] in ("Steppe", "Valley")],
               twin=(*both, None))  # fmt: skip
    # --- operation and effort
    reverse = changed(t, 6, start_date="25/12/2023", end_date="25/09/2023", effort="91")
    yield case("end-before-start", (reverse, away_from(d, "CT06")), "traps", [6],
               (t, away_from(d, "CT06")))  # fmt: skip
    op = operation_of(t)
    bare = without(t, "start_date", "end_date", "effort")
    yield case(
        "operation-incomplete", (bare, d, changed(op, 9, to="")), "operation", [9], (bare, d, op)
    )
    split = [*op[:4], {**op[4], "to": "20/10/2023"}, {**op[4], "from": "10/10/2023"}, *op[5:]]
    gap = [*op[:4], {**op[4], "to": "20/10/2023"}, {**op[4], "from": "20/10/2023"}, *op[5:]]
    yield case("operation-overlaps", (bare, d, split), "operation", [5, 6], (bare, d, gap))
    yield case("operation-at-unknown-trap", (bare, d, [*op, {**op[0], "station": "CT99"}]), "operation",
               [25], (bare, d, op))  # fmt: skip
    yield case("trap-without-operation", (bare, away_from(d, "CT11"), op[:10] + op[11:]), "traps", [11],
               (bare, d, op))  # fmt: skip
    yield case("effort-not-number", (changed(t, 15, effort="ninety"), d), "traps", [15],
               (changed(t, 15, effort=t[14]["effort"] + ",0"), d))  # fmt: skip
    undated_row = changed(t, 15, effort="", start_date="", end_date="")
    yield case("effort-missing", (undated_row, away_from(d, "CT15")), "traps", [15],
               (t, away_from(d, "CT15")))  # fmt: skip
    yield case("effort-negative", (changed(t, 15, effort="-" + t[14]["effort"]), d), "traps", [15])
    yield case("effort-zero", (changed(t, 15, effort="0"), away_from(d, "CT15")), "traps", [15],
               (changed(t, 15, effort="0", Note="Lost, never checked"), away_from(d, "CT15")))  # fmt: skip
    fewer = str(int(t[14]["effort"]) - 30)
    yield case("effort-against-dates", (changed(t, 15, effort=fewer), d), "traps", [15],
               (changed(t, 15, effort=str(int(t[14]["effort"]) + 1)), d))  # fmt: skip
    daily = [{**{k: v for k, v in row.items() if k != "effort"}, "effort.1": "30", "effort.2": "30",
              "effort.3": "20"} for row in t]  # fmt: skip
    yield case("occasion-without-effort", (everywhere(daily, "effort.3", lambda s: "0"), d), "traps", [],
               (daily, d))  # fmt: skip
    short = changed(
        t, 17, end_date=dmy(day_of(t[16]["start_date"]) + timedelta(days=3)), effort="3"
    )
    month = changed(
        t, 17, end_date=dmy(day_of(t[16]["start_date"]) + timedelta(days=20)), effort="20"
    )
    yield case("short-lived-camera", (short, away_from(d, "CT17")), "traps", [17],
               (month, away_from(d, "CT17")))  # fmt: skip
    longest = dmy(day_of(t[18]["start_date"]) + timedelta(days=97))
    lost = changed(t, 19, Note="Lost", end_date=longest, effort="97")
    known = changed(t, 19, Note="Lost", effort="40",
                    end_date=dmy(day_of(t[18]["start_date"]) + timedelta(days=40)))  # fmt: skip
    yield case("lost-camera-with-full-effort", (lost, away_from(d, "CT19")), "traps", [19],
               (known, away_from(d, "CT19")))  # fmt: skip
    full = changed(t, 19, Note="Did not work 1 to 20 October")
    cut = changed(full, 19, effort="20",
                  end_date=dmy(day_of(t[18]["start_date"]) + timedelta(days=20)))  # fmt: skip
    yield case("failure-not-in-effort", (full, d), "traps", [19], (cut, away_from(d, "CT19")))
    # --- detections
    yield case("unknown-trap", (t, changed(d, 31, trapID="CT77")), "detections", [31])
    yield case("outside-operation", (t, changed(d, 31, date="02/25/2024")), "detections", [31])
    none = changed(daily, int(d[0]["trapID"][2:]), **{"effort.1": "0"})
    hits = [i for i in rows_of(d, "trapID", d[0]["trapID"])]
    yield case("detection-without-effort", (none, d), "detections", hits,
               (changed(daily, int(d[0]["trapID"][2:]), **{"effort.2": "0"}), d))  # fmt: skip
    yield case("occasion-invalid", (t, changed(d, 22, occasion="first")), "detections", [22])
    yield case("occasion-invalid", (daily, changed(d, 22, occasion="4")), "detections", [22],
               (daily, changed(d, 22, occasion="3", date="10/28/2023")))  # fmt: skip
    ordered = [{**row, "occasion": "1" if int(row["date"][3:5]) < 20 else "2"} for row in d]
    first = next(i for i, row in enumerate(ordered, 1) if row["date"][3:5] == "13")
    mixed = changed(ordered, first, occasion="2")
    late = [
        i for i, row in enumerate(mixed, 1) if row["occasion"] == "1" and row["date"][3:5] != "13"
    ]
    yield case("occasions-overlap", (t, mixed), "detections", sorted([first, *late]), (t, ordered))
    counted = [{**row, "count": "1"} for row in d]
    yield case(
        "count-invalid", (t, changed(counted, 7, count="0")), "detections", [7], (t, counted)
    )
    timed = [{**row, "date": f"{row['date']} {i % 24:02d}:{i:02d}"} for i, row in enumerate(d)]
    yield case(
        "duplicate-detection", (t, [*timed, dict(timed[4])]), "detections", [5, 49], (t, timed)
    )
    single = [dict(row) for row in d]
    used = set()
    single = [row for row in single if (k := (row["animalID"], row["trapID"])) not in used
              and not used.add(k)]  # fmt: skip
    yield case("several-detections-binary", (t, [*single, dict(single[3])]), "detections",
               [4, len(single) + 1], (t, single), detector="binary")  # fmt: skip
    multi = [{**row, "occasion": str(j % 4 + 1)} for j, row in enumerate(without(d, "date"))]
    quarters = [{**row, **{f"effort.{s}": "20" for s in range(1, 5)}} for row in
                without(t, "effort")]  # fmt: skip
    yield case("several-traps-multi", (quarters, changed(multi, 2, occasion="1")), "detections", [1, 2],
               (quarters, multi), detector="multi")  # fmt: skip
    fate = [{**row, "fate": ""} for row in d]
    order = sorted(rows_of(d, "animalID", "SL03"), key=lambda i: d[i - 1]["date"])
    dead = changed(fate, order[0], fate="found dead")
    late = [i for i in order if d[i - 1]["date"] > d[order[0] - 1]["date"]]
    yield case("detection-after-death", (t, dead), "detections", sorted(late),
               (t, changed(fate, order[-1], fate="found dead")))  # fmt: skip
    # --- animals
    own = rows_of(d, "animalID", "SL04")
    flipped = changed(d, own[2], sex="M" if d[own[2] - 1]["sex"] == "F" else "F")
    yield case("sex-contradictory", (t, flipped), "detections", own,
               (t, changed(d, own[2], sex="Unknown")))  # fmt: skip
    yield case("sex-not-understood", (t, changed(d, 8, sex="adult")), "detections", [8],
               (t, changed(d, 8, sex="")))  # fmt: skip
    yield case("sex-in-several-spellings", (t, changed(d, 1, sex="male")), "detections", [1])
    aged = [{**row, "age": "adult"} for row in d]
    yield case("age-contradictory", (t, changed(aged, own[0], age="cub")), "detections", own,
               (t, changed(aged, own[0], age="")))  # fmt: skip
    # --- covariates
    yield case("level-spelt-differently", (changed(t, 1, Topography="ridge"), d), "traps", [1])
    empty = sorted({int(row["trapID"][2:]) for row in t} - {int(row["trapID"][2:]) for row in d})[
        :1
    ]
    level = changed(t, empty[0], Topography="Cliff")
    visited = int(d[0]["trapID"][2:])
    yield case("level-without-detections", (level, d), "traps", empty,
               (changed(t, visited, Topography="Cliff"), d))  # fmt: skip
    yield case("too-few-detections", (t, d[:20]), "detections", [])


def away_from(detections, trap):
    """Detections without those at a trap, which would have findings of their own."""
    return [row for row in detections if row["trapID"] != trap]


def day_of(text):
    day, month, year = map(int, text.split("/"))
    return date(year, month, day)


def write(table, path):
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(table[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    number = {}
    base = dict(zip(("traps", "detections"), survey(), strict=True))
    (FOLDER / "base").mkdir(parents=True)
    for what, content in base.items():
        write(content, FOLDER / "base" / f"{what}.csv")
    for kind, nasty, clean, table, rows, options in cases():
        number[kind] = number.get(kind, 0) + 1
        home = FOLDER / (kind if number[kind] == 1 else f"{kind}-{number[kind]}")
        for name, tables in (("nasty", nasty), ("clean", clean)):
            (home / name).mkdir(parents=True)
            for what, content in zip(("traps", "detections", "operation"), tables, strict=True):
                if content is not None and content != base.get(what):
                    write(content, home / name / f"{what}.csv")
        told = {"kind": kind, "table": table, "rows": rows, "options": options}
        (home / "expected.json").write_text(json.dumps(told) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
