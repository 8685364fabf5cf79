"""Lines that belong to the paper and not to the digit: ruled, squared, and a form's frame.

In: a mask of ink. Out: the mask without them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Mask = NDArray[np.bool_]

_RUN, _SHORT_RUN = 0.06, 12  # share of the picture, and pixels, of an unbroken run in a ruled line
_SPAN = 0.85  # of the picture that a ruled line runs across
_THIN_LINE, _THIN_PIXELS = 0.02, 2  # of the picture, or pixels: a thicker line is a stroke
_LINE_ZONE = 0.15  # share of the picture, from each edge, where a form's line may lie
_LINE_SHARE = 0.85  # of a row or column that is ink: longer than a stroke of a digit in its cell
_TIGHT = 0.15  # share of ink from which a picture is a digit cut out closely, not a cell


def without_lines(mask: Mask) -> Mask:
    """`mask` without ruled lines and without a form's lines along its edges. mask: (H, W) bool."""
    return _without_form_lines(_without_ruling(mask))


def _without_ruling(mask: Mask) -> Mask:
    """`mask` without the thin lines that run across the whole picture: ruled and squared paper.

    A line goes wherever it is alone, or crosses another one. Where a stroke crosses it the ink
    reaches further up and down than the line is thick, and stays. Source: run-length line removal,
    as in form processing (Yu & Jain 1996, "A generic system for form dropout").
    """
    (along, alone), (up, alone_up) = _lines(mask), (part.T for part in _lines(mask.T))
    cleared = mask & ~(alone | alone_up | (along & up))
    return cleared if cleared.any() else mask


def _lines(mask: Mask) -> tuple[Mask, Mask]:
    """Ink on the thin lines from left to right, and the part of it that no stroke crosses."""
    height, width = mask.shape
    line, alone = np.zeros_like(mask), np.zeros_like(mask)
    # Runs of ink longer than most strokes; steps of a slanting line, and gaps, are bridged.
    runs = ndimage.binary_opening(mask, np.ones((1, max(_SHORT_RUN, round(_RUN * width))), bool))
    if not runs.any():
        return line, alone
    labels, _ = ndimage.label(ndimage.binary_dilation(runs, np.ones((3, 9), bool)))
    tall = _run_lengths(mask)
    for number, box in enumerate(ndimage.find_objects(labels), 1):
        if box[1].stop - box[1].start < _SPAN * width:
            continue
        found = (labels[box] == number) & mask[box]
        thick = float(np.median(tall[box][found & runs[box]]))
        if thick <= max(_THIN_LINE * height, _THIN_PIXELS):
            line[box] |= found
            alone[box] |= found & (tall[box] <= 2 * thick)
    return line, alone


def _run_lengths(mask: Mask) -> NDArray[np.int64]:
    """For each pixel of ink, how many pixels of ink lie in one piece above and below it."""
    upright = np.array([[0, 1, 0]] * 3, bool)
    labels, n = ndimage.label(mask, upright)
    sizes = np.bincount(labels.ravel(), minlength=n + 1)
    sizes[0] = 0
    return np.asarray(sizes[labels])


def _without_form_lines(mask: Mask) -> Mask:
    """`mask` without the rows and columns near the frame that are ink nearly all along.

    A cell's lines run along its edges; where a digit touches one, the two are a single group and
    weighing groups cannot part them. A digit cut out closely has strokes along its edges too: it
    is told by its share of ink, and stays as it is. So does a mask of which nothing else is left.
    """
    if mask.mean() > _TIGHT:
        return mask
    cleared = mask.copy()
    # Rows, then columns: two views of one array.
    for lines, along in ((cleared, mask.mean(1)), (cleared.T, mask.mean(0))):
        depth = max(1, round(_LINE_ZONE * len(lines)))
        found = np.flatnonzero(along > _LINE_SHARE)
        for i in found[(found < depth) | (found >= len(lines) - depth)]:
            lines[max(0, i - 1) : i + 2] = False  # and its soft edge
    return cleared if cleared.any() else mask
