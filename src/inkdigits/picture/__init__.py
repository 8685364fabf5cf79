"""Any picture of one digit to the 28x28 array that networks read: open, find the ink, place it.

In: a path, bytes, a PIL image or an array. Out: (28, 28) float32, ink 1, paper 0.
Knows nothing of models; imports numpy, scipy.ndimage and Pillow.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from inkdigits.picture.find import Found, find_places
from inkdigits.picture.ground import SMALL, grounds_of_small
from inkdigits.picture.ink import check_contrast, find_ink
from inkdigits.picture.open import MAX_PIXELS, Opened, Picture, open_picture
from inkdigits.picture.place import extent, place
from inkdigits.picture.scale import scaled
from inkdigits.picture.sheet import sheet_and_desk

__all__ = [
    "MAX_PIXELS",
    "Crop",
    "Picture",
    "Seen",
    "crops_of",
    "cut_out",
    "digit_array",
    "see",
]

_OTHERS = 3  # places besides the likeliest one that are looked at where that one is doubtful
_SMALL_PHOTO = 24  # pixels: what is smaller is no photo but a digit cut out for a form's reader
_ENLARGED = 3  # times: a small photo's strokes are then as wide as those of one cut out closely
_WORK = 400  # pixels: strokes are told from paper no better in a larger picture


class Crop(NamedTuple):
    """A part of a picture in which its digit may lie."""

    grey: NDArray[np.float32]  # (h, w), 0 black to 1 white, longer side at most 400
    found: Found
    scale: tuple[float, float]  # of the picture's own pixels to the crop's, (x, y)
    corner: tuple[float, float]  # of the crop in the picture, own pixels, (x, y)
    whole: bool  # all of the picture
    ground: float | None  # the paper's value, where that is known


class Seen(NamedTuple):
    """What was found in a picture."""

    array: NDArray[np.float32]  # (28, 28), ink 1, paper 0
    box: tuple[int, int, int, int]  # of the ink: left, top, right, bottom, pixels, upright
    blank: bool  # nothing stands out of the paper's own grain; the array is a guess
    several: bool  # two or more groups of strokes side by side


def see(picture: Picture) -> Seen:
    """The digit in one picture: its array and where it was.

    Raises PictureError if the picture cannot be decoded, is over a limit, or is all one colour.
    """
    return cut_out(crops_of(picture)[0])


def crops_of(picture: Picture, max_pixels: int = MAX_PIXELS) -> list[Crop]:
    """Where in one picture the digit is, and behind that where it may be if it is not there.

    Raises PictureError as `see` does; before decoding, if it has more than `max_pixels`.
    """
    opened = open_picture(picture, max_pixels)
    grey = opened.grey
    check_contrast(grey)
    if max(grey.shape) <= SMALL:
        return _of_small(opened)
    # A sheet on a desk, or a hard shadow on a page: the digit is in the one or in the other.
    views = sheet_and_desk(grey) or (grey,)
    places = [[(view, found) for found in find_places(view)] for view in views]
    places.sort(key=lambda view: -view[0][1].weight)
    first, others = places[0][0], places[0][1:] + [place for view in places[1:] for place in view]
    if len(views) > 1:  # or what looked like a sheet is a thick stroke
        others += [(grey, found) for found in find_places(grey)]
    others = sorted((o for o in others if o[1].weight > 0), key=lambda place: -place[1].weight)
    return [_crop(view, found, opened) for view, found in (first, *others[:_OTHERS])]


def _of_small(opened: Opened) -> list[Crop]:
    """All of a small picture, in each way that it may be meant.

    A drawn or cut-out digit on an even ground, of either polarity where that is open; where the
    ground is not even, a photo made small, looked at as a larger one is.
    """
    grey = opened.grey
    frame = slice(0, grey.shape[0]), slice(0, grey.shape[1])
    grounds, even = grounds_of_small(grey)
    crops = [
        _crop(grey, Found(*frame, dark, None, 0.0, blank=False), opened, ground)
        for dark, ground in grounds.items()
    ]
    if max(grey.shape) >= _SMALL_PHOTO and not even:
        larger = scaled(grey, _ENLARGED)
        crops.append(_crop(larger, find_places(larger)[0], opened))
    return crops


def _crop(
    grey: NDArray[np.float32], found: Found, opened: Opened, ground: float | None = None
) -> Crop:
    part = grey[found.rows, found.columns]
    share = min(1.0, _WORK / max(part.shape))
    x, y = opened.width / grey.shape[1], opened.height / grey.shape[0]
    return Crop(
        # A copy: a view would keep the whole picture in memory.
        scaled(part, share) if share < 1 else part.copy(),
        found,
        (x / share, y / share),
        (found.columns.start * x, found.rows.start * y),
        part.shape == grey.shape,
        ground,
    )


def cut_out(crop: Crop, *, faint: bool = False) -> Seen:
    """The digit in a crop. Raises PictureError if no ink stands out.

    faint: see fainter strokes too, where a pen's pressure changed within one stroke.
    """
    found = crop.found
    ink, several = find_ink(crop.grey, found.dark, found.strokes, crop.ground, faint=faint)
    rows, columns = extent(ink)
    (x, y), (left, top) = crop.scale, crop.corner
    box = (
        round(left + columns.start * x),
        round(top + rows.start * y),
        round(left + columns.stop * x),
        round(top + rows.stop * y),
    )
    return Seen(place(ink[rows, columns]), box, found.blank, several)


def digit_array(picture: Picture) -> NDArray[np.float32]:
    """The (28, 28) float32 digit array of one picture, ink 1, paper 0.

    Raises PictureError if it cannot be decoded, is over a limit, or holds no ink.
    """
    return see(picture).array
