"""Non-digits, so that a network can learn to reject them.

In: digits (for pairs of them) and a random generator. Out: (112, 112) strokes of a letter or a
sign, a scribble, two digits side by side, or a blot of texture. Letters come from the fonts that
Matplotlib brings, for their many shapes, and from handwriting fonts where some are named.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from inkdigits.synthesis.fonts import glyph
from inkdigits.synthesis.handwriting import LARGE, Strokes, pen_drawn, rewritten, warped

# Left out are signs that some people's digits look like: O o I l S Z q g b and strokes like 1.
# s and z are in once: most people's differ from a 5 and a 2.
LETTERS = 2 * "ABCDEFGHJKLMNPQRTUVWXYacdefhijkmnprtuvwxy" + "sz"
KEYBOARD = "+=?&@#%*<>$€!~^"
SIGNS = 4 * KEYBOARD + "ΔΘΛΞΠΣΦΨΩαβδεζηθκλμξπσφχψωЖИФЮЯДЭЪ"  # keyboards' ones more often
_FONTS = (
    "DejaVuSans.ttf", "DejaVuSerif-Italic.ttf", "DejaVuSansMono.ttf", "DejaVuSans-Oblique.ttf",
    "DejaVuSerif.ttf", "STIXGeneral.ttf", "STIXGeneralItalic.ttf",
)  # fmt: skip
_BY_HAND = 0.8  # share of the letters and signs in handwriting fonts, where there are some
_KINDS = {
    "letter": 0.44, "sign": 0.2, "scribble": 0.1, "pair": 0.12, "texture": 0.06, "blank": 0.08,
}  # fmt: skip


def nondigit(
    digits: NDArray[np.uint8],
    labels: NDArray[np.uint8],
    random: np.random.Generator,
    fonts: Sequence[Path] = (),
) -> Strokes:
    """Strokes that are not a digit: (112, 112) float32, ink 1, paper 0; at times there are none.

    digits: (N, 28, 28) uint8 that pairs are made of. labels: (N,) theirs. fonts: handwriting fonts
    that most letters and keyboards' signs are then written in.
    """
    kind = random.choice(list(_KINDS), p=list(_KINDS.values()))
    if kind in ("letter", "sign"):
        by_hand = bool(fonts) and random.random() < _BY_HAND
        signs = LETTERS if kind == "letter" else KEYBOARD if by_hand else SIGNS
        return written(str(random.choice(list(signs))), fonts if by_hand else plain_fonts(), random)
    if kind == "scribble":
        return scribble(random)
    if kind == "pair":
        return _pair(digits, labels, random)
    if kind == "blank":
        return np.zeros((LARGE, LARGE), np.float32)
    return texture(random)


def written(sign: str, fonts: Sequence[Path], random: np.random.Generator) -> Strokes:
    """The sign as one of the fonts has it, with its own or another pen, bent as a hand would."""
    shape = glyph(fonts[int(random.integers(len(fonts)))], sign)
    while not shape.any():  # that font has no such sign
        shape = glyph(fonts[int(random.integers(len(fonts)))], sign)
    depth, _ = pen_drawn(shape, random, thinnest=1.0)
    return warped(np.clip(depth + 0.5, 0, 1).astype(np.float32), random)


@cache
def plain_fonts() -> tuple[Path, ...]:
    """Print, upright and slanted: the fonts that Matplotlib brings."""
    folder = Path(mpl.get_data_path()) / "fonts" / "ttf"
    return tuple(folder / name for name in _FONTS)


def scribble(random: np.random.Generator) -> Strokes:
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


def texture(random: np.random.Generator) -> Strokes:
    """Noise of some coarseness, cut at a level: paper's grain, cloth, a photo of anything."""
    noise = ndimage.gaussian_filter(random.normal(0, 1, (LARGE, LARGE)), random.uniform(1, 9))
    level = float(np.quantile(noise, random.uniform(0.4, 0.9)))
    return np.asarray(noise > level, np.float32)
