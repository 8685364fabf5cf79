"""The same digit framed a little differently: what a doubtful one is read from a second time.

In: a (28, 28) digit array. Out: it and ten more, shifted, scaled, slanted and turned by little.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from inkdigits.spec import SIDE

_SHIFTS = ((1, 0), (-1, 0), (0, 1), (0, -1))  # pixels (y, x)
_SCALE = 0.1  # share smaller and larger
_SLANT = 0.15  # tangent, either way
_TURN = np.radians(7)  # either way


def _maps() -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """(matrix, offset) from the nudged array's pixels to the array's own."""
    cos, sin = np.cos(_TURN), np.sin(_TURN)
    matrices = [
        np.eye(2) * (1 - _SCALE), np.eye(2) * (1 + _SCALE),
        np.array([[1, 0], [_SLANT, 1]]), np.array([[1, 0], [-_SLANT, 1]]),
        np.array([[cos, -sin], [sin, cos]]), np.array([[cos, sin], [-sin, cos]]),
    ]  # fmt: skip
    middle = np.full(2, (SIDE - 1) / 2)
    return [(np.eye(2), np.array(shift, np.float64)) for shift in _SHIFTS] + [
        (matrix, middle - matrix @ middle) for matrix in matrices
    ]


_MAPS = _maps()


def nudged(array: NDArray[np.float32]) -> NDArray[np.float32]:
    """(11, 28, 28) float32 in [0, 1]: the digit array itself, then the ten others.

    array: (28, 28) float32 in [0, 1].
    """
    others = [ndimage.affine_transform(array, *where, order=1) for where in _MAPS]
    return np.asarray(np.clip(np.stack([array, *others]), 0, 1), np.float32)
