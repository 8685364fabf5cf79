"""Many picture files: read in this process first, then by one on each core.

In: file names. Out: each with what the Reader reads in it, in order. A process takes as
long to start as a thousand small pictures take to be read, so one is started, and what starts it
imported, only when that much has been read.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import cv2

from inkdigits.errors import PictureError
from inkdigits.picture.documents import DocumentPage
from inkdigits.processes import in_order, prepare
from inkdigits.reading.reader import Reader

CHUNK = 256  # files that a process is given at a time, at most
_ALONE = 16  # files that this process reads at a time, so that the first are told of soon
_PATIENCE = 0.4  # seconds that it reads before the others are prepared
_PREPARING = 0.5  # seconds that it reads on until they are needed

What = Literal["predict", "read"]
File = str | bytes | DocumentPage  # a name, what it holds, or what came through a pipe
Result = Any  # a Reading, a Page, or a PictureError in its place


def name_of(file: File) -> str:
    """What the command line calls it."""
    if isinstance(file, str):
        return file
    return "picture" if isinstance(file, bytes) else file.name


def read_files(
    files: Iterable[File], reader: Reader, processes: int, what: What = "predict"
) -> Generator[tuple[File, Result]]:
    """Each file with what the Reader gives of it; with a PictureError where it cannot be read.

    what: "predict" gives Readings, "read" Pages.
    files: taken as they are needed, some hundreds ahead. A picture that ends the process that reads
    it, as a decoder's crash does, is a PictureError too, but for those read in this process.
    """
    taken: deque[File] = deque()

    def noted() -> Iterator[File]:
        for file in files:
            taken.append(file)
            yield file

    for result in _in_order(noted(), reader, processes, what):
        yield taken.popleft(), result


def _in_order(
    files: Iterator[File], reader: Reader, processes: int, what: What
) -> Iterator[Result]:
    start, prepared = time.monotonic(), processes == 1
    while processes == 1 or (passed := time.monotonic() - start) < _PATIENCE + _PREPARING:
        if not prepared and passed >= _PATIENCE:
            prepare(__name__)
            prepared = True
        chunk = list(islice(files, _ALONE))
        yield from _results(reader, chunk, what)
        if len(chunk) < _ALONE:
            return
    yield from in_order(
        files, _begun, (reader.model.source, what), processes, share=CHUNK, lost=_lost
    )


def _lost(file: File) -> PictureError:
    return PictureError(f"{name_of(file)}: the worker process crashed while reading it; skip it")


def _begun(model: str | Path | None, what: What) -> Callable[[Iterator[File]], Iterator[Result]]:
    """What a worker process does with files."""
    cv2.setNumThreads(1)  # there is a process for each core
    reader = Reader(model, threads=1)
    return lambda files: _results(reader, files, what)


def _results(reader: Reader, files: Iterable[File], what: What) -> Iterator[Result]:
    match what:
        case "read":
            return reader.read_many(files)
        case "predict":
            return reader.predict_many(files)
