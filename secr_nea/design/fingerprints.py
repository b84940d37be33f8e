"""What makes two scenarios the same: contents and code, told alike in every process."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np
import pandas as pd

from secr_nea import _checks
from secr_nea.design.scenario import Scenario
from secr_nea.detection import DetectionFunction

_LIBRARIES = ("secr_nea", "numpy", "scipy", "pandas")


def fingerprint_of(scenario: Scenario) -> str:
    """Twelve hexadecimal digits that change with anything in a scenario, except its name.

    Parameters
    ----------
    scenario : Scenario

    Returns
    -------
    str
    """
    contents = dict(scenario.contents())
    own = [contents.pop(name) for name in ("traps", "mask", "detection", "name")][:3]
    kept = [own[0].fingerprint, own[1].fingerprint, own[2].name, scenario.density_at_points]
    contents.pop("density")
    # what is measured, not how it is called: barriers and fits are not in any name
    distance = scenario.model_options.get("distance")
    contents["distances"] = None if distance is None else distance.matrix
    parts: list[Any] = [*kept]
    for name, value in sorted(contents.items()):
        told = told_of(value)
        parts += [name, *(told if isinstance(told, list) else [told])]
    return _checks.fingerprint(*parts)


def told_of(value: Any) -> Any:
    """A value as text, numbers and arrays; functions as their code and all that it uses.

    Parameters
    ----------
    value : object

    Returns
    -------
    object
        For `_checks.fingerprint`.
    """
    return _told(value, frozenset())


def _told(value: Any, within: frozenset[int]) -> Any:
    if id(value) in within:  # a function that calls itself
        return "again"
    within = within | {id(value)}
    if isinstance(value, DetectionFunction):
        return f"{value.name} {value.formula}"
    if isinstance(value, partial):
        return {
            "function": _told(value.func, within),
            "arguments": _several(value.args, within),
            "keywords": _told(value.keywords, within),
        }
    if isinstance(value, Mapping):
        return {str(key): _told(item, within) for key, item in value.items()}
    if isinstance(value, np.ndarray | pd.DataFrame):
        return value
    if isinstance(value, list | tuple):
        numbers = all(isinstance(item, int | float | np.number) for item in value)
        return np.asarray(value) if numbers else _several(value, within)
    if isinstance(value, set | frozenset):
        return sorted(map(repr, value))
    if hasattr(value, "fingerprint"):
        return value.fingerprint
    if isinstance(value, FunctionType) and not _of_library(value):
        return _function(value, within)
    if isinstance(value, MethodType) and not _of_library(value.__func__):
        return {"function": _told(value.__func__, within), "of": _told(value.__self__, within)}
    if isinstance(value, ModuleType):
        return value.__name__
    if callable(value) or " at 0x" in repr(value):
        return _object(value, within)
    return value


def _several(values: Any, within: frozenset[int]) -> dict[str, Any]:
    return {f"{i:06d}": _told(item, within) for i, item in enumerate(values)}


def _of_library(value: Any) -> bool:
    return str(getattr(value, "__module__", "")).split(".")[0] in _LIBRARIES


def _function(function: FunctionType, within: frozenset[int]) -> dict[str, Any]:
    """Code, defaults, what it closes over, and the variables of its module that it reads."""
    code = function.__code__
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    read = {n: function.__globals__[n] for n in _names(code) if n in function.__globals__}
    return {
        "name": f"{function.__module__}.{function.__qualname__}",
        "code": _code(code),
        "defaults": _several(function.__defaults__ or (), within),
        "keywords": _told(function.__kwdefaults__ or {}, within),
        "closure": _several(cells, within),
        "reads": _told(read, within),
    }


def _names(code: CodeType) -> set[str]:
    inner = [_names(const) for const in code.co_consts if isinstance(const, CodeType)]
    return set(code.co_names).union(*inner)


def _code(code: CodeType) -> str:
    consts = [
        _code(const)
        if isinstance(const, CodeType)
        # the order of a set differs from process to process
        else repr(sorted(map(repr, const)) if isinstance(const, frozenset) else const)
        for const in code.co_consts
    ]
    return f"{code.co_code.hex()} {code.co_names} {consts}"


def _object(value: Any, within: frozenset[int]) -> Any:
    """What a library has by its name; another object with its attributes, not its address."""
    name = f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', type(value))}"
    plain = isinstance(value, type | BuiltinFunctionType) or _of_library(type(value))
    if plain or not hasattr(value, "__dict__"):
        return name
    call = vars(type(value)).get("__call__")
    return {"name": name, "call": _told(call, within), "attributes": _told(vars(value), within)}
