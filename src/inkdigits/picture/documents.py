"""Files that hold several pictures, and phones' formats: PDF, TIFF, HEIC, AVIF.

In: a file's name or bytes. Out: a name for each of its pages, such as scan.pdf#page=2; a page's
picture. PDF and HEIC need the extra [files], which is imported only where one is read.
"""

from __future__ import annotations

import io
import math
import os
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

from inkdigits.errors import NotAPictureError, PictureError

if TYPE_CHECKING:
    from PIL import Image

PDF, TIFF = ".pdf", ".tif"
_TIFF = (TIFF, ".tiff")
_PAGE = "#page="  # as in a PDF's address. Source: RFC 8118
_SHARPNESS = 200 / 72  # pixels of a point: 200 an inch, as offices scan
_LONGEST = 4_000  # pixels of a page's longer side at most
PDF_START = b"%PDF-"
_TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # either order of bytes, and BigTIFF
_AVIF = (b"avif", b"avis")  # brands: what a file says that it is
_HEIC = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")
INSTALL = "pip install 'inkdigits[files]'"
_LIBRARIES = {PDF: "pypdfium2", ".heic": "pillow_heif", ".heif": "pillow_heif"}


@dataclass(frozen=True)
class DocumentPage:
    """A page of a file that is in memory; its bytes alone are a picture of the first page."""

    data: bytes
    page: int  # 1 is the first


def page_of(name: str) -> tuple[str, int]:
    """The file that a page's name is of, and which page; 1 is the first."""
    path, mark, page = name.rpartition(_PAGE)
    if not mark or not (page.isascii() and page.isdigit()) or os.path.lexists(name):
        return name, 1
    return path, int(page)


def pages_in(name: str) -> list[str]:
    """The names of a file's pages; the name alone where it has one, or cannot be read."""
    return page_names(name, count_pages(name, name))


def page_names(name: str, count: int) -> list[str]:
    """What the pages of a file are called; the file's own name where it has one."""
    return [name] if count == 1 else [f"{name}{_PAGE}{page}" for page in range(1, count + 1)]


def document_kind(data: bytes) -> str:
    """The ending of what a file's bytes are, PDF or TIFF; nothing for a file of one picture."""
    if data.startswith(PDF_START):
        return PDF
    return TIFF if data.startswith(_TIFF_STARTS) else ""


def count_pages(file: str | bytes, name: str, most: int | None = None) -> int:
    """How many pages a file has; 1 where it cannot be read: reading the page says what is wrong.

    file: its path, or its bytes. name: its ending says whether it is a PDF or a TIFF; others have
    one page. most: a TIFF's pages are counted up to that: to count a million takes a minute.
    """
    kind = os.path.splitext(name)[1].lower()
    count = 1
    try:
        if kind == PDF:
            import pypdfium2

            with pypdfium2.PdfDocument(file) as document:
                count = len(document)
        elif kind in _TIFF:
            from PIL import Image

            given = io.BytesIO(file) if isinstance(file, bytes) else file
            with Image.open(given, formats=("TIFF",)) as image:
                count = getattr(image, "n_frames", 1) if most is None else _frames(image, most)
    except Exception:  # noqa: BLE001 - decoders fail in many ways
        count = 1
    return max(1, count)


def _frames(image: Image.Image, most: int) -> int:
    """How many pages a TIFF has, or `most` if there are more."""
    for frame in range(1, most):
        try:
            image.seek(frame)
        except EOFError:
            return frame
    return most


def unread_endings() -> tuple[str, ...]:
    """The endings of files that cannot be read, because the extra [files] is not installed."""
    return tuple(ending for ending, library in _LIBRARIES.items() if find_spec(library) is None)


def pdf_page(data: bytes, page: int, name: str, max_pixels: int) -> Image.Image:
    """A page of a PDF as a grey picture, of 200 pixels an inch where that is not too large.

    Raises PictureError where there is no such page, or where the pictures on it have more than
    `max_pixels` together, NotAPictureError where it cannot be drawn.
    """
    try:
        import pypdfium2
    except ImportError as error:
        raise NotAPictureError(f"{name}: is a PDF; to read those: {INSTALL}") from error
    try:
        with pypdfium2.PdfDocument(data) as document:
            if not 1 <= page <= len(document):
                raise PictureError(f"{name}: has {len(document)} pages, expected one of them")
            shown = document[page - 1]
            images = shown.get_objects(filter=[pypdfium2.raw.FPDF_PAGEOBJ_IMAGE])
            pixels = sum(math.prod(image.get_px_size()) for image in images)
            if pixels > max_pixels:
                raise PictureError(
                    f"{name}: its pictures have {pixels:,} pixels, over the limit of "
                    f"{max_pixels:,}; scale them down"
                )
            longer = max(shown.get_size())
            scale = min(_SHARPNESS, _LONGEST / max(longer, 1e-6))
            drawn: Image.Image = shown.render(scale=scale, grayscale=True).to_pil()
            return drawn
    except PictureError:
        raise
    except Exception as error:
        raise NotAPictureError(
            f"{name}: not a picture this program can read: a broken PDF ({error})"
        ) from error


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
