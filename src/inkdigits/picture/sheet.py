"""The sheet of paper that a photo shows, told from the desk it lies on.

In: a grey picture. Out: the sheet without the desk and the desk without the sheet, or nothing
where no sheet lies on a darker ground. A sheet's edges are longer and stronger than a digit's
strokes, and would be found in its stead.
"""

from __future__ import annotations

import cv2
import numpy as np

from inkdigits.picture.levels import otsu_threshold
from inkdigits.picture.scale import Grey, resized, scaled
from inkdigits.picture.shapes import (
    Mask,
    blurred,
    carried_on,
    connected,
    opened,
    shrunk,
    spread,
)

_SIDE = 128  # pixels of the copy in which the sheet is looked for
_LEAST, _MOST = 0.03, 0.97  # of the picture that a sheet takes up
_SOLID = 0.85  # of the sheet that is lighter than the desk: more would be no ink
_SQUARE, _SQUARE_CUT = 0.85, 0.6  # of the rectangle around it that a sheet fills, whole or cut off
_DESK_WIDTH, _DESK = 0.04, 0.02  # of the picture: a desk is wider than a form's line, and as large
_CLEAN = 0.99  # of that edge is paper: where ink crosses it, a shadow or a form's line ends there
_LIGHT_DESK = 0.3  # of the desk that may be as light as the sheet: beside a form's line lies paper
_RIM = 2  # pixels of the copy that are taken off with the desk: the sheet's own edge and shade
_REACH = 6  # pixels of the copy: how far the paper is carried on at a time
_SHARP = 0.7  # of the step from sheet to desk lies at the edge itself: a shadow or a lamp fades
_STEP = 5  # degrees between the rectangles that are tried


def sheet_and_desk(grey: Grey) -> tuple[Grey, Grey] | None:
    """The picture with only its sheet of paper, and with only what lies around it.

    grey: (H, W) float32 in [0, 1]. What is taken off is painted over in the grey of what stays.
    None if there is no sheet lighter than what surrounds it.
    """
    small = blurred(scaled(grey, min(1.0, _SIDE / max(grey.shape))), 1)
    light = small > otsu_threshold(small)
    labels, _, sizes = connected(light, corners=False)
    if not len(sizes):
        return None
    largest = labels == 1 + int(sizes.argmax())
    sheet = _spanned(largest)
    width = max(2, round(_DESK_WIDTH * max(sheet.shape)))
    desk = opened(~sheet, width, width)
    if not (
        _LEAST <= sheet.mean() <= _MOST
        and largest.sum() >= _SOLID * sheet.sum()
        and desk.mean() >= _DESK
        and light[~sheet].mean() <= _LIGHT_DESK
        and _squareness(sheet) >= (_SQUARE_CUT if _is_cut_off(sheet) else _SQUARE)
        and _sharpness(small, sheet) >= _SHARP
        and (_inner_edge(sheet) & largest).sum() >= _CLEAN * _inner_edge(sheet).sum()
    ):
        return None
    inside = shrunk(sheet, _RIM)
    outside = ~spread(sheet, _RIM)
    if not (inside.any() and outside.any()):
        return None
    return _only(grey, small, inside, inside & largest), _only(grey, small, outside, outside)


def _only(grey: Grey, small: Grey, kept: Mask, ground: Mask) -> Grey:
    """`grey` where the small mask `kept` is set; elsewhere the grey of its ground, carried on."""
    painted = resized(blurred(carried_on(small, ground), _REACH), *grey.shape)
    return np.where(resized(kept.astype(np.float32), *grey.shape) > 0.99, grey, painted)


def _spanned(mask: Mask) -> Mask:
    """All that lies between pixels of the mask in its row or in its column: ink, too."""
    return _rows_spanned(mask) | _rows_spanned(mask.T).T


def _rows_spanned(mask: Mask) -> Mask:
    before = np.logical_or.accumulate(mask, 1)
    after = np.logical_or.accumulate(mask[:, ::-1], 1)[:, ::-1]
    return np.asarray(before & after)


def _is_cut_off(sheet: Mask) -> bool:
    return any(edge.any() for edge in (sheet[0], sheet[-1], sheet[:, 0], sheet[:, -1]))


def _squareness(sheet: Mask) -> float:
    """The share that the sheet fills of the smallest rectangle around it, turned any way."""
    points = np.argwhere(sheet).astype(np.int32)
    corners = cv2.convexHull(points)[:, 0].astype(np.float64)  # the outermost, whichever way
    smallest = np.inf
    for angle in np.radians(np.arange(0, 90, _STEP)):
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        smallest = min(smallest, float(np.prod(np.ptp(corners @ turn, axis=0) + 1)))
    return len(points) / smallest


def _sharpness(grey: Grey, sheet: Mask) -> float:
    """The step at the sheet's edge, as a share of the step between all of it and all around it."""
    inner = _inner_edge(sheet)
    near = spread(sheet, _RIM)
    outer = spread(near, 2) & ~near
    if not (inner.any() and outer.any()):
        return 0.0
    whole = float(np.median(grey[sheet]) - np.median(grey[~near]))
    return float(np.median(grey[inner]) - np.median(grey[outer])) / max(whole, 1e-6)


def _inner_edge(sheet: Mask) -> Mask:
    """A band two pixels wide along the sheet's edge, within it; none along the picture's frame."""
    core = shrunk(sheet, _RIM)
    return np.asarray(core & ~shrunk(core, 2))
