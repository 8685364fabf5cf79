"""What people write on a sheet, and where: digits, numbers, sums, tables, pages, no digit at all.

In: an empty Sheet. Out: each layout writes on the sheet and gives the height of its digits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np

from inkdigits.spec import OTHER
from inkdigits.synthesis.sheet import Sheet, Style

Layout = Callable[[Sheet, np.random.Generator], float]  # gives a digit's height


_ROUND = 0.12  # share of the numbers that end in zeros
_LONE_ONES = 0.22  # share of single digits that are plain strokes: hard to tell from lines


def digits(random: np.random.Generator, least: int, most: int) -> str:
    """A number of that many digits."""
    n = int(random.integers(least, most + 1))
    text = "".join(map(str, random.integers(0, 10, n)))
    if n > 2 and random.random() < _ROUND:
        zeros = int(random.integers(2, n))
        text = text[: n - zeros] + "0" * zeros
    return text


def number(random: np.random.Generator) -> str:
    """A number as people write it: plain, an amount, a date, a telephone's, a mark."""
    kind = random.random()
    if kind < 0.5:
        return digits(random, 1, 8)
    if kind < 0.66:  # amounts
        whole = digits(random, 1, 3)
        for _ in range(int(random.integers(0, 3))):
            whole += str(random.choice((".", ",", "", " "))) + digits(random, 3, 3)
        cents = random.random()
        return whole + (
            str(random.choice((".", ","))) + digits(random, 1, 2) if cents < 0.6
            else ".-" if cents < 0.65 else "=" if cents < 0.7 else ""
        )  # fmt: skip
    if kind < 0.76:  # dates and fractions
        by = str(random.choice(("/", "-", ".", "/")))
        return by.join(digits(random, 1, 2) for _ in range(int(random.integers(1, 3)))) + (
            by + (digits(random, 2, 2) if random.random() < 0.6 else digits(random, 4, 4))
        )
    if kind < 0.84:
        return " ".join(digits(random, 2, 4) for _ in range(int(random.integers(2, 4))))
    if kind < 0.92:
        return str(random.choice(("-", "+", "-", "("))) + digits(random, 1, 4)
    return sum_of(random)


def sum_of(random: np.random.Generator) -> str:
    """A sum such as 43+4×18-(8+16)/4."""
    text = digits(random, 1, 3)
    for _ in range(int(random.integers(1, 4))):
        sign = str(random.choice(list("++--×××÷//")))
        part = digits(random, 1, 3)
        if random.random() < 0.25:
            part = f"({part}{random.choice(list('+-×/'))}{digits(random, 1, 2)})"
        text = f"{text}{sign}{part}" if random.random() < 0.9 else f"({text}){sign}{part}"
    ending = random.random()
    return text + ("=" + digits(random, 1, 4) if ending < 0.3 else "=" if ending < 0.4 else "")


def single(sheet: Sheet, random: np.random.Generator) -> float:
    """One digit of any size, anywhere."""
    unit = float(np.exp(random.uniform(np.log(13), np.log(0.92 * sheet.height))))
    style = Style.drawn(random)
    sort = 1 if random.random() < _LONE_ONES else None
    patch, sort = sheet.digit(unit, replace(style, sketch=1.0) if sort else style, sort)
    x = random.uniform(0, max(1, sheet.width - patch.shape[1]))
    y = random.uniform(0, max(1, sheet.height - patch.shape[0]))
    sheet.put(patch, x, y, sort, unit)
    return unit


def string(sheet: Sheet, random: np.random.Generator) -> float:
    """One number in a line; its digits may touch."""
    unit = float(np.exp(random.uniform(np.log(12), np.log(100))))
    touching = random.random() < 0.45
    gap = random.uniform(-0.2, 0.06) if touching else random.uniform(0.02, 0.6)
    if random.random() < 0.06:
        gap = random.uniform(0.6, 3)
    text = digits(random, 2, 12) if random.random() < 0.55 else number(random)
    y = random.uniform(0, max(1, sheet.height - unit))
    x = random.uniform(0, 0.3 * sheet.width)
    sheet.write(text, x, y, unit, Style.drawn(random), gap, random.normal(0, 0.05))
    return unit


def amount(sheet: Sheet, random: np.random.Generator) -> float:
    """An amount as on a cheque: slanted, close, with points and a mark at its end."""
    unit = float(np.exp(random.uniform(np.log(20), np.log(75))))
    style = replace(Style.drawn(random), slant=float(random.normal(0.2, 0.2)))
    gap = random.uniform(-0.17, 0.25)
    text = digits(random, 1, 3)
    while random.random() < 0.55 and len(text) < 9:
        group = "000" if random.random() < 0.3 else digits(random, 3, 3)
        text += str(random.choice((".", ".", ",", ""))) + group
    text += str(random.choice(("", "", ".", "-", ".-", "=", ",", ".=", " -", " =")))
    y = random.uniform(0, sheet.height - unit)
    slope = random.normal(0, 0.04)
    start = random.uniform(0, 0.2 * sheet.width)
    end = sheet.write(text, start, y, unit, style, gap, slope)
    if random.random() < 0.25:  # a stroke that keeps others from writing more
        length = unit * random.uniform(0.5, 3)
        before = random.random() < 0.3
        x = start - length - 0.1 * unit if before else end + 0.15 * unit
        middle = y + unit * random.uniform(0.4, 1)
        stroke(
            sheet, (x, middle), (x + length, middle + random.normal(0, 0.05) * length), unit, style
        )
    return unit


def stroke(
    sheet: Sheet, a: tuple[float, float], b: tuple[float, float], unit: float, style: Style
) -> None:
    """A line by the same pen that is not a sign."""
    layer = np.zeros(sheet.ink.shape, np.uint8)
    pen = max(1, round(unit * min(max(style.pen, 0.05), 0.15)))
    ends = (round(a[0]), round(a[1])), (round(b[0]), round(b[1]))
    cv2.line(layer, *ends, 255, pen, cv2.LINE_AA)
    sheet.stroke(layer)


def page(sheet: Sheet, random: np.random.Generator) -> float:
    """Lines of numbers."""
    unit = float(np.exp(random.uniform(np.log(10), np.log(44))))
    style = Style.drawn(random)
    gap = random.uniform(-0.08, 0.7)
    lead = random.uniform(1.15, 2.4)
    slope = random.normal(0, 0.05)
    columns = random.random() < 0.35  # one under another
    left = random.uniform(0, 0.4 * sheet.width)
    y = random.uniform(0, unit) + max(0.0, -slope) * sheet.width
    while y + unit < sheet.height:
        x = left if columns else random.uniform(0, 0.3 * sheet.width)
        for _ in range(int(random.integers(1, 4)) if not columns else 1):
            text = number(random) if random.random() < 0.5 else digits(random, 1, 10)
            x = sheet.write(text, x, y + slope * x, unit, style, gap, slope)
            x += unit * random.uniform(0.5, 3)
        y += unit * lead * random.uniform(0.92, 1.15)
    return unit


def scattered(sheet: Sheet, random: np.random.Generator) -> float:
    """Digits and short numbers of different sizes, here and there."""
    units = []
    for _ in range(int(random.integers(2, 18))):
        unit = float(np.exp(random.uniform(np.log(12), np.log(75))))
        patch, sort = sheet.digit(unit, Style.drawn(random))
        h, w = patch.shape
        x, y = random.uniform(0, sheet.width - 5), random.uniform(0, sheet.height - 5)
        if x + w < sheet.width and y + h < sheet.height and sheet.free(x, y, x + w, y + h):
            sheet.put(patch, x, y, sort, unit)
            units.append(unit)
    return float(np.median(units)) if units else 30.0


def boxes(sheet: Sheet, random: np.random.Generator) -> float:
    """A grid of cells with a digit or a number in each; cells may be empty, lines missing."""
    high = float(np.exp(random.uniform(np.log(17), np.log(130))))
    per_cell = 1 if random.random() < 0.7 else 3
    wide = high * random.uniform(0.7, 1.5) * (1 if per_cell == 1 else random.uniform(1.5, 2.5))
    left, top = random.uniform(-0.3 * wide, wide), random.uniform(-0.3 * high, high)
    rows = max(1, int((sheet.height - top) / high))
    columns = max(1, int((sheet.width - left) / wide))
    if random.random() < 0.4:
        rows = 1
    _grid(sheet, random, left, top, wide, high, rows, columns)
    style, fill = Style.drawn(random), random.uniform(0.15, 1)
    size = random.uniform(0.4, 0.95)
    for row in range(rows):
        for column in range(columns):
            if random.random() > fill:
                continue
            unit = high * size * random.uniform(0.9, 1.1)
            x, y = left + column * wide, top + row * high
            if per_cell > 1:
                at = y + (high - unit) * random.uniform(0.2, 0.8)
                within = x + wide * random.uniform(0.05, 0.3)
                text = digits(random, 1, per_cell)
                sheet.write(text, within, at, min(unit, wide / 2.2), style, 0.08)
                continue
            patch, sort = sheet.digit(unit, style)
            h, w = patch.shape
            at_x = x + (wide - w) * random.uniform(0.15, 0.85)
            at_y = y + (high - h) * random.uniform(0.15, 0.85)
            sheet.put(patch, at_x, at_y, sort, unit)
    return high * size


def cell(sheet: Sheet, random: np.random.Generator) -> float:
    """One cell as a program cuts it out of a form: a digit or none, and what is left of lines."""
    high = float(np.exp(random.uniform(np.log(16), np.log(sheet.height / 1.25))))
    wide = min(high * random.uniform(0.6, 1.4), sheet.width / 1.25)
    left, top = 0.1 * wide, 0.1 * high
    _grid(sheet, random, left, top, wide, high, 1, 1)
    # Cut a little beside the lines, so that one or two of them may stay.
    off = random.normal(0, 0.06, 4) * (high if random.random() < 0.7 else 0)
    sheet.cell = (left + off[0], top + off[1], left + wide + off[2], top + high + off[3])
    unit = high * random.uniform(0.4, 0.9)
    if random.random() < 0.6:
        style = Style.drawn(random)
        plain = random.random() < _LONE_ONES
        patch, sort = sheet.digit(unit, style, 1 if plain else None)
        h, w = patch.shape
        x, y = left + (wide - w) * random.uniform(0.15, 0.85), top + (high - h) * random.random()
        sheet.put(patch, x, y, sort, unit)
    return unit


def sums(sheet: Sheet, random: np.random.Generator) -> float:
    """Sums in lines, under one another with a line below, or as fractions."""
    unit = float(np.exp(random.uniform(np.log(13), np.log(70))))
    style, gap = Style.drawn(random), random.uniform(0.02, 0.6)
    kind = random.random()
    y = random.uniform(0, max(1.0, sheet.height - unit))
    if kind < 0.6:
        while y + unit < sheet.height:
            sheet.write(sum_of(random), random.uniform(0, 60), y, unit, style, gap,
                        random.normal(0, 0.04))  # fmt: skip
            y += unit * random.uniform(1.4, 2.6)
        return unit
    unit = min(unit, sheet.height / 4)
    y = random.uniform(0, sheet.height - 3.5 * unit)
    x = random.uniform(0, 0.4 * sheet.width)
    signs = "+-×" if kind < 0.8 else ""
    ends = []
    for row in range(2 if kind < 0.8 else 1):
        text = digits(random, 1, 4)
        if row == 1 and signs:
            text = str(random.choice(list(signs))) + text
        ends.append(sheet.write(text, x, y, unit, style, gap))
        y += unit * random.uniform(1.1, 1.5)
    end = max(ends)
    bar = y + 0.1 * unit
    stroke(sheet, (x - 0.2 * unit, bar), (end, bar + random.normal(0, 2)), unit, style)
    sheet.write(digits(random, 1, 4), x, y + 0.35 * unit, unit, style, gap)
    return unit


def nothing(sheet: Sheet, random: np.random.Generator) -> float:
    """No digit: letters, marks, scribbles, the rest of a cell, or an empty sheet."""
    unit = float(np.exp(random.uniform(np.log(13), np.log(0.8 * sheet.height))))
    kind = random.random()
    if kind < 0.7:
        patch = sheet.other(unit)
        x = random.uniform(0, max(1, sheet.width - patch.shape[1]))
        sheet.put(patch, x, random.uniform(0, max(1, sheet.height - unit)), OTHER, unit)
    elif kind < 0.84:
        unit = min(unit, 60.0)
        for _ in range(int(random.integers(1, 5))):
            word(sheet, random, unit)
    elif kind < 0.9:
        high = random.uniform(0.7, 2) * sheet.height
        _grid(sheet, random, random.uniform(-50, 100), random.uniform(-50, 80), high, high, 1, 1)
    return unit


def word(sheet: Sheet, random: np.random.Generator, unit: float) -> None:
    """A word by hand, where there is room."""
    n = int(random.integers(1, 9))
    x = random.uniform(-20, sheet.width - unit)
    y = random.uniform(-0.3 * unit, sheet.height - 0.7 * unit)
    if not sheet.free(x, y, x + 0.9 * n * unit, y + unit, 0.15 * unit):
        return
    for _ in range(n):
        size = unit * random.uniform(0.6, 1.05)
        patch = sheet.other(size)
        sheet.put(patch, x, y + unit - size, OTHER, unit)
        x += patch.shape[1] + unit * random.uniform(-0.05, 0.2)


def _grid(
    sheet: Sheet, random: np.random.Generator, left: float, top: float, wide: float, high: float,
    rows: int, columns: int,
) -> None:  # fmt: skip
    """Printed lines of a grid; some sides may be missing, and cells may stand apart."""
    if random.random() < 0.1:
        return
    layer = np.zeros(sheet.marks.shape, np.uint8)
    thick = int(random.integers(1, max(2, round(high / 14)) + 1))
    shade = int(255 * random.uniform(0.3, 1))
    apart = int(high * random.uniform(0.05, 0.2)) if random.random() < 0.25 else 0
    missing = random.random() * 0.25
    if apart:
        for row in range(rows):
            for column in range(columns):
                a = int(left + column * wide + apart), int(top + row * high + apart)
                b = int(left + (column + 1) * wide), int(top + (row + 1) * high)
                cv2.rectangle(layer, a, b, shade, thick)
    else:
        right, bottom = int(left + columns * wide), int(top + rows * high)
        overshoot = int(random.integers(0, 30)) if random.random() < 0.2 else 0
        for row in range(rows + 1):
            if random.random() >= missing:
                y = int(top + row * high)
                cv2.line(layer, (int(left) - overshoot, y), (right + overshoot, y), shade, thick)
        for column in range(columns + 1):
            if random.random() >= missing:
                x = int(left + column * wide)
                cv2.line(layer, (x, int(top) - overshoot), (x, bottom + overshoot), shade, thick)
    sheet.mark(layer)


LAYOUTS: dict[Layout, float] = {  # how often each is made
    single: 0.2, string: 0.2, amount: 0.16, page: 0.11, boxes: 0.07, cell: 0.04, scattered: 0.04,
    sums: 0.07, nothing: 0.11,
}  # fmt: skip
