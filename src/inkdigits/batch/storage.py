"""Files at any address: found, read, and written whole or not at all.

In: addresses, local or of any protocol fsspec has a library for. Out: bytes.
Knows nothing of pictures.
"""

from __future__ import annotations

import os
import posixpath
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import Any, TypeVar

import fsspec
from fsspec.implementations.local import LocalFileSystem

from inkdigits.errors import BatchError, ConfigError
from inkdigits.files import locked

_PAUSES = (0.5, 2.0)  # seconds before a storage that failed is asked again
_TAKEN = ".job-"  # begins the name of the file that says whose a folder is
_TEMPORARY = ".half"  # ends a file's name while it is written

T = TypeVar("T")


class Location:
    """A folder or file at an address; picklable, so that workers get it as it is.

    address: a local path or a URL such as s3://bucket/pictures. Raises ConfigError if fsspec has no
    library for its protocol.
    """

    def __init__(self, address: str) -> None:
        try:
            self.files, self.path = _opened(address)
        except (ImportError, OSError, TypeError, ValueError) as error:
            raise ConfigError(
                f"{address}: cannot be opened: {error}; expected a local path or an address whose "
                "fsspec library is installed (s3://: pip install s3fs, gs://: gcsfs)"
            ) from error
        if self.local:  # a worker's working directory is another
            self.path = os.path.abspath(self.path)

    @property
    def local(self) -> bool:
        """Whether it is on this machine's disks."""
        return isinstance(self.files, LocalFileSystem)

    def named(self, path: str) -> str:
        """The address of a path in the same file system: absolute if local, else a URL."""
        return path if self.local else str(self.files.unstrip_protocol(path))

    def within(self, name: str) -> str:
        """The path of a file in this folder."""
        return posixpath.join(self.path, name)

    def has(self, name: str) -> bool:
        """Whether this folder holds a file of that name. Raises OSError."""
        # What was written a moment ago by another process must not be missed.
        self.files.invalidate_cache()
        return self.kind(self.within(name)) != ""

    def kind(self, path: str | None = None) -> str:
        """What is there, or at a path in the same file system. Raises OSError.

        A file, a directory, something else, or nothing ("").
        """
        path = self.path if path is None else path
        # Not fsspec's isdir and exists: they take whatever fails for "no".
        try:
            if self.local:
                mode = os.stat(path).st_mode
                return "directory" if S_ISDIR(mode) else "file" if S_ISREG(mode) else "other"
            kind = str(self.asked(lambda: self.files.info(path))["type"])
            # A web server's folders are files as well.
            return "directory" if kind == "file" and self.files.isdir(path) else kind
        except (FileNotFoundError, NotADirectoryError):
            return ""

    def listed(self, folder: str) -> list[tuple[str, str]]:
        """The names in a folder, each with its kind, as fsspec calls it. Raises OSError."""
        found = self.asked(lambda: self.files.ls(folder, detail=True))
        return [
            (posixpath.basename(one["name"].rstrip("/")), one["type"])
            for one in found
            # Object stores hold empty files that stand for the folder itself.
            if one["name"].rstrip("/") != folder.rstrip("/")
        ]

    def asked(self, what: Callable[[], T]) -> T:
        """What a storage answers; it is asked again a little later where that fails.

        Raises OSError, whatever its library raises.
        """
        for pause in (*_PAUSES, None):
            try:
                return what()
            except (FileNotFoundError, NotADirectoryError, PermissionError):
                raise
            except Exception as error:  # fsspec's libraries raise their own
                if pause is None:
                    raise OSError(f"{type(error).__name__}: {error}") from error
                time.sleep(pause)
                self.files.invalidate_cache()
        raise AssertionError("not reached")

    @contextmanager
    def locked(self) -> Iterator[Callable[[], None]]:
        """Keep other jobs from writing to this folder, which is made if it is not there.

        Yields what is to be asked now and then: it raises BatchError where another job has begun to
        write there. On this machine's disks none can: that raises BatchError at once. The system
        ends a lock with the process that holds it, also when that is killed. An object store has no
        locks: there the last job to begin has the folder, so that one may go on after a kill.
        """
        kind = self.kind() if self.local else "elsewhere"
        if kind == "elsewhere":
            with self._taken() as check:
                yield check
            return
        if kind not in ("", "directory"):
            yield lambda: None
            return
        os.makedirs(self.path, exist_ok=True)
        try:
            with locked(Path(self.path)):
                yield lambda: None
        except BlockingIOError as error:
            raise BatchError(
                f"{self.path}: another job writes to this folder; wait for its end, or stop it"
            ) from error
        finally:
            if not kind:
                with suppress(OSError):  # it has files now
                    os.rmdir(self.path)

    @contextmanager
    def _taken(self) -> Iterator[Callable[[], None]]:
        """A file that says whose the folder is, instead of other jobs' ones."""
        mine = f"{_TAKEN}{uuid.uuid4().hex}"

        def check() -> None:
            if not self.has(mine):
                raise BatchError(
                    f"{self.named(self.path)}: another job was started there and writes now; wait "
                    "for its end, then start one of the two again"
                )

        with self.writing(mine) as path:
            path.write_bytes(b"")
        self.sweep(_TAKEN, but=mine)
        try:
            yield check
        finally:
            self.remove(mine)

    def open(self, name: str) -> Any:
        """A file of this folder, to be read as bytes."""
        return self.files.open(self.within(name), "rb")

    @contextmanager
    def writing(self, name: str) -> Iterator[Path]:
        """Yield a path on this machine to write to; on success it becomes a file of this folder.

        Whole or not at all: a reader or a crash never meets half of it. OSError as it comes.
        """
        path = self.within(name)
        # Not by process number: on machines that share a disk these may be the same.
        half = self.within(f".{name}.{uuid.uuid4().hex}{_TEMPORARY}")
        self.files.makedirs(self.path, exist_ok=True)
        if self.local:
            try:
                yield Path(half)
                with open(half, "rb") as file:
                    os.fsync(file.fileno())  # or a machine's crash may leave the name, and nothing
                os.replace(half, path)
            finally:
                Path(half).unlink(missing_ok=True)
            return
        with tempfile.TemporaryDirectory() as folder:
            written = Path(folder) / name
            yield written
            self.files.put_file(str(written), half)
            self.files.mv(half, path)

    def remove(self, name: str) -> None:
        """Remove a file of this folder, if it is there."""
        with suppress(FileNotFoundError):
            self.files.rm_file(self.within(name))

    def sweep(self, prefix: str, but: str = "") -> None:
        """Remove what killed writers left half done in this folder, and files with a prefix.

        but: the name of one that stays.
        """
        self.files.invalidate_cache()
        for path in self.files.ls(self.path, detail=False):
            name = posixpath.basename(path)
            if (name.startswith(prefix) and name != but) or (
                name.startswith(".") and name.endswith(_TEMPORARY)
            ):
                self.remove(name)


def real(location: Location, path: str | None = None) -> str:
    """The address behind links, of a location or of a path in its file system."""
    path = location.path if path is None else path
    return os.path.realpath(path) if location.local else location.named(path)


def _opened(address: str) -> tuple[Any, str]:
    """A file system, and the path in it. Raises what fsspec raises.

    fsspec takes every :: for a chain (simplecache::s3://...). Files' names may have one, too.
    """
    protocol, remote, _ = address.partition("://")
    if not remote or address.startswith("/"):
        return LocalFileSystem(), LocalFileSystem._strip_protocol(address)
    if "::" not in address or "://" in address.split("::", 1)[1]:
        files, path = fsspec.url_to_fs(address)
        return files, path
    kind = fsspec.get_filesystem_class(protocol)
    files = fsspec.filesystem(protocol, **kind._get_kwargs_from_urls(address))
    return files, kind._strip_protocol(address)
