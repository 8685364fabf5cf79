"""Corrections that people made of readings, in one SQLite file.

In: pictures with their right digit. Out: the file, and a PNG folder that `train --add` takes.
Imports sqlite3; numpy and Pillow only to export.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from inkdigits.errors import CorrectionsError
from inkdigits.spec import SIDE

_OURS = 0x696E6B64  # "inkd", the file's application_id
_VERSION = 1
_MAX_BYTES = 100_000_000  # of one value in it
# A file whose tables are not exactly these is not ours: SQL in it may count for ever, or give
# gigabytes for a row. Another wording, be it of a comment, makes another version.
_TABLE = """corrections (
    id INTEGER PRIMARY KEY,
    time TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')),
    digit INTEGER NOT NULL CHECK (digit BETWEEN 0 AND 9), -- the right one
    picture BLOB NOT NULL,                                -- a file's bytes, as they were sent
    sha256 TEXT NOT NULL UNIQUE,                          -- of the picture
    array BLOB NOT NULL,                                  -- (28, 28) float32, little-endian, ink 1
    reading TEXT NOT NULL,                                -- JSON, as it was answered
    model TEXT NOT NULL                                   -- SHA-256 of the model that read it
)"""
# The same picture corrected again: the last word counts.
_KEEP = """
INSERT INTO corrections (digit, picture, sha256, array, reading, model) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (sha256) DO UPDATE SET digit = excluded.digit, array = excluded.array,
    reading = excluded.reading, model = excluded.model,
    time = strftime('%Y-%m-%dT%H:%M:%SZ', 'now')
RETURNING id"""


class Kept(NamedTuple):
    """One correction."""

    digit: int  # the right one
    picture: bytes  # a file's bytes
    array: bytes  # (28, 28) float32, little-endian, ink 1
    reading: str  # JSON
    model: str  # SHA-256


class Row(NamedTuple):
    """One correction as it stands in the file."""

    id: int
    time: str  # ISO 8601, UTC
    kept: Kept

    def __str__(self) -> str:
        reading = json.loads(self.kept.reading)
        doubt = "" if reading["accepted"] else f" ({reading['reason']})"
        return (
            f"{self.id:>5}  {self.time}  read {reading['digit']}, {reading['confidence']:.1%}"
            f"{doubt}  is {self.kept.digit}  model {self.kept.model[:8]}"
        )


class Corrections:
    """A file that corrections are kept in. What `keep` has returned survives a crash.

    Raises CorrectionsError if the file cannot be made or is not one of ours.
    """

    def __init__(self, path: Path) -> None:
        # One thread owns the connection: SQLite writes one at a time anyway.
        self._thread = ThreadPoolExecutor(1)
        self._path = path
        self._connection = self._thread.submit(_opened, path).result()

    async def keep(self, kept: Kept) -> tuple[int, int]:
        """Write one down; its id, and how many there are. Raises CorrectionsError."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._keep, kept)

    def close(self) -> None:
        """Close the file."""
        self._thread.submit(self._connection.close).result()
        self._thread.shutdown()

    def _keep(self, kept: Kept) -> tuple[int, int]:
        digest = hashlib.sha256(kept.picture).hexdigest()
        try:
            with self._connection:
                values = (kept.digit, kept.picture, digest, kept.array, kept.reading, kept.model)
                (number,) = self._connection.execute(_KEEP, values).fetchone()
            (total,) = self._connection.execute("SELECT count(*) FROM corrections").fetchone()
        except sqlite3.Error as error:
            raise CorrectionsError(f"the correction could not be kept: {error}") from error
        return int(number), int(total)


def read_corrections(path: Path) -> Iterator[Row]:
    """Every correction in the file, oldest first; nothing is written. Raises CorrectionsError."""
    if not path.is_file():
        raise CorrectionsError(f"{path}: no such file; inkdigits serve --keep FILE.db makes one")
    try:
        # A file that no server has open has no log beside it. SQLite would make one, and leave it.
        is_open = path.with_name(f"{path.name}-wal").exists()
        address = f"{path.resolve().as_uri()}?mode=ro{'' if is_open else '&immutable=1'}"
        with closing(sqlite3.connect(address, timeout=10, uri=True)) as connection:
            # A server keeps no larger pictures; a damaged file may say that it has.
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MAX_BYTES)
            if not _is_ours(connection, path):
                raise CorrectionsError(f"{path}: is empty; inkdigits serve --keep FILE.db fills it")
            rows = connection.execute(
                "SELECT id, time, digit, picture, array, reading, model FROM corrections "
                "ORDER BY id"
            )
            for number, time, *kept in rows:
                row = Row(number, time, Kept(*kept))
                _check(row, path)
                yield row
    except (sqlite3.Error, UnicodeError) as error:  # a damaged file's error may be no text itself
        raise CorrectionsError(f"{path}: cannot be read as corrections: {error}") from error


def write_corrections(path: Path, folder: Path) -> int:
    """Write each correction's array to `folder`/{digit}_{id}.png; return how many.

    The folder appears whole or not at all. Raises CorrectionsError, and DataError as
    write_png_folder does.
    """
    import numpy as np

    from inkdigits.data.folders import write_png_files

    # Without the pictures, which may be of any size.
    rows = [
        (f"{row.kept.digit}_{row.id:05d}.png", row.kept.array) for row in read_corrections(path)
    ]
    if not rows:
        raise CorrectionsError(f"{path}: holds no correction yet")
    names, values = zip(*rows, strict=True)
    arrays = np.frombuffer(b"".join(values), "<f4").reshape(-1, SIDE, SIDE)
    if not (arrays.min() >= 0 and arrays.max() <= 1):
        raise CorrectionsError(f"{path}: holds an array outside 0 (paper) to 1 (ink)")
    images = np.rint(255 * arrays).astype(np.uint8)
    write_png_files(folder, zip(names, images, strict=True))
    return len(rows)


def _opened(path: Path) -> sqlite3.Connection:
    try:
        connection = sqlite3.connect(path, timeout=10, check_same_thread=False)
        _is_ours(connection, path)
        connection.execute("PRAGMA journal_mode = WAL")
        # A commit is on the disk before it is answered.
        connection.execute("PRAGMA synchronous = FULL")
        with connection:
            connection.execute(f"PRAGMA application_id = {_OURS}")
            connection.execute(f"PRAGMA user_version = {_VERSION}")
            connection.execute(f"CREATE TABLE IF NOT EXISTS {_TABLE}")
    except (sqlite3.Error, UnicodeError) as error:
        raise CorrectionsError(f"{path}: cannot be used for corrections: {error}") from error
    return connection


def _is_ours(connection: sqlite3.Connection, path: Path) -> bool:
    """Whether corrections were kept in it before; False if it is empty. Raises CorrectionsError."""
    (program,) = connection.execute("PRAGMA application_id").fetchone()
    # An index that SQLite made for itself has no SQL.
    found = connection.execute("SELECT sql FROM sqlite_master WHERE sql NOT NULL").fetchall()
    if found and (program != _OURS or found != [(f"CREATE TABLE {_TABLE}",)]):
        raise CorrectionsError(f"{path}: is a database of another program; name a new file")
    return bool(found)


def _check(row: Row, path: Path) -> None:
    """Raise CorrectionsError unless the row is as a server keeps it: the file may be changed."""
    kept = row.kept
    try:
        fits = (
            isinstance(kept.digit, int)
            and kept.digit in range(10)
            and isinstance(kept.picture, bytes)
            and isinstance(kept.array, bytes)
            and len(kept.array) == 4 * SIDE * SIDE
            and str(row).isprintable()
        )
    except (ValueError, TypeError, LookupError, ArithmeticError, RecursionError):
        fits = False
    if not fits:
        raise CorrectionsError(f"{path}: row {row.id} is not as inkdigits serve --keep writes it")
