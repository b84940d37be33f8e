"""The simulator agrees with theory: numbers of animals and detections, and where they are."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from tolerances import MONTE_CARLO

import secr_nea as sn
from secr_nea.design import Simulated, simulate_captures, simulate_population, simulate_survey

SPACING = 1000.0
# Animals are independent, so that one dense population is as good as many sparse ones.
DENSITY = 20_000.0
SEED = 20240


@pytest.fixture(scope="module")
def mask() -> sn.HabitatMask:
    centres = SPACING * (np.arange(20) + 0.5)
    xy = np.column_stack([np.tile(centres, 20), np.repeat(centres, 20)])
    slope = xy[:, 0] / 10_000.0 - 1.0
    gradient = DENSITY * np.exp(slope)
    return sn.HabitatMask(xy, covariates={"slope": slope, "gradient": gradient})


TRAP_XY = np.array([[6000, 7000], [9000, 8000], [12000, 6500], [7000, 12000], [11000, 13000.0]])
EFFORT = np.array([[3, 0, 2], [1, 4, 4], [0, 0, 0], [2, 2, 1], [5, 1, 3]])
LAMBDA0 = np.array([[0.1, 0.2, 0.1], [0.3, 0.1, 0.2], [0.5, 0.5, 0.5], [0.2, 0.2, 0.2], [0.1] * 3])
SIGMA = np.array([1500.0, 2000.0, 2000.0, 1800.0, 2500.0])
MIXED = ("count", "binary", "count", "binomial", "binomial")
DETECTORS = ["count", "binary", "binomial", MIXED]


def array_of(detector):
    return sn.TrapArray(TRAP_XY, effort=EFFORT, detector=detector)


def cells_divided(mask, parts=6):
    """Places inside the cells, shape (n_points, parts^2, 2): animals live anywhere in a cell."""
    inside = (np.arange(parts) + 0.5) / parts - 0.5
    offsets = np.stack(np.meshgrid(inside, inside), axis=-1).reshape(-1, 2)
    return mask.xy[:, None, :] + mask.spacing * offsets


def hazards(mask, lambda0, sigma):
    """Half-normal hazard at all places, shape (n_traps, n_occasions, n_points, parts^2)."""
    places = cells_divided(mask)
    d2 = ((TRAP_XY[:, None, None, :] - places) ** 2).sum(axis=-1)
    shape = np.exp(-d2 / (2 * sigma[:, None, None] ** 2))
    return lambda0[:, :, None, None] * shape[:, None]


def moments(detector, hazard, effort):
    """Mean and mean square of the count of one animal, and its probability of no detection."""
    if detector == "count":
        mean = effort * hazard
        return mean, mean + mean**2, np.exp(-mean)
    if detector == "binary":
        p = 1 - np.exp(-effort * hazard)
        return p, p, 1 - p
    p = 1 - np.exp(-hazard)
    return effort * p, effort * p * (1 - p) + (effort * p) ** 2, (1 - p) ** effort


def theory(mask, density, detector, lambda0=LAMBDA0, sigma=SIGMA):
    """Expected detections of traps and occasions with variance, and expected animals detected."""
    words = (detector,) * len(TRAP_XY) if isinstance(detector, str) else detector
    hazard = hazards(mask, lambda0, sigma)
    parts = [
        moments(word, h, effort[:, None, None])
        for word, h, effort in zip(words, hazard, EFFORT, strict=True)
    ]
    mean, square, missed = (np.stack(part) for part in zip(*parts, strict=True))
    animals = np.broadcast_to(density * SPACING**2 / 1e6 / 100.0, mask.n_points)
    detected = (animals * (1 - missed.prod(axis=(0, 1))).mean(axis=-1)).sum()
    # sums over a Poisson process: the variance is the integral of the mean square
    return (
        (mean.mean(axis=-1) * animals).sum(axis=-1),
        (square.mean(axis=-1) * animals).sum(axis=-1),
        detected,
    )


def assert_near(observed, expected, variance):
    observed, expected = np.asarray(observed, dtype=float), np.asarray(expected)
    assert (np.abs(observed - expected) <= MONTE_CARLO * np.sqrt(variance)).all(), (
        f"{observed} is not {expected} (standard errors {np.sqrt(variance)})"
    )


def per_trap(captures):
    """Detections of each trap and occasion."""
    total = np.zeros(captures.traps.effort.shape)
    np.add.at(total, (captures.trap, captures.occasion), captures.count)
    return total


# --- animals -------------------------------------------------------------------------------------


def test_number_of_animals_is_poisson_with_mean_density_times_area(mask):
    numbers = [len(simulate_population(mask, 20.0, seed=seed)) for seed in range(400)]
    expected = 20.0 * mask.area / 100.0
    assert_near(np.mean(numbers), expected, expected / 400)
    assert_near(np.var(numbers, ddof=1), expected, 2 * expected**2 / 399 + expected / 400)


@pytest.mark.parametrize("fixed_n", [None, 20_000])
def test_animals_follow_the_density_surface(mask, fixed_n):
    density = mask.covariates["gradient"].to_numpy()
    xy = simulate_population(mask, "gradient", seed=SEED, fixed_n=fixed_n)
    expected = density * mask.cell_area / 100.0
    if fixed_n is not None:
        assert len(xy) == fixed_n
        expected *= fixed_n / expected.sum()
    per_column = np.histogram(xy[:, 0], bins=20, range=(0.0, 20_000.0))[0]
    expected = expected.reshape(20, 20).sum(axis=0)
    assert_near(per_column, expected, expected)


def test_animals_are_uniform_inside_their_cells(mask):
    xy = simulate_population(mask, DENSITY, seed=SEED)
    at = xy / SPACING - np.floor(xy / SPACING)
    assert_near(at.mean(axis=0), 0.5, 1 / 12 / len(xy))
    assert_near(at.var(axis=0), 1 / 12, 1 / 180 / len(xy))
    assert abs(np.corrcoef(at.T)[0, 1]) < MONTE_CARLO / np.sqrt(len(xy))


def test_no_animal_lives_where_density_is_zero(mask):
    west = mask.xy[:, 0] < 10_000
    xy = simulate_population(mask, np.where(west, DENSITY, 0.0), seed=SEED)
    assert xy[:, 0].max() <= 10_000
    assert simulate_population(mask, 0.0, seed=SEED).shape == (0, 2)


# --- detections ----------------------------------------------------------------------------------


@pytest.mark.parametrize("detector", DETECTORS)
def test_detections_of_every_trap_and_occasion_agree_with_theory(mask, detector):
    density = mask.covariates["gradient"].to_numpy()
    animals = simulate_population(mask, density, seed=SEED)
    simulated = simulate_captures(
        animals, array_of(detector), lambda0=LAMBDA0, sigma=SIGMA, seed=SEED
    )
    expected, variance, detected = theory(mask, density, detector)
    assert_near(per_trap(simulated.captures), expected, variance)
    assert_near(simulated.captures.n_animals, detected, detected)


@pytest.mark.parametrize("detector", DETECTORS)
def test_traps_detect_nothing_without_effort(mask, detector):
    animals = simulate_population(mask, 200.0, seed=SEED)
    captures = simulate_captures(
        animals, array_of(detector), lambda0=5.0, sigma=4000.0, seed=SEED
    ).captures
    assert (per_trap(captures)[EFFORT == 0] == 0).all()
    assert (per_trap(captures)[EFFORT > 0] > 0).all()


def test_binomial_counts_are_at_most_the_effort_and_binary_counts_are_one(mask):
    animals = simulate_population(mask, 100.0, seed=SEED)
    for detector in ("binomial", "binary"):
        captures = simulate_captures(
            animals, array_of(detector), lambda0=1e6, sigma=1e5, seed=SEED
        ).captures
        most = EFFORT if detector == "binomial" else 1
        highest = np.broadcast_to(most, EFFORT.shape)[captures.trap, captures.occasion]
        np.testing.assert_array_equal(captures.count, highest)


def test_probability_of_a_half_normal_is_g0_times_the_shape(mask):
    animals = simulate_population(mask, DENSITY, seed=SEED)
    traps = sn.TrapArray(TRAP_XY, detector="binary")
    captures = simulate_captures(
        animals, traps, detection="HN", g0=0.4, sigma=2000.0, seed=SEED
    ).captures
    p = hazards(mask, np.full((5, 1), 0.4), np.full(5, 2000.0))[:, 0]
    expected = p.mean(axis=-1).sum(axis=-1) * DENSITY * mask.cell_area / 100.0
    assert_near(per_trap(captures)[:, 0], expected, expected)


def test_counts_of_one_animal_are_poisson():
    traps = sn.TrapArray([[0.0, 0.0], [9e6, 0.0]], effort=[4, 1])
    animals = np.zeros((20_000, 2))
    captures = simulate_captures(animals, traps, lambda0=0.5, sigma=2000.0, seed=SEED).captures
    of_count = np.bincount(captures.count, minlength=6)
    expected = 20_000 * np.exp(-2.0) * 2.0 ** np.arange(6) / [1, 1, 2, 6, 24, 120]
    assert_near(of_count[1:6], expected[1:], expected[1:])


def test_detected_animals_are_known_and_numbered_in_order(mask):
    animals = simulate_population(mask, 50.0, seed=SEED)
    simulated = simulate_captures(animals, array_of("count"), lambda0=0.2, sigma=2000.0, seed=SEED)
    captures = simulated.captures
    n = captures.n_animals
    assert 0 < n < len(animals)
    assert captures.animal_ids == tuple(str(i + 1) for i in range(n))
    assert (np.diff(simulated.detected) > 0).all()
    np.testing.assert_array_equal(simulated.population, animals)
    np.testing.assert_array_equal(simulated.activity_centers, animals[simulated.detected])
    # beyond eight sigma the hazard is 1e-15: each animal's centre is near its own detections
    distance = np.hypot(*(simulated.activity_centers[captures.animal] - TRAP_XY[captures.trap]).T)
    assert distance.max() < 8 * 2000.0
    assert not simulated.population.flags.writeable
    assert repr(simulated).startswith(f"Simulated({n} of {len(animals)} animals detected")


def test_without_animals_or_hazard_there_are_no_captures(mask):
    traps = array_of(MIXED)
    for animals, lambda0 in ((np.empty((0, 2)), 1.0), (mask.xy, 0.0)):
        simulated = simulate_captures(animals, traps, lambda0=lambda0, sigma=2000.0, seed=SEED)
        assert isinstance(simulated, Simulated)
        assert simulated.captures.n_animals == 0
        assert simulated.activity_centers.shape == (0, 2)


# --- surveys of a model --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def survey(mask) -> sn.Survey:
    kind = ["a", "b", "a", "b", "a"]
    traps = sn.TrapArray(TRAP_XY, effort=EFFORT, detector=MIXED, covariates={"kind": kind})
    nothing = sn.CaptureHistory(traps, animal=[], occasion=[], trap=[])
    return sn.Survey(
        nothing,
        mask,
        name="north",
        covariates={"year": 2024},
        occasion_covariates={"snow": [0.0, 1.0, 0.0]},
    )


COEFFICIENTS = {
    "D:Intercept": np.log(DENSITY),
    "D:slope": 1.0,
    "lambda0:Intercept": np.log(0.15),
    "lambda0:kind[T.b]": 0.4,
    "lambda0:snow": -0.5,
    "sigma:Intercept": np.log(1800.0),
}


def model_of(surveys, **options):
    return sn.Model(surveys, D="~ slope", lambda0="~ kind + snow", **options)


def test_survey_of_a_model_agrees_with_theory_and_with_direct_simulation(survey, mask):
    new = simulate_survey(model_of(survey), COEFFICIENTS, seed=SEED)
    lambda0 = 0.15 * np.exp(0.4 * np.array([0, 1, 0, 1, 0])[:, None] - 0.5 * np.array([0, 1, 0]))
    density = mask.covariates["gradient"].to_numpy()
    expected, variance, detected = theory(mask, density, MIXED, lambda0, np.full(5, 1800.0))
    assert_near(per_trap(new.captures), expected, variance)
    assert_near(new.n_animals, detected, detected)
    animals = simulate_population(mask, "gradient", seed=SEED + 1)
    direct = simulate_captures(animals, survey.traps, lambda0=lambda0, sigma=1800.0, seed=SEED + 1)
    assert_near(per_trap(new.captures), per_trap(direct.captures), 2 * variance)
    assert_near(new.n_animals, direct.captures.n_animals, 2 * detected)


def test_survey_of_a_model_keeps_everything_but_the_animals(survey):
    new = simulate_survey(model_of(survey), COEFFICIENTS, seed=SEED)
    assert new.traps is survey.traps
    assert new.mask is survey.mask
    assert (new.name, new.covariates) == ("north", {"year": 2024})
    assert new.occasion_covariates.equals(survey.occasion_covariates)


def test_several_surveys_have_independent_streams_of_their_own(survey):
    twin = sn.Survey(
        survey.captures, survey.mask, name="south", occasion_covariates={"snow": [0.0, 1.0, 0.0]}
    )
    both = simulate_survey(model_of([survey, twin]), COEFFICIENTS, seed=SEED)
    alone = simulate_survey(model_of(survey), COEFFICIENTS, seed=SEED)
    assert [new.name for new in both] == ["north", "south"]
    assert both[0].fingerprint == alone.fingerprint
    assert both[1].captures.fingerprint != both[0].captures.fingerprint


def test_fixed_population_has_the_expected_number_of_animals(survey):
    area = survey.mask.area
    truth = [np.log(100 * 40.25 / area), np.log(1000.0), np.log(1e5)]
    model = sn.Model(survey, population="binomial")
    numbers = [simulate_survey(model, truth, seed=seed).n_animals for seed in range(100)]
    assert set(numbers) == {40, 41}
    assert_near(np.mean(numbers), 40.25, 0.25 * 0.75 / 100)


def test_a_survey_stands_for_its_simplest_model(survey):
    truth = [np.log(50.0), np.log(0.2), np.log(2000.0)]
    short = simulate_survey(survey, truth, seed=SEED)
    assert short.fingerprint == simulate_survey(sn.Model(survey), truth, seed=SEED).fingerprint


def test_warnings_of_the_survey_are_not_repeated(survey):
    small = survey.mask.subset(survey.mask.xy[:, 1] < 13_000)
    far = sn.TrapArray([*TRAP_XY, [10_000, 17_000]])
    nothing = sn.CaptureHistory(far, animal=[], occasion=[], trap=[])
    with pytest.warns(sn.SecrWarning, match="outside the mask"):
        doubtful = sn.Survey(nothing, small)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        simulate_survey(doubtful, [3.0, -2.0, 7.5], seed=SEED)


def test_sailugem_is_an_ordinary_draw_from_its_own_truth():
    survey, truth = sn.datasets.sailugem(), sn.datasets.sailugem_truth()
    lambda0 = survey.traps.covariates["topography"].map(truth["lambda0_per_camera_day"])
    surface = truth["log_density"]
    ruggedness = survey.mask.covariates["ruggedness"].to_numpy()
    density = np.exp(surface["intercept"] + surface["slope_per_m"] * ruggedness)
    rng = np.random.default_rng(SEED)
    found = np.array(
        [
            (new.n_animals, new.n_detections)
            for new in (
                simulate_captures(
                    simulate_population(survey.mask, density, seed=rng),
                    survey.traps,
                    lambda0=lambda0.to_numpy(),
                    sigma=truth["sigma_m"],
                    seed=rng,
                ).captures
                for _ in range(300)
            )
        ]
    )
    scores = (np.array([28, 96]) - found.mean(axis=0)) / found.std(axis=0)
    assert (np.abs(scores) < 2).all()


# --- seeds ---------------------------------------------------------------------------------------


def draws(survey, seed):
    """One simulation of each kind as plain text."""
    animals = simulate_population(survey.mask, 50.0, seed=seed)
    simulated = simulate_captures(animals, survey.traps, lambda0=0.2, sigma=2000.0, seed=seed)
    new = simulate_survey(survey, [3.0, -2.0, 7.5], seed=seed)
    return [animals.tobytes().hex(), simulated.captures.fingerprint, new.fingerprint]


def test_an_int_or_seed_sequence_gives_exactly_the_same_again(survey):
    sequence = np.random.SeedSequence(7)
    assert draws(survey, 7) == draws(survey, 7)
    assert draws(survey, sequence) == draws(survey, sequence) == draws(survey, 7)
    assert sequence.n_children_spawned == 0


def test_other_seeds_give_something_else(survey):
    children = np.random.SeedSequence(7).spawn(2)
    several = [draws(survey, seed) for seed in (7, 8, *children, None, None)]
    for kind in zip(*several, strict=True):
        assert len(set(kind)) == len(kind)


def test_a_generator_moves_on_and_is_reproducible(survey):
    def both():
        rng = np.random.default_rng(7)
        return draws(survey, rng), draws(survey, rng)

    assert both() == both()
    first, second = both()
    assert not set(first) & set(second)


# --- errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "density, match",
    [
        (-1.0, r"density must be 0 or more animals per 100 km2 everywhere; got -1\."),
        ([1.0, 2.0], r"shape \(400,\); got \(2,\)"),
        (np.r_[np.ones(398), np.nan, -2.0], r"got nan in row 399, -2 in row 400"),
        ("slop", r"no covariate 'slop' \(did you mean 'slope'\?\)"),
        ("slope", r"density \(mask covariate 'slope'\) must be 0 or more"),
        ("many", "many"),
    ],
)
def test_impossible_density_is_refused(mask, density, match):
    with pytest.raises(sn.DataError, match=match):
        simulate_population(mask, density, seed=SEED)


@pytest.mark.parametrize("fixed_n", [-1, 2.5, True])
def test_impossible_number_of_animals_is_refused(mask, fixed_n):
    with pytest.raises(sn.DataError, match="fixed_n must be a whole number of animals"):
        simulate_population(mask, 1.0, seed=SEED, fixed_n=fixed_n)


def test_animals_need_somewhere_to_live(mask):
    with pytest.raises(sn.DataError, match="density is 0 at every mask point"):
        simulate_population(mask, 0.0, seed=SEED, fixed_n=5)


@pytest.mark.parametrize("seed", [-1, 1.5, "seven", True])
def test_impossible_seed_is_refused(mask, seed):
    with pytest.raises(sn.DataError, match="seed must be a whole number"):
        simulate_population(mask, 1.0, seed=seed)


@pytest.mark.parametrize(
    "parameters, match",
    [
        ({"lambda0": 0.1}, "hazard_half_normal needs the parameters lambda0, sigma; got lambda0"),
        ({"g0": 0.1, "sigma": 2000.0}, "got g0, sigma"),
        ({"lambda0": -0.1, "sigma": 2000.0}, r"lambda0 must be a number 0 or more; got -0\.1"),
        ({"lambda0": 0.1, "sigma": 0.0}, r"sigma must be a number above 0; got 0\."),
        ({"lambda0": 0.1, "sigma": np.nan}, r"sigma must be a number above 0; got nan\."),
        ({"lambda0": 0.1, "sigma": [1, 2, 3, -4, 5.0]}, r"got -4 \(trap 4 occasion 1\)"),
        (
            {"lambda0": [0.1, 0.2, 0.3], "sigma": 9.0},
            r"shape \(5,\), .* shape \(5, 3\); got \(3,\)",
        ),
        ({"lambda0": 1e15, "sigma": 9e3}, r"A count detector would make 5e\+15 detections"),
        ({"detection": "HN", "g0": 1.0, "sigma": 9.0}, r"g0 .* \(for count detectors below 1\)"),
        ({"detection": "HM", "g0": 0.5, "sigma": 9.0}, "no detection function 'HM'"),
    ],
)
def test_impossible_detection_parameters_are_refused(parameters, match):
    with pytest.raises(sn.ModelError, match=match):
        simulate_captures(TRAP_XY, array_of("count"), seed=SEED, **parameters)


def test_animals_must_be_coordinates():
    with pytest.raises(sn.DataError, match=r"animal coordinates must have shape \(n, 2\)"):
        simulate_captures([[1.0, 2.0, 3.0]], array_of("count"), lambda0=1.0, sigma=2e3, seed=SEED)


def test_negative_density_of_a_model_is_refused(survey):
    model = sn.Model(survey, D="~ slope", links={"D": "identity"})
    with pytest.raises(sn.DataError, match="density must be 0 or more"):
        simulate_survey(model, [1.0, 2.0, -2.0, 7.5], seed=SEED)


def test_impossible_detection_of_a_model_is_refused(survey):
    with pytest.raises(sn.ModelError, match=r"sigma:Intercept is not a number \(NaN\)"):
        simulate_survey(survey, [1.0, -2.0, np.nan], seed=SEED)
    with pytest.raises(sn.ModelError, match=r"sigma must be a number above 0; got inf\."):
        simulate_survey(survey, [1.0, -2.0, np.inf], seed=SEED)


# --- learned responses of traps ------------------------------------------------------------------


def trap_response_survey():
    side = 3000.0 * np.arange(5)
    traps = sn.TrapArray([[x, y] for x in side for y in side], effort=np.full((25, 6), 5.0))
    mask = sn.HabitatMask.around(traps, buffer=9000.0, spacing=1500.0)
    animals = simulate_population(mask, 40.0, seed=2)
    found = simulate_captures(animals, traps, lambda0=0.02, sigma=2500.0, seed=2)
    return sn.Survey(found.captures, mask)


def simulated_with_response(word, effect, seed=3):
    model = sn.Model(trap_response_survey(), lambda0=f"~ {word}")
    truth = [np.log(40.0), np.log(0.02), effect, np.log(2500.0)]
    return model, truth, simulate_survey(model, truth, seed=seed)


def visited(survey):
    found = np.zeros(survey.traps.effort.shape, dtype=bool)
    found[survey.captures.trap, survey.captures.occasion] = True
    return found


def test_a_trap_that_scares_all_animals_sees_them_on_one_occasion_only():
    _, _, once = simulated_with_response("trap_detected_before", -60.0)
    assert visited(once).sum(axis=1).max() == 1
    assert once.captures.count.sum() > 25, "several animals at a trap on its one occasion"
    _, _, pause = simulated_with_response("trap_detected_last_occasion", -60.0)
    now = visited(pause)
    assert not (now[:, 1:] & now[:, :-1]).any()
    assert now.sum(axis=1).max() > 1
    _, _, plain = simulated_with_response("trap_detected_before", 0.0)
    first = [s.captures.to_dataframe().query("occasion == 1") for s in (once, plain)]
    assert first[0]["trap_id"].to_list() == first[1]["trap_id"].to_list()


def test_a_response_of_traps_is_found_again_by_the_fit():
    model, truth, survey = simulated_with_response("trap_detected_before", -1.2)
    fit = sn.fit(survey, lambda0="~ trap_detected_before", progress=False)
    away = (fit.coefficients - truth) / fit.standard_errors
    assert np.abs(away).max() < 3.5, dict(zip(model.coefficient_names, away, strict=True))
    assert fit.standard_errors[2] < 0.4
    assert fit.simulate(seed=1).n_animals > 0


def test_two_learned_responses_at_once_are_not_simulated():
    survey = trap_response_survey()
    model = sn.Model(survey, lambda0="~ trap_detected_before + detected_before")
    with pytest.raises(sn.ModelError, match="only one learned response at a time"):
        simulate_survey(model, np.zeros(model.n_coefficients), seed=1)
    model = sn.Model(survey, lambda0="~ trap_detected_before", classes=2, sigma="~ latent_class")
    with pytest.raises(sn.ModelError, match="without classes, groups and esa only"):
        simulate_survey(model, np.zeros(model.n_coefficients), seed=1)
