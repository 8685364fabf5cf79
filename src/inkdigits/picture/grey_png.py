"""The small grey PNG, which millions of digits are kept as, decoded in a tenth of Pillow's time.

In: a file's bytes. Out: its pixels, or None for anything else, which Pillow then decodes.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from itertools import islice

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.picture.headers import PNG_SIGNATURE, png_chunks

_HEADER = struct.Struct(">II5B")  # width, height, depth, colour, compression, filter, interlace
_GREY = [8, 0, 0, 0, 0]  # 8 bits, no colour, not interlaced
# Chunks that change nothing about the pixels: not transparency, orientation or animation.
_PLAIN = frozenset((b"IDAT", b"pHYs", b"tIME", b"gAMA", b"cHRM", b"sBIT", b"bKGD", b"tEXt"))
_MOST_CHUNKS = 1_000  # more than any writer makes of so few pixels; each is looked at in Python
_LAST_FILTER = 4  # a line begins with one of 0 to 4
_EXIF = b"Raw profile type"  # begins a text chunk in which ImageMagick keeps EXIF

_Chunks = Iterator[tuple[bytes, memoryview, bool]]


def grey_png(data: bytes, max_side: int) -> NDArray[np.uint8] | None:
    """The (H, W) pixels of a PNG of 8-bit grey whose longer side is at most `max_side`.

    None if it is another picture, has more to it than pixels, or is damaged: every checksum is
    compared, for OpenCV says nothing of what is wrong.
    """
    if not data.startswith(PNG_SIGNATURE):
        return None
    chunks = png_chunks(data)
    width, height = _size_of_grey(chunks)
    if not 0 < max(width, height) <= max_side or not _is_whole(_packed(chunks), width, height):
        return None
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    fits = pixels is not None and pixels.shape == (height, width) and pixels.dtype == np.uint8
    return np.asarray(pixels, np.uint8) if fits else None


def _size_of_grey(chunks: _Chunks) -> tuple[int, int]:
    """Width and height by the header, which is read; 0 of another picture than 8-bit grey."""
    kind, header, is_right = next(chunks, (b"", memoryview(b""), False))
    if kind != b"IHDR" or not is_right or len(header) != _HEADER.size:
        return 0, 0
    width, height, *form = _HEADER.unpack(header)
    return (width, height) if form == _GREY else (0, 0)


def _packed(chunks: _Chunks) -> bytes:
    """The compressed pixels; nothing of a file that is damaged, or has more to it."""
    packed: list[memoryview] = []
    for kind, content, is_right in islice(chunks, _MOST_CHUNKS):
        if kind == b"IEND" and is_right:
            return b"".join(packed)
        if not is_right or kind not in _PLAIN or bytes(content[: len(_EXIF)]) == _EXIF:
            break
        if kind == b"IDAT":
            packed.append(content)
    return b""


def _is_whole(packed: bytes, width: int, height: int) -> bool:
    """Whether the pixels are there, of filters that exist: else libpng writes to standard error."""
    most = height * (1 + width)
    unpacker = zlib.decompressobj()
    try:
        lines = unpacker.decompress(packed, most + 1)
    except zlib.error:
        return False
    return len(lines) == most and unpacker.eof and max(lines[:: 1 + width]) <= _LAST_FILTER
