"""Made pictures of digits, with the truth of each: the finder's training and validation data.

In: hands, a seed and a number. Out: a Scene: the picture, and of every digit and sign its box, sort
and ink. The same seed and number give the same scene, on any machine.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inkdigits.synthesis.hands import Hands
from inkdigits.synthesis.layouts import LAYOUTS
from inkdigits.synthesis.sheet import Item, Rect, Sheet
from inkdigits.synthesis.surfaces import clutter, empty, pictured, texture

HEIGHT, WIDTH = 192, 256  # pixels
_EMPTY = 0.04  # share of the scenes that are paper's or a screen's grain and nothing else
_NO_SHEET = 0.15  # share of the pictures without digits that show no sheet either
_CUT, _CUT_ALONE = 0.45, 0.65  # shares of the pictures that are cut close to their digits
_BLEED = (0.0, 0.0, 0.02, 0.1, 0.3, 0.8)  # margins around the digits, as shares of their height


@dataclass(frozen=True)
class Scene:
    """A made picture and what stands in it."""

    picture: NDArray[np.uint8]  # (h, w) grey
    items: tuple[Item, ...]  # positions are pixels of the picture; parts of an ink may lie outside
    boxes: NDArray[np.float32]  # (n, 4) left, top, right, bottom of each ink within the picture
    sorts: NDArray[np.int64]  # (n,) index in SORTS
    units: NDArray[np.float32]  # (n,) height of a digit of its line
    shown: NDArray[np.float32]  # (n,) share of the ink that lies within the picture
    others: NDArray[np.float32]  # (m, 4) boxes of letters and marks


def scene(hands: Hands, seed: int, number: int) -> Scene:
    """One scene, of 256x192 pixels at most."""
    random = np.random.default_rng([seed, number])
    sheet = Sheet(HEIGHT, WIDTH, hands, random)
    if random.random() < _EMPTY:
        height, width = (int(n) for n in random.integers((48, 64), (HEIGHT + 1, WIDTH + 1)))
        return _scene(empty(height, width, random), sheet, (0, 0, width, height))
    layouts = list(LAYOUTS)
    layout = layouts[int(random.choice(len(layouts), p=list(LAYOUTS.values())))]
    unit = layout(sheet, random)
    part = _part(sheet, random, unit)
    clutter(sheet, random, unit)
    if not sheet.items and random.random() < _NO_SHEET:
        height, width = (int(n) for n in random.integers((24, 24), (HEIGHT + 1, WIDTH + 1)))
        picture, part = texture(height, width, random), (0, 0, width, height)
        sheet.others.clear()
    else:
        picture = pictured(sheet, part, random, unit)
    return _scene(picture, sheet, part)


def _part(sheet: Sheet, random: np.random.Generator, unit: float) -> Rect:
    """What of the sheet the picture shows: all, a cell, or the part where something is written."""
    written = [
        (item.left, item.top, item.left + item.ink.shape[1], item.top + item.ink.shape[0])
        for item in sheet.items
    ] or sheet.others
    alone = len(written) == 1
    if sheet.cell is not None:
        left, top, right, bottom = sheet.cell
    elif not written or random.random() >= (_CUT_ALONE if alone else _CUT):
        return 0, 0, sheet.width, sheet.height
    else:
        margins = random.choice(_BLEED, 4) * unit
        if alone and random.random() < 0.5:  # cut out along its outline
            margins[:] = random.choice((0, 0.02)) * unit
        elif random.random() < 0.4:
            margins[:] = margins[0]
        left, top = np.min(written, 0)[:2] - margins[:2]
        right, bottom = np.max(written, 0)[2:] + margins[2:]
    # What is written may lie beyond the sheet's edge.
    left = max(0, min(int(left), sheet.width - 8))
    top = max(0, min(int(top), sheet.height - 8))
    return (
        left, top,
        max(left + 8, min(sheet.width, int(right))), max(top + 8, min(sheet.height, int(bottom))),
    )  # fmt: skip


def _scene(picture: NDArray[np.uint8], sheet: Sheet, part: Rect) -> Scene:
    left, top, right, bottom = part
    kept, boxes, shown = [], [], []
    for item in sheet.items:
        h, w = item.ink.shape
        x0, y0 = max(left, item.left), max(top, item.top)
        x1, y1 = min(right, item.left + w), min(bottom, item.top + h)
        if x1 <= x0 or y1 <= y0:
            continue
        inside = item.ink[y0 - item.top : y1 - item.top, x0 - item.left : x1 - item.left]
        share = inside.sum(dtype=np.int64) / max(1, item.ink.sum(dtype=np.int64))
        kept.append(Item(item.sort, item.left - left, item.top - top, item.ink, item.unit))
        boxes.append((x0 - left, y0 - top, x1 - left, y1 - top))
        shown.append(share)
    return Scene(
        picture,
        tuple(kept),
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array([item.sort for item in kept], np.int64),
        np.array([item.unit for item in kept], np.float32),
        np.array(shown, np.float32),
        np.array(sheet.others, np.float32).reshape(-1, 4) - np.array((left, top) * 2, np.float32),
    )
