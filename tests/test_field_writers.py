"""Writers: what is written comes back the same, and R's words and units are R's own."""

import json
import warnings
import zipfile
from functools import cache

import numpy as np
import oracle
import pandas as pd
import pytest
import r_files
from build import is_supported, surveys_of_reference
from numpy.testing import assert_allclose

import secr_nea as sn
from secr_nea.errors import DataError, ModelError, SecrWarning
from secr_nea.io import secr_words
from secr_nea.io.secr_script import arguments, script

POINTS = ("ridge_count_effort", "ridge_proximity", "binomial_count", "three_ridges", "grid_multi")
R_FACTORS = {"sex": "F", "latent_class": "1"}


def same_captures(found, expected):
    keys = ["animal_id", "occasion", "trap_id"]
    frames = [c.to_dataframe().sort_values(keys, ignore_index=True) for c in (found, expected)]
    pd.testing.assert_frame_equal(*frames)


# --- text files of R secr ------------------------------------------------------------------------


@pytest.mark.parametrize("name", POINTS)
def test_secr_text_round_trip(name, tmp_path):
    surveys = surveys_of_reference(name)
    sn.write_secr(tmp_path, surveys)
    files = {s.name: tmp_path / f"traps_{s.name}.txt" for s in surveys}
    tables = sn.read_secr_text(
        files,
        tmp_path / "captures.txt",
        detector=surveys[0].traps.detector_type,
        varying={
            n: [f"{n}.{s + 1}" for s in range(v.shape[1])]
            for n, v in surveys[0].traps.varying_covariates.items()
        },
    )
    several = len(surveys) > 1
    varying = surveys[0].traps.varying_covariates
    assert (name == "ridge_proximity") == bool(varying)
    for survey in surveys:
        back = (tables.session(survey.name) if several else tables).to_captures()
        assert back.traps.ids == survey.traps.ids
        assert np.array_equal(back.traps.xy, survey.traps.xy)
        assert np.array_equal(back.traps.effort, survey.traps.effort)
        assert back.traps.fingerprint == survey.traps.fingerprint
        same_captures(back, survey.captures)
        mask = pd.read_csv(tmp_path / f"mask_{survey.name}.txt", sep=" ")
        assert np.array_equal(mask[["x", "y"]].to_numpy(), survey.mask.xy)


@pytest.mark.parametrize(
    "name, kind", [("area_search", "area_search"), ("transect_search", "transect")]
)
def test_searches_round_trip(name, kind, tmp_path):
    data = oracle.survey(name)["sessions"]["1"]
    shapes = list(data["searches"])
    import shapely

    make = shapely.Polygon if kind == "area_search" else shapely.LineString
    geometries = [make(data["searches"][key]) for key in shapes]
    traps = sn.TrapArray.from_searches(geometries, ids=shapes, n_occasions=data["n_occasions"])
    captures = sn.CaptureHistory.from_dataframe(data["captures"].drop(columns="count"), traps)
    mask = sn.HabitatMask(data["mask"][["x", "y"]].to_numpy(), spacing=data["spacing"])
    survey = sn.Survey(captures, mask, name="one")
    sn.write_secr(tmp_path, survey)
    back = sn.read_secr_text(
        tmp_path / "traps_one.txt", tmp_path / "captures.txt", detector=kind, fmt="XY"
    ).to_captures()
    assert [g.equals(h) for g, h in zip(back.traps.searches, geometries, strict=True)]
    assert back.n_detections == captures.n_detections
    assert sorted(map(tuple, back.positions)) == sorted(map(tuple, captures.positions))
    assert 'fmt = "XY"' in (tmp_path / "secr.R").read_text()


def test_a_session_without_detections_is_kept(tmp_path):
    survey = surveys_of_reference("ridge_count_effort")[0]
    nobody = sn.CaptureHistory(survey.traps, animal=[], occasion=[], trap=[])
    quiet = sn.Survey(nobody, survey.mask, name="quiet")
    sn.write_secr(tmp_path, [survey, quiet])
    assert "quiet NONE 1 " in (tmp_path / "captures.txt").read_text()
    tables = sn.read_secr_text(
        {s: tmp_path / f"traps_{s}.txt" for s in ("1", "quiet")}, tmp_path / "captures.txt"
    )
    assert tables.session("quiet").to_captures().n_animals == 0
    assert tables.session("1").to_captures().n_animals == survey.n_animals


def test_blanks_and_signs_in_names(tmp_path):
    traps = sn.TrapArray(
        [[0, 0], [3000, 0]],
        ids=["ridge top", "007"],
        covariates={"where": ["saddle/pass", "big valley"], "elev": [3000.5, np.nan]},
    )
    captures = sn.CaptureHistory(
        traps,
        animal=[0, 0],
        occasion=[0, 0],
        trap=[0, 1],
        animal_ids=["F #1"],
        covariates={"sex": ["F"]},
    )
    survey = sn.Survey(captures, sn.HabitatMask.around(traps, buffer=4000), name="two words")
    sn.write_secr(tmp_path, survey)
    text = (tmp_path / "traps_two_words.txt").read_text().splitlines()
    assert text[1] == "ridge_top 0.0 0.0 1.0 / saddle_pass 3000.5"
    assert text[2] == "007 3000.0 0.0 1.0 / big_valley NA"
    assert "two_words F_1 1 ridge_top F" in (tmp_path / "captures.txt").read_text()
    code = (tmp_path / "secr.R").read_text()
    assert 'where = c("big_valley", "saddle_pass")' in code
    assert '"character", "character", "integer", "character", "character"' in code
    clash = sn.TrapArray([[0, 0], [3000, 0]], ids=["a b", "a_b"])
    other = sn.CaptureHistory(clash, animal=[0], occasion=[0], trap=[0])
    with pytest.raises(DataError, match="'a b' and 'a_b' would both be 'a_b'"):
        sn.write_secr(tmp_path, sn.Survey(other, survey.mask))


def models_of_cases():
    for name in oracle.case_names():
        case = oracle.case(name)
        if is_supported(case) and case["coefficients"] is not None:
            yield name


@pytest.mark.parametrize("name", list(models_of_cases()))
def test_models_and_coefficients_are_those_that_r_was_given(name):
    """The reference cases hold R's own formulas, coefficients and units."""
    raw = json.loads((oracle.FOLDER / "cases" / f"{name}.json").read_text())
    case = oracle.case(name)
    model = sn.Model(
        surveys_of_reference(case["survey"]),
        detection=case["detection_function"],
        population=case["population"],
        links=case["links"],
        **case["formulas"],
    )
    expected = {p: "".join(f.split()) for p, f in raw["model"].items()}
    found = {p: "".join(f.split()) for p, f in secr_words.r_models(model).items()}
    for text in (expected, found):
        for p in text:
            text[p] = text[p].replace("x2", "I(x^2)").replace("y2", "I(y^2)")
    assert found == expected
    assert f'detectfn = "{raw["detectfn"]}"'.endswith(arguments(model)["detectfn"])
    ours = dict(zip(case["names"], case["coefficients"], strict=True))
    beta = secr_words.r_coefficients(model, model.coefficients(ours))
    theirs = dict(zip(case["names"], raw["mle"], strict=True))
    assert_allclose(beta, [theirs[n] for n in model.coefficient_names], rtol=0, atol=1e-12)
    if secr_words.has_same_order(model):
        assert list(model.coefficient_names) == list(case["names"])


@pytest.mark.parametrize(
    "name, options, expected",
    [
        ("binomial_count", {}, {"binomN": "1"}),
        ("ridge_count_effort", {}, {"binomN": "0", "CL": "FALSE"}),
        ("ridge_proximity", {"population": "conditional"}, {"CL": "TRUE"}),
        (
            "ridge_proximity",
            {"population": "binomial"},
            {"details": 'list(fastproximity = FALSE, distribution = "binomial")'},
        ),
        (
            "ridge_proximity",
            {"classes": 2, "lambda0": "~ latent_class"},
            {"model": "list(D = ~ 1, lambda0 = ~ h2, sigma = ~ 1, pmix = ~ 1)"},
        ),
        (
            "ridge_proximity",
            {"classes": "sex", "lambda0": "~ sex"},
            {"hcov": '"sex"', "model": "list(D = ~ 1, lambda0 = ~ h2, sigma = ~ 1, pmix = ~ 1)"},
        ),
        (
            "ridge_proximity",
            {"groups": "sex", "D": "~ sex"},
            {"groups": '"sex"', "model": "list(D = ~ g, lambda0 = ~ 1, sigma = ~ 1)"},
        ),
        ("ridge_proximity", {"fixed": {"sigma": 5000.0}}, {"fixed": "list(sigma = 5000.0)"}),
        ("ridge_proximity", {"fixed": {"D": 2.0}}, {"fixed": "list(D = 0.0002)"}),
    ],
)
def test_arguments_of_r(name, options, expected):
    """As in the calls of R that made the reference cases."""
    survey = surveys_of_reference(name)[0]
    sexes = np.where(np.arange(survey.n_animals) % 2, "F", "M")
    survey = sn.Survey(survey.captures.with_covariates(sex=sexes), survey.mask)
    found = arguments(sn.Model(survey, **options))
    assert {key: found[key] for key in expected} == expected


def test_script_says_what_model_it_is(tmp_path):
    survey = surveys_of_reference("ridge_count_effort")[0]
    fit = sn.fit(survey, D="~ rugged", lambda0="~ topo", progress=False)
    path = fit.to_secr(tmp_path / "for_r")
    code = path.read_text()
    assert 'detectfn = "HHN"' in code
    assert "model = list(D = ~ rugged, lambda0 = ~ topo, sigma = ~ 1)" in code
    assert "fastproximity = FALSE" in code
    assert f"expected <- {fit.log_likelihood!r}" in code
    beta = [float(w) for w in code.split("beta <- c(")[1].split(")")[0].split(",")]
    assert beta[0] == pytest.approx(fit.coefficients[0] - np.log(10_000))
    assert beta[1:] == pytest.approx(fit.coefficients[1:])
    assert code.count("(") == code.count(")")
    assert code.count("{") == code.count("}")
    assert 'binary.usage = FALSE, covnames = c("topo", "water", "rugged")' in code


def test_script_of_several_sessions_matches_by_name():
    surveys = surveys_of_reference("three_ridges")
    code = script(surveys, {s.name: s.name for s in surveys}, None)
    for survey in surveys:
        assert f'captures$session == "{survey.name}"' in code
        assert f'sessions[["{survey.name}"]] <-' in code
    assert 'class(sessions) <- c("capthist", "list")' in code


@pytest.mark.parametrize(
    "formulas, told",
    [
        ({"D": "~ s(rugged, k=4)"}, r"uses s, which cannot be written for R secr"),
        ({"D": "~ bs(rugged, df=4)"}, r"uses bs, which"),
        ({"D": "~ 0 + rugged"}, "has no intercept"),
        ({"distance": sn.LeastCost(), "noneuc": "~ rugged"}, "formula for noneuc, distances other"),
        ({"sigmak": "~ 1"}, "formula for sigmak"),
        ({"population": "conditional", "D": "~ rugged"}, "has relative density"),
    ],
)
def test_models_that_r_does_not_have_are_refused(formulas, told):
    model = sn.Model(surveys_of_reference("ridge_count_effort"), **formulas)
    with pytest.raises(ModelError, match=told):
        (arguments(model), secr_words.r_coefficients(model, np.zeros(model.n_coefficients)))


def test_text_of_strangers_cannot_write_r_code():
    hostile = 'x"); system("touch owned"); c("'
    assert secr_words.quoted(hostile) == '"x\\"); system(\\"touch owned\\"); c(\\""'
    assert secr_words.simple_names([hostile], "id")[hostile].isascii()
    assert '"' not in secr_words.simple_names([hostile], "id")[hostile]


# --- objects of R --------------------------------------------------------------------------------

rdata = pytest.importorskip("rdata")


@pytest.mark.parametrize("ending", [".RData", ".rds"])
@pytest.mark.parametrize("name", ["ridge_count_effort", "ridge_proximity"])
def test_rdata_round_trip(name, ending, tmp_path):
    survey = surveys_of_reference(name)[0]
    detector = {"count": "count", "binary": "proximity"}[survey.traps.detector_type]
    sexes = np.where(np.arange(survey.n_animals) % 2, "F", "M")
    history = survey.captures.with_covariates(sex=sexes)
    path = tmp_path / f"study{ending}"
    objects = {
        "ch": r_files.capthist(history, detector=detector),
        "m": r_files.mask_object(survey.mask),
    }
    r_files.write(path, objects["ch"] if ending == ".rds" else objects)
    if ending == ".rds":
        back = sn.read_secr_rdata(path).to_captures()
    else:
        made = sn.read_secr_rdata(path).to_survey()
        back = made.captures
        assert made.mask.fingerprint == survey.mask.fingerprint
    same_captures(back, history)
    assert back.traps.fingerprint == survey.traps.fingerprint
    pd.testing.assert_frame_equal(back.individuals(), history.individuals(), check_dtype=False)


def test_rdata_sessions_are_matched_by_name(tmp_path):
    surveys = surveys_of_reference("three_ridges")
    path = tmp_path / "three.RData"
    parts = {s.name: r_files.capthist(s.captures, detector="count") for s in surveys}
    masks = {s.name: r_files.mask_object(s.mask) for s in reversed(surveys)}
    r_files.write(
        path, {"all": r_files.sessions(parts, "capthist"), "m": r_files.sessions(masks, "mask")}
    )
    back = sn.read_secr_rdata(path).to_surveys()
    assert [s.name for s in back] == [s.name for s in surveys]
    for found, expected in zip(back, surveys, strict=True):
        same_captures(found.captures, expected.captures)
        assert found.mask.fingerprint == expected.mask.fingerprint
    told = sn.secr_rdata_contents(path)
    assert told["kind"].tolist() == ["capthist", "mask"]
    assert told["sessions"].tolist() == [3, 3]


def test_rdata_of_only_traps_and_wrong_names(tmp_path):
    survey = surveys_of_reference("ridge_count_effort")[0]
    path = tmp_path / "traps.rds"
    r_files.write(path, r_files.traps_object(survey.traps, "count"))
    assert sn.read_secr_rdata(path).to_traps().fingerprint == survey.traps.fingerprint
    both = tmp_path / "both.RData"
    one = r_files.capthist(survey.captures, detector="count")
    r_files.write(both, {"first": one, "second": one})
    with pytest.raises(DataError, match=r"several objects of kind capthist: 'first', 'second'"):
        sn.read_secr_rdata(both)
    assert sn.read_secr_rdata(both, captures="second").to_captures().n_animals == survey.n_animals
    with pytest.raises(DataError, match="did you mean 'first'"):
        sn.read_secr_rdata(both, captures="frist")


def test_rdata_refuses_losses_and_foreign_detectors(tmp_path):
    survey = surveys_of_reference("ridge_count_effort")[0]
    lost = r_files.capthist(survey.captures, detector="count")
    lost.value[np.nonzero(lost.value)] *= -1
    r_files.write(tmp_path / "lost.rds", lost)
    with pytest.raises(DataError, match="lost on capture"):
        sn.read_secr_rdata(tmp_path / "lost.rds")
    r_files.write(tmp_path / "signal.rds", r_files.capthist(survey.captures, detector="signal"))
    with pytest.raises(DataError, match="Detector signal of the R file has no counterpart"):
        sn.read_secr_rdata(tmp_path / "signal.rds")


def test_rdata_of_a_polygon_survey(tmp_path):
    import shapely

    square = shapely.box(0, 0, 6000, 5000)
    rng = np.random.default_rng(2)
    # R keeps positions in the order of trap, occasion, animal
    xy = rng.uniform(500, 4500, (4, 2))
    counts = np.zeros((2, 2, 1))
    counts[0, 0, 0], counts[1, 0, 0], counts[0, 1, 0] = 1, 2, 1
    ring = shapely.get_coordinates(square)
    vertices = r_files.frame(
        {"x": ring[:, 0], "y": ring[:, 1]},
        [f"P.{i}" for i in range(5)],
        "traps",
        detector=np.array(["polygon"], dtype=str),
        polyID=pd.Categorical(["P"] * 5),
    )
    history = r_files.RObject(
        counts,
        **{
            "class": np.array(["capthist"], dtype=str),
            "dimnames": [
                np.array(["a", "b"], dtype=str),
                np.array(["1", "2"], dtype=str),
                np.array(["1"], dtype=str),
            ],
            "traps": vertices,
            "detectedXY": pd.DataFrame(xy, columns=["x", "y"]),
        },
    )
    r_files.write(tmp_path / "p.rds", history)
    captures = sn.read_secr_rdata(tmp_path / "p.rds").to_captures()
    assert captures.traps.searches[0].equals(square)
    frame = captures.to_dataframe()
    first = frame[(frame.animal_id == "a") & (frame.occasion == 1)]
    assert first[["x", "y"]].to_numpy().tolist() == [xy[0].tolist()]
    later = frame[(frame.animal_id == "a") & (frame.occasion == 2)]
    assert later[["x", "y"]].to_numpy().tolist() == [xy[3].tolist()]


# --- Camtrap DP ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def geographic():
    """A survey of several occasions with a projection."""
    rng = np.random.default_rng(5)
    xy = np.array([[i * 3000.0, j * 3000.0] for i in range(4) for j in range(3)]) + 500_000.0
    crs = sn.local_projection(np.array([60.0]), np.array([10.0]))
    effort = rng.integers(1, 8, (12, 3)).astype(float)
    effort[0] = [1.25, 7.0, 0.0]
    traps = sn.TrapArray(xy, ids=[f"T{k}" for k in range(12)], effort=effort, crs=crs)
    k, s = np.nonzero(effort)
    chosen = rng.choice(len(k), 15, replace=False)
    captures = sn.CaptureHistory(
        traps,
        animal=np.arange(15) % 5,
        occasion=s[chosen],
        trap=k[chosen],
        count=rng.integers(1, 4, 15),
        animal_ids=[f"cat {i}" for i in range(5)],
        covariates={"sex": ["female", "male", None, "female", "male"]},
    )
    return sn.Survey(captures, sn.HabitatMask.around(traps, buffer=9000, spacing=1500))


@pytest.mark.parametrize("target", ["package", "package.zip"])
def test_camtrap_dp_round_trip_keeps_the_likelihood(target, geographic, tmp_path):
    tables = sn.dated_tables(geographic, "2024-03-01")
    path = sn.write_camtrap_dp(
        tmp_path / target, tables, species="Panthera uncia", timezone="+07:00"
    )
    read = sn.read_camtrap_dp(path, crs=geographic.crs)
    window = ("2024-03-01", "2024-03-21")
    back = read.to_captures(occasion_days=7, window=window, independence_minutes=0)
    assert back.n_occasions == 3
    order = [back.traps.ids.index(name) for name in geographic.traps.ids]
    traps = back.traps.subset(np.array(order))
    assert_allclose(traps.effort, geographic.traps.effort, rtol=0, atol=1e-4)
    # the inverse of the equal-area projection is good to 2 mm
    assert_allclose(traps.xy, geographic.traps.xy, rtol=0, atol=2e-3)
    same_captures(back, geographic.captures)
    model = sn.Model(geographic)
    again = sn.Model(sn.Survey(back, geographic.mask))
    beta = np.array([1.0, -3.0, 8.0])
    assert sn.log_likelihood(again, beta) == pytest.approx(sn.log_likelihood(model, beta), rel=1e-6)


def test_camtrap_dp_has_the_columns_of_the_standard(geographic, tmp_path, request):
    """Fields that the standard requires, from its own table schemas where they are at hand."""
    home = sn.write_camtrap_dp(
        tmp_path / "p", sn.dated_tables(geographic, "2024-03-01"), species="Panthera uncia"
    )
    required = {
        "deployments": {
            "deploymentID",
            "latitude",
            "longitude",
            "deploymentStart",
            "deploymentEnd",
        },
        "observations": {
            "observationID",
            "deploymentID",
            "eventStart",
            "eventEnd",
            "observationLevel",
            "observationType",
        },
        "media": {
            "mediaID",
            "deploymentID",
            "timestamp",
            "filePath",
            "filePublic",
            "fileMediatype",
        },
    }
    for name, columns in required.items():
        assert columns <= set(pd.read_csv(home / f"{name}.csv").columns)
    package = json.loads((home / "datapackage.json").read_text())
    assert [r["path"] for r in package["resources"]] == [
        "deployments.csv",
        "media.csv",
        "observations.csv",
    ]


def test_camtrap_dp_needs_dates(geographic, tmp_path):
    tables = sn.FieldTables(
        traps=geographic.traps.to_dataframe()[["trap_id", "x", "y"]],
        operation=pd.DataFrame({"trap_id": ["T0"], "occasion": [1], "effort": [1.0]}),
        detections=pd.DataFrame({"animal_id": [], "trap_id": []}),
        crs=geographic.crs,
    )
    with pytest.raises(DataError, match="dated_tables"):
        sn.write_camtrap_dp(tmp_path / "p", tables, species="Panthera uncia")
    with pytest.raises(DataError, match="more than occasion_days = 3"):
        sn.dated_tables(geographic, "2024-03-01", occasion_days=3)
    with pytest.raises(DataError, match="start must be a date"):
        sn.dated_tables(geographic, "soon")


# --- GIS and tables ------------------------------------------------------------------------------


@cache
def fit_of(survey):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecrWarning)  # a handful of invented animals
        return sn.fit(survey, progress=False)


def test_geopackage_comes_back(geographic, tmp_path):
    import geopandas

    path = fit_of(geographic).to_geopackage(tmp_path / "study.gpkg")
    traps = geopandas.read_file(path, layer="traps")
    assert traps.crs == geographic.crs
    assert traps["trap_id"].tolist() == list(geographic.traps.ids)
    detections = geopandas.read_file(path, layer="detections")
    assert detections["count"].sum() == geographic.n_detections
    density = geopandas.read_file(path, layer="density")
    surface = fit_of(geographic).density_surface()
    assert_allclose(density["density"], np.nanmean(surface["density"]), rtol=1e-9)
    assert set(density.columns) >= {"density", "se", "lower", "upper", "cv", "extrapolated"}
    with pytest.raises(DataError, match=r"ends in .gpkg"):
        sn.write_geopackage(tmp_path / "study.shp", geographic)


def test_rasters_come_back(geographic, tmp_path):
    import rioxarray
    import xarray

    surface = geographic.mask.to_xarray(geographic.mask.xy[:, 0], name="x", units="m")
    tif = sn.write_geotiff(surface, tmp_path / "x.tif")
    with rioxarray.open_rasterio(tif) as back:
        assert_allclose(back[0].to_numpy(), surface.to_numpy(), rtol=1e-6)
        assert back.rio.crs.to_wkt()
    nc = sn.write_netcdf(surface, tmp_path / "x.nc")
    with xarray.open_dataarray(nc, decode_coords="all") as back:
        assert_allclose(back.to_numpy(), surface.to_numpy())
    with pytest.raises(DataError, match="cannot be written"):
        sn.write_netcdf(surface, tmp_path / "no" / "where" / "x.nc")


def test_tables_come_back_from_excel_and_csv(tmp_path):
    pytest.importorskip("openpyxl")
    table = pd.DataFrame(
        {
            "id": ["007", "=1+1"],
            "n": [1, 2],
            "x": [0.1, np.nan],
            "day": pd.to_datetime(["2024-03-01", "2024-03-02"]),
        }
    )
    (path,) = sn.write_tables({"data": table, "more": table}, tmp_path / "t.xlsx")
    back = pd.read_excel(path, sheet_name="data", dtype={"id": str})
    pd.testing.assert_frame_equal(back, table, check_dtype=False)
    import openpyxl

    cell = openpyxl.load_workbook(path)["data"]["A3"]
    assert (cell.value, cell.data_type) == ("=1+1", "s")  # text, which opening does not run
    files = sn.write_tables({"data": table}, tmp_path / "csv")
    assert [file.name for file in files] == ["data.csv"]
    with pytest.raises(DataError, match=r"'\.\./x' is no name of a sheet"):
        sn.write_tables({"../x": table}, tmp_path / "csv")


def test_fit_tables(geographic, tmp_path):
    files = fit_of(geographic).to_tables(tmp_path / "tables")
    assert {file.stem for file in files} == {"coefficients", "data", "real_parameters"}


def test_idle_traps_cannot_be_in_camtrap_dp(geographic, tmp_path):
    tables = sn.dated_tables(geographic, "2024-03-01")
    more = pd.concat(
        [tables.traps, tables.traps.iloc[[0]].assign(trap_id="idle")], ignore_index=True
    )
    tables = sn.FieldTables(**{**tables.__dict__, "traps": more})
    with pytest.warns(SecrWarning, match="idle left out"):
        path = sn.write_camtrap_dp(tmp_path / "p.zip", tables, species="Panthera uncia")
    with zipfile.ZipFile(path) as archive:
        assert "datapackage.json" in archive.namelist()
