"""Pages of PDFs, counted and drawn by PDFium in a process of its own.

In: a PDF's bytes. Out: how many pages it has; a page as a grey picture. A page of a few kilobytes
can keep PDFium busy for years, and no signal ends it there; so it has a clock and a memory limit.
The process starts with the first PDF, stays for the next ones, and ends with the one that asks.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import subprocess
import sys
import threading
from contextlib import suppress
from importlib.util import find_spec
from io import FileIO
from typing import TYPE_CHECKING, NamedTuple, cast

from inkdigits.errors import NotAPictureError, PictureError
from inkdigits.picture import pdf_process
from inkdigits.picture.documents import INSTALL
from inkdigits.picture.pdf_process import ANSWER, REQUEST

if TYPE_CHECKING:
    from PIL import Image

_SECONDS = 10.0  # that a page may take to be drawn, and a document to be opened and counted
_LEAST_SECONDS = 0.5
_END_SECONDS = 5.0  # for the process to end once its pipe has
_BEHIND_ALL = 1 << 32  # no document has such a page
_REMEMBERED = 1_000  # documents with pages that ended it


class _Answer(NamedTuple):
    kind: int
    first: int  # pages, or pixels of width
    second: int  # pixels of height
    content: bytearray  # rows of grey values, or why there are none


def page_count(data: bytes, name: str) -> int:
    """How many pages a PDF has. Raises what pdf_page does."""
    return _asked(data, pdf_process.COUNT, 0, name).first


def pdf_page(data: bytes, page: int, name: str, max_pixels: int) -> Image.Image:
    """A page of a PDF as a grey picture, of 200 pixels an inch where that is not too large.

    page: 1 is the first. Raises PictureError where there is no such page, where the document has a
    password, where the pictures on the page have more than `max_pixels` together, or where it takes
    too long or too much memory to draw; NotAPictureError where it is broken.
    """
    from PIL import Image

    # Numbers in names have no end.
    _, width, height, rows = _asked(data, min(page, _BEHIND_ALL), max_pixels, name)
    return Image.frombuffer("L", (width, height), rows, "raw", "L", len(rows) // height, 1)


def _asked(data: bytes, page: int, max_pixels: int, name: str) -> _Answer:
    if find_spec("pypdfium2") is None:
        raise NotAPictureError(f"{name}: is a PDF; to read those: {INSTALL}")
    return _process.asked(data, page, max_pixels, name)


class _Process:
    """The process that draws, and the pipes to it. One is asked at a time, from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._has = b""  # the digest of the document that it has open
        self._deaths: dict[bytes, int] = {}  # documents, and how many of their pages ended it

    def asked(self, data: bytes, page: int, max_pixels: int, name: str) -> _Answer:
        """What it answers. Raises PictureError."""
        digest = hashlib.sha256(data).digest()
        with self._lock:
            deaths = self._deaths.get(digest, 0)
            # Halved each time: a document of 64 pages that all overrun takes 50 s, not 640.
            seconds = max(_LEAST_SECONDS, _SECONDS / 2**deaths)
            if self._process is None or self._process.poll() is not None:
                self.end()
                self._process = _started(name)
            try:
                answer = self._answer(self._process, data, digest, page, max_pixels, seconds)
            except (EOFError, OSError) as error:
                with suppress(subprocess.TimeoutExpired):
                    self._process.wait(_END_SECONDS)
                code = self._process.returncode
                self.end()
                if len(self._deaths) == _REMEMBERED:
                    self._deaths.clear()
                self._deaths[digest] = deaths + 1
                if code != pdf_process.OVERRAN:
                    memory = pdf_process.MEMORY // 10**6
                    raise PictureError(
                        f"{name}: drawing it takes over {memory:,} MB, or crashes PDFium; save it "
                        "as a picture, or with another program"
                    ) from error
                raise PictureError(
                    f"{name}: took over {seconds:g} s to draw; save it as a picture"
                ) from error
            except BaseException:  # a signal: what it answers would be taken for the next answer
                self.end()
                raise
        if answer.kind == pdf_process.BROKEN:
            why = f"a broken PDF ({answer.content.decode()})"
            raise NotAPictureError(f"{name}: not a picture this program can read: {why}")
        if answer.kind == pdf_process.REFUSED:
            raise PictureError(f"{name}: {answer.content.decode()}")
        return answer

    def _answer(
        self,
        process: subprocess.Popen[bytes],
        data: bytes,
        digest: bytes,
        page: int,
        max_pixels: int,
        seconds: float,
    ) -> _Answer:
        """Raises EOFError or OSError where the process ends."""
        requests, answers = cast(FileIO, process.stdin), cast(FileIO, process.stdout)
        new = b"" if digest == self._has else data
        self._has = b""
        pdf_process.send(requests, REQUEST.pack(page, max_pixels, seconds, len(new)))
        pdf_process.send(requests, new)
        head = pdf_process.received(answers, ANSWER.size)
        kind, first, second, size = ANSWER.unpack(head)
        content = pdf_process.received(answers, size)
        if kind in (pdf_process.COUNTED, pdf_process.DRAWN):
            self._has = digest
        return _Answer(kind, first, second, content)

    def end(self) -> None:
        """End the process, whatever it does."""
        process, self._process, self._has = self._process, None, b""
        if process is not None:
            process.kill()
            process.wait()
            _close_pipes(process)

    def leave(self) -> None:
        """In a fork: the process is the parent's, and ends only when no other holds its pipe."""
        if self._process is not None:
            _close_pipes(self._process)
        self._lock, self._process, self._has = threading.Lock(), None, b""


def _started(name: str) -> subprocess.Popen[bytes]:
    # By subprocess: multiprocessing would run a user's script again, and a daemon of its may start
    # no others. -I and -S: it starts sooner, and gets our own path.
    try:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", pdf_process.__file__, *sys.path],
            bufsize=0, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
    except OSError as error:
        raise PictureError(
            f"{name}: the process that draws PDFs cannot be started ({error}); try again"
        ) from error


def _close_pipes(process: subprocess.Popen[bytes]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


_process = _Process()
atexit.register(_process.end)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_process.leave)
