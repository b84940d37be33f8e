"""Detection functions: an amplitude (hazard or probability) times a shape, and their registry."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from secr_nea._kernels.hazard import log_hazard_of_probability, log_hazard_slope
from secr_nea._typing import FloatArray
from secr_nea.detection import shapes
from secr_nea.detection.shapes import Shape
from secr_nea.errors import ModelError


@dataclass(frozen=True)
class DetectionFunction:
    """How the chance of detecting an animal falls with the distance of its activity centre.

    A hazard form has hazard h(d) = lambda0 s(d) per unit effort; a probability form has
    g(d) = g0 s(d) and h(d) = -log(1 - g(d)), with s one of the shapes.

    Parameters
    ----------
    name : str
        Full name, for example ``"hazard_half_normal"``.
    code : str
        The code of R's secr, for example ``"HHN"``; empty where R has none.
    shape : Shape
        Formula and derivatives of s(d).
    is_hazard : bool
        Whether the amplitude is a hazard (``lambda0``) or a probability (``g0``).
    """

    name: str
    code: str
    shape: Shape
    is_hazard: bool

    @property
    def amplitude(self) -> str:
        """Name of the amplitude: ``"lambda0"`` or ``"g0"``."""
        return "lambda0" if self.is_hazard else "g0"

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of all parameters, the amplitude first."""
        return (self.amplitude, *self.shape.parameters)

    @property
    def is_fused(self) -> bool:
        """Whether the kernels compute this function straight from coordinates (half-normal)."""
        # equal, not identical: an unpickled function has a shape of its own
        return self.is_hazard and self.shape == shapes.HALF_NORMAL

    @property
    def falls(self) -> bool:
        """Whether the hazard is known nowhere to rise with distance."""
        return self.shape.falls

    @property
    def formula(self) -> str:
        """The function as text."""
        left = "hazard" if self.is_hazard else "probability"
        return f"{left} = {self.amplitude} * [{self.shape.formula}]"

    def log_hazard(self, d2: FloatArray, *parameters: FloatArray) -> FloatArray:
        """Logarithm of the hazard per unit effort.

        Parameters
        ----------
        d2 : float64 array, shape (n_columns, n_points), m^2
            Squared distances.
        *parameters : float64 arrays, shape (n_columns, 1)
            Parameters in the order of `parameters`, natural scale.

        Returns
        -------
        float64 array, shape (n_columns, n_points)
        """
        log_value = self.shape.log_value(d2, *parameters[1:])
        log_value += np.log(parameters[0])
        if not self.is_hazard:
            log_hazard_of_probability(log_value, log_value)
        return log_value

    def slopes(self, d2: FloatArray, *parameters: FloatArray) -> tuple[FloatArray, ...]:
        """Derivatives of the log hazard to each parameter, then to the squared distance.

        Parameters
        ----------
        d2 : float64 array, shape (n_columns, n_points), m^2
            Squared distances.
        *parameters : float64 arrays, shape (n_columns, 1)
            Parameters in the order of `parameters`, natural scale.

        Returns
        -------
        tuple of float64 arrays, each broadcasting to (n_columns, n_points)
        """
        slopes = (1.0 / parameters[0], *self.shape.slopes(d2, *parameters[1:]))
        if self.is_hazard:
            return slopes
        log_g = self.shape.log_value(d2, *parameters[1:]) + np.log(parameters[0])
        factor = np.empty_like(log_g)
        log_hazard_slope(log_g, factor)
        return tuple(slope * factor for slope in slopes)

    def hazard(self, distance: FloatArray, **parameters: float) -> FloatArray:
        """Hazard of detection per unit effort at given distances.

        Parameters
        ----------
        distance : float64 array, shape (n,), metres
        **parameters : float
            Each parameter of the function by name, natural scale.

        Returns
        -------
        float64 array, shape (n,)

        Raises
        ------
        ModelError
            If a parameter is missing or unknown.

        Examples
        --------
        >>> import secr_nea as sn
        >>> sn.detection_function("HHN").hazard([0.0, 5000.0], lambda0=0.01, sigma=5000.0).round(5)
        array([0.01   , 0.00607])
        """
        if set(parameters) != set(self.parameters):
            raise ModelError(
                f"{self.name} needs the parameters {', '.join(self.parameters)}; "
                f"got {', '.join(parameters) or 'none'}."
            )
        values = [np.full((1, 1), float(parameters[name])) for name in self.parameters]
        d2 = np.atleast_2d(np.asarray(distance, dtype=np.float64)) ** 2
        return np.asarray(np.exp(self.log_hazard(d2, *values))[0])

    def probability(self, distance: FloatArray, **parameters: float) -> FloatArray:
        """Probability of detection in one unit of effort, 1 - exp(-hazard).

        Parameters
        ----------
        distance : float64 array, shape (n,), metres
        **parameters : float
            Each parameter of the function by name, natural scale.

        Returns
        -------
        float64 array, shape (n,)
        """
        return -np.expm1(-self.hazard(distance, **parameters))


def user_detection_function(
    name: str,
    shape: Callable[..., ArrayLike],
    *,
    parameters: Sequence[str] = ("sigma",),
    slopes: Callable[..., tuple[ArrayLike, ...]] | None = None,
    hazard: bool = True,
    start: float | None = None,
    reach: float = 6.0,
) -> DetectionFunction:
    """A detection function of one's own: the amplitude times a shape written in Python.

    Parameters
    ----------
    name : str
        What it is called.
    shape : callable
        ``shape(d, sigma, ...)`` -> s(d), 1 where detection is best and above 0, for arrays of
        distances d in metres and parameters that broadcast against them.
    parameters : sequence of str
        Names of the parameters after the amplitude, ``"sigma"`` (metres) first and at most one
        more; all have a log link unless another is asked for.
    slopes : callable, optional
        ``slopes(d, sigma, ...)`` -> derivatives of log s to each parameter and then to d; by
        central differences when not given.
    hazard : bool
        Whether the amplitude is a hazard (``lambda0``) or a probability (``g0``).
    start : float, optional
        Starting value of the second parameter.
    reach : float
        Distance, in sigma, beyond which hardly any detection happens (for the buffer's advice).

    Returns
    -------
    DetectionFunction
        To be given as ``detection=``.

    Raises
    ------
    ModelError
        If the parameters are not named as they must be, or the shape does not give finite,
        non-negative numbers.

    Examples
    --------
    >>> import numpy as np
    >>> import secr_nea as sn
    >>> logistic = sn.user_detection_function(
    ...     "logistic",
    ...     lambda d, sigma, b: (1 + np.exp(-b)) / (1 + np.exp(b * (d / sigma - 1))),
    ...     parameters=("sigma", "b"),
    ...     start=4.0,
    ... )
    >>> logistic.hazard([0.0, 5000.0], lambda0=0.01, sigma=5000.0, b=4.0).round(5)
    array([0.01   , 0.00509])
    """
    names = tuple(parameters)
    if name in DETECTION_FUNCTIONS:
        raise ModelError(f"{name!r} is a detection function of the library; choose another name.")
    if not names or names[0] != "sigma" or len(names) > 2 or len(set(names)) < len(names):
        raise ModelError(
            f"parameters must be 'sigma' and at most one more; got {', '.join(names) or 'none'}."
        )
    if len(names) == 2 and start is None:
        raise ModelError(f"Give start=, a starting value for {names[1]}.")
    if {"D", "a0", "lambda0", "g0", "pmix"} & set(names):
        raise ModelError(f"{names[1]} is the name of another parameter; choose another.")

    def log_value(d2: FloatArray, *values: FloatArray) -> FloatArray:
        with np.errstate(over="ignore", under="ignore"):
            found = np.asarray(shape(np.sqrt(d2), *values), dtype=np.float64)
        if not np.all(np.isfinite(found) & (found >= 0.0)):
            raise ModelError(f"The shape of {name!r} gave a value that is negative or not finite.")
        return np.log(np.maximum(found, 1e-300))

    def log_slopes(d2: FloatArray, *values: FloatArray) -> tuple[FloatArray, ...]:
        if slopes is not None:
            d = np.sqrt(np.maximum(d2, 1e-300))
            *own, by_distance = (np.asarray(item) for item in slopes(d, *values))
            return (*own, by_distance * 0.5 / d)
        return _numerical_slopes(log_value, d2, values)

    made = Shape(names, f"user function {name}", log_value, log_slopes, reach, start)
    try:
        made.log_value(
            np.linspace(0.0, 1e8, 50)[None, :], *(np.full((1, 1), start or 1.0) for _ in names)
        )
    except TypeError as error:
        raise ModelError(
            f"shape must be a function of distance, {', '.join(names)}: {error}."
        ) from None
    return DetectionFunction(name, "", made, hazard)


def _numerical_slopes(
    log_value: Callable[..., FloatArray], d2: FloatArray, values: tuple[FloatArray, ...]
) -> tuple[FloatArray, ...]:
    """Central differences of log s to each parameter, then to the squared distance."""
    arguments = [np.maximum(d2, 1e-6), *values]
    found = []
    for position in (*range(1, len(arguments)), 0):
        step = 1e-5 * arguments[position]
        above, below = list(arguments), list(arguments)
        above[position] = arguments[position] + step
        below[position] = arguments[position] - step
        found.append((log_value(*above) - log_value(*below)) / (2.0 * step))
    return tuple(found)


_SHAPES = (
    ("half_normal", shapes.HALF_NORMAL, "HN", "HHN"),
    ("exponential", shapes.EXPONENTIAL, "EX", "HEX"),
    ("hazard_rate", shapes.HAZARD_RATE, "HR", "HHR"),
    ("annular_normal", shapes.ANNULAR_NORMAL, "ANN", "HAN"),
    ("w_exponential", shapes.W_EXPONENTIAL, "WEX", ""),
    ("compound_half_normal", shapes.COMPOUND_HALF_NORMAL, "CHN", ""),
    ("uniform", shapes.UNIFORM, "UN", ""),
    ("cumulative_lognormal", shapes.CUMULATIVE_LOGNORMAL, "CLN", ""),
    ("cumulative_gamma", shapes.CUMULATIVE_GAMMA, "CG", "HCG"),
)

DETECTION_FUNCTIONS: dict[str, DetectionFunction] = {}
"""Every detection function by its full name."""

for _name, _shape, _code, _hazard_code in _SHAPES:
    _hazard_name = f"hazard_{_name}"
    DETECTION_FUNCTIONS[_hazard_name] = DetectionFunction(_hazard_name, _hazard_code, _shape, True)
    DETECTION_FUNCTIONS[_name] = DetectionFunction(_name, _code, _shape, False)
DETECTION_FUNCTIONS["hazard_variable_power"] = DetectionFunction(
    "hazard_variable_power", "HVP", shapes.VARIABLE_POWER, True
)
_BY_CODE = {f.code: f for f in DETECTION_FUNCTIONS.values() if f.code}


def detection_function(name: str | DetectionFunction) -> DetectionFunction:
    """Find a detection function by its full name or by R's code.

    Parameters
    ----------
    name : str or DetectionFunction
        ``"hazard_half_normal"``, ``"HHN"`` ...; an object is returned as it is.

    Returns
    -------
    DetectionFunction

    Raises
    ------
    ModelError
        If there is no such function; the message names the nearest.

    Examples
    --------
    >>> import secr_nea as sn
    >>> sn.detection_function("HHN").parameters
    ('lambda0', 'sigma')
    """
    if isinstance(name, DetectionFunction):
        return name
    found = DETECTION_FUNCTIONS.get(str(name)) or _BY_CODE.get(str(name).upper())
    if found is None:
        near = difflib.get_close_matches(str(name), DETECTION_FUNCTIONS, n=1, cutoff=0.3)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ModelError(
            f"There is no detection function {name!r}.{hint} "
            f"Choose one of {', '.join(DETECTION_FUNCTIONS)}."
        )
    return found
