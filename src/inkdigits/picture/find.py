"""Where in a picture the digit is, roughly: the box that is worth a closer look.

In: a grey picture. Out: a box around the digit with a margin, and whether its ink is dark. A photo
shows paper, shadows and a desk, and a digit that may be a thousandth of it; thresholds are found
well only where paper and ink are of like amount.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from inkdigits.picture.frames import without_frames
from inkdigits.picture.ground import above_ground, ground_value, ink_is_dark
from inkdigits.picture.groups import PART_OF_BEST, group_weights, sides_touched
from inkdigits.picture.levels import percentiles
from inkdigits.picture.lines import without_lines
from inkdigits.picture.scale import Grey, scaled
from inkdigits.picture.shapes import Mask, blurred, boxes_of, connected, grown

_SIDE = 256  # pixels of the copy that is searched: a digit is 10 or more of them
_NOISE, _FAINT = 10, 0.015  # times the paper's own spread, and share of its light: what may be ink
_PART = 0.3  # of a group's full ink: what may be fainter is its surroundings
# Of black to white: made photos of digits have 0.066 and more, of blank pages mostly under 0.03.
_FAINTEST = 0.05
_PLACES = 2  # of either polarity that are worth a look
_CANDIDATES = 8  # groups, those with most ink, that are looked at closely
_RING_LOW = 15  # percentile: how far the paper around a group differs in itself
_SOLID, _TALL, _BLOT = 0.7, 2.2, 0.02  # filled so far, and not so tall: weighs as a blot, no digit
_JOIN = 0.02  # of the picture: strokes closer than that are one group
_SURER = 4  # times the weight that speaks for light ink where the paper's grey told dark ink
_NEAR = 0.3  # of the digit's longer side: a part of it is no further away
_MARGIN = 0.35  # of the box's longer side, on each side of it
_CLOSE = 120  # pixels: a smaller picture was cut out around its digit
_MOST = 0.75  # of the picture's width or height: a larger box is no closer look


class Found(NamedTuple):
    """The digit's surroundings, and what is known of its ink already."""

    rows: slice
    columns: slice
    dark: bool | None  # whether ink is darker than paper
    strokes: Mask | None  # where they are, roughly, in a small copy of those surroundings
    weight: float  # how much like a digit it looks: its ink and how far that stands out
    blank: bool  # nothing stands out of the paper's own grain


def find_places(grey: Grey) -> tuple[Found, ...]:
    """Where the digit is: its surroundings, and behind them places that look less like one.

    grey: (H, W) float32 in [0, 1]. A picture cut out closely is one place, all of it.
    """
    share = min(1.0, _SIDE / max(grey.shape))
    small = scaled(grey, share)
    dark = ink_is_dark(small, ground_value(small))
    groups, others = _best_groups(small, dark), _best_groups(small, not dark)
    # A lamp's pool, or the lit part of a page in shadow, may reach further from the grey of most of
    # it than the ink does. Ink is dark more often than not.
    surer = _SURER if dark else 1
    if others and (not groups or others[0].weight > surer * groups[0].weight):
        groups, others = others, groups
    height, width = grey.shape
    if not groups:
        blank = max(grey.shape) > _CLOSE
        return (Found(slice(0, height), slice(0, width), dark, None, 0.0, blank),)
    if max(grey.shape) <= _CLOSE:
        first = groups[0]
        whole = slice(0, height), slice(0, width)
        return (Found(*whole, first.dark, first.strokes, first.weight, blank=False),)
    # A form's line, read alone, is a surer 1 than any digit: no place but the likeliest may run out
    # of the picture.
    less = [group for group in (*groups[1:], *others) if group.clear]
    less.sort(key=lambda group: -group.weight)
    return tuple(_surroundings(group, share, height, width) for group in (groups[0], *less))


def _surroundings(group: _Group, share: float, height: int, width: int) -> Found:
    """The group, found in a copy scaled by `share`, with a margin in a picture of that size."""
    rows, columns = group.box
    margin = _MARGIN * max(rows.stop - rows.start, columns.stop - columns.start)
    rows, columns = (
        slice(max(0, int((s.start - margin) / share)), min(n, int((s.stop + margin) / share) + 1))
        for s, n in ((rows, height), (columns, width))
    )
    if rows.stop - rows.start > _MOST * height and columns.stop - columns.start > _MOST * width:
        rows, columns = slice(0, height), slice(0, width)
    y, x = (slice(int(s.start * share), max(1, round(s.stop * share))) for s in (rows, columns))
    blank = group.contrast < _FAINTEST
    return Found(rows, columns, group.dark, group.strokes[y, x], group.weight, blank)


class _Group(NamedTuple):
    weight: float
    contrast: float  # of black to white
    box: tuple[slice, slice]
    strokes: Mask
    dark: bool
    clear: bool  # of the picture's frame


def _best_groups(grey: Grey, dark: bool) -> list[_Group]:
    """The groups of strokes that most look like the digit, if ink is dark or if it is light."""
    level = above_ground(grey, dark)
    smooth = blurred(level, 0.7)
    paper = float(np.median(smooth))
    noise = float(np.median(np.abs(smooth - paper))) / 0.6745  # a normal spread's sd
    marked = without_frames(without_lines(smooth > max(paper + _NOISE * noise, _FAINT)))
    reach = 2 * max(1, round(_JOIN * max(grey.shape))) + 1
    labels, boxes, _ = connected(grown(marked, reach, reach))
    # By each group's own full ink: a pencil's digit is faint beside a dark desk's edge.
    full = np.zeros(len(boxes) + 1, np.float32)
    np.maximum.at(full, labels.ravel(), smooth.ravel())
    full[0] = 0
    part = marked & (level > _PART * full[labels])
    labels, boxes, _ = connected(grown(part, reach, reach))
    n = len(boxes)
    if n == 0:
        return []
    labels = labels * part
    inks = group_weights(labels, level, n)
    boxes = boxes_of(labels, n)
    contrasts = np.zeros(n)
    for i in np.argsort(-inks)[:_CANDIDATES]:
        if inks[i] > 0:
            contrasts[i] = _contrast(grey, marked, labels == i + 1, boxes[i], dark)
    weights = inks * contrasts * _thinness(labels, boxes)
    sides = sides_touched(labels, n)
    groups: list[_Group] = []
    taken: set[int] = set()
    for best in np.argsort(-weights):
        if weights[best] == 0 or len(groups) == _PLACES:
            break
        if best in taken:
            continue
        rows, columns = boxes[best]
        strokes = labels == best + 1
        # A 5's bar or the rest of a broken stroke: large enough, and near; not a dark corner.
        near = _NEAR * max(rows.stop - rows.start, columns.stop - columns.start)
        for i in np.flatnonzero((inks >= PART_OF_BEST * inks[best]) & (sides <= sides[best])):
            y, x = boxes[i]
            if _gap(y, rows) < near and _gap(x, columns) < near:
                rows = slice(min(rows.start, y.start), max(rows.stop, y.stop))
                columns = slice(min(columns.start, x.start), max(columns.stop, x.stop))
                strokes |= labels == i + 1
                taken.add(int(i))
        box = rows, columns
        clear = bool(sides[best] == 0)
        groups.append(
            _Group(float(weights[best]), float(contrasts[best]), box, strokes, dark, clear)
        )
    return groups


def _thinness(labels: NDArray[np.int32], boxes: list[tuple[slice, slice]]) -> NDArray[np.float64]:
    """1 for each group that may be a digit's strokes, _BLOT for one that fills its box, as discs,
    punched holes and buttons do; a 1 fills its own as well, but is tall.
    """
    sides = np.array([(y.stop - y.start, x.stop - x.start) for y, x in boxes])
    areas = np.bincount(labels.ravel(), minlength=len(boxes) + 1)[1:]
    solid = (areas >= _SOLID * sides.prod(1)) & (sides[:, 0] < _TALL * sides[:, 1])
    return np.where(solid, _BLOT, 1.0)


def _contrast(grey: Grey, marked: Mask, group: Mask, box: tuple[slice, slice], dark: bool) -> float:
    """How far the group stands out of the paper around it, the right way; at least 0.

    What the paper around it differs in itself is taken off: around the edge of a sheet lie paper
    and desk, around a digit paper alone. Of a dark 0, the paper inside is a light group as well,
    but no lighter than the paper outside.
    """
    ring = np.zeros_like(group)
    rows, columns = (slice(max(0, s.start - 2), s.stop + 2) for s in box)
    ring[rows, columns] = True
    ring[rows, columns][2:-2, 2:-2] = False
    paper = ring & ~marked
    if not paper.any():  # a form's lines all around
        paper = ring
    low, middle, high = percentiles(grey[paper], _RING_LOW, 50, 100 - _RING_LOW)
    gap = float(middle - np.mean(grey[group]))
    return max(0.0, (gap if dark else -gap) - (high - low) / 2)


def _gap(a: slice, b: slice) -> int:
    """Pixels between two ranges; 0 if they overlap."""
    return max(0, int(a.start - b.stop), int(b.start - a.stop))
