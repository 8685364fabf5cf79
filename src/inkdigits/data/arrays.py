"""Digits as networks take them: scaled to [0, 1], with a channel axis, labels one-hot.

The original project's preprocessing, for those who feed Keras or their own network.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inkdigits.spec import N_CLASSES


def scaled(images: NDArray[np.uint8], channels: str = "last") -> NDArray[np.float32]:
    """Images as float32 in [0, 1]: (N, 28, 28, 1), or (N, 1, 28, 28) with channels="first".

    images: (N, 28, 28) uint8.
    """
    values = images.astype(np.float32) / np.float32(255)
    return values[..., None] if channels == "last" else values[:, None]


def one_hot(labels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Labels 0-9 of shape (N,) as (N, 10) float32 rows with a single 1."""
    return np.eye(N_CLASSES, dtype=np.float32)[labels]
