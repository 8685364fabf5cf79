"""Letters and digits that fonts draw: each font is one more hand.

In: font files and a sign. Out: (112, 112) bool shapes. The fonts that Matplotlib brings are always
there; handwriting fonts are whatever folder a user names.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from inkdigits.errors import DataError
from inkdigits.synthesis.handwriting import LARGE, Mask

SUFFIXES = frozenset((".ttf", ".otf", ".woff", ".woff2"))
_DRAWN = 2 * LARGE  # pixels: glyphs are drawn at this size, then cropped
_BOX = LARGE * 5 // 7  # pixels of a shape's longer side: MNIST's 20 of 28
_DARK = 128  # grey from which a drawn pixel is ink


def font_files(folder: Path) -> tuple[Path, ...]:
    """The font files in a folder and those below it, in order of their names.

    Raises DataError if there is none, or one cannot draw the digits.
    """
    files = tuple(sorted(f for f in folder.rglob("*") if f.suffix.lower() in SUFFIXES))
    if not files:
        raise DataError(
            f"{folder}: holds no font; expected files ending in {', '.join(sorted(SUFFIXES))}"
        )
    for file in files:
        if not all(glyph(file, str(digit)).any() for digit in range(10)):
            raise DataError(f"{file}: draws no ink for some digit; take it out of the folder")
    return files


def glyph(file: Path, sign: str) -> Mask:
    """The sign as that font draws it, its longer side 80 of 112 pixels; none if it draws nothing.

    Raises DataError if the file is not a font.
    """
    image = Image.new("L", (2 * _DRAWN, 2 * _DRAWN))
    try:
        ImageDraw.Draw(image).text((_DRAWN, _DRAWN), sign, fill=255, font=_font(file), anchor="mm")
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"{file}: not a font that can be drawn with: {error}") from error
    shape: NDArray[np.bool_] = np.zeros((LARGE, LARGE), bool)
    box = image.getbbox()
    if box is None:
        return shape
    part = image.crop(box)
    share = _BOX / max(part.size)
    width, height = (max(1, round(side * share)) for side in part.size)
    part = part.resize((width, height), Image.Resampling.BILINEAR)
    top, left = (LARGE - height) // 2, (LARGE - width) // 2
    shape[top : top + height, left : left + width] = np.asarray(part) >= _DARK
    return shape


@cache
def _font(file: Path) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(file, _DRAWN)
