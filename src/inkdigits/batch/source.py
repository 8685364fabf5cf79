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
from typing import NamedTuple

import pyarrow as pa

from inkdigits.batch.items import Entry, Item, opened, table_entry
from inkdigits.batch.kept import NOTHING
from inkdigits.batch.storage import Place, real
from inkdigits.errors import ConfigError
from inkdigits.picture.documents import INSTALL, unread_endings
from inkdigits.picture.open import SUFFIXES

TABLES = (".parquet", ".pq")
SHARDS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
_FOLDER = "folder"


class File(NamedTuple):
    """A file of the source."""

    address: str
    why: str = ""  # it is passed over: its ending, or what is wrong with it


@dataclass(frozen=True)
class Source:
    """Where the pictures are.

    address: a folder (all pictures, Parquet files and tar shards in it and below), a glob, or one
    file. column: of Parquet files, the one with the pictures' bytes; "" is the only possible one.
    """

    address: str
    column: str = ""

    def root(self) -> Place:
        """The file, or the folder that everything is below."""
        place = Place(self.address)
        if not place.files.exists(place.path) and glob.has_magic(place.path):
            place.path = os.path.dirname(re.split(r"[*?[]", place.path, maxsplit=1)[0])
        return place

    def files(self, apart: str = "") -> Iterator[File]:
        """Every file, in the order of `in_order`; those that are passed over, too.

        A folder's hidden files are found if they are pictures. What a glob fits is taken for a
        picture, whatever its ending. apart: the address of a folder that is left out, also where
        links lead into it. Raises ConfigError if there is no such file or folder.
        """
        place, unread = Place(self.address), unread_endings()
        inside = f"{real(Place(apart))}/" if apart else None
        folder, left_out = None, False
        for path, fault in _paths(place, self.address):
            parent = posixpath.dirname(path)
            if inside and parent != folder:  # links cost time: followed once a folder
                folder, left_out = parent, f"{real(place, parent)}/".startswith(inside)
            if left_out:
                continue
            address, name = place.named(path), posixpath.basename(path)
            if path != place.path and name.lower().endswith(unread):
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


def _paths(place: Place, address: str) -> Iterator[tuple[str, str | None]]:
    """Each path, in order, and why it is passed over, if it is."""
    files, path = place.files, place.path
    if files.isdir(path):
        yield from _below(place, path)
    elif files.exists(path):
        yield path, None
    elif glob.has_magic(path):
        if place.local:
            found = [p for p in glob.iglob(path, recursive=True) if os.path.isfile(p)]
        else:
            those = files.glob(path, detail=True)
            found = [p for p, about in those.items() if about["type"] == "file"]
        yield from ((p, None) for p in sorted(found, key=in_order))
    else:
        raise ConfigError(f"{address}: no such file or folder; quote a glob: 'scans/*.png'")


def _below(place: Place, folder: str) -> Iterator[tuple[str, str | None]]:
    """The paths in a folder and in those in it, as `inkdigits read` finds them."""
    waiting = [(folder, _FOLDER)]  # the next is last; a stack, for folders of any depth
    while waiting:
        path, kind = waiting.pop()
        if kind != _FOLDER:
            fault = _fault(posixpath.basename(path), kind)
            if fault != "":
                yield path, fault
            continue
        try:
            found = _local(path) if place.local else _remote(place, path)
        except PermissionError:
            yield path, "folder that may not be listed"
            continue
        before = path.rstrip("/")
        waiting.extend((f"{before}/{name}", kind) for name, kind in sorted(found, reverse=True))


def _local(folder: str) -> list[tuple[str, str]]:
    """The names in a folder, each with its kind: file, folder, or what else it is."""
    with os.scandir(folder) as entries:
        return [(entry.name, _kind(entry)) for entry in entries]


def _kind(entry: os.DirEntry[str]) -> str:
    if entry.is_dir(follow_symlinks=False):
        return _FOLDER
    try:
        if entry.is_file():
            return "file"
        return "link to a folder" if entry.is_dir() else "no file"
    except OSError:
        return "link in a circle"


def _remote(place: Place, folder: str) -> list[tuple[str, str]]:
    found = place.files.ls(folder, detail=True)
    return [
        (posixpath.basename(one["name"].rstrip("/")), _FOLDER if is_folder else "file")
        for one in found
        # Object stores hold empty files that stand for the folder itself.
        if one["name"].rstrip("/") != folder.rstrip("/")
        for is_folder in [one["type"] == "directory"]
    ]


def _fault(name: str, kind: str) -> str | None:
    """Why a file of a folder is passed over; None if it is read, "" if that is not worth a word."""
    wanted = name.lower().endswith((*SUFFIXES, *TABLES, *SHARDS))
    if wanted and kind == "file":
        return None
    if name.startswith("."):
        return ""
    return kind if kind != "file" else _ending(name)


def _ending(name: str) -> str:
    return os.path.splitext(name)[1].lower() or "no ending"
