"""Many picture files: read in this process first, then by one on each core.

In: file names. Out: each with what the Reader reads in it, in order. A process takes as
long to start as a thousand small pictures take to be read, so one is started, and what starts it
imported, only when that much has been read.
"""

from __future__ import annotations

import os
import signal
import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import cv2

from inkdigits.errors import PictureError
from inkdigits.picture.documents import DocumentPage, page_name
from inkdigits.picture.open import SUFFIXES
from inkdigits.reader import Reader

if TYPE_CHECKING:
    from concurrent.futures import Future, ProcessPoolExecutor

CHUNK = 256  # files that a process is given at a time
_ALONE = 16  # files that this process reads at a time, so that the first are told of soon
_PATIENCE = 0.4  # seconds that it reads before the others are prepared
_PREPARING = 0.5  # seconds that it reads on until they are needed
_AHEAD = 3  # chunks a process that are given out before the first is back

What = Literal["predict", "read", "look"]
File = str | bytes | DocumentPage  # a name, or what was read from standard input, or a page of it
Result = Any  # a Reading, a Page, a Seen and a Reading, or a PictureError in its place


def name_of(file: File) -> str:
    """What the command line calls it."""
    if isinstance(file, DocumentPage):
        return page_name("-", file.page)
    return file if isinstance(file, str) else "-"


def pictures_below(folder: str) -> Iterator[str]:
    """The picture files in a folder and in the folders in it, by name.

    Holds the names of one folder at a time; a link to a folder is passed over. A folder that
    may not be listed is given itself: reading it says so.
    """
    try:
        with os.scandir(folder) as entries:
            # A million names take 100 MB, as many Paths four times as much.
            found = sorted(
                (e.name, e.is_dir(follow_symlinks=False))
                for e in entries
                if e.is_dir(follow_symlinks=False) or _is_picture(e)
            )
    except OSError:
        yield folder
        return
    before = os.path.join(folder, "")
    for name, is_folder in found:
        if is_folder:
            yield from pictures_below(before + name)
        else:
            yield before + name


def _is_picture(entry: os.DirEntry[str]) -> bool:
    if os.path.splitext(entry.name)[1].lower() not in SUFFIXES:
        return False
    try:
        return entry.is_file()
    except OSError:  # links in a circle
        return False


def read_files(
    files: Iterable[File], reader: Reader, processes: int, what: What = "predict"
) -> Generator[tuple[File, Result]]:
    """Each file with what the Reader gives of it; with a PictureError where it cannot be read.

    what: "predict" gives Readings, "read" Pages, "look" what look_many does.
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
            _prepare()
            prepared = True
        chunk = list(islice(files, _ALONE))
        yield from _results(reader, chunk, what)
        if len(chunk) < _ALONE:
            return
    yield from _in_processes(files, reader.model, processes, what)


def _in_processes(
    files: Iterator[File], model: str | Path | None, processes: int, what: What
) -> Iterator[Result]:
    from concurrent.futures.process import BrokenProcessPool

    waiting: deque[list[File]] = deque()  # chunks given out
    while True:
        given: deque[Future[list[Result]]] = deque()
        pool = _pool(model, processes, what)
        wait = True
        try:
            while True:
                while len(waiting) < _AHEAD * processes and (chunk := list(islice(files, CHUNK))):
                    waiting.append(chunk)
                    given.append(pool.submit(_read, chunk))
                if not waiting:
                    return
                results = given[0].result()
                waiting.popleft()
                given.popleft()
                yield from results
        except BrokenProcessPool:
            # Whichever of them ended it. What is left of the files gets a new pool.
            while waiting:
                yield from _apart(waiting[0], model, what)
                waiting.popleft()
        except KeyboardInterrupt:
            wait = False  # for what the processes are at: whoever stops this ends them
            raise
        finally:
            pool.shutdown(wait, cancel_futures=True)


def _apart(files: Sequence[File], model: str | Path | None, what: What) -> Iterator[Result]:
    """What a process of its own says of the files; of each half, if they end it."""
    from concurrent.futures.process import BrokenProcessPool

    pool = _pool(model, 1, what)
    try:
        yield from pool.submit(_read, list(files)).result()
    except BrokenProcessPool:
        if len(files) == 1:
            name = name_of(files[0])
            yield PictureError(f"{name}: reading it ended the process that did; pass it over")
            return
        middle = len(files) // 2
        for half in (files[:middle], files[middle:]):
            yield from _apart(half, model, what)
    finally:
        pool.shutdown(cancel_futures=True)


def _pool(model: str | Path | None, processes: int, what: What) -> ProcessPoolExecutor:
    from concurrent.futures import ProcessPoolExecutor

    return ProcessPoolExecutor(processes, _context(), _begin, (model, what))


def _prepare() -> None:
    """Start what forks the processes, which imports what they need, and do not wait for it."""
    if _context().get_start_method() == "forkserver":
        from multiprocessing import forkserver

        forkserver.ensure_running()


def _context() -> Any:
    from multiprocessing import get_all_start_methods, get_context

    # A fork of a process that holds ONNX Runtime's threads may hang.
    if "forkserver" not in get_all_start_methods():
        return get_context("spawn")
    context: Any = get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


_reader: Reader  # of this process
_what: What


def _begin(model: str | Path | None, what: What) -> None:
    global _reader, _what
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all; the parent ends them
    cv2.setNumThreads(1)  # there is a process for each core
    _reader, _what = Reader(model, threads=1), what


def _read(files: list[File]) -> list[Result]:
    return list(_results(_reader, files, _what))


def _results(reader: Reader, files: list[File], what: What) -> Iterator[Result]:
    match what:
        case "read":
            return reader.read_many(files)
        case "look":
            return reader.look_many(files)
        case "predict":
            return reader.predict_many(files)
