"""Studies give the same numbers everywhere, lose nothing, and sum up replicates rightly."""

from __future__ import annotations

import gc
import importlib
import json
import os
import pickle
import subprocess
import sys
import time
import warnings
from functools import partial

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

import secr_nea as sn
from secr_nea.design import (
    Prices,
    Scenario,
    add_ghosts,
    cost_against_precision,
    detectable_change,
    power_of_study,
    power_to_detect,
    preset,
    round_trip_km,
    scenario_grid,
    simulate_clusters,
    study,
    survey_cost,
)
from secr_nea.design.fingerprints import fingerprint_of
from secr_nea.design.study_summary import summarise
from secr_nea.engine import run_anywhere

SILENT = {"progress": False}

# Sockets of distributed that are collected before they are closed are not ours to mend.
pytestmark = pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)


@pytest.fixture
def collected():
    """Collect what distributed left here, under the marks above, and not in another test."""
    yield
    gc.collect()


def small(**changes):
    """Nine cameras and a coarse mask: a fit takes a few milliseconds."""
    side = 4000.0 * np.arange(4)
    traps = sn.TrapArray([[x, y] for x in side for y in side], effort=np.full(16, 60.0))
    mask = sn.HabitatMask.around(traps, buffer=12_000.0, spacing=2500.0)
    return Scenario(traps, mask, 3.0, lambda0=0.01, sigma=3000.0, name="small").changed(**changes)


def numbers(result):
    return result.results.drop(columns="seconds")


@pytest.fixture(scope="module")
def by_loop():
    return study(small(), 12, client="loop", **SILENT)


# --- the same everywhere -------------------------------------------------------------------------


@pytest.mark.usefixtures("collected")
@pytest.mark.parametrize(
    "deaths", ["one worker", pytest.param("every worker", marks=pytest.mark.proof)]
)
def test_a_client_gives_exactly_the_same_when_workers_are_killed(by_loop, tmp_path, deaths):
    """A worker is killed in the middle, or all are at once, and nothing is lost."""
    import distributed

    flag = tmp_path / "killed"

    def kill_once(captures, seed):
        """A fault of the cluster rather than of the field: workers die, each in its first survey.

        Where all of them do, nobody but the scheduler then knows what the study was.
        """
        if not flag.exists():
            if deaths == "every worker":
                time.sleep(0.5)  # so that the other worker dies as well
            flag.write_text("dead")
            os._exit(1)
        return captures

    cluster = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=":0", silence_logs=50
    )
    with cluster, distributed.Client(cluster) as client:
        handed = study(small(faults=kill_once), 12, client=client, **SILENT)
    assert flag.exists(), "a worker was killed"
    pd.testing.assert_frame_equal(numbers(by_loop), numbers(handed), check_exact=True)


@pytest.fixture(scope="module")
def of_script(tmp_path_factory):
    """Results and output of a script that is run in a process of its own."""
    folder = tmp_path_factory.mktemp("script")
    (folder / "own_faults.py").write_text(
        "import numpy as np, secr_nea as sn\n"
        "from secr_nea.design.fingerprints import fingerprint_of\n"
        "class Where: pass\n"
        "rng, here = np.random.default_rng(1), Where()\n"
        "def faults(captures, seed, again=True):\n"
        "    if captures.n_traps in {'a', 'b', 'c'}: return faults(captures, seed, rng, here)\n"
        "    return captures\n"
        "told = fingerprint_of(sn.design.preset('namkha').changed(faults=faults))\n"
    )
    (folder / "plan.py").write_text(
        "import pickle, own_faults\n"
        "from secr_nea.design import study\n"
        "print(own_faults.told)\n"
        "scenario = pickle.load(open('scenario', 'rb'))\n"
        "study(scenario, 12, workers=1, progress=False).results.to_pickle('results')\n"
    )
    (folder / "scenario").write_bytes(pickle.dumps(small()))
    done = subprocess.run(
        [sys.executable, "plan.py"], capture_output=True, text=True, timeout=120, cwd=folder
    )
    assert done.returncode == 0, done.stderr
    return folder, done.stdout.strip()


def test_a_script_without_a_main_guard_gives_exactly_the_same(by_loop, of_script):
    """The local cluster, from a script that is not imported anew by its workers."""
    local = pd.read_pickle(of_script[0] / "results").drop(columns="seconds")
    pd.testing.assert_frame_equal(numbers(by_loop), local, check_exact=True)


def test_fingerprints_are_the_same_in_every_process(of_script, monkeypatch):
    """No address of an object and no order of a set is in them."""
    monkeypatch.syspath_prepend(of_script[0])
    assert importlib.import_module("own_faults").told == of_script[1]


def test_other_engines_are_refused():
    with pytest.raises(sn.DataError, match="client must be None, 'loop' or a distributed Client"):
        list(run_anywhere(max, 1, [1], client="ray", progress=False))
    with pytest.raises(sn.DataError, match="got int"):
        list(run_anywhere(max, 1, [1], client=3, progress=False))


def test_replicates_do_not_depend_on_how_many_there_are(by_loop):
    fewer = study(small(), 5, client="loop", **SILENT)
    pd.testing.assert_frame_equal(numbers(fewer), numbers(by_loop).iloc[:5], check_exact=True)
    other = study(small(), 5, seed=2, client="loop", **SILENT)
    assert not (other.results["D|estimate"] == fewer.results["D|estimate"]).any()


# --- on disk -------------------------------------------------------------------------------------


def test_an_interrupted_study_goes_on_and_loses_nothing(by_loop, tmp_path, monkeypatch):
    done = []
    whole = sys.modules["secr_nea.design.study"]
    original = whole.replicates

    def interrupted(plan, chunk):
        if len(done) == 1:
            raise KeyboardInterrupt
        done.append(chunk)
        return original(plan, chunk)

    monkeypatch.setattr(whole, "replicates", interrupted)
    with pytest.raises(KeyboardInterrupt):
        study(small(), 12, client="loop", folder=tmp_path / "s", **SILENT)
    files = sorted(p.name for p in (tmp_path / "s").iterdir())
    assert files == ["scenario_000_from_000000_n_010.json", "study.json"]
    counted = []
    monkeypatch.setattr(
        whole, "replicates", lambda plan, chunk: counted.append(chunk) or original(plan, chunk)
    )
    resumed = study(small(), 12, client="loop", folder=tmp_path / "s", **SILENT)
    assert counted == [(0, 10, 2)], "what was done is not done again"
    pd.testing.assert_frame_equal(numbers(resumed), numbers(by_loop), check_exact=True)


def test_a_broken_file_is_done_again_and_another_study_is_refused(tmp_path):
    one = study(small(), 2, client="loop", folder=tmp_path, **SILENT)
    (file,) = tmp_path.glob("scenario*")
    file.write_text(file.read_text()[:50])
    two = study(small(), 2, client="loop", folder=tmp_path, **SILENT)
    pd.testing.assert_frame_equal(numbers(one), numbers(two), check_exact=True)
    for changed in ({"seed": 9}, {"D": "~ x"}):
        with pytest.raises(sn.DataError, match="holds another study"):
            study(small(), 2, client="loop", folder=tmp_path, **SILENT, **changed)
    with pytest.raises(sn.DataError, match="scenarios differ"):
        study(small(sigma=2900.0), 2, client="loop", folder=tmp_path, **SILENT)


def of_share(share):
    return lambda captures, seed: add_ghosts(captures, share, seed=seed)


class Ghosts:
    def __init__(self, share):
        self.share = share

    def __call__(self, captures, seed):
        return add_ghosts(captures, self.share, seed=seed)


SHARE = 0.1


def global_share(captures, seed):
    return add_ghosts(captures, SHARE, seed=seed)


@pytest.mark.parametrize(
    "faults",
    [
        lambda: (of_share(0.1), of_share(0.3)),
        lambda: (Ghosts(0.1), Ghosts(0.3)),
        lambda: (
            lambda captures, seed: add_ghosts(captures, 0.1, seed=seed),
            lambda captures, seed: add_ghosts(captures, 0.3, seed=seed),
        ),
        lambda: (
            partial(by_table, shares=np.zeros(2000)),
            partial(by_table, shares=np.eye(2000)[1000]),
        ),
    ],
    ids=["closure", "object", "lambda", "long array"],
)
def test_a_changed_function_makes_another_study(tmp_path, faults):
    """Results of the old function must not pass for those of the new one."""
    one, two = faults()
    study(small(faults=one), 1, client="loop", folder=tmp_path, **SILENT)
    study(small(faults=one), 1, client="loop", folder=tmp_path, **SILENT)
    with pytest.raises(sn.DataError, match="scenarios differ"):
        study(small(faults=two), 1, client="loop", folder=tmp_path, **SILENT)


def by_table(captures, seed, shares):
    return add_ghosts(captures, shares[1000] / 2, seed=seed)


def test_what_a_function_reads_belongs_to_the_study(monkeypatch):
    before = fingerprint_of(small(faults=global_share))
    assert fingerprint_of(small(faults=global_share)) == before
    monkeypatch.setitem(globals(), "SHARE", 0.3)
    assert fingerprint_of(small(faults=global_share)) != before


@pytest.mark.parametrize(
    "options, error, words",
    [
        ({"D": "~ ruged"}, sn.FormulaError, "ruged"),
        ({"lambda0": "~ k", "effort": 1}, sn.ModelError, "effort"),
        ({"classes": "sex"}, sn.ModelError, "no covariate 'sex'"),
        ({"sigm": "~ 1"}, sn.ModelError, "sigm"),
    ],
)
def test_a_model_that_does_not_exist_is_refused_before_thousands_fail(
    tmp_path, options, error, words
):
    with pytest.raises(error, match=words):
        study(small(), 1000, client="loop", folder=tmp_path / "s", **SILENT, **options)
    assert not (tmp_path / "s").exists()


def test_what_a_study_cannot_be_is_told(by_loop):
    with pytest.raises(sn.DataError, match=r"needed; got TrapArray"):
        study(small().traps, 2, client="loop", **SILENT)
    with pytest.raises(sn.DataError, match="workers must be a whole number"):
        study(small(), 2, workers=0, **SILENT)
    with pytest.raises(sn.DataError, match="no scenario 3; the study has 0 to 0"):
        by_loop.survey(3, 0)
    hidden = study([small(), small(name="b")], 2, client="loop", population="conditional", **SILENT)
    with pytest.raises(sn.DataError, match="no estimate of density"):
        power_of_study(hidden)


def test_failures_are_recorded_with_their_seed_and_made_again():
    """So few animals that some surveys detect none."""
    result = study(small(density=0.08), 12, seed=5, client="loop", **SILENT)
    failures = result.failures
    assert len(failures) > 0
    assert failures["seed"].eq(5).all()
    none = failures[failures["message"].str.contains("No animal was detected")]
    assert len(none) > 0
    for row in none.itertuples():
        assert result.survey(row.scenario, row.replicate).n_animals == 0
    told = result.to_dataframe().iloc[0]
    assert told["failed"] == pytest.approx(len(failures) / 12)


def test_an_unexpected_error_does_not_stop_a_study():
    def wrong(captures, seed):
        raise ZeroDivisionError("of a user")

    result = study(small(faults=wrong), 2, client="loop", **SILENT)
    assert result.failures["message"].tolist() == ["unexpected ZeroDivisionError: of a user"] * 2


# --- what comes out ------------------------------------------------------------------------------


def test_summary_is_the_plain_arithmetic_of_the_rows():
    rows = pd.DataFrame(
        {
            "scenario": [0, 0, 0, 0],
            "replicate": range(4),
            "failed": [False, False, False, True],
            "animals": [10, 12, 14, 2],
            "detections": [20, 22, 24, 2],
            "recaptures": [10, 10, 10, 0],
            "two_detectors": [4, 5, 6, 0],
            "D|true": 2.0,
            "D|estimate": [1.8, 2.4, 2.1, 900.0],
            "D|se": [0.36, 0.6, 0.42, 1e9],
            "D|lower": [1.2, 2.1, 1.4, 0.0],
            "D|upper": [2.6, 3.1, 3.0, 1e9],
        }
    )
    found = summarise(rows, {"scenario": ("only",)}).sel(scenario="only", parameter="D")
    wrong = np.array([-0.1, 0.2, 0.05])
    own = np.array([0.2, 0.25, 0.2])
    wanted = {
        "failed": 0.25,
        "failed_error": np.sqrt(3 / 8 * 5 / 8 / 8),  # Agresti and Coull: 2 and 2 added
        "animals": 9.5,
        "mean": 2.1,
        "bias": wrong.mean(),
        "bias_error": wrong.std(ddof=1) / np.sqrt(3),
        "rse": own.mean(),
        "rse_error": own.std(ddof=1) / np.sqrt(3),
        "spread": wrong.std(ddof=1),
        "rmse": np.sqrt((wrong**2).mean()),
        "rmse_error": (wrong**2).std(ddof=1) / np.sqrt(3) / 2 / np.sqrt((wrong**2).mean()),
        "coverage": 2 / 3,
        "coverage_error": np.sqrt(4 / 7 * 3 / 7 / 7),
    }
    for name, value in wanted.items():
        assert float(found[name]) == pytest.approx(value), name


def test_estimates_and_truth_of_a_replicate_are_those_of_a_fit(by_loop):
    row = by_loop.results.iloc[3]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sn.SecrWarning)  # a tiny survey
        fit = sn.fit(by_loop.survey(0, 3), progress=False)
    table = fit.real_parameters().set_index("parameter")
    for name, true in (("D", 3.0), ("lambda0", 0.01), ("sigma", 3000.0)):
        assert row[f"{name}|true"] == pytest.approx(true)
        for what in ("estimate", "lower", "upper"):
            ours = row[f"{name}|{what}"]
            assert ours == pytest.approx(float(table.loc[name, what]), rel=1e-9), (name, what)
    assert row["animals"] == fit.model.surveys[0].n_animals


def test_a_grid_of_scenarios_has_its_axes_in_the_summary():
    grid = scenario_grid(
        small(), density=[2.0, 4.0], design={"short": {"effort": 30.0}, "long": {"effort": 90.0}}
    )
    assert [s.name for s in grid.scenarios][1] == "density 2.0, design long"
    result = study(grid, 3, client="loop", **SILENT)
    summary = result.summary()
    assert dict(summary.sizes) == {"density": 2, "design": 2, "parameter": 3}
    assert float(summary["true"].sel(density=4.0, design="short", parameter="D")) == pytest.approx(
        4.0
    )
    more = summary["animals"].sel(design="long") > summary["animals"].sel(design="short")
    assert bool(more.all())
    assert summary["coverage"].attrs["long_name"]
    with pytest.raises(sn.DataError, match="no 'densty' .*density"):
        scenario_grid(small(), densty=[1.0])
    with pytest.raises(sn.DataError, match="need labels"):
        scenario_grid(small(), traps=[small().traps])


def test_models_with_sexes_and_covariates_are_studied():
    scenario = preset("leopard", sexes=True)
    formulas = {"lambda0": "~ sex", "sigma": "~ sex", "classes": "sex"}
    few = study(scenario, 2, client="loop", **SILENT, **formulas)
    assert few.results["sigma:sex[T.male]|true"].to_numpy() == pytest.approx(np.log(2.0))
    assert few.results["pmix|true"].to_numpy() == pytest.approx(0.4)


def test_clusters_and_ghosts_may_be_part_of_a_scenario():
    clustered = small(population=partial(simulate_clusters, cluster_size=3.0, spread=800.0))
    ghosts = small(faults=partial(add_ghosts, share=0.3))
    result = study({"clusters": clustered, "ghosts": ghosts}, 6, client="loop", **SILENT)
    table = result.to_dataframe()
    assert list(table.index) == ["clusters", "ghosts"]
    assert table.loc["ghosts", "bias"] > 0.2
    assert json.loads(json.dumps(result.failures.to_dict()))
    with pytest.raises(sn.DataError, match="no parameter 'z'"):
        result.to_dataframe("z")


# --- power and cost ------------------------------------------------------------------------------


def test_power_is_the_published_formula():
    """Efford & Boulanger (2019): both surveys alike, or the second as precise as it has animals."""
    z = norm.ppf(0.975)
    sd = np.sqrt(2 * np.log(1.04))
    plain = norm.cdf(np.log(0.5) / sd - z) + norm.cdf(-np.log(0.5) / sd - z)
    assert power_to_detect(0.2, 0.5, scaled=False) == pytest.approx(plain)
    e = np.log(0.5) - 0.5 * np.log(1 + 0.04 / 0.5) + 0.5 * np.log(1.04)
    sd = np.sqrt(np.log(1.04) + np.log(1.08))
    scaled = norm.cdf(e / sd - z) + norm.cdf(-e / sd - z)
    assert power_to_detect(0.2, 0.5) == pytest.approx(scaled)
    assert power_to_detect(0.2, 1.0) == pytest.approx(0.05)
    assert power_to_detect(0.2, 1.0, sides=1) == pytest.approx(0.05)
    assert power_to_detect([0.1, 0.3], 0.7).shape == (2,)


def test_detectable_change_has_its_power():
    for decline in (True, False):
        ratio = detectable_change(0.15, power=0.8, decline=decline)
        assert (ratio < 1.0) == decline
        assert power_to_detect(0.15, ratio) == pytest.approx(0.8, abs=1e-6)
    assert detectable_change(5.0, decline=True) == 0.0
    with pytest.raises(sn.DataError, match="rse must be above 0"):
        power_to_detect(0.0, 0.5)
    with pytest.raises(sn.DataError, match=r"rse is a share, 0\.3 for 30 %; got 33"):
        power_to_detect(33, 0.8)
    with pytest.raises(sn.DataError, match=r"0\.8 for a decline by 20 %; got 20"):
        power_to_detect(0.33, 20)


def test_power_by_simulation_agrees_with_the_formula():
    grid = scenario_grid(preset("leopard"), density={"now": 0.98, "half": 0.49})
    table = power_of_study(study(grid, 25, client="loop", **SILENT))
    row = table.iloc[0]
    assert row["change"] == pytest.approx(0.5)
    assert abs(row["power"] - row["predicted"]) < 4 * max(row["power_error"], 0.05)
    assert row["pairs"] == 25


def test_costs_add_up():
    scenario = small()
    found = scenario.expected()
    prices = Prices(1000, camera=50, effort=0.5, visit=20, kilometre=2, animal=3, detection=1)
    cost = survey_cost(scenario, prices)
    # 16 cameras, 4 km apart: a tree of 15 links, there and back
    assert round_trip_km(scenario.traps) == pytest.approx(120.0)
    wanted = 1000 + 16 * 50 + 480 + 16 * 20 * 2 + 2 * 120 * 2
    wanted += 3 * found.animals + found.detections
    assert cost["total"] == pytest.approx(wanted)
    assert cost.drop("total").sum() == pytest.approx(cost["total"])
    for wrong in (-1, "300", float("nan")):
        with pytest.raises(sn.DataError, match=f"got camera {wrong!r}"):
            Prices(camera=wrong)
    with pytest.raises(sn.DataError, match="got TrapArray and Prices"):
        survey_cost(scenario.traps, prices)


def test_cost_against_precision_finds_what_nothing_cheaper_beats():
    grid = scenario_grid(small(), effort=[20.0, 60.0, 120.0])
    table = cost_against_precision(grid, Prices(camera=10, effort=1))
    assert table["cost"].is_monotonic_increasing
    assert table["best"].all()
    assert table["rse"].is_monotonic_decreasing
    flat = cost_against_precision(grid, Prices(camera=10))
    assert flat["best"].tolist() == [True, False, False]
