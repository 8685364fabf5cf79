"""The same digit framed a little differently: what a doubtful one is read from a second time.

In: (28, 28) digit arrays. Out: each and ten more, shifted, scaled, slanted and turned by little.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from inkdigits.spec import SIDE

_SHIFTS = ((1, 0), (-1, 0), (0, 1), (0, -1))  # pixels (y, x)
_SCALE = 0.1  # share smaller and larger
_SLANT = 0.15  # tangent, either way
_TURN = np.radians(7)  # either way


@cache  # most pictures are clear at once
def _maps() -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """For each nudge and pixel the four pixels it is read from, and their weights: (10, 784, 4).

    Bilinear; a pixel outside the array has no weight, as paper is 0.
    """
    cos, sin = np.cos(_TURN), np.sin(_TURN)
    matrices = [
        np.eye(2) * (1 - _SCALE), np.eye(2) * (1 + _SCALE),
        np.array([[1, 0], [_SLANT, 1]]), np.array([[1, 0], [-_SLANT, 1]]),
        np.array([[cos, -sin], [sin, cos]]), np.array([[cos, sin], [-sin, cos]]),
    ]  # fmt: skip
    pixels = np.indices((SIDE, SIDE)).reshape(2, -1)
    middle = np.full((2, 1), (SIDE - 1) / 2)
    places = np.stack(
        [pixels + np.reshape(shift, (2, 1)) for shift in _SHIFTS]
        + [matrix @ (pixels - middle) + middle for matrix in matrices]
    )
    corner = np.floor(places).astype(int)
    y, x = places[:, 0] - corner[:, 0], places[:, 1] - corner[:, 1]
    sources, weights = [], []
    for dy, dx, weight in (
        (0, 0, (1 - y) * (1 - x)), (0, 1, (1 - y) * x), (1, 0, y * (1 - x)), (1, 1, y * x)
    ):  # fmt: skip
        row, column = corner[:, 0] + dy, corner[:, 1] + dx
        inside = (row >= 0) & (row < SIDE) & (column >= 0) & (column < SIDE)
        sources.append(np.where(inside, row * SIDE + column, 0))
        weights.append(np.where(inside, weight, 0))
    return np.stack(sources, -1), np.stack(weights, -1).astype(np.float32)


def nudged(arrays: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N, 11, 28, 28) float32 in [0, 1]: each digit array itself, then the ten others.

    arrays: (N, 28, 28) float32 in [0, 1].
    """
    n = len(arrays)
    sources, weights = _maps()
    others = np.einsum("inpk,npk->inp", arrays.reshape(n, -1)[:, sources], weights)
    both = np.concatenate((arrays[:, None], others.reshape(n, -1, SIDE, SIDE)), 1)
    return np.asarray(np.clip(both, 0, 1), np.float32)
