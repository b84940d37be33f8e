"""The only place with tolerances: how closely two numbers must agree, and why.

EXACT and SE_RELATIVE are keywords of `numpy.testing.assert_allclose`; so is GOLDEN.
"""

# Two implementations of one formula differ by the order of their sums only: a kernel and its twin.
EXACT = {"rtol": 1e-10, "atol": 1e-10}

# Log-likelihoods of R at given coefficients: R writes 15 digits, its search integrals about 1e-6.
GOLDEN = {"rtol": 0.0, "atol": 1e-6}

# Values that R derives at its estimates (p., esa, expected N) agree to the digits it writes.
DERIVED = {"rtol": 1e-6, "atol": 1e-12}

# Fraction of a standard error: optimisers stop a little apart, far below what matters to anyone.
ESTIMATE = 0.01

# R's standard errors come from a numerical Hessian, good to two digits or three.
SE_RELATIVE = {"rtol": 0.01, "atol": 0.0}

# Monte Carlo standard errors that a simulated mean may be off: with a fixed seed it never flickers.
MONTE_CARLO = 4.0
