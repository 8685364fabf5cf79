"""The files of a listing, opened: each picture's name and bytes.

In: entries, each a run of pictures in one file: a picture, a Parquet file or a tar shard. Out:
items, some 64 in memory at a time. A file that cannot be read is an error and does not end the job.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterable, Iterator
from itertools import accumulate
from tarfile import EOFHeaderError, HeaderError  # type: ignore[attr-defined]
from typing import Any, NamedTuple, Self

import pyarrow as pa
import pyarrow.parquet as pq

from inkdigits.batch.kept import NOTHING, kept_of, kept_rows, misfit
from inkdigits.batch.rows import shortened
from inkdigits.batch.storage import Location
from inkdigits.errors import ConfigError, NotAPictureError, PictureError
from inkdigits.picture.open import MAX_BYTES, SUFFIXES

_BLOCK = 1 << 16  # bytes
_ROWS = 64  # of a Parquet file that are in memory at a time; as many as the Reader gathers


class Entry(NamedTuple):
    """A run of pictures in one file: the row of a listing."""

    address: str
    kind: str  # picture, table, shard; broken: a table that could not be opened; folder: the same
    first: int = 0  # row of a table
    n: int = 1  # pictures, or files of several pages; 0 where only reading tells: a shard


class Item(NamedTuple):
    """A picture's file, a row of a table, or a member of a shard."""

    name: str
    data: bytes | PictureError
    kept: pa.RecordBatch | None = None  # one row: the other columns of a table


def opened(entries: Iterable[Entry], column: str, kept: pa.Schema) -> Iterator[Item]:
    """The name and the bytes of each picture; a PictureError where they cannot be had.

    Names: a file's address, shard.tar#member, file.parquet#row (from 0). A file that breaks off is
    an error under its own name, after what could be read of it. column: of tables, the one with the
    pictures. kept: the columns that each row of a table comes with, null where its file lacks one.
    """
    for entry in entries:
        match entry.kind:
            case "table":
                yield from _table(entry, column, kept)
            case "broken":
                yield from _once_broken(entry, column, kept)
            case "shard":
                yield from _shard(entry)
            case "folder":
                yield _folder(entry)
            case _:
                yield from _picture(entry)


def table_entry(address: str, column: str) -> tuple[Entry, pa.Schema]:
    """The row of a listing for a Parquet file, and the columns that its rows keep.

    Raises ConfigError if it has no column with pictures, or two columns of one name.
    """
    try:
        return _table_entry(address, column)
    except (OSError, pa.ArrowException):
        return Entry(address, "broken"), NOTHING


def _table_entry(address: str, column: str) -> tuple[Entry, pa.Schema]:
    location = Location(address)
    with location.files.open(location.path, "rb") as file:
        table = pq.ParquetFile(file)
        pictures = _bytes_column(table.schema_arrow, column, address)
        _check_rows(table.metadata, pictures, location.files.size(location.path))
        return Entry(address, "table", 0, table.metadata.num_rows), _others(table.schema_arrow)


def _check_rows(about: pq.FileMetaData, pictures: str, size: int | None) -> None:
    """Raise ArrowInvalid where the numbers of rows that a file states cannot all be true.

    pictures: the column with them. size: of the file, in bytes. Rows that its row groups have and
    its total has not would be lost; a total that is far too large would be listed without end.
    """
    total, in_groups = about.num_rows, 0
    for g in range(about.num_row_groups):
        group = about.row_group(g)
        in_groups += group.num_rows
        for c in range(group.num_columns):
            column = group.column(c)
            # Not lists, so each row has a value, or a null that counts as one.
            if column.path_in_schema.split(".")[0] == pictures and (
                not 0 <= group.num_rows == column.num_values
            ):
                raise pa.ArrowInvalid(
                    f"row group {g} states {group.num_rows:,} rows, and {column.num_values:,} "
                    "pictures"
                )
    if total != in_groups:
        raise pa.ArrowInvalid(f"states {total:,} rows, and its row groups {in_groups:,}")
    if size is not None and total > size:
        raise pa.ArrowInvalid(f"states {total:,} rows, more than its {size:,} bytes can hold")


def _others(schema: pa.Schema) -> pa.Schema:
    """The columns of a table that can hold no pictures."""
    return pa.schema([field for field in schema if not _holds_bytes(field.type)])


def _bytes_column(schema: pa.Schema, column: str, address: str) -> str:
    """The name of the column with pictures: binary, or a struct with such a field `bytes`."""
    if twice := next((name for name in schema.names if schema.names.count(name) > 1), None):
        raise ConfigError(
            f"{address} has two columns named {twice!r}; expected a name for each: write "
            "the file again with other names"
        )
    possible: list[str] = [field.name for field in schema if _holds_bytes(field.type)]
    if column in possible:
        return column
    if column or len(possible) != 1:
        found = shortened(", ".join(f"{field.name} ({field.type})" for field in schema))
        expected = f"{column!r} with bytes" if column else "one with bytes"
        raise ConfigError(
            f"{address} has the columns {found}, expected {expected}; name the one with the "
            "pictures' files: --column NAME; if the file holds no pictures, move it elsewhere"
        )
    return possible[0]


def _holds_bytes(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        return kind.get_field_index("bytes") >= 0 and _holds_bytes(kind.field("bytes").type)
    if pa.types.is_dictionary(kind):
        return _holds_bytes(kind.value_type)
    return bool(
        pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind)
    )


def _picture(entry: Entry) -> Iterator[Item]:
    location = Location(entry.address)
    try:
        with location.files.open(location.path, "rb") as file:
            yield Item(entry.address, file.read(MAX_BYTES + 1))
    except Exception as error:  # noqa: BLE001 - fsspec's libraries raise their own; a file ends no job
        yield Item(entry.address, _unreadable(error))


def _table(entry: Entry, column: str, kept: pa.Schema) -> Iterator[Item]:
    """The rows of an entry; of the row groups they lie in, what is before them is skipped."""
    location = Location(entry.address)
    given, last = entry.first, entry.first + entry.n
    try:
        with location.files.open(location.path, "rb") as file:
            table = pq.ParquetFile(file)
            name = _bytes_column(table.schema_arrow, column, entry.address)
            # Another file's plain column may be called as this one's pictures.
            others = kept_of(_others(table.schema_arrow), kept)
            sizes = [table.metadata.row_group(g).num_rows for g in range(table.num_row_groups)]
            ends = list(accumulate(sizes))
            groups = [
                g for g, end in enumerate(ends) if end > entry.first and end - sizes[g] < last
            ]
            end = ends[groups[0]] - sizes[groups[0]] if groups else last
            for batch in table.iter_batches(_ROWS, row_groups=groups, columns=[name, *others]):
                start, end = end, end + batch.num_rows
                pictures, rows = batch.column(name), kept_rows(batch.select(others), kept)
                for row in range(max(start, entry.first), min(end, last)):
                    value = _value(pictures[row - start].as_py())
                    given = row + 1
                    yield Item(f"{entry.address}#{row}", value, rows.slice(row - start, 1))
                if end >= last:
                    return
            raise EOFError(f"the file ends before row {last}, which it had when it was listed")
    except Exception as error:  # noqa: BLE001 - fsspec's libraries raise their own; a file ends no job
        for row in range(given, last):
            yield Item(f"{entry.address}#{row}", _unreadable(error))


def _value(value: Any) -> bytes | PictureError:
    data = value.get("bytes") if isinstance(value, dict) else value
    return data if data is not None else PictureError("the row has no bytes, expected a picture's")


def _once_broken(entry: Entry, column: str, kept: pa.Schema) -> Iterator[Item]:
    """The rows of a table that could not be opened when it was listed, if it can be now."""
    again = "delete the parts that hold this row and start the same command"
    try:
        now, columns = _table_entry(entry.address, column)
        why = misfit(columns, kept, entry.address)
        if why:
            why = (
                f"could not be read when it was listed, and {why}: read it into a folder of its own"
            )
    except ConfigError as error:
        why = f"{error}; then {again}"
    except Exception as error:  # noqa: BLE001 - fsspec's libraries raise their own; a file ends no job
        why = f"is not a readable Parquet file ({_cause(error)}): repair it, {again}"
    if why:
        yield Item(entry.address, NotAPictureError(why))
    else:
        yield from _table(now, column, kept)


def _folder(entry: Entry) -> Item:
    """A folder that could not be listed, and why."""
    location = Location(entry.address)
    try:
        location.listed(location.path)
        why = "could not be listed when this job listed its source, and can be now"
    except OSError as error:
        why = f"cannot be listed ({_cause(error)})"
    add = "none of its pictures was read; fix that and start the same command with --add-new"
    return Item(entry.address, PictureError(f"is a folder that {why}: {add}"))


def _shard(entry: Entry) -> Iterator[Item]:
    """A shard's pictures, read from its beginning to its end; other members are skipped."""
    location = Location(entry.address)
    try:
        with (
            location.files.open(location.path, "rb") as file,
            tarfile.open(fileobj=file, mode="r|*", tarinfo=_Member) as shard,
        ):
            for member in shard:
                name = f"{entry.address}#{member.name}"
                shard.members = []  # type: ignore[attr-defined]  # or a shard's headers are all kept
                if member.isdir() or not member.name.lower().endswith(tuple(SUFFIXES)):
                    continue
                opened = shard.extractfile(member) if member.isfile() else None
                if opened is None:
                    yield Item(name, NotAPictureError(_no_file(member)))
                else:
                    yield Item(name, opened.read(MAX_BYTES + 1))
            _check_nothing_behind(shard)
    except Exception as error:  # noqa: BLE001 - fsspec's libraries raise their own; a file ends no job
        yield Item(entry.address, _unreadable(error))


class _Member(tarfile.TarInfo):
    """A member whose header may be damaged: tarfile takes any such one for a shard's end."""

    @classmethod
    def fromtarfile(cls, tarfile: tarfile.TarFile) -> Self:
        """The next member. Raises EOFHeaderError at the mark that ends a shard."""
        at = tarfile.fileobj.tell() if tarfile.fileobj else 0
        try:
            return super().fromtarfile(tarfile)
        except EOFHeaderError:
            raise
        except HeaderError as error:
            raise NotAPictureError(
                f"damaged or cut off at byte {at:,} of the tar ({error}): nothing after it is "
                "read; fetch the tar again"
            ) from error


def _check_nothing_behind(shard: tarfile.TarFile) -> None:
    """Raise NotAPictureError if the shard continues after its end mark."""
    stream = shard.fileobj
    while stream and (block := stream.read(_BLOCK)):
        if block.strip(b"\0"):
            raise NotAPictureError(
                "continues after its end mark, as joined tars do: nothing after it is read; split "
                "the tar or make it again"
            )


def _no_file(member: tarfile.TarInfo) -> str:
    if member.islnk() or member.issym():
        return f"is a link to {shortened(member.linkname)}, expected a file; links are not followed"
    return "is a device or a pipe, expected a picture file"


def _unreadable(error: Exception) -> PictureError:
    return NotAPictureError(f"cannot be read: {_cause(error)}")


def _cause(error: Exception) -> str:
    return shortened(getattr(error, "strerror", None) or str(error) or type(error).__name__, 300)
