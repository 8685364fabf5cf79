"""MNIST on this machine: found, or fetched once over https and checked.

In: nothing but the environment. Out: a folder with the four files, each with the SHA-256 of the
original distribution. A half file is never taken for a whole one; with no network this gives up
within WAIT_S for each mirror.
"""

from __future__ import annotations

import hashlib
import os
import queue
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any, cast

from inkdigits.data.idx import FILES, find_files
from inkdigits.errors import DataError
from inkdigits.files import written_whole

SHA256 = {
    "train-images-idx3-ubyte.gz": (
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"
    ),
    "train-labels-idx1-ubyte.gz": (
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"
    ),
    "t10k-images-idx3-ubyte.gz": (
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"
    ),
    "t10k-labels-idx1-ubyte.gz": (
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"
    ),
}
SIZES = {  # bytes
    "train-images-idx3-ubyte.gz": 9_912_422,
    "train-labels-idx1-ubyte.gz": 28_881,
    "t10k-images-idx3-ubyte.gz": 1_648_877,
    "t10k-labels-idx1-ubyte.gz": 4_542,
}
MIRRORS = (
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
)
WAIT_S = 5.0  # for a mirror's first answer; two mirrors stay under the 15 s a user is made to wait
_BLOCK = 1 << 16  # bytes

Advance = Callable[[int, int], None]  # (bytes done, bytes in all)


def cache_folder() -> Path:
    """Where downloads are kept: $XDG_CACHE_HOME/inkdigits, else ~/.cache/inkdigits."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "inkdigits"


def mnist_folder(advance: Advance, mirrors: tuple[str, ...] = MIRRORS) -> Path:
    """A folder with the four files: $INKDIGITS_DATA, else the cache, else downloaded to the cache.

    Raises DataError if a file is not the original's, or if no mirror could be reached.
    """
    given = os.environ.get("INKDIGITS_DATA")
    if given:
        folder = Path(given)
        files = find_files(folder)
        if files is None:
            raise DataError(
                f"$INKDIGITS_DATA is {given}, which does not hold the four MNIST files "
                f"({', '.join(FILES.values())}); point it at them or unset it"
            )
        for path in files.values():
            if path.name in SHA256:
                _check(path, path.name)
        return folder
    folder = cache_folder() / "mnist"
    for name in SHA256:
        path = folder / name
        if path.is_file() and path.stat().st_size == SIZES[name]:
            _check(path, path.name)
        else:
            _fetch(name, path, advance, mirrors)
    return folder


def _check(path: Path, name: str) -> None:
    try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error}") from error
    if found != SHA256[name]:
        raise DataError(
            f"{path}: SHA-256 is {found}, the original's is {SHA256[name]}; delete it and try again"
        )


def _fetch(name: str, path: Path, advance: Advance, mirrors: tuple[str, ...]) -> None:
    tried = []
    for mirror in mirrors:
        try:
            with _open(mirror + name) as answer, written_whole(path) as part:
                _copy(answer, part, SIZES[name], advance)
                _check(part, name)
            return
        except (OSError, HTTPException, DataError) as error:
            tried.append(f"{mirror}: {error}")
    raise DataError(
        f"{name} could not be downloaded ({'; '.join(tried)}); put the four MNIST files into a "
        "folder and set INKDIGITS_DATA to it, or use --data sample"
    )


def _copy(answer: HTTPResponse, part: Path, size: int, advance: Advance) -> None:
    done = 0
    with part.open("wb") as out:
        while block := answer.read(_BLOCK):
            done += len(block)
            if done > size:
                raise DataError(f"sends more than the {size:,} bytes of the original")
            out.write(block)
            advance(done, size)


class _HttpsOnly(urllib.request.HTTPRedirectHandler):
    """Refuses a redirect that leaves https."""

    def redirect_request(self, *args: Any) -> Any:
        address = args[-1]
        if not address.startswith("https://"):
            raise urllib.error.URLError(f"redirected to {address}, which is not https")
        return super().redirect_request(*args)


def _open(url: str) -> HTTPResponse:
    """The mirror's answer, or an OSError after WAIT_S.

    In a thread of its own because looking a name up ignores socket time-outs, and on a network
    that drops everything it takes half a minute.
    """
    answers: queue.Queue[HTTPResponse | Exception] = queue.Queue()

    def ask() -> None:
        try:
            opener = urllib.request.build_opener(_HttpsOnly)
            answers.put(cast("HTTPResponse", opener.open(url, timeout=WAIT_S)))
        except (OSError, HTTPException, ValueError) as error:
            answers.put(error)

    threading.Thread(target=ask, daemon=True).start()
    try:
        answer = answers.get(timeout=WAIT_S)
    except queue.Empty:
        raise TimeoutError(f"no answer within {WAIT_S:g} s") from None
    if isinstance(answer, Exception):
        raise answer
    return answer
