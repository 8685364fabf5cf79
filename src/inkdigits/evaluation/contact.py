"""What a run learnt of its pictures, to look through: a sheet, and a list of the uncertain ones.

In: what became of pictures in which the digit had to be found. Out: a PNG and a CSV file, each
written whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from inkdigits.data.pictures import Framed, Looked
from inkdigits.errors import PictureError
from inkdigits.files import write_text, written_whole
from inkdigits.picture.decode import upright_image
from inkdigits.spec import N_CLASSES, SIDE
from inkdigits.text_line import csv_row

HEADER = ("file", "label", "learnt", "reason")
_SHOWN = 80  # pictures on a sheet: a photo takes a tenth of a second to open
_DOUBTED = 24  # of them, those that may be another digit
_COLUMNS = 8
_PICTURE, _DIGIT = 84, 2 * SIDE  # pixels: a picture's thumbnail, and its digit beside it
_GAP, _LINE = 8, 18
_CELL = _PICTURE + _DIGIT + 2 * _GAP + 4, _PICTURE + _LINE + _GAP
_INK, _DOUBT, _EDGE = "#1c1e21", "#b3541e", "#dfe3e8"


def rows(looked: Looked) -> Iterator[tuple[str, str, str, str]]:
    """A row, as HEADER names it, for each picture that is left out or may be another digit."""
    for left in looked.left_out:
        label = str(left.picture.label) if left.picture.label >= 0 else ""  # it has none
        yield left.picture.name, label, "no", left.reason
    for framed in looked.framed:
        if framed.doubt:
            yield framed.picture.name, str(framed.picture.label), "yes", framed.doubt


def write_list(looked: Looked, path: Path) -> None:
    """Write the rows as CSV."""
    write_text(path, "".join(f"{csv_row(row)}\n" for row in (HEADER, *rows(looked))))


def write_sheet(looked: Looked, path: Path) -> None:
    """Draw some of the pictures, each with the digit found in it: uncertain ones, then of all."""
    shown = _chosen(looked)
    height = 2 * _GAP + _LINE + -(-len(shown) // _COLUMNS) * _CELL[1]
    sheet = Image.new("RGB", (_COLUMNS * _CELL[0] + _GAP, height), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    heading = (
        f"{len(shown):,} of {len(looked.framed):,} pictures: the picture, its digit, its label"
    )
    if any(framed.doubt for framed in shown):
        heading += "; in orange: the shipped model reads another digit"
    pen.text((_GAP, _GAP), heading, _INK, font)
    for number, framed in enumerate(shown):
        row, column = divmod(number, _COLUMNS)
        x, y = _GAP + column * _CELL[0], 2 * _GAP + _LINE + row * _CELL[1]
        thumbnail = _thumbnail(framed)
        digit = Image.fromarray(255 - framed.array).resize((_DIGIT, _DIGIT))
        sheet.paste(thumbnail, (x, y))
        sheet.paste(digit, (x + _PICTURE + 4, y + (_PICTURE - _DIGIT) // 2))
        colour = _DOUBT if framed.doubt else _EDGE
        pen.rectangle((x, y, x + _PICTURE - 1, y + _PICTURE - 1), outline=colour)
        top = y + (_PICTURE - _DIGIT) // 2
        pen.rectangle(
            (x + _PICTURE + 4, top, x + _PICTURE + 3 + _DIGIT, top + _DIGIT - 1), outline=colour
        )
        words = f"{framed.picture.label}" + (f": {framed.doubt}" if framed.doubt else "")
        pen.text((x, y + _PICTURE + 1), words, _DOUBT if framed.doubt else _INK, font)
    with written_whole(path) as part:
        sheet.save(part, "PNG")


def _chosen(looked: Looked) -> list[Framed]:
    """The first uncertain ones, then as many of each label as there is room for."""
    chosen = [framed for framed in looked.framed if framed.doubt][:_DOUBTED]
    by_label: list[list[Framed]] = [[] for _ in range(N_CLASSES)]
    for framed in looked.framed:
        if not framed.doubt:
            by_label[framed.picture.label].append(framed)
    room = _SHOWN - len(chosen)
    shares = [0] * N_CLASSES
    while sum(shares) < room and any(n < len(of) for n, of in zip(shares, by_label, strict=True)):
        for label, of in enumerate(by_label):
            if shares[label] < len(of) and sum(shares) < room:
                shares[label] += 1
    for n, of in zip(shares, by_label, strict=True):
        # Not the first ones: files by one writer stand together.
        chosen += [of[i * len(of) // n] for i in range(n)]
    return chosen


def _thumbnail(framed: Framed) -> Image.Image:
    cell = Image.new("RGB", (_PICTURE, _PICTURE), "#f0f1f3")
    try:
        image = upright_image(framed.picture.file).image.convert("RGB")
    except PictureError:  # it was moved since
        return cell
    image.thumbnail((_PICTURE, _PICTURE))
    cell.paste(image, ((_PICTURE - image.width) // 2, (_PICTURE - image.height) // 2))
    return cell
