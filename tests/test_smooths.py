"""Smooth terms: basis, penalty, how smooth they come out, and where they extrapolate."""

from __future__ import annotations

import pickle
import warnings
from functools import cache

import numpy as np
import pandas as pd
import pytest
from tolerances import EXACT

import secr_nea as sn
from secr_nea import inference
from secr_nea.formula import design
from secr_nea.maximise import _Scaled
from secr_nea.smoothing import Penalties
from secr_nea.smooths import MOST_KNOTS, smooth_basis, spread_knots

# Two constructions of one space differ by what the eigenvalues leave of 16 digits.
SAME_SPACE = 1e-7


def scattered(n=80, n_covariates=1, seed=3):
    return np.random.default_rng(seed).normal(size=(n, n_covariates))


def columns_of(points, k, **options):
    basis = smooth_basis("s", list(points.T), k, **options)
    return basis, basis(points)


def dense_thin_plate(points, k):
    """Wood (2003) step by step: columns [U_k D_k Z, T], penalty Z' D_k Z; no shortcuts."""
    n, d = points.shape
    radial = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            r = np.sqrt(((points[i] - points[j]) ** 2).sum())
            if r > 0.0:
                radial[i, j] = r**3 / 12.0 if d == 1 else r**2 * np.log(r) / (8.0 * np.pi)
    values, vectors = np.linalg.eigh(radial)
    largest = np.argsort(-np.abs(values))[:k]
    u, diagonal = vectors[:, largest], np.diag(values[largest])
    polynomials = np.column_stack([np.ones(n), points])
    q, _ = np.linalg.qr((polynomials.T @ u).T, mode="complete")
    z = q[:, d + 1 :]
    return np.column_stack([u @ diagonal @ z, polynomials]), z.T @ diagonal @ z


def outside(columns, space):
    """Largest part of any column that a space does not hold, relative to the column."""
    q, _ = np.linalg.qr(space / np.linalg.norm(space, axis=0))
    unit = columns / np.linalg.norm(columns, axis=0)
    return np.abs(unit - q @ (q.T @ unit)).max()


# --- basis ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_covariates, k", [(1, 3), (1, 5), (1, 12), (2, 4), (2, 10), (2, 25)])
def test_basis_spans_the_dense_thin_plate_space(n_covariates, k):
    points = scattered(n_covariates=n_covariates)
    basis, columns = columns_of(points, k)
    dense, _ = dense_thin_plate(points, k)
    ours = np.column_stack([np.ones(len(points)), columns])
    assert basis.n_columns == k - 1
    assert outside(dense, ours) < SAME_SPACE
    assert outside(ours, dense) < SAME_SPACE


@pytest.mark.parametrize("n_covariates, k", [(1, 8), (2, 12)])
def test_penalty_is_the_dense_one_up_to_a_constant(n_covariates, k):
    points = scattered(n_covariates=n_covariates)
    basis, columns = columns_of(points, k)
    dense, penalty = dense_thin_plate(points, k)
    ratios = []
    for seed in range(5):
        beta = np.random.default_rng(seed).normal(size=basis.n_columns)
        own = np.linalg.lstsq(dense, columns @ beta, rcond=None)[0][: len(penalty)]
        ratios.append((beta**2 @ basis.penalties[0]) / (own @ penalty @ own))
    np.testing.assert_allclose(ratios, ratios[0], rtol=1e-6)


def test_penalty_is_the_integral_of_the_squared_second_derivative():
    points = scattered(n=30)
    basis, _ = columns_of(points, 7)
    grid = np.linspace(points.min(), points.max(), 40_001)
    step = grid[1] - grid[0]
    second = np.diff(basis(grid[:, None]), n=2, axis=0) / step**2
    integral = (second**2).sum(axis=0) * step
    penalised = basis.penalties[0] > 0.0
    assert integral[~penalised].max() < 1e-8 * integral.max()
    ratio = integral[penalised] / basis.penalties[0][penalised]
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-3)


@pytest.mark.parametrize("n_covariates", [1, 2])
def test_straight_functions_are_in_the_basis_without_any_penalty(n_covariates):
    points = scattered(n_covariates=n_covariates)
    basis, columns = columns_of(points, 9)
    null = basis.penalties[0] == 0.0
    assert null.sum() == n_covariates
    full = np.column_stack([np.ones(len(points)), columns[:, null]])
    assert outside(points, full) < SAME_SPACE


@pytest.mark.parametrize("n_covariates", [1, 2])
def test_full_basis_interpolates(n_covariates):
    points = scattered(n=15, n_covariates=n_covariates)
    _, columns = columns_of(points, 15)
    full = np.column_stack([np.ones(15), columns])
    values = np.random.default_rng(0).normal(size=15)
    fitted = full @ np.linalg.lstsq(full, values, rcond=None)[0]
    np.testing.assert_allclose(fitted, values, atol=1e-6)


def test_columns_are_centred_and_orthonormal():
    points = scattered(n=200, n_covariates=2)
    _, columns = columns_of(points, 12)
    np.testing.assert_allclose(columns.mean(axis=0), 0.0, atol=1e-9)
    np.testing.assert_allclose(columns.T @ columns / 200, np.eye(11), atol=1e-8)


def test_order_and_origin_of_the_data_do_not_matter():
    points = scattered(n=60)
    _, columns = columns_of(points, 6)
    order = np.random.default_rng(1).permutation(60)
    np.testing.assert_allclose(columns_of(points[order], 6)[1], columns[order], atol=1e-8)
    np.testing.assert_allclose(columns_of(points + 1e4, 6)[1], columns, atol=1e-6)


def test_beyond_the_data_a_smooth_of_one_covariate_is_straight():
    basis, _ = columns_of(scattered(n=60), 8)
    far = basis(np.linspace(10.0, 20.0, 11)[:, None])
    np.testing.assert_allclose(np.diff(far, n=2, axis=0), 0.0, atol=1e-5 * np.abs(far).max())


def test_tensor_product_holds_products_and_two_penalties():
    points = scattered(n=150, n_covariates=2)
    basis = smooth_basis("te", list(points.T), 4)
    columns = basis(points)
    assert columns.shape == (150, 15)
    x, y = points.T
    full = np.column_stack([np.ones(150), columns])
    assert outside(np.column_stack([x, y, x * y]), full) < SAME_SPACE
    null = (basis.penalties[0] == 0.0) & (basis.penalties[1] == 0.0)
    bilinear = np.column_stack([np.ones(150), columns[:, null]])
    assert outside(np.column_stack([x, y, x * y]), bilinear) < SAME_SPACE


def test_large_data_use_evenly_spread_knots():
    points = np.random.default_rng(5).uniform(size=(3000, 2))
    knots = spread_knots(np.unique(points, axis=0), MOST_KNOTS)
    assert knots.shape == (MOST_KNOTS, 2)
    gaps = np.sqrt(((knots[:, None] - knots[None]) ** 2).sum(axis=2)) + np.eye(MOST_KNOTS)
    assert gaps.min() > 0.3 / np.sqrt(MOST_KNOTS)
    line = spread_knots(np.sort(points[:, :1], axis=0), MOST_KNOTS)
    assert line[0] == points[:, 0].min()
    assert line[-1] == points[:, 0].max()


# --- in formulas ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(7)
    return pd.DataFrame(
        {
            "x": rng.normal(size=120),
            "y": rng.normal(size=120),
            "k": rng.normal(size=120),
            "forest": pd.Categorical(rng.choice(["open", "dense"], 120)),
        }
    )


@pytest.mark.parametrize(
    "text, n_columns, n_smooths",
    [
        ("~ s(x, k=5)", 5, 1),
        ("~ s(x,y,k=10)", 10, 1),
        ("~ s(x, k=5, fx=True)", 5, 0),
        ("~ te(x, y, k=3)", 9, 1),
        ("~ y + s(x, k=5) + s(k, k=4)", 9, 2),
        ("~ forest + forest:s(x, k=4)", 8, 2),
        ("~ y + y:s(x, k=4)", 5, 1),
    ],
)
def test_smooths_in_formulas_keep_their_basis(frame, text, n_columns, n_smooths):
    built = design(text, frame, "D")
    assert built.matrix.shape == (120, n_columns)
    assert len(built.smooths) == n_smooths
    few = frame.iloc[10:17].reset_index(drop=True)
    again = pickle.loads(pickle.dumps(built))
    np.testing.assert_allclose(built.apply(few), built.matrix[10:17], atol=1e-9)
    np.testing.assert_allclose(again.apply(few), built.matrix[10:17], atol=1e-9)


def test_smooths_by_a_factor_have_the_columns_of_their_level(frame):
    built = design("~ forest + forest:s(x, k=4)", frame, "D")
    for smooth, level in zip(built.smooths, ["dense", "open"], strict=True):
        rows = (frame["forest"] != level).to_numpy()
        assert level in smooth.label
        assert not built.matrix[np.ix_(rows, smooth.columns)].any()


@pytest.mark.parametrize(
    "text, match",
    [
        ("~ s(x, k=200)", "k = 200 is more than the 120 distinct values in the data; use k = 120"),
        ("~ s(few, k=4)", "k = 4 is more than the 3 distinct values"),
        ("~ s(two)", "only 2 distinct values in the data, too few"),
        ("~ s(x, k=2)", "k = 2 is too small .* at least 3"),
        ("~ s(x, y, k=3)", "at least 4"),
        ("~ s(x, k=4.5)", "k must be a whole number"),
        ("~ s(x, line, k=6)", "lie on a line"),
        ("~ s(forest)", "a covariate with levels cannot be smoothed"),
        ("~ s(x, y, k)", "takes 1 or 2 covariates; got 3"),
        ("~ te(x)", "takes 2 covariates; got 1"),
        ("~ s(x, 5)", "the rest by keyword"),
        ("~ s(gap)", "'gap' .* has 1 missing values"),
        ("~ s(endless)", "missing or infinite in row 3"),
        ("~ s(x, k=5, sp=-1)", "sp = -1 cannot be used"),
        ("~ s(x, k=5, fx=True, sp=1)", "not beside fx=True"),
        ("~ s(x, k=5):s(y, k=5)", "use te"),
        ("~ scale(s(x, k=5))", "must stand alone"),
        ("~ s(x, k=4) + s(x, y, k=6)", "cannot be told from"),
    ],
)
def test_impossible_smooths_are_told(frame, text, match):
    x = frame["x"]
    data = frame.assign(
        few=np.arange(120) % 3, two=np.arange(120) % 2, line=2.0 * x + 1.0, gap=x, endless=x
    )
    data.loc[5, "gap"] = np.nan
    data.loc[2, "endless"] = np.inf
    with pytest.raises(sn.FormulaError, match=match):
        design(text, data, "D")


# --- fits ----------------------------------------------------------------------------------------


SHAPES = {
    "hump": lambda u, z: 1.5 - 1.5 * (z - 0.3) ** 2,
    "straight": lambda u, z: 0.7 * z,
    "hills": lambda u, z: (
        1.8 * np.exp(-((u - [0.8, 0.5]) ** 2).sum(axis=1) / 0.5)
        + 1.8 * np.exp(-((u - [-0.9, -0.7]) ** 2).sum(axis=1) / 0.4)
    ),
}


@cache
def world(shape, density):
    """A model with true density `density` times a shape, its coefficients, density by point."""
    centres = 1000.0 * (np.arange(32) + 0.5)
    xy = np.column_stack([np.tile(centres, 32), np.repeat(centres, 32)])
    u = (xy - 16_000.0) / 8000.0
    z = np.sin(1.3 * u[:, 0]) + 0.5 * np.cos(2.1 * u[:, 1]) + 0.2 * u[:, 0] * u[:, 1]
    z = (z - z.mean()) / z.std()
    truth = SHAPES[shape](u, z)
    truth = truth - np.log(np.exp(truth).mean())
    mask = sn.HabitatMask(xy, covariates={"rugged": z, "truth": truth})
    along = np.arange(5000.0, 28_000.0, 2500.0)
    traps = np.column_stack([np.tile(along, len(along)), np.repeat(along, len(along))])
    array = sn.TrapArray(
        traps,
        effort=np.ones((len(traps), 1)),
        covariates={"height": np.sin(np.arange(len(traps))) * 500.0 + 3000.0},
    )
    first = sn.CaptureHistory(array, animal=[0], occasion=[0], trap=[0], animal_ids=["1"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sn.SecrWarning)
        model = sn.Model(sn.Survey(first, mask), D="~ truth")
    return model, [np.log(density), 1.0, np.log(0.4), np.log(1500.0)], density * np.exp(truth)


@cache
def simulated(shape, density, seed):
    model, coefficients, _ = world(shape, density)
    return sn.design.simulate_survey(model, coefficients, seed=seed)


def fitted(survey, **formulas):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sn.SecrWarning)
        return sn.fit(survey, progress=False, **formulas)


@pytest.fixture(scope="module")
def survey():
    return simulated("hump", 15.0, 1)


@pytest.fixture(scope="module")
def smooth_fit(survey):
    return fitted(survey, D="~ s(rugged, k=8)")


def test_gradient_of_the_penalised_objective(survey):
    model = sn.Model(survey, D="~ s(rugged, k=6) + te(x, y, k=3)")
    target = _Scaled.of(
        sn.likelihood.likelihood_of(model), np.zeros(model.n_coefficients), lambda: None
    )
    penalties = Penalties.of(model.smooths, target.scale, survey.n_animals)
    assert len(penalties.start) == 3
    stiffness = penalties.stiffness(np.array([3.0, 20.0, 0.5]))
    target = _Scaled(target.likelihood, target.scale, target.tick, stiffness)
    u = np.random.default_rng(2).normal(size=model.n_coefficients) * 0.2
    u[0], u[-2:] = np.log(15.0), [np.log(0.4), np.log(1500.0)]
    _, gradient = target(u)
    for j in range(len(u)):
        step = np.zeros(len(u))
        step[j] = 1e-5
        difference = (target(u + step)[0] - target(u - step)[0]) / 2e-5
        np.testing.assert_allclose(gradient[j], difference, rtol=1e-5, atol=1e-4)


def test_endless_penalty_is_the_straight_line(survey):
    line = fitted(survey, D="~ rugged")
    stiff = fitted(survey, D="~ s(rugged, k=8, sp=1e10)")
    np.testing.assert_allclose(stiff.log_likelihood, line.log_likelihood, atol=1e-5)
    np.testing.assert_allclose(stiff.aic, line.aic, atol=1e-4)
    own = (f.model.parameters["D"].values(f.coefficients) for f in (stiff, line))
    np.testing.assert_allclose(*own, rtol=1e-4)
    np.testing.assert_allclose(stiff.smoothing.edf, 1.0, atol=1e-6)
    assert stiff.smoothing.to_dataframe()["shape"].iloc[0] == "straight"
    surfaces = [f.density_surface()["se"].to_numpy() for f in (stiff, line)]
    np.testing.assert_allclose(*surfaces, rtol=1e-3)


def test_free_columns_are_an_ordinary_formula(survey):
    free = fitted(survey, D="~ s(rugged, k=4, fx=True)")
    columns = free.model.parameters["D"].rows[:, 1:]
    mask = sn.HabitatMask(survey.mask.xy, covariates={f"c{j}": columns[:, j] for j in range(3)})
    plain = fitted(sn.Survey(survey.captures, mask), D="~ c0 + c1 + c2")
    unpenalised = fitted(survey, D="~ s(rugged, k=4, sp=0)")
    for other in (plain, unpenalised):
        np.testing.assert_allclose(free.log_likelihood, other.log_likelihood, atol=1e-6)
        np.testing.assert_allclose(free.aic, other.aic, atol=1e-5)
    assert free.smoothing is None
    np.testing.assert_allclose(unpenalised.smoothing.edf, 3.0)


def test_formulas_without_smooths_know_nothing_of_them(survey):
    line = fitted(survey, D="~ rugged")
    assert line.smoothing is None
    assert line.model.smooths == ()
    assert line.effective_parameters == line.n_parameters
    assert line.aic == -2.0 * line.log_likelihood + 2.0 * line.n_parameters
    assert "Smooths" not in str(line)


def test_smoothing_is_near_the_top_of_the_marginal_likelihood(survey, smooth_fit):
    own = smooth_fit.smoothing
    assert own.settled
    assert smooth_fit.diagnosis.good
    chosen = own.parameters[0][0]
    grid = chosen * np.exp([-3.0, -1.5, -0.5, 0.0, 0.5, 1.5, 3.0])
    height = []
    for sp in grid:
        fit = fitted(survey, D=f"~ s(rugged, k=8, sp={float(sp)!r})")
        height.append(fit.smoothing.log_marginal)
    np.testing.assert_allclose(height[3], own.log_marginal, atol=1e-3)
    assert max(height) - height[3] < 0.05
    assert np.argmax(height) in (2, 3, 4)


def test_effective_freedom_counts_in_aic(smooth_fit):
    fit, own = smooth_fit, smooth_fit.smoothing
    assert 1.5 < own.edf[0] < 7.0
    np.testing.assert_allclose(fit.effective_parameters, 3.0 + own.edf[0])
    np.testing.assert_allclose(fit.aic, -2.0 * fit.log_likelihood + 2.0 * fit.effective_parameters)
    np.testing.assert_allclose(
        sn.log_likelihood(fit.model, fit.coefficients), fit.log_likelihood, **EXACT
    )
    printed = str(fit)
    assert "D:s(rugged, k=8)" in printed
    assert "[3]" not in printed
    assert f"{fit.effective_parameters:.2f} effective" in printed
    assert "Smooths" in fit._repr_html_()


def test_covariance_is_bayesian(smooth_fit):
    model = smooth_fit.model
    likelihood = sn.likelihood.likelihood_of(model)
    penalties = Penalties.of(model.smooths, np.ones(model.n_coefficients), 1)
    stiffness = penalties.stiffness(np.array(smooth_fit.smoothing.parameters[0]))
    rows = []
    for j in range(model.n_coefficients):
        step = np.zeros(model.n_coefficients)
        step[j] = 1e-4
        up, down = (
            likelihood.value_and_gradient(smooth_fit.coefficients + s)[1] for s in (step, -step)
        )
        rows.append(-(up - down) / 2e-4)
    information = np.array(rows)
    expected = np.linalg.inv(0.5 * (information + information.T) + np.diag(stiffness))
    np.testing.assert_allclose(smooth_fit.covariance, expected, rtol=1e-2, atol=1e-5)
    edf = np.trace((expected @ information)[1:8, 1:8])
    np.testing.assert_allclose(smooth_fit.smoothing.edf[0], edf, rtol=1e-3)


def test_smooths_of_detection(survey):
    fit = fitted(survey, lambda0="~ s(height, k=4)", sigma="~ s(height, k=3, fx=True)")
    assert fit.diagnosis.converged
    assert fit.smoothing.labels == ("lambda0:s(height, k=4)",)
    assert 0.99 < fit.smoothing.edf[0] < 3.0
    table = fit.predict(pd.DataFrame({"height": [2800.0, 3200.0]}), parameters=["lambda0"])
    assert np.isfinite(table["se"]).all()


def test_a_smooth_fit_starts_from_a_simpler_one_and_predicts_elsewhere(survey, smooth_fit):
    again = fitted(survey, D="~ s(rugged, k=8)", start=smooth_fit)
    np.testing.assert_allclose(again.log_likelihood, smooth_fit.log_likelihood, atol=1e-2)
    few = survey.mask.subset(np.arange(100, 200))
    own = inference.density.point_density(smooth_fit, 0).value[100:200]
    np.testing.assert_allclose(
        inference.density.point_density(smooth_fit, 0, few).value, own, rtol=1e-8
    )


# --- extrapolation -------------------------------------------------------------------------------


def test_extrapolation_is_flagged(survey, smooth_fit):
    flags = smooth_fit.extrapolation()
    assert list(flags.columns) == ["rugged"]
    p = smooth_fit.pdot()
    order = np.argsort(-p)
    n_sampled = int(np.searchsorted(np.cumsum(p[order]), 0.95 * p.sum())) + 1
    values = survey.mask.covariates["rugged"].to_numpy()
    known = values[order[:n_sampled]]
    expected = (values < known.min()) | (values > known.max())
    np.testing.assert_array_equal(flags["rugged"], expected)
    surface = smooth_fit.density_surface()["extrapolated"]
    assert surface.dtype == bool
    assert int(surface.sum()) == expected.sum()
    odd = sn.HabitatMask(survey.mask.xy[:3], spacing=1000.0, covariates={"rugged": [0.0, 9, -9]})
    assert smooth_fit.extrapolation(odd)["rugged"].tolist() == [False, True, True]
    assert not inference.extrapolation(smooth_fit, share=1.0).any(axis=None)


def test_levels_that_were_not_sampled_are_flagged(survey):
    away = np.abs(survey.mask.xy - 16_000.0).max(axis=1) > 15_400.0
    mask = sn.HabitatMask(survey.mask.xy, covariates={"zone": np.where(away, "rim", "core")})
    fit = fitted(sn.Survey(survey.captures, mask), D="~ zone")
    np.testing.assert_array_equal(fit.extrapolation()["zone"], away)
    constant = fitted(survey)
    assert constant.extrapolation().shape == (survey.mask.n_points, 0)
    assert not constant.density_surface()["extrapolated"].any()


def test_extrapolation_errors(smooth_fit, survey):
    with pytest.raises(sn.DataError, match="share must be above 0"):
        inference.extrapolation(smooth_fit, share=0.0)
    conditional = fitted(survey, population="conditional")
    with pytest.raises(sn.ModelError, match="no model of density"):
        inference.extrapolation(conditional)


# --- recovery ------------------------------------------------------------------------------------


def lost(fit, truth):
    """Integrated squared error of density, relative to the integral of density squared."""
    density = fit.model.parameters["D"].values(fit.coefficients)
    return ((density - truth) ** 2).sum() / (truth**2).sum()


def compared(shape, density, smooth, straight, n=12):
    """Errors of both models and effective degrees of freedom over simulated surveys."""
    _, _, truth = world(shape, density)
    rows = []
    for seed in range(n):
        survey = simulated(shape, density, seed)
        one, other = fitted(survey, D=smooth), fitted(survey, D=straight)
        assert one.diagnosis.converged
        assert one.smoothing.settled
        rows.append(
            [lost(one, truth), lost(other, truth), one.smoothing.edf[0], one.aic - other.aic]
        )
    return np.array(rows)


@pytest.mark.proof
def test_a_hump_over_a_covariate_is_recovered():
    table = compared("hump", 15.0, "~ s(rugged, k=8)", "~ rugged")
    assert np.median(table[:, 0]) < 0.4 * np.median(table[:, 1])
    assert (table[:, 0] < table[:, 1]).mean() > 0.9
    assert (table[:, 3] < -5.0).mean() > 0.9


@pytest.mark.proof
def test_hills_in_space_are_recovered():
    table = compared("hills", 60.0, "~ s(x, y, k=20)", "~ x + y", n=8)
    assert np.median(table[:, 0]) < 0.6 * np.median(table[:, 1])
    assert (table[:, 0] < table[:, 1]).all()


@pytest.mark.proof
def test_a_straight_truth_comes_out_straight():
    table = compared("straight", 15.0, "~ s(rugged, k=8)", "~ rugged", n=20)
    assert np.median(table[:, 2]) < 1.1
    assert (table[:, 2] < 2.5).mean() > 0.85
    assert np.median(table[:, 0]) < 1.2 * np.median(table[:, 1])
