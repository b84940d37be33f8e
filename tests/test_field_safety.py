"""Files of strangers: bombs, escapes and lies are refused; any bytes give a clear error."""

import gzip
import io
import json
import stat
import warnings
import zipfile
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import secr_nea as sn
from secr_nea.errors import CRSError, DataError, SecrError, SecrWarning
from secr_nea.io import untrusted
from secr_nea.io.convert import READERS

FORMATS = Path(__file__).parent / "data" / "formats"
SPECIES = "Panthera uncia"
DP_FILES = ("datapackage.json", "deployments.csv", "media.csv", "observations.csv")


def archive(path, files):
    """Zip archive of {name: bytes}; names may be ZipInfo."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for name, content in files.items():
            out.writestr(name, content)
    return path


def dp_files():
    return {name: (FORMATS / "camtrap_dp" / name).read_bytes() for name in DP_FILES}


# --- archives ------------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", ["", "my export/"])
def test_camtrap_dp_zip_is_read_also_from_a_folder_within(prefix, tmp_path):
    files = {prefix + name: content for name, content in dp_files().items()}
    path = archive(tmp_path / "dp.zip", files)
    tables = sn.read_camtrap_dp(path, species=SPECIES)
    assert len(tables.detections) == 9
    assert sorted(tmp_path.iterdir()) == [path]  # nothing was unpacked beside it


@pytest.mark.parametrize(
    "name", ["../evil.csv", "/etc/evil.csv", "a/../../b.csv", "C:/x.csv", "a\\b"]
)
def test_paths_that_leave_the_archive(name, tmp_path):
    path = archive(tmp_path / "dp.zip", {**dp_files(), name: b"x"})
    if name == "a\\b":  # Python writes the name as it is on this system
        assert name in zipfile.ZipFile(path).namelist()
    with pytest.raises(DataError, match="whose path leaves the archive"):
        sn.read_camtrap_dp(path, species=SPECIES)


def test_links_in_archives(tmp_path):
    link = zipfile.ZipInfo("observations2.csv")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with pytest.raises(DataError, match="holds a link"):
        sn.read_camtrap_dp(archive(tmp_path / "dp.zip", {**dp_files(), link: "/etc/passwd"}))


def test_links_out_of_folders(tmp_path):
    secret = tmp_path / "secret.csv"
    secret.write_bytes((FORMATS / "camtrap_dp" / "observations.csv").read_bytes())
    home = tmp_path / "package"
    home.mkdir()
    for name, content in dp_files().items():
        (home / name).write_bytes(content)
    (home / "observations.csv").unlink()
    (home / "observations.csv").symlink_to(secret)
    with pytest.raises(DataError, match=r"no file 'observations.csv'"):
        sn.read_camtrap_dp(home, species=SPECIES)


def test_zip_bombs(tmp_path, monkeypatch):
    monkeypatch.setattr(untrusted, "MAX_WHOLE", 1_000_000)
    bomb = archive(tmp_path / "dp.zip", {**dp_files(), "zeros.csv": b"0" * 5_000_000})
    with pytest.raises(DataError, match="refused as a zip bomb"):
        sn.read_camtrap_dp(bomb, species=SPECIES)
    many = {f"{i}.csv": b"" for i in range(untrusted.MAX_MEMBERS + 1)}
    with pytest.raises(DataError, match=r"holds 10,001 files"):
        sn.read_camtrap_dp(archive(tmp_path / "many.zip", many))


def test_workbook_bombs(tmp_path, monkeypatch):
    pytest.importorskip("openpyxl")
    monkeypatch.setattr(untrusted, "MAX_WHOLE", 1_000_000)
    book = (FORMATS / "sheets" / "survey.xlsx").read_bytes()
    with zipfile.ZipFile(io.BytesIO(book)) as inside:
        files = {name: inside.read(name) for name in inside.namelist()}
    bomb = archive(tmp_path / "b.xlsx", {**files, "xl/media/x.bin": b"0" * 5_000_000})
    with pytest.raises(DataError, match="zip bomb"):
        sn.read_field_tables(bomb)
    entity = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>'
    lie = archive(tmp_path / "e.xlsx", {**files, "xl/workbook.xml": entity})
    with pytest.raises(DataError, match="cannot be read as an Excel workbook"):
        sn.read_field_tables(lie)


def test_compressed_r_bombs(tmp_path, monkeypatch):
    pytest.importorskip("rdata")
    from secr_nea.io import r_objects

    monkeypatch.setattr(r_objects, "MAX_WHOLE", 1_000_000)
    path = tmp_path / "bomb.RData"
    path.write_bytes(gzip.compress(b"RDX3\n" + b"0" * 5_000_000))
    with pytest.raises(DataError, match="unpacks to more than"):
        sn.read_secr_rdata(path)


def test_r_code_is_not_run(tmp_path):
    """A promise, a call or a function in the file is left out, not evaluated."""
    rdata = pytest.importorskip("rdata")
    path = tmp_path / "code.RData"
    made = rdata.conversion.RLanguage(["system", "touch owned"], {})
    rdata.write_rda(path, {"x": made, "n": 1.0})
    with pytest.raises(DataError, match="neither capthist nor traps: x"):
        sn.read_secr_rdata(path)
    assert list(tmp_path.iterdir()) == [path]


# --- XML and map layers --------------------------------------------------------------------------

KML = FORMATS / "boundary" / "areas.kml"


def test_kml_shapes_and_folders(tmp_path):
    areas = sn.read_boundary(KML, layer="Parks")
    assert areas.crs.to_epsg() == 4326
    assert areas["name"].tolist() == ["Invented reserve"]
    assert not areas.geometry[0].has_z
    assert areas.geometry[0].area == pytest.approx(0.3 * 0.3 - 0.05 * 0.05)
    assert set(sn.read_boundary(KML).geom_type) == {"Polygon", "LineString"}
    kmz = archive(tmp_path / "areas.kmz", {"doc.kml": KML.read_bytes()})
    assert sn.read_boundary(kmz).equals(sn.read_boundary(KML))
    with pytest.raises(DataError, match="did you mean 'Parks'"):
        sn.read_boundary(KML, layer="Park")


@pytest.mark.parametrize(
    "doctype",
    [
        '<!DOCTYPE kml [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>',
        '<!DOCTYPE kml [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE kml SYSTEM "http://example.org/kml.dtd">',
    ],
)
def test_kml_entities_are_refused(doctype, tmp_path):
    text = KML.read_text().replace("<kml", doctype + "<kml", 1)
    path = tmp_path / "x.kml"
    for encoding in ("utf-8", "utf-16"):
        path.write_bytes(text.replace("UTF-8", encoding).encode(encoding))
        with pytest.raises(DataError, match="no KML that can be read safely"):
            sn.read_boundary(path)


@pytest.mark.parametrize("ending", ["gpkg", "shp", "fgb"])
def test_layers_that_lie_about_their_format(ending, tmp_path):
    """GDAL would follow such a file to any other file, or to the network."""
    path = tmp_path / f"layer.{ending}"
    path.write_text(
        "<OGRVRTDataSource><OGRVRTLayer name='x'><SrcDataSource>/etc/passwd"
        "</SrcDataSource></OGRVRTLayer></OGRVRTDataSource>"
    )
    with pytest.raises(DataError, match=f"is no {ending} file"):
        sn.read_boundary(path)


def test_boundaries_of_every_kind(tmp_path):
    expected = sn.read_boundary(KML, layer="Parks")
    for ending in ("gpkg", "geojson", "fgb", "shp"):
        path = tmp_path / f"areas.{ending}"
        expected.to_file(path)
        found = sn.read_boundary(path)
        assert found.geometry.geom_equals(expected.geometry).all()
        assert found.crs == expected.crs
    parts = {
        p.name: p.read_bytes()
        for p in tmp_path.glob("areas.*")
        if p.suffix in (".shp", ".shx", ".dbf", ".prj")
    }
    zipped = archive(tmp_path / "areas.zip", parts)
    assert sn.read_boundary(zipped).geometry.geom_equals(expected.geometry).all()
    (tmp_path / "areas.prj").unlink()
    with pytest.raises(CRSError, match="does not tell its coordinate reference system"):
        sn.read_boundary(tmp_path / "areas.shp")
    assert sn.read_boundary(tmp_path / "areas.shp", crs="EPSG:4326").crs.to_epsg() == 4326
    with pytest.raises(DataError, match="boundaries are read from"):
        sn.read_boundary(FORMATS / "camtrapr" / "records.csv")


def test_boundary_makes_a_habitat_and_a_region():
    tables = sn.read_camtrap_dp(FORMATS / "camtrap_dp", species=SPECIES)
    parks = sn.read_boundary(KML, layer="Parks")
    whole = sn.HabitatMask.around(tables.to_traps(), buffer=30_000, spacing=2000)
    mask = sn.HabitatMask.around(tables.to_traps(), buffer=30_000, spacing=2000, habitat=parks)
    assert 0 < mask.n_points < whole.n_points


# --- fuzz: any bytes -----------------------------------------------------------------------------


def calm(read):
    """What a reader gives, or its clear error; warnings are of no interest here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecrWarning)
        try:
            return read()
        except SecrError as error:
            told = str(error)
    assert told
    assert "Traceback" not in told
    return None


def usable(tables):
    """A survey of tables, or a clear error."""
    if isinstance(tables, sn.FieldTables):
        calm(lambda: tables.to_traps())
        calm(lambda: tables.to_captures())
        calm(lambda: str(tables) + repr(tables) + tables._repr_html_())


FUZZ = settings(
    max_examples=12,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
FILES = {
    "camtrap_dp": [FORMATS / "camtrap_dp" / n for n in DP_FILES if n != "media.csv"],
    "wildlife_insights": [
        FORMATS / "wildlife_insights" / n for n in ("deployments.csv", "images.csv")
    ],
    "camtrapr": [
        FORMATS / "camtrapr" / n for n in ("stations.csv", "records.csv", "operation.csv")
    ],
    "secr_text": [FORMATS / "secr_text" / n for n in ("traps.txt", "captures.txt")],
    "spacecap": [
        FORMATS / "spacecap" / n for n in ("captures.csv", "deployment.csv", "centres.csv")
    ],
    "nextgis": [FORMATS / "nextgis" / "visits.geojson"],
    "sheets": [FORMATS / "sheets" / "survey.xlsx"],
    "boundary": [KML],
}


def reader(form, folder):
    """Reader of the files of a format in a folder."""
    names = [file.name for file in FILES[form]]
    paths = [folder / name for name in names]
    return {
        "camtrap_dp": lambda: sn.read_camtrap_dp(folder),
        "wildlife_insights": lambda: sn.read_wildlife_insights(folder),
        "camtrapr": lambda: sn.read_camtrapr(*paths, dates="dmy"),
        "secr_text": lambda: sn.read_secr_text(*paths, animal_covariates=["sex"]),
        "spacecap": lambda: sn.read_spacecap(*paths),
        "nextgis": lambda: sn.read_nextgis(*paths),
        "sheets": lambda: sn.read_field_tables(paths[0]),
        "boundary": lambda: sn.read_boundary(paths[0]),
    }[form]


@pytest.mark.parametrize("form", FILES)
@FUZZ
@given(data=st.data())
def test_any_bytes_give_a_clear_error_or_tables(form, tmp_path, data):
    """One file of the package is replaced by anything."""
    for file in FILES[form]:
        (tmp_path / file.name).write_bytes(file.read_bytes())
    victim = data.draw(st.sampled_from([file.name for file in FILES[form]]))
    text = st.text(alphabet='abc,;\n\r\t"/#0123456789.-<>{}[]&:\x00é', max_size=200)
    content = data.draw(st.binary(max_size=300) | text.map(str.encode))
    (tmp_path / victim).write_bytes(content)
    usable(calm(reader(form, tmp_path)))


NASTY = [
    "",
    " ",
    "NA",
    "-1",
    "1e309",
    "nan",
    "inf",
    "0",
    "999999999999999999999",
    '"',
    "'",
    "\x00",
    "2024-02-30",
    "9999-12-31",
    "F1",
    "../x",
    "=1+1",
    "é",
    ",",
    "\n",
    "null",
    "{}",
    "[]",
    "true",
]


@pytest.mark.parametrize("form", [form for form in FILES if form != "sheets"])
@FUZZ
@given(data=st.data())
@example(data=None)
def test_a_changed_cell_gives_a_clear_error_or_tables(form, tmp_path, data):
    """One word of one file of the package is replaced, cut out, or the file is cut off there."""
    for file in FILES[form]:
        (tmp_path / file.name).write_bytes(file.read_bytes())
    if data is None:  # the unchanged twin is read without any error
        tables = (
            reader(form, tmp_path)()
            if form != "camtrap_dp"
            else sn.read_camtrap_dp(tmp_path, species=SPECIES)
        )
        assert len(tables) if form == "boundary" else len(tables.traps)
        return
    victim = data.draw(st.sampled_from([file.name for file in FILES[form]]))
    text = (tmp_path / victim).read_text(encoding="utf-8")
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(start + 12, len(text))) | st.just(len(text)))
    changed = text[:start] + data.draw(st.sampled_from(NASTY)) + text[end:]
    (tmp_path / victim).write_text(changed, encoding="utf-8")
    usable(calm(reader(form, tmp_path)))


@FUZZ
@given(data=st.data())
def test_damaged_workbooks(tmp_path, data):
    pytest.importorskip("openpyxl")
    content = bytearray((FORMATS / "sheets" / "survey.xlsx").read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "survey.xlsx"
    path.write_bytes(bytes(content))
    usable(calm(lambda: sn.read_field_tables(path)))


@FUZZ
@given(data=st.data())
def test_damaged_r_files(tmp_path, data):
    pytest.importorskip("rdata")
    import numpy as np
    import r_files

    traps = sn.TrapArray([[0, 0], [3000, 0], [0, 3000]], ids=["a", "b", "c"])
    captures = sn.CaptureHistory(traps, animal=[0, 0], occasion=[0, 0], trap=[0, 1])
    path = tmp_path / "study.RData"
    if not (tmp_path / "whole.RData").exists():
        mask = sn.HabitatMask(np.array([[0.0, 0.0], [3000.0, 0.0]]))
        objects = {
            "ch": r_files.capthist(captures, detector="count"),
            "m": r_files.mask_object(mask),
        }
        r_files.write(tmp_path / "whole.RData", objects)
    content = bytearray(gzip.decompress((tmp_path / "whole.RData").read_bytes()))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(5, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(content[: data.draw(st.integers(6, len(content)) | st.just(10**9))]))
    usable(calm(lambda: sn.read_secr_rdata(path)))


def test_every_reader_refuses_what_is_not_there(tmp_path):
    for name, read in READERS.items():
        sources = [tmp_path / "nowhere.csv"] * (2 if name in ("camtrapr", "spacecap") else 1)
        with pytest.raises(DataError, match="nowhere.csv"):
            read(*sources)


def test_a_folder_is_no_file(tmp_path):
    for read in (sn.read_boundary, sn.read_secr_rdata, sn.read_secr_text, sn.read_nextgis):
        with pytest.raises(DataError):
            read(tmp_path)


def test_geojson_of_another_shape(tmp_path):
    path = tmp_path / "x.geojson"
    for content in (
        "[]",
        "{}",
        '{"features": [1]}',
        '{"features": [{"geometry": {"type": "X"}}]}',
        "[" * 100_000,
        '{"type": "Point"}',
    ):
        path.write_text(content)
        with pytest.raises(DataError):
            sn.read_boundary(path)
    path.write_text(json.dumps({"type": "Point", "coordinates": [60, 10]}))
    assert len(sn.read_boundary(path)) == 1


def test_tables_of_frames_are_copies():
    tables = sn.read_camtrap_dp(FORMATS / "camtrap_dp", species=SPECIES)
    own = tables.traps.copy()
    made = sn.FieldTables(**{**tables.__dict__, "traps": own})
    own["x"] = 0.0
    assert not (made.traps["x"] == 0).any()
    with pytest.raises(DataError, match="there is no trap"):
        sn.FieldTables(traps=pd.DataFrame(), operation=own, detections=own, crs=None)
