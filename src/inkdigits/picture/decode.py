"""Whatever Pillow decodes, to grey values of bounded size.

In: a file's bytes, a PIL image or 8-bit pixels. Out: what `open_picture` gives.
"""

from __future__ import annotations

import threading
import warnings
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from inkdigits import clock
from inkdigits.environment import give_back_memory
from inkdigits.errors import NotAPictureError, PictureError
from inkdigits.picture import documents, headers
from inkdigits.picture.open import (
    MAX_PIXELS,
    MAX_SIDE,
    Opened,
    Picture,
    as_known,
    as_pixels,
    check_bytes,
    read_page,
)

# Pillow opens far more; these are what cameras, scanners, phones and drawing programs write.
# The last two make Pillow load all its decoders, so they are tried last.
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "PPM", "TIFF", "WEBP")
# WebP's decoder holds a picture three times over, those of AVIF and HEIC likewise. Phones store
# 24.5 million pixels as HEIC.
_MAX_PIXELS_OF = {"WEBP": 20_000_000, "AVIF": 25_000_000, "HEIF": 25_000_000}
_MAX_PROGRESSIVE_CMYK = 48_000_000  # of which libjpeg holds four channels in 16 bits
_MUCH = 8_000_000  # pixels: 24 MB in colour; giving memory back costs the next networks 25 ms
_SECONDS, _JPEG_SECONDS = 20e-9, 5e-9  # of a pixel, to be decoded and scaled, about
_GAP = 2  # times MAX_SIDE: shrunk by whole numbers down to that, which is fast, then exactly
_FIRST = 16  # bytes by which Pillow tells formats
_STRIP = 2_000_000  # pixels that are brought into another mode at a time
_LUMA = np.array((0.299, 0.587, 0.114))  # of red, green and blue in lightness, ITU-R BT.601
_COLOUR_SIDE = 64  # pixels of the copy in which colours are compared
_COLOURED = 3  # times as far as along lightness: then colour tells ink from paper
_LEAST_SPREAD = 0.01  # standard deviation, of black to white: less is noise
_ORIENTATION, _LYING = 0x0112, (5, 6, 7, 8)  # EXIF's tag, and its values for a quarter turn
_DEEP_MODES = ("I", "F", "I;16", "I;16L", "I;16B", "I;16N")


class _Silence:
    """No warnings: Pillow's are of odd metadata and large sizes, and the limits here decide.

    catch_warnings alone is of one thread: of two that overlap the first to end restores the
    filters, and the second then the first one's silence, for good.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._caught = warnings.catch_warnings()

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._caught = warnings.catch_warnings()
                self._caught.__enter__()
                warnings.simplefilter("ignore")
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._caught.__exit__(None, None, None)


_silence = _Silence()


def from_file(data: bytes, name: str, max_pixels: int, page: int = 1) -> Opened:
    """A file's picture, of several the one of that number. Raises PictureError."""
    known = False
    try:
        with _silence, _image(data, name, page, max_pixels) as image:
            known = True
            return _opened(image, name, max_pixels)
    except PictureError:
        raise
    except Image.DecompressionBombError as error:
        raise PictureError(
            f"{name}: over the limit of {max_pixels:,} pixels ({error}); scale it down"
        ) from error
    except MemoryError as error:
        raise _no_memory(name) from error
    # Decoders fail on broken files in many ways: OSError, SyntaxError, ValueError, struct.error,
    # zlib.error, IndexError. To a user they are one.
    except Exception as error:
        if known or _begins_as_one(data, name):
            rare = "" if known else ", or of a rare kind"
            raise NotAPictureError(
                f"{name}: broken or cut off{rare} ({_why(error)}); fetch or save it again"
            ) from error
        raise NotAPictureError(
            f"{name}: not a picture this program can read ({_why(error)}); it reads "
            f"{', '.join(FORMATS)}, AVIF, and with the extra [files] HEIC and PDF"
        ) from error


def _image(data: bytes, name: str, page: int, max_pixels: int) -> Image.Image:
    """The file's picture, not yet decoded. Raises PictureError, and what Pillow raises."""
    documents.check_page(page, name)
    if documents.document_kind(data) == documents.PDF:
        from inkdigits.picture.pdf import pdf_page

        return pdf_page(data, page, name, max_pixels)
    formats = documents.phone_format(data, name) or FORMATS
    headers.check_parts(data, name)
    image = Image.open(headers.ClockedFile(data), formats=formats)
    if page != 1:
        documents.go_to_page(image, page, data, name)
    headers.check_costs(image, data, name)
    return image


def _begins_as_one(data: bytes, name: str) -> bool:
    """Whether a file that Pillow cannot open has the first bytes of one that it can."""
    if len(data) < _FIRST:
        return False
    accepts = (Image.OPEN[kind][1] for kind in FORMATS if kind in Image.OPEN)
    return any(accept is not None and accept(data[:_FIRST]) for accept in accepts) or bool(
        documents.phone_format(data, name)
    )


def _no_memory(name: str) -> PictureError:
    return PictureError(f"{name}: takes more memory than there is; scale it down or save it again")


def _why(error: Exception) -> str:
    """A decoder's message, without the address of the bytes it had."""
    return str(error).split("<inkdigits")[0].strip() or type(error).__name__


def from_array(pixels: NDArray[np.uint8], max_pixels: int) -> Opened:
    """8-bit pixels: (H, W), (H, W, 3) or (H, W, 4). Raises PictureError."""
    return from_image(Image.fromarray(pixels), "array", max_pixels)


def from_image(image: Image.Image, name: str, max_pixels: int) -> Opened:
    """A PIL image's picture. Raises PictureError."""
    try:
        return _opened(image, name, max_pixels)
    except PictureError:
        raise
    except MemoryError as error:
        raise _no_memory(name) from error
    except Exception as error:  # as of a file: it may not be decoded yet
        raise NotAPictureError(
            f"{name}: cannot be decoded ({error}); expected an image that Pillow can load"
        ) from error


class Shown(NamedTuple):
    """A picture to draw on, and its own size in pixels, upright."""

    image: Image.Image  # RGB; smaller than the picture where that is large
    width: int
    height: int


def upright_image(picture: Picture, max_pixels: int = MAX_PIXELS) -> Shown:
    """A picture in its colours, turned as its EXIF states, on the ground its ink stands out from.

    Raises PictureError.
    """
    known, page = as_known(picture), 1
    name = str(known) if isinstance(known, str | Path) else "picture"
    try:
        if isinstance(known, np.ndarray):
            known = Image.fromarray(as_pixels(known, max_pixels))
        elif isinstance(known, str | Path):
            known, page = read_page(known)
        elif isinstance(known, documents.DocumentPage):
            page, name, known = known.page, known.name, known.data
        with _silence:
            if isinstance(known, bytes):
                check_bytes(known, name)
                known = _image(known, name, page, max_pixels)
            plain, width, height = _upright(known, name, max_pixels)
    except PictureError:
        raise
    except Exception as error:
        raise NotAPictureError(f"{name}: cannot be drawn on ({_why(error)})") from error
    if plain.mode in ("RGBA", "LA"):
        grey, alpha = (channel.reshape(-1) for channel in np.moveaxis(_grey_and_alpha(plain), 2, 0))
        below = Image.new("RGBA", plain.size, (round(255 * _ground(grey, alpha)),) * 3)
        plain = Image.alpha_composite(below, plain.convert("RGBA"))
    return Shown(plain.convert("RGB"), width, height)


def _opened(image: Image.Image, name: str, max_pixels: int) -> Opened:
    plain, width, height = _upright(image, name, max_pixels)
    upright = _small(plain)
    if upright.mode in ("RGBA", "LA"):
        return Opened(_composed(upright), width, height)
    return Opened(_lightness(upright), width, height)


def _upright(image: Image.Image, name: str, max_pixels: int) -> tuple[Image.Image, int, int]:
    """The picture in a plain mode, at most some times MAX_SIDE; and its own width and height."""
    width, height = image.size
    most = min(max_pixels, _MAX_PIXELS_OF.get(image.format or "", max_pixels))
    if image.mode == "CMYK" and image.info.get("progressive"):
        most = min(most, _MAX_PROGRESSIVE_CMYK)
    if width * height > most:
        raise PictureError(
            f"{name}: is {width}x{height}, over the limit of {most:,} pixels; scale it down"
        )
    if width * height == 0:
        raise PictureError(f"{name}: is {width}x{height}: it has no pixel")
    draft = image.format == "JPEG"  # which is decoded at a fraction of its size
    clock.check(width * height * (_JPEG_SECONDS if draft else _SECONDS))
    # JPEG decodes at 1/2, 1/4 or 1/8 for a fraction of the time; does nothing for other formats.
    image.draft(None, (MAX_SIDE, MAX_SIDE))
    held = width * height if image.info.get("progressive") else image.size[0] * image.size[1]
    if held > _MUCH:
        give_back_memory()  # what networks took for the picture before adds to what this one takes
    # First of all: the EXIF of a broken PNG is read without a word, and what was decoded is then
    # taken for the whole.
    image.load()
    if image.format == "TIFF":  # which loading turns
        width, height = image.size
    orientation = _orientation(image)
    if orientation in _LYING:
        width, height = height, width
    plain = _plain(image, name)
    if orientation != 1:
        plain = plain.copy() if plain is image else plain  # the caller's keeps its EXIF
        plain.getexif()[_ORIENTATION] = orientation
        plain = ImageOps.exif_transpose(plain)
    return plain, width, height


def _orientation(image: Image.Image) -> int:
    """The EXIF's; 1, which is upright, where it has none or is broken: the pixels may be whole."""
    try:
        return cast("int", image.getexif().get(_ORIENTATION, 1))
    except (PictureError, MemoryError):
        raise
    except Exception:  # noqa: BLE001 - Pillow fails on it in many ways, as on pixels
        return 1


def _plain(image: Image.Image, name: str) -> Image.Image:
    """The picture in L, RGB, LA or RGBA, at most some times MAX_SIDE: in strips where it is large.

    A picture of 64 million pixels takes 256 MB once decoded; a second one of that size in another
    mode would be more than a program that reads pictures should take.
    """
    levels = _levels(image)
    factor = max(1, max(image.size) // (_GAP * MAX_SIDE))
    if factor == 1:
        return _converted(image, levels, name)
    width, height = image.size
    rows = factor * max(1, _STRIP // (width * factor))
    strips = []
    for top in range(0, height, rows):
        clock.check()
        strip = image.crop((0, top, width, min(top + rows, height)))
        strips.append(_converted(strip, levels, name).reduce(factor))
    whole = Image.new(strips[0].mode, (strips[0].width, sum(strip.height for strip in strips)))
    top = 0
    for strip in strips:
        whole.paste(strip, (0, top))
        top += strip.height
    return whole


def _levels(image: Image.Image) -> tuple[float, float]:
    """The values that are black and white in a picture of more than 8 bits a channel."""
    if image.mode not in ("I", "F"):
        return 0.0, 65535.0
    low, high = cast(tuple[float, float], image.getextrema())
    return min(0.0, low), max(1.0, high)


def _converted(image: Image.Image, levels: tuple[float, float], name: str) -> Image.Image:
    if image.mode in _DEEP_MODES:
        return _from_deep(image, levels, name)
    if image.mode == "P" or (image.mode == "1" and "transparency" not in image.info):
        return image.convert("RGBA" if "transparency" in image.info else "RGB")
    if "transparency" in image.info or image.mode in ("PA", "La", "RGBa"):
        return image.convert("RGBA")
    return image if image.mode in ("L", "RGB", "LA", "RGBA") else image.convert("RGB")


def _from_deep(image: Image.Image, levels: tuple[float, float], name: str) -> Image.Image:
    """16-bit and 32-bit grey as 8-bit."""
    values = np.asarray(image, np.float32)
    if not np.isfinite(values).all():
        raise PictureError(f"{name}: holds values that are not numbers (NaN or infinite)")
    low, high = levels
    return Image.fromarray(np.rint((values - low) * (255 / (high - low))).astype(np.uint8))


def _small(image: Image.Image) -> Image.Image:
    longer = max(image.size)
    if longer <= MAX_SIDE:
        return image
    share = MAX_SIDE / longer
    size = (max(1, round(image.width * share)), max(1, round(image.height * share)))
    return image.resize(size, Image.Resampling.BOX)


def _lightness(image: Image.Image) -> NDArray[np.float32]:
    """Grey values of a picture in L or RGB: its lightness, or what its colours differ in most.

    Red on green of the same lightness is plain to the eye and nothing in grey. Where colours spread
    far wider along another line than along lightness, they are measured along that one.
    Source: principal components of colour, Ohta, Kanade and Sakai 1980.
    """
    if image.mode == "RGB":
        small = image.reduce(max(1, max(image.size) // _COLOUR_SIDE))
        spread = np.cov(np.asarray(small, np.float64).reshape(-1, 3) / 255, rowvar=False, ddof=0)
        along = _LUMA @ spread @ _LUMA / (_LUMA @ _LUMA)
        variances, axes = np.linalg.eigh(spread)
        if variances[-1] > max(_COLOURED**2 * along, _LEAST_SPREAD**2):
            axis = axes[:, -1] * np.sign(axes[:, -1] @ _LUMA or 1)
            low, high = axis[axis < 0].sum(), axis[axis > 0].sum()
            values = np.asarray(image, np.float32) @ axis.astype(np.float32) / np.float32(255)
            return np.asarray((values - low) / (high - low), np.float32)
    grey = image if image.mode == "L" else image.convert("L")
    return np.asarray(np.asarray(grey) / np.float32(255), np.float32)


def _composed(image: Image.Image) -> NDArray[np.float32]:
    """Transparent picture on white or black, whichever its visible parts stand out from."""
    values = _grey_and_alpha(image)
    grey, alpha = values[..., 0], values[..., 1]
    if alpha.min() == 1:
        return grey
    return grey * alpha + np.float32(_ground(grey, alpha)) * (1 - alpha)


def _grey_and_alpha(image: Image.Image) -> NDArray[np.float32]:
    return np.asarray(image.convert("LA"), np.float32) / np.float32(255)


def _ground(grey: NDArray[np.float32], alpha: NDArray[np.float32]) -> float:
    """White or black, whichever a picture's visible parts stand out from."""
    weight = float(alpha.sum())
    mean = float((grey * alpha).sum()) / weight if weight else 0.0
    return 1.0 if mean < 0.5 else 0.0
