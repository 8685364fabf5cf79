"""Files written whole or not at all.

A file is written under a temporary name in its own folder and renamed when it is complete, so a
reader, a crash or a full disk never leaves half of one under its final name.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from inkdigits.errors import ConfigError

_LONGEST = 100  # bytes of a name that its temporary name keeps: a name has at most 255


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Yield a temporary path to write to; on success it becomes `path`, on error it is removed.

    The temporary name keeps `path`'s ending because some writers (Keras, matplotlib) choose
    their format by it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    stem = path.stem.encode(errors="surrogateescape")[:_LONGEST].decode(errors="ignore")
    part = path.with_name(f".{stem}.{os.getpid()}.part{path.suffix}")
    try:
        yield part
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8 to `path`, whole or not at all."""
    with written_whole(path) as part:
        part.write_text(text, encoding="utf-8")


def check_replaceable(folder: Path, marker: str, own: str) -> None:
    """Raise ConfigError where something else than a folder that holds `marker` is in the way.

    own: a regular expression for the names that this program writes into such a folder; where it
    holds another one, somebody has put it there. An empty folder may be replaced too, but no link
    to one.
    """
    if not os.path.lexists(folder):
        return
    if folder.is_symlink() or not folder.is_dir():
        raise ConfigError(f"{folder}: exists and is no folder; remove it or name another")
    if not (folder / marker).is_file() and any(folder.iterdir()):
        raise ConfigError(
            f"{folder}: exists and holds no {marker}, so this program did not write it; remove it "
            "or name another"
        )
    for path in sorted(folder.iterdir()):
        if not re.fullmatch(own, path.name):
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
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    try:
        part.mkdir()
        yield part
        put_in_place(part, folder)
    finally:
        if part.exists():
            shutil.rmtree(part)


def put_in_place(part: Path, path: Path) -> None:
    """Rename a whole file or folder to `path` beside it; what was there before goes."""
    if not part.is_dir():
        os.replace(part, path)
        return
    # A folder cannot be renamed over one that is not empty.
    old = path.with_name(f".{path.name}.{os.getpid()}.old")
    if path.exists():
        path.rename(old)
    try:
        part.rename(path)
    except BaseException:
        if old.exists():
            old.rename(path)
        raise
    if old.exists():
        shutil.rmtree(old)
