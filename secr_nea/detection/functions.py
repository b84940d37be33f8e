"""Detection functions: an amplitude (hazard or probability) times a shape, and their registry."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

import numpy as np

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
        return self.is_hazard and self.shape is shapes.HALF_NORMAL

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
