"""The process that PDFs are drawn in. What a page does to it, it does to no other.

In: requests on standard input. Out: an answer to each, in order, on standard output. `pdf` starts
it, as a file of its own: imports the standard library and pypdfium2 alone.
"""

from __future__ import annotations

import math
import os
import signal
import sys
import threading
from contextlib import suppress
from io import FileIO
from queue import SimpleQueue
from struct import Struct
from typing import Any, NamedTuple

# Which page, or COUNT: how many there are; pixels that the pictures on it may have; seconds that it
# may take; and the size of the document that follows, 0 if it is the one before.
REQUEST = Struct("<qQdQ")
COUNT = -1
# What it is, two numbers, and the size of what follows.
ANSWER = Struct("<BQQQ")
COUNTED = 0  # pages
DRAWN = 1  # width and height; the rows follow, a byte a pixel
REFUSED, BROKEN = 2, 3  # why follows, as UTF-8
OVERRAN = 75  # exit code: the page took more seconds than it may

# Bytes of addresses. A page with a JPEG of 64 million pixels takes 240 million of them, and 770
# million if that is progressive and in CMYK.
MEMORY = 1_000_000_000
_SHARPNESS = 200 / 72  # pixels of a point: 200 an inch, as offices scan
_LONGEST = 4_000  # pixels of a page's longer side at most


class _Request(NamedTuple):
    page: int
    most: int
    seconds: float
    data: bytes


def received(file: FileIO, size: int) -> bytearray:
    """That many bytes of a pipe. Raises EOFError where it ends before."""
    data = bytearray(size)
    left = memoryview(data)
    while left:
        n = file.readinto(left)
        if not n:
            raise EOFError
        left = left[n:]
    return data


def send(file: FileIO, data: Any) -> None:
    """All bytes of a buffer into an unbuffered pipe."""
    left = memoryview(data).cast("B")
    while left:
        left = left[file.write(left) :]


def main() -> None:
    """Answer until standard input ends: then whoever asked is gone, also by kill -9."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all; the parent ends this
    _limit_memory()
    requests: SimpleQueue[_Request] = SimpleQueue()
    threading.Thread(target=_answer_all, args=(requests,), daemon=True).start()
    given = FileIO(0)
    with suppress(EOFError):
        while True:
            page, most, seconds, size = REQUEST.unpack(received(given, REQUEST.size))
            requests.put(_Request(page, most, seconds, bytes(received(given, size))))
    os._exit(0)  # whatever is being drawn


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    with suppress(ValueError, OSError):  # a lower limit is set already, or the system has none
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def _answer_all(requests: SimpleQueue[_Request]) -> None:
    answers, document = FileIO(1, "w"), None
    with suppress(Exception):  # said to who asks for a page; not of that page's time
        import pypdfium2  # noqa: F401
    try:
        while True:
            request = requests.get()
            # PDFium cannot be interrupted, but lets other threads run while it draws.
            clock = threading.Timer(request.seconds, os._exit, (OVERRAN,))
            clock.start()
            try:
                if request.data:
                    document = _opened(request.data)  # the one before is closed
                kind, numbers, content = _answered(document, request)
            except Exception as error:  # noqa: BLE001 - PDFium's, and what its binding raises
                kind = REFUSED if isinstance(error, _RefusedError) else BROKEN
                numbers, content = (0, 0), str(error).encode()
            clock.cancel()
            send(answers, ANSWER.pack(kind, *numbers, memoryview(content).nbytes))
            send(answers, content)
    finally:
        os._exit(1)  # or the one who asked would wait for ever


class _RefusedError(Exception):
    """The document or the page is fine, and is not drawn."""


def _opened(data: bytes) -> Any:
    import pypdfium2

    try:
        return pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        if error.err_code == pypdfium2.raw.FPDF_ERR_PASSWORD:
            raise _RefusedError("has a password; save it without one") from error
        if error.err_code == pypdfium2.raw.FPDF_ERR_SUCCESS:
            raise _RefusedError("has no pages, expected one at least") from error
        raise


def _answered(document: Any, request: _Request) -> tuple[int, tuple[int, int], Any]:
    import pypdfium2

    if request.page == COUNT:
        return COUNTED, (len(document), 0), b""
    if not 1 <= request.page <= len(document):
        raise _RefusedError(f"has {len(document)} pages, expected one of them")
    page = document[request.page - 1]
    try:
        pixels = 0
        for image in page.get_objects(filter=[pypdfium2.raw.FPDF_PAGEOBJ_IMAGE]):
            pixels += math.prod(image.get_px_size())
        if pixels > request.most:
            raise _RefusedError(
                f"its pictures have {pixels:,} pixels, over the limit of {request.most:,}; "
                "scale them down"
            )
        longer = max(page.get_size())
        scale = min(_SHARPNESS, _LONGEST / max(longer, 1e-6))
        drawn = page.render(scale=scale, grayscale=True)
        return DRAWN, (drawn.width, drawn.height), drawn.buffer
    finally:
        page.close()


if __name__ == "__main__":
    sys.path[:] = sys.argv[1:]
    main()
