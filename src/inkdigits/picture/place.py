"""MNIST's framing, exactly: ink to a 20-pixel box, centred by mass in 28x28.

In: the ink, cropped. Out: (28, 28) float32. A digit that is framed so already comes back
unchanged to the last bit, unless its strokes are thinner than nearly all of MNIST's.
Source: the MNIST page (LeCun, Cortes, Burges): size-normalised to a 20x20 box keeping the aspect
ratio, grey levels from the anti-aliasing, centred by centre of mass in 28x28.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inkdigits.errors import PictureError
from inkdigits.picture.scale import resized
from inkdigits.picture.stroke_width import clearly_thick, thickened
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
    frame: Ink = place_all(ink[None])[0]
    return frame


def place_all(inks: Ink) -> Ink:
    """The same for a stack: (N, 28, 28) of (N, H, W) float32."""
    boxes = np.zeros((len(inks), INK_BOX, INK_BOX), np.float32)
    parts = extents(inks)
    sides = np.array([max(r.stop - r.start, c.stop - c.start) for r, c in parts])
    sizes = []
    for ink, part, is_thick, box in zip(
        inks, parts, clearly_thick(inks, sides), boxes, strict=True
    ):
        scaled = _scaled(ink[part] if is_thick else _thick_enough(ink[part]))
        height, width = scaled.shape
        box[:height, :width] = scaled
        sizes.append((height, width))
    frames = np.zeros((len(inks), SIDE, SIDE), np.float32)
    shifts = centring_shifts(boxes, _CENTRE).tolist()
    for frame, box, (height, width), (dy, dx) in zip(frames, boxes, sizes, shifts, strict=True):
        # The centre of mass can pull a lopsided digit's end past the edge; MNIST keeps all ink.
        top, left = _inside(dy, height), _inside(dx, width)
        frame[top : top + height, left : left + width] = box[:height, :width]
    return frames


def extents(inks: Ink) -> list[tuple[slice, slice]]:
    """Of each picture the rows and columns from the first to the last with a pixel above 0.

    inks: (N, H, W) float32, at least 0. Raises PictureError if a picture has none.
    """
    rows, columns = np.any(inks, 2), np.any(inks, 1)
    if not np.any(rows, 1).all():
        raise PictureError("no ink: no pixel is above 0")
    found = zip(*_first_and_end(rows), *_first_and_end(columns), strict=True)
    return [(slice(top, bottom), slice(left, right)) for top, bottom, left, right in found]


def centring_shifts(inks: Ink, centre: int) -> NDArray[np.int64]:
    """Whole-pixel (dy, dx) that move each centre of mass to index `centre` both ways: (N, 2).

    inks: (N, H, W) float32 in [0, 1], each with ink. Positive dy is down, positive dx is right.
    """
    rows, columns = inks.sum(2, dtype=np.float64), inks.sum(1, dtype=np.float64)
    mass = rows.sum(1)
    y, x = rows @ np.arange(inks.shape[1]) / mass, columns @ np.arange(inks.shape[2]) / mass
    return np.asarray(np.rint(centre - np.stack((y, x), 1)), np.int64)


def _first_and_end(marked: NDArray[np.bool_]) -> tuple[list[int], list[int]]:
    first, last = marked.argmax(1), marked[:, ::-1].argmax(1)
    return first.tolist(), (marked.shape[1] - last).tolist()


def _thick_enough(ink: Ink) -> Ink:
    thick = thickened(ink)
    return ink if thick is ink else thick[extents(thick[None])[0]]


def _scaled(ink: Ink) -> Ink:
    height, width = ink.shape
    longer = max(height, width)
    if longer == INK_BOX:
        return ink
    values = resized(ink, round(height * INK_BOX / longer), round(width * INK_BOX / longer))
    # Reduction spreads a thin stroke's ink over whole pixels: bring it back to full strength.
    levelled: Ink = np.clip(values / max(float(values.max()), 1e-6), 0, 1)
    return levelled


def _inside(start: int, length: int) -> int:
    return min(max(start, 0), SIDE - length)
