"""Formulas: what they may say, what they remember for new data, and what errors tell."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import secr_nea as sn
from secr_nea.formula import clean_formula, design, formula_variables

ROWS = 12


def frame():
    """Numbers, a factor, a logical column and names that need backticks."""
    return pd.DataFrame(
        {
            "rugged": np.linspace(-1.0, 2.0, ROWS) ** 3,
            "elev": np.linspace(1500.0, 4200.0, ROWS),
            "topo": pd.Categorical((["ridge", "valley", "flat"] * ROWS)[:ROWS]),
            "water": np.arange(ROWS) % 2 == 0,
            "road.km": np.sin(np.arange(ROWS)),
            "dist (km)": np.cos(np.arange(ROWS)),
        }
    )


def build(text, data=None):
    return design(text, frame() if data is None else data, "D")


# --- columns and their names ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, columns",
    [
        ("~ 1", ["Intercept"]),
        ("~ rugged", ["Intercept", "rugged"]),
        ("rugged", ["Intercept", "rugged"]),
        ("~ rugged - 1", ["rugged"]),
        ("~ topo", ["Intercept", "topo[T.ridge]", "topo[T.valley]"]),
        ("~ rugged * water", ["Intercept", "rugged", "water", "rugged:water"]),
        ("~ elev + I(elev^2)", ["Intercept", "elev", "I(elev ** 2)"]),
        ("~ (rugged + elev)^2", ["Intercept", "rugged", "elev", "rugged:elev"]),
        ("~ log(elev)", ["Intercept", "log(elev)"]),
        ("~ `road.km`", ["Intercept", "road.km"]),
        ("~ `dist (km)` + rugged", ["Intercept", "dist (km)", "rugged"]),
    ],
)
def test_columns(text, columns):
    found = build(text)
    assert list(found.columns) == columns
    assert found.matrix.shape == (ROWS, len(columns))
    assert not found.matrix.flags.writeable


def test_powers_of_r_are_powers():
    matrix = build("~ elev + I(elev^2)").matrix
    np.testing.assert_allclose(matrix[:, 2], frame()["elev"] ** 2, rtol=1e-14)
    np.testing.assert_array_equal(build("~ elev + I(elev**2)").matrix, matrix)


def test_interaction_of_a_factor_and_a_number():
    data = frame()
    found = build("~ topo * rugged")
    column = found.matrix[:, found.columns.index("topo[T.ridge]:rugged")]
    np.testing.assert_allclose(column, (data["topo"] == "ridge") * data["rugged"], rtol=1e-14)


def test_variables_are_named_once_in_their_order():
    names = [*frame().columns, "session"]
    text = "~ bs(rugged, df=4) * topo + I(elev^2) + rugged:session + C(topo)"
    assert formula_variables(text, names) == ("rugged", "topo", "elev", "session")
    assert formula_variables("~ 1", names) == ()
    assert formula_variables("~ df + bs(rugged, df=4)", ["df", "rugged"]) == ("df", "rugged")


# --- what is remembered --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "~ scale(elev)",
        "~ center(elev) + topo",
        "~ poly(rugged, 2)",
        "~ bs(rugged, df=4)",
        "~ C(topo, contr.sum)",
        "~ topo * rugged",
    ],
)
def test_new_data_are_coded_like_the_old(text):
    """A few rows alone have the same columns as within all rows: knots, means, levels are kept."""
    built = build(text)
    few = frame().iloc[[5, 2, 7]].reset_index(drop=True)
    np.testing.assert_allclose(built.apply(few), built.matrix[[5, 2, 7]], rtol=1e-12, atol=1e-12)


def test_one_level_alone_keeps_its_columns():
    built = build("~ topo")
    only = pd.DataFrame({"topo": ["valley", "valley"]})
    np.testing.assert_array_equal(built.apply(only), [[1.0, 0.0, 1.0]] * 2)


def test_unseen_level():
    built = build("~ topo")
    with pytest.raises(sn.FormulaError, match=r"'~ topo' have a level .* not seen.*"):
        built.apply(pd.DataFrame({"topo": ["ridge", "saddle"]}))


def test_absent_and_missing_columns_of_new_data():
    built = build("~ rugged")
    with pytest.raises(sn.FormulaError, match="needs the column 'rugged'; the data have elev"):
        built.apply(frame()[["elev"]])
    with pytest.raises(
        sn.FormulaError, match=r"1 missing values among 2 rows \(the first in row 2"
    ):
        built.apply(pd.DataFrame({"rugged": [1.0, np.nan]}))


# --- errors --------------------------------------------------------------------------------------


def test_unknown_variable_is_told_of_its_neighbour():
    with pytest.raises(sn.FormulaError, match=r"uses 'ruged'.* Did you mean 'rugged'\?"):
        build("~ ruged")
    with pytest.raises(sn.FormulaError, match="Available: dist .km., elev, road.km, rugged, topo"):
        build("~ qqq")


@pytest.mark.parametrize(
    "text",
    [
        "~ __import__('os')",
        "~ I(__import__('os').getpid())",
        "~ eval('1')",
        "~ open('f')",
        "~ rugged.values",
        "~ rugged.to_csv('f')",
        "~ I(rugged.__class__)",
        "~ {open('f')}",
        "~ np.log(elev)",
        "~ I((lambda: 1)())",
        "~ I([open][0]('f'))",
        "~ I([print][0](elev))",
        "~ I(((elev).to_csv)('f'))",
        "~ I((elev).values)",
        "~ I((''.join)(['a']))",
        "~ I(elev[0])",
        "~ I(f'{elev.to_csv()}')",
        "~ I('a'(elev))",
        "~ I(elev)(elev)",
        "~ I([x for x in elev])",
        "~ I(elev if 1 else 2)",
        "~ {elev}",
        "~ I(elev := 1)",
        "~ elev; rugged",
    ],
)
def test_a_formula_is_no_program(text, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(sn.FormulaError, match="formula"):
        build(text)
    assert not list(tmp_path.iterdir())
    assert capsys.readouterr().out == ""


def test_a_forbidden_call_is_told_what_is_allowed():
    with pytest.raises(sn.FormulaError, match=r"calls np.log.* Allowed are C, I, abs, bs"):
        build("~ np.log(elev)")
    with pytest.raises(sn.FormulaError, match="Did you mean 'poly'"):
        build("~ pol(elev, 2)")


@pytest.mark.parametrize("text", ["D ~ 1", "~", "", "~ a ~ b", "   "])
def test_only_a_right_hand_side(text):
    with pytest.raises(sn.FormulaError, match="only a right-hand side"):
        clean_formula(text)


@pytest.mark.parametrize("text", [1, None, 2.5, ["~ 1"]])
def test_a_formula_is_text(text):
    with pytest.raises(sn.FormulaError, match="must be text such as '~ 1'; got"):
        clean_formula(text)


@pytest.mark.parametrize("text", ["~ rugged +", "~ (rugged", "~ rugged | elev", "~ ."])
def test_a_broken_formula(text):
    with pytest.raises(sn.FormulaError, match="formula"):
        build(text)


def test_missing_values_are_named_with_their_row():
    data = frame()
    data.loc[[3, 8], "rugged"] = np.nan
    with pytest.raises(sn.FormulaError, match=r"'rugged' in '~ rugged' has 2 missing .* row 4\)"):
        build("~ rugged", data)
    assert build("~ elev", data).matrix.shape == (ROWS, 2), "columns that are not used do not count"


def test_numbers_that_are_not_finite():
    data = frame()
    data["elev"] = data["elev"] - data["elev"].min()
    with pytest.raises(sn.FormulaError, match=r"column 'log\(elev\)' .* not finite everywhere"):
        build("~ log(elev)", data)


def test_dependent_columns_are_named():
    data = frame().assign(metres=frame()["elev"], feet=frame()["elev"] * 3.28)
    with pytest.raises(sn.FormulaError, match="for D, feet cannot be told from the terms before"):
        build("~ elev + feet", data)
    with pytest.raises(sn.FormulaError, match="linearly dependent"):
        build("~ topo + I(2 * elev) + elev", data)
    with pytest.raises(sn.FormulaError, match="constant cannot be told"):
        build("~ constant", data.assign(constant=3.0))


def test_squares_of_large_numbers_are_not_dependent():
    """Elevations of a few thousand metres and their squares can be told apart."""
    assert build("~ elev + I(elev^2)").matrix.shape == (ROWS, 3)


def test_columns_of_zeros_are_named():
    data = frame().assign(none=0.0)
    with pytest.raises(sn.FormulaError, match="columns that are zero in every row: none"):
        build("~ none", data)
    with pytest.raises(sn.FormulaError, match="has no columns; use '~ 1'"):
        build("~ 0", data)
