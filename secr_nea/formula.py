"""Model formulas: the only door to formulaic; what is learned from the data is remembered."""

from __future__ import annotations

import difflib
import io
import keyword
import re
import tokenize
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from formulaic import ModelSpec, model_matrix
from formulaic.errors import DataMismatchWarning
from formulaic.materializers.types import FactorValues
from formulaic.transforms import stateful_transform

from secr_nea._typing import FloatArray
from secr_nea.errors import FormulaError
from secr_nea.formula_words import ALLOWED_CALLS, R_TERMS
from secr_nea.smooths import Basis, Smooth, points_of, smooth_basis

_WORD = re.compile(r"(?<![\w.'\"\[])[^\W\d]\w*(?!\w)")
_OPERATORS = frozenset(
    ["+", "-", "*", "/", "**", "^", ":", "%", "(", ")", "[", "]", ",", "=", "<", ">", "<="]
).union([">=", "==", "!=", "&"])
_STATEMENTS = frozenset(keyword.kwlist) - {"None", "True", "False"}
_PLAIN_KINDS = (tokenize.NAME, tokenize.NUMBER, tokenize.STRING)
_QUOTES_AND_DIGITS = tuple("'\"0123456789")
_KEYWORDS = frozenset(
    [
        "df",
        "degree",
        "knots",
        "include_intercept",
        "lower_bound",
        "upper_bound",
        "extrapolation",
        "constraints",
        "k",
        "fx",
        "sp",
        "None",
        "True",
        "False",
        "contr",
        "treatment",
        "sum",
        "helmert",
        "raw",
        "base",
        "levels",
    ]
)


def _smooth_transform(kind: str) -> Any:
    """A call of formulas that makes the columns of a smooth and remembers its basis."""

    def transform(
        covariate: Any,
        *others: Any,
        k: int | None = None,
        fx: bool = False,
        sp: float | None = None,
        _state: dict[str, Basis],
    ) -> Any:
        covariates = [covariate, *others]
        if "basis" not in _state:
            _state["basis"] = smooth_basis(kind, covariates, k, fx=fx, sp=sp)
        columns = _state["basis"](points_of(kind, covariates))
        return FactorValues(
            {j + 1: column for j, column in enumerate(columns.T)},
            kind="numerical",
            spans_intercept=False,
            format="{name}[{field}]",
            encoded=False,
        )

    return stateful_transform(transform)


_TRANSFORMS = {kind: _smooth_transform(kind) for kind in ("s", "te")}


def clean_formula(text: str) -> str:
    """Right-hand side of a formula, in formulaic's spelling.

    Parameters
    ----------
    text : str
        ``"~ rugged + I(elev^2)"``; R's ``^`` is read as a power.

    Returns
    -------
    str
        The formula without its tilde.

    Raises
    ------
    FormulaError
        If the text is empty, has a left-hand side, or calls anything that is not allowed.
    """
    if not isinstance(text, str):
        raise FormulaError(f"A formula must be text such as '~ 1'; got {type(text).__name__}.")
    left, tilde, right = text.partition("~")
    body = (right if tilde else left).strip()
    if (tilde and left.strip()) or not body or "~" in body:
        raise FormulaError(
            f"The formula {text!r} must have only a right-hand side, such as '~ 1' or '~ rugged'."
        )
    _check_calls(body, text)
    return body.replace("^", "**")


def _check_calls(body: str, text: str) -> None:
    """Refuse what is not plain arithmetic of columns: a formula is evaluated as Python.

    Every token must be a name, number, text or one of a few operators. Only allowed names may be
    called, nothing has attributes or subscripts, and a list holds numbers and texts only.
    """
    plain = re.sub(r"`[^`]*`", "column", body)
    before, depth = "", 0
    for kind, word in _tokens(plain, text):
        if word == "(" and before.replace(".", "").isidentifier():
            _check_call(before, text)
        subscript = word == "[" and before not in ("(", ",", "=", "[")
        result = word == "(" and (
            before in (")", "]")
            or (before.endswith(_QUOTES_AND_DIGITS) and not before.isidentifier())
        )
        in_list = depth > 0 and kind == tokenize.NAME and word not in ("None", "True", "False")
        # A text with a letter before it may be an f-string, which runs code.
        text_or_name = kind != tokenize.STRING or word[0] in _QUOTES_AND_DIGITS
        known = text_or_name and (kind in _PLAIN_KINDS or word in _OPERATORS)
        if subscript or result or in_list or not known or "__" in word or word in _STATEMENTS:
            raise FormulaError(
                f"The formula {text!r} uses {word!r} in a way that formulas may not; they may only "
                "combine columns by name. A column whose name has dots or spaces is written "
                "between backticks."
            )
        depth += (word == "[") - (word == "]")
        before = word


def _check_call(name: str, text: str) -> None:
    if name in ALLOWED_CALLS or name.startswith("contr.") or name in _STATEMENTS:
        return
    near = difflib.get_close_matches(name, sorted(ALLOWED_CALLS), n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise FormulaError(
        f"The formula {text!r} calls {name}, which formulas may not.{hint} "
        f"Allowed are {', '.join(sorted(ALLOWED_CALLS))}."
    )


def _tokens(plain: str, text: str) -> Iterator[tuple[int, str]]:
    """Kind and text of each token; contr.treatment is one name, and so is np.log."""
    joined = re.sub(r"\bcontr\.(treatment|sum|helmert|poly|diff)\b", r"contr_\1", plain)
    joined = re.sub(r"([^\W\d]\w*)\.([^\W\d]\w*)\s*\(", r"\1_DOT_\2(", joined)
    try:
        for token in tokenize.generate_tokens(io.StringIO(joined).readline):
            if token.type not in (tokenize.NEWLINE, tokenize.NL, tokenize.ENDMARKER):
                word = token.string.replace("_DOT_", ".")
                yield token.type, re.sub("^contr_", "contr.", word)
    except (tokenize.TokenError, SyntaxError) as error:
        raise FormulaError(f"The formula {text!r} cannot be read: {error}.") from error


def formula_variables(text: str, available: Iterable[str]) -> tuple[str, ...]:
    """Names of the columns that a formula uses.

    Parameters
    ----------
    text : str
        The formula.
    available : iterable of str
        Names of all columns that it may use.

    Returns
    -------
    tuple of str
        In the order of their first appearance.

    Raises
    ------
    FormulaError
        If the formula names something that is not available; the message says what is near.
    """
    body = clean_formula(text)
    names = set(available)
    used: list[str] = []
    without_strings = re.sub(r"'[^']*'|\"[^\"]*\"", "", body)
    quoted = re.findall(r"`([^`]+)`", without_strings)
    without_strings = re.sub(r"`[^`]+`", " ", without_strings)
    for match in _WORD.finditer(without_strings):
        word = match.group()
        follows = without_strings[match.end() :].lstrip()
        is_call = follows.startswith("(")
        is_keyword = word in _KEYWORDS and (word not in names or follows.startswith("="))
        if not is_call and not is_keyword:
            quoted.append(word)
    for word in quoted:
        if word not in names:
            raise FormulaError(_unknown_variable(text, word, names))
        if word not in used:
            used.append(word)
    return tuple(used)


def _unknown_variable(text: str, word: str, names: set[str]) -> str:
    near = difflib.get_close_matches(word, sorted(names), n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    if word in R_TERMS:
        hint = f" R's {word} is {R_TERMS[word]} here."
    return (
        f"The formula {text!r} uses {word!r}, which is not among the covariates here.{hint} "
        f"Available: {', '.join(sorted(names)) or 'none'}."
    )


@dataclass(frozen=True)
class Design:
    """A design matrix together with what is needed to build the same columns for new data.

    Parameters
    ----------
    text : str
        The formula as the user wrote it.
    matrix : float64 array, shape (n_rows, n_columns)
    columns : tuple of str
        formulaic's names of the columns.
    variables : tuple of str
        The columns of the data that the formula uses.
    spec : formulaic.ModelSpec
        Remembered levels, knots and scalings.
    smooths : tuple of Smooth
        The smooth functions that a fit penalises, with their columns.
    is_relative : bool
        Whether the formula's intercept is left out, so that the predictor is a difference.
    """

    text: str
    matrix: FloatArray
    columns: tuple[str, ...]
    variables: tuple[str, ...]
    spec: ModelSpec
    smooths: tuple[Smooth, ...] = ()
    is_relative: bool = False

    def apply(self, frame: pd.DataFrame) -> FloatArray:
        """Design matrix of new data with the remembered levels, knots and scalings.

        Parameters
        ----------
        frame : DataFrame, n_rows rows
            Must have the columns in `variables`.

        Returns
        -------
        float64 array, shape (n_rows, n_columns)

        Raises
        ------
        FormulaError
            If a column is missing, has missing values or a level that the model has not seen.
        """
        matrix = _materialise(self.spec, frame, self.text, self.variables)[0]
        return matrix[:, 1:] if self.is_relative else matrix


def design(text: str, frame: pd.DataFrame, what: str, *, relative: bool = False) -> Design:
    """Build the design matrix of a formula.

    Parameters
    ----------
    text : str
        The formula, for example ``"~ rugged + session"``.
    frame : DataFrame, n_rows rows
        All columns that the formula may use.
    what : str
        What the formula is for (``"D"``, ``"lambda0"`` ...), for messages.
    relative : bool
        Leave out the intercept, which another parameter has: a factor still differs from its
        first level.

    Returns
    -------
    Design

    Raises
    ------
    FormulaError
        If the formula cannot be read, uses unknown or missing values, or its columns are not
        linearly independent.
    """
    variables = formula_variables(text, frame.columns)
    matrix, spec = _materialise(clean_formula(text), frame, text, variables)
    columns = tuple(str(name) for name in spec.column_names)
    if not columns:
        cure = "name the covariates that matter" if relative else "use '~ 1'"
        raise FormulaError(f"The formula {text!r} for {what} has no columns; {cure}.")
    _check_rank(matrix, columns, text, what)
    smooths = _smooths(spec, columns, text)
    if relative and columns[0] != "Intercept":
        _check_no_level(matrix, text, what)
    drop = relative and columns[0] == "Intercept"
    if drop:
        matrix, columns = np.ascontiguousarray(matrix[:, 1:]), columns[1:]
        smooths = tuple(replace(smooth, columns=smooth.columns - 1) for smooth in smooths)
        if not columns:
            raise FormulaError(
                f"The formula {text!r} for {what} has only an intercept, which says nothing: name "
                "the covariates that matter."
            )
    matrix.setflags(write=False)
    return Design(text, matrix, columns, variables, spec, smooths, drop)


def _check_no_level(matrix: FloatArray, text: str, what: str) -> None:
    """Refuse columns that add up to one: the level that is not to be estimated."""
    whole = np.column_stack([matrix, np.ones(len(matrix))])
    if np.linalg.matrix_rank(whole) == matrix.shape[1]:
        raise FormulaError(
            f"The terms of {text!r} for {what} add up to a level, and only differences can be "
            "estimated: leave '- 1' or '0 +' out of the formula."
        )


def _smooths(spec: ModelSpec, columns: tuple[str, ...], text: str) -> tuple[Smooth, ...]:
    """Penalised smooths of a formula; beside a factor, one for each of its levels."""
    found = []
    for call, state in spec.transform_state.items():
        basis = state.get("basis") if isinstance(state, dict) else None
        if not isinstance(basis, Basis) or not basis.penalised:
            continue
        groups: dict[str, list[int]] = {}
        own = re.compile(rf"(.*?){re.escape(call)}\[\d+\](.*)")
        for term, place in spec.term_slices.items():
            if call not in [factor.expr for factor in term.factors]:
                continue
            for j in range(place.start, place.stop):
                match = own.fullmatch(columns[j])
                if match is None or re.search(r"\b(s|te)\(", match[1] + match[2]):
                    raise FormulaError(_UNCLEAR.format(call=call, text=text))
                groups.setdefault(f"{match[1]}{call}{match[2]}", []).append(j)
        if not groups or any(len(places) != basis.n_columns for places in groups.values()):
            raise FormulaError(_UNCLEAR.format(call=call, text=text))
        found += [
            Smooth(label, np.array(places), basis.penalties, basis.sp)
            for label, places in groups.items()
        ]
    return tuple(sorted(found, key=lambda smooth: int(smooth.columns[0])))


_UNCLEAR = (
    "In the formula {text!r}, {call} must stand alone or beside a factor or a number (f:s(x)). "
    "For a product of smooths use te(x, y); for anything else give fx=True."
)


def _materialise(
    formula: str | ModelSpec, frame: pd.DataFrame, text: str, variables: tuple[str, ...]
) -> tuple[FloatArray, ModelSpec]:
    absent = [name for name in variables if name not in frame.columns]
    if absent:
        raise FormulaError(
            f"The formula {text!r} needs the column {absent[0]!r}; the data have "
            f"{', '.join(map(str, frame.columns)) or 'none'}."
        )
    for name in variables:
        n_missing = int(frame[name].isna().sum())
        if n_missing:
            first = int(np.flatnonzero(frame[name].isna())[0]) + 1
            raise FormulaError(
                f"The covariate {name!r} in {text!r} has {n_missing} missing values among "
                f"{len(frame)} rows (the first in row {first}). Fill them or leave those rows out "
                f"(of a mask: with_filled({name!r}) or without_missing({name!r}))."
            )
    data = frame[list(variables)] if variables else pd.DataFrame({"_": np.zeros(len(frame))})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", DataMismatchWarning)
        try:
            if isinstance(formula, ModelSpec):
                built: Any = formula.get_model_matrix(data, context=_TRANSFORMS)
            else:
                built = model_matrix(
                    formula, data, context=_TRANSFORMS, na_action="raise", output="numpy"
                )
        except DataMismatchWarning as error:
            raise FormulaError(
                f"New data for {text!r} have a level that the model has not seen: {error}"
            ) from error
        except Exception as error:
            reason = re.sub(r"\x1b\[[0-9;]*m|[⧛⧚]", "", str(error)).replace("\n", " ").strip()
            raise FormulaError(f"The formula {text!r} cannot be used: {reason}") from error
    matrix = np.ascontiguousarray(np.asarray(built), dtype=np.float64).reshape(len(frame), -1)
    if not np.isfinite(matrix).all():
        bad = built.model_spec.column_names[int(np.flatnonzero(~np.isfinite(matrix).all(0))[0])]
        raise FormulaError(
            f"The column {bad!r} of the formula {text!r} is not finite everywhere "
            "(for example the logarithm of a value that is not positive)."
        )
    return matrix, built.model_spec


def _check_rank(matrix: FloatArray, columns: tuple[str, ...], text: str, what: str) -> None:
    """Name columns that are sums of columns before them (Gram-Schmidt on the Gram matrix)."""
    scale = np.sqrt(np.einsum("ij,ij->j", matrix, matrix))
    zero = [name for name, length in zip(columns, scale, strict=True) if length == 0.0]
    if zero:
        raise FormulaError(
            f"The formula {text!r} for {what} has columns that are zero in every row: "
            f"{', '.join(zero)}. No data have these levels together; simplify the formula."
        )
    unit = matrix / scale
    gram = unit.T @ unit
    dependent = []
    kept: list[int] = []
    for j in range(len(columns)):
        rest = gram[j, j]
        if kept:
            cross = gram[np.ix_(kept, [j])]
            rest -= float((cross.T @ np.linalg.solve(gram[np.ix_(kept, kept)], cross)).item())
        if rest < 1e-10:
            dependent.append(columns[j])
        else:
            kept.append(j)
    if dependent:
        raise FormulaError(
            f"In the formula {text!r} for {what}, {', '.join(dependent)} cannot be told from the "
            "terms before it: the columns are linearly dependent. Leave that term out, or scale a "
            "covariate that is large beside its spread with scale(...)."
        )


def as_text(value: object) -> str:
    """A formula from a user's value: text, with its tilde added where it is missing.

    Parameters
    ----------
    value : str

    Returns
    -------
    str

    Raises
    ------
    FormulaError
        If the value is not text.
    """
    if isinstance(value, str):
        return value if value.lstrip().startswith("~") else f"~ {value}"
    raise FormulaError(f"A formula must be text such as '~ 1'; got {value!r}.")
