"""Any picture of one digit to the 28x28 array that networks read: open, find the ink, place it.

In: a path, bytes, a PIL image or an array. Out: (28, 28) float32, ink 1, paper 0.
Knows nothing of models; imports numpy, scipy.ndimage and Pillow.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inkdigits.picture.find import find_digit
from inkdigits.picture.ink import check_contrast, find_ink
from inkdigits.picture.open import Picture, open_grey
from inkdigits.picture.place import place

__all__ = ["Picture", "digit_array"]

_CLOSE = 120  # pixels: a smaller picture was cut out around its digit


def digit_array(picture: Picture) -> NDArray[np.float32]:
    """The (28, 28) float32 digit array of one picture, ink 1, paper 0.

    Raises PictureError if it cannot be decoded, is over a limit, or holds no ink.
    """
    grey = open_grey(picture)
    if max(grey.shape) <= _CLOSE:
        return place(find_ink(grey))
    check_contrast(grey)
    found = find_digit(grey)
    return place(find_ink(grey[found.rows, found.columns], found.dark))
