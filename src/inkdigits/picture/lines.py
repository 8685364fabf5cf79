"""Lines that belong to the paper and not to the digit: ruled, squared, and a form's frame.

In: a mask of ink. Out: the mask without them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Mask = NDArray[np.bool_]

_RUN, _SHORT_RUN = 0.06, 8  # share of the picture, and pixels, of an unbroken run in a line
_BRIDGED, _SHORT_GAP = 0.3, 9  # share of the picture, and pixels: a digit that crosses a line
_EDGE, _FAR = 0.12, 0.25  # of the picture: one end of a line is that near the frame, and the other
_COVER = 0.5  # of the columns between that have such runs
_THIN, _THIN_PIXELS = 0.03, 3  # of the shorter side, or pixels: a thicker line is a stroke
_ZONE, _ZONE_THIN = 0.15, 0.06  # a form's lines lie this near the frame, and may be thicker
_TIGHT = 0.15  # share of ink from which a picture is a digit cut out closely, not a cell


def without_lines(mask: Mask) -> Mask:
    """`mask` without the thin lines that run from one edge of the picture to the other.

    A line goes wherever it is alone, or crosses another one. Where a stroke crosses it the ink
    reaches further up and down than the line is thick, and stays. A mask of which nothing is left
    stays as it is: it was a drawing of one line. mask: (H, W) bool.
    Source: run-length line removal, as in form processing (Yu & Jain 1996, "A generic system for
    form dropout").
    """
    (along, alone), (up, alone_up) = _lines(mask), (part.T for part in _lines(mask.T))
    cleared = mask & ~(alone | alone_up | (along & up))
    return cleared if cleared.any() else mask


def _lines(mask: Mask) -> tuple[Mask, Mask]:
    """Ink on the thin lines from left to right, and the part of it that no stroke crosses."""
    width = mask.shape[1]
    line, alone = np.zeros_like(mask), np.zeros_like(mask)
    tall = _run_lengths(mask)
    # Of thin ink alone: a thick stroke has long runs too. Steps of a slanting line, and gaps that
    # strokes leave, are bridged.
    thin = mask & (tall <= _thickest(mask)[:, None])
    runs = _long_runs(thin, max(_SHORT_RUN, round(_RUN * width)))
    if not runs.any():
        return line, alone
    bridge = max(_SHORT_GAP, round(_BRIDGED * width))
    labels, _ = ndimage.label(grown(runs, 3, bridge))
    for number, box in enumerate(ndimage.find_objects(labels), 1):
        own = (labels[box] == number) & runs[box]
        columns = np.flatnonzero(own.any(0)) + box[1].start
        ends = columns[0], width - 1 - columns[-1]
        far = min(ends) > _EDGE * width or max(ends) > _FAR * width
        if far or len(columns) < _COVER * width:
            continue
        found = (labels[box] == number) & mask[box]
        thick = float(np.median(tall[box][own]))
        line[box] |= found
        alone[box] |= found & (tall[box] <= 2 * thick)
    return line, alone


def _long_runs(mask: Mask, length: int) -> Mask:
    """The pixels that lie in a run of at least `length` pixels from left to right.

    Twenty times as fast as ndimage.binary_opening with a flat line.
    """
    length |= 1  # odd, so that both filters are centred
    kept = ndimage.minimum_filter1d(mask.view(np.uint8), length, axis=1, mode="constant")
    return np.asarray(ndimage.maximum_filter1d(kept, length, axis=1, mode="constant") > 0)


def grown(mask: Mask, height: int, width: int) -> Mask:
    """The mask dilated by a rectangle; as ndimage.binary_dilation, but fast for large ones."""
    size = (height | 1, width | 1)
    return np.asarray(ndimage.maximum_filter(mask.view(np.uint8), size, mode="constant") > 0)


def _thickest(mask: Mask) -> NDArray[np.float64]:
    """How thick a line may be in each row, pixels: thicker near the frame, where forms have theirs.

    A digit cut out closely has strokes along its edges too; it is told by its share of ink.
    """
    height = len(mask)
    rows = np.arange(height)
    near = np.minimum(rows, height - 1 - rows) < _ZONE * height
    share = np.where(near & (mask.mean() <= _TIGHT), _ZONE_THIN, _THIN)
    return np.asarray(np.maximum(share * min(mask.shape), _THIN_PIXELS))


def _run_lengths(mask: Mask) -> NDArray[np.int64]:
    """For each pixel of ink, how many pixels of ink lie in one piece above and below it."""
    upright = np.array([[0, 1, 0]] * 3, bool)
    labels, n = ndimage.label(mask, upright)
    sizes = np.bincount(labels.ravel(), minlength=n + 1)
    sizes[0] = 0
    return np.asarray(sizes[labels])
