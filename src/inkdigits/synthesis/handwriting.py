"""Digits as other people write them: other pens, other habits, made from digits that are known.

In: (28, 28) uint8 digits with their labels and a random generator. Out: the same digits four times
as large with other strokes. MNIST was written in the United States with thick pens; elsewhere a 1
has a nose and a foot, a 7 has a bar, and forms are filled in with pencils and fine liners.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

LARGE = 112  # pixels: the frame that strokes are remade in, 4 times MNIST's
_PIXEL = LARGE / 28
_OWN_PEN = 0.3  # share of digits that keep the pen they were written with
_THICKEST = 4.5  # pixels of 28
_HABITS = {
    1: (("nose", 0.6), ("foot", 0.25)),
    7: (("bar", 0.45), ("serif", 0.4)),
}
_BLOCK, _BLOCK_OF_ONES = 0.1, 0.25  # shares that are stretched, as some forms' readers store digits
_NARROWEST = 0.45  # a stretched digit's width over its height, up to a square
_GAP = 0.04  # share written with a pen that skipped once
# Where a pixel's eight neighbours lie, (y, x), clockwise from the one above.
_CLOCKWISE = ((-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1))

Strokes = NDArray[np.float32]
Mask = NDArray[np.bool_]
Point = tuple[float, float]  # (y, x)


def rewritten(
    digit: NDArray[np.uint8], label: int, random: np.random.Generator, thinnest: float = 1.0
) -> Strokes:
    """The digit in another hand: (112, 112) float32, ink 1, paper 0.

    digit: (28, 28) uint8, ink 255. thinnest: pixels of 28 that a pen's line has at least; MNIST's
    own lines have 2 to 4.
    """
    large = Image.fromarray(digit).resize((LARGE, LARGE), Image.Resampling.BICUBIC)
    return rewritten_shape(np.asarray(large) > 110, label, random, thinnest)


def rewritten_shape(
    mask: Mask, label: int, random: np.random.Generator, thinnest: float = 1.0
) -> Strokes:
    """As `rewritten`, of a digit's (112, 112) bool shape."""
    depth, width = pen_drawn(mask, random, thinnest)
    for habit, share in _HABITS.get(label, ()):
        if random.random() < share:
            depth = np.maximum(depth, width / 2 - _distance(*_HABIT_LINES[habit](mask, random)))
    if random.random() < _GAP:
        y, x = random.choice(np.argwhere(mask))
        depth = np.minimum(depth, _distance((y, x), (y, x)) - random.uniform(0.5, 1.0) * width)
    strokes = np.clip(depth + 0.5, 0, 1).astype(np.float32)
    if random.random() < (_BLOCK_OF_ONES if label == 1 else _BLOCK):
        strokes = _stretched(strokes, random.uniform(_NARROWEST, 1))
    return strokes


def pen_drawn(
    mask: Mask, random: np.random.Generator, thinnest: float
) -> tuple[NDArray[np.float64], float]:
    """The shape with its own or another pen: how deep in the ink each pixel lies, and the width.

    mask: (112, 112) bool. Depths are pixels, below 0 on paper.
    """
    inside = ndimage.distance_transform_edt(mask)
    if random.random() < _OWN_PEN:
        width = 2 * float(np.median(inside[thinned(mask)]))
        return inside - ndimage.distance_transform_edt(~mask), width
    width = float(np.exp(random.uniform(np.log(thinnest), np.log(_THICKEST)))) * _PIXEL
    return width / 2 - ndimage.distance_transform_edt(~thinned(mask)), width


def thinned(mask: Mask) -> Mask:
    """The strokes' middle lines, one pixel wide. mask: (H, W) bool, True on the strokes.

    Source: Zhang and Suen 1984, "A fast parallel algorithm for thinning digital patterns".
    """
    whole = np.zeros_like(mask)
    if not mask.any():
        return whole
    rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    padded = np.pad(mask[box], 1)
    height, width = mask[box].shape
    lines, *ring = (
        padded[1 + y : 1 + y + height, 1 + x : 1 + x + width] for y, x in ((0, 0), *_CLOCKWISE)
    )
    before = -1
    while before != (left := int(lines.sum())):
        before = left
        for goes in _GOES:
            code = np.zeros(lines.shape, np.uint8)
            for bit, neighbour in enumerate(ring):
                code |= neighbour.view(np.uint8) << bit
            lines &= ~goes[code]
    whole[box] = lines
    return whole


def _removal_table() -> NDArray[np.bool_]:
    """Whether a pixel goes in the first and in the second half of a step: (2, 256) bool.

    By its neighbours as the bits of a number, the one above first, then clockwise.
    """
    ring = (np.arange(256)[:, None] >> np.arange(8) & 1).astype(bool)
    n, _, e, _, s, _, w, _ = ring.T
    count, turns = ring.sum(1), (~ring & np.roll(ring, -1, 1)).sum(1)
    edge = (count >= 2) & (count <= 6) & (turns == 1)
    halves = ~(n & e & s) & ~(e & s & w), ~(n & e & w) & ~(n & s & w)
    return np.stack([edge & half for half in halves])


_GOES = _removal_table()


def warped(strokes: Strokes, random: np.random.Generator) -> Strokes:
    """The strokes turned, slanted, stretched and bent as a hand would; (112, 112) float32."""
    grid = np.mgrid[0:LARGE, 0:LARGE].astype(np.float64) - LARGE / 2
    angle = np.radians(random.normal(0, 8))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = turn @ np.array([[random.uniform(0.9, 1.3), 0], [random.normal(0, 0.2), 1]])
    coordinates = np.einsum("ij,jhw->ihw", matrix, grid) + LARGE / 2
    for axis in (0, 1):
        bend = ndimage.zoom(random.normal(0, 3.0, (5, 5)), LARGE / 5, order=3)
        coordinates[axis] += bend[:LARGE, :LARGE]
    return np.asarray(ndimage.map_coordinates(strokes, coordinates, order=1), np.float32)


def _nose(mask: Mask, random: np.random.Generator) -> tuple[Point, Point]:
    """The upstroke of a 1, from its top down to the left."""
    top, _, height = _extent(mask)
    x = _middle(mask, top)
    length, angle = random.uniform(0.2, 0.6) * height, np.radians(random.uniform(20, 52))
    return (top, x), (top + length * np.cos(angle), x - length * np.sin(angle))


def _foot(mask: Mask, random: np.random.Generator) -> tuple[Point, Point]:
    """The line that a 1 stands on."""
    _, bottom, height = _extent(mask)
    x, half = _middle(mask, bottom), random.uniform(0.15, 0.35) * height
    return (bottom, x - half), (bottom, x + half)


def _bar(mask: Mask, random: np.random.Generator) -> tuple[Point, Point]:
    """The short line across a 7's stem."""
    top, _, height = _extent(mask)
    y = top + random.uniform(0.42, 0.65) * height
    x, half, slope = _middle(mask, y), random.uniform(0.15, 0.3) * height, random.uniform(-0.3, 0.2)
    return (y - slope * half, x - half), (y + slope * half, x + half)


def _serif(mask: Mask, random: np.random.Generator) -> tuple[Point, Point]:
    """The hook at the left end of a 7's top."""
    top, _, height = _extent(mask)
    part = mask[int(top) : int(top + height / 3)]
    x = int(np.flatnonzero(part.any(0))[0])
    y = top + float(np.flatnonzero(part[:, x]).mean())
    return (y, x + 2.0), (y + random.uniform(0.08, 0.4) * height, x + random.uniform(-6, 12))


_HABIT_LINES = {"nose": _nose, "foot": _foot, "bar": _bar, "serif": _serif}


def _extent(mask: Mask) -> tuple[float, float, float]:
    """First row with ink, last row, and the height between."""
    rows = np.flatnonzero(mask.any(1))
    return float(rows[0]), float(rows[-1]), float(rows[-1] - rows[0] + 1)


def _middle(mask: Mask, y: float) -> float:
    """The column in the middle of the ink in the rows around y."""
    rows = mask[max(0, int(y) - 3) : int(y) + 4]
    return float(np.nonzero(rows)[1].mean()) if rows.any() else LARGE / 2


def _distance(a: Point, b: Point) -> NDArray[np.float64]:
    """Each pixel's distance to the line between two points."""
    y, x = np.mgrid[0:LARGE, 0:LARGE].astype(np.float64)
    dy, dx = b[0] - a[0], b[1] - a[1]
    length = dy * dy + dx * dx
    along = np.clip(((y - a[0]) * dy + (x - a[1]) * dx) / length, 0, 1) if length else 0.0
    return np.asarray(np.hypot(y - a[0] - along * dy, x - a[1] - along * dx))


def _stretched(strokes: Strokes, shape: float) -> Strokes:
    """As wide as `shape` times its height, in MNIST's 20 of 28."""
    rows, columns = np.flatnonzero(strokes.any(1)), np.flatnonzero(strokes.any(0))
    box = strokes[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    height, width = LARGE * 5 // 7, max(1, round(LARGE * 5 / 7 * shape))
    part = Image.fromarray(box).resize((width, height), Image.Resampling.BILINEAR)
    frame = np.zeros((LARGE, LARGE), np.float32)
    top, left = (LARGE - height) // 2, (LARGE - width) // 2
    frame[top : top + height, left : left + width] = np.asarray(part)
    return frame
