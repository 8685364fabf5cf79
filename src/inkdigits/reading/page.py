"""What stands in a picture: its digits, its numbers, its lines.

In: what was found in one picture, in any order. Out: a Page, which is filtered, drawn and written.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, fields
from hashlib import sha256
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from inkdigits.errors import DataError
from inkdigits.reading.lines import gaps_after, lines_of
from inkdigits.spec import SORTS

if TYPE_CHECKING:
    from PIL import Image

    from inkdigits.picture import Picture

_WITHIN = ".,"  # between two digits they are part of a number
_FIRST = "+-"  # before the first digit, where no digit stands before them
_BEFORE = " (=+-×÷/"  # what may stand before those; " " is nothing or a gap
_OVER = 1 / 3  # share of the narrower of two numbers that lies over the other, in one column
_LONGEST = 2_000  # pixels of the longer side of a page that is drawn without its picture
_THICKEST, _TALLEST = 4, 40  # pixels of a drawn frame's line, and of its label
_COLOURS = 32  # of a page in a notebook
_SURE, _UNSURE, _SIGN = "#1d6fd8", "#d97706", "#7c3aed"


@dataclass(frozen=True)
class Digits:
    """The digits of a page in reading order: one struct of arrays, n digits."""

    boxes: NDArray[np.float32]  #: (n, 4) left, top, right, bottom, pixels of the upright picture
    digits: NDArray[np.int64]  #: (n,) 0-9
    confidence: NDArray[np.float32]  #: (n,) probability that there is this digit, in [0, 1]
    probabilities: NDArray[np.float32]  #: (n, 10) of 0-9 if it is a digit, each row summing to 1
    line: NDArray[np.int64]  #: (n,) which of the page's lines
    number: NDArray[np.int64]  #: (n,) which of the page's numbers
    accepted: NDArray[np.bool_]  #: (n,) False: the digit is the best guess
    reason: NDArray[np.str_]  #: (n,) why not: "unsure" or "no digit"; "" if accepted
    arrays: NDArray[np.float32]  #: (n, 28, 28) what the classifier saw, ink 1

    def __len__(self) -> int:
        return len(self.digits)

    def save(self, folder: str | PathLike[str], labels: Mapping[int, int]) -> None:
        """Write some of the digits as labelled pictures, as training and evaluation take them.

        folder: made if it is not there; what it holds stays. labels: which digits, by their index
        in reading order, and what each is. One that was saved there before gets its new label.
        Raises DataError.
        """
        from PIL import Image

        folder = Path(folder)
        for index, label in labels.items():
            if not (0 <= index < len(self) and 0 <= label <= 9):
                raise DataError(
                    f"labels give digit {index} as {label}; expected indices from 0 to "
                    f"{len(self) - 1} and digits from 0 to 9"
                )
        folder.mkdir(parents=True, exist_ok=True)
        for index, label in labels.items():
            pixels = np.rint(255 * self.arrays[index]).astype(np.uint8)
            name = f"{sha256(pixels.tobytes()).hexdigest()[:12]}.png"
            for earlier in folder.glob(f"[0-9]_{name}"):
                earlier.unlink()
            Image.fromarray(pixels).save(folder / f"{label}_{name}")


@dataclass(frozen=True)
class Number:
    """A number on a page."""

    text: str  #: its digits, with the points, commas and the sign that belong to it
    box: tuple[float, float, float, float]  #: left, top, right, bottom, pixels
    #: Probability that its digits and signs are right, and the signs beside it: a product.
    confidence: float
    accepted: bool  #: those digits and signs all are
    line: int


@dataclass(frozen=True)
class Signs:
    """The signs of a page in reading order: n of them."""

    boxes: NDArray[np.float32]  #: (n, 4)
    signs: str  #: n characters of + - × ÷ / = ( ) . ,
    confidence: NDArray[np.float32]  #: (n,)
    accepted: NDArray[np.bool_]  #: (n,) False: the sign is the best guess


@dataclass(frozen=True)
class Page:
    """What stands in one picture.

    `text` has a line for each line of writing, a space at each clear gap, and the signs.
    """

    width: int  #: pixels, upright
    height: int
    text: str
    digits: Digits
    numbers: tuple[Number, ...]
    signs: Signs
    turned: int = 0  #: degrees clockwise that the picture was turned by to be upright, besides EXIF
    reason: str = ""  #: "blank" where there is no digit

    @property
    def lines(self) -> list[str]:
        """The text's lines; none where nothing stands."""
        return self.text.split("\n") if self.text else []

    def __repr__(self) -> str:
        what = "blank" if self.reason else repr(self.text)
        return f"<Page {self.width}x{self.height}: {len(self.digits)} digits, {what}>"

    def table(self) -> list[list[str]]:
        """The numbers in rows and columns; "" for an empty cell. Rows are the page's lines.

        Numbers that stand above one another are a column.
        """
        if not self.numbers:
            return []
        columns = self._columns()
        rows = sorted({number.line for number in self.numbers})
        cells = [["" for _ in range(max(columns) + 1)] for _ in rows]
        for number, column in zip(self.numbers, columns, strict=True):
            row = cells[rows.index(number.line)]
            row[column] = f"{row[column]} {number.text}".strip()
        return cells

    def _columns(self) -> list[int]:
        """Which column each number is in: those that lie over one another by a third share one.

        A wide number over two columns is in the one it covers more of, if some line has both.
        """
        columns: list[_Column] = []
        narrow_first = sorted(
            range(len(self.numbers)),
            key=lambda i: self.numbers[i].box[2] - self.numbers[i].box[0],
        )
        for i in narrow_first:
            number = self.numbers[i]
            left, _, right, _ = number.box
            over = [column for column in columns if column.share(left, right) > _OVER]
            lines = [line for column in over for line in column.lines]
            if len(lines) > len(set(lines)):
                widest = max(over, key=lambda column: column.common(left, right))
                widest.members.append(i)
                continue
            joined = _Column(left, right, {number.line}, [i])
            for column in over:
                joined = joined.with_(column)
                columns.remove(column)
            columns.append(joined)
        columns.sort(key=lambda column: column.left)
        column_of = {i: k for k, column in enumerate(columns) for i in column.members}
        return [column_of[i] for i in range(len(self.numbers))]

    def draw(self, picture: Picture | None = None) -> Image.Image:
        """The picture with a box and its reading on each digit; uncertain ones are orange.

        picture: what was read; without it the digits' ink stands on white. A large one is made
        smaller, its longer side under 4,000 pixels. Raises PictureError.
        """
        if picture is None:
            return self.draw_on(self._ink_alone())

        from inkdigits.picture.decode import upright_image

        return self.draw_on(upright_image(picture).image.rotate(-self.turned, expand=True))

    def _repr_png_(self) -> bytes:
        """What a notebook shows of it, and keeps: in few colours, at a third of the size."""
        from PIL import Image

        file = io.BytesIO()
        # By octree: the median cut loses the colour of a single doubtful digit.
        self.draw().quantize(_COLOURS, Image.Quantize.FASTOCTREE).save(file, "PNG")
        return file.getvalue()

    def _ink_alone(self) -> Image.Image:
        """An RGB image of the page with what the classifier saw of each digit, in its box."""
        from PIL import Image

        share = min(1.0, _LONGEST / max(self.width, self.height, 1))
        size = (max(1, round(share * self.width)), max(1, round(share * self.height)))
        image = Image.new("L", size, 255)
        for box, array in zip(self.digits.boxes.tolist(), self.digits.arrays, strict=True):
            left, top, right, bottom = (round(share * v) for v in box)
            ink = Image.fromarray((255 * array).astype(np.uint8))
            ink = ink.crop(ink.getbbox()).resize((max(1, right - left), max(1, bottom - top)))
            image.paste(0, (left, top), ink)
        return image.convert("RGB")

    def draw_on(self, image: Image.Image) -> Image.Image:
        """The same on an RGB image of the upright page, of any size; `image` itself is given."""
        from PIL import ImageDraw, ImageFont

        share = image.width / self.width
        pen = ImageDraw.Draw(image)
        width, height = image.size
        heights = share * (self.digits.boxes[:, 3] - self.digits.boxes[:, 1])
        typical = float(np.median(heights)) if len(heights) else 20.0
        line = min(_THICKEST, max(1, round(typical / 22)))
        size = min(_TALLEST, max(9, round(0.45 * typical)))
        font = ImageFont.load_default(size)
        marks = [
            (box, str(digit), _SURE if accepted else _UNSURE)
            for box, digit, accepted in zip(
                self.digits.boxes.tolist(), self.digits.digits.tolist(),
                self.digits.accepted.tolist(), strict=True,
            )
        ]  # fmt: skip
        marks += [
            (box, sign, _SIGN if accepted else _UNSURE)
            for box, sign, accepted in zip(
                self.signs.boxes.tolist(), self.signs.signs, self.signs.accepted.tolist(),
                strict=True,
            )
        ]  # fmt: skip
        for box, text, colour in marks:
            left, top, right, bottom = (share * v for v in box)
            frame = (left - line, top - line, right + line, bottom + line)
            pen.rectangle(frame, outline=colour, width=line)
            if text in _WITHIN:
                continue  # its label would look like a second one
            # Above the box; where the picture ends, below it; where it ends there too, within.
            y = next(
                (
                    y for y in (top - line - 1.15 * size, bottom + line)
                    if y >= 0 and y + 1.15 * size <= height
                ),
                max(0.0, top + line),
            )  # fmt: skip
            at = (min(max(0.0, left), max(0.0, width - 0.6 * size)), y)
            pen.text(at, text, colour, font, stroke_width=max(1, line), stroke_fill="white")
        return image

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        d = self.digits
        return {
            "text": self.text,
            "reason": self.reason,
            "width": self.width,
            "height": self.height,
            "turned": self.turned,
            "numbers": [
                {
                    "text": n.text,
                    "box": [round(v, 1) for v in n.box],
                    "confidence": round(n.confidence, 6),
                    "accepted": n.accepted,
                    "line": n.line,
                }
                for n in self.numbers
            ],
            "digits": [
                {
                    "digit": int(d.digits[i]),
                    "confidence": round(float(d.confidence[i]), 6),
                    "probabilities": [round(float(p), 6) for p in d.probabilities[i]],
                    "accepted": bool(d.accepted[i]),
                    "reason": str(d.reason[i]),
                    "box": [round(float(v), 1) for v in d.boxes[i]],
                    "line": int(d.line[i]),
                    "number": int(d.number[i]),
                }
                for i in range(len(d))
            ],
            "signs": [
                {
                    "sign": sign,
                    "confidence": round(float(confidence), 6),
                    "accepted": bool(accepted),
                    "box": [round(float(v), 1) for v in box],
                }
                for sign, confidence, accepted, box in zip(
                    self.signs.signs,
                    self.signs.confidence,
                    self.signs.accepted,
                    self.signs.boxes,
                    strict=True,
                )
            ],
        }


@dataclass(frozen=True)
class _Column:
    """Numbers that stand above one another."""

    left: float
    right: float
    lines: set[int]  # that have a number in it
    members: list[int]

    def common(self, left: float, right: float) -> float:
        """How much of it that span covers, pixels."""
        return min(right, self.right) - max(left, self.left)

    def share(self, left: float, right: float) -> float:
        """The same as a share of the narrower of the two."""
        return self.common(left, right) / max(1e-6, min(right - left, self.right - self.left))

    def with_(self, other: _Column) -> _Column:
        return _Column(
            min(self.left, other.left), max(self.right, other.right),
            self.lines | other.lines, self.members + other.members,
        )  # fmt: skip


@dataclass(frozen=True)
class Candidates:
    """Digits and signs of one picture before they are put in order; n of them."""

    boxes: NDArray[np.float32]  # (n, 4) pixels of the upright picture
    units: NDArray[np.float32]  # (n,) height of a digit of the same line
    sorts: NDArray[np.int64]  # (n,) index in SORTS
    confidence: NDArray[np.float32]  # (n,)
    probabilities: NDArray[np.float32]  # (n, 10)
    accepted: NDArray[np.bool_]  # (n,)
    reason: NDArray[np.str_]  # (n,)
    arrays: NDArray[np.float32]  # (n, 28, 28)
    other: NDArray[np.float32]  # (n,) probability that there is no digit or sign

    def only(self, which: NDArray[np.int64]) -> Candidates:
        """Those candidates alone, in that order."""
        return Candidates(*(getattr(self, field.name)[which] for field in fields(self)))

    def likely(self) -> Candidates:
        """Those where there is likelier something than nothing."""
        return self.only(np.flatnonzero(self.other < 0.5))


def page_of(candidates: Candidates, width: int, height: int, turned: int = 0) -> Page:
    """The page of what likely stands in a picture of that size."""
    candidates = candidates.likely()
    signs = "".join(SORTS[sort] for sort in candidates.sorts.tolist())
    lines = lines_of(candidates.boxes, candidates.units, signs)
    # A line of signs alone is a stroke or a speck.
    lines = [line for line in lines if any(signs[i].isdigit() for i in line)]
    gaps = gaps_after(lines, candidates.boxes, candidates.units, signs)
    texts, order, line_of, number_of = [], [], [], []
    members: list[tuple[int, list[int], list[int]]] = []  # a number's line, members, neighbours
    for k, (line, gap) in enumerate(zip(lines, gaps, strict=True)):
        text = ""
        numbers = _numbers(line, gap, signs)
        within = {i: len(members) + n for n, number in enumerate(numbers) for i in number}
        members += [(k, number, _beside(number, line, gap)) for number in numbers]
        for position, i in enumerate(line.tolist()):
            text += signs[i] + (" " if position < len(gap) and gap[position] else "")
            order.append(i)
            line_of.append(k)
            number_of.append(within.get(i, -1))
        texts.append(text)
    sequence = np.array(order, np.int64)
    digit = np.array([signs[i].isdigit() for i in order], bool)
    chosen = sequence[digit]
    digits = Digits(
        candidates.boxes[chosen], candidates.sorts[chosen], candidates.confidence[chosen],
        candidates.probabilities[chosen], np.array(line_of, np.int64)[digit],
        np.array(number_of, np.int64)[digit], candidates.accepted[chosen],
        candidates.reason[chosen], candidates.arrays[chosen],
    )  # fmt: skip
    others = sequence[~digit]
    return Page(
        width, height, "\n".join(texts), digits,
        tuple(_number(*number, signs, candidates) for number in members),
        Signs(
            candidates.boxes[others], "".join(signs[i] for i in others),
            candidates.confidence[others], candidates.accepted[others],
        ),
        turned, "" if len(chosen) else "blank",
    )  # fmt: skip


def _numbers(line: NDArray[np.int64], gap: NDArray[np.bool_], signs: str) -> list[list[int]]:
    """A line's numbers, each the indices of its digits and of the signs that belong to it."""
    found: list[list[int]] = []
    current: list[int] = []
    for position, i in enumerate(line.tolist()):
        sign = signs[i]
        following = signs[line[position + 1]] if position + 1 < len(line) else " "
        parted = position < len(gap) and bool(gap[position])
        if sign.isdigit():
            current.append(i)
        else:
            inside = sign in _WITHIN and current and following.isdigit()
            if not inside and any(signs[j].isdigit() for j in current):
                found.append(current)
            before = signs[line[position - 1]] if position and not gap[position - 1] else " "
            leads = sign in _FIRST and following.isdigit() and before in _BEFORE
            current = [*current, i] if inside else [i] if leads else []
        if parted and current:
            found.append(current)
            current = []
    if any(signs[j].isdigit() for j in current):
        found.append(current)
    return found


def _beside(number: list[int], line: NDArray[np.int64], gap: NDArray[np.bool_]) -> list[int]:
    """What stands before and after a number without a clear gap: part of it may be misread."""
    order = line.tolist()
    first, last = order.index(number[0]), order.index(number[-1])
    before = [order[first - 1]] if first and not gap[first - 1] else []
    after = [order[last + 1]] if last < len(gap) and not gap[last] else []
    return before + after


def _number(
    line: int, number: list[int], beside: list[int], signs: str, candidates: Candidates
) -> Number:
    boxes = candidates.boxes[number]
    both = number + [i for i in beside if not signs[i].isdigit()]
    return Number(
        "".join(signs[i] for i in number),
        (*boxes[:, :2].min(0).tolist(), *boxes[:, 2:].max(0).tolist()),
        float(np.prod(candidates.confidence[both], dtype=np.float64)),
        bool(candidates.accepted[both].all()),
        line,
    )
