"""The command ``estimate``: from three tables to densities, numbers and a results folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Group, Parameter

from secr_nea.cli.messages import plain_warnings
from secr_nea.errors import DataError
from secr_nea.inference.abundance import VARIANCES

NOT_CONVERGED = 3
"""Exit status; 0 is given also with a flat or boundary coefficient, which is named."""

TABLES = Group.create_ordered("Tables")
MODEL = Group.create_ordered("Model")
FITTING = Group.create_ordered("Fitting")
OUTPUT = Group.create_ordered("Output")

PARAMETERS = ("D", "lambda0", "g0", "a0", "sigma", "z", "w", "noneuc", "pmix")


def _option(name: str, group: Group) -> Any:
    """An option that is spelled exactly so, without a --no-... beside it."""
    return Parameter(name=f"--{name}", group=group, negative=())


def estimate(
    *,
    traps: Annotated[str, _option("traps", TABLES)],
    captures: Annotated[str, _option("captures", TABLES)],
    mask: Annotated[str, _option("mask", TABLES)],
    detector: Annotated[str, _option("detector", TABLES)] = "count",
    buffer: Annotated[float | None, _option("buffer", TABLES)] = None,
    spacing: Annotated[float | None, _option("spacing", TABLES)] = None,
    habitat: Annotated[str | None, _option("habitat", TABLES)] = None,
    effort_column: Annotated[str | None, _option("effort-column", TABLES)] = None,
    effort_table: Annotated[str | None, _option("effort-table", TABLES)] = None,
    individuals: Annotated[str | None, _option("individuals", TABLES)] = None,
    survey_column: Annotated[str, _option("survey-column", TABLES)] = "session",
    crs: Annotated[str | None, _option("crs", TABLES)] = None,
    detection: Annotated[str, _option("detection", MODEL)] = "hazard_half_normal",
    D: Annotated[str | None, _option("D", MODEL)] = None,
    lambda0: Annotated[str | None, _option("lambda0", MODEL)] = None,
    g0: Annotated[str | None, _option("g0", MODEL)] = None,
    a0: Annotated[str | None, _option("a0", MODEL)] = None,
    sigma: Annotated[str | None, _option("sigma", MODEL)] = None,
    z: Annotated[str | None, _option("z", MODEL)] = None,
    w: Annotated[str | None, _option("w", MODEL)] = None,
    noneuc: Annotated[str | None, _option("noneuc", MODEL)] = None,
    neighbors: Annotated[int, _option("neighbors", MODEL)] = 16,
    pmix: Annotated[str | None, _option("pmix", MODEL)] = None,
    fixed: Annotated[list[str] | None, _option("fixed", MODEL)] = None,
    links: Annotated[list[str] | None, _option("links", MODEL)] = None,
    population: Annotated[str, _option("population", MODEL)] = "poisson",
    classes: Annotated[str | None, _option("classes", MODEL)] = None,
    groups: Annotated[str | None, _option("groups", MODEL)] = None,
    at: Annotated[str | None, _option("at", FITTING)] = None,
    start: Annotated[str | None, _option("start", FITTING)] = None,
    threads: Annotated[int | None, _option("threads", FITTING)] = None,
    level: Annotated[float, _option("level", OUTPUT)] = 0.95,
    variance: Annotated[str, _option("variance", OUTPUT)] = "auto",
    json: Annotated[str | None, _option("json", OUTPUT)] = None,
    report: Annotated[str | None, _option("report", OUTPUT)] = None,
    regions: Annotated[str | None, _option("regions", OUTPUT)] = None,
    by: Annotated[str | None, _option("by", OUTPUT)] = None,
    title: Annotated[str | None, _option("title", OUTPUT)] = None,
    public: Annotated[bool, _option("public", OUTPUT)] = False,
    quiet: Annotated[bool, _option("quiet", OUTPUT)] = False,
) -> int:
    """Estimate density, detection and numbers of animals from tables of a survey.

    Coordinates are metres, densities animals per 100 km2. Tables are CSV files with the columns
    trap_id, x, y (traps), animal_id, occasion, trap_id, count (captures), x, y (mask), and
    session where there are several surveys; further columns are covariates. Formulas are written
    like "~ topo + water*session".

    Parameters
    ----------
    traps
        Table of the traps.
    captures
        Table of the detections; one row each where there is no column count.
    mask
        Table of the habitat mask, or "auto" for all cells within --buffer of the traps.
    detector
        count, binary (proximity), binomial or multi.
    buffer
        With --mask auto: how far the mask reaches from the traps, metres, about 4 sigma.
    spacing
        Side of a mask cell, metres.
    habitat
        With --mask auto: layer of polygons (GeoPackage, shapefile ...); other cells are left out.
    effort_column
        Column of the traps table with the effort of the one occasion.
    effort_table
        Table with trap_id, occasion, effort.
    individuals
        Table with animal_id and covariates such as sex.
    survey_column
        Column with the names of the surveys; formulas call it session.
    crs
        Coordinate reference system, such as EPSG:32646; else coordinates are taken as metres.
    detection
        Detection function, such as hazard_half_normal, half_normal, hazard_exponential.
    D
        Formula of density.
    lambda0
        Formula of the hazard of detection at distance 0, per unit effort.
    g0
        Formula of the probability of detection at distance 0.
    a0
        Formula of lambda0 * 2 pi sigma^2, km2, in place of lambda0 or g0.
    sigma
        Formula of the scale of movement, metres.
    z
        Formula of the shape of some detection functions.
    w
        Formula of the second shape, metres.
    noneuc
        Formula of the friction of mask cells, by mask covariates: distances are least-cost.
    neighbors
        With --noneuc: how many cells one step can reach, 4, 8 or 16.
    pmix
        Formula of the proportion of the classes.
    fixed
        Hold a parameter at a value, such as sigma=5000; repeatable.
    links
        Link of a parameter, such as D=identity; repeatable.
    population
        Number of animals: poisson, binomial or conditional.
    classes
        Classes of animals: a covariate such as sex, or 2 or 3 latent classes.
    groups
        Complete covariate of animals whose levels have densities of their own.
    at
        JSON file of coefficients: evaluate the model there without fitting.
    start
        JSON file of coefficients to start from, such as the result of a simpler model.
    threads
        Number of threads.
    level
        Confidence level of intervals.
    variance
        Variance of realised numbers: poisson or mspe.
    json
        Write all results to this JSON file.
    report
        Write a results folder with a page, tables, maps and rasters.
    regions
        With --report: layer of polygons, or covariate of the mask, to give numbers for.
    by
        With --regions: attribute of the polygons that names them, such as country.
    title
        With --report: title of the page.
    public
        With --report: leave out everything that tells where cameras and animals are.
    quiet
        Print nothing but warnings and errors.
    """
    import secr_nea as sn
    from secr_nea.cli import inputs, results
    from secr_nea.report import plain_values, write_json, write_report

    _check_fitting(at=at, start=start, report=report, threads=threads)
    _check_output(json=json, report=report, level=level, variance=variance)
    _check_report(report, regions=regions, by=by, title=title, public=public)
    given = (D, lambda0, g0, a0, sigma, z, w, noneuc, pmix)
    formulas = {n: text for n, text in zip(PARAMETERS, given, strict=True) if text is not None}
    inputs.refuse_survey_column(formulas, survey_column)
    begin = inputs.coefficients_in(start, "--start") if start is not None else None
    point = inputs.coefficients_in(at, "--at") if at is not None else None
    if threads is not None:
        sn.set_threads(threads)
    with plain_warnings() as told:
        surveys = sn.read_surveys(
            traps=traps,
            captures=captures,
            mask=inputs.mask_source(mask, buffer, spacing, habitat),
            detector=detector,
            crs=crs,
            effort=effort_table,
            effort_column=effort_column,
            individuals=individuals,
            survey_column=survey_column,
            spacing=None if mask == inputs.AUTO else spacing,
        )
        model = sn.Model(
            surveys,
            detection=detection,
            fixed=inputs.fixed_values(fixed or ()),
            links=inputs.pairs(links or (), "--links", "D=identity"),
            population=population,
            classes=int(classes) if classes is not None and classes.isdecimal() else classes,
            groups=groups,
            smallest_sigma=None,
            distance=sn.LeastCost(neighbors=neighbors) if "noneuc" in formulas else None,
            **formulas,
        )
        if point is None:
            fit = sn.fit(model, start=begin, progress=not quiet)
        else:
            fit = results.evaluated(model, point)
        values = plain_values(
            fit, fitted=point is None, level=level, variance=variance, warnings=told
        )
    if not quiet:
        if crs is None:
            print("Coordinates are taken as metres (no --crs was given).\n")
        results.show(fit, level=level, variance=variance)
    if json is not None:
        write_json(values, json)
    if report is not None:
        home = write_report(
            fit,
            report,
            regions=regions,
            by=by,
            title=title,
            level=level,
            variance=variance,
            public=public,
        )
        if not quiet:
            print(f"\nResults: {home / 'index.html'}")
    return 0 if point is not None or fit.diagnosis.converged else NOT_CONVERGED


def _check_fitting(
    *, at: str | None, start: str | None, report: str | None, threads: int | None
) -> None:
    """Refuse options that contradict each other."""
    if at is not None and (start is not None or report is not None):
        other = "--start" if start is not None else "--report"
        raise DataError(f"--at evaluates without fitting, so it cannot be used with {other}.")
    if threads is not None and threads < 1:
        raise DataError(f"--threads must be at least 1; got {threads}.")


def _check_report(report: str | None, **options: str | bool | None) -> None:
    """Refuse options of a report where none is asked for, and names without what they name."""
    for name, value in options.items():
        if value and report is None:
            raise DataError(f"--{name} is for the results folder; say where: --report FOLDER.")
    if options["by"] and not options["regions"]:
        raise DataError("--by names the polygons of --regions; give these as well.")


def _check_output(*, json: str | None, report: str | None, level: float, variance: str) -> None:
    """Find before a fit, which may last, what could not be written after it."""
    if not 0.0 < level < 1.0:
        raise DataError(f"--level must lie between 0 and 1, such as 0.95; got {level:g}.")
    if variance not in VARIANCES:
        raise DataError(f"--variance must be {' or '.join(VARIANCES)}; got {variance!r}.")
    if json is not None and not Path(json).absolute().parent.is_dir():
        raise DataError(f"--json: there is no folder {str(Path(json).absolute().parent)!r}.")
    if json is not None and Path(json).is_dir():
        raise DataError(f"--json: {json!r} is a folder; name a file.")
    if report is not None and Path(report).is_file():
        raise DataError(f"--report: {report!r} is a file; name a folder.")
