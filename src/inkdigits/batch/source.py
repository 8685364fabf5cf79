"""What is to be read: found file by file.

In: a folder, a glob, a picture, Parquet files or tar shards. Out: files in one fixed order, and of
each the row of a listing. Finding takes no more memory than the largest folder's names.
"""

from __future__ import annotations

import glob
import os
import posixpath
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from errno import ELOOP
from fnmatch import translate
from typing import NamedTuple

import pyarrow as pa

from inkdigits.batch.items import Entry, Item, opened, table_entry
from inkdigits.batch.kept import NOTHING
from inkdigits.batch.storage import Location, real
from inkdigits.errors import ConfigError
from inkdigits.files import is_temporary
from inkdigits.picture.documents import INSTALL, unread_endings
from inkdigits.picture.open import SUFFIXES

TABLES = (".parquet", ".pq")
SHARDS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
_FOLDER, _LINK = "folder", "link to a folder"


class File(NamedTuple):
    """A file of the source."""

    address: str
    why: str = ""  # why it is skipped: its ending, or what is wrong with it


@dataclass(frozen=True)
class Source:
    """Where the pictures are.

    address: a folder (all pictures, Parquet files and tar shards in it and below), a glob, or one
    file. column: of Parquet files, the one with the pictures' bytes; "" is the only possible one.
    """

    address: str
    column: str = ""

    def root(self) -> Location:
        """The file, or the folder that everything is below."""
        location = Location(self.address)
        if not location.kind() and glob.has_magic(location.path):
            location.path, _ = _split(location.path)
        return location

    def files(self, apart: str = "") -> Iterator[File]:
        """Every file, in the order of `in_order`; the skipped ones, too.

        A folder's hidden files are found if they are pictures. What a glob fits is taken for a
        picture, whatever its ending. A folder that cannot be listed is found itself, with a / at
        its end. apart: the address of a folder that is left out, also where links lead into it.
        Raises ConfigError if there is no such file or folder, and OSError if it cannot be listed.
        """
        location, unread = Location(self.address), unread_endings()
        inside = f"{real(Location(apart))}/" if apart else None
        folder, left_out = None, False
        for path, fault in _paths(location, self.address):
            parent = posixpath.dirname(path)
            if inside and parent != folder:  # links cost time: followed once a folder
                folder, left_out = parent, f"{real(location, parent)}/".startswith(inside)
            if left_out:
                continue
            address, name = location.named(path), posixpath.basename(path)
            if path != location.path and name.lower().endswith(unread):
                yield File(address, f"{_ending(name)} (to read those: {INSTALL})")
            elif fault is not None:
                yield File(address, fault)
            else:
                yield File(address)

    def entry(self, address: str) -> tuple[Entry, pa.Schema]:
        """The row of a listing for a file, and the columns that its rows keep.

        Raises ConfigError if it is a table that has no column with pictures, or two of one name.
        """
        name = address.lower()
        if name.endswith("/"):
            return Entry(address, "folder"), NOTHING
        if name.endswith(SHARDS):
            return Entry(address, "shard", 0, 0), NOTHING
        if name.endswith(TABLES):
            return table_entry(address, self.column)
        return Entry(address, "picture"), NOTHING

    def items(self, entries: Iterable[Entry], kept: pa.Schema = NOTHING) -> Iterator[Item]:
        """The pictures of a listing's rows, as `items.opened` gives them."""
        return opened(entries, self.column, kept)


def in_order(address: str) -> list[str]:
    """What files are sorted by: the names of the folders they are in, then their own."""
    return address.split("/")


def parts_of(entries: Iterable[Entry], size: int) -> Iterator[list[Entry]]:
    """The entries in parts of `size` pictures, the last smaller; a shard is a part of its own."""
    part: list[Entry] = []
    room = size
    for entry in entries:
        if entry.kind == "shard":
            yield [entry]
            continue
        first, left = entry.first, entry.n
        while left:
            n = min(left, room)
            part.append(entry._replace(first=first, n=n))
            first, left, room = first + n, left - n, room - n
            if not room:
                yield part
                part, room = [], size
    if part:
        yield part


def _paths(location: Location, address: str) -> Iterator[tuple[str, str | None]]:
    """Each path, in order, and why it is skipped, if it is."""
    kind = location.kind()
    if kind == "directory":
        yield from _below(location, location.path)
    elif kind:
        # A pipe is there once, and several processes read.
        yield location.path, "no file" if kind == "other" and location.local else None
    elif glob.has_magic(location.path):
        found = dict(_fitting(location, *_split(location.path)))
        yield from ((path, found[path]) for path in sorted(found, key=in_order))
    else:
        raise ConfigError(f"{address}: no such file or folder; quote a glob: 'scans/*.png'")


def _below(location: Location, folder: str) -> Iterator[tuple[str, str | None]]:
    """The paths in a folder and in those in it, as `inkdigits read` finds them.

    Raises OSError if the folder cannot be listed. One in it that cannot is given itself, with a /
    at its end.
    """
    waiting = _inside(location, folder)  # the next is last; a stack, for folders of any depth
    while waiting:
        path, kind = waiting.pop()
        if kind != _FOLDER:
            fault = _fault(posixpath.basename(path), kind)
            if fault != "":
                yield path, fault
            continue
        try:
            waiting += _inside(location, path)
        except OSError:
            yield f"{path}/", None


def _inside(location: Location, folder: str) -> list[tuple[str, str]]:
    """The paths in a folder, each with its kind: file, folder, or what else it is; backwards."""
    if location.local:
        with os.scandir(folder) as entries:
            found = [(entry.name, _kind(entry)) for entry in entries]
    else:
        found = [(n, _FOLDER if k == "directory" else "file") for n, k in location.listed(folder)]
    before = folder.rstrip("/")
    return [
        (f"{before}/{name}", kind)
        for name, kind in sorted(found, reverse=True)
        if not is_temporary(name)
    ]


def _kind(entry: os.DirEntry[str]) -> str:
    if entry.is_dir(follow_symlinks=False):
        return _FOLDER
    try:
        if entry.is_file():
            return "file"
        return _LINK if entry.is_dir() else "no file"
    except OSError as error:
        return "link in a circle" if error.errno == ELOOP else "file"  # reading says what it is


def _split(pattern: str) -> tuple[str, list[str]]:
    """The folder in which a glob begins, and its parts from there on."""
    folder = posixpath.dirname(re.split(r"[*?[]", pattern, maxsplit=1)[0])
    return folder, pattern[len(folder) :].lstrip("/").split("/")


def _fitting(location: Location, folder: str, parts: list[str]) -> Iterator[tuple[str, str | None]]:
    """The paths in a folder that fit a glob's parts, and why one is skipped, if it is.

    Fits what Python's glob does, but that no link is followed by **. Not by a library's glob, which
    skips a folder that cannot be listed. Here it is given itself, as by `_below`.
    """
    part, rest = parts[0], parts[1:]
    if not glob.has_magic(part):
        path = posixpath.join(folder, part)
        if rest:
            yield from _fitting(location, path, rest)
        elif location.kind(path) == "file":
            yield path, None
        return
    if part == "**" and rest:
        yield from _fitting(location, folder, rest)
    try:
        inside = _inside(location, folder)
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError:
        yield f"{folder}/", None
        return
    fits = re.compile(translate("*" if part == "**" else part)).match
    for path, kind in inside:
        name = posixpath.basename(path)
        if not fits(name) or (name.startswith(".") and not part.startswith(".")):
            continue
        if kind == _FOLDER and part == "**":
            yield from _fitting(location, path, parts)
        elif rest and part != "**" and kind in (_FOLDER, _LINK):
            yield from _fitting(location, path, rest)
        elif kind != _FOLDER and not rest:
            yield path, None if kind == "file" else kind


def _fault(name: str, kind: str) -> str | None:
    """Why a file of a folder is skipped; None if it is read, "" if that needs no message."""
    wanted = name.lower().endswith((*SUFFIXES, *TABLES, *SHARDS))
    if wanted and kind == "file":
        return None
    if name.startswith("."):
        return ""
    return kind if kind != "file" else _ending(name)


def _ending(name: str) -> str:
    return os.path.splitext(name)[1].lower() or "no ending"
