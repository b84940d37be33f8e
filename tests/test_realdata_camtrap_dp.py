"""The standard's own example package and schemas, where they are at hand."""

from __future__ import annotations

import json

import pandas as pd
import pytest

import secr_nea as sn
from secr_nea.errors import DataError, SecrWarning
from secr_nea.io.camtrap_dp_write import DEPLOYMENT_FIELDS, MEDIA_FIELDS, OBSERVATION_FIELDS

pytestmark = pytest.mark.realdata


@pytest.fixture
def home(realdata):
    path = realdata / "camtrap_dp"
    if not path.is_dir():
        pytest.skip("no Camtrap DP example")
    return path


def test_example_package(home):
    with pytest.raises(DataError, match="times have different offsets from UTC"):
        sn.read_camtrap_dp(home / "example")
    with pytest.warns(SecrWarning, match="individualID is empty"):
        tables = sn.read_camtrap_dp(home / "example", timezone="Europe/Brussels")
    deployments = pd.read_csv(home / "example" / "deployments.csv")
    assert len(tables.traps) == deployments["locationID"].nunique()
    start = pd.to_datetime(deployments["deploymentStart"], utc=True)
    end = pd.to_datetime(deployments["deploymentEnd"], utc=True)
    days = (end - start).dt.total_seconds().sum() / 86_400
    # the deployments do not overlap; clocks that change add or take an hour
    assert tables.to_traps().effort.sum() == pytest.approx(days, abs=0.2)


@pytest.mark.parametrize(
    "name, fields",
    [
        ("deployments", DEPLOYMENT_FIELDS),
        ("observations", OBSERVATION_FIELDS),
        ("media", MEDIA_FIELDS),
    ],
)
def test_written_fields_are_those_of_the_schema(home, name, fields):
    schema = json.loads((home / f"{name}-table-schema.json").read_text())
    known = {f["name"]: f.get("constraints", {}) for f in schema["fields"]}
    assert set(fields) <= set(known)
    assert {n for n, c in known.items() if c.get("required")} <= set(fields)
