"""A secret rigid motion of the plane: positions relative to each other stay, places do not."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import Any

import numpy as np

from secr_nea._typing import FloatArray
from secr_nea.errors import DataError

SHORTEST_KEY = 12
"""Characters that a key must have at least; anything shorter can be tried out."""

_SHIFT = 5_000_000.0
"""Largest shift along an axis, metres: rounding stays below a millionth of a millimetre."""


@dataclass(frozen=True)
class RigidMotion:
    """A rotation, perhaps with a reflection, and a shift.

    Parameters
    ----------
    matrix : float64 array, shape (2, 2)
        Orthogonal.
    shift : float64 array, shape (2,), metres

    Notes
    -----
    The likelihood has distances only, so it is the same after the motion, to rounding. The motion
    depends on the key alone: two teams with the same key and the same coordinate reference system
    get data that fit together.
    """

    matrix: FloatArray
    shift: FloatArray

    @classmethod
    def from_key(cls, key: str) -> RigidMotion:
        """The motion of a secret key.

        Parameters
        ----------
        key : str
            At least 12 characters; whoever has it can undo the motion.

        Returns
        -------
        RigidMotion

        Raises
        ------
        DataError
            If the key is too short.
        """
        u = [_uniform(key, word) for word in ("angle", "reflection", "east", "north")]
        # No angle near none: a motion that turns by less than 15 degrees hides little.
        angle = np.radians(15.0 + 330.0 * u[0])
        cos, sin = np.cos(angle), np.sin(angle)
        side = -1.0 if u[1] < 0.5 else 1.0
        matrix = np.array([[cos, -sin * side], [sin, cos * side]])
        return cls(matrix, _SHIFT * (2.0 * np.array(u[2:]) - 1.0))

    def apply(self, xy: FloatArray) -> FloatArray:
        """Moved coordinates.

        Parameters
        ----------
        xy : float64 array, shape (n, 2), metres

        Returns
        -------
        float64 array, shape (n, 2), metres
        """
        return np.asarray(np.asarray(xy, dtype=np.float64) @ self.matrix.T + self.shift)

    def undo(self, xy: FloatArray) -> FloatArray:
        """The coordinates before the motion.

        Parameters
        ----------
        xy : float64 array, shape (n, 2), metres

        Returns
        -------
        float64 array, shape (n, 2), metres
        """
        return np.asarray((np.asarray(xy, dtype=np.float64) - self.shift) @ self.matrix)

    def apply_geometry(self, geometry: Any) -> Any:
        """A moved shapely geometry.

        Parameters
        ----------
        geometry : shapely geometry

        Returns
        -------
        shapely geometry
        """
        import shapely

        return shapely.transform(geometry, self.apply)


def digest(key: str, word: str) -> bytes:
    """32 bytes that belong to a word under a key, and say nothing without it.

    Parameters
    ----------
    key : str
    word : str

    Raises
    ------
    DataError
        If the key is no text of at least 12 characters.

    Notes
    -----
    HMAC-SHA256 (RFC 2104).
    """
    if not isinstance(key, str) or len(key) < SHORTEST_KEY:
        got = f"{len(key)} characters" if isinstance(key, str) else type(key).__name__
        raise DataError(
            f"key= must be a text of at least {SHORTEST_KEY} characters that only you and your "
            f"partner know; got {got}. A good one: python -c 'import secrets; "
            "print(secrets.token_hex(16))'."
        )
    return hmac.new(key.encode(), word.encode(), hashlib.sha256).digest()


def _uniform(key: str, word: str) -> float:
    """A number in [0, 1) that belongs to a word under a key."""
    return float(int.from_bytes(digest(key, f"motion:{word}")[:6], "big") / 2**48)
