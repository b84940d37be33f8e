"""From what was typed to a scenario: a preset, or tables and the truth that is thought likely."""

from __future__ import annotations

from typing import Any

import secr_nea as sn
from secr_nea.cli.inputs import AUTO, mask_source, pairs
from secr_nea.errors import DataError

_NUMBERS = ("lambda0", "g0", "sigma", "z", "w")


def scenario_of(
    *,
    preset: str | None,
    sexes: bool,
    faults: bool,
    seed: int,
    traps: str | None,
    mask: str | None,
    buffer: float | None,
    spacing: float | None,
    detector: str,
    effort: float | None,
    crs: str | None,
    density: str | None,
    detection: str,
    parameters: dict[str, str | None],
    classes: list[str] | None,
    fixed_n: int | None,
) -> Any:
    """A scenario from options of the command line.

    Parameters
    ----------
    preset : str or None
        Name of a preset; tables and truth are then not needed, but effort, density and detection
        parameters may be changed.
    parameters : dict of str to str or None
        Detection parameters, a number or "female=4000,male=8000".
    classes : list of str or None
        ``name=share`` for each class.

    Returns
    -------
    Scenario

    Raises
    ------
    DataError, ModelError
        If something is missing or impossible.
    """
    given = {name: _parameter(name, text) for name, text in parameters.items() if text is not None}
    shares = {
        name: _number("--classes", value)
        for name, value in pairs(classes or (), "--classes", "female=0.6").items()
    }
    changes: dict[str, Any] = dict(given)
    if shares:
        changes["classes"] = shares
    if fixed_n is not None:
        changes["fixed_n"] = fixed_n
    if density is not None:
        changes["density"] = _density(density)
    if preset is None and (sexes or faults):
        raise DataError(
            f"{'--sexes' if sexes else '--faults'} is for a --preset. With tables of your own give "
            "--classes female=0.6 male=0.4 with parameters for each class; faults are functions "
            "of Python: secr_nea.design.Scenario(faults=...)."
        )
    if preset is not None:
        own = {"traps": traps, "mask": mask, "buffer": buffer, "spacing": spacing, "crs": crs}
        own |= {"detector": detector != "count", "detection": detection != "hazard_half_normal"}
        idle = [f"--{name}" for name, value in own.items() if value]
        if idle:
            raise DataError(
                "--preset has cameras, a mask and a detection function of its own; leave out "
                f"{', '.join(idle)}."
            )
        if effort is not None:
            changes["effort"] = effort
        return sn.design.preset(preset, sexes=sexes, faults=faults, seed=seed).changed(**changes)
    missing = [n for n, v in (("traps", traps), ("mask", mask), ("density", density)) if v is None]
    if missing:
        raise DataError(
            f"--{', --'.join(missing)} missing: give tables and a density, or --preset, one of "
            f"{', '.join(sn.design.PRESETS)}."
        )
    array = sn.read_traps(str(traps), detector=detector, crs=crs)
    source = mask_source(str(mask), buffer, spacing)
    habitat = (
        source(array)
        if callable(source)
        else sn.read_mask(source, crs=crs, spacing=None if mask == AUTO else spacing)
    )
    made = sn.design.Scenario(
        array, habitat, changes.pop("density"), detection=detection, name="planned", **changes
    )
    return made.changed(effort=effort) if effort is not None else made


def _density(text: str) -> Any:
    """A number, or the name of a mask covariate."""
    try:
        return float(text)
    except ValueError:
        return text


def _parameter(name: str, text: str) -> Any:
    """A number, or one for each class."""
    if "=" not in text:
        return _number(f"--{name}", text)
    parts = pairs(text.split(","), f"--{name}", "female=4000,male=8000")
    return {level: _number(f"--{name}", value) for level, value in parts.items()}


def _number(option: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise DataError(f"{option} needs a number; got {text!r}.") from None
