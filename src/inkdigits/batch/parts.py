"""One part of the listing read and written: what a worker does, wherever it runs.

In: a part's number. Out: its Parquet file, and counts. Knows nothing of Ray, so that a worker that
dies is nothing but a part without a file.
"""

from __future__ import annotations

import platform
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import NamedTuple

import cv2
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from inkdigits.batch.attempts import Attempt
from inkdigits.batch.items import Entry, Item
from inkdigits.batch.listing import read_part
from inkdigits.batch.plan import MODEL, SCHEMA
from inkdigits.batch.rows import IDENTITY, Row, kept_in, table_of
from inkdigits.batch.source import Source
from inkdigits.batch.storage import Location
from inkdigits.errors import BatchError, InkdigitsError, PictureError
from inkdigits.picture.documents import DocumentPage, count_pages, page_names
from inkdigits.reading.page import Page
from inkdigits.reading.reader import BATCH, Reader

_DEADLY = (
    "picture: the worker process crashed twice while reading it: a decoder failed, or memory was "
    "short; skip it, or save it again with another program"
)
_GROUP_ROWS, _GROUP_BYTES = 4096, 8_000_000  # gathered before they are written
_BYTES_AT_ONCE = 64_000_000  # of files that are gathered to be read

_Picture = bytes | DocumentPage | PictureError


class Counts(NamedTuple):
    """What a part holds."""

    pictures: int
    failed: int  # rows with an error
    doubtful: int  # read but not accepted
    there: int  # of the pictures, how many had been read before


class _Asked(NamedTuple):
    """A picture to be read, and what its row keeps."""

    name: str
    picture: _Picture
    kept: pa.RecordBatch | None


def name_of(part: int) -> str:
    """The name of a part's file."""
    return f"part-{part:07d}.parquet"


class Worker:
    """Reads parts with a model of its own, on one core.

    out: the folder with the listings and the model, where the parts go: so machines that share no
    disk read the same with the same. listings: their files, and how many parts each has. Raises
    BatchError if the source or out is not to be seen here.
    """

    def __init__(self, out: Location, source: Source, listings: Sequence[tuple[str, int]]) -> None:
        cv2.setNumThreads(1)  # there is a worker for each core
        self._out, self._source, self._listings = out, source, listings
        for location in (out, source.root()):
            if not location.kind():
                raise BatchError(
                    f"{location.named(location.path)} is not there for a worker on "
                    f"{platform.node()}; SOURCE and DEST must be at addresses that all processes "
                    "and machines see"
                )
        with out.open(SCHEMA) as file:
            self._schema = pq.read_schema(file)
        self._kept = kept_in(self._schema)
        self._reader: Reader | None = None
        self._open: dict[str, pq.ParquetFile] = {}

    def read(self, part: int) -> Counts:
        """Read a part and write its file, or count what is in it if it is there.

        Raises OSError if it cannot be written, and BatchError if this machine has other networks,
        or workers end before they read anything of it.
        """
        name = name_of(part)
        if self._out.has(name):
            with suppress(pa.ArrowInvalid):  # a disk's damage: the part is read again
                return self._count(name)
        attempt = Attempt(self._out, part)
        if self._reader is None:  # only now: a process that cannot load them ends in an attempt
            try:
                self._reader = _reader(self._out, self._schema.metadata[IDENTITY].decode())
            except InkdigitsError:
                attempt.done()
                raise
        items = self._source.items(self._entries(part), self._kept)
        if attempt.careful:
            items = _but_deadly(items, attempt)
        at_once = 1 if attempt.careful else BATCH
        pictures = failed = doubtful = 0
        with self._out.writing(name) as path, pq.ParquetWriter(path, self._schema) as file:
            for table in _grouped(self._tables(self._reader, items, at_once)):
                file.write_table(table)
                pictures += len(table)
                failed += len(table) - table["error"].null_count
                doubtful += _doubtful(table)
        attempt.done()
        return Counts(pictures, failed, doubtful, 0)

    def _entries(self, part: int) -> list[Entry]:
        before = 0
        for name, parts in self._listings:
            if part < before + parts:
                if name not in self._open:
                    self._open[name] = pq.ParquetFile(self._out.open(name))
                return read_part(self._open[name], part - before)
            before += parts
        raise BatchError(f"no listing has the part {part}: the folder's files are of two jobs")

    def _tables(self, reader: Reader, items: Iterator[Item], at_once: int) -> Iterator[pa.Table]:
        """The rows of all items, of some pictures at a time."""
        for batch in _gathered(items, at_once):
            pictures = [a.picture for a in batch if not isinstance(a.picture, PictureError)]
            found = iter(_read(reader, pictures))
            rows = [
                Row(
                    asked.name,
                    asked.picture if isinstance(asked.picture, PictureError) else next(found),
                    asked.kept,
                )
                for asked in batch
            ]
            yield table_of(rows, self._schema)

    def _count(self, name: str) -> Counts:
        with self._out.open(name) as file:
            table = pq.read_table(file, columns=["accepted", "error"])
        n = table.num_rows
        return Counts(n, n - table["error"].null_count, _doubtful(table), n)


def _reader(out: Location, identity: str) -> Reader:
    """The Reader of the job in that folder. Raises BatchError if its identity is another."""
    with tempfile.TemporaryDirectory() as folder:
        path = None
        if out.has(MODEL):
            path = Path(folder) / MODEL
            with out.open(MODEL) as file:
                path.write_bytes(file.read())
        reader = Reader(path, threads=1)
        if reader.model.about.identity != identity:
            raise BatchError(
                f"{platform.node()} has other networks than the machine that began the job; "
                "install the same version of inkdigits on both"
            )
        return reader


def _read(reader: Reader, pictures: list[bytes | DocumentPage]) -> list[Page | PictureError]:
    """A Page or an error of each; what breaks in an unforeseen way is an error as well."""
    try:
        return list(reader.read_many(pictures))
    except Exception as error:  # noqa: BLE001 - one picture of millions ends no job
        if len(pictures) == 1:
            return [PictureError(f"picture: {type(error).__name__}: {error}")]
        return [result for picture in pictures for result in _read(reader, [picture])]


def _pages(item: Item) -> Iterator[_Asked]:
    """A picture, or each page of a file of several."""
    if isinstance(item.data, PictureError):
        yield _Asked(*item)
        return
    for i, name in enumerate(page_names(item.name, count_pages(item.data)), 1):
        yield _Asked(name, item.data if i == 1 else DocumentPage(item.data, i), item.kept)


def _gathered(items: Iterator[Item], at_once: int) -> Iterator[list[_Asked]]:
    """Pictures as many as are read at once; the next file is opened when those are."""
    batch: list[_Asked] = []
    held = 0
    for item in items:
        for asked in _pages(item):
            batch.append(asked)
            held += len(asked.picture) if isinstance(asked.picture, bytes) else 0
            if len(batch) == at_once or held > _BYTES_AT_ONCE:
                yield batch
                batch, held = [], 0
    if batch:
        yield batch


def _grouped(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """The same rows in tables large enough to be a row group."""
    gathered: list[pa.Table] = []
    rows = size = 0
    for table in tables:
        gathered.append(table)
        rows, size = rows + len(table), size + table.nbytes
        if rows >= _GROUP_ROWS or size >= _GROUP_BYTES:
            yield pa.concat_tables(gathered)
            gathered, rows, size = [], 0, 0
    if gathered:
        yield pa.concat_tables(gathered)


def _doubtful(table: pa.Table) -> int:
    return pc.sum(pc.invert(table["accepted"])).as_py() or 0


def _but_deadly(items: Iterator[Item], attempt: Attempt) -> Iterator[Item]:
    """Each item after a note of which comes next; an error for those at which workers ended."""
    for i in count():
        fine = attempt.at(i)
        item = next(items, None)
        if item is None:
            return
        yield item if fine else item._replace(data=PictureError(_DEADLY))
