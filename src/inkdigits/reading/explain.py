"""Why a picture was read as it was, as a picture.

In: pictures and a Reader. Out: a PNG with a row for each digit: the picture with the box that was
found, the 28x28 array the network saw, what in it mattered, and the ten probabilities. Above the
rows of a page stands the page with all its boxes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from inkdigits.picture import Picture
from inkdigits.picture.decode import Shown, upright_image
from inkdigits.reading.drawings import save_drawing
from inkdigits.reading.page import Page
from inkdigits.reading.reader import Reader, Reading
from inkdigits.spec import SIDE

_PATCH, _STEP = 5, 2  # pixels: what is covered at a time, and how far apart
_GAP = 16  # pixels
_AROUND = 0.5  # of a page's digit's height: what is shown around its box
_HIGHEST = 900  # pixels of a page's picture
_ENLARGED = 3.0  # times that it is enlarged at most
_HEADINGS = ("where it was found", "the network saw", "what mattered", "probabilities")
_LEGEND = (
    "Blue: accepted.  Orange: uncertain, the best guess.",
    "What mattered: covering the red ink lowers the digit's probability, covering the blue ink "
    "raises it.",
)
_PAPER, _INK, _SOFT, _BESIDE = "#ffffff", "#1c1e21", "#6b7280", "#f1f3f5"
_RIGHT, _DOUBT, _BOX = "#2a6fbb", "#b45309", "#e11d48"


class Row(NamedTuple):
    """One picture, and what was read in it."""

    name: str
    picture: Shown
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
    inked = [patch for patch in patches if array[patch].any()]  # paper over paper loses nothing
    covered = np.repeat(array[None], len(inked), 0)
    for variant, patch in zip(covered, inked, strict=True):
        variant[patch] = 0
    whole = reader.probabilities(array[None])[0, digit]
    lost = whole - reader.probabilities(covered)[:, digit]
    total, count = np.zeros((SIDE, SIDE), np.float32), np.zeros((SIDE, SIDE), np.float32)
    for value, patch in zip(lost, inked, strict=True):
        total[patch] += value
    for patch in patches:
        count[patch] += 1
    return total / count


class _Size(NamedTuple):
    """Of a row, pixels."""

    panel: int
    bars: int  # width
    heading: int  # size of the verdict's letters
    text: int  # size of the others

    @property
    def width(self) -> int:
        return 3 * (self.panel + _GAP) + self.bars + 2 * _GAP

    @property
    def height(self) -> int:
        return self.panel + 2 * self.heading + _GAP


_LARGE, _SMALL = _Size(224, 260, 16, 13), _Size(112, 150, 14, 10)  # a picture's row, a digit's
_ACROSS = 2  # rows of a page's digits side by side


class _Card(NamedTuple):
    """What a row shows of one digit."""

    surroundings: Image.Image  # RGB, square: where it stands
    array: NDArray[np.float32]  # (28, 28), ink 1
    digit: int
    probabilities: Sequence[float]  # of 0-9
    accepted: bool
    verdict: str
    name: str


def draw(rows: Sequence[Row], reader: Reader, path: Path) -> None:
    """Write the figure of pictures of one digit to `path`, whole or not at all."""
    size = _LARGE
    top = 2 * _GAP + size.text
    height = top + size.height * len(rows) + _legend_height(size)
    figure = Image.new("RGB", (size.width, height), _PAPER)
    _headings(figure, 0, size)
    for number, row in enumerate(rows):
        reading = row.reading
        verdict = f"{reading.digit}, {reading.confidence:.1%}"
        if not reading.accepted:
            verdict = f"{reading.reason} (best guess {verdict})"
        card = _Card(
            _with_box(row.picture.image, row.picture.width, reading.box, size.panel),
            reading.array, reading.digit, reading.probabilities, reading.accepted, verdict,
            row.name,
        )  # fmt: skip
        _draw_card(figure, (0, top + number * size.height), card, size, reader)
    _legend(figure, size)
    save_drawing(figure, path)


def explained(picture: Picture, reader: Reader, most: int = 12) -> Image.Image:
    """The figure of one picture and its first `most` digits, for a notebook. Raises PictureError.

    It has a palette of 256 colours: a notebook keeps it, at a tenth of the size.
    """
    figure = page_figure("", upright_image(picture), reader.read(picture), reader, most)
    return figure.quantize(256, Image.Quantize.FASTOCTREE)


def page_figure(name: str, picture: Shown, page: Page, reader: Reader, most: int) -> Image.Image:
    """Why a page was read as it was: the page, then each of its first `most` digits."""
    size = _SMALL
    width = _ACROSS * size.width
    upright = picture.image.rotate(-page.turned, expand=True)
    share = min((width - 2 * _GAP) / upright.width, _HIGHEST / upright.height, _ENLARGED)
    shown = (max(1, round(upright.width * share)), max(1, round(upright.height * share)))
    overview = page.draw_on(upright.resize(shown, Image.Resampling.LANCZOS))
    n = min(most, len(page.digits))
    read = page.reason or ", ".join(number.text for number in page.numbers)
    title = f"{name}: {read}" if name else read
    if n < len(page.digits):
        title += f" (the first {n} of {len(page.digits)} digits)"
    top = 3 * _GAP + size.heading + shown[1]
    rows = -(-n // _ACROSS)
    first = top + (2 * _GAP + size.text if n else 0)
    figure = Image.new("RGB", (width, first + rows * size.height + _legend_height(size)), _PAPER)
    pen = ImageDraw.Draw(figure)
    pen.text((_GAP, _GAP), _fitted(pen, title, width - 2 * _GAP, 16), fill=_INK, font=_font(16))
    figure.paste(overview, (_GAP, 2 * _GAP + size.heading))
    for column in range(min(_ACROSS, n)):
        _headings(figure, top, size, column * size.width)
    for i in range(n):
        at = (i % _ACROSS * size.width, first + i // _ACROSS * size.height)
        _draw_card(figure, at, _card_of(page, i, upright, size), size, reader)
    _legend(figure, size)
    return figure


def save_figures(figures: Sequence[Image.Image], path: Path) -> None:
    """Write figures below one another to `path`, whole or not at all."""
    size = max(f.width for f in figures), sum(f.height for f in figures)
    whole = Image.new("RGB", size, _PAPER)
    top = 0
    for figure in figures:
        whole.paste(figure, (0, top))
        top += figure.height
    save_drawing(whole, path)


def _card_of(page: Page, i: int, upright: Image.Image, size: _Size) -> _Card:
    digits = page.digits
    share = upright.width / page.width
    left, top, right, bottom = (float(v) for v in digits.boxes[i])
    side = max(right - left, bottom - top) * (1 + 2 * _AROUND)
    x, y = (left + right - side) / 2, (top + bottom - side) / 2
    surroundings = Image.new("RGB", (max(1, round(share * side)),) * 2, _BESIDE)
    surroundings.paste(upright, (-round(share * x), -round(share * y)))
    digit, accepted = int(digits.digits[i]), bool(digits.accepted[i])
    verdict = f"{digit}, {digits.confidence[i]:.1%}"
    return _Card(
        _with_box(surroundings, side, (left - x, top - y, right - x, bottom - y), size.panel),
        digits.arrays[i], digit, digits.probabilities[i].tolist(), accepted,
        verdict if accepted else f"{digits.reason[i]} (best guess {verdict})",
        f"line {digits.line[i] + 1}",
    )  # fmt: skip


def _draw_card(
    figure: Image.Image, at: tuple[int, int], card: _Card, size: _Size, reader: Reader
) -> None:
    pen, font, small = ImageDraw.Draw(figure), _font(size.heading), _font(size.text)
    x, y = at
    colour = _RIGHT if card.accepted else _DOUBT
    pen.text((x + _GAP, y + size.heading // 4), card.verdict, fill=colour, font=font)
    used = _GAP + pen.textlength(card.verdict, font)
    name = _fitted(pen, card.name, size.width - 2 * _GAP - used, size.text)
    right = x + size.width - _GAP - pen.textlength(name, small)
    pen.text((right, y + size.heading // 4 + 2), name, fill=_SOFT, font=small)
    y += 2 * size.heading
    heat = _heat(card.array, card.digit, reader)
    side = (size.panel, size.panel)
    panels = (
        card.surroundings, _enlarged(card.array, size.panel),
        heat.resize(side, Image.Resampling.NEAREST),
    )  # fmt: skip
    for column, panel in enumerate(panels):
        figure.paste(panel, (x + _GAP + column * (size.panel + _GAP), y))
    left = x + _GAP + 3 * (size.panel + _GAP)
    step = size.panel / len(card.probabilities)
    for digit, share in enumerate(card.probabilities):
        middle = y + step * (digit + 0.5)
        fill = colour if digit == card.digit else "#c3c9d1"
        pen.text((left, middle), str(digit), fill=_INK, font=small, anchor="lm")
        end = left + 20 + max(1, round(share * (size.bars - 20 - 4.5 * size.text)))
        pen.rectangle((left + 20, middle - step * 0.32, end, middle + step * 0.32), fill=fill)
        pen.text((end + 6, middle), f"{share:.1%}", fill=_SOFT, font=small, anchor="lm")


def _headings(figure: Image.Image, top: int, size: _Size, left: int = 0) -> None:
    """What each column of the rows below shows."""
    pen, font = ImageDraw.Draw(figure), _font(size.text)
    for column, text in enumerate(_HEADINGS):
        x = left + _GAP + column * (size.panel + _GAP)
        short = _fitted(pen, text, size.panel if column < 3 else size.bars, size.text)
        pen.text((x, top + _GAP), short, fill=_SOFT, font=font)


def _legend_height(size: _Size) -> int:
    return _GAP + len(_LEGEND) * round(1.5 * size.text) + _GAP


def _legend(figure: Image.Image, size: _Size) -> None:
    pen = ImageDraw.Draw(figure)
    top = figure.height - _legend_height(size) + _GAP
    for line, text in enumerate(_LEGEND):
        at = (_GAP, top + line * round(1.5 * size.text))
        pen.text(at, text, fill=_SOFT, font=_font(size.text))


def _fitted(pen: ImageDraw.ImageDraw, text: str, room: float, letters: int) -> str:
    """The text, or its end where it is wider than `room` pixels."""
    font = _font(letters)
    if pen.textlength(text, font) <= room:
        return text
    while text and pen.textlength(f"…{text}", font) > room:
        text = text[1:]
    return f"…{text}"


def _with_box(
    image: Image.Image, width: float, box: tuple[float, float, float, float] | None, side: int
) -> Image.Image:
    """The picture with the found ink's box, scaled into a panel; `box` is of a picture so wide."""
    share = side / max(image.size)
    size = (max(1, round(image.width * share)), max(1, round(image.height * share)))
    how = Image.Resampling.NEAREST if share > 1 else Image.Resampling.BOX
    panel = Image.new("RGB", (side, side), _BESIDE)
    x, y = (side - size[0]) // 2, (side - size[1]) // 2
    panel.paste(image.resize(size, how), (x, y))
    if box is not None:
        left, top, right, bottom = (round(edge * size[0] / width) for edge in box)
        frame = (x + left - 2, y + top - 2, x + right + 1, y + bottom + 1)
        ImageDraw.Draw(panel).rectangle(frame, outline=_BOX, width=2)
    return panel


def _enlarged(array: NDArray[np.float32], side: int) -> Image.Image:
    pixels = np.rint(255 * array).astype(np.uint8)
    return Image.fromarray(pixels).resize((side, side), Image.Resampling.NEAREST).convert("RGB")


def _heat(array: NDArray[np.float32], digit: int, reader: Reader) -> Image.Image:
    """The array in grey with what mattered over it: red supports the digit, blue contradicts it."""
    lost = occlusion(reader, array, digit)
    lost = lost / max(float(np.abs(lost).max()), 0.05)
    grey = 0.25 * array[..., None] * np.ones(3)
    heat = np.stack([np.clip(lost, 0, 1), 0.25 * np.abs(lost), np.clip(-lost, 0, 1)], 2)
    return Image.fromarray(np.rint(255 * np.clip(grey + heat, 0, 1)).astype(np.uint8))


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
