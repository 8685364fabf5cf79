"""A frame drawn or printed around the digit: a form's cell, or what the picture shows of it.

In: a mask of ink. Out: the mask without such frames. Lines that leave the picture are `lines`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from inkdigits.picture.shapes import Box, Mask, connected

_LEAST = 12  # pixels: a smaller ring has no room for a digit
_ZONE = 0.16  # of the frame's sides: how far in its own lines may lie, leaning or bent
_COVER = 0.85  # of each side's length that is inked within that zone
_THICK = 0.12  # of the shorter side: thicker lines are strokes
_INSIDE = 0.3  # of the frame's height: what is in it must be that high, or it is a boxy 0 or 8
_STRAIGHT, _STRAIGHT_PIXELS = 0.02, 1.5  # of a line's length, or pixels: how far it may bend
_REST = 0.15  # of the ink of an open frame that is no line
_MOST = 40  # groups of some size in a picture of one digit
_LONG = 5  # times its width: a group that long is one line
_LONGER = 1.3  # times the digit: a line beside it that long is a frame's, not another 1
_BESIDE = (0.15, 1.0)  # of the digit's longer side: how near a frame's line is, and how far


def without_frames(mask: Mask) -> Mask:
    """`mask` without the lines of every frame that holds something as high as a digit.

    mask: (H, W) bool. A frame is a group of ink that reaches into all four corners of its box and
    along all four sides. From each side the first run of ink is taken off, no further in than its
    line is thick, so that strokes which touch the frame stay.
    """
    labels, boxes, _ = connected(mask)
    cleared = mask
    for number, box in enumerate(boxes, 1):
        if min(s.stop - s.start for s in box) < _LEAST or not _is_frame(labels[box] == number):
            continue
        inner = _peeled(mask[box])
        if inner is not None:
            cleared = cleared.copy() if cleared is mask else cleared
            cleared[box] &= inner
    return _without_open_frames(cleared)


class _Part(NamedTuple):
    """A connected group of ink."""

    number: int
    box: Box
    n_lines: int  # straight lines that it is made of; 0 if it is more than lines


def _without_open_frames(mask: Mask) -> Mask:
    """`mask` without frames that lack sides: groups of nothing but straight lines by the digit.

    A digit has such groups as well: a 1, a 5's bar, a 4's stem. Two and more lines in one group go
    if they reach around what is more than lines; a single one if it is longer than that and runs
    beside it, not as near as a 4's stem.
    """
    labels, boxes, _ = connected(mask)
    if len(boxes) < 2:
        return mask
    large = [(number, box) for number, box in enumerate(boxes, 1) if max(_size(box)) >= _LEAST]
    if len(large) > _MOST:  # a page of text, or cloth: no single digit in its cell
        return mask
    parts = [_Part(number, box, _lines_in(labels[box] == number)) for number, box in large]
    bodies = [part for part in parts if part.n_lines == 0]
    frames = [part for part in parts if part.n_lines > 1 and any(
        _reaches_around(part.box, body.box)
        for body in (*bodies, *(p for p in parts if p.n_lines == 1))
    )]  # fmt: skip
    frames += [part for part in parts if part.n_lines == 1 and any(
        _runs_beside(part.box, body.box) for body in bodies
    )]  # fmt: skip
    return mask & ~np.isin(labels, [part.number for part in frames]) if frames else mask


def _size(box: Box) -> tuple[int, int]:
    return box[0].stop - box[0].start, box[1].stop - box[1].start


def _lines_in(group: Mask) -> int:
    """How many straight lines along the sides of its box the group is made of; 0 if it is more."""
    if max(group.shape) >= _LONG * min(group.shape):
        return 1
    rest, found = group.copy(), 0
    for turns in range(4):
        side = np.rot90(group, turns)
        start = side.argmax(0)
        columns = np.flatnonzero(side.any(0) & (start < _ZONE * len(side)))
        if len(columns) < _COVER * side.shape[1]:
            continue
        thickness = _line_thickness(side)
        if thickness is None:
            continue
        line = np.polynomial.Polynomial.fit(columns, start[columns], 1)
        off = np.abs(start[columns] - line(columns))
        if np.quantile(off, 0.9) > max(_STRAIGHT_PIXELS, _STRAIGHT * side.shape[1]):
            continue
        rows = np.arange(len(side))[:, None]
        rest &= ~np.rot90((rows >= start) & (rows < start + thickness), -turns)
        found += 1
    return found if found > 1 and rest.sum() <= _REST * group.sum() else 0


def _reaches_around(frame: Box, body: Box) -> bool:
    """Whether the middle of a body as large as a digit lies in the frame's box."""
    return max(_size(body)) >= _INSIDE * max(_size(frame)) and all(
        f.start < (b.start + b.stop) / 2 < f.stop for f, b in zip(frame, body, strict=True)
    )


def _runs_beside(line: Box, body: Box) -> bool:
    """Whether the line is longer than the body and runs along one of its sides, clear of it."""
    height, width = _size(line)
    along, across = (0, 1) if height > width else (1, 0)
    gap = max(body[across].start - line[across].stop, line[across].start - body[across].stop)
    near, far = (share * max(_size(body)) for share in _BESIDE)
    return (
        max(height, width) >= _LONGER * _size(body)[along]
        and max(_size(body)) >= _INSIDE * max(height, width)
        and line[along].start < (body[along].start + body[along].stop) / 2 < line[along].stop
        and near <= gap <= far
    )


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
    _, boxes, sizes = connected(inner)
    if not boxes:
        return None
    height, _ = _size(boxes[int(sizes.argmax())])
    return inner if height >= _INSIDE * len(mask) else None


def _line_thickness(mask: Mask) -> int | None:
    """How thick the line along the first rows is, with its soft edge; None if it is a stroke."""
    start = mask.argmax(0)
    columns = np.flatnonzero(mask.any(0) & (start < _ZONE * len(mask)))
    ends = [int((~mask[start[c] :, c]).argmax()) or len(mask) for c in columns]
    thickness = float(np.median(ends))
    return round(thickness) + 1 if thickness <= max(3, _THICK * min(mask.shape)) else None
