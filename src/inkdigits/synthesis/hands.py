"""Digits, signs and letters in many hands, collected once so that scenes are made fast.

In: labelled digits, fonts and a seed. Out: (N, 64, 64) uint8 ink with a sort for each. A quarter of
them are digits as their writers left them; the others get another pen, other habits, or are a
font's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.errors import DataError
from inkdigits.files import written_whole
from inkdigits.spec import INK_BOX, N_CLASSES, OTHER, SORTS
from inkdigits.synthesis.fonts import glyph
from inkdigits.synthesis.handwriting import (
    LARGE,
    Strokes,
    pen_drawn,
    rewritten,
    rewritten_shape,
    warped,
)
from inkdigits.synthesis.nondigits import LETTERS, plain_fonts, scribble, texture, written

SIDE = 64  # pixels of a kept shape

_THINNEST = 0.6  # pixels of 28
_SHARES = {
    "as written": 0.25, "rewritten": 0.3, "font": 0.17, "printed": 0.05, "other": 0.17,
    "font's sign": 0.06,
}  # fmt: skip
_FONT_SIGNS = "+-×÷/=()"  # points and commas have no shape that a font adds to
_MARKS = "?&@#%*<>$€!~^" + "ΔΘΛΞΠΣΦΨΩαβδεζηθκλμξπσφχψωЖИФЮЯДЭЪ"  # no digit, none of SORTS


@dataclass(frozen=True)
class Hands:
    """Shapes to write with."""

    shapes: NDArray[np.uint8]  # (N, 64, 64), ink 255, cut to the ink, longer side 64
    sizes: NDArray[np.uint8]  # (N, 2) rows and columns that the ink takes, from the top left
    sorts: NDArray[np.uint8]  # (N,) index in SORTS, or OTHER

    def of(self, sort: int) -> NDArray[np.int64]:
        """The numbers of all shapes of that sort."""
        return self._of[sort]

    @cached_property
    def _of(self) -> list[NDArray[np.int64]]:
        return [np.flatnonzero(self.sorts == sort) for sort in range(OTHER + 1)]

    def pen(self, number: int) -> float:
        """Mean width of a shape's strokes as a share of its height."""
        if self._pens[number] == 0:
            rows, columns = self.sizes[number].tolist()
            inside = (self.shapes[number, :rows, :columns] > 127).astype(np.uint8)
            depth = cv2.distanceTransform(np.pad(inside, 1), cv2.DIST_L2, 3)
            n = max(1, int(np.count_nonzero(inside)))
            # Depths run from 1 to half the width.
            self._pens[number] = max(4 * float(depth.sum()) / n - 2, 1) / rows
        return float(self._pens[number])

    @cached_property
    def _pens(self) -> NDArray[np.float32]:
        return np.zeros(len(self.sorts), np.float32)  # 0: not measured yet

    def save(self, path: Path) -> None:
        """Write an .npz file."""
        with written_whole(path) as part:
            np.savez_compressed(part, shapes=self.shapes, sizes=self.sizes, sorts=self.sorts)

    @classmethod
    def load(cls, path: Path) -> Hands:
        """What `save` wrote. Raises DataError if it is something else."""
        try:
            with np.load(path) as file:
                return cls(file["shapes"], file["sizes"], file["sorts"])
        except (OSError, KeyError, ValueError) as error:
            raise DataError(f"{path}: not a file of hands: {error}; make it again") from error


def collected(
    images: NDArray[np.uint8],
    labels: NDArray[np.uint8],
    fonts: Sequence[Path],
    numbers: range,
    seed: int,
) -> Hands:
    """One shape for each of `numbers`; each is a function of the seed and its number alone.

    images: (N, 28, 28) uint8 digits, ink 255. labels: (N,) 0-9.
    """
    shapes, sizes, sorts = [], [], []
    for number in numbers:
        random = np.random.default_rng([seed, number])
        strokes, sort = _written(images, labels, fonts, random)
        shape, size = _framed(strokes)
        if size[0]:
            shapes.append(shape)
            sizes.append(size)
            sorts.append(sort)
    return Hands(np.stack(shapes), np.array(sizes, np.uint8), np.array(sorts, np.uint8))


def joined(parts: Sequence[Hands]) -> Hands:
    """All of them as one."""
    return Hands(
        np.concatenate([part.shapes for part in parts]),
        np.concatenate([part.sizes for part in parts]),
        np.concatenate([part.sorts for part in parts]),
    )


def reframed(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A digit of any size as MNIST's are stored: ink 20 pixels long in (28, 28), ink 255.

    picture: (H, W) uint8, ink 255.
    """
    shape, (rows, columns) = _framed(picture.astype(np.float32) / np.float32(255))
    height, width = (max(1, round(n * INK_BOX / SIDE)) for n in (rows, columns))
    small = cv2.resize(shape[:rows, :columns], (width, height), interpolation=cv2.INTER_AREA)
    frame = np.zeros((28, 28), np.uint8)
    top, left = (28 - height) // 2, (28 - width) // 2
    frame[top : top + height, left : left + width] = small
    return frame


def _written(
    images: NDArray[np.uint8],
    labels: NDArray[np.uint8],
    fonts: Sequence[Path],
    random: np.random.Generator,
) -> tuple[Strokes, int]:
    kind = random.choice(list(_SHARES), p=list(_SHARES.values()))
    if kind == "other":
        return _other(fonts, random), OTHER
    if kind == "font" and fonts:
        label = int(random.integers(N_CLASSES))
        bent = _of_a_font(str(label), fonts, random) > 0.5
        return rewritten_shape(bent, label, random, _THINNEST), label
    if kind == "font's sign" and fonts:
        sign = str(random.choice(list(_FONT_SIGNS)))
        depth, _ = pen_drawn(_of_a_font(sign, fonts, random) > 0.5, random, _THINNEST)
        return np.clip(depth + 0.5, 0, 1).astype(np.float32), SORTS.index(sign)
    if kind == "printed":
        plain = plain_fonts()
        label = int(random.integers(N_CLASSES))
        shape = glyph(plain[int(random.integers(len(plain)))], str(label))
        return shape.astype(np.float32), label
    chosen = int(random.integers(len(images)))
    label = int(labels[chosen])
    if kind == "as written":
        large = cv2.resize(images[chosen], (LARGE, LARGE), interpolation=cv2.INTER_CUBIC)
        return large.astype(np.float32) / np.float32(255), label
    return rewritten(images[chosen], label, random, _THINNEST), label


def _other(fonts: Sequence[Path], random: np.random.Generator) -> Strokes:
    kind = random.random()
    if kind < 0.12:
        return scribble(random)
    if kind < 0.16:
        return texture(random)
    by_hand = bool(fonts) and random.random() < 0.8
    signs = LETTERS if kind < 0.8 else _MARKS[:13] if by_hand else _MARKS
    return written(str(random.choice(list(signs))), fonts if by_hand else plain_fonts(), random)


def _of_a_font(sign: str, fonts: Sequence[Path], random: np.random.Generator) -> Strokes:
    while True:
        shape = glyph(fonts[int(random.integers(len(fonts)))], sign)
        if shape.any():
            return warped(shape.astype(np.float32), random)


def _framed(strokes: Strokes) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """The ink at the top left of a frame, its longer side 64; and the rows and columns of it."""
    frame = np.zeros((SIDE, SIDE), np.uint8)
    marked = strokes > 0.25
    rows, columns = np.flatnonzero(marked.any(1)), np.flatnonzero(marked.any(0))
    if not len(rows):
        return frame, (0, 0)
    part = strokes[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    share = SIDE / max(part.shape)
    height, width = (max(1, round(side * share)) for side in part.shape)
    how = cv2.INTER_AREA if share < 1 else cv2.INTER_CUBIC
    small = cv2.resize(part, (width, height), interpolation=how)
    frame[:height, :width] = np.rint(255 * small.clip(0, 1))
    return frame, (height, width)
