"""The command ``design``: what a survey may be expected to find, where to put cameras, a study."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Group

from secr_nea.cli.inputs import pairs
from secr_nea.cli.messages import plain_warnings
from secr_nea.cli.simulate import SURVEY, TRUTH, option
from secr_nea.errors import DataError

PLACING = Group.create_ordered("Placing cameras")
STUDY = Group.create_ordered("Study")


def design(
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
    fixed_n: Annotated[int | None, option("fixed-n", TRUTH)] = None,
    number: Annotated[int | None, option("number", PLACING)] = None,
    objective: Annotated[str, option("objective", PLACING)] = "min(n, r)",
    minimum_distance: Annotated[float, option("minimum-distance", PLACING)] = 0.0,
    fixed: Annotated[list[str] | None, option("fixed", PLACING)] = None,
    strata: Annotated[str | None, option("strata", PLACING)] = None,
    at_least: Annotated[list[str] | None, option("at-least", PLACING)] = None,
    cost: Annotated[str | None, option("cost", PLACING)] = None,
    budget: Annotated[float | None, option("budget", PLACING)] = None,
    starts: Annotated[int, option("starts", PLACING)] = 5,
    out: Annotated[list[str] | None, option("out", PLACING)] = None,
    replicates: Annotated[int, option("replicates", STUDY)] = 0,
    folder: Annotated[str | None, option("folder", STUDY)] = None,
    workers: Annotated[int | None, option("workers", STUDY)] = None,
    seed: Annotated[int, option("seed", STUDY)] = 1,
    quiet: Annotated[bool, option("quiet", STUDY)] = False,
) -> int:
    """Plan a survey: expected numbers and precision, the best places for cameras, a simulation.

    Without --number the cameras of --traps are the plan. With --number they are candidate sites, of
    which so many are chosen. With --replicates the plan is simulated and fitted so often.

    Parameters
    ----------
    preset
        An invented survey: namkha, chikhachev, eastern_sayan, silkhem, hunchun, primorye, leopard.
    traps
        Table of cameras or candidate sites (trap_id, x, y, effort and covariates).
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
    fixed_n
        Exactly so many animals.
    number
        New cameras to place among the sites.
    objective
        "min(n, r)", "animals", "recaptures", "two detectors", "animals + two detectors" or "rse".
    minimum_distance
        Between a new camera and any other, metres.
    fixed
        Name of a site with a camera that stays; repeatable.
    strata
        Column of the sites, such as country.
    at_least
        New cameras that a stratum must have, such as Russia=20; repeatable.
    cost
        Column of the sites, such as hours of walking.
    budget
        Largest sum of the costs.
    starts
        Random starts of the search.
    out
        File for the cameras: .csv, .gpx, .kml or .gpkg; repeatable.
    replicates
        Surveys to simulate and fit.
    folder
        Where results of the study are kept, so that it can be resumed.
    workers
        Number of processes; 1 runs in this one.
    seed
        Whole number.
    quiet
        Show no progress.
    """
    import secr_nea as sn
    from secr_nea.cli.scenario import scenario_of

    with plain_warnings():
        scenario = scenario_of(
            preset=preset,
            sexes=sexes,
            faults=False,
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
        _check_files(out or (), scenario.traps)
        if number is None:
            idle = {
                "minimum-distance": minimum_distance,
                "fixed": fixed,
                "strata": strata,
                "at-least": at_least,
                "cost": cost,
                "budget": budget,
            }
            _need(idle, "--number, the cameras to place")
        if not replicates:
            _need({"folder": folder, "workers": workers}, "--replicates, the surveys to simulate")
        if number is not None:
            quota = pairs(at_least or (), "--at-least", "Russia=20")
            placed = sn.design.place(
                scenario,
                number,
                objective=objective,
                minimum_distance=minimum_distance,
                fixed=fixed,
                strata=strata,
                at_least={name: _whole(value) for name, value in quota.items()} or None,
                cost=cost,
                budget=budget,
                starts=starts,
                seed=seed,
                progress=not quiet,
            )
            scenario = placed.scenario
            print(f"{placed}\n\n{placed.to_dataframe().round(3).to_string()}\n")
        _tell(sn, scenario)
        for path in out or ():
            _write(sn, scenario.traps, path)
        if replicates:
            result = sn.design.study(
                scenario,
                replicates,
                seed=seed,
                folder=folder,
                client="loop" if workers == 1 else None,
                workers=workers,
                progress=not quiet,
            )
            print(f"\n{result}\n{result.to_dataframe().T.round(3).to_string()}")
    return 0


def _tell(sn: Any, scenario: Any) -> None:
    """Expected numbers and the two predictions of precision."""
    found = sn.design.expected(scenario)
    print(f"{scenario}\n\nExpected\n{found}")
    try:
        precise = sn.design.precision(scenario)
    except sn.SecrError as error:
        print(f"\nRSE by the expected information: none. {error}")
        return
    print(
        f"\nRSE of density: about {100 * found.rse:.0f} % by 1 / sqrt(min(n, r)); "
        f"{100 * precise.rse:.0f} % by the expected information.\n{_power(sn, precise.rse)}"
    )


def _power(sn: Any, rse: float) -> str:
    left = sn.design.detectable_change(rse) if rse < 1.0 else 0.0
    if left <= 0.0:
        return "Two such surveys would tell no decline, however deep, with a probability of 80 %."
    return (
        f"Two such surveys tell a decline by {100 * (1 - left):.0f} % or more with a probability "
        f"of 80 %, one by 20 % with {100 * float(sn.design.power_to_detect(rse, 0.8)):.0f} %."
    )


def _need(options: dict[str, Any], what: str) -> None:
    """Refuse options that would do nothing."""
    given = [f"--{name}" for name, value in options.items() if value]
    if given:
        raise DataError(f"{', '.join(given)} needs {what}.")


def _check_files(paths: list[str] | tuple[()], traps: Any) -> None:
    """Find before a search, which may last, what could not be written after it."""
    for path in paths:
        if traps.crs is None and Path(path).suffix.lower() != ".csv":
            raise DataError(f"--out {path!r} needs --crs, such as --crs EPSG:32646.")
        if Path(path).suffix.lower() not in (".csv", ".gpx", ".kml", ".gpkg"):
            raise DataError(f"--out {path!r}: the ending must be .csv, .gpx, .kml or .gpkg.")
        if not Path(path).absolute().parent.is_dir():
            raise DataError(f"--out: there is no folder {str(Path(path).absolute().parent)!r}.")


def _write(sn: Any, traps: Any, path: str) -> None:
    if path.lower().endswith(".csv"):
        traps.to_dataframe().to_csv(path, index=False)
    else:
        sn.design.write_sites(traps, path)
    print(f"Cameras: {path}")


def _whole(text: str) -> int:
    if not text.isdecimal():
        raise DataError(f"--at-least needs a whole number, such as Russia=20; got {text!r}.")
    return int(text)
