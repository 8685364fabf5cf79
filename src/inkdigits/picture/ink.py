"""Find the digit's ink in a grey picture.

In: (H, W) float32 grey values. Out: (H, W) float32 ink, 1 where the pen was, 0 on paper and on
what does not belong to the digit. The steps: take off the ground (`ground`), cut at a threshold,
take off the paper's own lines (`lines`) and
a frame around the digit (`frames`), keep the strokes that are the digit (`groups`).
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from inkdigits.errors import PictureError
from inkdigits.picture.frames import without_frames
from inkdigits.picture.ground import above_ground
from inkdigits.picture.groups import digit_group, side_by_side
from inkdigits.picture.levels import (
    CUT,
    EVENED,
    FAINT_CUT,
    FULL_INK,
    INK_SHARE,
    PAPER_SHARE,
    otsu_threshold,
    percentiles,
)
from inkdigits.picture.lines import without_lines
from inkdigits.picture.scale import Grey
from inkdigits.picture.shapes import Mask

NO_INK = "no ink stands out from the ground"
MIN_CONTRAST = 0.04  # of black to white; fainter than pencil on grey paper, above JPEG's noise


class Ink(NamedTuple):
    """The digit's ink."""

    level: Grey  # (H, W), 1 where the pen was, 0 elsewhere
    several: bool  # two or more groups of strokes side by side


def find_ink(
    grey: Grey,
    dark: bool | None = None,
    strokes: Mask | None = None,
    *,
    faint: bool = False,
) -> Ink:
    """The digit's ink, 0 elsewhere, levelled so that the strokes reach 1.

    grey: (H, W) float32 in [0, 1]. dark: whether ink is darker than paper, where that is known.
    strokes: (h, w) bool, any size: where the ink is, roughly, where that is known.
    faint: see fainter strokes too, and their ink as nearly as strong as the others'.
    Raises PictureError if no ink stands out.
    """
    level = above_ground(grey, dark, strokes)
    paper, full = percentiles(level, PAPER_SHARE, INK_SHARE)
    if full - paper <= 0:
        paper, full = 0.0, float(level.max())
    if full <= 0:
        raise PictureError(NO_INK)
    level = ((level - paper) / (full - paper)).clip(0, 1)
    cut = (FAINT_CUT if faint else CUT) * otsu_threshold(level)
    chosen = digit_group(without_frames(without_lines(level > cut)), level)
    several = side_by_side(chosen & (level > 0))
    (strong,) = percentiles(level[chosen], FULL_INK)
    levelled = np.where(chosen, level / max(strong, 1e-6), np.float32(0)).clip(0, 1)
    return Ink(levelled ** np.float32(EVENED) if faint else levelled, several)


def check_contrast(grey: Grey) -> None:
    """Raise PictureError if the picture is all one colour. grey: (H, W) float32 in [0, 1]."""
    darkest, lightest, _, _ = cv2.minMaxLoc(grey)
    contrast = lightest - darkest
    if contrast < MIN_CONTRAST:
        raise PictureError(
            f"blank: all one colour (contrast {contrast:.1%}, wanted at least {MIN_CONTRAST:.0%})"
        )
