# ruff: noqa: E501
"""Every kind of finding has a file that triggers it, with the right rows, and a clean twin."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import findings_files
import pytest

import secr_nea as sn
from secr_nea.quality import KINDS

CASES = sorted(path.parent for path in findings_files.FOLDER.glob("*/expected.json"))
ONLY_SURVEYS = {
    "mask-covariate-missing",
    "traps-outside-mask",
    "mask-too-narrow",
    "mask-too-coarse",
}


def expected(case):
    return json.loads((case / "expected.json").read_text(encoding="utf-8"))


@cache
def check(case, which):
    options = expected(case)["options"]
    if which == "clean":
        options = {name: value for name, value in options.items() if name != "crs"}
    home = findings_files.FOLDER / "base"
    tables = {path.stem: path for folder in (home, case / which) for path in folder.glob("*.csv")}
    return sn.check(tables["traps"], tables["detections"], tables.get("operation"), **options)


def ids(case):
    return case.name


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_nasty_file_is_found_with_its_rows(case):
    told = expected(case)
    found = check(case, "nasty")
    mine = [f for f in found.of(told["kind"]) if f.table == told["table"]]
    assert mine, f"{told['kind']} was not found; found {[f.kind for f in found]}"
    assert sorted(row for finding in mine for row in finding.rows) == told["rows"]
    assert all(f.seen and f.why and f.cure for f in found)


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_nasty_file_has_no_other_finding(case):
    told = expected(case)
    found = check(case, "nasty")
    assert {f.kind for f in found} == {told["kind"]}


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_clean_twin_has_no_finding(case):
    found = check(case, "clean")
    assert [f.kind for f in found] == []


def test_every_kind_has_a_case():
    assert {expected(case)["kind"] for case in CASES} == set(KINDS) - ONLY_SURVEYS


def test_docs_explain_every_kind_as_the_library_does():
    page = Path(__file__).parents[1] / "docs" / "checking_data.md"
    text = " ".join(page.read_text(encoding="utf-8").split())
    for name, kind in KINDS.items():
        told = f"`{name}` ({kind.severity}) : {kind.what} *Why it matters:* {kind.why} *Cure:* {kind.cure}"
        assert " ".join(told.split()) in text
