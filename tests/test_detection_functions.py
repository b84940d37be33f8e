"""Detection functions against their naive twins, their derivatives, and what they say of errors."""

from __future__ import annotations

import naive
import numpy as np
import pytest
import strategies
import tolerances

import secr_nea as sn

NAMES = tuple(sn.DETECTION_FUNCTIONS)
SMOOTH = tuple(name for name in NAMES if not name.endswith("uniform"))
DIFFERENCE = {"rtol": 1e-6, "atol": 1e-9}  # of central differences in double precision
DISTANCES = np.array([0.7, 300.0, 1100.0, 1999.0, 2700.0, 5000.0, 9000.0, 14_000.0])
OTHER = {"z": (1.4, 3.0, 6.5), "w": (310.0, 1500.0, 4000.0)}


def settings_of(name):
    """A few sets of parameters of a function, by name."""
    function = sn.detection_function(name)
    extra = function.parameters[2:]
    values = OTHER[extra[0]] if extra else (None,)
    if name.endswith("cumulative_lognormal"):
        values = (400.0, 1500.0, 3000.0)  # a standard deviation in metres
    for amplitude, value in zip((0.02, 0.3, 0.8), values * 3, strict=False):
        out = {function.amplitude: amplitude, "sigma": 2000.0}
        yield out | ({extra[0]: value} if extra else {})


def naive_hazard(name, d, **parameters):
    """The twin in long doubles where NumPy has them, for 1 - g and 1 - exp(-u) lose digits."""
    if "cumulative" not in name:
        d = np.asarray(d, dtype=np.longdouble)
        parameters = {key: np.longdouble(value) for key, value in parameters.items()}
    if name in naive.DETECTION_FUNCTIONS:
        return naive.hazard(name, d, **parameters)
    # hazard forms that R has not: the amplitude times the shape of the probability form
    shape = naive.DETECTION_FUNCTIONS[name.removeprefix("hazard_")][2]
    return parameters.pop("lambda0") * shape(d, **parameters)


def columns(function, parameters):
    """Parameters as columns of one row, in the order of the function."""
    return [np.full((1, 1), parameters[name]) for name in function.parameters]


@pytest.mark.parametrize("name", NAMES)
def test_hazard_and_probability_are_those_of_the_twin(name):
    function = sn.detection_function(name)
    for parameters in settings_of(name):
        expected = np.asarray(naive_hazard(name, DISTANCES, **parameters), dtype=float)
        hazard = function.hazard(DISTANCES, **parameters)
        np.testing.assert_allclose(hazard, expected, **tolerances.EXACT)
        probability = function.probability(DISTANCES, **parameters)
        np.testing.assert_allclose(probability, -np.expm1(-expected), **tolerances.EXACT)
        if not function.is_hazard:
            form = naive.probability(name, DISTANCES, **parameters)
            np.testing.assert_allclose(probability, form, **tolerances.EXACT)


@pytest.mark.parametrize("name", SMOOTH)
def test_log_hazard_keeps_its_digits_far_away(name):
    """Where the hazard is tiny its logarithm still counts: an animal may be detected there."""
    function = sn.detection_function(name)
    d = np.array([12_000.0, 16_000.0, 18_000.0, 22_000.0])  # to 11 sigma
    for parameters in settings_of(name):
        if "compound" in name:
            # the twin's 1 - (1 - s)^z has no digits left here
            log_s = -0.5 * (d / parameters["sigma"]) ** 2
            expected = np.log(parameters[function.amplitude] * parameters["z"]) + log_s
        elif "lognormal" in name or "gamma" in name:
            continue
        else:
            with np.errstate(divide="ignore"):
                expected = np.log(naive_hazard(name, d, **parameters)).astype(float)
        with np.errstate(all="ignore"):
            found = function.log_hazard(d[None] ** 2, *columns(function, parameters))[0]
        reached = expected > -600.0
        np.testing.assert_allclose(found[reached], expected[reached], rtol=1e-7)


@pytest.mark.parametrize("name", NAMES)
def test_arrays_have_a_row_a_column(name):
    """Each hazard column has its own parameters."""
    function = sn.detection_function(name)
    chosen = list(settings_of(name))
    many = [np.array([[p[key]] for p in chosen]) for key in function.parameters]
    d2 = np.tile(DISTANCES**2, (len(chosen), 1))
    with np.errstate(all="ignore"):
        together = function.log_hazard(d2, *many)
        slopes = function.slopes(d2, *many)
    for j, parameters in enumerate(chosen):
        with np.errstate(all="ignore"):
            alone = function.log_hazard(d2[j : j + 1], *columns(function, parameters))
            one = function.slopes(d2[j : j + 1], *columns(function, parameters))
        np.testing.assert_array_equal(together[j], alone[0])
        for several, single in zip(slopes, one, strict=True):
            row = np.broadcast_to(several, d2.shape)[j]
            np.testing.assert_array_equal(row, np.broadcast_to(single, (1, len(row)))[0])


@pytest.mark.parametrize("name", SMOOTH)
def test_slopes_are_the_derivatives(name):
    function = sn.detection_function(name)
    for parameters in settings_of(name):
        values = [DISTANCES[None] ** 2, *columns(function, parameters)]

        def central(which, values=values, function=function):
            """Central difference of the fourth order to one of the arguments."""
            step = 1e-4 * np.abs(values[which])
            total = 0.0
            for times, weight in ((1, 8), (-1, -8), (2, -1), (-2, 1)):
                moved = [v + times * step if i == which else v for i, v in enumerate(values)]
                total = total + weight * function.log_hazard(*moved)
            return total / (12 * step)

        with np.errstate(all="ignore"):
            slopes = function.slopes(*values)
            assert len(slopes) == len(function.parameters) + 1
            for which, slope in zip((*range(1, len(values)), 0), slopes, strict=True):
                scale = values[which]  # derivatives to the logarithm: all of one size
                found = np.broadcast_to(slope * scale, DISTANCES[None].shape)
                log_hazard = function.log_hazard(*values)
                reached = log_hazard > -300.0
                np.testing.assert_allclose(
                    found[reached], (central(which) * scale)[reached], **DIFFERENCE
                )


@pytest.mark.parametrize("name", NAMES)
def test_at_the_activity_centre(name):
    function = sn.detection_function(name)
    for parameters in settings_of(name):
        expected = float(naive_hazard(name, np.array([0.0]), **parameters)[0])
        hazard = function.hazard([0.0], **parameters)[0]
        np.testing.assert_allclose(hazard, expected, **tolerances.EXACT)
        with np.errstate(all="ignore"):
            slopes = function.slopes(np.zeros((1, 1)), *columns(function, parameters))
        assert all(np.isfinite(slope).all() for slope in slopes), slopes


@pytest.mark.parametrize("name", NAMES)
def test_far_away(name):
    """No hazard is left, no warning is given, and no derivative is nan."""
    function = sn.detection_function(name)
    far = np.array([1e7, 1e9, 1e20])
    for parameters in settings_of(name):
        hazard = function.hazard(far, **parameters)
        assert (hazard < 1e-4).all()
        assert (np.diff(hazard) <= 0).all()
        with np.errstate(all="ignore"):
            log_hazard = function.log_hazard(far[None] ** 2, *columns(function, parameters))
            slopes = function.slopes(far[None] ** 2, *columns(function, parameters))
        assert not np.isnan(log_hazard).any()
        assert not any(np.isnan(slope).any() for slope in slopes)
    assert function.hazard([np.inf], **parameters)[0] < 1e-299


@pytest.mark.parametrize("name", [name for name in NAMES if "annular" not in name])
def test_hazard_never_rises_with_distance(name):
    function = sn.detection_function(name)
    d = np.concatenate([[0.0], np.geomspace(1e-3, 1e5, 400)])
    for parameters in settings_of(name):
        hazard = function.hazard(d, **parameters)
        assert (np.diff(hazard) <= 1e-12 * hazard[:-1]).all()


def test_the_uniform_has_an_edge():
    hazard = sn.detection_function("UN").hazard([1999.9, 2000.0, 2000.1], g0=0.3, sigma=2000.0)
    np.testing.assert_allclose(hazard, [-np.log(0.7), -np.log(0.7), 0.0], **tolerances.EXACT)


@pytest.mark.parametrize("code", naive.NAME_OF_CODE)
def test_codes_of_r(code):
    name = naive.NAME_OF_CODE[code]
    function = sn.detection_function(code)
    assert function is sn.detection_function(code.lower())
    assert function is sn.detection_function(name)
    assert function is sn.detection_function(function)
    assert (function.name, function.code) == (name, code)
    assert function.is_hazard == (naive.DETECTION_FUNCTIONS[name][1] == "hazard")


def test_every_function_knows_its_parameters():
    for name, function in sn.DETECTION_FUNCTIONS.items():
        assert function.name == name
        assert function.parameters[:2] == (function.amplitude, "sigma")
        plain = name.removeprefix("hazard_") if name != "hazard_rate" else name
        extra = strategies.EXTRA_PARAMETER.get(name, strategies.EXTRA_PARAMETER.get(plain))
        assert function.parameters[2:] == ((extra,) if extra else ())
        assert function.formula.startswith(("hazard = lambda0", "probability = g0"))
        assert function.formula.startswith("hazard") == function.is_hazard


def test_an_unknown_function_is_told_of_its_neighbour():
    with pytest.raises(sn.ModelError, match="no detection function 'hazard_halfnormal'"):
        sn.detection_function("hazard_halfnormal")
    with pytest.raises(sn.ModelError, match="Did you mean 'hazard_half_normal'"):
        sn.detection_function("hazard_halfnormal")
    with pytest.raises(sn.ModelError, match="Choose one of hazard_half_normal, half_normal"):
        sn.detection_function("????")


def test_missing_and_unknown_parameters():
    function = sn.detection_function("HHR")
    with pytest.raises(sn.ModelError, match="needs the parameters lambda0, sigma, z; got none"):
        function.hazard([1.0])
    with pytest.raises(sn.ModelError, match="got lambda0, sigma"):
        function.hazard([1.0], lambda0=0.1, sigma=2000.0)
    with pytest.raises(sn.ModelError, match="hazard_half_normal needs"):
        sn.detection_function("HHN").probability([1.0], g0=0.1, sigma=2000.0)
