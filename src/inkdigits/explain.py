"""Why a picture was read as it was, as a picture.

In: pictures and a Reader. Out: a PNG with a row for each: the picture with the box that was found,
the 28x28 array the network saw, what in it mattered, and the ten probabilities.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from inkdigits.drawings import save_drawing
from inkdigits.picture.decode import Shown
from inkdigits.reader import Reader, Reading, Seen
from inkdigits.spec import SIDE

_PATCH, _STEP = 5, 2  # pixels: what is covered at a time, and how far apart
_PANEL, _GAP, _HEAD = 224, 16, 30  # pixels: 8 for each of the array's
_BARS = 260  # pixels wide
_PAPER, _INK, _SOFT = "#ffffff", "#1c1e21", "#6b7280"
_RIGHT, _DOUBT, _BOX = "#2a6fbb", "#b45309", "#e11d48"


class Row(NamedTuple):
    """One picture, what was seen in it and what was read."""

    name: str
    picture: Shown
    seen: Seen
    reading: Reading


def occlusion(reader: Reader, array: NDArray[np.float32], digit: int) -> NDArray[np.float32]:
    """How much of `digit`'s probability is lost where a 5x5 patch of ink is covered with paper.

    array: (28, 28) float32, ink 1. Out: (28, 28) float32, the mean over the patches that cover a
    pixel; negative where covering speaks for the digit. Source: Zeiler and Fergus 2014,
    "Visualizing and Understanding Convolutional Networks", section 4.2.
    """
    starts = range(-1, SIDE, _STEP)  # patches at the edges are smaller, so each pixel has some
    patches = [
        (slice(max(y, 0), y + _PATCH), slice(max(x, 0), x + _PATCH)) for y in starts for x in starts
    ]
    places = [place for place in patches if array[place].any()]  # paper over paper loses nothing
    covered = np.repeat(array[None], len(places), 0)
    for variant, place in zip(covered, places, strict=True):
        variant[place] = 0
    whole = reader.probabilities(array[None])[0, digit]
    lost = whole - reader.probabilities(covered)[:, digit]
    total, count = np.zeros((SIDE, SIDE), np.float32), np.zeros((SIDE, SIDE), np.float32)
    for value, place in zip(lost, places, strict=True):
        total[place] += value
    for place in patches:
        count[place] += 1
    return total / count


def draw(rows: Sequence[Row], reader: Reader, path: Path) -> None:
    """Write the page for `rows` to `path`, whole or not at all."""
    width = 3 * (_PANEL + _GAP) + _BARS + 2 * _GAP
    height = _HEAD + _PANEL + _GAP
    page = Image.new("RGB", (width, height * len(rows) + _GAP), _PAPER)
    for number, row in enumerate(rows):
        _draw_row(page, row, reader, number * height)
    save_drawing(page, path)


def _draw_row(page: Image.Image, row: Row, reader: Reader, top: int) -> None:
    pen, font, small = ImageDraw.Draw(page), _font(16), _font(13)
    reading = row.reading
    verdict = f"{reading.digit}, {reading.confidence:.1%}"
    if not reading.accepted:
        verdict = f"{reading.reason} (best guess {verdict})"
    colour = _RIGHT if reading.accepted else _DOUBT
    pen.text((_GAP, top + 8), verdict, fill=colour, font=font)
    name = row.name if len(row.name) <= 60 else f"…{row.name[-59:]}"
    right = page.width - _GAP - pen.textlength(name, small)
    pen.text((right, top + 10), name, fill=_SOFT, font=small)
    y = top + _HEAD
    for place, panel in enumerate(
        (_with_box(row.picture, row.seen), _enlarged(row.seen.array), _heat(row, reader))
    ):
        page.paste(panel, (_GAP + place * (_PANEL + _GAP), y))
    left = _GAP + 3 * (_PANEL + _GAP)
    step = _PANEL / len(reading.probabilities)
    for digit, share in enumerate(reading.probabilities):
        middle = y + step * (digit + 0.5)
        fill = colour if digit == reading.digit else "#c3c9d1"
        pen.text((left, middle), str(digit), fill=_INK, font=small, anchor="lm")
        end = left + 20 + max(1, round(share * (_BARS - 80)))
        pen.rectangle((left + 20, middle - step * 0.32, end, middle + step * 0.32), fill=fill)
        pen.text((end + 6, middle), f"{share:.1%}", fill=_SOFT, font=small, anchor="lm")


def _with_box(picture: Shown, seen: Seen) -> Image.Image:
    """The picture with the found ink's box, scaled into a panel."""
    share = _PANEL / max(picture.width, picture.height)
    size = (max(1, round(picture.width * share)), max(1, round(picture.height * share)))
    how = Image.Resampling.NEAREST if share > 1 else Image.Resampling.BOX
    panel = Image.new("RGB", (_PANEL, _PANEL), "#f1f3f5")
    at = ((_PANEL - size[0]) // 2, (_PANEL - size[1]) // 2)
    panel.paste(picture.image.resize(size, how), at)
    x, y = at
    left, top, right, bottom = (round(edge * share) for edge in seen.box)
    box = (x + left - 2, y + top - 2, x + right + 1, y + bottom + 1)
    ImageDraw.Draw(panel).rectangle(box, outline=_BOX, width=2)
    return panel


def _enlarged(array: NDArray[np.float32]) -> Image.Image:
    pixels = np.rint(255 * array).astype(np.uint8)
    return Image.fromarray(pixels).resize((_PANEL, _PANEL), Image.Resampling.NEAREST).convert("RGB")


def _heat(row: Row, reader: Reader) -> Image.Image:
    """The array in grey with what mattered over it: red spoke for the digit, blue against."""
    lost = occlusion(reader, row.seen.array, row.reading.digit)
    lost = lost / max(float(np.abs(lost).max()), 0.05)
    grey = 0.25 * row.seen.array[..., None] * np.ones(3)
    heat = np.stack([np.clip(lost, 0, 1), 0.25 * np.abs(lost), np.clip(-lost, 0, 1)], 2)
    pixels = np.rint(255 * np.clip(grey + heat, 0, 1)).astype(np.uint8)
    return Image.fromarray(pixels).resize((_PANEL, _PANEL), Image.Resampling.NEAREST)


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
