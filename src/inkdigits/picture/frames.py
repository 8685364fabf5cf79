"""A frame drawn or printed around the digit: a form's cell that lies wholly in the picture.

In: a mask of ink. Out: the mask without such frames. Lines that leave the picture are `lines`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Mask = NDArray[np.bool_]

_EIGHT = np.ones((3, 3), bool)
_LEAST = 12  # pixels: a smaller ring has no room for a digit
_ZONE = 0.16  # of the frame's sides: how far in its own lines may lie, leaning or bent
_COVER = 0.85  # of each side's length that is inked within that zone
_THICK = 0.12  # of the shorter side: thicker lines are strokes
_INSIDE = 0.3  # of the frame's height: what is in it must be that high, or it is a boxy 0 or 8


def without_frames(mask: Mask) -> Mask:
    """`mask` without the lines of every frame that holds something as high as a digit.

    mask: (H, W) bool. A frame is a group of ink that reaches into all four corners of its box and
    along all four sides. From each side the first run of ink is taken off, no further in than its
    line is thick, so that strokes which touch the frame stay.
    """
    labels, _ = ndimage.label(mask, _EIGHT)
    cleared = mask
    for number, box in enumerate(ndimage.find_objects(labels), 1):
        if min(s.stop - s.start for s in box) < _LEAST or not _is_frame(labels[box] == number):
            continue
        inner = _peeled(mask[box])
        if inner is not None:
            cleared = cleared.copy() if cleared is mask else cleared
            cleared[box] &= inner
    return cleared


def _is_frame(ring: Mask) -> bool:
    """Whether ink reaches all corners of its box, and along all its sides."""
    depth_y, depth_x = (max(2, round(_ZONE * side)) for side in ring.shape)
    top, bottom = ring[:depth_y], ring[-depth_y:]
    left, right = ring[:, :depth_x], ring[:, -depth_x:]
    corners = (top[:, :depth_x], top[:, -depth_x:], bottom[:, :depth_x], bottom[:, -depth_x:])
    return all(corner.any() for corner in corners) and all(
        part.any(axis).mean() >= _COVER
        for part, axis in ((top, 0), (bottom, 0), (left, 1), (right, 1))
    )


def _peeled(mask: Mask) -> Mask | None:
    """What is inside the frame that fills this mask; None if that is nothing like a digit."""
    inner = mask.copy()
    for turns in range(4):
        side = np.rot90(mask, turns)
        thickness = _line_thickness(side)
        if thickness is None:
            return None
        start = side.argmax(0)
        rows = np.arange(len(side))[:, None]
        line = (rows >= start) & (rows < start + thickness) & (start < _ZONE * len(side))
        inner &= ~np.rot90(line, -turns)
    labels, n = ndimage.label(inner, _EIGHT)
    sizes = np.bincount(labels.ravel(), minlength=n + 1)[1:]
    if n == 0:
        return None
    rows = ndimage.find_objects(labels)[int(sizes.argmax())][0]
    return inner if rows.stop - rows.start >= _INSIDE * len(mask) else None


def _line_thickness(mask: Mask) -> int | None:
    """How thick the line along the first rows is, with its soft edge; None if it is a stroke."""
    start = mask.argmax(0)
    columns = np.flatnonzero(mask.any(0) & (start < _ZONE * len(mask)))
    ends = [int((~mask[start[c] :, c]).argmax()) or len(mask) for c in columns]
    thickness = float(np.median(ends))
    return round(thickness) + 1 if thickness <= max(3, _THICK * min(mask.shape)) else None
