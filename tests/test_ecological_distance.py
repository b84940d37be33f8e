"""Models with distances of their own: likelihood, gradient, fit, and everything made from a fit."""

from __future__ import annotations

import dataclasses
import warnings
from functools import cache

import build
import matplotlib.pyplot as plt
import naive
import numpy as np
import oracle
import pytest
import shapely
import tolerances
import xarray

import secr_nea as sn
from secr_nea.friction_scan import settled
from secr_nea.inference.doubts import array_extent
from secr_nea.inference.mask_check import typical_sigma
from secr_nea.likelihood import likelihood_of
from secr_nea.report.words import method_paragraph
from secr_nea.start import metric_starts

CASES = ("ecological_distance_8", "ecological_distance_16")


def model_of(case, **options):
    return sn.Model(
        build.surveys_of_reference(case["survey"]),
        detection=case["detection_function"],
        **case["formulas"],
        **options,
    )


def differences(model, coefficients, step=1e-6):
    out = []
    for e in np.eye(model.n_coefficients):
        ends = [sn.log_likelihood(model, coefficients + s * step * e) for s in (1.0, -1.0)]
        out.append((ends[0] - ends[1]) / (2.0 * step))
    return np.array(out)


@cache
def ridge():
    """The reference survey of the ecological cases."""
    return build.surveys_of_reference("ridge_count_effort")[0]


def coefficients_at(model, **natural):
    """Coefficients with intercepts at natural values and slopes by their name."""
    values = dict.fromkeys(model.coefficient_names, 0.0)
    for name, value in natural.items():
        key = name.replace("__", ":")
        if key in values:
            values[key] = value
        else:
            values[f"{name}:Intercept"] = float(np.log(value))
    return model.coefficients(values)


# --- likelihood ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CASES)
def test_log_likelihood_is_r_s(name):
    case = oracle.case(name)
    model = model_of(case, distance=sn.LeastCost(neighbors=case["directions"]))
    assert model.coefficient_names == tuple(case["names"])
    for point in case["at"]:
        value = sn.log_likelihood(model, point["coefficients"])
        np.testing.assert_allclose(value, point["log_likelihood"], rtol=0.0, atol=1e-9)


@pytest.mark.parametrize("name", CASES)
def test_gradient_away_from_ties(name):
    case = oracle.case(name)
    model = model_of(case, distance=sn.LeastCost(neighbors=case["directions"]))
    used = 0
    for point in case["at"]:
        beta = np.array(point["coefficients"])
        if beta[-1] == 0.0:
            continue  # every cell has many ways that are equally long: there is no derivative
        _, gradient = sn.log_likelihood_gradient(model, beta)
        np.testing.assert_allclose(gradient, differences(model, beta), rtol=1e-6, atol=1e-5)
        used += 1
    assert used == 2


METRICS = {
    "commute": (sn.CommuteDistance(), {"noneuc": "~ rug_std + elev_std"}),
    "least cost with place": (
        sn.LeastCost(average="geometric"),
        {"noneuc": "~ rug_std", "lambda0_location": "~ elev_std", "sigma_location": "~ rug_std"},
    ),
    "anisotropic": (sn.AnisotropicDistance(), {}),
    "density-dependent": (sn.LeastCost(), {"noneuc": "~ elev_std", "sigmak": "~ 1"}),
}


@pytest.mark.parametrize(
    "which, detection",
    [
        ("commute", "hazard_half_normal"),
        ("least cost with place", "hazard_exponential"),
        ("density-dependent", "hazard_half_normal"),
        ("anisotropic", "half_normal"),
        ("anisotropic", "hazard_exponential"),
    ],
)
def test_gradient_of_other_metrics_and_detection_functions(which, detection):
    metric, formulas = METRICS[which]
    model = sn.Model(ridge(), detection=detection, distance=metric, D="~ country", **formulas)
    rng = np.random.default_rng(7)
    natural = {"D": 1.2, "sigma": 900.0 if which == "commute" else 6500.0, "sigmak": 0.7}
    natural |= {"lambda0": 0.012}
    beta = rng.normal(0.0, 0.15, model.n_coefficients)
    for j, name in enumerate(model.coefficient_names):
        parameter, _, column = name.partition(":")
        if column == "Intercept" and parameter in natural:
            beta[j] = np.log(natural[parameter])
        if name == "g0:Intercept":
            beta[j] = -4.0
    _, gradient = sn.log_likelihood_gradient(model, beta)
    np.testing.assert_allclose(gradient, differences(model, beta, 1e-5), rtol=2e-5, atol=2e-4)


def test_gradient_with_groups_and_classes():
    survey = ridge()
    for options in ({"groups": "sex"}, {"classes": 2, "sigma": "~ latent_class"}):
        if "groups" in options:
            captures = survey.captures.with_covariates(
                sex=np.where(np.arange(survey.n_animals) % 2, "F", "M")
            )
            used = sn.Survey(captures, survey.mask, name="grouped")
        else:
            used = survey
        model = sn.Model(used, noneuc="~ rug_std", **options)
        beta = maximise_start(model)
        _, gradient = sn.log_likelihood_gradient(model, beta)
        np.testing.assert_allclose(gradient, differences(model, beta), rtol=1e-5, atol=1e-4)


def maximise_start(model):
    """Some sensible coefficients, no two ways equally long."""
    natural = {"D": np.log(1.2), "lambda0": np.log(0.012), "sigma": np.log(6500.0)}
    beta = np.full(model.n_coefficients, 0.21)
    for j, name in enumerate(model.coefficient_names):
        parameter, _, column = name.partition(":")
        if column == "Intercept" and parameter in natural:
            beta[j] = natural[parameter]
    return beta


def test_given_straight_distances_are_the_plain_model():
    survey = ridge()
    matrix = naive.distances(survey.traps.xy, survey.mask.xy)
    plain = sn.Model(survey, D="~ rug_std")
    given = sn.Model(survey, D="~ rug_std", distance=sn.GivenDistance(matrix))
    round_ranges = sn.Model(survey, D="~ rug_std", distance=sn.AnisotropicDistance())
    beta = maximise_start(plain)
    value, gradient = sn.log_likelihood_gradient(plain, beta)
    for model in (given, round_ranges):
        padded = np.concatenate([beta, np.zeros(model.n_coefficients - len(beta))])
        found, slope = sn.log_likelihood_gradient(model, padded)
        np.testing.assert_allclose(found, value, **tolerances.EXACT)
        np.testing.assert_allclose(slope[: len(beta)], gradient, rtol=1e-8, atol=1e-8)


def test_frictions_beyond_numbers_are_impossible_not_wrong():
    model = sn.Model(ridge(), noneuc="~ rug_std")
    beta = maximise_start(model)
    beta[-1] = 2000.0
    assert sn.log_likelihood(model, beta) == -np.inf


def test_distances_are_measured_once_for_each_friction(monkeypatch):
    model = sn.Model(ridge(), noneuc="~ rug_std")
    ground = type(model.metric_design.grounds[0])
    times = []
    measure = ground.measure
    monkeypatch.setattr(ground, "measure", lambda *a, **k: times.append(1) or measure(*a, **k))
    beta = maximise_start(model)
    for j in range(3):
        sn.log_likelihood_gradient(model, beta + 0.01 * np.eye(len(beta))[j])
    assert len(times) == 1
    sn.log_likelihood(model, beta + 0.01 * np.eye(len(beta))[-1])
    assert len(times) == 2


# --- what cannot be ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options, words",
    [
        ({"distance": "least cost"}, "distance must be LeastCost.* got str"),
        ({"distance": np.ones((36, 5))}, r"got ndarray.*GivenDistance\(matrix\)"),
        (
            {"noneuc": "~ rug_std", "distance": sn.AnisotropicDistance()},
            "AnisotropicDistance has no friction",
        ),
        (
            {"noneuc": "~ rug_std", "distance": sn.GivenDistance(np.ones((36, 5)))},
            r"noneuc belongs to another .* distance=LeastCost\(\)",
        ),
        ({"stretch_east": "~ 1"}, r"distance=AnisotropicDistance\(\)"),
        ({"noneuc": "~ rug_std", "links": {"noneuc": "identity"}}, "can have a formula only"),
        ({"fixed": {"noneuc": 1.0}}, "can have a formula only"),
    ],
)
def test_options_that_do_not_go_together(options, words):
    options = dict(options)
    if isinstance(options.get("distance"), sn.GivenDistance):
        options["distance"] = sn.GivenDistance(naive.distances(ridge().traps.xy, ridge().mask.xy))
    with pytest.raises(sn.ModelError, match=words):
        sn.Model(ridge(), **options)


def test_words_and_messages_for_those_who_come_from_r():
    with pytest.raises(sn.ModelError, match="GivenDistance\\(matrix\\)"):
        sn.Model(tiny(), userdist=np.zeros((2, 42)))
    with pytest.raises(sn.ModelError, match="the other sign"):
        sn.Model(tiny(), conductance="~ z")
    with pytest.raises(sn.FormulaError, match="no columns; name the covariates"):
        sn.Model(tiny(), noneuc="~ 0")
    bare = sn.HabitatMask(tiny().mask.xy, spacing=1000.0)
    with pytest.raises(sn.FormulaError, match="those of the cells of graph="):
        sn.Model(tiny(), noneuc="~ z", distance=sn.LeastCost(graph=bare))
    said = method_paragraph(friction_fit(), friction_fit().abundance(), 0.95)
    assert "measured as least-cost distance (LeastCost(neighbors=8" in said


def test_formulas_of_friction():
    assert sn.Model(ridge(), noneuc="~ rug_std").coefficient_names[-1] == "noneuc:rug_std"
    assert sn.Model(ridge(), noneuc="~ rug_std - 1").coefficient_names[-1] == "noneuc:rug_std"
    country = sn.Model(ridge(), noneuc="~ country")
    assert country.coefficient_names[-1].startswith("noneuc:country[T.")
    with pytest.raises(sn.FormulaError, match="add up to a level.*leave '- 1'"):
        sn.Model(ridge(), noneuc="~ country - 1")
    with pytest.raises(sn.FormulaError, match="only an intercept"):
        sn.Model(ridge(), noneuc="~ 1")
    with pytest.raises(sn.FormulaError, match="Did you mean 'rug_std'"):
        sn.Model(ridge(), noneuc="~ rug_sd")


def test_an_animal_at_two_traps_without_a_way_is_named():
    survey = ridge()
    x = float(np.median(survey.traps.xy[:, 0]))
    wall = shapely.LineString([[x, -1e8], [x, 1e8]])
    with pytest.raises(
        sn.ModelError, match=r"Animal '\d+' .* was detected at CT\d+ and CT\d+, bet"
    ):
        sn.Model(survey, distance=sn.LeastCost(barriers=wall))
    sn.Model(survey, distance=sn.LeastCost(barriers=wall, crossing_cost=3000.0))


def test_searches_have_straight_distances_only():
    with pytest.raises(sn.ModelError, match="only straight distances are possible"):
        sn.Model(searched(), distance=sn.LeastCost())


def test_capped_detectors_and_esa_rest_on_straight_distances():
    with pytest.raises(sn.ModelError, match="esa as a parameter rests on straight distances"):
        sn.Model(ridge(), esa="~ 1", distance=sn.LeastCost())
    traps = sn.TrapArray([[500.0, 500.0], [1500.0, 1500.0]], detector="capped")
    captures = sn.CaptureHistory(traps, animal=[0], occasion=[0], trap=[0])
    mask = sn.HabitatMask.around(traps, buffer=3000.0, spacing=1000.0)
    with pytest.raises(sn.ModelError, match="capped detectors, for which only straight"):
        sn.Model(sn.Survey(captures, mask, name="capped"), distance=sn.LeastCost())


def searched():
    areas = [shapely.box(0.0, 0.0, 2000.0, 2000.0)]
    traps = sn.TrapArray.from_searches(areas)
    captures = sn.CaptureHistory(traps, animal=[0], occasion=[0], trap=[0], xy=[[500.0, 500.0]])
    mask = sn.HabitatMask.around(traps, buffer=3000.0, spacing=1000.0)
    return sn.Survey(captures, mask, name="searched")


# --- fits ----------------------------------------------------------------------------------------


def fitted(**options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sn.SecrWarning)
        return sn.fit(ridge(), progress=False, **options)


@cache
def friction_fit():
    return fitted(D="~ rug_std", noneuc="~ rug_std - 1", distance=sn.LeastCost(neighbors=8))


def test_a_fit_of_density_detection_and_friction_together():
    fit = friction_fit()
    assert fit.diagnosis.good
    assert fit.n_parameters == 5
    straight = fitted(D="~ rug_std")
    assert (
        fit.log_likelihood
        > fitted(D="~ rug_std", distance=sn.LeastCost(neighbors=8)).log_likelihood
    )
    assert abs(typical_sigma(fit) / typical_sigma(straight) - 1.0) < 0.25
    assert "LeastCost(neighbors=8" in str(fit)
    assert set(fit.real_parameters()["parameter"]) == {"D", "lambda0", "sigma", "noneuc"}
    friction = fit.predict({"rug_std": [0.0, 1.0]}, parameters=["noneuc"])["estimate"]
    np.testing.assert_allclose(friction, [1.0, np.exp(fit.coefficients[-1])])


def test_no_value_of_friction_is_better():
    """The whole profile, both signs: nothing on it is higher than the fit."""
    fit = friction_fit()
    model = fit.model
    for friction in (-1.0, -0.6, -0.3, -0.15, 0.15, 0.3, 0.6, 1.0):
        best = maximise_others(model, fit.coefficients, friction)
        assert best <= fit.log_likelihood + 1e-6, friction


def maximise_others(model, beta, friction):
    from scipy import optimize

    likelihood = likelihood_of(model)

    def minus(x):
        value, gradient = likelihood.value_and_gradient(np.append(x, friction))
        return -value, -gradient[:-1]

    return -optimize.minimize(minus, beta[:-1], jac=True, method="BFGS").fun


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_sign_is_found_from_a_start_on_the_wrong_side(sign):
    survey = simulated_ridge(sign * 0.8)
    wrong = {"noneuc:wall": -sign * 0.6}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sn.SecrWarning)
        fit = sn.fit(survey, noneuc="~ wall - 1", start=wrong, progress=False)
    assert fit.diagnosis.good
    assert fit.coefficients[-1] * sign > 0.2


def simulated_ridge(friction, seed=3):
    """Survey of animals that avoid (or follow) parallel walls, 60 cameras."""
    column, row = np.meshgrid(np.arange(30), np.arange(30))
    xy = np.column_stack([column.ravel(), row.ravel()]) * 1500.0 + 750.0
    wall = np.sin(2.0 * np.pi * xy[:, 0] / 9000.0) + 0.3 * np.cos(xy[:, 1] / 4000.0)
    mask = sn.HabitatMask(xy, spacing=1500.0, covariates={"wall": wall})
    a, b = np.meshgrid(np.arange(8), np.arange(8))
    traps = sn.TrapArray(
        np.column_stack([a.ravel(), b.ravel()]) * 3500.0 + 10_250.0,
        effort=np.full((64, 1), 90.0),
    )
    template = sn.Survey(
        sn.CaptureHistory(traps, animal=[], occasion=[], trap=[]), mask, name="ridge"
    )
    model = sn.Model(template, noneuc="~ wall - 1")
    beta = coefficients_at(model, D=6.0, lambda0=0.02, sigma=4000.0, noneuc__wall=friction)
    return sn.design.simulate_survey(model, beta, seed=seed)


def test_a_top_that_is_a_kink_is_found_by_its_values():
    """-3 |x - 0.4| - (y - x)^2 / 2: the slope is nowhere 0 at the top, (0.4, 0.4)."""

    def target(u):
        value = 3.0 * abs(u[1] - 0.4) + 0.5 * (u[0] - u[1]) ** 2
        slope = 3.0 * np.sign(u[1] - 0.4)
        return value, np.array([u[0] - u[1], slope - (u[0] - u[1])])

    hessian = np.array([[1.0, -1.0], [-1.0, 301.0]])
    u = settled(target, np.array([0.4002, 0.4002]), hessian, (1,))
    assert u[1] == pytest.approx(0.4, abs=1e-5)
    assert target(u)[0] < 1e-4


def test_starts_have_both_signs():
    model = sn.Model(ridge(), noneuc="~ rug_std + elev_std")
    signs = {tuple(np.sign(start[-2:])) for start in metric_starts(model)}
    assert signs == {(1, 1), (1, -1), (-1, 1), (-1, -1)}
    assert not np.any(sn.Model(ridge()).metric is not None)


def test_two_surveys_share_one_friction():
    first = ridge()
    second = sn.Survey(first.captures, first.mask, name="second")
    both = sn.Model([first, second], noneuc="~ rug_std")
    one = sn.Model(first, noneuc="~ rug_std")
    beta = maximise_start(one)
    value, gradient = sn.log_likelihood_gradient(one, beta)
    twice, slopes = sn.log_likelihood_gradient(both, beta)
    np.testing.assert_allclose(twice, 2.0 * value, **tolerances.EXACT)
    np.testing.assert_allclose(slopes, 2.0 * gradient, rtol=1e-9)


def test_anisotropy_is_found_and_told():
    survey = ridge()
    fit = fitted(distance=sn.AnisotropicDistance())
    assert fit.diagnosis.good
    table = sn.inference.anisotropy(fit)
    row = table.loc[survey.name]
    east, northeast = fit.coefficients[-2:]
    assert row["ratio"] == pytest.approx(np.exp(np.hypot(east, northeast)))
    assert row["ratio_lower"] <= row["ratio"] <= row["ratio_upper"]
    # turned by 30 degrees clockwise the axis turns along, and nothing else changes
    angle = np.radians(-30.0)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    turned = turned_survey(survey, turn)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sn.SecrWarning)
        again = sn.fit(turned, distance=sn.AnisotropicDistance(), progress=False)
    other = sn.inference.anisotropy(again).loc[survey.name]
    assert again.log_likelihood == pytest.approx(fit.log_likelihood, abs=1e-5)
    assert other["ratio"] == pytest.approx(row["ratio"], rel=1e-3)
    east, northeast = again.coefficients[-2:]
    first, second = (
        np.degrees(np.arctan2(*fit.coefficients[[-1, -2]])) / 2.0,
        np.degrees(np.arctan2(northeast, east)) / 2.0,
    )
    assert (first - second - 30.0 + 90.0) % 180.0 - 90.0 == pytest.approx(0.0, abs=0.5)
    with pytest.raises(sn.ModelError, match="no direction of ranges"):
        sn.inference.anisotropy(friction_fit())


def turned_survey(survey, turn):
    traps = sn.TrapArray(survey.traps.xy @ turn, ids=survey.traps.ids, effort=survey.traps.effort)
    captures = sn.CaptureHistory(
        traps,
        animal=survey.captures.animal,
        occasion=survey.captures.occasion,
        trap=survey.captures.trap,
        count=survey.captures.count,
    )
    mask = sn.HabitatMask(survey.mask.xy @ turn, spacing=survey.mask.spacing)
    return sn.Survey(captures, mask, name=survey.name)


# --- nothing falls back to straight lines --------------------------------------------------------


@pytest.fixture
def no_straight_lines(monkeypatch):
    """Every straight distance between traps and centres is an error."""

    def refuse(*_, **__):
        raise AssertionError("a straight distance was used")

    monkeypatch.setattr("secr_nea.likelihood.blocks.squared_distances", refuse)
    monkeypatch.setattr("secr_nea.likelihood.blocks.half_normal_log_hazard", refuse)
    monkeypatch.setattr("secr_nea.likelihood.blocks.situation", refuse)
    monkeypatch.setattr("secr_nea.design.draws.squared_distances", refuse)
    monkeypatch.setattr("secr_nea.design.survey_simulation.squared_distances", refuse)


@cache
def walled_fit():
    """The reference survey with a river in the west that nobody crosses, friction estimated."""
    return fitted(D="~ rug_std", noneuc="~ rug_std - 1", distance=walled())


def walled():
    x = float(ridge().traps.xy[:, 0].min()) - 2500.0
    return sn.LeastCost(neighbors=8, barriers=shapely.LineString([[x, 0.0], [x, 1e7]]))


def beyond_the_river(xy):
    return xy[:, 0] < float(ridge().traps.xy[:, 0].min()) - 2500.0


def naive_hazard(fit):
    """Expected detections at each trap of an animal at each mask point: a wall put in by hand."""
    survey, beta = fit.model.surveys[0], fit.coefficients
    friction = np.exp(beta[-1] * survey.mask.covariates["rug_std"].to_numpy())
    inside = ~beyond_the_river(survey.mask.xy)
    distance = np.full((survey.traps.n_traps, survey.mask.n_points), np.inf)
    distance[:, inside] = naive.least_cost_distances(
        survey.traps.xy,
        survey.mask.xy[inside],
        friction[inside],
        spacing=survey.mask.spacing,
        directions=8,
    )
    sigma, lambda0 = np.exp(beta[3]), np.exp(beta[2])
    hazard = lambda0 * np.exp(-(distance**2) / (2.0 * sigma**2))
    return survey.traps.effort[:, :1] * hazard


def naive_pdot(fit):
    """p. at the mask points."""
    return 1.0 - np.exp(-naive_hazard(fit).sum(axis=0))


def naive_density(fit):
    """Expected animals of each mask cell."""
    mask, beta = fit.model.surveys[0].mask, fit.coefficients
    rugged = mask.covariates["rug_std"].to_numpy()
    return np.exp(beta[0] + beta[1] * rugged) * mask.cell_area / 100.0


def test_detection_probability_is_that_of_the_metric(no_straight_lines):
    fit = walled_fit()
    survey = fit.model.surveys[0]
    expected = naive_pdot(fit)
    assert (expected[beyond_the_river(survey.mask.xy)] == 0.0).all()
    np.testing.assert_allclose(fit.pdot(), expected, atol=1e-12)
    some = np.arange(0, survey.mask.n_points, 7)
    np.testing.assert_allclose(fit.pdot(survey.mask.xy[some] + 200.0), expected[some], atol=1e-12)
    area = expected.sum() * survey.mask.cell_area
    np.testing.assert_allclose(fit.effective_sampling_area()["estimate"], area, rtol=1e-10)
    with pytest.raises(sn.ModelError, match="not known everywhere"):
        fit.pdot(np.array([[0.0, 0.0]]))


def test_abundance_everywhere_is_that_of_the_metric(no_straight_lines):
    fit = walled_fit()
    survey = fit.model.surveys[0]
    density = np.exp(fit.coefficients[0] + fit.coefficients[1] * survey.mask.covariates["rug_std"])
    missed = (1.0 - naive_pdot(fit)) * density.to_numpy() * survey.mask.cell_area / 100.0
    whole = fit.abundance().iloc[0]
    assert whole["realised_n"] == pytest.approx(survey.n_animals + missed.sum(), rel=1e-9)
    again = fit.abundance(mask=survey.mask.subset(np.arange(survey.mask.n_points))).iloc[0]
    assert again["realised_n"] == pytest.approx(whole["realised_n"], rel=1e-9)
    x = float(survey.traps.xy[:, 0].min()) - 2500.0
    far_west = shapely.box(x - 1e6, 0.0, x, 1e7)
    west = fit.abundance(far_west).iloc[0]
    assert west["n_detected"] == pytest.approx(0.0, abs=1e-12)
    assert west["realised_n"] == pytest.approx(west["expected_n"], rel=1e-9)


def test_the_variance_of_abundance_knows_the_friction(no_straight_lines):
    """The derivative of the expected number detected at other points, through the distances."""
    from secr_nea.likelihood.points import expected_detected

    fit = walled_fit()
    likelihood = likelihood_of(fit.model)
    weight = np.random.default_rng(2).uniform(0.0, 1.0, 100)
    xy = fit.model.surveys[0].mask.xy[10:110] + 100.0
    _, gradient = expected_detected(likelihood, fit.coefficients, 0, weight, xy)
    ends = []
    for step in (1e-6, -1e-6):
        beta = fit.coefficients.copy()
        beta[-1] += step
        ends.append(expected_detected(likelihood, beta, 0, weight, xy)[0][0])
    assert gradient[-1] == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-5)
    assert gradient[-1] != 0.0


def test_activity_centres_are_on_this_side_of_the_river(no_straight_lines):
    fit = walled_fit()
    survey = fit.model.surveys[0]
    beyond = beyond_the_river(survey.mask.xy)
    for animal in survey.captures.animal_ids[:5]:
        surface = fit.activity_center(animal)
        values = surface.sel(
            x=xarray.DataArray(survey.mask.xy[:, 0]), y=xarray.DataArray(survey.mask.xy[:, 1])
        ).to_numpy()
        assert values.sum() == pytest.approx(1.0)
        assert (values[beyond] == 0.0).all()


def test_simulated_animals_do_not_cross_the_river(no_straight_lines):
    fit = walled_fit()
    beta = fit.coefficients.copy()
    beta[0] += 3.0
    mask = fit.model.surveys[0].mask
    new = sn.design.simulate_survey(fit.model, beta, seed=1)
    assert new.n_animals > 100
    # the number detected is what p. of the metric says, not what straight lines would give
    density = np.exp(beta[0] + beta[1] * mask.covariates["rug_std"].to_numpy())
    expected = (naive_pdot(fit) * density).sum() * mask.cell_area / 100.0
    assert abs(new.n_animals - expected) < 4.0 * np.sqrt(expected)


def test_everything_else_runs_on_the_metric(no_straight_lines):
    fit = walled_fit()
    assert np.isfinite(sn.inference.check_mask(fit)["relative_bias"]).all()
    assert sn.inference.doubts(fit) is not None
    assert len(sn.inference.effective_area_by_buffer(fit, survey=fit.model.surveys[0].name))
    fit.density_surface()
    fit.extrapolation()
    assert len(fit.goodness_of_fit(n_replicates=29, progress=False).table())
    ax = sn.plot.detection(fit)
    assert ax.get_xlabel() == "Least-cost distance (km)"
    sn.plot.buffer(fit)
    sn.plot.activity_center(fit, fit.model.surveys[0].captures.animal_ids[0])
    plt.close("all")


def test_expected_detections_at_each_trap_are_those_of_the_metric(no_straight_lines):
    fit = walled_fit()
    hazard, density = naive_hazard(fit), naive_density(fit)
    np.testing.assert_allclose(fit.residuals()["expected"], hazard @ density, rtol=1e-9)


def test_cameras_are_placed_by_the_metric(no_straight_lines):
    fit = walled_fit()
    survey, beta = fit.model.surveys[0], fit.coefficients
    sites = sn.design.Scenario(
        survey.traps,
        survey.mask,
        np.exp(beta[0] + beta[1] * survey.mask.covariates["rug_std"].to_numpy()),
        lambda0=float(np.exp(beta[2])),
        sigma=float(np.exp(beta[3])),
        distances=sn.inference.fitted_distances(fit),
    )
    plan = sn.design.place(sites, 6, starts=1, progress=False)
    chosen = [survey.traps.ids.index(name) for name in plan.traps.ids]
    hazard, density = naive_hazard(fit)[chosen].sum(axis=0), naive_density(fit)
    animals = density @ -np.expm1(-hazard)
    assert plan.value == pytest.approx(min(animals, density @ hazard - animals), rel=1e-9)


def test_the_conditional_likelihood_and_its_density(no_straight_lines):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sn.SecrWarning)
        fit = sn.fit(
            ridge(), population="conditional", noneuc="~ rug_std", distance=walled(), progress=False
        )
    table = sn.inference.derived_density(fit)
    area = fit.effective_sampling_area()["estimate"].iloc[0]
    expected = 100.0 * ridge().n_animals / area
    assert table.iloc[0]["density_per_100km2"] == pytest.approx(expected, rel=1e-6)


def test_a_given_matrix_is_not_guessed_elsewhere():
    survey = ridge()
    matrix = naive.distances(survey.traps.xy, survey.mask.xy)
    fit = fitted(distance=sn.GivenDistance(matrix))
    plain = fitted()
    np.testing.assert_allclose(fit.pdot(), plain.pdot(), atol=1e-6)
    moved = sn.HabitatMask(survey.mask.xy + np.array([90_000.0, 0.0]), spacing=survey.mask.spacing)
    with pytest.raises(sn.ModelError, match="known for its own mask only"):
        fit.abundance(mask=moved)


# --- where animals walk --------------------------------------------------------------------------


@cache
def tiny(name="tiny"):
    """42 cells with a covariate, two traps, two animals of different sex."""
    column, row = np.meshgrid(np.arange(7), np.arange(6))
    xy = np.column_stack([column.ravel(), row.ravel()]) * 1000.0 + 500.0
    z = np.random.default_rng(3).normal(size=len(xy))
    mask = sn.HabitatMask(xy, spacing=1000.0, covariates={"z": z})
    traps = sn.TrapArray([[1500.0, 1500.0], [4500.0, 3500.0]])
    captures = sn.CaptureHistory(traps, animal=[0, 0, 1], occasion=[0, 0, 0], trap=[0, 1, 1])
    return sn.Survey(captures.with_covariates(sex=["F", "M"]), mask, name=name)


def estimate_at(surveys, options, **values):
    """An estimate at given coefficients; nothing is maximised."""
    model = sn.Model(surveys, **{"D": "~ z", **options})
    values = {"D": 8.0, "lambda0": 0.1, "sigma": 2500.0, "D__z": 0.3, **values}
    if "noneuc" in options:
        values["noneuc__z"] = 0.5
    beta = coefficients_at(model, **values)
    return dataclasses.replace(friction_fit(), model=model, coefficients=beta)


def least_costs(z, friction=0.5):
    """Distances between all cells by scipy, eight neighbours."""
    mask = tiny().mask
    return naive.least_cost_distances(
        mask.xy, mask.xy, np.exp(friction * z), spacing=mask.spacing, directions=8
    )


def resistances(z):
    """Resistances between all cells by the pseudo-inverse."""
    xy, friction = tiny().mask.xy, np.exp(0.5 * z)
    apart = np.abs(xy[:, None] - xy[None]).max(axis=2)
    cost = np.hypot(*(xy[:, None] - xy[None]).transpose(2, 0, 1))
    cost *= 0.5 * (friction[:, None] + friction[None])
    conductance = np.where((apart > 0.0) & (apart < 1100.0), 1.0 / np.maximum(cost, 1.0), 0.0)
    inverse = np.linalg.pinv(np.diag(conductance.sum(axis=0)) - conductance)
    own = np.diag(inverse)
    return own[:, None] + own[None] - 2.0 * inverse


def stretched(_):
    """Distances with ranges that are longer from west to east."""
    apart = tiny().mask.xy[:, None] - tiny().mask.xy[None]
    return np.hypot(apart[..., 0] * np.exp(-0.2), apart[..., 1] * np.exp(0.2))


USES = {
    "least cost": (
        {"noneuc": "~ z", "distance": sn.LeastCost(neighbors=8)},
        {},
        least_costs,
    ),
    "resistance": ({"noneuc": "~ z", "distance": sn.CommuteDistance()}, {}, resistances),
    "anisotropic": (
        {"distance": sn.AnisotropicDistance()},
        {"stretch_east__Intercept": 0.4},
        stretched,
    ),
}


@pytest.mark.parametrize("which", USES)
def test_expected_use_is_that_of_the_metric(which):
    options, values, between = USES[which]
    survey = tiny()
    z = survey.mask.covariates["z"].to_numpy()
    estimate = estimate_at(survey, options, **values)
    kernel = np.exp(-(between(z) ** 2) / (2.0 * 2500.0**2))
    kernel /= kernel.sum(axis=1, keepdims=True)
    everyone = survey.mask.to_xarray(8.0 * np.exp(0.3 * z) @ kernel)
    np.testing.assert_allclose(sn.inference.expected_use(estimate), everyone, rtol=1e-9)
    centre = sn.inference.activity_center(estimate, survey.captures.animal_ids[0])
    weight = np.array([float(centre.sel(x=x, y=y)) for x, y in survey.mask.xy])
    own = sn.inference.expected_use(estimate, animal=survey.captures.animal_ids[0])
    np.testing.assert_allclose(own, survey.mask.to_xarray(weight @ kernel), rtol=1e-9)


def test_expected_use_of_given_distances_is_refused():
    survey = tiny()
    given = sn.GivenDistance(naive.distances(survey.traps.xy, survey.mask.xy))
    with pytest.raises(sn.ModelError, match="lead from traps to mask points"):
        sn.inference.expected_use(estimate_at(survey, {"distance": given}))


def test_connectivity_has_the_sigma_of_its_survey_and_group():
    wide = {"noneuc": "~ z", "distance": sn.LeastCost(neighbors=8)}
    alone = {
        s: sn.inference.connectivity(estimate_at(tiny(), wide, sigma=s)) for s in (1000.0, 3000.0)
    }
    step = float(np.log(3.0))
    pair = estimate_at(
        [tiny("first"), tiny("second")],
        {**wide, "sigma": "~ session"},
        sigma=1000.0,
        **{"sigma__session[T.second]": step},
    )
    sexes = estimate_at(
        tiny(),
        {**wide, "D": "~ z + sex", "sigma": "~ sex", "groups": "sex"},
        sigma=1000.0,
        **{"sigma__sex[T.M]": step},
    )
    for found, sigma in (
        (sn.inference.connectivity(pair, survey="first"), 1000.0),
        (sn.inference.connectivity(pair, survey="second"), 3000.0),
        (sn.inference.connectivity(sexes, group="F"), 1000.0),
        (sn.inference.connectivity(sexes, group="M"), 3000.0),
    ):
        np.testing.assert_allclose(found["potential"], alone[sigma]["potential"], rtol=1e-7)


def test_density_weighted_connectivity_is_the_expected_use():
    estimate = friction_fit()
    use = sn.inference.expected_use(estimate)
    cell = estimate.model.surveys[0].mask.cell_area / 100.0
    np.testing.assert_allclose(connected()["density_weighted"], use * cell, rtol=1e-9)


def test_a_range_is_no_circle_with_friction():
    with pytest.raises(sn.ModelError, match="a range is no circle"):
        sn.inference.range_area(friction_fit())
    turned = estimate_at(tiny(), {"distance": sn.AnisotropicDistance()})
    area = sn.inference.range_area(turned)["area_km2"].iloc[0]
    assert area == pytest.approx(-2.0 * np.log(0.05) * np.pi * 2.5**2, rel=1e-5)


def test_resistances_are_not_taken_for_lengths():
    """Sigma is far below the resistance of a step, so that no cell would be fine enough."""
    options = {"noneuc": "~ z", "distance": sn.CommuteDistance()}
    estimate = estimate_at(tiny(), options, sigma=150.0)
    checked = sn.inference.check_mask(estimate).iloc[0]
    assert np.isnan(checked["spacing_in_sigma"])
    assert not [d for d in sn.inference.doubts(estimate) if "m apart" in d]
    assert typical_sigma(estimate) >= 1000.0
    units = sn.inference.real_parameters(estimate).set_index("parameter")["unit"]
    assert units["sigma"] == "of resistance"


def test_a_limit_that_cuts_ranges_is_told():
    wide, narrow = (
        estimate_at(tiny(), {"noneuc": "~ z", "distance": sn.LeastCost(limit=limit)})
        for limit in (12_000.0, 6000.0)
    )
    assert not [d for d in sn.inference.doubts(wide) if "limit=" in d]
    assert [d for d in sn.inference.doubts(narrow) if "6,000 m were not looked for" in d]
    with pytest.raises(sn.ModelError, match="no way. Ways end at limit=1500 m"):
        sn.Model(tiny(), distance=sn.LeastCost(limit=1500.0))
    matrix = naive.distances(tiny().traps.xy, tiny().mask.xy)
    apart = sn.GivenDistance(np.where(matrix < 1500.0, matrix, np.inf))
    with pytest.raises(sn.ModelError, match="no way. Infinite in the matrix"):
        sn.Model(tiny(), distance=apart)


# --- connectivity --------------------------------------------------------------------------------


@cache
def connected():
    return sn.inference.connectivity(friction_fit())


def test_connectivity_adds_up():
    fit, found = friction_fit(), connected()
    expected = fit.abundance().iloc[0]["expected_n"]
    n_points = fit.model.surveys[0].mask.n_points
    assert float(found["potential"].sum()) == pytest.approx(n_points)
    assert float(found["density_weighted"].sum()) == pytest.approx(expected)
    assert bool(
        (found["corridor"] >= found["density_weighted"] - 1e-12)
        .where(found["corridor"].notnull(), True)
        .all()
    )


def way_back(parent, cell):
    way = [cell]
    while parent[way[-1]] >= 0:
        way.append(int(parent[way[-1]]))
    return way


def test_the_corridor_is_the_sum_over_all_ways():
    """Twin: every pair of cells, its way drawn, and every cell that the line crosses counted."""
    mask = tiny().mask
    xy, z = mask.xy, mask.covariates["z"].to_numpy()
    estimate = estimate_at(tiny(), {"noneuc": "~ z"})
    model = estimate.model
    found = sn.inference.connectivity(estimate)
    animals = 8.0 * np.exp(0.3 * z) / 100.0
    network = model.metric_design.grounds[0].network((np.exp(0.5 * z),))
    boxes = shapely.box(*(xy - 499.0).T, *(xy + 499.0).T)
    expected = np.zeros((3, len(xy)))
    for s in range(len(xy)):
        distance, parent = network.tree(s)
        use = np.exp(-(distance**2) / (2.0 * 2500.0**2))
        use /= use.sum()
        for g in range(len(xy)):
            expected[0, g] += use[g]
            expected[1, g] += animals[s] * use[g]
            line = shapely.LineString(np.repeat(xy[way_back(parent, g)], 2, axis=0))
            expected[2, shapely.length(line.intersection(boxes)) > 1.0] += animals[s] * use[g]
            expected[2, g] += animals[s] * use[g] * (s == g)
    for name, values in zip(("potential", "density_weighted", "corridor"), expected, strict=True):
        surface = mask.to_xarray(values)
        np.testing.assert_allclose(found[name], surface, rtol=1e-9, err_msg=name)


def test_connectivity_needs_ways():
    with pytest.raises(sn.DataError, match="A fit is needed, .* got Survey"):
        sn.inference.connectivity(ridge())
    with pytest.raises(sn.ModelError, match=r"Ways need a model with distance=LeastCost"):
        sn.inference.connectivity(fitted())


def test_the_cheapest_way_between_two_areas():
    fit = friction_fit()
    mask = fit.model.surveys[0].mask
    west, south, east, north = mask.extent
    left = shapely.box(west, south, west + 6000.0, north)
    right = shapely.box(east - 6000.0, south, east, north)
    way = sn.inference.least_cost_path(fit, left, right)
    ends = np.array(way.geometry[0].coords)[[0, -1]]
    assert ends[0, 0] < west + 6000.0
    assert ends[1, 0] > east - 6000.0
    there = way.iloc[0]
    back = sn.inference.least_cost_path(fit, right, left).iloc[0]
    assert back["cost"] == pytest.approx(there["cost"])
    # no pair of cells of the two areas is nearer
    ground = fit.model.metric_design.grounds[0]
    network = ground.network(fit.model.metric_design.values(fit.coefficients, 0))
    begin = np.flatnonzero(mask.xy[:, 0] < west + 6000.0)
    end = mask.xy[:, 0] > east - 6000.0
    least = min(network.tree(int(s))[0][end].min() for s in begin[::5])
    assert there["cost"] <= least + 1e-9
    with pytest.raises(sn.DataError, match="begin holds no cell"):
        sn.inference.least_cost_path(fit, shapely.box(0, 0, 1, 1), right)
    with pytest.raises(sn.DataError, match="The two areas overlap"):
        sn.inference.least_cost_path(fit, left, left)


def test_a_map_of_connectivity_says_what_it_needs():
    with pytest.raises(sn.DataError, match="surfaces must come from .* got FitResult"):
        sn.plot.connectivity(friction_fit())
    with pytest.raises(sn.DataError, match="path must be a GeoDataFrame of lines"):
        sn.plot.connectivity(connected(), path="way.gpkg")
    plt.close("all")


# --- long, narrow arrays -------------------------------------------------------------------------


def test_an_array_along_one_line_is_told():
    survey = simulated_ridge(0.0)
    traps = survey.traps
    line = np.flatnonzero(np.isclose(traps.xy[:, 1], traps.xy[24, 1]))
    assert array_extent(traps.subset(line)) == pytest.approx((24_500.0, 0.0), abs=1e-6)
    kept = np.isin(survey.captures.trap, line)
    captures = sn.CaptureHistory(
        traps.subset(line),
        animal=np.unique(survey.captures.animal[kept], return_inverse=True)[1],
        occasion=survey.captures.occasion[kept],
        trap=np.searchsorted(line, survey.captures.trap[kept]),
        count=survey.captures.count[kept],
    )
    narrow = sn.Survey(captures, survey.mask, name="line")
    with pytest.warns(sn.SecrWarning, match=r"'line' is 24.5 km long and 0.0 km wide"):
        sn.fit(narrow, progress=False)
    whole = [doubt for doubt in sn.inference.doubts(fitted()) if "km wide" in doubt]
    assert not whole


# --- designs with the fitted distances -----------------------------------------------------------


def test_other_cameras_can_use_the_fitted_distances(no_straight_lines):
    fit = walled_fit()
    survey = fit.model.surveys[0]
    distances = sn.inference.fitted_distances(fit)
    own = likelihood_of(fit.model).distances.measured(fit.coefficients, 0).distance
    np.testing.assert_allclose(distances(survey.traps.xy, survey.mask.xy), own)
    some = survey.traps.subset([3, 0, 7])
    np.testing.assert_allclose(distances(some.xy, survey.mask.xy), own[[3, 0, 7]])
    beyond = survey.mask.xy[beyond_the_river(survey.mask.xy)]
    assert np.isinf(distances(some.xy, beyond)).all()
    simulated = sn.design.simulate_captures(
        beyond, some, lambda0=10.0, sigma=1e6, distances=distances, seed=1
    )
    assert simulated.captures.n_animals == 0


def test_a_matrix_is_for_its_own_traps():
    survey = ridge()
    matrix = naive.distances(survey.traps.xy, survey.mask.xy)
    distances = sn.inference.fitted_distances(fitted(distance=sn.GivenDistance(matrix)))
    np.testing.assert_allclose(distances(survey.traps.xy, survey.mask.xy), matrix)
    with pytest.raises(sn.ModelError, match="are those of its own traps"):
        distances(survey.traps.xy[:3], survey.mask.xy)
    plain = sn.inference.fitted_distances(fitted())
    np.testing.assert_allclose(plain(survey.traps.xy, survey.mask.xy), matrix)
