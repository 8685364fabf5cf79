"""Small pictures: digits drawn or cut out already, on an even ground. Many at once.

In: grey pictures of at most SMALL pixels. Out: a Cut of each that shows one digit plainly, which
then needs no finder: a fifth of the time. Each step runs on a whole stack: a picture of 28x28 takes
longer to be handed from call to call than to be worked on.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from inkdigits.picture.levels import (
    CUT,
    FULL_INK,
    INK_SHARE,
    PAPER_SHARE,
    at_share,
    otsu_thresholds,
)
from inkdigits.picture.place import extents, place_all
from inkdigits.picture.shapes import connected, connected_in_each

SMALL = 40  # pixels: up to this a picture is a drawn or cut-out digit on an even ground

Stack = NDArray[np.float32]  # (N, H, W)
Each = NDArray[np.float32]  # (N,)
Flags = NDArray[np.bool_]  # (N,)

_NEAR, _MOST = 0.06, 0.7  # of black to white, and share of the border: ground of one value
_SOFT = 0.02  # level from which a soft edge is ink
_GRAIN = 4  # standard deviations of the paper that are its grain
_SD_OF_QUARTILE = 0.6745  # a normal spread's upper quartile, in standard deviations


_PART_OF_BEST = 0.12  # a group this share of the largest one belongs to the digit (a 5's bar)
_A_DIGIT, _A_HEIGHT = 0.25, 0.6  # of the largest group and the tallest: as good as a digit


class Cut(NamedTuple):
    """A digit cut out of a small picture."""

    array: NDArray[np.float32]  # (28, 28), ink 1, paper 0
    box: tuple[int, int, int, int]  # of the ink: left, top, right, bottom, pixels


def cuts_of(greys: Sequence[NDArray[np.float32]]) -> list[Cut | None]:
    """Each picture's digit; None where that is not plain.

    It is not where the ground is uneven, no ink stands out, or several groups each as good as a
    digit do.

    greys: (H, W) float32 in [0, 1], sides of at most SMALL pixels.
    """
    found: list[Cut | None] = [None] * len(greys)
    sizes: defaultdict[tuple[int, ...], list[int]] = defaultdict(list)
    for i, grey in enumerate(greys):
        sizes[grey.shape].append(i)
    for numbers in sizes.values():
        stack = np.stack([greys[i] for i in numbers])
        grounds = grounds_of(stack)
        inks = inks_of(stack, grounds.dark, grounds.value)
        (plain,) = np.nonzero(inks.found & ~inks.several & grounds.even)
        if not len(plain):
            continue
        levels = inks.level[plain]
        for i, array, (rows, columns) in zip(
            plain.tolist(), place_all(levels), extents(levels), strict=True
        ):
            box = columns.start, rows.start, columns.stop, rows.stop
            found[numbers[i]] = Cut(array, box)
    return found


def side_by_side(mask: NDArray[np.bool_]) -> bool:
    """Whether the strokes are two or more groups beside each other, each as good as a digit.

    mask: (H, W) bool of the ink. A 5's bar lies over its body, and a speck is small.
    """
    _, boxes, sizes = connected(mask)
    if len(boxes) < 2:
        return False
    boxes = [box for box, size in zip(boxes, sizes, strict=True) if size >= _A_DIGIT * sizes.max()]
    tall = max(rows.stop - rows.start for rows, _ in boxes)
    columns = sorted(
        (part.start, part.stop) for rows, part in boxes if rows.stop - rows.start > _A_HEIGHT * tall
    )
    return any(b[0] >= a[1] for a, b in pairwise(columns))


class Grounds(NamedTuple):
    """How each picture of a stack is meant."""

    dark: Flags  # whether the ink is darker than the paper
    value: Each  # the paper's
    even: Flags  # whether most of the border is of that value, as in no photo with a shadow


class Inks(NamedTuple):
    """The digits' ink."""

    level: Stack  # 1 where the pen was, 0 elsewhere
    several: Flags  # two or more groups of strokes side by side
    found: Flags  # False: nothing stands out, and level is 0


def grounds_of(greys: Stack) -> Grounds:
    """The ground of each picture. greys: (N, H, W) float32 in [0, 1]."""
    border = np.concatenate((greys[:, 0], greys[:, -1], greys[:, :, 0], greys[:, :, -1]), 1)
    value = at_share(np.sort(border, 1), 50)
    ordered = np.sort(greys.reshape(len(greys), -1), 1)
    dark = value - at_share(ordered, 0.5) > at_share(ordered, 99.5) - value
    even = np.count_nonzero(np.abs(border - value[:, None]) < _NEAR, 1) >= _MOST * border.shape[1]
    return Grounds(dark, value, even)


def inks_of(greys: Stack, dark: Flags, ground: Each) -> Inks:
    """Each picture's ink, levelled so that the strokes reach 1.

    greys: (N, H, W) float32 in [0, 1]. dark, ground: (N,), each picture's as `grounds_of` gives it.
    """
    level, cut, soft, whole = _levels(greys, dark, ground)
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
    return Inks(levelled, several, np.any(levelled, (1, 2)))


def _levels(
    greys: Stack, dark: Flags, ground: Each
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
    cut = (CUT * otsu_thresholds(level.reshape(n, -1))).astype(np.float32)
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
    kept = np.concatenate(([False], sizes >= _PART_OF_BEST * largest[owners]))
    return np.asarray(kept[labels])
