"""Names that a model understands, and what users of R may type instead."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from secr_nea.detection import DetectionFunction
from secr_nea.errors import ModelError

R_WORDS = {
    "model": "one keyword per parameter, such as D='~ elev', lambda0='~ 1'",
    "detectfn": "detection='HHN'",
    "hcov": "classes='sex'",
    "CL": "population='conditional'",
    "link": "links={'D': 'identity'}",
    "binomN": "the detector 'count', 'binary' or 'binomial' of the traps",
    "details": "keyword arguments of their own (docs: coming from R secr)",
    "userdist": "noneuc='~ rugged' with distance=LeastCost(), or distance=GivenDistance(matrix)",
    "conductance": "noneuc='~ rugged', whose coefficients have the other sign (friction)",
    "friction": "noneuc='~ rugged'",
    "neighbors": "distance=LeastCost(neighbors=8)",
    "neighbours": "distance=LeastCost(neighbors=8)",
    "barriers": "distance=LeastCost(barriers=...)",
    "mask": "sn.Survey(captures, mask)",
    "buffer": "HabitatMask.around(captures, buffer='auto')",
    "g0": "detection='half_normal' has g0; a hazard function has lambda0",
    "lambda0": "detection='hazard_half_normal' has lambda0; a probability function has g0",
}
"""What users of R's secr may type, and the word for it here."""


def check_names(names: Sequence[str], given: set[str], function: DetectionFunction) -> None:
    """Refuse names that are no parameters of a model.

    Parameters
    ----------
    names : sequence of str
        The parameters of the model.
    given : set of str
        What the user named.
    function : DetectionFunction

    Raises
    ------
    ModelError
        If a name is not a parameter; the message says what is near, or the word here for R's.
    """
    unknown = sorted(given - set(names))
    if not unknown:
        return
    near = difflib.get_close_matches(unknown[0], names, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    hint = next((f" In this library: {R_WORDS[w]}." for w in unknown if w in R_WORDS), hint)
    raise ModelError(
        f"{', '.join(unknown)} is not a parameter of {function.name}.{hint} "
        f"Its parameters are {', '.join(names)} (or a0 for {function.amplitude})."
    )
