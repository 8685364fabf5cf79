"""Digits and signs to lines, and lines to numbers, by where they stand.

In: boxes of one picture in any order. Out: lines from top to bottom, each from left to right, and
after which box a clear gap follows. Lines may slope and bend a little. Nothing here is learnt.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.float32]  # (n, 4) left, top, right, bottom, pixels
Indices = NDArray[np.int64]

_LOW = frozenset(".,")  # signs that stand on the line
_SAME_LINE = 0.55  # of a digit's height: how far its middle may be from the line's
_NEIGHBOUR = 2.5  # heights: pairs nearer than this tell how the lines slope
_FOLLOWING = 39  # boxes further right among which a neighbour is looked for
_APART = 0.3  # heights: nearer ones lie over one another
_FALL, _WOBBLE = 0.6, 0.1  # heights a neighbour may be off: at most, and besides the slope
_STEEPEST = 0.3  # pixels down per pixel right, about 17 degrees
_LAST = 3  # boxes at a line's end that tell where it continues
_CLEAR_GAP = 0.55  # heights: a smaller gap parts no numbers
_ALL_APART = 2.5  # heights: gaps that are all wider part digits from one another
_WIDEST = 2.0  # heights: wider ones count as this, or one far number would part the rest
_CLEARLY_WIDER = 2.2  # times: gaps between numbers against those within
_STEP = 1.5  # times: the narrowest of the ones against the widest of the others
_OPENING = "+-("  # signs that may stand away from the number before


def lines_of(boxes: Boxes, units: NDArray[np.float32], signs: str) -> list[Indices]:
    """The boxes' numbers, line by line, each from left to right.

    units: (n,) height of a digit of each box's line, pixels. signs: n characters.
    """
    if len(boxes) < 2:  # of a picture of one digit the rest would take a quarter of the time
        return [np.zeros(1, np.int64)] * len(boxes)
    x, y = middles(boxes, units, signs)
    slope = slope_of(x, y, units)
    level = y - slope * x
    lines: list[list[int]] = []
    heights: list[float] = []  # of each line's last boxes, and where they stand
    ends: list[float] = []
    for i in np.argsort(x, kind="stable").tolist():
        best = -1
        if lines:
            away = np.abs(np.array(ends) - level[i]) / np.maximum(np.array(heights), units[i])
            best = int(away.argmin())
            best = best if away[best] < _SAME_LINE else -1
        if best < 0:
            lines.append([i])
            ends.append(float(level[i]))
            heights.append(float(units[i]))
            continue
        lines[best].append(i)
        last = lines[best][-_LAST:]
        ends[best], heights[best] = float(level[last].mean()), float(units[last].mean())
    lines.sort(key=lambda line: float(np.median(level[line])))
    return [np.array(line, np.int64) for line in lines]


def middles(
    boxes: Boxes, units: NDArray[np.float32], signs: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Each box's middle across, and the middle of a digit that stands on its line: (n,), (n,)."""
    left, top, right, bottom = boxes.astype(np.float64).T
    low = np.array([sign in _LOW for sign in signs], bool)
    return (left + right) / 2, np.where(low, bottom - units / 2, (top + bottom) / 2)


def slope_of(x: NDArray[np.float64], y: NDArray[np.float64], units: NDArray[np.float32]) -> float:
    """How the lines slope, pixels down per pixel right: the median over neighbours on a line."""
    order = np.argsort(x, kind="stable")
    slopes: list[float] = []
    for position, i in enumerate(order.tolist()):
        reach = _NEIGHBOUR * units[i]
        following = order[position + 1 : position + 1 + _FOLLOWING]
        across, down = x[following] - x[i], y[following] - y[i]
        near = (across < reach) & (across > _APART * units[i])
        near &= np.abs(down) < np.minimum(_FALL * units[i], _STEEPEST * across + _WOBBLE * units[i])
        if near.any():
            nearest = np.flatnonzero(near)[across[near].argmin()]
            slopes.append(float(down[nearest] / across[nearest]))
    return float(np.clip(np.median(slopes), -_STEEPEST, _STEEPEST)) if len(slopes) > 1 else 0.0


def gaps_after(
    lines: list[Indices], boxes: Boxes, units: NDArray[np.float32], signs: str
) -> list[NDArray[np.bool_]]:
    """For each line, after which of its boxes a clear gap follows: bools, one fewer than boxes.

    A gap is clear where it is wide, and clearly wider than those within the page's numbers; or, on
    a page of several hands, than those within the line's. Where all gaps are alike, digits stand
    apart as a habit, and there is none; but where all are so wide that nobody writes a number so,
    each digit is one.
    """
    widths = [_widths(line, boxes, units) for line in lines]
    every = np.concatenate(widths) if widths else np.zeros(0)
    least = _parting(every)
    found = []
    for line, gaps in zip(lines, widths, strict=True):
        clear = gaps > (least if np.isfinite(least) else _parting(gaps))
        for k in range(len(gaps)):
            before, after = signs[line[k]], signs[line[k + 1]]
            if not before.isdigit() or after in _LOW:
                clear[k] = False  # a sign takes what follows; a point what stands before
            elif not after.isdigit():
                # A minus that stands by its own number, away from the one before.
                own = k + 1 < len(gaps) and gaps[k + 1] < gaps[k] / _CLEARLY_WIDER
                clear[k] &= after in _OPENING and own
        found.append(clear)
    return found


def _widths(line: Indices, boxes: Boxes, units: NDArray[np.float32]) -> NDArray[np.float64]:
    """The gaps between a line's boxes, in heights of a digit."""
    left, right = boxes[line, 0].astype(np.float64), boxes[line, 2].astype(np.float64)
    height = np.maximum(units[line[1:]], units[line[:-1]]) if len(line) > 1 else np.zeros(0)
    return np.asarray((left[1:] - right[:-1]) / np.maximum(height, 1e-6), np.float64)


def _parting(gaps: NDArray[np.float64]) -> float:
    """The width that parts gaps between numbers from those within, if there are two kinds.

    Source: Otsu 1979: of the cuts that are clear the one with the largest variance between its
    sides.
    """
    if len(gaps) and gaps.min() > _ALL_APART:
        return _ALL_APART
    ordered = np.sort(np.clip(gaps, 0, _WIDEST))
    if len(ordered) < 2:
        return np.inf
    below = np.arange(1, len(ordered))
    sums = ordered.cumsum()
    low = sums[:-1] / below
    high = (sums[-1] - sums[:-1]) / (len(ordered) - below)
    narrow, wide = ordered[:-1], ordered[1:]
    clear = (wide >= _CLEAR_GAP) & (high >= _CLEARLY_WIDER * low) & (wide >= _STEP * narrow)
    if not clear.any():
        return np.inf
    between = below * (len(ordered) - below) * (high - low) ** 2
    k = int(np.where(clear, between, -1).argmax())
    return float((narrow[k] + wide[k]) / 2)
