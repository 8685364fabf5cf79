"""Sets of digits with a name, on this machine: found, or fetched once over https and checked.

In: a set's name and the environment. Out: a folder with its files, each with the SHA-256 of the
original distribution. pooch fetches: a half file is never taken for a whole one. With no network
this gives up within WAIT_S for each address.
"""

from __future__ import annotations

import hashlib
import os
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from inkdigits.data.idx import FILES, find_files
from inkdigits.errors import DataError, MissingExtraError
from inkdigits.files import written_whole

WAIT_S = (
    5.0  # for an address's first answer; two of them stay under the 15 s a user is made to wait
)
_STALL_S = 30.0  # between two blocks of a download
_BLOCK = 1 << 16  # bytes

Advance = Callable[[int, int], None]  # (bytes done, bytes in all)


class Remote(NamedTuple):
    """A file of a set."""

    name: str
    sha256: str
    most: int  # bytes that it has at most
    bases: tuple[str, ...]  # addresses, each is tried with the name behind it


_MNIST = (
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
)
_QMNIST = ("https://raw.githubusercontent.com/facebookresearch/qmnist/master/",)
_EMNIST = ("https://biometrics.nist.gov/cs_links/EMNIST/",)
_USPS = ("https://www.csie.ntu.edu.tw/~cjlin/libsvmtools/datasets/multiclass/",)
# The hashes of MNIST's files were compared with files; the others are those that torchvision and,
# for EMNIST, TensorFlow Datasets publish.
SETS: dict[str, tuple[Remote, ...]] = {
    "mnist": (
        Remote(
            "train-images-idx3-ubyte.gz",
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            9_912_422, _MNIST,
        ),
        Remote(
            "train-labels-idx1-ubyte.gz",
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            28_881, _MNIST,
        ),
        Remote(
            "t10k-images-idx3-ubyte.gz",
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            1_648_877, _MNIST,
        ),
        Remote(
            "t10k-labels-idx1-ubyte.gz",
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
            4_542, _MNIST,
        ),
    ),
    "qmnist": (
        Remote(
            "qmnist-train-images-idx3-ubyte.gz",
            "9e26a7bf1683614e065d7b76460ccd52807165b3f22561fb782bd9f38c52b51d",
            30_000_000, _QMNIST,
        ),
        Remote(
            "qmnist-train-labels-idx2-int.gz",
            "2c05dc77f6b916b38e455e97ab129a42a444f3dbef09b278a366f82904e0dd9f",
            30_000_000, _QMNIST,
        ),
        Remote(
            "qmnist-test-images-idx3-ubyte.gz",
            "43fc22bf7498b8fc98de98369d72f752d0deabc280a43a7bcc364ab19e57b375",
            30_000_000, _QMNIST,
        ),
        Remote(
            "qmnist-test-labels-idx2-int.gz",
            "9fbcbe594c3766fdf4f0b15c5165dc0d1e57ac604e01422608bb72c906030d06",
            30_000_000, _QMNIST,
        ),
    ),
    "emnist": (
        Remote(
            "gzip.zip",
            "fb9bb67e33772a9cc0b895e4ecf36d2cf35be8b709693c3564cea2a019fcda8e",
            561_753_746, _EMNIST,
        ),
    ),
    "usps": (
        Remote(
            "usps.bz2",
            "3771e9dd6ba685185f89867b6e249233dd74652389f263963b3b741e994b034f",
            30_000_000, _USPS,
        ),
        Remote(
            "usps.t.bz2",
            "a9c0164e797d60142a50604917f0baa604f326e9a689698763793fa5d12ffc4e",
            30_000_000, _USPS,
        ),
    ),
}  # fmt: skip
# What is kept of EMNIST's archive, which holds letters as well.
_EMNIST_DIGITS = tuple(
    f"emnist-digits-{part}-{what}-ubyte.gz"
    for part in ("train", "test")
    for what in ("images-idx3", "labels-idx1")
)


def cache_folder() -> Path:
    """Where downloads are kept: $XDG_CACHE_HOME/inkdigits, else ~/.cache/inkdigits.

    Raises DataError for a user who has no home.
    """
    base = os.environ.get("XDG_CACHE_HOME")
    try:
        return (Path(base) if base else Path.home() / ".cache") / "inkdigits"
    except RuntimeError as error:  # no $HOME, and no entry among the users, as in containers
        raise DataError(
            "there is no folder to keep downloads in: this user has no home; set HOME or "
            "XDG_CACHE_HOME"
        ) from error


def set_folder(name: str, advance: Advance) -> Path:
    """A folder with the files of the set: in the cache, downloaded if need be.

    For MNIST $INKDIGITS_DATA is such a folder, where it is set. Raises DataError if a file is not
    the original's or cannot be had, MissingExtraError if it has to be fetched without pooch.
    """
    given = os.environ.get("INKDIGITS_DATA")
    if name == "mnist" and given:
        return _given_folder(Path(given))
    folder = cache_folder() / name
    if name == "emnist":
        if not all((folder / file).is_file() for file in _EMNIST_DIGITS):
            (remote,) = SETS[name]
            fetched(remote, folder, advance)
            _unpack(folder / remote.name, folder)
        return folder
    for remote in SETS[name]:
        fetched(remote, folder, advance)
    return folder


def fetched(remote: Remote, folder: Path, advance: Advance) -> Path:
    """The file in the folder, downloaded if it is not there as it should be.

    Raises what `set_folder` does.
    """
    path = folder / remote.name
    if path.is_file() and _sha256(path) == remote.sha256:
        return path
    tried = []
    for base in remote.bases:
        try:
            _fetch(base + remote.name, remote, folder, advance)
            return path
        # What requests raises is an OSError; a file that is not the original's, a ValueError.
        except (OSError, ValueError) as error:
            tried.append(f"{base}: {error}")
    raise DataError(
        f"{remote.name} could not be downloaded ({'; '.join(tried)}); fetch it elsewhere, put it "
        f"into {folder}, or use --data sample"
    )


def _given_folder(folder: Path) -> Path:
    files = find_files(folder)
    if files is None:
        raise DataError(
            f"$INKDIGITS_DATA is {folder}, which does not hold the four MNIST files "
            f"({', '.join(FILES.values())}); point it at them or unset it"
        )
    known = {remote.name: remote.sha256 for remote in SETS["mnist"]}
    for path in files.values():
        if path.name in known and (found := _sha256(path)) != known[path.name]:
            raise DataError(
                f"{path}: SHA-256 is {found}, the original's is {known[path.name]}; delete it and "
                "try again"
            )
    return folder


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error}") from error


def _fetch(address: str, remote: Remote, folder: Path, advance: Advance) -> None:
    """Download one file. Raises OSError or ValueError, and nothing is left of it then."""
    try:
        import pooch
    except ImportError as error:
        raise MissingExtraError(
            f"{remote.name} is downloaded by pooch: pip install 'inkdigits[train]'"
        ) from error
    pooch.get_logger().setLevel("ERROR")
    watched = _Watched(remote.most, advance)
    # No redirects: one could lead away from https.
    downloader = pooch.HTTPDownloader(
        progressbar=watched, chunk_size=_BLOCK, timeout=_STALL_S, allow_redirects=False
    )
    failed: list[Exception] = []

    def get() -> None:
        try:
            pooch.retrieve(address, remote.sha256, remote.name, folder, downloader=downloader)
        except Exception as error:  # noqa: BLE001  raised below, in the thread that asked
            failed.append(error)
        finally:
            watched.answered.set()

    # In a thread of its own because looking a name up ignores time-outs, and on a network that
    # drops everything it takes half a minute.
    thread = threading.Thread(target=get, daemon=True)
    thread.start()
    try:
        if not watched.answered.wait(WAIT_S):
            raise TimeoutError(f"no answer within {WAIT_S:g} s")
        thread.join()
    except BaseException:
        watched.given_up = True
        raise
    if failed:
        raise failed[0]


class _Watched:
    """A progress bar as pooch takes it: tells of progress, ends what is too large or given up."""

    def __init__(self, most: int, advance: Advance) -> None:
        self.answered = threading.Event()
        self.given_up = False
        self._most, self._advance = most, advance
        self._total = self._done = 0

    @property
    def total(self) -> int:
        """Bytes in all; set with the first answer."""
        return self._total

    @total.setter
    def total(self, value: int) -> None:
        self._total = min(value, self._most) or self._most
        self.answered.set()

    def update(self, n: int) -> None:
        """Count n more bytes: whole blocks, also for the last, shorter one."""
        if self.given_up:
            raise OSError("given up")
        self._done += n
        if self._done >= self._most + _BLOCK:
            raise ValueError(f"sends more than the {self._most:,} bytes expected")
        self._advance(min(self._done, self._total), self._total)

    def reset(self) -> None:
        """Start counting again."""
        self._done = 0

    def close(self) -> None:
        """Do nothing."""


def _unpack(archive: Path, folder: Path) -> None:
    """Take EMNIST's digits out of its archive, and remove that: it is ten times as large."""
    try:
        with zipfile.ZipFile(archive) as packed:
            for name in _EMNIST_DIGITS:
                with written_whole(folder / name) as part:
                    part.write_bytes(packed.read(f"gzip/{name}"))
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise DataError(f"{archive}: cannot be unpacked: {error}") from error
    archive.unlink()
