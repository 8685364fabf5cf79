"""Grey pictures made smaller or larger, never smaller than a pixel.

In: (H, W) float32. Out: the same picture at another size, float32.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Grey = NDArray[np.float32]


def scaled(grey: Grey, share: float) -> Grey:
    """The picture with both sides times `share`, every source pixel counted."""
    return resized(grey, round(grey.shape[0] * share), round(grey.shape[1] * share))


def resized(grey: Grey, height: int, width: int) -> Grey:
    """The picture at that size, at least 1x1."""
    size = (max(1, width), max(1, height))
    # Pillow's bilinear filter widens with the reduction.
    return np.asarray(Image.fromarray(grey).resize(size, Image.Resampling.BILINEAR), np.float32)
