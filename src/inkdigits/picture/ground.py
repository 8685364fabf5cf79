"""How far each pixel stands out of the paper it lies on.

In: (H, W) grey values. Out: (H, W) level, 0 on paper, rising with the ink, of either polarity and
under uneven light.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.picture.levels import percentiles
from inkdigits.picture.scale import Grey, resized, scaled
from inkdigits.picture.shapes import blurred, opened, spread

_EVEN, _EVEN_SHARE = 0.03, 0.5  # ground is even if half the picture is this close to its value
_SHADE, _SHADE_SHARE = 0.06, 0.03  # paper off the ground's value, and share of the border it has
_GROUND_SIDE = 100  # pixels of the copy on which an uneven ground is estimated
_GROUND_WINDOW = 0.2  # of that side: wider than a pen's stroke, narrower than a shadow
_AROUND = 6  # pixels of that copy: how far around a blot the paper counts that lies under it
_DARKEST_PAPER = 0.15  # in a shadow; below it noise would be taken for ink


def above_ground(
    grey: Grey,
    dark: bool | None = None,
    strokes: NDArray[np.bool_] | None = None,
) -> Grey:
    """How much ink there is at each pixel: 0 on paper, at most 1; (H, W) float32.

    grey: (H, W) float32 in [0, 1]. On an even ground that is the difference to the paper; on an
    uneven one, dark ink is the share of the paper's own light that it swallows, so that a stroke is
    as strong in a shadow as beside it. dark: whether ink is darker than paper, where that is known.
    strokes: (h, w) bool, any size: where the picture's ink is, roughly, where that is known.
    """
    ground = ground_value(grey)
    if dark is None:
        dark = ink_is_dark(grey, ground)
    ink, ground = (1 - grey, 1 - ground) if dark else (grey, ground)
    paper = uneven_ground(ink, strokes)
    if _is_even(ink, ground, paper):
        return np.asarray(np.clip(ink - np.float32(ground), 0, None))
    level = np.clip(ink - paper, 0, None)
    return np.asarray(level / np.maximum(1 - paper, _DARKEST_PAPER) if dark else level)


def ink_is_dark(grey: Grey, ground: float) -> bool:
    """Whether the ink is darker than its ground: the picture then reaches further to that side.

    grey: (H, W) float32 in [0, 1]. ground: the paper's value, as ground_value gives it.
    """
    low, high = percentiles(grey, 0.5, 99.5)
    return bool(ground - low > high - ground)


def ground_value(grey: Grey) -> float:
    """The grey of most of the paper, in [0, 1]. grey: (H, W) float32 in [0, 1].

    The border is mostly ground; in a larger picture a form's lines may run along it, so there the
    middle one of three guesses counts: the border, a ring further in, the whole picture.
    """
    border = _middle(_border(grey))
    inset = max(1, min(grey.shape) // 10)
    if min(grey.shape) <= 2 * inset:
        return border
    ring = _middle(_border(grey[inset:-inset, inset:-inset]))
    return sorted((border, ring, _middle(grey)))[1]


def _middle(values: Grey) -> float:
    """The median."""
    return percentiles(values, 50)[0]


def _border(values: Grey) -> Grey:
    return np.concatenate((values[0], values[-1], values[:, 0], values[:, -1]))


def _is_even(ink: Grey, ground: float, paper: Grey) -> bool:
    """Whether `ground` is the paper of all the picture, and `paper` differs only under thick ink.

    Half the picture must lie close to that value. What a window wider than a stroke still finds
    above it is a shadow or a dark desk if it runs out of the picture, else a very thick pen.
    """
    if np.mean(np.abs(ink - ground) < _EVEN) < _EVEN_SHARE:
        return False
    return bool(np.mean(np.abs(_border(paper) - ground) > _SHADE) < _SHADE_SHARE)


def uneven_ground(ink: Grey, strokes: NDArray[np.bool_] | None = None) -> Grey:
    """The paper's own value at each pixel, where ink is the higher one.

    A grey opening (minimum, then maximum filter) wider than a stroke takes strokes off and leaves
    shadows where they are, edges and all; it runs on a small, smoothed copy. Blots and thick pens
    may be wider: under `strokes` the paper is no higher than what lies around them says.
    Source: the top-hat transform, Meyer 1979; Gonzalez & Woods, Digital Image Processing, 9.8;
    normalised convolution, Knutsson and Westin 1993.
    """
    share = min(1.0, _GROUND_SIDE / max(ink.shape))
    small = scaled(ink, share)
    smooth = blurred(small, 1, cv2.BORDER_REPLICATE)
    window = max(3, round(_GROUND_WINDOW * max(small.shape)))
    ground = opened(smooth, window, window)
    if strokes is not None:
        covered = resized(strokes.astype(np.float32), *small.shape) > 0
        covered = spread(covered, 2)
        weight = blurred((~covered).astype(np.float32), _AROUND)
        around = blurred(np.where(covered, np.float32(0), ground), _AROUND)
        known = covered & (weight > 1e-4)
        ground[known] = np.minimum(ground, around / np.maximum(weight, 1e-4))[known]
    ground = resized(blurred(ground, 1, cv2.BORDER_REPLICATE), *ink.shape)
    # That copy blurs a shadow's hard edge, and what it lacks there would be a line of ink. An
    # opening leaves edges where they are; taken of the picture itself it is too low only by grain.
    window = max(3, round(_GROUND_WINDOW * max(ink.shape)))
    sharp = blurred(ink, 1, cv2.BORDER_REPLICATE)
    sharp = opened(sharp, window, window)
    if strokes is not None:
        sharp[resized(strokes.astype(np.float32), *ink.shape) > 0] = 0
    return np.asarray(np.maximum(ground, sharp))
