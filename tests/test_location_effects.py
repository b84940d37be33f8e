"""Detection that depends on where an animal lives: factors by place, and sigma that follows D."""

from __future__ import annotations

import build
import naive
import numpy as np
import pandas as pd
import pytest
import tolerances

import secr_nea as sn
from secr_nea.likelihood import likelihood_of
from secr_nea.likelihood.points import detection_probability, expected_detected
from secr_nea.location_effects import scales_with_sigma
from secr_nea.units import SIGMA_AT_UNIT_DENSITY

RUGGED = np.sin(np.arange(56) * 0.7)
HABITAT = np.array(["forest", "rock", "steppe"])[np.arange(56) % 3]
COUNTRY = np.array(["north", "south"])[(np.arange(56) > 27).astype(int)]


def survey(detector="count", **given):
    """Five animals at four traps, with covariates of the mask."""
    return build.survey_of_design(
        build.example_design(detector),
        mask={"rugged": RUGGED, "habitat": HABITAT, "country": COUNTRY},
        trap={"topo": np.array([0.0, 1.0, 0.0, 1.0])},
        **given,
    )


def naive_value(item, density, amplitude, sigma, function="HHN", detector="count", **more):
    """Log-likelihood from hazards that are computed point by point."""
    d = naive.distances(item.traps.xy, item.mask.xy)
    columns = []
    for m in range(item.mask.n_points):
        name = "lambda0" if function.startswith("H") and function != "HN" else "g0"
        columns.append(
            naive.hazard(function, d[:, m], **{name: amplitude[m], "sigma": sigma[m]}, **more)
        )
    hazard = np.stack(columns, axis=-1)[None].repeat(item.n_occasions, axis=0)
    histories = item.captures.to_xarray().to_numpy()
    animals = density * item.mask.cell_area / 100.0
    return naive.log_likelihood(histories, hazard, item.traps.effort, detector, animals)


BASE = {"D:Intercept": 0.4, "lambda0:Intercept": -1.9, "sigma:Intercept": 7.4}


@pytest.mark.parametrize("function", ["HHN", "HEX", "HHR"])
@pytest.mark.parametrize("detector", ["count", "binary"])
def test_factors_of_sigma_and_hazard_equal_point_by_point_hazards(function, detector):
    item = survey(detector)
    model = sn.Model(
        item, detection=function, lambda0_location="~ rugged", sigma_location="~ habitat"
    )
    given = BASE | {
        "lambda0_location:rugged": 0.3,
        "sigma_location:habitat[T.rock]": 0.25,
        "sigma_location:habitat[T.steppe]": -0.4,
    }
    more = {}
    if function == "HHR":
        given["z:Intercept"] = 1.2
        more["z"] = np.exp(1.2)
    step = np.select([HABITAT == "rock", HABITAT == "steppe"], [0.25, -0.4], 0.0)
    expected = naive_value(
        item,
        np.full(56, np.exp(0.4)),
        np.exp(-1.9 + 0.3 * RUGGED),
        np.exp(7.4 + step),
        function,
        detector,
        **more,
    )
    np.testing.assert_allclose(sn.log_likelihood(model, given), expected, **tolerances.EXACT)


def test_probability_forms_may_have_a_sigma_by_place():
    item = survey("binary")
    model = sn.Model(item, detection="HN", sigma_location="~ rugged")
    given = {
        "D:Intercept": 0.4,
        "g0:Intercept": -1.9,
        "sigma:Intercept": 7.4,
        "sigma_location:rugged": 0.3,
    }
    g0 = 1.0 / (1.0 + np.exp(1.9))
    sigma = np.exp(7.4 + 0.3 * RUGGED)
    expected = naive_value(item, np.full(56, np.exp(0.4)), np.full(56, g0), sigma, "HN", "binary")
    np.testing.assert_allclose(sn.log_likelihood(model, given), expected, **tolerances.EXACT)


def test_a0_stays_the_same_where_sigma_changes():
    item = survey()
    model = sn.Model(item, a0="~ 1", sigma_location="~ rugged", a0_location="~ country")
    given = {
        "D:Intercept": 0.4,
        "a0:Intercept": 0.5,
        "sigma:Intercept": 7.4,
        "sigma_location:rugged": 0.3,
        "a0_location:country[T.south]": -0.2,
    }
    sigma = np.exp(7.4 + 0.3 * RUGGED)
    a0 = np.exp(0.5 - 0.2 * (COUNTRY == "south"))
    expected = naive_value(item, np.full(56, np.exp(0.4)), naive.lambda0_from_a0(a0, sigma), sigma)
    np.testing.assert_allclose(sn.log_likelihood(model, given), expected, **tolerances.EXACT)


@pytest.mark.parametrize("amplitude", ["lambda0", "a0"])
def test_sigmak_makes_sigma_follow_density(amplitude):
    item = survey()
    model = sn.Model(item, D="~ rugged", sigmak="~ 1", **{amplitude: "~ 1"})
    given = {
        "D:Intercept": 0.4,
        "D:rugged": 0.6,
        f"{amplitude}:Intercept": -1.9,
        "sigmak:Intercept": -1.6,
    }
    density = np.exp(0.4 + 0.6 * RUGGED)
    sigma = SIGMA_AT_UNIT_DENSITY * np.exp(-1.6) / np.sqrt(density)
    # 100 km2 is 1e8 m2: sigma in metres times the root of animals per m2 is the pure number
    np.testing.assert_allclose(sigma * np.sqrt(density / 1e8), np.exp(-1.6))
    rate = np.full(56, np.exp(-1.9))
    if amplitude == "a0":
        rate = naive.lambda0_from_a0(rate, sigma)
    expected = naive_value(item, density, rate, sigma)
    np.testing.assert_allclose(sn.log_likelihood(model, given), expected, **tolerances.EXACT)


def numerical(model, x, step=1e-3):
    """Central differences of the fourth order."""
    out = np.empty(len(x))
    for j in range(len(x)):
        e = np.zeros(len(x))
        e[j] = step
        f = [sn.log_likelihood(model, x + k * e) for k in (1, -1, 2, -2)]
        out[j] = (8 * (f[0] - f[1]) - (f[2] - f[3])) / (12 * step)
    return out


MODELS = {
    "sigma": {"sigma_location": "~ rugged"},
    "both": {"sigma_location": "~ rugged", "lambda0_location": "~ habitat"},
    "hazard rate": {"detection": "HHR", "sigma_location": "~ x", "lambda0_location": "~ country"},
    "exponential": {"detection": "HEX", "D": "~ rugged", "sigma_location": "~ rugged"},
    "probability": {"detection": "HN", "sigma_location": "~ rugged"},
    "a0": {"a0": "~ topo", "sigma_location": "~ rugged", "a0_location": "~ country"},
    "sigmak": {"D": "~ rugged", "sigmak": "~ 1"},
    "sigmak, a0": {"D": "~ rugged", "sigmak": "~ topo", "a0": "~ 1"},
    "sigmak by place": {"D": "~ country", "sigmak": "~ 1", "sigma_location": "~ rugged"},
    "learned": {"lambda0": "~ detected_before", "sigma_location": "~ rugged", "D": "~ habitat"},
    "classes": {"classes": 2, "sigma": "~ latent_class", "sigma_location": "~ rugged"},
    "binomial number": {"population": "binomial", "D": "~ rugged", "sigmak": "~ 1"},
    "conditional": {"population": "conditional", "sigma_location": "~ rugged"},
}


@pytest.mark.parametrize("name", MODELS)
def test_gradient(name):
    model = sn.Model(survey("count"), **MODELS[name])
    natural = {"D": 0.9, "lambda0": -2.1, "g0": -2.0, "a0": 0.2, "sigma": 7.3, "sigmak": -1.5}
    rng = np.random.default_rng(4)
    x = np.array(
        [
            natural.get(n.split(":")[0], 0.4) if n.endswith("Intercept") else rng.normal(0.0, 0.2)
            for n in model.coefficient_names
        ]
    )
    gradient = sn.log_likelihood_gradient(model, x)[1]
    np.testing.assert_allclose(gradient, numerical(model, x), rtol=2e-6, atol=2e-6)


def test_constant_sigmak_is_another_name_for_sigma(sailugem_like):
    plain = sn.fit(sailugem_like, progress=False)
    renamed = sn.fit(sailugem_like, sigmak="~ 1", progress=False)
    np.testing.assert_allclose(renamed.log_likelihood, plain.log_likelihood, atol=1e-7)
    density, sigma = np.exp(plain.coefficients[[0, 2]])
    k = np.exp(renamed.coefficients[2])
    np.testing.assert_allclose(k, sigma * np.sqrt(density / 1e8), rtol=1e-4)


@pytest.fixture(scope="module")
def sailugem_like():
    """A survey of 30 traps on a mask with a covariate that rises eastwards."""
    columns, rows = np.meshgrid(np.arange(6), np.arange(5))
    xy = np.stack([columns, rows], axis=-1).reshape(-1, 2) * 5000.0
    traps = sn.TrapArray(xy, effort=np.full(30, 60.0), detector="count")
    mask = sn.HabitatMask.around(traps, buffer=26_000.0, spacing=2000.0)
    east = (mask.xy[:, 0] - mask.xy[:, 0].mean()) / 30_000.0
    mask = mask.with_covariates(east=east)
    population = sn.design.simulate_population(mask, 3.0, seed=5)
    captures = sn.design.simulate_captures(
        population, traps, detection="HHN", seed=6, lambda0=0.02, sigma=4500.0
    )
    captures = getattr(captures, "captures", captures)
    return sn.Survey(captures, mask, name="block")


TRUTH = {
    "D:Intercept": np.log(6.0),
    "lambda0:Intercept": np.log(0.02),
    "sigma:Intercept": np.log(4500.0),
    "lambda0_location:east": -0.4,
    "sigma_location:east": 0.35,
}


def test_simulated_animals_follow_the_factors_and_a_fit_finds_them(sailugem_like):
    model = sn.Model(sailugem_like, lambda0_location="~ east", sigma_location="~ east")
    x = model.coefficients(TRUTH)
    area = sailugem_like.mask.cell_area / 100.0
    expected = expected_detected(
        likelihood_of(model), x, 0, np.full(sailugem_like.mask.n_points, 6.0 * area)
    )[0][0]
    surveys = [sn.design.simulate_survey(model, TRUTH, seed=s) for s in range(40)]
    seen = [item.n_animals for item in surveys]
    assert abs(np.mean(seen) - expected) < 4.0 * np.std(seen) / np.sqrt(40)
    fits = [
        sn.fit(s, lambda0_location="~ east", sigma_location="~ east", progress=False, start=TRUTH)
        for s in surveys[:12]
    ]
    found = np.array([fit.coefficients for fit in fits])
    error = found.std(axis=0, ddof=1) / np.sqrt(len(fits))
    np.testing.assert_array_less(np.abs(found.mean(axis=0) - x), 4.0 * error)


def test_probability_of_detection_is_known_within_the_mask_only(sailugem_like):
    model = sn.Model(sailugem_like, sigma_location="~ east")
    x = model.coefficients({k: v for k, v in TRUTH.items() if "lambda0_l" not in k})
    likelihood = likelihood_of(model)
    everywhere = detection_probability(likelihood, x, 0)
    again = detection_probability(likelihood, x, 0, sailugem_like.mask.xy)
    np.testing.assert_allclose(again, everywhere, rtol=1e-12)
    with pytest.raises(sn.ModelError, match="outside the mask"):
        detection_probability(likelihood, x, 0, np.array([[1e6, 1e6]]))


def test_sums_over_a_part_of_the_mask_have_exact_gradients(sailugem_like):
    model = sn.Model(sailugem_like, D="~ east", sigmak="~ 1", lambda0_location="~ east")
    x = np.array([1.8, 0.3, -4.0, -2.3, 0.2])
    likelihood = likelihood_of(model)
    part = sailugem_like.mask.xy[40:90]
    weight = np.linspace(0.1, 0.5, 50)

    def total(at):
        return float(expected_detected(likelihood, at, 0, weight, part)[0][0])

    gradient = expected_detected(likelihood, x, 0, weight, part)[1]
    steps = np.eye(5) * 1e-5
    differences = [(total(x + e) - total(x - e)) / 2e-5 for e in steps]
    np.testing.assert_allclose(gradient, differences, rtol=1e-6, atol=1e-8)


def test_abundance_and_report_of_numbers_work_with_factors(sailugem_like):
    fit = sn.fit(sailugem_like, sigma_location="~ east", progress=False)
    whole = fit.abundance()
    halves = fit.abundance(mask=sailugem_like.mask)
    np.testing.assert_allclose(halves["expected_n"], whole["expected_n"])
    np.testing.assert_allclose(halves["realised_n"], whole["realised_n"], rtol=1e-9)
    table = fit.real_parameters()
    assert "sigma_location" in set(table["parameter"])
    assert np.isfinite(fit.effective_sampling_area()["estimate"]).all()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"g0_location": "~ rugged"}, "not a parameter"),
        ({"lambda0_location": "~ rugged", "detection": "HN"}, "factor of lambda0"),
        ({"a0_location": "~ rugged"}, "factor of a0"),
        (
            {"a0": "~ 1", "detection": "HN", "sigma_location": "~ rugged"},
            "a0 beside sigma",
        ),
        ({"sigma_location": "~ rugged", "detection": "HAN"}, "second length, w"),
        ({"sigmak": "~ 1", "detection": "CLN"}, "second length, z"),
        ({"sigma": "~ 1", "sigmak": "~ 1"}, "takes the place of sigma"),
        ({"sigmak": "~ 1", "population": "conditional"}, "conditional"),
        ({"sigma_location": "~ 1"}, "only an intercept"),
        ({"sigma_location": "~ topo"}, "topo"),
        ({"fixed": {"sigma_location": 1.0}}, "give it a formula"),
        ({"sigma_location": "~ rugged", "links": {"sigma_location": "identity"}}, "no link"),
    ],
)
def test_what_cannot_be_is_refused(words, message):
    with pytest.raises(sn.SecrError, match=message):
        sn.Model(survey("count"), **words)


def test_only_lengths_beside_sigma_stop_sigma_from_following_the_place():
    """R's sigmaxy divides distances and so stretches w as well, which the model does not say."""
    refused = {"annular_normal", "w_exponential", "cumulative_lognormal"}
    found = {
        name.removeprefix("hazard_")
        for name in sn.DETECTION_FUNCTIONS
        if not scales_with_sigma(sn.detection_function(name))
    }
    assert found == refused
    plateau = sn.user_detection_function(
        "plateau",
        lambda d, sigma, b: np.exp(-np.maximum(d - b, 0.0) / sigma),
        parameters=("sigma", "b"),
        start=800.0,
    )
    with pytest.raises(sn.ModelError, match="second length, b"):
        sn.Model(survey("count"), detection=plateau, sigma_location="~ rugged")


def test_missing_covariates_are_named():
    item = survey()
    with pytest.raises(sn.SecrError, match="slope"):
        sn.Model(item, sigma_location="~ slope")
    assert isinstance(item.mask.covariates, pd.DataFrame)
