"""Lines that belong to the paper and not to the digit: ruled, squared, and a form's frame.

In: a mask of ink. Out: the mask without them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inkdigits.picture.shapes import Mask, connected, grown

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
    runs = max(_SHORT_RUN, round(_RUN * width)) | 1 <= _run_lengths(thin.T).T
    if not runs.any():
        return line, alone
    bridge = max(_SHORT_GAP, round(_BRIDGED * width))
    labels, boxes, _ = connected(grown(runs, 3, bridge), corners=False)
    for number, box in enumerate(boxes, 1):
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
    # Column after column, with paper before and behind each.
    columns = np.zeros((mask.shape[1], mask.shape[0] + 2), np.int8)
    columns[:, 1:-1] = mask.T
    turns = np.flatnonzero(np.diff(columns.ravel()))
    lengths = turns[1::2] - turns[::2]
    found = np.zeros(mask.shape, np.int64)
    found.T[mask.T] = np.repeat(lengths, lengths)
    return found
