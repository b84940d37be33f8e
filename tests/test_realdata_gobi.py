"""Three surveys of the South Gobi, where their data are at hand: published log-likelihoods of R.

Values: README of the data; R secr, Poisson counts with effort, hazard half-normal.
"""

from __future__ import annotations

import json

import pytest

from secr_nea.cli import main

pytestmark = pytest.mark.realdata

MODELS = [
    ({"D": "~ 1", "lambda0": "~ 1", "sigma": "~ 1"}, 3, -511.1774518),
    ({"D": "~ 1", "lambda0": "~ session", "sigma": "~ 1"}, 5, -507.9235067),
    ({"D": "~ stdGC", "a0": "~ Water", "sigma": "~ 1"}, 5, -506.6688905),
    ({"D": "~ stdGC", "a0": "~ Topo", "sigma": "~ 1"}, 6, -502.4492621),
    ({"D": "~ stdGC * session", "a0": "~ Topo", "sigma": "~ 1"}, 10, -502.4200865),
    ({"D": "~ stdGC", "a0": "~ Topo + Water*session", "sigma": "~ 1"}, 11, -490.2666736),
]


@pytest.fixture
def estimate(realdata, tmp_path, capsys):
    """Fit of formulas from the command line: exit status, JSON, text of stderr."""

    def run(formulas):
        gobi = realdata / "gobi"
        arguments = ["estimate", "--detector", "count", "--effort-column", "effort_days"]
        for table in ("traps", "captures", "mask"):
            arguments += [f"--{table}", str(gobi / f"{table}.csv")]
        for name, formula in formulas.items():
            arguments += [f"--{name}", formula]
        out = tmp_path / "out.json"
        status = main([*arguments, "--json", str(out), "--quiet"])
        return status, json.loads(out.read_text()), capsys.readouterr().err

    return run


@pytest.mark.parametrize("formulas, n_parameters, log_likelihood", MODELS)
def test_published_log_likelihoods(formulas, n_parameters, log_likelihood, estimate):
    status, out, _ = estimate(formulas)
    assert status == 0
    assert out["npar"] == n_parameters
    assert out["loglik"] == pytest.approx(log_likelihood, abs=1e-5)


def test_null_model(estimate):
    _, out, _ = estimate(MODELS[0][0])
    real = {name: rows[0] for name, rows in out["real_parameters"].items()}
    assert real["D"]["estimate"] == pytest.approx(0.71706, abs=1e-5)
    assert real["D"]["se"] == pytest.approx(0.11338, rel=0.01)
    assert real["lambda0"]["estimate"] == pytest.approx(0.0135474, abs=1e-6)
    assert real["lambda0"]["se"] == pytest.approx(0.0013911, rel=0.01)
    assert real["sigma"]["estimate"] == pytest.approx(7696.3, abs=0.1)
    assert real["sigma"]["se"] == pytest.approx(435.6, rel=0.01)
    assert list(out["surveys"]) == ["Tost", "Noyon", "Nemegt"]


def test_a_level_without_detections_is_named(estimate):
    status, out, told = estimate(MODELS[-1][0])
    assert status == 0
    assert out["converged"] is True
    assert out["diagnosis"]["flat"] == ["a0:Topo[T.Steppe]"]
    assert out["coefficients"]["a0:Topo[T.Steppe]"]["se"] is None
    assert "a0:Topo[T.Steppe] is not determined" in told
