"""The command ``simulate``: tables of an invented survey, with the truth beside them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Group, Parameter

from secr_nea.cli.messages import plain_warnings
from secr_nea.errors import DataError

SURVEY = Group.create_ordered("Survey")
TRUTH = Group.create_ordered("Truth")
RESULT = Group.create_ordered("Result")


def option(name: str, group: Group) -> Any:
    """An option that is spelled exactly so, without a --no-... beside it."""
    return Parameter(name=f"--{name}", group=group, negative=())


def simulate(
    *,
    preset: Annotated[str | None, option("preset", SURVEY)] = None,
    traps: Annotated[str | None, option("traps", SURVEY)] = None,
    mask: Annotated[str | None, option("mask", SURVEY)] = None,
    buffer: Annotated[float | None, option("buffer", SURVEY)] = None,
    spacing: Annotated[float | None, option("spacing", SURVEY)] = None,
    detector: Annotated[str, option("detector", SURVEY)] = "count",
    effort: Annotated[float | None, option("effort", SURVEY)] = None,
    crs: Annotated[str | None, option("crs", SURVEY)] = None,
    density: Annotated[str | None, option("density", TRUTH)] = None,
    detection: Annotated[str, option("detection", TRUTH)] = "hazard_half_normal",
    lambda0: Annotated[str | None, option("lambda0", TRUTH)] = None,
    g0: Annotated[str | None, option("g0", TRUTH)] = None,
    sigma: Annotated[str | None, option("sigma", TRUTH)] = None,
    z: Annotated[str | None, option("z", TRUTH)] = None,
    w: Annotated[str | None, option("w", TRUTH)] = None,
    classes: Annotated[list[str] | None, option("classes", TRUTH)] = None,
    sexes: Annotated[bool, option("sexes", TRUTH)] = False,
    faults: Annotated[bool, option("faults", TRUTH)] = False,
    fixed_n: Annotated[int | None, option("fixed-n", TRUTH)] = None,
    seed: Annotated[int, option("seed", RESULT)] = 1,
    out: Annotated[str, option("out", RESULT)] = "simulated",
) -> int:
    """Simulate a survey and write its tables, as if they came from the field.

    The folder holds cameras.csv, detections.csv, individuals.csv and mask.csv for the command
    estimate, and truth.json and animals.csv with what is true. The same seed gives the same tables.

    Parameters
    ----------
    preset
        An invented survey with realistic numbers: namkha, chikhachev, eastern_sayan, silkhem,
        hunchun, primorye or leopard.
    traps
        Table of cameras (trap_id, x, y, effort), in place of a preset.
    mask
        Table of the habitat mask, or "auto" for all cells within --buffer of the cameras.
    buffer
        With --mask auto: how far the mask reaches, metres, about 4 sigma.
    spacing
        Side of a mask cell, metres.
    detector
        count, binary, binomial or multi.
    effort
        Effort of every camera, such as days, in place of that of the table.
    crs
        Coordinate reference system, such as EPSG:32646.
    density
        Animals per 100 km2, or the mask covariate that holds them.
    detection
        Detection function.
    lambda0
        Hazard of detection at distance 0 per unit effort; by class as female=0.008,male=0.002.
    g0
        Probability of detection at distance 0 per unit effort.
    sigma
        Scale of movement, metres; by class as female=4000,male=8000.
    z
        Shape of some detection functions.
    w
        Second shape, metres.
    classes
        Share of a class of animals, such as female=0.6; repeatable.
    sexes
        Sexes of a preset with their own sigma.
    faults
        Faults of the field in a preset: lost cameras, single flanks, ghosts, unknown sex.
    fixed_n
        Exactly so many animals.
    seed
        Whole number.
    out
        Folder for the tables.
    """
    from secr_nea.cli.scenario import scenario_of

    folder = Path(out)
    if folder.exists() and not folder.is_dir():
        raise DataError(f"--out {out!r} is a file; give a folder.")
    with plain_warnings():
        scenario = scenario_of(
            preset=preset,
            sexes=sexes,
            faults=faults,
            seed=seed,
            traps=traps,
            mask=mask,
            buffer=buffer,
            spacing=spacing,
            detector=detector,
            effort=effort,
            crs=crs,
            density=density,
            detection=detection,
            parameters={"lambda0": lambda0, "g0": g0, "sigma": sigma, "z": z, "w": w},
            classes=classes,
            fixed_n=fixed_n,
        )
        survey = scenario.simulate(seed=seed)
        animals = scenario.simulate_animals(seed=seed)
    folder.mkdir(parents=True, exist_ok=True)
    tables = {
        "cameras.csv": survey.traps.to_dataframe(),
        "detections.csv": survey.captures.to_dataframe(),
        "individuals.csv": survey.captures.individuals(),
        "mask.csv": survey.mask.to_dataframe(),
        "animals.csv": animals.to_dataframe(),
    }
    for name, table in tables.items():
        table.to_csv(folder / name, index=False)
    truth = {
        "density_per_100km2": scenario.mean_density,
        "animals": len(animals),
        "detection": scenario.detection.name,
        "parameters": dict(scenario.parameters),
        "classes": dict(scenario.classes),
        "crs": None if survey.crs is None else survey.crs.to_string(),
        "seed": seed,
    }
    (folder / "truth.json").write_text(json.dumps(truth, indent=2) + "\n")
    print(f"{survey}\n{len(animals)} animals lived there. Tables: {folder}")
    return 0
