"""One part of the listing read and written: what a worker does, wherever it runs.

In: a part's number. Out: its Parquet file, and counts. Knows nothing of Ray, so that a worker that
dies is nothing but a part without a file.
"""

from __future__ import annotations

import os
import platform
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import cv2
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from inkdigits.errors import PictureError, ScaleError
from inkdigits.model_file import SHIPPED_MODEL
from inkdigits.reader import BATCH, Reader, Reading
from inkdigits.scale.attempts import Attempt
from inkdigits.scale.source import Entry, Source
from inkdigits.scale.storage import Place

LISTING = "_inputs.parquet"  # readers of a folder of Parquet files pass over what begins with _
MODEL = "_model.onnx"  # what the parts are read with
ROWS = pa.schema(
    [
        pa.field("path", pa.string(), nullable=False),
        ("digit", pa.int8()),  # this and all to `reason` are null where `error` is not
        ("confidence", pa.float32()),
        ("probabilities", pa.list_(pa.float32())),  # ten
        ("accepted", pa.bool_()),
        ("reason", pa.string()),  # "" where accepted
        ("error", pa.string()),
    ]
)
_ENTRIES = pa.schema(
    [
        ("address", pa.binary()),  # a local file's name may be any bytes
        ("kind", pa.string()),
        ("first", pa.int64()),
        ("n", pa.int64()),
    ]
)
_DEADLY = "picture: reading it ended the process, twice: a decoder's crash, or too little memory"
_GROUP = 4096  # rows that are gathered before they are written: half a megabyte


class Counts(NamedTuple):
    """What a part holds."""

    pictures: int
    failed: int  # rows with an error
    doubtful: int  # read but not accepted
    there: int  # of the pictures, how many had been read before


def name_of(part: int) -> str:
    """The name of a part's file."""
    return f"part-{part:07d}.parquet"


def write_listing(path: Path, parts: Iterable[list[Entry]]) -> int:
    """Write the parts to be read to a Parquet file, a row group for each; how many there are."""
    n = 0
    with pq.ParquetWriter(path, _ENTRIES, compression="zstd") as file:
        for part in parts:
            rows = [{**entry._asdict(), "address": os.fsencode(entry.address)} for entry in part]
            file.write_table(pa.Table.from_pylist(rows, _ENTRIES))
            n += 1
    return n


class Worker:
    """Reads parts with a model of its own, on one core.

    out: the folder with the listing and the model, where the parts go: so machines that share no
    disk read the same with the same. Raises ScaleError if the source or out is not to be seen here.
    """

    def __init__(self, out: Place, source: Source) -> None:
        cv2.setNumThreads(1)  # there is a worker for each core
        self._out, self._source = out, source
        for place in (out, source.root()):
            if not place.files.exists(place.path):
                raise ScaleError(
                    f"{place.named(place.path)} is not there for a worker on {platform.node()}; "
                    "SOURCE and DEST must be at addresses that all processes and machines see"
                )
        with out.open(MODEL) as file:
            model = file.read()
        if model == SHIPPED_MODEL.read_bytes():
            self._reader = Reader(threads=1)  # which has its small first network with it
        else:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / MODEL
                path.write_bytes(model)
                self._reader = Reader(path, threads=1)
        self._listing = pq.ParquetFile(out.open(LISTING))

    def read(self, part: int) -> Counts:
        """Read a part and write its file, or count what is in it if it is there.

        Raises OSError if it cannot be written.
        """
        name = name_of(part)
        if self._out.has(name):
            with suppress(pa.ArrowInvalid):  # a disk's damage: the part is read anew
                return self._count(name)
        entries = self._entries(part)
        pictures = failed = doubtful = 0
        attempt = Attempt(self._out, part)
        rows = self._rows(self._source.pictures(entries), attempt)
        with self._out.writing(name) as path, pq.ParquetWriter(path, ROWS) as file:
            while group := list(islice(rows, _GROUP)):
                file.write_table(pa.Table.from_pylist(group, ROWS))
                pictures += len(group)
                failed += sum("error" in row for row in group)
                doubtful += sum(row.get("accepted") is False for row in group)
        attempt.done()
        return Counts(pictures, failed, doubtful, 0)

    def _entries(self, part: int) -> list[Entry]:
        rows = self._listing.read_row_group(part).to_pylist()
        return [Entry(**{**row, "address": os.fsdecode(row["address"])}) for row in rows]

    def _rows(
        self, pictures: Iterator[tuple[str, bytes | PictureError]], attempt: Attempt
    ) -> Iterator[dict[str, object]]:
        if attempt.careful:
            pictures = _but_deadly(pictures, attempt)
        while batch := list(islice(pictures, 1 if attempt.careful else BATCH)):
            found = iter(self._read([data for _, data in batch if isinstance(data, bytes)]))
            for path, data in batch:
                result = next(found) if isinstance(data, bytes) else data
                if isinstance(result, Reading):
                    row = {k: v for k, v in vars(result).items() if k in ROWS.names}
                    yield {"path": _text(path), **row}
                else:
                    yield {"path": _text(path), "error": _text(str(result))}

    def _read(self, pictures: list[bytes]) -> list[Reading | PictureError]:
        """A Reading or an error of each; what breaks in an unforeseen way is an error as well."""
        try:
            return list(self._reader.predict_many(pictures))
        except Exception as error:  # noqa: BLE001 - one picture of millions ends no job
            if len(pictures) == 1:
                return [PictureError(f"picture: {type(error).__name__}: {error}")]
            return [result for picture in pictures for result in self._read([picture])]

    def _count(self, name: str) -> Counts:
        with self._out.open(name) as file:
            table = pq.read_table(file, columns=["accepted", "error"])
        n = table.num_rows
        doubtful = pc.sum(pc.invert(table["accepted"])).as_py() or 0
        return Counts(n, n - table["error"].null_count, doubtful, n)


def _text(name: str) -> str:
    """A file's name as UTF-8 holds it: a byte that is none is written as \\xff."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _but_deadly(
    pictures: Iterator[tuple[str, bytes | PictureError]], attempt: Attempt
) -> Iterator[tuple[str, bytes | PictureError]]:
    for i, (path, data) in enumerate(pictures):
        yield path, data if attempt.at(i) else PictureError(_DEADLY)
