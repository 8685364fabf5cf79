"""The small grey PNG, which millions of digits are kept as, decoded in a tenth of Pillow's time.

In: a file's bytes. Out: its pixels, or None for anything else, which Pillow then decodes.
"""

from __future__ import annotations

import struct
import zlib

import cv2
import numpy as np
from numpy.typing import NDArray

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEADER = struct.Struct(">II5B")  # width, height, depth, colour, compression, filter, interlace
_GREY = [8, 0, 0, 0, 0]  # 8 bits, no colour, not interlaced
_CHUNK = struct.Struct(">I4s")
_CRC = struct.Struct(">I")
# Chunks that change nothing about the pixels: not transparency, orientation or animation.
_PLAIN = frozenset((b"IDAT", b"pHYs", b"tIME", b"gAMA", b"cHRM", b"sBIT", b"bKGD", b"tEXt"))
_MOST_CHUNKS = 1_000  # more than any writer makes of so few pixels; each is looked at in Python
_LAST_FILTER = 4  # a line begins with one of 0 to 4
_EXIF = b"Raw profile type"  # begins a text chunk in which ImageMagick keeps EXIF


def grey_png(data: bytes, max_side: int) -> NDArray[np.uint8] | None:
    """The (H, W) pixels of a PNG of 8-bit grey whose longer side is at most `max_side`.

    None if it is another picture, has more to it than pixels, or is damaged: every checksum is
    compared, for OpenCV says nothing of what is wrong.
    """
    if not data.startswith(_SIGNATURE):
        return None
    (first, header), *others = _chunks(data) or ((b"", b""),)
    if first != b"IHDR" or len(header) != _HEADER.size:
        return None
    width, height, *form = _HEADER.unpack(header)
    if form != _GREY or not 0 < max(width, height) <= max_side:
        return None
    if any(kind not in _PLAIN or content.startswith(_EXIF) for kind, content in others):
        return None
    packed = b"".join(content for kind, content in others if kind == b"IDAT")
    if not _is_whole(packed, width, height):
        return None
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    fits = pixels is not None and pixels.shape == (height, width) and pixels.dtype == np.uint8
    return np.asarray(pixels, np.uint8) if fits else None


def _is_whole(packed: bytes, width: int, height: int) -> bool:
    """Whether the pixels are there, of filters that exist: else libpng writes to standard error."""
    most = height * (1 + width)
    unpacker = zlib.decompressobj()
    try:
        lines = unpacker.decompress(packed, most + 1)
    except zlib.error:
        return False
    return len(lines) == most and unpacker.eof and max(lines[:: 1 + width]) <= _LAST_FILTER


def _chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """Kind and content of each chunk up to the end's; none of a damaged file."""
    chunks: list[tuple[bytes, bytes]] = []
    at = len(_SIGNATURE)
    while at + _CHUNK.size + _CRC.size <= len(data) and len(chunks) < _MOST_CHUNKS:
        length, kind = _CHUNK.unpack_from(data, at)
        start = at + _CHUNK.size
        end = start + length
        if end + _CRC.size > len(data):
            break
        if zlib.crc32(data[at + 4 : end]) != _CRC.unpack_from(data, end)[0]:
            break
        if kind == b"IEND":
            return chunks
        chunks.append((kind, data[start:end]))
        at = end + _CRC.size
    return []
