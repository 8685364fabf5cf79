"""Digits and signs as a pen draws them: lines and arcs with a hand's small errors.

In: a sort and a random generator. Out: its strokes as points, and their ink at any size and width.
These are the forms that MNIST's writers seldom used: slashed zeros, barred sevens, open fours,
digits of straight strokes only, stems as thin as a hair.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Ink = NDArray[np.uint8]  # (H, W), 255 where the pen was
Line = NDArray[np.float64]  # (n, 2) points (x, y); the sign's height is 1, y points down
Part = tuple[tuple[float, float], ...]

_SHIFT = 4  # cv2 takes points in sixteenths of a pixel


def _arc(x: float, y: float, rx: float, ry: float, start: float, end: float) -> Part:
    """Points of an ellipse's arc; degrees, clockwise from the right as y points down."""
    n = max(4, int(abs(end - start) / 12))
    turn = np.radians(np.linspace(start, end, n))
    return tuple(zip(x + rx * np.cos(turn), y + ry * np.sin(turn), strict=True))


_RING = _arc(0.5, 0.5, 0.32, 0.5, -95, 275)
_BELLY = _arc(0.45, 0.72, 0.36, 0.28, -100, 150)
_SQUARE_0: Part = ((0.1, 0), (0.7, 0), (0.7, 1), (0.1, 1), (0.1, 0))

# Each sort's forms: the strokes of each, as points in a box of height 1.
FORMS: dict[str, tuple[tuple[Part, ...], ...]] = {
    "0": (
        (_RING,),
        (_RING, ((0.78, 0.05), (0.22, 0.95))),
        (_RING, ((0.7, 0.2), (0.3, 0.8))),
        (_arc(0.5, 0.5, 0.34, 0.5, -60, 350),),
        ((*_arc(0.5, 0.52, 0.34, 0.48, -110, 240), (0.62, 0.1), (0.95, 0.02)),),
        (_SQUARE_0,),
    ),
    "1": (
        (((0.5, 0), (0.5, 1)),),
        (((0.2, 0.3), (0.5, 0), (0.5, 1)),),
        (((0.25, 0.22), (0.5, 0), (0.5, 1)), ((0.2, 1), (0.8, 1))),
        (((0.5, 0), (0.5, 1)), ((0.25, 1), (0.75, 1))),
        (((0.1, 0.5), (0.5, 0), (0.5, 1)),),
        (((-0.1, 0.85), (0.55, 0), (0.45, 1)),),
        (((0.05, 0.6), (0.6, 0), (0.55, 1)),),
        (((0.2, 0.95), (0.55, 0), (0.6, 0.5), (0.62, 1)),),
    ),
    "2": (
        ((*_arc(0.45, 0.28, 0.35, 0.28, 190, 395), (0.12, 1), (0.85, 1)),),
        ((*_arc(0.45, 0.25, 0.33, 0.25, 180, 380), (0.3, 0.9)),
         (*_arc(0.3, 0.88, 0.16, 0.1, 60, 330), (0.55, 0.98), (0.9, 0.9))),
        (((0.1, 0), (0.7, 0), (0.7, 0.5), (0.1, 0.5), (0.1, 1), (0.7, 1)),),
        (((0.1, 0.15), (0.5, 0), (0.8, 0.2), (0.1, 1), (0.85, 1)),),
        ((*_arc(0.48, 0.28, 0.3, 0.28, 130, 410), (0.3, 0.95), (0.12, 0.9), (0.25, 0.75),
          (0.6, 0.95), (0.95, 0.9)),),
        (((0.2, 0.3), (0.45, 0), (0.75, 0.25), (0.45, 0.7), (0.15, 0.95), (0.9, 0.92)),),
    ),
    "3": (
        ((*_arc(0.42, 0.25, 0.33, 0.25, -150, 85), *_arc(0.42, 0.74, 0.38, 0.26, -85, 150)),),
        (((0.12, 0), (0.78, 0), (0.4, 0.4), *_arc(0.42, 0.7, 0.38, 0.3, -80, 150)),),
        (((0.1, 0), (0.7, 0), (0.7, 1), (0.1, 1)), ((0.2, 0.5), (0.7, 0.5))),
        (((0.1, 0), (0.7, 0), (0.3, 0.45), (0.7, 0.6), (0.6, 1), (0.1, 1)),),
    ),
    "4": (
        (((0.2, 0), (0.12, 0.55), (0.9, 0.55)), ((0.65, 0.2), (0.65, 1))),
        (((0.65, 1), (0.65, 0), (0.08, 0.66), (0.92, 0.66)),),
        (((0.1, 0), (0.1, 0.5), (0.7, 0.5)), ((0.7, 0), (0.7, 1))),
        (((0.45, 0), (0.1, 0.6), (0.9, 0.6)), ((0.6, 0.35), (0.55, 1))),
        (((0.3, 0), (0.15, 0.5), (0.75, 0.42)), ((0.9, 0.02), (0.5, 1))),
        (((0.6, 0), (0.15, 0.5), (0.72, 0.45), (0.4, 1)),),
        (((0.2, 0.05), (0.18, 0.5), (0.7, 0.5), (0.8, 0), (0.65, 1)),),
        (((0.6, 0), (0.62, 1)), ((0.6, 0), (0.1, 0.55), *_arc(0.14, 0.6, 0.06, 0.07, 180, 60),
                                (0.9, 0.62))),
    ),
    "5": (
        (((0.8, 0), (0.25, 0), (0.2, 0.45), *_BELLY),),
        (((0.2, 0.05), (0.16, 0.45), *_BELLY), ((0.2, 0.03), (0.85, 0))),
        (((0.7, 0), (0.1, 0), (0.1, 0.5), (0.7, 0.5), (0.7, 1), (0.1, 1)),),
        (((0.75, 0), (0.2, 0), (0.15, 0.45), (0.7, 0.55), (0.6, 0.95), (0.1, 1)),),
        (((0.85, 0), (0.35, 0.05), (0.3, 0.42), (0.65, 0.55), (0.55, 0.95), (0.05, 0.95)),),
        (((1.0, 0.02), (0.5, 0.05), (0.35, 0.4), (0.6, 0.6), (0.4, 1), (0.1, 0.9)),),
    ),
    "6": (
        (((0.7, 0), (0.4, 0.2), (0.2, 0.5), *_arc(0.48, 0.72, 0.32, 0.28, 190, 560)),),
        (((0.45, 0), (0.2, 0.5), *_arc(0.46, 0.75, 0.28, 0.25, 180, 540)),),
        (((0.7, 0), (0.1, 0), (0.1, 1), (0.7, 1), (0.7, 0.5), (0.1, 0.5)),),
        (((0.5, 0), (0.1, 0.7), (0.2, 1), (0.7, 1), (0.75, 0.6), (0.12, 0.62)),),
    ),
    "7": (
        (((0.08, 0), (0.85, 0), (0.35, 1)),),
        (((0.08, 0), (0.85, 0), (0.4, 1)), ((0.3, 0.5), (0.82, 0.48))),
        (((0.08, 0.2), (0.08, 0), (0.8, 0.02), (0.45, 1)),),
        (((0.1, 0.15), (0.12, 0), (0.85, 0), (0.5, 0.5), (0.42, 1)), ((0.25, 0.55), (0.75, 0.5))),
        (((0.1, 0), (0.7, 0), (0.7, 1)),),
    ),
    "8": (
        (_arc(0.5, 0.25, 0.28, 0.25, 90, 450), _arc(0.5, 0.75, 0.34, 0.25, -90, 270)),
        ((*_arc(0.5, 0.24, 0.3, 0.24, -30, -250), *_arc(0.5, 0.75, 0.34, 0.25, -60, 240),
          (0.78, 0.12)),),
        (((0.1, 0.5), (0.1, 0), (0.7, 0), (0.7, 1), (0.1, 1), (0.1, 0.5), (0.7, 0.5)),),
        (((0.2, 0), (0.7, 1), (0.15, 1), (0.75, 0), (0.2, 0)),),
        (((0.85, 0.05), (0.4, 0), (0.3, 0.25), (0.7, 0.65), (0.55, 1), (0.2, 0.9), (0.3, 0.6),
          (0.9, 0.15)),),
        ((*_arc(0.5, 0.24, 0.26, 0.24, -70, 230), *_arc(0.5, 0.75, 0.32, 0.25, -100, 200)),),
    ),
    "9": (
        ((*_arc(0.46, 0.28, 0.3, 0.28, 0, -360), (0.76, 0.28), (0.74, 1)),),
        ((*_arc(0.46, 0.28, 0.3, 0.28, -20, -370), (0.7, 0.75), (0.35, 1)),),
        ((*_arc(0.46, 0.28, 0.3, 0.28, -20, -360), *_arc(0.36, 0.6, 0.4, 0.4, -20, 120)),),
        (((0.7, 0.5), (0.1, 0.5), (0.1, 0), (0.7, 0), (0.7, 1), (0.1, 1)),),
        (((0.7, 0.45), (0.1, 0.5), (0.15, 0), (0.72, 0.02), (0.7, 1)),),
        (((0.4, 1), (0.42, 0.1), *_arc(0.58, 0.25, 0.26, 0.24, -140, 130)),),
        ((*_arc(0.5, 0.26, 0.28, 0.26, -10, -340), (0.45, 0.65), (0.35, 1)),),
        (((0.75, 0.12), (0.4, 0), (0.2, 0.3), (0.5, 0.5), (0.75, 0.2), (0.55, 0.6), (0.3, 1)),),
    ),
    "+": ((((0.1, 0.5), (0.9, 0.5)), ((0.5, 0.1), (0.5, 0.9))),),
    "-": ((((0.05, 0.5), (0.75, 0.5)),), (((0.05, 0.5), (0.45, 0.5)),)),
    "×": ((((0.12, 0.15), (0.88, 0.9)), ((0.86, 0.12), (0.1, 0.9))),),
    "÷": (
        (((0.05, 0.5), (0.95, 0.5)), ((0.5, 0.18), (0.51, 0.2)), ((0.5, 0.8), (0.51, 0.82))),
    ),
    "/": (
        (((0.65, 0), (0.1, 1)),),
        (((0.5, 0), (0.25, 1)),),
        (((0.75, -0.15), (0.0, 1.15)),),
        (((0.62, -0.2), (0.12, 1.2)),),
        (((0.9, -0.05), (0.0, 1.1)),),
    ),
    "=": ((((0.05, 0.36), (0.85, 0.36)), ((0.05, 0.64), (0.85, 0.64))),),
    "(": ((_arc(0.62, 0.5, 0.4, 0.6, 235, 125),),),
    ")": ((_arc(0.1, 0.5, 0.4, 0.6, -55, 55),),),
    ".": ((((0.1, 0.97), (0.11, 0.99)),),),
    ",": ((((0.16, 0.92), (0.14, 1.02), (0.06, 1.12)),),),
}  # fmt: skip


def sketched(sort: str, random: np.random.Generator) -> list[Line]:
    """The strokes of one of the sort's forms, each point moved as a hand would."""
    forms = FORMS[sort]
    form = forms[int(random.integers(len(forms)))]
    wide = random.uniform(0.75, 1.25)
    quick = random.random() < 0.6
    slant = random.normal(0, 0.08)
    wave = random.normal(0, 0.025, (2, 2, 2))
    lines = []
    for part in form:
        line = np.array(part, np.float64)
        if len(part) < 9:  # corners: each is missed by a little, and by a quick hand rounded
            line = line + random.normal(0, 0.03, line.shape)
            line = _rounded(line) if quick else line
        x, y = line.T
        for a, b in wave:  # a bend of the whole sign
            x = x + a[0] * np.sin(3 * y + 9 * b[0])
            y = y + a[1] * np.sin(3 * x + 9 * b[1])
        lines.append(np.stack(((x - 0.5) * wide + 0.5 + slant * (0.5 - y), y), 1))
    return lines


def _rounded(line: Line) -> Line:
    """The line with its corners cut twice. Source: Chaikin 1974."""
    for _ in range(2):
        before, after = line[:-1], line[1:]
        cut = np.stack((0.75 * before + 0.25 * after, 0.25 * before + 0.75 * after), 1)
        line = np.concatenate((line[:1], cut.reshape(-1, 2), line[-1:]))
    return line


def inked(lines: list[Line], height: float, width: float) -> tuple[Ink, float, float]:
    """The lines drawn so that a height of 1 is `height` pixels, with a pen of `width` pixels.

    Gives the ink, cut to a frame around it, and where the frame's left and top lie from (0, 0) of
    the lines' box, in pixels.
    """
    pen = max(1, round(width))
    edge = pen // 2 + 2
    points = np.concatenate(lines) * height
    left, top = np.floor(points.min(0)) - edge
    right, bottom = np.ceil(points.max(0)) + edge
    ink = np.zeros((int(bottom - top) + 1, int(right - left) + 1), np.uint8)
    for line in lines:
        at = np.rint((line * height - (left, top)) * (1 << _SHIFT)).astype(np.int32)
        cv2.polylines(ink, [at[:, None]], False, 255, pen, cv2.LINE_AA, _SHIFT)
    return ink, left, top
