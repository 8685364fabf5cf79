"""What it would cost to decode a file, by its headers: checked before it is decoded.

In: a file's bytes, and the image that Pillow has opened of them but not decoded. Out: PictureError
for what a small file can make slow or large beyond what its pixels take.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from struct import Struct
from typing import TYPE_CHECKING
from zlib import crc32

from inkdigits import clock
from inkdigits.errors import NotAPictureError, PictureError

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

# A progressive JPEG has about ten scans. Each goes over the whole picture, and a short one may be
# repeated thousands of times. Source: libjpeg-turbo, "Two issues with the JPEG standard".
_MOST_SCANS = 100
_MOST_PARTS = 50_000  # chunks of a PNG and the like: Pillow keeps objects for each
_SOS, _EOI = 0xDA, 0xD9  # JPEG's markers of a scan's start and of the picture's end
_IN_SCANS = frozenset((0x00, *range(0xD0, 0xD8)))  # what follows 0xFF within a scan's data
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHUNK, _CRC = Struct(">I4s"), Struct(">I")
_PIXELS = frozenset((b"IHDR", b"PLTE", b"tRNS", b"IDAT"))
# Pillow's decoders in C. Those in Python, of BMPs with run lengths, PPMs as text and PPMs of odd
# depth, take up to ten microseconds for each byte or pixel.
_FAST = frozenset(("raw", "zip", "jpeg", "gif", "libtiff", "webp", "avif", "heif"))
_MOST_SLOW = 100_000  # bytes and pixels of what those in Python decode
# Pillow's names. The others of libtiff no scanner writes today, or they decode slowly.
_TIFF_COMPRESSIONS = frozenset(
    (
        "raw", "tiff_ccitt", "group3", "group4", "tiff_lzw", "jpeg", "tiff_adobe_deflate",
        "tiff_deflate", "packbits",
    )
)  # fmt: skip
_TILE_WIDTH, _TILE_LENGTH = 322, 323  # TIFF's tags
_READS = 64  # of a few bytes, between two looks at the clock: a look takes longer than they do
_SHORT = 1024  # bytes
_LARGE_TILE = 1024 * 1024  # pixels that a tile may have where the picture has fewer


class ClockedFile(BytesIO):
    """A file in memory; whoever reads on when the picture's time is up gets a TooLongError."""

    _reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        """As BytesIO's."""
        self._reads += 1
        if self._reads % _READS == 0 or size is None or not 0 <= size < _SHORT:
            clock.check()
        return super().read(size)


def check_parts(data: bytes, name: str) -> None:
    """Raise PictureError for a file of too many or damaged parts, before Pillow goes over them."""
    if data.startswith(b"\x89PNG"):
        _check_png(data, name)
    if data.startswith(b"GIF8") and _has_many_blocks(data):
        raise PictureError(f"{name}: a GIF of over {_MOST_PARTS:,} comments; save it again")
    if data.startswith(b"\xff\xd8"):
        _check_jpeg(data, name)


def check_costs(image: ImageFile, data: bytes, name: str) -> None:
    """Raise PictureError for an image, opened and not decoded, of a kind that is not read."""
    slow = {tile[0] for tile in image.tile} - _FAST
    if slow and max(len(data), image.width * image.height) > _MOST_SLOW:
        raise PictureError(
            f"{name}: a {image.format} of {len(data):,} bytes and {image.width}x{image.height} "
            f"pixels of a kind that is slow to decode ({', '.join(sorted(slow))}), of which "
            f"{_MOST_SLOW:,} are read; save it as a PNG"
        )
    if image.format != "TIFF":
        return
    compression = image.info.get("compression", "raw")
    if compression not in _TIFF_COMPRESSIONS:
        raise PictureError(
            f"{name}: a TIFF compressed by {compression}, which is not read; save it with LZW, "
            "deflate or none"
        )
    tags = image.tag_v2  # type: ignore[attr-defined]
    width, length = tags.get(_TILE_WIDTH, 0), tags.get(_TILE_LENGTH, 0)
    if width * length > max(image.width * image.height, _LARGE_TILE):
        raise PictureError(
            f"{name}: a TIFF of {image.width}x{image.height} in tiles of {width}x{length}, "
            "expected smaller ones; save it again"
        )


def png_chunks(png: bytes) -> Iterator[tuple[bytes, memoryview, bool]]:
    """Kind and content of each chunk to the end's, IEND, and whether it has the right checksum.

    What is cut off is not given.
    """
    view = memoryview(png)
    at = len(PNG_SIGNATURE)
    while at + _CHUNK.size <= len(png):
        length, kind = _CHUNK.unpack_from(png, at)
        end = at + _CHUNK.size + length
        if end + _CRC.size > len(png):
            return
        is_right = crc32(view[at + 4 : end]) == _CRC.unpack_from(png, end)[0]
        yield kind, view[at + _CHUNK.size : end], is_right
        if kind == b"IEND":
            return
        at = end + _CRC.size


def _check_png(png: bytes, name: str) -> None:
    """Compare the checksums of what the pixels are made of. Pillow skips those of IDAT."""
    for number, (kind, _, is_right) in enumerate(png_chunks(png)):
        if number == _MOST_PARTS:
            raise PictureError(f"{name}: a PNG of over {_MOST_PARTS:,} chunks; save it again")
        if kind in _PIXELS and not is_right:
            raise NotAPictureError(
                f"{name}: broken (the checksum of its {kind.decode()} is another); fetch or save "
                "it again"
            )


def _has_many_blocks(gif: bytes) -> bool:
    """Before the first picture of a GIF. Source: GIF89a, appendix A."""
    flags = gif[10] if len(gif) > 10 else 0
    at = 13 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
    within = False  # an extension
    for _ in range(_MOST_PARTS):
        if at >= len(gif) or not (within or gif[at] == ord("!")):
            return False
        size = gif[at] if within else 1  # "!" and the extension's kind
        within = size > 0
        at += 1 + size
    return True


def _check_jpeg(jpeg: bytes, name: str) -> None:
    """Of a JPEG's first picture: what follows it is not decoded."""
    scans = parts = 0
    at = 2
    # A long scan has a hundred thousand bytes 0xFF to look at, and most JPEGs have one scan.
    few = jpeg.count(bytes((0xFF, _SOS))) <= _MOST_SCANS
    while parts <= _MOST_PARTS:
        at = jpeg.find(b"\xff", at)
        if at < 0 or at + 4 > len(jpeg) or jpeg[at + 1] == _EOI:
            return
        marker = jpeg[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
        elif marker in _IN_SCANS:
            at += 2
        else:
            parts += 1
            scans += marker == _SOS
            if scans > _MOST_SCANS:
                raise PictureError(
                    f"{name}: has over {_MOST_SCANS} scans, a JPEG has about ten; save it again"
                )
            if marker == _SOS and few:
                return
            at += 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
    raise PictureError(f"{name}: a JPEG of over {_MOST_PARTS:,} segments; save it again")
