"""What is no digit, so that a network can learn to be unsure of it.

In: digits (for pairs of them) and a random generator. Out: (112, 112) strokes of a letter or a
sign, a scribble, two digits side by side, or a blot of texture. Letters come from the fonts that
Matplotlib brings, written over with other pens: their many shapes matter, not their hand.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from inkdigits.data.handwriting import LARGE, Strokes, pen_drawn, rewritten

# Left out are signs that some people's digits look like: O o I l S s Z z q g b and strokes like 1.
LETTERS = "ABCDEFGHJKLMNPQRTUVWXYacdefhijkmnprtuvwxy"
SIGNS = 4 * "+=?&@#%*<>$€!~^" + "ΔΘΛΞΠΣΦΨΩαβδεζηθκλμξπσφχψωЖИФЮЯДЭЪ"  # keyboards' ones more often
_FONTS = (
    "DejaVuSans.ttf", "DejaVuSerif-Italic.ttf", "DejaVuSansMono.ttf", "DejaVuSans-Oblique.ttf",
    "DejaVuSerif.ttf", "STIXGeneral.ttf", "STIXGeneralItalic.ttf",
)  # fmt: skip
_KINDS = {
    "letter": 0.44, "sign": 0.2, "scribble": 0.1, "pair": 0.12, "texture": 0.06, "blank": 0.08,
}  # fmt: skip


def nondigit(
    digits: NDArray[np.uint8], labels: NDArray[np.uint8], random: np.random.Generator
) -> Strokes:
    """Strokes that are no digit: (112, 112) float32, ink 1, paper 0; at times there are none.

    digits: (N, 28, 28) uint8 that pairs are made of. labels: (N,) theirs.
    """
    kind = random.choice(list(_KINDS), p=list(_KINDS.values()))
    if kind == "letter":
        return _warped(_glyph(str(random.choice(list(LETTERS))), random), random)
    if kind == "sign":
        return _warped(_glyph(str(random.choice(list(SIGNS))), random), random)
    if kind == "scribble":
        return _scribble(random)
    if kind == "pair":
        return _pair(digits, labels, random)
    if kind == "blank":
        return np.zeros((LARGE, LARGE), np.float32)
    return _texture(random)


def _glyph(sign: str, random: np.random.Generator) -> Strokes:
    image = Image.new("L", (LARGE, LARGE))
    draw = ImageDraw.Draw(image)
    font = _font(_FONTS[random.integers(len(_FONTS))])
    draw.text((LARGE / 2, LARGE / 2), sign, fill=255, font=font, anchor="mm")
    depth, _ = pen_drawn(np.asarray(image) > 128, random, thinnest=1.0)
    return np.clip(depth + 0.5, 0, 1).astype(np.float32)


@cache
def _font(name: str) -> ImageFont.FreeTypeFont:
    folder = Path(mpl.get_data_path()) / "fonts" / "ttf"
    return ImageFont.truetype(folder / name, LARGE * 5 // 7)


def _warped(strokes: Strokes, random: np.random.Generator) -> Strokes:
    """Turned, slanted, stretched and bent as a hand would."""
    grid = np.mgrid[0:LARGE, 0:LARGE].astype(np.float64) - LARGE / 2
    angle = np.radians(random.normal(0, 8))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = turn @ np.array([[random.uniform(0.9, 1.3), 0], [random.normal(0, 0.2), 1]])
    places = np.einsum("ij,jhw->ihw", matrix, grid) + LARGE / 2
    for axis in (0, 1):
        bend = ndimage.zoom(random.normal(0, 3.0, (5, 5)), LARGE / 5, order=3)
        places[axis] += bend[:LARGE, :LARGE]
    return np.asarray(ndimage.map_coordinates(strokes, places, order=1), np.float32)


def _scribble(random: np.random.Generator) -> Strokes:
    """A line that wanders through 8 to 20 random points."""
    n = int(random.integers(8, 21))
    points = ndimage.zoom(random.uniform(12, LARGE - 12, (n, 2)), (12, 1), order=3)
    image = Image.new("L", (LARGE, LARGE))
    line = [(float(x), float(y)) for y, x in points]
    ImageDraw.Draw(image).line(line, 255, int(random.integers(4, 16)), joint="curve")
    return np.asarray(ndimage.gaussian_filter(np.asarray(image, np.float32) / 255, 1), np.float32)


def _pair(
    digits: NDArray[np.uint8], labels: NDArray[np.uint8], random: np.random.Generator
) -> Strokes:
    """Two digits side by side, near enough to touch at times."""
    parts = []
    for i in random.integers(len(digits), size=2):
        strokes = rewritten(digits[i], int(labels[i]), random)
        columns = np.flatnonzero(strokes.any(0))
        parts.append(strokes[:, columns[0] : columns[-1] + 1])
    gap = np.zeros((LARGE, int(random.integers(0, 14))), np.float32)
    image = Image.fromarray(np.hstack([parts[0], gap, parts[1]]))
    return np.asarray(image.resize((LARGE, LARGE), Image.Resampling.BILINEAR), np.float32)


def _texture(random: np.random.Generator) -> Strokes:
    """Noise of some coarseness, cut at a level: paper's grain, cloth, a photo of anything."""
    noise = ndimage.gaussian_filter(random.normal(0, 1, (LARGE, LARGE)), random.uniform(1, 9))
    level = float(np.quantile(noise, random.uniform(0.4, 0.9)))
    return np.asarray(noise > level, np.float32)
