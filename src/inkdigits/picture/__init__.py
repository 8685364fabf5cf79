"""Any picture of one digit to the 28x28 array that networks read: open, find the ink, place it.

In: a path, bytes, a PIL image or an array. Out: (28, 28) float32, ink 1, paper 0.
Knows nothing of models; imports numpy, scipy.ndimage and Pillow.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from inkdigits.picture.find import Found, find_digit
from inkdigits.picture.ground import SMALL
from inkdigits.picture.groups import side_by_side
from inkdigits.picture.ink import CUT, FAINT_CUT, check_contrast, find_ink
from inkdigits.picture.open import Picture, open_picture
from inkdigits.picture.place import place
from inkdigits.picture.scale import scaled
from inkdigits.picture.sheet import sheet_and_desk

__all__ = ["FAINT_CUT", "Picture", "Seen", "digit_array", "see"]

_WORK = 400  # pixels: strokes are told from paper no better in a larger picture


class Seen(NamedTuple):
    """What was found in a picture."""

    array: NDArray[np.float32]  # (28, 28), ink 1, paper 0
    box: tuple[int, int, int, int]  # of the ink: left, top, right, bottom, pixels, upright
    blank: bool  # nothing stands out of the paper's own grain; the array is a guess
    several: bool  # two or more groups of strokes side by side


def see(picture: Picture, cut: float = CUT) -> Seen:
    """The digit in one picture: its array and where it was.

    cut: share of Otsu's threshold from which a pixel is ink; FAINT_CUT sees fainter strokes too.
    Raises PictureError if the picture cannot be decoded, is over a limit, or is all one colour.
    """
    opened = open_picture(picture)
    grey = opened.grey
    check_contrast(grey)
    height, width = grey.shape
    found = Found(slice(0, height), slice(0, width), None, None, 0.0, blank=False)
    if max(grey.shape) > SMALL:
        # A sheet on a desk, or a hard shadow on a page: the digit is in the one or in the other.
        views = sheet_and_desk(grey) or (grey,)
        grey, found = max(((v, find_digit(v)) for v in views), key=lambda pair: pair[1].weight)
    part = grey[found.rows, found.columns]
    share = min(1.0, _WORK / max(part.shape))
    ink = find_ink(scaled(part, share) if share < 1 else part, found.dark, found.strokes, cut)
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    x, y = opened.width / width, opened.height / height
    box = (
        round((found.columns.start + columns[0] / share) * x),
        round((found.rows.start + rows[0] / share) * y),
        round((found.columns.start + (columns[-1] + 1) / share) * x),
        round((found.rows.start + (rows[-1] + 1) / share) * y),
    )
    return Seen(place(ink), box, found.blank, side_by_side(ink > 0))


def digit_array(picture: Picture) -> NDArray[np.float32]:
    """The (28, 28) float32 digit array of one picture, ink 1, paper 0.

    Raises PictureError if it cannot be decoded, is over a limit, or holds no ink.
    """
    return see(picture).array
