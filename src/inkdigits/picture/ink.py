"""Find the digit's ink in a grey picture.

In: (H, W) float32 grey values. Out: (H, W) float32 ink, 1 where the pen was, 0 on paper and on
what does not belong to the digit. The steps: take off the ground (`ground`), cut at a threshold,
take off the paper's own lines (`lines`) and
a frame around the digit (`frames`), keep the strokes that are the digit (`groups`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import ndimage

from inkdigits.errors import PictureError
from inkdigits.picture.frames import without_frames
from inkdigits.picture.ground import SMALL, above_ground
from inkdigits.picture.groups import EIGHT, Mask, chosen_of, digit_group, side_by_side
from inkdigits.picture.levels import otsu_threshold, percentiles
from inkdigits.picture.lines import without_lines
from inkdigits.picture.scale import Grey

MIN_CONTRAST = 0.04  # of black to white; fainter than pencil on grey paper, above JPEG's noise
_PAPER_SHARE, _INK_SHARE = 20, 99.7  # percentiles of the picture taken as paper and as full ink
_CUT = 0.9  # of Otsu's threshold: strokes' soft edges belong to them
# The same for a second look, where a pen's pressure changed within one stroke, and the power that
# its ink is then raised to, so that faint parts come near the strong ones.
_FAINT_CUT, _EVENED = 0.6, 0.5
_SOFT = 0.02  # level from which a soft edge is ink, on a clean ground
_GRAIN = 4  # standard deviations of a small picture's paper that are its grain
_FULL_INK = 80  # percentile of the ink's values that becomes 1


class Ink(NamedTuple):
    """The digit's ink."""

    level: Grey  # (H, W), 1 where the pen was, 0 elsewhere
    several: bool  # two or more groups of strokes side by side


def find_ink(
    grey: Grey,
    dark: bool | None = None,
    strokes: Mask | None = None,
    ground: float | None = None,
    *,
    faint: bool = False,
) -> Ink:
    """The digit's ink, 0 elsewhere, levelled so that the strokes reach 1.

    grey: (H, W) float32 in [0, 1]. dark: whether ink is darker than paper, where that is known.
    strokes: (h, w) bool, any size: where the ink is, roughly, where that is known.
    ground: the paper's value, where that is known.
    faint: see fainter strokes too, and their ink as nearly as strong as the others'.
    Raises PictureError if no ink stands out.
    """
    level = above_ground(grey, dark, strokes, ground)
    paper, full = percentiles(level, _PAPER_SHARE, _INK_SHARE)
    if full - paper <= 0:
        paper, full = 0.0, float(level.max())
    if full <= 0:
        raise PictureError("no ink stands out from the ground")
    level = ((level - paper) / (full - paper)).clip(0, 1)
    cut = (_FAINT_CUT if faint else _CUT) * otsu_threshold(level)
    if max(grey.shape) <= SMALL:
        chosen, joined = _of_small(level, cut)
    else:
        chosen, joined = digit_group(without_frames(without_lines(level > cut)), level), False
    several = not joined and side_by_side(chosen & (level > 0))
    (strong,) = percentiles(level[chosen], _FULL_INK)
    levelled = np.where(chosen, level / max(strong, 1e-6), np.float32(0)).clip(0, 1)
    return Ink(levelled ** np.float32(_EVENED) if faint else levelled, several)


def check_contrast(grey: Grey) -> None:
    """Raise PictureError if the picture is all one colour. grey: (H, W) float32 in [0, 1]."""
    contrast = float(grey.max() - grey.min())
    if contrast < MIN_CONTRAST:
        raise PictureError(
            f"blank: all one colour (contrast {contrast:.1%}, wanted at least {MIN_CONTRAST:.0%})"
        )


def _of_small(level: Grey, cut: float) -> tuple[Mask, bool]:
    """A small picture's strokes with their soft edges, and whether they all hang together.

    An edge is ink joined to the strokes that is not paper's grain.
    """
    middle, high = percentiles(level[level <= cut], 50, 75)
    edge = middle + _GRAIN * (high - middle) / 0.6745  # a normal spread's sd
    soft = level > max(_SOFT, edge)
    labels, n = ndimage.label(soft, EIGHT)
    if n == 1 and edge <= cut:
        return soft, True  # whichever part of it is the digit, its edges are the others
    chosen = digit_group(level > cut, level)
    reached = np.bincount(labels[chosen], minlength=n + 1)[1:] > 0
    return chosen_of(labels, reached) | chosen, False
