"""Files written whole or not at all.

A file is written under a temporary name in its own folder and renamed when it is complete, so a
reader, a crash or a full disk never leaves half of one under its final name.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Yield a temporary path to write to; on success it becomes `path`, on error it is removed.

    The temporary name keeps `path`'s ending because some writers (Keras, matplotlib) choose
    their format by it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        yield part
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8 to `path`, whole or not at all."""
    with written_whole(path) as part:
        part.write_text(text, encoding="utf-8")


@contextmanager
def folder_written_whole(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder to write to; on success it takes `folder`'s place, else it goes."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    old = folder.with_name(f".{folder.name}.{os.getpid()}.old")
    try:
        part.mkdir()
        yield part
        # A folder cannot be renamed over one that is not empty.
        if folder.exists():
            folder.rename(old)
        part.rename(folder)
    finally:
        for rest in (part, old):
            if rest.exists():
                shutil.rmtree(rest)
