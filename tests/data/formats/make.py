"""Make the example packages of this folder: one invented survey in every format.

Six stations in the Arabian Sea, where nobody will take them for cameras; four animals, ten days in
March 2024. `python tests/data/formats/make.py` writes everything anew, with csv, json, openpyxl and
rdata alone: nothing here uses the library's own writers.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
SPECIES = "Panthera uncia"
# name, longitude, latitude, topography
STATIONS = [
    ("A1", 60.00, 10.00, "ridge"),
    ("A2", 60.03, 10.01, "valley"),
    ("A3", 60.06, 10.00, "ridge"),
    ("A4", 60.00, 10.04, "ridge"),
    ("A5", 60.03, 10.05, "valley"),
    ("A6", 60.06, 10.04, "ridge"),
]
# station, camera, first day, last day of March; set and removed at 12:00, so that exact times and
# bare dates (half of the first and the last day) give the same effort
DEPLOYMENTS = [
    ("A1", "c1", 1, 11),
    ("A2", "c2", 1, 11),
    ("A3", "c3", 1, 4),
    ("A3", "c3", 6, 11),
    ("A4", "c4", 1, 11),
    ("A5", "c5", 1, 11),
    ("A5", "c7", 2, 9),
    ("A6", "c6", 1, 6),
]
EFFORT = {"A1": 10.0, "A2": 10.0, "A3": 8.0, "A4": 10.0, "A5": 10.0, "A6": 5.0}
# animal, station, day, hour
DETECTIONS = [
    ("F1", "A1", 2, 3),
    ("F1", "A2", 5, 22),
    ("F1", "A2", 8, 4),
    ("F2", "A3", 3, 23),
    ("F2", "A6", 4, 5),
    ("M1", "A1", 4, 2),
    ("M1", "A4", 7, 21),
    ("M1", "A5", 8, 20),
    ("M2", "A5", 10, 1),
]
SEX = {"F1": "female", "F2": "female", "M1": "male", "M2": ""}
# x and y of the stations in the equal-area projection at 10 N 60 E (false origin 500,000 m); the
# tests compare them with what the readers of degrees make
METRES: dict[str, tuple[float, float]] = {}


def _metres() -> None:
    import pyproj

    local = pyproj.CRS("+proj=laea +lat_0=10 +lon_0=60 +x_0=500000 +y_0=500000 +datum=WGS84")
    to = pyproj.Transformer.from_crs("EPSG:4326", local, always_xy=True)
    for name, longitude, latitude, _ in STATIONS:
        x, y = to.transform(longitude, latitude)
        METRES[name] = (round(x, 3), round(y, 3))


def _write(path: Path, rows: list[list[object]], header: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def _place(name: str) -> tuple[float, float]:
    return next((lon, lat) for n, lon, lat, _ in STATIONS if n == name)


def _deployment_of(station: str, day: int) -> int:
    """Position of the first deployment of a station that covers a day."""
    return next(k for k, (s, _, a, b) in enumerate(DEPLOYMENTS) if s == station and a <= day <= b)


def camtrap_dp() -> None:
    """Event-level and media-level rows of the same events; another species; a juvenile; nobody."""
    home = HERE / "camtrap_dp"
    rows = []
    for k, (station, camera, first, last) in enumerate(DEPLOYMENTS):
        lon, lat = _place(station)
        start, end = (f"2024-03-{day:02d}T12:00:00+05:00" for day in (first, last))
        rows.append([f"dep{k}", station, f"Station {station}", lat, lon, 10, start, end, camera])
    header = ["deploymentID", "locationID", "locationName", "latitude", "longitude"]
    header += ["coordinateUncertainty", "deploymentStart", "deploymentEnd", "cameraID"]
    _write(home / "deployments.csv", rows, header)
    header = ["observationID", "deploymentID", "mediaID", "eventID", "eventStart", "eventEnd"]
    header += ["observationLevel", "observationType", "scientificName", "count", "lifeStage", "sex"]
    header += ["individualID"]
    rows = []
    for k, (animal, station, day, hour) in enumerate(DETECTIONS):
        dep = f"dep{_deployment_of(station, day)}"
        # observations are in UTC, deployments at +05:00, as in the standard's own example
        local = np.datetime64(f"2024-03-{day:02d}T{hour:02d}:00:00") - np.timedelta64(5, "h")
        end = local + np.timedelta64(40, "s")
        what = ["animal", SPECIES, 1, "adult", SEX[animal], animal]
        rows.append([f"o{k}", dep, "", f"e{k}", f"{local}Z", f"{end}Z", "event", *what])
        for j in range(2):
            at = local + np.timedelta64(20 * j, "s")
            rows.append(
                [f"o{k}m{j}", dep, f"m{k}.{j}", f"e{k}", f"{at}Z", f"{at}Z", "media", *what]
            )
    at = "2024-03-03T10:00:00Z"
    other = [["ox", "dep0", "", "ex", at, at, "event", "animal", "Capra sibirica", 3, "", "", ""]]
    other += [["oy", "dep0", "", "ey", at, at, "event", "blank", "", "", "", "", ""]]
    other += [["oz", "dep0", "", "ez", at, at, "event", "animal", SPECIES, 1, "juvenile", "", "K1"]]
    _write(home / "observations.csv", rows + other, header)
    _write(home / "media.csv", [], ["mediaID", "deploymentID", "timestamp", "filePath"])
    base = "https://raw.githubusercontent.com/tdwg/camtrap-dp/1.0.2"
    names = ("deployments", "media", "observations")
    package = {
        "profile": f"{base}/camtrap-dp-profile.json",
        "name": "invented-survey",
        "resources": [
            {"name": n, "path": f"{n}.csv", "schema": f"{base}/{n}-table-schema.json"}
            for n in names
        ],
    }
    (home / "datapackage.json").write_text(json.dumps(package, indent=1) + "\n")


def wildlife_insights() -> None:
    """Download with a species column in two parts, and times without a zone."""
    home = HERE / "wildlife_insights"
    rows = []
    for k, (station, camera, first, last) in enumerate(DEPLOYMENTS):
        start, end = (f"2024-03-{day:02d} 00:00:00" for day in (first, last))
        rows.append([9, f"dep{k}", station, *_place(station), start, end, camera])
    header = ["project_id", "deployment_id", "placename", "longitude", "latitude"]
    _write(home / "deployments.csv", rows, [*header, "start_date", "end_date", "camera_id"])
    genus, word = SPECIES.split()
    rows = []
    for animal, station, day, hour in DETECTIONS:
        dep = f"dep{_deployment_of(station, day)}"
        time = f"2024-03-{day:02d} {hour:02d}:00:00"
        rows.append(
            [9, dep, f"i{len(rows)}", 0, genus, word, time, "adult", SEX[animal], 1, animal]
        )
    rows.append([9, "dep0", "ix", 1, "", "", "2024-03-03 10:00:00", "", "", 0, ""])
    header = ["project_id", "deployment_id", "image_id", "is_blank", "genus", "species"]
    header += ["timestamp", "age", "sex", "number_of_objects", "individual_id"]
    _write(home / "images.csv", rows, header)


def camtrapr() -> None:
    """Station table with a problem period, records of individuals, camera operation matrix."""
    home = HERE / "camtrapr"
    rows = []
    for name, lon, lat, topo in STATIONS:
        problem = ["04/03/2024", "05/03/2024"] if name == "A3" else ["", ""]
        last = "06/03/2024" if name == "A6" else "11/03/2024"
        rows.append([name, lon, lat, "01/03/2024", last, *problem, topo])
    header = ["Station", "longitude", "latitude", "Setup_date", "Retrieval_date"]
    _write(home / "stations.csv", rows, [*header, "Problem1_from", "Problem1_to", "topo"])
    rows = [
        [station, SPECIES, animal, f"2024-03-{day:02d} {hour:02d}:00:00", SEX[animal]]
        for animal, station, day, hour in DETECTIONS
    ]
    header = ["Station", "Species", "Individual", "DateTimeOriginal", "sex"]
    _write(home / "records.csv", rows, header)
    days = [f"2024-03-{day:02d}" for day in range(1, 12)]
    rows = []
    for name, *_ in STATIONS:
        last = 6 if name == "A6" else 11
        cells: list[object] = []
        for day in range(1, 12):
            half = 0.5 if day in (1, last) else 1
            gone = 0 if name == "A3" and day in (4, 5) else half
            cells.append("NA" if day > last else gone)
        rows.append([name, *cells])
    _write(home / "operation.csv", rows, ["", *days])


def secr_text() -> None:
    """Traps with usage and a covariate, captures with sex, and a searched polygon."""
    home = HERE / "secr_text"
    home.mkdir(parents=True, exist_ok=True)
    lines = ["# invented survey", "# id x y usage / topo"]
    for name, _, _, topo in STATIONS:
        x, y = METRES[name]
        lines.append(f"{name} {x} {y} {EFFORT[name]} / {topo}")
    (home / "traps.txt").write_text("\n".join(lines) + "\n")
    lines = ["# session id occasion trap sex"]
    for animal, station, _, _ in DETECTIONS:
        lines.append(f"one {animal} 1 {station} {SEX[animal] or 'NA'}")
    (home / "captures.txt").write_text("\n".join(lines) + "\n")
    polygon = ["# id x y", "P1 0 0", "P1 6000 0", "P1 6000 5000", "P1 0 5000"]
    (home / "polygon.txt").write_text("\n".join(polygon) + "\n")
    found = ["one F1 1 1000.5 2000", "one F1 2 1500 2500", "one M1 1 4000 4000.25"]
    (home / "polygon_captures.txt").write_text("\n".join(found) + "\n")


def spacecap() -> None:
    """Ten daily occasions; a habitat of 4 x 4 km cells."""
    home = HERE / "spacecap"
    rows = [[station, animal, day] for animal, station, day, _ in DETECTIONS]
    _write(home / "captures.csv", rows, ["LOC_ID", "ANIMAL_ID", "SO"])
    rows = []
    for name, *_ in STATIONS:
        last = 6 if name == "A6" else 11
        gone = (5,) if name == "A3" else ()
        days = [0 if day > last or day in gone else 1 for day in range(1, 11)]
        rows.append([name, *METRES[name], *days])
    header = ["LOC_ID", "X_Coord", "Y_Coord", *map(str, range(1, 11))]
    _write(home / "deployment.csv", rows, header)
    rows = [
        [480_000 + 4000 * i, 480_000 + 4000 * j, int((i, j) != (0, 0))]
        for j in range(12)
        for i in range(12)
    ]
    _write(home / "centres.csv", rows, ["X_COORD", "Y_COORD", "HABITAT"])


def nextgis() -> None:
    """Visits with Russian field names in Web Mercator, as the server gives them."""
    import pyproj

    to = pyproj.Transformer.from_crs("EPSG:4326", "EPSG:3857", always_xy=True)
    visits = []
    for station, _, first, last in DEPLOYMENTS:
        if (station, first) == ("A5", 2):
            continue  # the second camera of the station has no visits of its own
        visits.append((station, first, "Установка"))
        if station == "A1":
            visits.append((station, 6, "Проверка"))
        visits.append((station, last, "Снятие"))
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": list(to.transform(*_place(name)))},
            "properties": {"Номер камеры": name, "Дата": f"{day:02d}.03.2024", "Тип работ": what},
        }
        for name, day, what in visits
    ]
    content = {
        "type": "FeatureCollection",
        "crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::3857"}},
        "features": features,
    }
    home = HERE / "nextgis"
    home.mkdir(exist_ok=True)
    (home / "visits.geojson").write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n")


def sheets() -> None:
    """A field workbook: names by synonym, true dates and text dates in one column."""
    import datetime as dt

    import openpyxl

    book = openpyxl.Workbook()
    cameras = book.active
    cameras.title = "Cameras"
    cameras.append(["Camera ID", "Lat", "Long", "Date set", "Date removed", "Topo"])
    for name, lon, lat, topo in STATIONS:
        last = 6 if name == "A6" else 11
        decimal = f"{lat:.2f}".replace(".", ",")  # decimal commas in one column
        cameras.append([name, decimal, lon, dt.datetime(2024, 3, 1), f"2024-03-{last:02d}", topo])
    detections = book.create_sheet("Detections")
    detections.append(["Animal ID", "Camera ID", "Date of detection", "Sex"])
    for animal, station, day, hour in DETECTIONS:
        true_date = dt.datetime(2024, 3, day, hour)
        cell = true_date if day > 4 else true_date.isoformat(sep=" ")
        detections.append([animal, station, cell, SEX[animal] or None])
    operation = book.create_sheet("Operation")
    operation.append(["Camera ID", "Start", "End"])
    for station, _, first, last in DEPLOYMENTS:
        operation.append([station, dt.datetime(2024, 3, first), dt.datetime(2024, 3, last)])
    home = HERE / "sheets"
    home.mkdir(exist_ok=True)
    book.save(home / "survey.xlsx")


def boundary() -> None:
    """A protected area with a hole, and a line, in folders of a KML document."""
    home = HERE / "boundary"
    home.mkdir(exist_ok=True)
    ring = "59.9,9.9,0 60.2,9.9,0 60.2,10.2,0 59.9,10.2,0 59.9,9.9,0"
    hole = "60.1,10.1 60.15,10.1 60.15,10.15 60.1,10.15 60.1,10.1"
    polygon = (
        f"<Polygon><outerBoundaryIs><LinearRing><coordinates>{ring}</coordinates></LinearRing>"
        f"</outerBoundaryIs><innerBoundaryIs><LinearRing><coordinates>{hole}</coordinates>"
        "</LinearRing></innerBoundaryIs></Polygon>"
    )
    line = "<LineString><coordinates>59.9,10.0 60.2,10.0</coordinates></LineString>"
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<kml xmlns="http://www.opengis.net/kml/2.2">'
        f"<Document><Folder><name>Parks</name><Placemark><name>Invented reserve</name>{polygon}"
        f"</Placemark></Folder><Folder><name>Borders</name><Placemark><name>Border</name>{line}"
        "</Placemark></Folder></Document></kml>\n"
    )
    (home / "areas.kml").write_text(text)


if __name__ == "__main__":
    _metres()
    for make in (
        camtrap_dp,
        wildlife_insights,
        camtrapr,
        secr_text,
        spacecap,
        nextgis,
        sheets,
        boundary,
    ):
        make()
