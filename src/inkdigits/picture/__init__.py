"""Any picture of one digit to the 28x28 array that networks read: open, find the ink, place it.

In: a path, bytes, a PIL image or an array. Out: (28, 28) float32, ink 1, paper 0.
Knows nothing of models; imports numpy, OpenCV and Pillow.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from inkdigits.errors import PictureError
from inkdigits.picture.find import Found, find_places
from inkdigits.picture.ink import NO_INK, check_contrast, find_ink
from inkdigits.picture.open import MAX_PIXELS, Opened, Picture, open_picture
from inkdigits.picture.place import extents, place, place_all
from inkdigits.picture.scale import Grey, scaled
from inkdigits.picture.sheet import sheet_and_desk
from inkdigits.picture.small import SMALL, grounds_of, inks_of

__all__ = [
    "MAX_PIXELS",
    "Crop",
    "Look",
    "Picture",
    "Seen",
    "cut_out",
    "digit_array",
    "look_at",
    "see",
]

_OTHERS = 3  # places besides the likeliest one that are looked at where that one is doubtful
_SMALL_PHOTO = 24  # pixels: what is smaller is no photo but a digit cut out for a form's reader
_ENLARGED = 3  # times: a small photo's strokes are then as wide as those of one cut out closely
_WORK = 400  # pixels: strokes are told from paper no better in a larger picture

_Found = TypeVar("_Found")


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


class Look(NamedTuple):
    """What was seen in a picture, and where else its digit may be."""

    seen: Seen
    crops: list[Crop]  # the first is where it was seen


def see(picture: Picture) -> Seen:
    """The digit in one picture: its array and where it was.

    Raises PictureError if the picture cannot be decoded, is over a limit, or is all one colour.
    """
    return _or_raise(look_at([picture])[0]).seen


def look_at(pictures: Iterable[Picture], max_pixels: int = MAX_PIXELS) -> list[Look | PictureError]:
    """A Look at each picture, in order; a PictureError stands where none is possible.

    max_pixels: a picture that has more is a PictureError, before it is decoded.
    """
    looks: dict[int, Look | PictureError] = {}
    small: defaultdict[tuple[int, ...], dict[int, Grey]] = defaultdict(dict)
    for i, picture in enumerate(pictures):
        try:
            opened = open_picture(picture, max_pixels)
            check_contrast(opened.grey)
            if max(opened.grey.shape) <= SMALL:
                small[opened.grey.shape][i] = opened.grey
            else:
                crops = _crops_of_large(opened)
                looks[i] = Look(cut_out(crops[0]), crops)
        except PictureError as error:
            looks[i] = error
    for greys in small.values():
        places = _crops_of_small(list(greys.values()))
        found = _cut_out_small([crops[0] for crops in places])
        for i, crops, seen in zip(greys, places, found, strict=True):
            looks[i] = seen if isinstance(seen, PictureError) else Look(seen, crops)
    return [looks[i] for i in range(len(looks))]


def cut_out(crop: Crop, *, faint: bool = False) -> Seen:
    """The digit in a crop. Raises PictureError if no ink stands out.

    faint: see fainter strokes too, where a pen's pressure changed within one stroke.
    """
    if max(crop.grey.shape) <= SMALL:
        return _or_raise(_cut_out_small([crop], faint=faint)[0])
    found = crop.found
    ink, several = find_ink(crop.grey, found.dark, found.strokes, faint=faint)
    (part,) = extents(ink[None])
    return Seen(place(ink[part]), _box(crop, part), found.blank, several)


def digit_array(picture: Picture) -> NDArray[np.float32]:
    """The (28, 28) float32 digit array of one picture, ink 1, paper 0.

    Raises PictureError if it cannot be decoded, is over a limit, or holds no ink.
    """
    return see(picture).array


def _crops_of_large(opened: Opened) -> list[Crop]:
    grey = opened.grey
    # A sheet on a desk, or a hard shadow on a page: the digit is in the one or in the other.
    views = sheet_and_desk(grey) or (grey,)
    places = [[(view, found) for found in find_places(view)] for view in views]
    places.sort(key=lambda view: -view[0][1].weight)
    first, others = places[0][0], places[0][1:] + [place for view in places[1:] for place in view]
    if len(views) > 1:  # or what looked like a sheet is a thick stroke
        others += [(grey, found) for found in find_places(grey)]
    others = sorted((o for o in others if o[1].weight > 0), key=lambda place: -place[1].weight)
    size = opened.width, opened.height
    return [_crop(view, found, size) for view, found in (first, *others[:_OTHERS])]


def _crops_of_small(greys: list[Grey]) -> list[list[Crop]]:
    """Of each all of it, in each way that it may be meant; greys: all of one size.

    A drawn or cut-out digit on an even ground, of either polarity where that is open; where the
    ground is not even, a photo made small, looked at as a larger one is.
    """
    height, width = greys[0].shape
    enlargeable = max(height, width) >= _SMALL_PHOTO
    crops = []
    for grey, dark, value, other, either, even in zip(
        greys, *(row.tolist() for row in grounds_of(np.stack(greys))), strict=True
    ):
        ways = [_small_crop(grey, dark, value)]
        if either:
            ways.append(_small_crop(grey, not dark, other))
        if enlargeable and not even:
            larger = scaled(grey, _ENLARGED)
            ways.append(_crop(larger, find_places(larger)[0], (width, height)))
        crops.append(ways)
    return crops


def _small_crop(grey: Grey, dark: bool, ground: float) -> Crop:
    whole = slice(0, grey.shape[0]), slice(0, grey.shape[1])
    found = Found(*whole, dark, None, 0.0, blank=False)
    return Crop(grey, found, (1.0, 1.0), (0.0, 0.0), True, ground)


def _crop(grey: Grey, found: Found, size: tuple[int, int]) -> Crop:
    """What was found, of a picture of that (width, height)."""
    part = grey[found.rows, found.columns]
    share = min(1.0, _WORK / max(part.shape))
    x, y = size[0] / grey.shape[1], size[1] / grey.shape[0]
    # A copy: a view would keep the whole picture in memory.
    part_alone = scaled(part, share) if share < 1 else part.copy()
    dark, ground = found.dark, None
    if max(part_alone.shape) <= SMALL:
        grounds = grounds_of(part_alone[None])
        dark = bool(grounds.dark[0]) if dark is None else dark
        ground = float(grounds.value[0] if dark == grounds.dark[0] else grounds.other[0])
    return Crop(
        part_alone,
        found._replace(dark=dark),
        (x / share, y / share),
        (found.columns.start * x, found.rows.start * y),
        part.shape == grey.shape,
        ground,
    )


def _cut_out_small(crops: list[Crop], *, faint: bool = False) -> list[Seen | PictureError]:
    greys = np.stack([crop.grey for crop in crops])
    dark = np.array([crop.found.dark for crop in crops], bool)
    ground = np.array([crop.ground for crop in crops], np.float32)
    inks = inks_of(greys, dark, ground, faint=faint)
    seen: list[Seen | PictureError] = [PictureError(NO_INK)] * len(crops)
    (inked,) = np.nonzero(inks.found)
    levels = inks.level[inked]
    for i, array, part in zip(inked.tolist(), place_all(levels), extents(levels), strict=True):
        crop = crops[i]
        seen[i] = Seen(array, _box(crop, part), crop.found.blank, bool(inks.several[i]))
    return seen


def _box(crop: Crop, part: tuple[slice, slice]) -> tuple[int, int, int, int]:
    """Where a part of a crop lies in its picture."""
    rows, columns = part
    (x, y), (left, top) = crop.scale, crop.corner
    return (
        round(left + columns.start * x),
        round(top + rows.start * y),
        round(left + columns.stop * x),
        round(top + rows.stop * y),
    )


def _or_raise(found: _Found | PictureError) -> _Found:
    if isinstance(found, PictureError):
        raise found
    return found
