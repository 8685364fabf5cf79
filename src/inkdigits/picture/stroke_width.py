"""How thick a digit's strokes are, and thin ones brought into MNIST's range.

In: ink. Out: ink of the same digit. MNIST was written with thick pens and reduced: its strokes are
2 to 4 pixels of 28. A one-pixel line on a large canvas, reduced to 20 pixels, is a faint thread
that no network trained on MNIST has seen.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.picture.levels import percentiles
from inkdigits.picture.scale import resized
from inkdigits.picture.shapes import depths
from inkdigits.spec import INK_BOX

Ink = NDArray[np.float32]

THIN = 1.4  # pixels of a 20-pixel digit: about 3 in 100 MNIST digits are thinner
_TARGET = 2.3  # what a thinner stroke becomes
_CLEARLY = 1.5  # by area and outline: of 10,000 digits 13 are thinner than THIN if measured
_WORK = 4  # strokes are measured and thickened at this many times the final size


def stroke_width(ink: Ink) -> float:
    """Typical width of the strokes in pixels of `ink`; 0 if there is none.

    ink: (H, W) float32 in [0, 1]. On the strokes' middle lines, the distance to paper is half the
    width; the median over them ignores crossings and ends.
    """
    padded = np.zeros((ink.shape[0] + 2, ink.shape[1] + 2), bool)
    padded[1:-1, 1:-1] = ink > 0.5
    distance = depths(padded)
    middle = padded & (distance >= cv2.dilate(distance, np.ones((3, 3), np.uint8)))
    if not middle.any():
        return 0.0
    (typical,) = percentiles(distance[middle], 50)
    # A line of n pixels has its middle (n + 1) / 2 from the nearest paper pixel's centre.
    return 2 * typical - 1


def thickened(ink: Ink) -> Ink:
    """`ink` with strokes thinner than THIN (at 20 pixels) brought to MNIST's width, else as it is.

    ink: (H, W) float32 in [0, 1], cropped to the digit. The result may be of another size.
    """
    height, width = ink.shape
    longer, work = max(ink.shape), INK_BOX * _WORK
    large = resized(ink, round(height * work / longer), round(width * work / longer))
    large = large / max(float(large.max()), 1e-6)
    thickness = stroke_width(large) / _WORK
    if thickness >= THIN:
        return ink
    radius = max(1, round((_TARGET - thickness) / 2 * _WORK))
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    disc = x * x + y * y <= radius * radius + 1
    return np.asarray(cv2.dilate(np.pad(large, radius), disc.astype(np.uint8)))


def clearly_thick(inks: Ink, sides: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether strokes are so thick that they need not be measured: (N,).

    inks: (N, H, W) float32 in [0, 1]. sides: (N,), the longer one of each digit in pixels.
    A line's area is its width times half its outline.
    """
    mask = np.zeros((len(inks), inks.shape[1] + 2, inks.shape[2] + 2), bool)
    mask[:, 1:-1, 1:-1] = inks > 0.5
    area = np.count_nonzero(mask, (1, 2))
    outline = np.count_nonzero(mask[:, 1:] != mask[:, :-1], (1, 2))
    outline += np.count_nonzero(mask[:, :, 1:] != mask[:, :, :-1], (1, 2))
    return np.asarray(2 * area * INK_BOX >= _CLEARLY * outline * sides)
