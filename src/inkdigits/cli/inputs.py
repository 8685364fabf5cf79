"""The pictures that `read` and `predict` are given: files, folders, patterns, standard input.

In: the arguments of a command. Out: files, in the order in which they are read. Imported only where
they are read, as it needs what opens them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from glob import glob, has_magic
from pathlib import Path

import click

from inkdigits.files import is_lost, is_temporary
from inkdigits.picture.documents import DocumentPage, count_pages, page_names, pages_in
from inkdigits.picture.open import MAX_BYTES, SUFFIXES
from inkdigits.reading.parallel import File


def picture_files(given: tuple[str, ...], *drawn: Path | None) -> Iterator[File]:
    """Files in the order given; a folder stands for the pictures in it and below, by name.

    A document stands for its pages, "-" for standard input, a pattern that no file is called for
    the files it fits. What is no regular file, such as a pipe, is read here.
    drawn: files and folders that this command draws; they may lie in such a folder and are no
    input.
    """
    own = {Path(os.path.realpath(path)) for path in drawn if path}
    for name in (name for pattern in given for name in _fitting(pattern)):
        if (data := _piped(name)) is not None:
            names = page_names(name, count_pages(data))
            yield from (DocumentPage(data, page, one) for page, one in enumerate(names, 1))
            continue
        if not os.path.isdir(name):  # Path's raises where the name is too long
            yield from pages_in(name)
            continue
        if Path(os.path.realpath(name)) in own:
            raise click.UsageError(f"{name}: is read and cannot be drawn into; name another folder")
        found = False
        for file in pictures_below(name):
            if not own or own.isdisjoint((path := Path(os.path.realpath(file)), *path.parents)):
                found = True
                yield from pages_in(file)
        if not found:
            yield name  # reading it raises the error


def pictures_below(folder: str) -> Iterator[str]:
    """The picture files in a folder and in the folders in it, by name.

    Holds the names of one folder at a time; a link to a folder is skipped. A folder that
    may not be listed is given itself, and so is a link to nothing: reading it says so.
    """
    waiting = [("", iter([(folder, True)]))]  # a stack, for folders of any depth
    while waiting:
        before, names = waiting[-1]
        name, is_folder = next(names, ("", False))
        if not name:
            waiting.pop()
        elif not is_folder or (inside := _inside(before + name)) is None:
            yield before + name
        else:
            waiting.append((os.path.join(before + name, ""), iter(inside)))


def _inside(folder: str) -> list[tuple[str, bool]] | None:
    """The names of pictures and folders in a folder; None if it may not be listed."""
    try:
        with os.scandir(folder) as entries:
            # A million names take 100 MB, as many Paths four times as much.
            return sorted(
                (e.name, e.is_dir(follow_symlinks=False))
                for e in entries
                if not is_temporary(e.name) and (e.is_dir(follow_symlinks=False) or _is_picture(e))
            )
    except OSError:
        return None


def _is_picture(entry: os.DirEntry[str]) -> bool:
    if os.path.splitext(entry.name)[1].lower() not in SUFFIXES:
        return False
    try:
        return entry.is_file() or is_lost(entry)
    except OSError:
        return True  # links in a circle: reading says so


def _piped(name: str) -> bytes | None:
    """What comes through a pipe, MAX_BYTES and one at most; None where the name is of none.

    A file that is no regular one gives what it has only once.
    """
    if name == "-":
        return _standard_input(MAX_BYTES + 1)
    if not os.path.exists(name) or os.path.isfile(name) or os.path.isdir(name):
        return None
    try:
        with open(name, "rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError:  # reading it raises the error
        return None


def _standard_input(most: int) -> bytes:
    """Its bytes up to that many; none where whoever starts the command has closed it."""
    if sys.stdin is None:
        return b""
    with suppress(OSError):
        # As some programs hand it over: what is not there yet would be taken for the end.
        os.set_blocking(sys.stdin.fileno(), True)
    return sys.stdin.buffer.read(most)


def _fitting(pattern: str) -> list[str]:
    """The name alone if there is such a file; else those that it fits as a pattern, by name."""
    if os.path.lexists(pattern) or not has_magic(pattern):
        return [pattern]
    return sorted(glob(pattern, recursive=True)) or [pattern]
