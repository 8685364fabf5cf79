"""What a written sheet looks like in a picture: paper or a screen, light, a camera, a file format.

In: a Sheet. Out: (H, W) uint8 grey. Nothing here moves ink: the Items' positions stay true.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.synthesis.layouts import word
from inkdigits.synthesis.sheet import Grey, Rect, Sheet, Style

_LEGIBLE = 0.25  # of the ink's contrast that paper and noise vary by at most, or nobody reads it
_LIGHT, _LIGHT_ALONE = 0.12, 0.25  # shares of the pictures that are turned to light ink on dark
_LETTERS = list("abcdefghikmnprstuvwxyzABCDEFGHKLMNPRTUVWXY:.,- ")


def clutter(sheet: Sheet, random: np.random.Generator, unit: float) -> None:
    """What else stands on a sheet: words, print, ruled lines, stray strokes, specks."""
    if random.random() < 0.28:
        for _ in range(int(random.integers(1, 4))):
            word(sheet, random, unit * random.uniform(0.5, 1.2))
    if random.random() < 0.15:
        for _ in range(int(random.integers(1, 4))):
            _print(sheet, random)
    if random.random() < 0.28:
        _rule(sheet, random, unit)
    layer = np.zeros(sheet.marks.shape, np.uint8)
    if random.random() < 0.15:  # long strokes: underlines, frames, a fold
        for _ in range(int(random.integers(1, 4))):
            ends = random.integers(-20, sheet.width + 20, 4).tolist()
            if random.random() < 0.6:
                ends[3] = ends[1] + int(random.integers(-6, 7))
            else:  # out of the picture, as a lone upright stroke is a 1
                ends[3] = -10 if random.random() < 0.5 else sheet.height + 10
            shade, thick = int(255 * random.uniform(0.25, 1)), int(random.integers(1, 5))
            cv2.line(layer, tuple(ends[:2]), tuple(ends[2:]), shade, thick, cv2.LINE_AA)
    if random.random() < 0.12:  # specks
        for _ in range(int(random.integers(1, 25))):
            at = (int(random.integers(sheet.width)), int(random.integers(sheet.height)))
            if sheet.free(*at, *at, 0.3 * unit):
                cv2.circle(layer, at, int(random.integers(0, 3)), int(random.integers(60, 256)), -1)
    sheet.mark(layer)
    if random.random() < 0.03:
        _holes(sheet, random)
    if random.random() < 0.06:  # writing shows through from the back, or from the next sheet
        mirrored = random.random() < 0.75
        strength = random.uniform(0.1, 0.5 if mirrored else 0.25)
        style = Style.drawn(random)
        for _ in range(int(random.integers(3, 15))):
            patch, _ = sheet.digit(unit, style)
            patch = patch[:, ::-1] if mirrored else patch
            x, y = random.integers(sheet.width), random.integers(sheet.height)
            sheet.ghost(patch, float(x), float(y), strength)


def _holes(sheet: Sheet, random: np.random.Generator) -> None:
    """Holes punched along a side, dark where a scanner's lid is, or rings of shadow."""
    layer = np.zeros(sheet.marks.shape, np.uint8)
    radius, shade = int(random.integers(4, 22)), int(255 * random.uniform(0.3, 1))
    aside, along = random.uniform(0.5, 3) * radius, random.uniform(-1, 4) * radius
    apart = radius * random.uniform(3, 12)
    filled = -1 if random.random() < 0.7 else int(random.integers(1, 3))
    upright = random.random() < 0.7
    far = random.random() < 0.3
    for _ in range(int(random.integers(1, 6))):
        x, y = (aside, along) if upright else (along, aside)
        at = (sheet.width - x, sheet.height - y) if far else (x, y)
        if sheet.free(at[0] - radius, at[1] - radius, at[0] + radius, at[1] + radius, 3):
            cv2.circle(layer, (round(at[0]), round(at[1])), radius, shade, filled, cv2.LINE_AA)
        along += apart
    sheet.mark(layer)


def _print(sheet: Sheet, random: np.random.Generator) -> None:
    font, scale = int(random.integers(0, 7)), random.uniform(0.3, 0.9)
    text = "".join(random.choice(_LETTERS, int(random.integers(3, 25))))
    y = int(random.integers(8, sheet.height))
    x = int(random.integers(-20, sheet.width))
    (width, height), _ = cv2.getTextSize(text, font, scale, 1)
    if sheet.free(x, y - height, x + width, y + 6, 3):
        layer = np.zeros(sheet.marks.shape, np.uint8)
        shade = int(255 * random.uniform(0.4, 1))
        cv2.putText(layer, text, (x, y), font, scale, shade, 1, cv2.LINE_AA)
        sheet.mark(layer)


def _rule(sheet: Sheet, random: np.random.Generator, unit: float) -> None:
    """Ruled or squared paper, fainter than most ink."""
    layer = np.zeros(sheet.marks.shape, np.uint8)
    gap = max(4.0, unit * random.uniform(0.35, 1.8))
    shade, thick = (
        int(255 * random.uniform(0.15, 0.65)),
        max(1, round(unit * random.uniform(0, 0.04))),
    )
    tilt = random.normal(0, 4)
    for y in np.arange(random.uniform(0, gap) - abs(tilt), sheet.height + abs(tilt), gap):
        cv2.line(layer, (0, int(y)), (sheet.width, int(y + tilt)), shade, thick, cv2.LINE_AA)
    if random.random() < 0.4:
        for x in np.arange(random.uniform(0, gap), sheet.width, gap):
            cv2.line(layer, (int(x), 0), (int(x - tilt), sheet.height), shade, thick, cv2.LINE_AA)
    sheet.mark(layer)


def texture(height: int, width: int, random: np.random.Generator) -> NDArray[np.uint8]:
    """No sheet at all: static, cloth, a photo of anything; (height, width) uint8."""
    size = int(random.choice((1, 1, 2, 4, 10)))
    noise = _grain(height, width, size, random)
    kind = random.random()
    if kind < 0.3:
        noise = np.where(noise > random.normal(0, 0.7), 1.0, -1.0).astype(np.float32)
    elif kind < 0.6:  # as many of each grey
        noise = random.uniform(-1.7, 1.7, (height, width)).astype(np.float32)
    values = random.uniform(60, 190) + random.uniform(10, 90) * noise
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def empty(height: int, width: int, random: np.random.Generator) -> NDArray[np.uint8]:
    """Even paper or a screen with nothing on it, as a camera's file has it: (height, width) uint8.

    A reader looks at a picture in several sizes: what JPEG makes of grain comes in all of them.
    """
    zoom = float(np.exp(random.uniform(np.log(0.6), np.log(3))))
    h, w = (max(8, round(side / zoom)) for side in (height, width))
    y, x = np.ogrid[0:h, 0:w]
    light = random.uniform(-0.2, 0.2) * x / w + random.uniform(-0.2, 0.2) * y / h
    page = (light if random.random() < 0.5 else 0) + random.uniform(0.1, 1) * np.ones((h, w))
    strength = np.exp(random.uniform(np.log(0.5), np.log(14))) / 255
    page = page + strength * _grain(h, w, int(random.choice((1, 1, 1, 2, 3))), random)
    pixels: NDArray[Any] = np.rint(255 * np.clip(page, 0, 1)).astype(np.uint8)
    if random.random() < 0.85:
        pixels = _in_jpeg(pixels, int(random.integers(15, 85)))
    how = cv2.INTER_AREA if zoom < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=how), np.uint8)


def _in_jpeg(pixels: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    data = cv2.imencode(".jpg", pixels, (cv2.IMWRITE_JPEG_QUALITY, quality))[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.uint8)


def pictured(
    sheet: Sheet, part: Rect, random: np.random.Generator, unit: float
) -> NDArray[np.uint8]:
    """A picture of that part of the sheet: (bottom - top, right - left) uint8 grey."""
    left, top, right, bottom = part
    view = slice(top, bottom), slice(left, right)
    ink, marks = sheet.ink[view], sheet.marks[view]
    h, w = ink.shape
    if random.random() < 0.28:
        grey = _on_screen(ink, marks, random)
    else:
        grey, contrast = _on_paper(ink, marks, random)
        if random.random() < 0.6 * min(1.0, unit / 18):
            grey = cv2.GaussianBlur(grey, (0, 0), max(0.1, random.uniform(0, 0.035) * unit))
        noise = (
            0.03 * random.random() ** 2 if random.random() < 0.92 else random.uniform(0.03, 0.07)
        )
        noise = min(noise, _LEGIBLE * contrast)
        grey = grey + random.standard_normal((h, w), np.float32) * np.float32(noise)
    if random.random() < (_LIGHT_ALONE if len(sheet.items) == 1 else _LIGHT):
        grey = 1 - grey
    pixels: NDArray[Any] = np.rint(255 * np.clip(grey, 0, 1)).astype(np.uint8)
    if random.random() < 0.25 and unit > 16:  # low resolution
        share = max(random.uniform(0.15, 0.85), 9 / unit)
        small = cv2.resize(pixels, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
        if random.random() < 0.25:
            small = _in_jpeg(np.asarray(small, np.uint8), int(random.integers(25, 92)))
        how = cv2.INTER_LINEAR if random.random() < 0.7 else cv2.INTER_CUBIC
        pixels = cv2.resize(small, (w, h), interpolation=how)
    if random.random() < 0.3:
        pixels = _in_jpeg(pixels, int(random.integers(18, 92)))
    return pixels


def _on_screen(ink: Grey, marks: Grey, random: np.random.Generator) -> Grey:
    """A drawing program's picture: even ground, at times without soft edges."""
    paper, pen = (1.0, 0.0) if random.random() < 0.55 else (0.0, 1.0)
    if random.random() < 0.35:
        paper += random.uniform(0, 0.45) * (pen - paper)
        pen += random.choice((0.5, 0.85)) * random.random() * (paper - pen)
    if random.random() < 0.4:
        ink = (ink > 0.5).astype(np.float32)
    shown = np.maximum(ink, marks * np.float32(random.uniform(0.2, 0.9)))
    return np.asarray(paper + (pen - paper) * shown, np.float32)


def _on_paper(ink: Grey, marks: Grey, random: np.random.Generator) -> tuple[Grey, float]:
    """The paper's picture, and how far full ink stands out from it."""
    h, w = ink.shape
    paper = random.uniform(0.4, 0.98)
    dark = paper * random.uniform(0.4 if random.random() < 0.65 else 0.15, 0.95)
    printed = paper * random.uniform(0.08, 0.75)
    if random.random() < 0.08:  # a board
        paper, dark, printed = random.uniform(0.05, 0.3), -random.uniform(0.3, 0.6), -0.3
    page = np.full((h, w), paper, np.float32)
    contrast = abs(dark)
    for size, most in ((1, 0.02), (2, 0.05), (12, 0.05), (40, 0.06)):
        if random.random() < 0.5:
            strength = min(most * random.random() ** 2, _LEGIBLE * contrast)
            page += np.float32(strength) * _grain(h, w, size, random)
    if random.random() < 0.2:
        strength = min(random.uniform(0.02, 0.15), 1.2 * _LEGIBLE * contrast)
        page += np.float32(strength) * _pattern(h, w, random)
    cover = ink
    if random.random() < 0.35:  # a pen's pressure changes, or a pencil's grain
        lightest = random.uniform(0.35, 1)
        field = lightest + 0.3 * _grain(h, w, int(random.choice((1, 6, 14))), random)
        cover = ink * np.clip(field, 0.3, 1)
    page = page - np.float32(printed) * marks * (1 - ink) - np.float32(dark) * cover
    y, x = np.ogrid[0:h, 0:w]
    y, x = (
        (y / np.float32(max(h, w))).astype(np.float32),
        (x / np.float32(max(h, w))).astype(np.float32),
    )
    if random.random() < 0.06:
        page = _on_desk(page, random)
    angle = random.uniform(0, 2 * np.pi)
    across = (x - 0.5) * np.cos(angle) + (y - 0.4) * np.sin(angle)
    page = page * (1 - np.float32(random.uniform(0, 0.4)) * (np.float32(0.5) + across))
    if random.random() < 0.25:  # a shadow
        angle = random.uniform(0, 2 * np.pi)
        side = (x - random.uniform(0.2, 0.8)) * np.cos(angle) + (
            y - random.uniform(0.1, 0.6)
        ) * np.sin(angle)
        soft = random.uniform(0.003, 0.1)
        page = page * (1 - random.uniform(0.1, 0.55) / (1 + np.exp(np.clip(-side / soft, -40, 40))))
    return np.asarray(page, np.float32), contrast


def _grain(h: int, w: int, size: int, random: np.random.Generator) -> Grey:
    """Smooth noise with a standard deviation near 1, features `size` pixels wide."""
    coarse = random.standard_normal((h // size + 2, w // size + 2), np.float32)
    return cv2.resize(coarse, (w, h), interpolation=cv2.INTER_CUBIC) if size > 1 else coarse[:h, :w]


def _pattern(h: int, w: int, random: np.random.Generator) -> Grey:
    """A cheque's waves or a dotted ground, from -1 to 1."""
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    a, b = random.uniform(0.1, 0.9, 2)
    phase = random.uniform(0, 6) * np.sin(x * np.float32(random.uniform(0.01, 0.1)))
    wave = np.sin(np.float32(a) * x + np.float32(b) * y + phase)
    if random.random() < 0.4:
        wave = np.maximum(wave * np.sin(np.float32(b) * x - np.float32(a) * y), 0)
    elif random.random() < 0.5:  # fine lines, at times in two directions
        second = np.sin(np.float32(b) * x - np.float32(a) * y - phase)
        if random.random() < 0.5:
            wave = np.maximum(wave, second)
        wave = np.clip((wave - np.float32(random.uniform(0.3, 0.8))) * 4, 0, 1)
    return np.asarray(wave, np.float32)


def _on_desk(page: Grey, random: np.random.Generator) -> Grey:
    """The sheet's edge, and the desk beyond it along one side."""
    h, w = page.shape
    desk = np.full((h, w), random.uniform(0.05, 0.9), np.float32)
    desk += np.float32(random.uniform(0, 0.1)) * _grain(
        h, w, int(random.choice((2, 8, 20))), random
    )
    depth = random.uniform(0.02, 0.12)
    y, x = np.mgrid[0:h, 0:w]
    side = int(random.integers(4))
    at = (y / h, 1 - y / h, x / w, 1 - x / w)[side]
    along = (x / w, x / w, y / h, y / h)[side]
    beyond = at < depth + random.normal(0, 0.03) * along
    return np.where(beyond, desk, page)
