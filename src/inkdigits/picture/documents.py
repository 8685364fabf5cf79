"""Files that hold several pictures, and phones' formats: PDF, TIFF, HEIC, AVIF.

In: a file's name or bytes. Out: what it is, by its bytes; a name for each of its pages, such as
scan.pdf#page=2. PDF and HEIC need the extra [files], which is imported only where one is read.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from struct import Struct
from struct import error as StructError
from typing import TYPE_CHECKING, BinaryIO

from inkdigits import clock
from inkdigits.errors import NotAPictureError, PictureError

if TYPE_CHECKING:
    from PIL import Image

PDF, TIFF = ".pdf", ".tif"
# Of one file. To reach a page Pillow goes over all that come before it, and a TIFF of 48 MB can
# have eight million of them.
MOST_PAGES = 2_000
_PAGE = "#page="  # as in a PDF's address. Source: RFC 8118
_MOST_DIGITS = 9  # of a page's number: Python takes none of over 4,300
_START = 1024  # bytes that tell what a file is
_PDF_START = b"%PDF-"
_TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # either order of bytes, and BigTIFF
_PICTURE_STARTS = (  # PNG, JPEG, GIF, WebP, BMP; PBM, PGM and PPM
    b"\x89PNG", b"\xff\xd8", b"GIF8", b"RIFF", b"BM", *(b"P%d" % kind for kind in range(1, 7)),
)  # fmt: skip
_AVIF = (b"avif", b"avis")  # brands: what a file says that it is
_HEIC = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")
INSTALL = "pip install 'inkdigits[files]'"
_LIBRARIES = {PDF: "pypdfium2", ".heic": "pillow_heif", ".heif": "pillow_heif"}


@dataclass(frozen=True)
class DocumentPage:
    """A page of a file that is in memory; its bytes alone are a picture of the first page."""

    data: bytes
    page: int  # 1 is the first
    name: str = "picture"  # what errors call it


def page_of(name: str) -> tuple[str, int]:
    """The file that a page's name is of, and which page; 1 is the first."""
    path, mark, page = name.rpartition(_PAGE)
    number = page.isascii() and page.isdigit() and len(page) <= _MOST_DIGITS
    if not mark or not number or os.path.lexists(name):
        return name, 1
    return path, int(page)


def pages_in(path: str) -> Iterator[str]:
    """The names of a file's pages; the name alone where it has one, or cannot be read.

    Of more than MOST_PAGES there is one more name: reading that raises the error.

    What ends in .png is taken for one picture: to look into 70,000 of them takes a second or two.
    """
    if path.lower().endswith(".png"):
        return page_names(path, 1)
    kind = document_kind(_start(path))
    count = 1
    if kind:
        with suppress(OSError), open(path, "rb") as file:
            count = _count(file, kind, MOST_PAGES + 1)
    return page_names(path, count)


def page_names(name: str, count: int) -> Iterator[str]:
    """What the pages of a file are called; the file's own name where it has one."""
    if count == 1:
        return iter((name,))
    return (page_name(name, page) for page in range(1, count + 1))


def page_name(name: str, page: int) -> str:
    """What a page is called. 1 is the first."""
    return f"{name}{_PAGE}{page}"


def document_kind(start: bytes) -> str:
    """PDF or TIFF, by a file's first bytes; nothing for a file of one picture.

    start: _START bytes, or the whole file. A PDF may begin within them, behind other bytes. Source:
    Adobe's PDF Reference 1.7, appendix H, note 13.
    """
    if start.startswith(_TIFF_STARTS):
        return TIFF
    # A picture may have a PDF's first bytes in its metadata.
    if start.startswith(_PICTURE_STARTS) or start[4:8] == b"ftyp":
        return ""
    return PDF if start.find(_PDF_START, 0, _START) >= 0 else ""


def count_pages(data: bytes, most: int = MOST_PAGES + 1) -> int:
    """How many pages a file has; 1 where it cannot be read: reading the page raises the error.

    data: the file. most: pages are counted up to that: to count a million takes seconds. So one
    page more than MOST_PAGES stands for all that are not read. Where a TIFF is cut off, one page
    more stands for all that cannot be reached.
    """
    kind = document_kind(data)
    return _count(io.BytesIO(data), kind, most) if kind else 1


def _start(path: str) -> bytes:
    try:
        if not os.path.isfile(path):  # what comes through a pipe is there once
            return b""
        with open(path, "rb", buffering=0) as file:
            return file.read(_START)
    except (OSError, ValueError):  # ValueError: a NUL in the name
        return b""


def _count(file: BinaryIO, kind: str, most: int) -> int:
    from inkdigits.picture.open import MAX_BYTES

    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    if size > MAX_BYTES:
        return 1
    if kind == TIFF:
        return max(1, _directories(file, most))
    from inkdigits.picture.pdf import page_count

    try:
        return min(page_count(file.read(), ""), most)
    except PictureError:
        return 1


def check_page(page: int, name: str) -> None:
    """Raise PictureError for a page behind those that are read."""
    if page > MOST_PAGES:
        raise PictureError(
            f"{name}: of one file {MOST_PAGES:,} pages are read, and this one and those behind it "
            "are not; split the file"
        )


def _directories(file: BinaryIO, most: int) -> int:
    """How many directories a TIFF's chain has, `most` at most.

    Where the chain is cut off, one more stands for what is behind: the last may be whole enough.
    Not by Pillow, which takes a broken one for the end. Source: TIFF 6.0, section 2; BigTIFF.
    """
    start = file.read(16)
    size = file.seek(0, os.SEEK_END)
    order, big = "<" if start[:2] == b"II" else ">", b"+" in start[2:4]
    entries = Struct(order + ("Q" if big else "H"))
    offset = Struct(order + ("Q" if big else "I"))
    length = 20 if big else 12  # of an entry
    seen: set[int] = set()
    try:
        (at,) = offset.unpack_from(start, 8 if big else 4)
        while at and at not in seen and len(seen) != most:
            clock.check()
            file.seek(min(at, size))
            (n,) = entries.unpack(file.read(entries.size))
            seen.add(at)
            file.seek(min(at + entries.size + n * length, size))
            (at,) = offset.unpack(file.read(offset.size))
    except StructError:
        return len(seen) + 1  # cut off
    return len(seen)


def go_to_page(image: Image.Image, page: int, data: bytes, name: str) -> None:
    """Go to a page of an image that Pillow has opened. Raises PictureError.

    page: 1 is the first. data: the image's file.
    """
    try:
        # Before its pages are counted: that takes seconds where there are a million.
        image.seek(page - 1)
    except EOFError as error:
        if image.format == "TIFF":
            pages = count_pages(data)
        else:
            from PIL import Image

            from inkdigits.picture.headers import ClockedFile

            # Of a new image: Pillow counts one too many after a page that is not there.
            again = Image.open(ClockedFile(data), formats=[image.format or ""])
            pages = getattr(again, "n_frames", 1)
        if not 1 <= page <= pages:
            raise PictureError(f"{name}: has {pages} pages, expected one of them") from error
        raise NotAPictureError(
            f"{name}: cannot be reached: the file is broken or cut off before it; fetch or save "
            "it anew"
        ) from error
    except PictureError:
        raise
    except Exception as error:
        raise NotAPictureError(
            f"{name}: broken or cut off ({error}); fetch or save it again"
        ) from error


def unread_endings() -> tuple[str, ...]:
    """The endings of files that cannot be read, because the extra [files] is not installed."""
    return tuple(ending for ending, library in _LIBRARIES.items() if find_spec(library) is None)


def phone_format(data: bytes, name: str) -> tuple[str, ...]:
    """What Pillow calls the format of a phone's picture, HEIC or AVIF; nothing if it is another.

    Raises NotAPictureError where HEIC cannot be read. Source: ISO/IEC 23008-12, the file's brand.
    """
    brand = data[8:12] if data[4:8] == b"ftyp" else b""
    if brand in _AVIF:
        return ("AVIF",)
    if brand not in _HEIC:
        return ()
    try:
        import pillow_heif
    except ImportError as error:
        raise NotAPictureError(f"{name}: is HEIC; to read those: {INSTALL}") from error
    pillow_heif.register_heif_opener()
    return ("HEIF",)
