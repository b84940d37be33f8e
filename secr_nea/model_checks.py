"""Models that cannot be: combinations of detectors and animals for which no likelihood is known."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from secr_nea.detection import DETECTION_FUNCTIONS, DetectionFunction, has_whole_range
from secr_nea.errors import ModelError
from secr_nea.individuals import LATENT, Individuals
from secr_nea.parameters import UNITS
from secr_nea.survey import Survey


def check_relative(
    population: str,
    formulas: Collection[str],
    fixed: Mapping[str, float],
    links: Mapping[str, str],
) -> None:
    """Relative density, in the conditional likelihood, has a formula and the log link.

    Parameters
    ----------
    population : str
    formulas : collection of str
        Parameters that have a formula.
    fixed, links : mapping
        Values and links by parameter.

    Raises
    ------
    ModelError
    """
    if population != "conditional":
        return
    if "D" in fixed:
        raise ModelError(
            "With population='conditional' density has no level that could be fixed; leave D out."
        )
    if "D" in formulas and links.get("D", "log") != "log":
        raise ModelError(
            f"Relative density needs the log link; got links={{'D': {links['D']!r}}}. Use "
            "population='poisson' for another link."
        )


def check_names_of_levels(classes: object, groups: object) -> None:
    """Classes and groups are the levels of one covariate.

    Parameters
    ----------
    classes, groups : object
        As given.

    Raises
    ------
    ModelError
    """
    for option, given in (("classes", classes), ("groups", groups)):
        number = option == "classes" and isinstance(given, int)
        if given is not None and not number and not isinstance(given, str):
            or_number = "2, 3 or " if option == "classes" else ""
            raise ModelError(
                f"{option} must be {or_number}the name of one animal covariate, such as 'sex'; "
                f"got {given!r}."
            )


def check_latent(
    classes: str | int | None, variables: Collection[str], held: Collection[str]
) -> None:
    """Latent classes that are alike have no proportion to be estimated.

    Parameters
    ----------
    classes : str, int or None
    variables : collection of str
        Variables of the formulas of detection.
    held : collection of str
        Parameters with a fixed value.

    Raises
    ------
    ModelError
    """
    if isinstance(classes, int) and LATENT not in variables and "pmix" not in held:
        raise ModelError(
            f"classes={classes} without {LATENT} in a formula of detection: classes that are alike "
            f"cannot be told apart. Use it, such as lambda0='~ {LATENT}'."
        )


NO_PROPORTIONS = ("D", "sigma", "w", "a0", "esa")
"""Parameters in animals, metres or km2, which a logit link would keep below one unit."""


def check_links(links: Mapping[str, str]) -> None:
    """A logit link is for what is between 0 and 1.

    Parameters
    ----------
    links : mapping of str to str
        Links by parameter.

    Raises
    ------
    ModelError
    """
    wrong = [name for name in NO_PROPORTIONS if links.get(name) == "logit"]
    if wrong:
        raise ModelError(
            f"The logit link of {wrong[0]} would keep it between 0 and 1 {UNITS[wrong[0]]}; "
            "use 'log' or 'identity'."
        )


AREA_COMPANIONS = frozenset({"D", "esa", "sigma", "z", "w", "pmix"})
"""Parameters that a model with an effective sampling area may have."""


def check_area(
    given: Collection[str],
    own: Sequence[str],
    function: DetectionFunction,
    surveys: Sequence[Survey],
) -> None:
    """An effective sampling area takes the place of a hazard's amplitude at straight distances.

    Parameters
    ----------
    given : collection of str
        Parameters that the user named.
    own : sequence of str
        Detection parameters of the model without it.
    function : DetectionFunction
    surveys : sequence of Survey

    Raises
    ------
    ModelError
    """
    if own[0] in given:
        raise ModelError(f"esa takes the place of {own[0]}; give one of the two.")
    if not function.is_hazard:
        raise ModelError(
            f"esa needs a hazard, and {function.name} is a probability; use "
            f"detection='hazard_{function.name}' or its nearest hazard form."
        )
    beyond = sorted(set(given) - AREA_COMPANIONS)
    if beyond:
        raise ModelError(
            f"esa cannot be combined with {', '.join(beyond)}; give a formula for "
            f"{function.amplitude}."
        )
    kinds = {kind for survey in surveys for kind in survey.traps.detector}
    unusual = sorted(kinds & {"capped", "area_search", "transect"})
    if unusual:
        raise ModelError(
            f"esa is not for {' or '.join(unusual)} detectors; give a formula for "
            f"{function.amplitude}."
        )


def check_capped(
    surveys: Sequence[Survey], population: str, individuals: Individuals, names: Sequence[str]
) -> None:
    """At capped detectors all animals compete: they must have a density and be alike.

    Parameters
    ----------
    surveys : sequence of Survey
    population : str
    individuals : Individuals
    names : sequence of str
        Parameters of the model.

    Raises
    ------
    ModelError
        If there are capped detectors and the model has no density, classes or groups, a learned
        response of the animal, or detection that depends on where an animal lives.
    """
    if not any("capped" in survey.traps.detector for survey in surveys):
        return
    if population == "conditional":
        raise ModelError(
            "Capped detectors need density in the likelihood, because all animals compete for a "
            "detector: population='conditional' cannot be used. Take 'poisson' or 'binomial'."
        )
    if individuals.n_levels > 1:
        word = "groups" if individuals.grouped else "classes"
        raise ModelError(
            f"Capped detectors take all animals to be alike; leave out {word}=, or give the "
            "detectors as 'binary' if hardly any of them met two animals on one occasion."
        )
    unlike = [individuals.response] if individuals.response else []
    unlike += [name for name in names if name == "sigmak" or name.endswith("_location")]
    if unlike:
        raise ModelError(
            f"Capped detectors take all animals to be alike; leave {' and '.join(unlike)} out of "
            "the model."
        )


def check_searches(
    surveys: Sequence[Survey], function: DetectionFunction, names: Sequence[str]
) -> None:
    """Integrals over searches need a hazard that has one, and an amplitude of its own.

    Parameters
    ----------
    surveys : sequence of Survey
    function : DetectionFunction
    names : sequence of str
        Parameters of the model.

    Raises
    ------
    ModelError
    """
    if not any(survey.traps.is_search.any() for survey in surveys):
        return
    if not function.is_hazard or not has_whole_range(function.shape):
        usable = [
            f.name for f in DETECTION_FUNCTIONS.values() if f.is_hazard and has_whole_range(f.shape)
        ]
        raise ModelError(
            f"Searched areas and transects need a hazard: {function.name} cannot be used. Choose "
            f"one of {', '.join(usable)}."
        )
    if "a0" in names:
        raise ModelError(
            "a0 is the area of a detector that is a point; with searched areas or transects give a "
            "formula for lambda0."
        )
