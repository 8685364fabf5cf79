"""MNIST's framing, exactly: ink to a 20-pixel box, centred by mass in 28x28.

In: the ink, cropped. Out: (28, 28) float32. A digit that is framed so already comes back
unchanged to the last bit, unless its strokes are thinner than nearly all of MNIST's.
Source: the MNIST page (LeCun, Cortes, Burges): size-normalised to a 20x20 box keeping the aspect
ratio, grey levels from the anti-aliasing, centred by centre of mass in 28x28.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inkdigits.errors import PictureError
from inkdigits.picture.strokes import thickened
from inkdigits.spec import INK_BOX, SIDE

Ink = NDArray[np.float32]

# Pixel the centre of mass is rounded to. Measured on MNIST: every image's centre lies within half
# a pixel of index 14 both ways (the frame's middle is 13.5).
_CENTRE = SIDE // 2


def place(ink: Ink) -> Ink:
    """The ink scaled so that its longer side is 20 pixels, centred by mass in (28, 28).

    ink: (H, W) float32 in [0, 1], any size; empty rows and columns around it are cut off.
    Raises PictureError if no pixel is above 0.
    """
    strokes = cropped(ink)
    thick = thickened(strokes)
    box = _scaled(strokes if thick is strokes else cropped(thick))
    frame = np.zeros((SIDE, SIDE), np.float32)
    dy, dx = centring_shift(box, _CENTRE)
    height, width = box.shape
    # The centre of mass can pull a lopsided digit's end past the edge; MNIST keeps all ink.
    top, left = _inside(dy, height), _inside(dx, width)
    frame[top : top + height, left : left + width] = box
    return frame


def cropped(ink: Ink) -> Ink:
    """The smallest part of `ink` that holds every pixel above 0. Raises PictureError if none is."""
    return ink[extent(ink)]


def extent(ink: Ink) -> tuple[slice, slice]:
    """The rows and columns from the first to the last that hold a pixel above 0.

    ink: (H, W) float32, at least 0. Raises PictureError if no pixel is above 0.
    """
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    if not len(rows):
        raise PictureError("no ink: no pixel is above 0")
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def centring_shift(ink: Ink, centre: int) -> tuple[int, int]:
    """Whole-pixel (dy, dx) that moves the ink's centre of mass to index `centre` both ways.

    ink: (H, W) float32 in [0, 1]. Positive dy is down, positive dx is right.
    Raises PictureError if no pixel is above 0.
    """
    mass = float(ink.sum(dtype=np.float64))
    if mass <= 0:
        raise PictureError("no ink: no pixel is above 0")
    y = float((ink.sum(1, dtype=np.float64) * np.arange(ink.shape[0])).sum()) / mass
    x = float((ink.sum(0, dtype=np.float64) * np.arange(ink.shape[1])).sum()) / mass
    return round(centre - y), round(centre - x)


def _scaled(ink: Ink) -> Ink:
    height, width = ink.shape
    longer = max(height, width)
    if longer == INK_BOX:
        return ink
    size = (max(1, round(width * INK_BOX / longer)), max(1, round(height * INK_BOX / longer)))
    # Pillow's bilinear filter widens with the reduction, so every source pixel counts.
    image = Image.fromarray(ink).resize(size, Image.Resampling.BILINEAR)
    values = np.asarray(image, np.float32)
    # Reduction spreads a thin stroke's ink over whole pixels: bring it back to full strength.
    levelled: Ink = np.clip(values / max(float(values.max()), 1e-6), 0, 1)
    return levelled


def _inside(start: int, length: int) -> int:
    return min(max(start, 0), SIDE - length)
