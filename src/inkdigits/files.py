"""Files written whole or not at all.

A file is written under a temporary name in its own folder and renamed when it is complete, so a
reader, a crash or a full disk never leaves half of one under its final name.
"""

from __future__ import annotations

import os
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from inkdigits.errors import ConfigError

_LONGEST = 100  # bytes of a name that its temporary name keeps: a name has at most 255
# Not by process number, as version 0.1.0 did: in containers these are always the same.
_TEMPORARY = re.compile(r"\..*\.([0-9a-f]{32}|[0-9]+)\.part(\.[^.]*)?", re.DOTALL)


def is_temporary(name: str) -> bool:
    """Whether a file has its name only until it is whole: a process that was killed left it."""
    return _TEMPORARY.fullmatch(name) is not None


def whole_files(folder: Path) -> list[Path]:
    """The files of a folder but temporary ones, in any order."""
    return [p for p in folder.iterdir() if not is_temporary(p.name) and p.is_file()]


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether it is a folder, or a link to one; a link in a circle is none."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def is_lost(entry: os.DirEntry[str]) -> bool:
    """Whether it is a link to what is not there."""
    return entry.is_symlink() and not os.path.exists(entry.path)


def is_empty(folder: Path) -> bool:
    """Whether nothing but temporary files is in a folder."""
    return all(is_temporary(path.name) for path in folder.iterdir())


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Yield a temporary path to write to; on success it becomes `path`, on error it is removed.

    The temporary name keeps `path`'s ending because some writers (Keras, matplotlib) choose
    their format by it. What was written is on the disk before it becomes `path`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{_short(path.stem)}.{uuid.uuid4().hex}.part{path.suffix}")
    try:
        with final_names(part, path):
            yield part
            _sync(part)
            os.replace(part, path)
    finally:
        with suppress(OSError):  # not there, or a disk that can no longer be written to
            part.unlink()


@contextmanager
def final_names(part: Path, path: Path) -> Iterator[None]:
    """Errors of a temporary file or folder, or of what is in it, become those of the final path."""
    try:
        yield
    except OSError as error:
        given = (error.filename, error.filename2)  # of a copy or a move both
        names = [Path(os.fsdecode(n)) for n in given if isinstance(n, str | bytes | os.PathLike)]
        inside = [name for name in names if name.is_relative_to(part)]
        if error.errno is None or (names and not inside):
            raise
        below = inside[0].relative_to(part) if names else ""  # a full disk names none
        raise OSError(error.errno, error.strerror, str(path / below)) from error


def _short(name: str) -> str:
    return name.encode(errors="surrogateescape")[:_LONGEST].decode(errors="ignore")


def _sync(path: Path) -> None:
    """Or a machine's crash may leave the new name, and nothing in the file."""
    file = os.open(path, os.O_RDWR)  # Windows syncs no file that is opened to be read
    try:
        os.fsync(file)
    finally:
        os.close(file)


@contextmanager
def locked(folder: Path) -> Iterator[bool]:
    """Hold a folder's lock, which ends with this process, also when that is killed.

    Yields whether it is held: not where the system or the disk knows no locks. Raises
    BlockingIOError where another process holds it.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        yield False
        return
    opened = os.open(folder, os.O_RDONLY)
    try:
        held = True
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise
        except OSError:
            held = False
        yield held
    finally:
        os.close(opened)


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8 to `path`, whole or not at all.

    The name of a file that stands in it may be no text: its bytes are then written as escapes.
    """
    with written_whole(path) as part:
        part.write_text(text, encoding="utf-8", errors="backslashreplace")


def check_replaceable(folder: Path, marker: str, own: str) -> None:
    """Raise ConfigError where something else than a folder that holds `marker` is in the way.

    own: a regular expression for the names that this program writes into such a folder; where it
    holds another one, somebody has put it there. An empty folder may be replaced too, but no link
    to one.
    """
    if not os.path.lexists(folder):
        return
    if folder.is_symlink() or not folder.is_dir():
        raise ConfigError(f"{folder}: exists and is not a folder; remove it or name another")
    if not (folder / marker).is_file() and not is_empty(folder):
        raise ConfigError(
            f"{folder}: exists and holds no {marker}, so this program did not write it; remove it "
            "or name another"
        )
    for path in sorted(folder.iterdir()):
        if not (re.fullmatch(own, path.name) or is_temporary(path.name)):
            raise ConfigError(
                f"{folder}: holds {path.name}, which this program did not write and would remove; "
                "move it or name another folder"
            )


@contextmanager
def folder_written_whole(folder: Path, marker: str, own: str) -> Iterator[Path]:
    """Yield a temporary folder to write to; on success it takes `folder`'s place, else it goes.

    Raises what `check_replaceable` does.
    """
    folder = folder.absolute()
    check_replaceable(folder, marker, own)
    with new_folder(folder) as part:
        yield part
        put_in_place(part, folder)


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder beside `folder`, to be renamed; it goes if it still is there then.

    Those that killed processes have left go first. folder: an absolute path.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    for left in _beside(folder, "part"):
        with suppress(OSError), locked(left) as held:
            if held:  # nobody is writing there
                shutil.rmtree(left)
    part = _temporary(folder, "part")
    part.mkdir()
    try:
        with locked(part), final_names(part, folder):
            yield part
    finally:
        if part.exists():
            shutil.rmtree(part)


def put_in_place(part: Path, path: Path) -> None:
    """Rename a whole file or folder to `path` beside it; what was there before goes."""
    if not part.is_dir():
        os.replace(part, path)
        return
    # A folder cannot be renamed over one that is not empty.
    old = _temporary(path, "old")
    if path.exists():
        path.rename(old)
    try:
        part.rename(path)
    except BaseException:
        if old.exists():
            old.rename(path)
        raise
    for left in _beside(path, "old"):  # another one where a process was killed here
        shutil.rmtree(left, ignore_errors=True)


def _temporary(folder: Path, ending: str) -> Path:
    return folder.with_name(f".{_short(folder.name)}.{uuid.uuid4().hex}.{ending}")


def _beside(folder: Path, ending: str) -> list[Path]:
    """The temporary folders of `folder`'s name."""
    name = re.compile(rf"\.{re.escape(_short(folder.name))}\.[0-9a-f]{{32}}\.{ending}")
    return [path for path in folder.parent.iterdir() if name.fullmatch(path.name)]
