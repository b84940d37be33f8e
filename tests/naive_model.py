"""Log-likelihood of a reference case by the naive functions: formulas -> hazards -> likelihood.

Knows `oracle` and `naive` only. Design matrices are formulaic's, which proves that the coefficient
names of `oracle` are the ones that formulaic makes.
"""

from __future__ import annotations

import math

import formulaic
import naive
import numpy as np
import oracle
import pandas as pd
from scipy import special

CLASSES = {"sex": ("F", "M"), oracle.LATENT_CLASS: ("1", "2")}


def design_matrix(formula, frame):
    """Columns of a formula, with the session and occasion factors in their own order."""
    return formulaic.model_matrix(formula, frame, na_action="raise")


def linear_predictor(case, coefficients, parameter, frame):
    """Link-scale value of a parameter, one per row; its coefficients are found by name."""
    matrix = design_matrix(case["formulas"][parameter], frame)
    names = [f"{parameter}:{column}" for column in matrix.columns]
    expected = [one for one in case["names"] if one.startswith(f"{parameter}:")]
    if names != expected:
        raise AssertionError(f"{case['name']}: formulaic makes {names}, the case has {expected}")
    beta = dict(zip(case["names"], coefficients, strict=True))
    return np.asarray(matrix, dtype=float) @ [beta[one] for one in names]


def natural(case, coefficients, parameter, frame):
    """Natural-scale value of a parameter, one per row."""
    link = case["links"][parameter]
    eta = linear_predictor(case, coefficients, parameter, frame)
    return special.expit(eta) if link == "logit" else np.exp(eta)


def with_session(frame, session, sessions):
    """Adds the columns session (factor, in order) and session_trend."""
    factor = pd.Categorical([session] * len(frame), categories=list(sessions))
    return frame.assign(session=factor, session_trend=float(list(sessions).index(session)))


def mask_frame(data, session, sessions):
    """Mask with session columns; x and y are centred and scaled by the mask's mean and sd."""
    frame = with_session(data["mask"], session, sessions)
    for axis in ("x", "y"):
        frame[axis] = (frame[axis] - frame[axis].mean()) / frame[axis].std(ddof=1)
    if "country" in frame:
        frame["country"] = pd.Categorical(frame["country"])
    return frame


def detection_frame(data, session, sessions, **constant):
    """One row per occasion and trap (occasion outermost) with every detection covariate."""
    n_occasions, n_traps = data["n_occasions"], data["effort"].shape[0]
    traps = data["traps"]
    frame = pd.DataFrame({"row": range(n_traps)}) if traps is None else traps
    frame = pd.concat([frame] * n_occasions, ignore_index=True)
    occasion = np.repeat(np.arange(1, n_occasions + 1), n_traps)
    frame["occasion"] = pd.Categorical(occasion)
    frame["occasion_trend"] = occasion - 1.0
    for name, values in data["varying"].items():
        frame[name] = values.T.ravel()
    for name in oracle.LEARNED_RESPONSES.values():
        frame[name] = float(constant.get(name, 0.0))
    for name, levels in CLASSES.items():
        level = constant.get(name, levels[0])
        frame[name] = pd.Categorical([level] * len(frame), categories=levels)
    return with_session(frame, session, sessions)


def detection_parameters(case, coefficients, frame):
    """Natural-scale lambda0 or g0, sigma, z, w per row; a0 becomes lambda0."""
    names = [p for p in case["formulas"] if p not in ("D", "pmix", "noneuc")]
    out = {p: natural(case, coefficients, p, frame) for p in names}
    if "a0" in out:
        out["lambda0"] = naive.lambda0_from_a0(out.pop("a0"), out["sigma"])
    return out


def hazards(case, coefficients, frame, distance):
    """Hazard (occasion, trap, point) from rows (occasion, trap) and distance (trap, point)."""
    n_traps = distance.shape[0]
    out = np.empty((len(frame), distance.shape[1]))
    parameters = detection_parameters(case, coefficients, frame)
    for row in range(len(frame)):
        here = {name: values[row] for name, values in parameters.items()}
        out[row] = naive.hazard(case["detection_function"], distance[row % n_traps], **here)
    return out.reshape(-1, n_traps, distance.shape[1])


def log_likelihood(case, coefficients):
    """Naive log-likelihood of a case (dict of `oracle.case`) at coefficients in our units."""
    sessions = oracle.survey(case["survey"])["sessions"]
    return sum(session_log_likelihood(case, coefficients, name) for name in sessions)


def animals_per_cell(case, coefficients, session, **constant):
    """Expected activity centres in each cell of a session's mask."""
    sessions = oracle.survey(case["survey"])["sessions"]
    data = sessions[session]
    frame = mask_frame(data, session, sessions)
    for name, level in constant.items():
        frame[name] = pd.Categorical([level] * len(frame), categories=CLASSES[name])
    cell_area = data["spacing"] ** 2 / 1e6
    return natural(case, coefficients, "D", frame) * cell_area / 100


def distance_matrix(case, coefficients, data):
    """Straight or least-cost distance (trap, point) of a case."""
    traps, points = data["traps"][["x", "y"]].to_numpy(), data["mask"][["x", "y"]].to_numpy()
    if case["directions"] is None:
        return naive.distances(traps, points)
    friction = natural(case, coefficients, "noneuc", data["mask"])
    return naive.least_cost_distances(
        traps, points, friction, spacing=data["spacing"], directions=case["directions"]
    )


def hazards_at(case, coefficients, session, **constant):
    """Hazards (occasion, trap, point) of one session at a constant class, sex or response."""
    sessions = oracle.survey(case["survey"])["sessions"]
    data = sessions[session]
    frame = detection_frame(data, session, sessions, **constant)
    return hazards(case, coefficients, frame, distance_matrix(case, coefficients, data))


def session_log_likelihood(case, coefficients, session):
    """The value of one session."""
    data = oracle.survey(case["survey"])["sessions"][session]
    if data["traps"] is None:
        return search_log_likelihood(case, coefficients, session)
    histories, effort = oracle.dense_histories(data), data["effort"]
    if case["groups"]:
        return group_log_likelihood(case, coefficients, session, histories)
    if case["conditional"]:
        return individual_log_likelihood(case, coefficients, session, histories)
    if case["latent_classes"] > 1:
        return mixture_log_likelihood(case, coefficients, session, histories)
    animals = animals_per_cell(case, coefficients, session)
    word = [r for r, ours in oracle.LEARNED_RESPONSES.items() if ours in formula_words(case)]
    hazard, row = hazards_at(case, coefficients, session), None
    detector, pdot_hazard = case["detector"], hazard
    if word:
        after = hazards_at(case, coefficients, session, **{oracle.LEARNED_RESPONSES[word[0]]: 1})
        hazard, row = np.array([hazard, after]), naive.learned_response(histories, word[0])
    if detector == "capped":
        hazard = pdot_hazard = naive.capped_hazard(hazard, effort, animals)
        detector, effort = "binary", np.ones_like(effort)
    log_pr = naive.history_log_probabilities(histories, hazard, effort, detector, row=row)
    pdot = naive.probability_of_detection(pdot_hazard, effort, detector)
    whole = {"poisson": naive.poisson_log_likelihood, "binomial": naive.binomial_log_likelihood}
    return whole[case["population"]](log_pr, pdot, animals, histories)


def formula_words(case):
    """Variables in the detection formulas."""
    text = " ".join(f for p, f in case["formulas"].items() if p != "D")
    return set(text.replace("+", " ").replace("*", " ").split())


def group_log_likelihood(case, coefficients, session, histories):
    """Sum over the sexes of full likelihoods."""
    data = oracle.survey(case["survey"])["sessions"][session]
    sex, value = data["individuals"]["sex"].to_numpy(), 0.0
    for level in CLASSES["sex"]:
        mine = histories[sex == level]
        hazard = hazards_at(case, coefficients, session, sex=level)
        log_pr = naive.history_log_probabilities(mine, hazard, data["effort"], case["detector"])
        pdot = naive.probability_of_detection(hazard, data["effort"], case["detector"])
        animals = animals_per_cell(case, coefficients, session, sex=level)
        value += naive.poisson_log_likelihood(log_pr, pdot, animals, mine)
    return value


def individual_log_likelihood(case, coefficients, session, histories):
    """Conditional likelihood with the animals' own sex in the formulas."""
    data = oracle.survey(case["survey"])["sessions"][session]
    levels = CLASSES["sex"]
    hazard = np.array([hazards_at(case, coefficients, session, sex=level) for level in levels])
    own = np.array([levels.index(sex) for sex in data["individuals"]["sex"]])
    row = np.broadcast_to(own[:, None, None], histories.shape)
    log_pr = naive.history_log_probabilities(
        histories, hazard, data["effort"], case["detector"], row=row
    )
    pdot = [naive.probability_of_detection(h, data["effort"], case["detector"]) for h in hazard]
    return naive.conditional_log_likelihood(log_pr, np.array(pdot)[own], histories)


def mixture_parts(case, coefficients, session, histories):
    """log Pr (class, animal, point), pdot (class, point), proportions, known class (animal,)."""
    data = oracle.survey(case["survey"])["sessions"][session]
    word = case["known_class"] or oracle.LATENT_CLASS
    levels = CLASSES[word]
    log_pr, pdot = [], []
    for level in levels:
        hazard = hazards_at(case, coefficients, session, **{word: level})
        log_pr.append(
            naive.history_log_probabilities(histories, hazard, data["effort"], case["detector"])
        )
        pdot.append(naive.probability_of_detection(hazard, data["effort"], case["detector"]))
    second = special.expit(coefficients[case["names"].index(f"pmix:{oracle.INTERCEPT}")])
    known = np.full(len(histories), -1)
    if case["known_class"]:
        sexes = data["individuals"]["sex"]
        known = np.array([levels.index(sex) if sex in levels else -1 for sex in sexes])
    return np.array(log_pr), np.array(pdot), np.array([1 - second, second]), known


def mixture_log_likelihood(case, coefficients, session, histories):
    """Latent classes, or sex that is known for some."""
    log_pr, pdot, proportions, known = mixture_parts(case, coefficients, session, histories)
    animals = animals_per_cell(case, coefficients, session)
    return naive.mixture_log_likelihood(
        log_pr, pdot, proportions, animals, histories, known_class=known
    )


def mean_detection_of_hybrid(case, coefficients, session):
    """(the mixture's mean probability of detection, R's substitute for it) over the animals.

    R takes n / sum(1 / p_i), where p_i is that of the known class of animal i, or the mixture's
    where it is unknown.
    """
    data = oracle.survey(case["survey"])["sessions"][session]
    histories = oracle.dense_histories(data)
    _, pdot, proportions, known = mixture_parts(case, coefficients, session, histories)
    animals = animals_per_cell(case, coefficients, session)
    by_class = pdot @ animals / animals.sum()
    mean = by_class @ proportions
    own = np.array([mean if c < 0 else by_class[c] for c in known])
    return mean, len(own) / np.sum(1 / own)


def hybrid_log_likelihood_of_r(case, coefficients, session):
    """R's own value for a hybrid mixture: only its Poisson term for n differs from ours."""
    data = oracle.survey(case["survey"])["sessions"][session]
    mean, of_r = mean_detection_of_hybrid(case, coefficients, session)
    n = len(data["individuals"])
    total = animals_per_cell(case, coefficients, session).sum()
    change = (n * math.log(of_r) - total * of_r) - (n * math.log(mean) - total * mean)
    histories = oracle.dense_histories(data)
    return mixture_log_likelihood(case, coefficients, session, histories) + change


def hybrid_maximum(case):
    """Coefficients that maximise our likelihood of a hybrid, from R's estimates.

    Where every session has its own level of density, the expected number detected equals n at both
    maxima, so all other coefficients agree and the levels differ by log(R's mean / our mean).
    """
    out = case["coefficients"].copy()
    levels = []
    for session in oracle.survey(case["survey"])["sessions"]:
        mean, of_r = mean_detection_of_hybrid(case, case["coefficients"], session)
        levels.append(math.log(of_r / mean))
    out[0] += levels[0]
    # the next coefficients are the sessions' differences from the first
    out[1 : len(levels)] += np.array(levels[1:]) - levels[0]
    return out


def search_log_likelihood(case, coefficients, session):
    """Area search or transect; all histories differ, so there is no constant."""
    sessions = oracle.survey(case["survey"])["sessions"]
    data = sessions[session]
    points = data["mask"][["x", "y"]].to_numpy()
    frame = detection_frame(data, session, sessions).head(1)
    per_row = detection_parameters(case, coefficients, frame)
    parameters = {name: float(values[0]) for name, values in per_row.items()}
    searched = "area" if case["detector"] == "area_search" else "line"
    function = case["detection_function"]
    hazard = np.array(
        [
            naive.search_hazard(function, vertices, points, searched=searched, **parameters)
            for vertices in data["searches"].values()
        ]
    )
    n_animals = len(data["individuals"])
    log_pr = naive.search_log_probabilities(
        n_animals,
        oracle.search_records(data),
        hazard,
        data["effort"],
        function,
        points,
        searched=searched,
        **parameters,
    )
    animals = animals_per_cell(case, coefficients, session)
    pdot = -np.expm1(-(data["effort"].sum(axis=1) @ hazard))
    return np.sum(naive.log_of_weighted_sum(log_pr, animals)) - np.sum(animals * pdot)
