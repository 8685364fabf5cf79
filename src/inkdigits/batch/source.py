"""What is to be read: found file by file, and opened file by file.

In: a folder, a glob, a picture, Parquet files or tar shards. Out: files in one fixed order, and of
each the pictures' names and bytes. Finding takes no more memory than the largest folder's names.
"""

from __future__ import annotations

import glob
import os
import posixpath
import re
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from inkdigits.batch.kept import NOTHING, kept_of, kept_rows
from inkdigits.batch.storage import Place
from inkdigits.errors import ConfigError, NotAPictureError, PictureError
from inkdigits.picture.documents import INSTALL, unread_endings
from inkdigits.picture.open import MAX_BYTES, SUFFIXES

TABLES = (".parquet", ".pq")
SHARDS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
_ROWS = 64  # of a Parquet file that are in memory at a time; as many as the Reader gathers
_FOLDER = "folder"


class File(NamedTuple):
    """A file of the source."""

    address: str
    why: str = ""  # it is passed over: its ending, or what is wrong with it


class Entry(NamedTuple):
    """A run of pictures in one file: the row of a listing."""

    address: str
    kind: str  # picture, table, shard, or broken: a table that could not be opened
    first: int = 0  # row of a table
    n: int = 1  # pictures, or files of several pages; 0 where only reading tells: a shard


class Item(NamedTuple):
    """A picture's file, a row of a table, or a member of a shard."""

    name: str
    data: bytes | PictureError
    kept: pa.RecordBatch | None = None  # one row: the other columns of a table


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
        picture, whatever its ending. apart: the address of a folder that is left out. Raises
        ConfigError if there is no such file or folder.
        """
        place, unread = Place(self.address), unread_endings()
        for path, fault in _paths(place, self.address):
            address, name = place.named(path), posixpath.basename(path)
            if apart and address.startswith(f"{apart}/"):
                continue
            if path != place.path and name.lower().endswith(unread):
                yield File(address, f"{_ending(name)} (to read those: {INSTALL})")
            elif fault is not None:
                yield File(address, fault)
            else:
                yield File(address)

    def entry(self, address: str) -> tuple[Entry, pa.Schema]:
        """The row of a listing for a file, and the columns that its rows keep.

        Raises ConfigError if it is a table that has no column with pictures.
        """
        name = address.lower()
        if name.endswith(SHARDS):
            return Entry(address, "shard", 0, 0), NOTHING
        if name.endswith(TABLES):
            return self._table_entry(address)
        return Entry(address, "picture"), NOTHING

    def items(self, entries: Iterable[Entry], kept: pa.Schema = NOTHING) -> Iterator[Item]:
        """The name and the bytes of each picture; a PictureError where they cannot be had.

        Names: a file's address, shard.tar#member, file.parquet#row (from 0). A file that breaks off
        is an error under its own name, after what could be read of it. Holds some 64 at a time.
        kept: the columns that each row of a table comes with, null where its file lacks one.
        """
        for entry in entries:
            if entry.kind == "table":
                yield from _table(entry, self.column, kept)
            else:
                yield from _OPENERS[entry.kind](entry)

    def _table_entry(self, address: str) -> tuple[Entry, pa.Schema]:
        place = Place(address)
        try:
            with place.files.open(place.path, "rb") as file:
                table = pq.ParquetFile(file)
                picture = _bytes_column(table.schema_arrow, self.column, address)
                columns = pa.schema(
                    [
                        field
                        for field in table.schema_arrow
                        if field.name != picture and not _holds_bytes(field.type)
                    ]
                )
                return Entry(address, "table", 0, table.metadata.num_rows), columns
        except (OSError, pa.ArrowException):
            return Entry(address, "broken"), NOTHING


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


def _bytes_column(schema: pa.Schema, column: str, address: str) -> str:
    """The name of the column with pictures: binary, or a struct with such a field `bytes`."""
    possible: list[str] = [field.name for field in schema if _holds_bytes(field.type)]
    if column in possible:
        return column
    if column or len(possible) != 1:
        found = ", ".join(f"{field.name} ({field.type})" for field in schema)
        wanted = f"{column!r} with bytes" if column else "one with bytes"
        raise ConfigError(
            f"{address} has the columns {found}, wanted {wanted}; name the one with the pictures' "
            "files: --column NAME; if the file holds no pictures, move it elsewhere"
        )
    return possible[0]


def _holds_bytes(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        return kind.get_field_index("bytes") >= 0 and _holds_bytes(kind.field("bytes").type)
    return bool(
        pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind)
    )


def _picture(entry: Entry) -> Iterator[Item]:
    place = Place(entry.address)
    try:
        with place.files.open(place.path, "rb") as file:
            yield Item(entry.address, file.read(MAX_BYTES + 1))
    except Exception as error:  # noqa: BLE001 - fsspec's libraries raise their own; a file ends no job
        yield Item(entry.address, _unreadable(error))


def _table(entry: Entry, column: str, kept: pa.Schema) -> Iterator[Item]:
    """The rows of an entry; of the row groups they lie in, what is before them is skipped."""
    place = Place(entry.address)
    given, last = entry.first, entry.first + entry.n
    try:
        with place.files.open(place.path, "rb") as file:
            table = pq.ParquetFile(file)
            name = _bytes_column(table.schema_arrow, column, entry.address)
            columns = [name, *kept_of(table.schema_arrow, kept)]
            sizes = [table.metadata.row_group(g).num_rows for g in range(table.num_row_groups)]
            ends = list(accumulate(sizes))
            groups = [
                g for g, end in enumerate(ends) if end > entry.first and end - sizes[g] < last
            ]
            end = ends[groups[0]] - sizes[groups[0]] if groups else last
            for batch in table.iter_batches(_ROWS, row_groups=groups, columns=columns):
                start, end = end, end + batch.num_rows
                pictures, others = batch.column(name), kept_rows(batch, kept)
                for row in range(max(start, entry.first), min(end, last)):
                    value = _value(pictures[row - start].as_py())
                    given = row + 1
                    yield Item(f"{entry.address}#{row}", value, others.slice(row - start, 1))
                if end >= last:
                    return
            raise EOFError(f"the file ends before row {last}, which it had when it was listed")
    except Exception as error:  # noqa: BLE001 - fsspec's libraries raise their own; a file ends no job
        for row in range(given, last):
            yield Item(f"{entry.address}#{row}", _unreadable(error))


def _value(value: Any) -> bytes | PictureError:
    data = value.get("bytes") if isinstance(value, dict) else value
    return data if data is not None else PictureError("the row holds no bytes, wanted a picture's")


def _shard(entry: Entry) -> Iterator[Item]:
    """A shard's pictures, read from its beginning to its end; other members are passed over."""
    place = Place(entry.address)
    try:
        with (
            place.files.open(place.path, "rb") as file,
            tarfile.open(fileobj=file, mode="r|*") as shard,
        ):
            for member in shard:
                if not (member.isfile() and member.name.lower().endswith(tuple(SUFFIXES))):
                    continue
                opened = shard.extractfile(member)
                data = opened.read(MAX_BYTES + 1) if opened else b""
                yield Item(f"{entry.address}#{member.name}", data)
                shard.members = []  # type: ignore[attr-defined]  # or a shard's headers are all kept
    except Exception as error:  # noqa: BLE001 - fsspec's libraries raise their own; a file ends no job
        yield Item(entry.address, _unreadable(error))


def _broken(entry: Entry) -> Iterator[Item]:
    yield Item(entry.address, NotAPictureError("is no Parquet file that can be read, wanted one"))


def _unreadable(error: Exception) -> PictureError:
    why = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return NotAPictureError(f"cannot be read: {why}")


_OPENERS = {"picture": _picture, "shard": _shard, "broken": _broken}
