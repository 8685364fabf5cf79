"""The one safe way in: any picture to a grey image of bounded size.

In: path, bytes, file object, PIL image or array. Out: grey values of bounded size.
Limits are checked before pixels are allocated: here of bytes, in `decode` and `headers` of pixels.
Pillow decodes, and is imported only where it does.
"""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, TypeAlias, cast

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from inkdigits.counts import extent
from inkdigits.errors import NotAPictureError, PictureError
from inkdigits.picture.documents import DocumentPage, page_of
from inkdigits.picture.grey_png import grey_png

if TYPE_CHECKING:
    from PIL import Image

# A tensor, nested lists and whatever else numpy.asarray takes are arrays.
Picture: TypeAlias = "str | Path | bytes | BinaryIO | DocumentPage | Image.Image | ArrayLike"

# 8000 x 8000; decoded in colour that is 256 MB. `decode` has lower limits for some formats, and the
# error.
MAX_PIXELS = 64_000_000
MAX_BYTES = 100_000_000  # of a file; 64 million pixels of JPEG stay well under
_WHITE = np.float32(255)
_STRIP = 2_000_000  # values that are converted at a time
_SHORT = 1 << 16  # bytes that are asked for first
MAX_SIDE = 1000  # a digit a fiftieth of the picture then still is 20 pixels
MIN_CONTRAST = 0.04  # of black to white; fainter than pencil on grey paper, above JPEG's noise

SUFFIXES = frozenset(
    (
        ".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".pbm",
        ".avif", ".heic", ".heif", ".pdf",
    )
)  # fmt: skip


class Opened(NamedTuple):
    """A picture's grey values, and its own size in pixels, upright."""

    grey: NDArray[np.float32]  # (H, W), 0 black to 1 white, longer side at most MAX_SIDE
    width: int
    height: int


def open_picture(picture: Picture, max_pixels: int = MAX_PIXELS) -> Opened:
    """The picture's grey values.

    Turned as its EXIF says; colour profiles ignored; transparency laid on the ground that makes the
    ink visible. Of several pages or frames the first, or the one in the name: scan.pdf#page=2.
    Raises NotAPictureError if it cannot be decoded,
    and PictureError, before it is decoded, if it has more than `max_pixels`.
    """
    picture = as_known(picture)
    if isinstance(picture, np.ndarray):
        pixels = as_pixels(picture, max_pixels)
        if pixels.ndim == 2 and max(pixels.shape) <= MAX_SIDE and pixels.size <= max_pixels:
            return _opened(pixels)
        from inkdigits.picture import decode

        return decode.from_array(pixels, max_pixels)
    if not isinstance(picture, str | Path | bytes | DocumentPage):
        from inkdigits.picture import decode

        return decode.from_image(picture, "picture", max_pixels)
    if isinstance(picture, bytes):
        picture = DocumentPage(picture, 1)
    if isinstance(picture, DocumentPage):
        data, page, name = picture.data, picture.page, picture.name
    else:
        (data, page), name = read_page(picture), str(picture)
    check_bytes(data, name)
    grey = grey_png(data, MAX_SIDE)
    if grey is not None and grey.size <= max_pixels:
        return _opened(grey)
    from inkdigits.picture import decode

    return decode.from_file(data, name, max_pixels, page)


def read_page(path: str | Path) -> tuple[bytes, int]:
    """A file's bytes, MAX_BYTES and one at most, and the page that its name gives.

    Raises PictureError.
    """
    file, page = page_of(str(path))
    return _read(file), page


def check_bytes(data: bytes, name: str) -> None:
    """Raise PictureError where a file is empty or too large."""
    if not data:
        raise NotAPictureError(f"{name}: is empty, expected a picture")
    if len(data) > MAX_BYTES:
        raise PictureError(f"{name}: over the limit of {MAX_BYTES:,} bytes; scale it down")


def check_contrast(grey: NDArray[np.float32]) -> None:
    """Raise PictureError if the picture is all one colour. grey: (H, W) float32 in [0, 1]."""
    darkest, lightest, _, _ = cv2.minMaxLoc(grey)
    contrast = lightest - darkest
    if contrast < MIN_CONTRAST:
        raise PictureError(
            f"blank: all one colour (contrast {contrast:.1%}, expected at least {MIN_CONTRAST:.0%})"
        )


def as_known(picture: Any) -> str | Path | bytes | DocumentPage | Image.Image | NDArray[Any]:
    """A file object's bytes, and an array of what numpy takes for one; the others as they are."""
    if isinstance(picture, str | Path | bytes | DocumentPage | np.ndarray):
        return picture
    if hasattr(picture, "getexif"):  # a PIL image; Pillow may not be loaded
        return cast("Image.Image", picture)
    try:
        if hasattr(picture, "read"):
            data = picture.read(MAX_BYTES + 1)
            if not isinstance(data, bytes):
                raise NotAPictureError("file object: gives text, expected bytes; open it with 'rb'")
            return data
        if isinstance(picture, bytearray) or (
            isinstance(picture, memoryview) and picture.ndim == 1 and picture.itemsize == 1
        ):
            return bytes(picture)
        array = np.asarray(picture)
    except PictureError:
        raise
    except Exception as error:  # whatever a library's own array raises, such as a tensor on a GPU
        raise NotAPictureError(
            f"{type(picture).__name__}: cannot be converted to an array of pixels ({error})"
        ) from error
    if array.ndim < 2 or array.dtype.kind not in "buif":
        raise NotAPictureError(
            f"{type(picture).__name__}: is not a picture; expected a path, bytes, a file object, a "
            "PIL image or an array of pixels"
        )
    return array


def _opened(pixels: NDArray[np.uint8]) -> Opened:
    height, width = pixels.shape
    return Opened(np.asarray(pixels / _WHITE, np.float32), width, height)


def _read(path: str | Path) -> bytes:
    try:
        with open(path, "rb", buffering=0) as file:
            data = file.read(_SHORT)
            # A pipe gives what is there, and nothing only at its end.
            more = file.read(_SHORT) if data else b""
            if not more:
                return data
            data += more
            # To be ready for MAX_BYTES takes longer than to read a small file.
            with io.BufferedReader(file) as rest:
                return data + rest.read(MAX_BYTES + 1 - len(data))
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise PictureError(f"{path}: {_why_unread(path, error)}") from error


def _why_unread(path: str | Path, error: Exception) -> str:
    if not isinstance(error, OSError) or not os.path.isdir(path):
        return f"cannot be read: {getattr(error, 'strerror', None) or error}"
    if not os.access(path, os.R_OK | os.X_OK):
        return "is a folder that may not be listed; change its rights"
    kinds = ", ".join(sorted(SUFFIXES))
    return (
        f"is a folder; expected a picture, or for a command a folder with pictures in it: {kinds}"
    )


def as_pixels(array: NDArray[Any], max_pixels: int) -> NDArray[np.uint8]:
    """An array as 8-bit, its range by its type; floats must lie in [0, 1].

    Raises PictureError, for more than `max_pixels` before it looks at the first.
    """
    shape = array.shape
    if len(shape) not in (2, 3) or (len(shape) == 3 and shape[2] not in (1, 3, 4)):
        several = "; several pictures go to read_many or predict_many" if len(shape) == 4 else ""
        raise PictureError(
            f"array is {shape}, expected (H, W), (H, W, 1), (H, W, 3) or (H, W, 4){several}"
        )
    if 0 in shape:
        raise PictureError(f"array is {shape}: it has no pixel")
    if shape[0] * shape[1] > max_pixels:
        raise PictureError(
            f"array is {shape}, over the limit of {max_pixels:,} pixels; scale it down"
        )
    if np.ma.is_masked(array):
        raise PictureError("array has masked values, expected a value of each pixel; fill them")
    array = np.asarray(array)
    if array.dtype.kind == "f":
        # NaN fails both comparisons.
        if not (array.min() >= 0 and array.max() <= 1):
            raise PictureError(f"array holds {extent(array)}, expected [0, 1] for floats")
    elif array.dtype.kind not in ("b", "u", "i") or not _is_8_bit(array):
        raise PictureError(
            f"array is {array.dtype}, expected uint8, uint16, bool, other whole numbers from 0 "
            "to 255, or floats in [0, 1]"
        )
    if array.dtype != np.uint8:
        array = _converted(array)
    return array[..., 0] if len(shape) == 3 and shape[2] == 1 else array


def _is_8_bit(array: NDArray[Any]) -> bool:
    """Whether whole numbers are values from 0 to 255, or their type has a range of its own."""
    own = array.dtype in (np.bool_, np.uint8) or _is_16_bit(array.dtype)
    return own or bool(array.min() >= 0 and array.max() <= _WHITE)


def _is_16_bit(dtype: np.dtype[Any]) -> bool:
    return dtype.kind == "u" and dtype.itemsize == 2  # either order of bytes


def _converted(array: NDArray[Any]) -> NDArray[np.uint8]:
    """In strips: 64 million floats on their way would take 256 MB a step."""
    found = np.empty(array.shape, np.uint8)
    rows = max(1, _STRIP // array[0].size)
    for top in range(0, len(array), rows):
        strip = array[top : top + rows]
        if strip.dtype == np.bool_:
            strip = strip * np.uint8(255)
        elif _is_16_bit(strip.dtype):
            strip = strip >> 8
        elif strip.dtype.kind == "f":
            strip = np.rint(strip * 255)
        found[top : top + rows] = strip
    return found
