"""What is to be read: listed once, cut into parts, opened part by part.

In: a folder, a glob, a picture, Parquet files or tar shards. Out: rows of a listing, and of each
the pictures' names and bytes. Listing takes no more memory than the largest folder's names.
"""

from __future__ import annotations

import glob
import os
import re
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from inkdigits.errors import ConfigError, NotAPictureError, PictureError
from inkdigits.picture.open import MAX_BYTES, SUFFIXES
from inkdigits.scale.storage import Place

TABLES = (".parquet", ".pq")
SHARDS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
_ROWS = 64  # of a Parquet file that are in memory at a time; as many as the Reader gathers


class Entry(NamedTuple):
    """A run of pictures in one file: the row of a listing."""

    address: str
    kind: str  # picture, table, shard, or broken: a table that could not be opened
    first: int = 0  # row of a table
    n: int = 1  # pictures; 0 where only reading tells: a shard


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

    def entries(self) -> Iterator[Entry]:
        """What there is: an entry for each file, sorted by name within each folder.

        Raises ConfigError if there is nothing, or a table has no column with pictures.
        """
        place = Place(self.address)
        found = False
        for path in _paths(place, self.address):
            found = True
            address, name = place.named(path), path.lower()
            if name.endswith(SHARDS):
                yield Entry(address, "shard", 0, 0)
            elif name.endswith(TABLES):
                yield _table_entry(place, path, address, self.column)
            else:
                yield Entry(address, "picture")
        if not found:
            raise ConfigError(
                f"{self.address}: no picture in it; wanted a folder, a glob or a file with "
                f"{', '.join(sorted(SUFFIXES))}, {', '.join(TABLES)} or {', '.join(SHARDS)}"
            )

    def pictures(self, entries: Iterable[Entry]) -> Iterator[tuple[str, bytes | PictureError]]:
        """The name and the bytes of each picture; a PictureError where they cannot be had.

        Names: a file's address, shard.tar#member, file.parquet#row (from 0). A file that breaks off
        is an error under its own name, after what could be read of it. Holds some 64 at a time.
        """
        for entry in entries:
            yield from _OPENERS[entry.kind](entry, self.column)


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


def _paths(place: Place, address: str) -> Iterator[str]:
    """Paths of what may hold pictures, sorted within each folder."""
    files, path = place.files, place.path
    if files.isdir(path):
        wanted = (*SUFFIXES, *TABLES, *SHARDS)
        for folder, names in _folders(place):
            yield from (
                f"{folder.rstrip('/')}/{name}" for name in names if name.lower().endswith(wanted)
            )
    elif files.exists(path):
        yield path
    elif glob.has_magic(path):
        if place.local:
            yield from sorted(p for p in glob.iglob(path, recursive=True) if os.path.isfile(p))
        else:
            found = files.glob(path, detail=True)
            yield from sorted(p for p, about in found.items() if about["type"] == "file")
    else:
        raise ConfigError(f"{address}: no such file or folder; quote a glob: 'scans/*.png'")


def _folders(place: Place) -> Iterator[tuple[str, list[str]]]:
    """Each folder with its files' names, by name. Local ones cost a name each, no more."""
    if place.local:
        for folder, below, names in os.walk(place.path):
            below.sort()
            yield folder, sorted(names)
        return
    for folder, below, names in place.files.walk(place.path):
        below.sort()
        yield folder, sorted(names)


def _table_entry(place: Place, path: str, address: str, column: str) -> Entry:
    try:
        with place.files.open(path, "rb") as file:
            table = pq.ParquetFile(file)
            _bytes_column(table.schema_arrow, column, address)
            return Entry(address, "table", 0, table.metadata.num_rows)
    except (OSError, pa.ArrowException):
        return Entry(address, "broken")


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
            "files: --column NAME"
        )
    return possible[0]


def _holds_bytes(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        return kind.get_field_index("bytes") >= 0 and _holds_bytes(kind.field("bytes").type)
    return bool(
        pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind)
    )


def _picture(entry: Entry, column: str) -> Iterator[tuple[str, bytes | PictureError]]:
    place = Place(entry.address)
    try:
        with place.files.open(place.path, "rb") as file:
            yield entry.address, file.read(MAX_BYTES + 1)
    except Exception as error:  # noqa: BLE001 - fsspec's libraries raise their own; a file ends no job
        yield entry.address, _unreadable(error)


def _table(entry: Entry, column: str) -> Iterator[tuple[str, bytes | PictureError]]:
    """The rows of an entry; of the row groups they lie in, what is before them is skipped."""
    place = Place(entry.address)
    given, last = entry.first, entry.first + entry.n
    try:
        with place.files.open(place.path, "rb") as file:
            table = pq.ParquetFile(file)
            name = _bytes_column(table.schema_arrow, column, entry.address)
            sizes = [table.metadata.row_group(g).num_rows for g in range(table.num_row_groups)]
            ends = list(accumulate(sizes))
            groups = [
                g for g, end in enumerate(ends) if end > entry.first and end - sizes[g] < last
            ]
            end = ends[groups[0]] - sizes[groups[0]] if groups else last
            for batch in table.iter_batches(_ROWS, row_groups=groups, columns=[name]):
                start, end = end, end + batch.num_rows
                for row in range(max(start, entry.first), min(end, last)):
                    value = _value(batch.column(0)[row - start].as_py())
                    given = row + 1
                    yield f"{entry.address}#{row}", value
                if end >= last:
                    return
            raise EOFError(f"the file ends before row {last}, which it had when it was listed")
    except Exception as error:  # noqa: BLE001 - fsspec's libraries raise their own; a file ends no job
        for row in range(given, last):
            yield f"{entry.address}#{row}", _unreadable(error)


def _value(value: Any) -> bytes | PictureError:
    data = value.get("bytes") if isinstance(value, dict) else value
    return data if data is not None else PictureError("the row holds no bytes, wanted a picture's")


def _shard(entry: Entry, column: str) -> Iterator[tuple[str, bytes | PictureError]]:
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
                yield f"{entry.address}#{member.name}", data
                shard.members = []  # type: ignore[attr-defined]  # or a shard's headers are all kept
    except Exception as error:  # noqa: BLE001 - fsspec's libraries raise their own; a file ends no job
        yield entry.address, _unreadable(error)


def _broken(entry: Entry, column: str) -> Iterator[tuple[str, bytes | PictureError]]:
    yield entry.address, NotAPictureError("is no Parquet file that can be read, wanted one")


def _unreadable(error: Exception) -> PictureError:
    why = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return NotAPictureError(f"cannot be read: {why}")


_OPENERS = {"picture": _picture, "table": _table, "shard": _shard, "broken": _broken}
