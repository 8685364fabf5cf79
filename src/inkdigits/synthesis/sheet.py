"""A sheet that is written on: where each digit's ink lies, and the printed lines beside it.

In: shapes (`hands`) and forms (`strokes`). Out: ink, printed marks, and an Item for each digit and
sign. What surface this becomes a picture of is `surfaces`' part.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.spec import N_CLASSES, OTHER, SORTS
from inkdigits.synthesis.hands import Hands
from inkdigits.synthesis.strokes import inked, sketched

Rect = tuple[int, int, int, int]  # left, top, right, bottom, pixels
Grey = NDArray[Any]  # float32; OpenCV's types do not state what it gives
Patch = NDArray[Any]  # uint8

_CRISP = 3.0  # how much steeper an enlarged shape's edges are made, which enlarging blurred
_SMALL_ZEROS = 0.15  # share of the lines whose zeros are lower than their other digits
_LIGATURES = 0.07  # share of the lines whose digits are joined by strokes of neither digit
_RUNNING_ZEROS = 0.25  # share of the lines whose zeros run into each other, as in 5000
_LIGHTER = 0.08  # share of the digits whose strokes in one direction are lighter
_CROSSED = {0: 0.08, 7: 0.12}  # shares of zeros that get a slash, of sevens that get a bar
_TRIED = 4  # shapes of which a line takes the one whose pen is most like its other digits'
_THIN_IN_PART = 0.05  # share of the shapes of which a part is thinner
_BENT = 0.5  # share of the shapes that are bent
_MOVED = 0.045  # of the longer side: standard deviation of what a part moves by
_ROOM = 6  # pixels of 64 around a bent shape
# A sign of a font keeps its shape alone: height and middle in the line, as shares of a digit's.
_IN_LINE = {"+": (0.6, 0.55), "-": (0.08, 0.52), "×": (0.55, 0.58), "÷": (0.6, 0.55),
            "/": (1.1, 0.5), "=": (0.3, 0.52), "(": (1.25, 0.52), ")": (1.25, 0.52)}  # fmt: skip


@dataclass(frozen=True)
class Item:
    """One digit or sign on a sheet."""

    sort: int  # index in SORTS
    left: int  # of `ink`, pixels
    top: int
    ink: Patch  # (h, w), 255 where its pen was
    unit: float  # height of a digit of its line, pixels


@dataclass(frozen=True)
class Style:
    """How one person writes with one pen."""

    sketch: float  # share of digits drawn by `strokes` instead of taken from `hands`
    pen: float  # width as a share of a digit's height, of what is sketched
    slant: float  # x per y
    grow: int  # pixels of 64 that shapes are made thicker by; below 0 thinner
    wide: float  # width against the shape's own
    neat: float  # how much sizes and positions vary, 0 not at all

    @classmethod
    def drawn(cls, random: np.random.Generator) -> Style:
        """Somebody's style."""
        return cls(
            sketch=float(random.choice((0.15, 1.0), p=(0.84, 0.16))),
            pen=float(np.exp(random.uniform(np.log(0.025), np.log(0.2)))),
            slant=float(
                random.normal(0, 0.12) if random.random() < 0.7 else random.normal(0.2, 0.2)
            ),
            grow=int(random.choice((-3, -1, 0, 0, 0, 0, 3, 5))),
            wide=float(random.uniform(0.7, 1.25)),
            neat=float(random.uniform(0.3, 1.3)),
        )


class Sheet:
    """Ink and marks of one scene while it is written."""

    def __init__(self, height: int, width: int, hands: Hands, random: np.random.Generator) -> None:
        self.height, self.width, self.random = height, width, random
        self.ink: Grey = np.zeros((height, width), np.float32)
        self.marks: Grey = np.zeros((height, width), np.float32)  # printed, or another pen's
        self.items: list[Item] = []
        self.others: list[tuple[int, int, int, int]] = []  # left, top, right, bottom of OTHER ink
        self.cell: tuple[float, float, float, float] | None = None  # what a picture must show
        self._hands = hands

    def write(
        self, text: str, x: float, y: float, unit: float, style: Style, gap: float, slope: float = 0
    ) -> float:
        """Write signs and digits in a line; gives where the line ends.

        x, y: where a digit's left and top would be. gap: between two, as a share of `unit`, below
        0 where they overlap. slope: pixels down per pixel right. Stops at the sheet's right edge.
        """
        random, start = self.random, x
        small = random.uniform(0.5, 0.85) if random.random() < _SMALL_ZEROS else 1.0
        joined = random.random() < _LIGATURES
        running = random.uniform(0, 0.3) if random.random() < _RUNNING_ZEROS else None
        for before, sign in zip(" " + text, text, strict=False):
            if sign == " ":
                x += unit * random.uniform(0.45, 1.1)
                continue
            high = unit * small if sign == "0" else unit
            patch, left, top = self._glyph(SORTS.index(sign), high, style)
            top += (unit - high) * random.uniform(0.3, 1)
            if x + patch.shape[1] > self.width:
                break
            at = y + slope * (x - start) + top
            if sign.isdigit():
                at += unit * style.neat * random.normal(0, 0.05)
            runs = running is not None and before == sign == "0"
            if running is not None and runs:
                x = (
                    self.items[-1].left
                    + (1 - running * random.uniform(0.5, 1.2)) * (self.items[-1].ink.shape[1])
                )
            if (runs and random.random() < 0.7) or (joined and x > start and random.random() < 0.6):
                self._join(
                    self.items[-1], x + max(left, 0), at, patch.shape[0], unit * style.pen,
                    0.35 if runs else 1,
                )  # fmt: skip
            self.put(patch, x + max(left, 0), at, SORTS.index(sign), unit)
            space = gap * unit * random.uniform(0.4, 1.6) if gap > 0 else gap * unit
            x += max(left, 0) + max(patch.shape[1] + space, 0.35 * patch.shape[1], 1)
        return x

    def put(self, patch: Patch, x: float, y: float, sort: int, unit: float) -> None:
        """Lay ink on the sheet; what is OTHER is laid, but no Item."""
        left, top = round(x), round(y)
        light = sort != OTHER and patch.shape[0] >= 12 and self.random.random() < _LIGHTER
        self._lay(self.ink, _lighter(patch, self.random) if light else patch, left, top)
        if sort == OTHER:
            self.others.append((left, top, left + patch.shape[1], top + patch.shape[0]))
        else:
            self.items.append(Item(sort, left, top, patch, unit))

    def _join(self, item: Item, x: float, y: float, high: float, pen: float, lowest: float) -> None:
        """A stroke from an Item's right part to the left edge of a patch of that height there.

        lowest: how far down its ends lie at most, as a share of the two heights.
        """
        random = self.random
        bottom, right = item.ink.shape
        ends = np.array(
            (
                (
                    item.left + random.uniform(0.6, 1) * right,
                    item.top + random.uniform(0, lowest) * bottom,
                ),
                (x + random.uniform(0, 3), y + random.uniform(0, lowest) * high),
            )
        )
        line, left, top = inked([ends], 1, max(1.0, pen * random.uniform(0.4, 1)))
        self._lay(self.ink, line, round(left), round(top))

    def digit(self, height: float, style: Style, sort: int | None = None) -> tuple[Patch, int]:
        """A digit, any if none is named, and which."""
        sort = int(self.random.integers(N_CLASSES)) if sort is None else sort
        return self._glyph(sort, height, style)[0], sort

    def other(self, height: float) -> Patch:
        """A letter, a mark or a scribble."""
        return self._shape(OTHER, height, 1.0, 0.0, 0)

    def mark(self, layer: Patch) -> None:
        """Print what was drawn on a layer of the sheet's size, (H, W) uint8."""
        self._lay(self.marks, layer, 0, 0)

    def stroke(self, layer: Patch) -> None:
        """Ink what was drawn on such a layer, as no Item."""
        self._lay(self.ink, layer, 0, 0)

    def ghost(self, patch: Patch, x: float, y: float, strength: float) -> None:
        """Ink that is not a digit of this sheet: writing that shows through from another."""
        self._lay(self.marks, (patch * strength).astype(np.uint8), round(x), round(y))

    def free(self, left: float, top: float, right: float, bottom: float, apart: float = 0) -> bool:
        """Whether no Item's frame reaches into a rectangle."""
        return all(
            item.left > right + apart
            or item.left + item.ink.shape[1] < left - apart
            or item.top > bottom + apart
            or item.top + item.ink.shape[0] < top - apart
            for item in self.items
        )

    def _glyph(self, sort: int, unit: float, style: Style) -> tuple[Patch, float, float]:
        """A sort's ink, and where it lies from the left and top of a digit of height `unit`."""
        random, sign = self.random, SORTS[sort]
        height = unit * float(np.clip(1 + style.neat * random.normal(0, 0.09), 0.65, 1.4))
        known = sign.isdigit() or (sign in _IN_LINE and style.sketch < 1 and random.random() < 0.4)
        known = known and len(self._hands.of(sort)) > 0
        if not known or random.random() < style.sketch:
            lines = [
                np.stack((line[:, 0] + style.slant * (0.5 - line[:, 1]), line[:, 1]), 1)
                for line in sketched(sign, random)
            ]
            pen = unit * style.pen * random.uniform(0.85, 1.15)
            patch, left, top = inked(lines, height, max(1.0, pen))
            return _cut(patch, left, top + (unit - height) * random.uniform(0, 1))
        if sign.isdigit():
            patch = self._shape(sort, height, style.wide, style.slant, style.grow, style.pen)
            if height >= 12 and random.random() < _CROSSED.get(sort, 0):
                patch = _crossed(patch, sort, random)
            return patch, 0.0, (unit - patch.shape[0]) * random.uniform(0.3, 0.9)
        share, middle = _IN_LINE[sign]
        if sign == "-":  # its shape is a block of 64 pixels' width
            patch = self._shape(sort, unit * random.uniform(0.05, 0.16), 1, 0, 0)
            wide = max(3, round(unit * random.uniform(0.3, 0.8)))
            patch = np.asarray(cv2.resize(patch, (wide, len(patch))))
        else:
            patch = self._shape(sort, unit * share * random.uniform(0.8, 1.2), 1, 0, 0)
        return patch, 0.0, unit * (middle + random.normal(0, 0.05)) - patch.shape[0] / 2

    def _shape(
        self, sort: int, height: float, wide: float, slant: float, grow: int,
        pen: float | None = None,
    ) -> Patch:  # fmt: skip
        """One of the hands' shapes of that sort, `height` pixels high; of a pen like that one."""
        random, hands = self.random, self._hands
        numbers = hands.of(sort)
        some = numbers[random.integers(len(numbers), size=_TRIED if pen else 1)].tolist()
        chosen = min(some, key=lambda n: abs(np.log(hands.pen(n) / pen))) if pen else some[0]
        rows, columns = hands.sizes[chosen].tolist()
        shape: Patch = hands.shapes[chosen, :rows, :columns]
        if grow and sort != OTHER:
            kernel = np.ones((abs(grow), abs(grow)), np.uint8)
            if grow > 0:
                shape = cv2.dilate(np.pad(shape, grow), kernel)
            else:
                thin = cv2.erode(shape, kernel)
                shape = thin if thin.max() > 200 else shape  # it was as thin as that already
        if sort != OTHER and random.random() < _THIN_IN_PART:
            shape = _thin_in_part(shape, random)
        if sort != OTHER and random.random() < _BENT:
            shape = _bent(shape, random)
        share = height / max(shape.shape[0], 0.5 * shape.shape[1])
        size = (
            max(2, round(shape.shape[1] * share * wide * random.uniform(0.92, 1.08))),
            max(2, round(shape.shape[0] * share)),
        )
        how = cv2.INTER_AREA if share < 1 else cv2.INTER_CUBIC
        patch = cv2.resize(shape, size, interpolation=how)
        lean, turn = slant + random.normal(0, 0.05), random.normal(0, 0.06)
        if sort != OTHER and size[1] >= 12 and random.random() < 0.6:
            h, w = patch.shape
            wider, higher = int(abs(lean) * h) + 3, int(abs(turn) * w) + 3
            matrix = np.array(
                [[1, -lean, wider / 2 + lean * h / 2], [turn, 1, higher / 2 - turn * w / 2]]
            )
            patch = cv2.warpAffine(patch, matrix, (w + wider, h + higher))
        if share > 1.2:
            patch = cv2.LUT(patch, _STEEP)
        elif patch.max() < 200:  # a thin stroke made small
            patch = cv2.convertScaleAbs(patch, alpha=235 / max(int(patch.max()), 1))
        return _cut(patch, 0, 0)[0]

    @staticmethod
    def _lay(sheet: Grey, patch: Patch, left: int, top: int) -> None:
        h, w = patch.shape
        x0, y0 = max(0, left), max(0, top)
        x1, y1 = min(sheet.shape[1], left + w), min(sheet.shape[0], top + h)
        if x1 > x0 and y1 > y0:
            view = sheet[y0:y1, x0:x1]
            part = patch[y0 - top : y1 - top, x0 - left : x1 - left]
            np.maximum(view, part * np.float32(1 / 255), out=view)


def _bent(shape: Patch, random: np.random.Generator) -> Patch:
    """The shape with its parts moved a little, as another hand would have written it."""
    h, w = shape.shape
    around = np.pad(shape, _ROOM)
    size = (w + 2 * _ROOM, h + 2 * _ROOM)
    moves = random.normal(0, _MOVED * max(h, w), (2, 4, 4)).astype(np.float32)
    x, y = (cv2.resize(move, size, interpolation=cv2.INTER_CUBIC) for move in moves)
    x += np.arange(size[0], dtype=np.float32)
    y += np.arange(size[1], dtype=np.float32)[:, None]
    return np.asarray(cv2.remap(around, x, y, cv2.INTER_LINEAR))


def _thin_in_part(shape: Patch, random: np.random.Generator) -> Patch:
    """The shape with its strokes thin to one side of a line through its middle."""
    depth = cv2.distanceTransform((shape > 127).astype(np.uint8), cv2.DIST_L2, 3)
    if depth.max() < 2:
        return shape
    size = max(2, round(float(np.median(depth[depth > 0.7 * depth.max()])) * 1.6))
    thin = cv2.erode(np.pad(shape, size), np.ones((size, size), np.uint8))[size:-size, size:-size]
    h, w = shape.shape
    y, x = np.mgrid[0:h, 0:w] / max(h, w)
    angle = random.uniform(0, 2 * np.pi)
    side = (x - random.uniform(0.4, 0.6) * w / max(h, w)) * np.cos(angle)
    side += (y - random.uniform(0.4, 0.6) * h / max(h, w)) * np.sin(angle)
    return np.asarray(np.where(side > 0, thin, shape), np.uint8)


def _crossed(patch: Patch, sort: int, random: np.random.Generator) -> Patch:
    """A zero with a slash, a seven with a bar, of the pen that wrote it."""
    h, w = patch.shape
    edge = int(0.3 * h)
    crossed = np.pad(patch, edge)
    deepest = cv2.distanceTransform((crossed > 127).astype(np.uint8), cv2.DIST_L2, 3).max()
    pen = max(1, round(float(deepest) * random.uniform(1, 2)))
    if sort == 0:
        over = random.uniform(-0.15, 0.2, 2)
        a, b = (w * (1 + 0.5 * over[0]), -h * over[0]), (-w * 0.5 * over[1], h * (1 + over[1]))
    else:
        middle, lean = random.uniform(0.42, 0.65) * h, random.normal(0, 0.06) * h
        a, b = (random.uniform(0, 0.35) * w, middle), (random.uniform(0.75, 1.2) * w, middle - lean)
    a, b = ((round(x) + edge, round(y) + edge) for x, y in (a, b))
    cv2.line(crossed, a, b, 255, pen, cv2.LINE_AA)
    return _cut(crossed, 0, 0)[0]


def _lighter(patch: Patch, random: np.random.Generator) -> Patch:
    """The ink with the strokes of one direction lighter, as a pen's are on the way up."""
    ink = patch.astype(np.float32)
    soft = max(1.0, patch.shape[0] / 12)
    x, y = cv2.Sobel(ink, cv2.CV_32F, 1, 0), cv2.Sobel(ink, cv2.CV_32F, 0, 1)
    across, down, both = (cv2.GaussianBlur(a, (0, 0), soft) for a in (x * x, y * y, x * y))
    direction = np.arctan2(2 * both, across - down) - random.uniform(0, 2 * np.pi)
    lightest = random.uniform(0.12, 0.7)
    share = lightest + (1 - lightest) * np.clip(0.6 + 0.9 * np.cos(direction), 0, 1)
    darkest = float(np.quantile(share[patch > 127], 0.9)) if (patch > 127).any() else 1.0
    return np.asarray(ink * np.minimum(share / darkest, 1), np.uint8)


_STEEP = np.clip(127.5 + _CRISP * (np.arange(256) - 127.5), 0, 255).astype(np.uint8)


def _cut(patch: Patch, left: float, top: float) -> tuple[Patch, float, float]:
    """The patch without the empty rows and columns around its ink."""
    marked = patch > 60
    rows, columns = np.flatnonzero(marked.any(1)), np.flatnonzero(marked.any(0))
    if not len(rows):
        return patch, left, top
    part = patch[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return part, left + columns[0], top + rows[0]
