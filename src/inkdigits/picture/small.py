"""Small pictures: digits drawn or cut out already, on an even ground. Many at once.

In: grey pictures of one size, of at most SMALL pixels. Out: the ways each may be meant, and the
digit's ink. Each step runs on a whole stack: a picture of 28x28 takes longer to be handed from call
to call than to be worked on.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from inkdigits.picture.groups import PART_OF_BEST, side_by_side
from inkdigits.picture.levels import (
    CUT,
    EVENED,
    FAINT_CUT,
    FULL_INK,
    INK_SHARE,
    PAPER_SHARE,
    at_share,
    otsu_thresholds,
)
from inkdigits.picture.shapes import connected_in_each

SMALL = 40  # pixels: up to this a picture is a drawn or cut-out digit on an even ground

Stack = NDArray[np.float32]  # (N, H, W)
Each = NDArray[np.float32]  # (N,)
Flags = NDArray[np.bool_]  # (N,)

_ONE_GREY = 0.9  # share of a drawing's border that is its ground
_OPEN = 0.65  # share of the border under which its majority may be ink, not paper
_EVEN = 0.03  # that close to the paper's value, of black to white, is paper
_SOFT = 0.02  # level from which a soft edge is ink
_GRAIN = 4  # standard deviations of the paper that are its grain
_SD_OF_QUARTILE = 0.6745  # a normal spread's upper quartile, in standard deviations


class Grounds(NamedTuple):
    """How each picture of a stack may be meant."""

    dark: Flags  # whether the ink is likelier darker than the paper
    value: Each  # the paper's, if so
    other: Each  # the paper's, if the ink is of the other polarity
    either: Flags  # whether it may be
    even: Flags  # whether nearly all of the border is of one grey, as in no photo with shadows


class Inks(NamedTuple):
    """The digits' ink."""

    level: Stack  # 1 where the pen was, 0 elsewhere
    several: Flags  # two or more groups of strokes side by side
    found: Flags  # False: nothing stands out, and level is 0


def grounds_of(greys: Stack) -> Grounds:
    """How each picture may be meant. greys: (N, H, W) float32 in [0, 1]."""
    border = np.concatenate((greys[:, 0], greys[:, -1], greys[:, :, 0], greys[:, :, -1]), 1)
    n, size = border.shape
    value = at_share(np.sort(border, 1), 50)
    ordered = np.sort(greys.reshape(n, -1), 1)
    dark = value - at_share(ordered, 0.5) > at_share(ordered, 99.5) - value
    middle = (ordered[:, 0] + ordered[:, -1]) / 2
    share = np.count_nonzero(border > middle[:, None], 1) / size
    # Ink and paper share the border, so either may be the ink: a form's reader stretches a digit
    # to fill its frame. A 1 then is a block, and a 0's ring runs along all four edges.
    either = np.maximum(share, 1 - share) < _OPEN
    other = np.where(dark, at_share(ordered, 1), at_share(ordered, 99))
    even = np.count_nonzero(np.abs(border - value[:, None]) < _EVEN, 1) >= _ONE_GREY * size
    return Grounds(dark, value, other, either, even)


def inks_of(greys: Stack, dark: Flags, ground: Each, *, faint: bool = False) -> Inks:
    """Each picture's ink, levelled so that the strokes reach 1.

    greys: (N, H, W) float32 in [0, 1]. dark, ground: (N,), each picture's as `grounds_of` gives it.
    faint: see fainter strokes too, and their ink as nearly as strong as the others'.
    """
    level, cut, soft, whole = _levels(greys, dark, ground, FAINT_CUT if faint else CUT)
    chosen, several = soft, np.zeros(len(greys), bool)
    labels, owners = connected_in_each(soft)
    # Where all hangs together, whichever part of it is the digit, its edges are the others.
    parted = np.flatnonzero(~(whole & (np.bincount(owners, minlength=len(greys)) == 1)))
    if len(parted):
        strokes = _strokes(level[parted] > cut[parted, None, None])
        edges = labels[parted]
        reached = np.zeros(len(owners) + 1, bool)
        reached[edges[strokes]] = True
        reached[0] = False
        chosen[parted] = strokes | reached[edges]
        beside = chosen[parted] & (level[parted] > 0)
        for i in np.flatnonzero(np.bincount(connected_in_each(beside)[1]) > 1):
            several[parted[i]] = side_by_side(beside[i])
    flat, marked = level.reshape(len(level), -1), chosen.reshape(len(level), -1)
    ordered = np.sort(np.where(marked, flat, np.float32(2)), 1)
    strong = at_share(ordered, FULL_INK, np.count_nonzero(marked, 1))
    full = np.maximum(strong, np.float32(1e-6))[:, None, None]
    levelled = np.where(chosen, level / full, np.float32(0)).clip(0, 1)
    if faint:
        levelled **= np.float32(EVENED)
    return Inks(levelled, several, np.any(levelled, (1, 2)))


def _levels(
    greys: Stack, dark: Flags, ground: Each, cut_share: float
) -> tuple[Stack, Each, NDArray[np.bool_], Flags]:
    """How far each pixel stands out: levels, the cut to strokes, soft edges, and if it is above."""
    n = len(greys)
    # Ink is made the higher value, whichever it is.
    ink = np.where(dark[:, None, None], 1 - greys, greys)
    level = (ink - np.where(dark, 1 - ground, ground)[:, None, None]).clip(0)
    ordered = np.sort(level.reshape(n, -1), 1)
    paper, full = at_share(ordered, PAPER_SHARE), at_share(ordered, INK_SHARE)
    flat = full <= paper
    paper[flat], full[flat] = 0, ordered[flat, -1]
    spread = np.where(full > 0, full - paper, 1)[:, None]
    ordered = ((ordered - paper[:, None]) / spread).clip(0, 1)
    level = ((level - paper[:, None, None]) / spread[..., None]).clip(0, 1)
    cut = (cut_share * otsu_thresholds(level.reshape(n, -1))).astype(np.float32)
    below = np.count_nonzero(ordered <= cut[:, None], 1)
    middle, high = at_share(ordered, 50, below), at_share(ordered, 75, below)
    edge = middle + _GRAIN / _SD_OF_QUARTILE * (high - middle)
    soft = level > np.maximum(edge, np.float32(_SOFT))[:, None, None]
    return level, cut, soft, edge <= cut


def _strokes(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Of each picture's groups the largest, and those that are nearly as large."""
    labels, owners = connected_in_each(mask)
    sizes = np.bincount(labels.ravel(), minlength=len(owners) + 1)[1:]
    largest = np.zeros(len(mask), np.intp)
    np.maximum.at(largest, owners, sizes)
    kept = np.concatenate(([False], sizes >= PART_OF_BEST * largest[owners]))
    return np.asarray(kept[labels])
