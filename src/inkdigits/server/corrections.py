"""Corrections that people made of readings, in one SQLite file.

In: pictures, which of their digits was read wrongly, how, and what it is. Out: the file, a PNG
folder that `train --add` takes, and a sheet of thumbnails. Imports sqlite3; numpy and Pillow only
to export.
"""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from inkdigits.errors import CorrectionsError
from inkdigits.spec import SIDE

if TYPE_CHECKING:
    from PIL import Image

_OURS = 0x696E6B64  # "inkd", the file's application_id
_VERSION = 3
_CELL, _COLUMNS = 128, 8  # of the sheet: pixels, thumbnails a row
_MAX_BYTES = 100_000_000  # of one value in it
_PATIENCE = 0.5  # seconds that a file may be locked by another program; a server ends within two
# A file whose tables are not exactly these is not ours: SQL in it may count for ever, or give
# gigabytes for a row. Another wording, be it of a comment, makes another version.
_TABLE = """corrections (
    id INTEGER PRIMARY KEY,
    time TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')),
    digit INTEGER CHECK (digit BETWEEN 0 AND 9), -- the right one; none where there is no digit
    picture BLOB NOT NULL,                       -- a file's bytes, as they were sent
    sha256 TEXT NOT NULL,                        -- of the picture
    place INTEGER NOT NULL CHECK (place >= 0),   -- which of the picture's digits, in reading order
    image BLOB NOT NULL,                         -- (28, 28) uint8, ink 255, as training sees it
    read_as INTEGER NOT NULL,                    -- the digit that was answered
    confidence REAL NOT NULL,                    -- of that answer, 0 to 1
    reason TEXT,                                 -- why it was not accepted; none if it was
    model TEXT NOT NULL,                         -- identity of the models that read it
    UNIQUE (sha256, place)
)"""
# Version 0.1.0's: one digit a picture.
_TABLE_1 = """corrections (
    id INTEGER PRIMARY KEY,
    time TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')),
    digit INTEGER NOT NULL CHECK (digit BETWEEN 0 AND 9), -- the right one
    picture BLOB NOT NULL,                                -- a file's bytes, as they were sent
    sha256 TEXT NOT NULL UNIQUE,                          -- of the picture
    array BLOB NOT NULL,                                  -- (28, 28) float32, little-endian, ink 1
    reading TEXT NOT NULL,                                -- JSON, as it was answered
    model TEXT NOT NULL                                   -- SHA-256 of the model that read it
)"""
# What a Row takes, of either version.
_ROW = {
    1: "id, time, digit, picture, image_of(array), reading ->> 'digit', reading ->> 'confidence', "
    "nullif(reading ->> 'reason', ''), model, 0",
    3: "id, time, digit, picture, image, read_as, confidence, reason, model, place",
}
_FROM_1 = f"""
ALTER TABLE corrections RENAME TO old;
CREATE TABLE {_TABLE};
INSERT INTO corrections ({_ROW[3]}, sha256) SELECT {_ROW[1]}, sha256 FROM old;
DROP TABLE old;
"""
_CHANGED = ("digit", "image", "read_as", "confidence", "reason", "model")  # by a later correction
# The same digit corrected again: the last word counts.
_ANEW = ", ".join(f"{name} = excluded.{name}" for name in _CHANGED)
_KEEP = f"""
INSERT INTO corrections (sha256, place, picture, {", ".join(_CHANGED)})
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (sha256, place) DO UPDATE SET {_ANEW},
    time = strftime('%Y-%m-%dT%H:%M:%SZ', 'now')
RETURNING id"""
_BEFORE = f"SELECT {', '.join(_CHANGED)} FROM corrections WHERE sha256 = ? AND place = ?"


class Kept(NamedTuple):
    """One correction."""

    digit: int | None  # the right one; None where there is no digit
    picture: bytes  # a file's bytes
    image: bytes  # (28, 28) uint8, ink 255
    read_as: int  # the digit that was answered
    confidence: float  # of that answer, in [0, 1]
    reason: str | None  # why it was not accepted; None if it was
    model: str  # its identity
    place: int = 0  # which of the picture's digits, in reading order


class Change(NamedTuple):
    """What keeping a correction did to the file: enough to take it back."""

    id: int
    sha256: str  # of the picture
    place: int
    digit: int | None
    before: tuple[Any, ...] | None  # _CHANGED of the correction that it replaced


class Row(NamedTuple):
    """One correction as it stands in the file."""

    id: int
    time: str  # ISO 8601, UTC
    kept: Kept

    def __str__(self) -> str:
        kept = self.kept
        doubt = "" if kept.reason is None else f" ({kept.reason})"
        return (
            f"{self.id:>5}  {self.time}  read {kept.read_as}, {kept.confidence:.1%}"
            f"{doubt}  is {self.right}  model {kept.model[:8]}"
        )

    @property
    def right(self) -> str:
        """What it is, in words."""
        return "no digit" if self.kept.digit is None else str(self.kept.digit)


class Corrections:
    """A file that corrections are kept in. What `keep` has returned survives a crash.

    Raises CorrectionsError if the file cannot be made or is not one of ours.
    """

    def __init__(self, path: Path) -> None:
        # One thread owns the connection: SQLite writes one at a time anyway.
        self._thread = ThreadPoolExecutor(1)
        self._path = path
        self._connection = self._thread.submit(_opened, path).result()

    async def keep(self, kept: Kept) -> tuple[Change, int]:
        """Write one down; what that did, and how many there are. Raises CorrectionsError."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._keep, kept)

    async def take_back(self, change: Change) -> int | None:
        """Undo a change; how many there are. None where the digit was corrected again since.

        Raises CorrectionsError.
        """
        return await asyncio.get_running_loop().run_in_executor(
            self._thread, self._take_back, change
        )

    def close(self) -> None:
        """Close the file; what is not written yet is not kept."""
        self._thread.shutdown(cancel_futures=True)
        self._connection.close()

    def _keep(self, kept: Kept) -> tuple[Change, int]:
        digest = hashlib.sha256(kept.picture).hexdigest()
        try:
            with self._connection:
                before = self._connection.execute(_BEFORE, (digest, kept.place)).fetchone()
                changed = (getattr(kept, name) for name in _CHANGED)
                values = (digest, kept.place, kept.picture, *changed)
                (number,) = self._connection.execute(_KEEP, values).fetchone()
            return Change(int(number), digest, kept.place, kept.digit, before), self._count()
        except sqlite3.Error as error:
            raise CorrectionsError(f"the correction could not be kept: {error}") from error

    def _take_back(self, change: Change) -> int | None:
        *where, before = change
        # An id alone may be another correction's by now: of a digit that was forgotten.
        same = "WHERE id = ? AND sha256 = ? AND place = ? AND digit IS ?"
        anew = ", ".join(f"{name} = ?" for name in _CHANGED)
        what = f"UPDATE corrections SET {anew}" if before else "DELETE FROM corrections"
        try:
            with self._connection:
                done = self._connection.execute(f"{what} {same}", (*(before or ()), *where))
            return self._count() if done.rowcount else None
        except sqlite3.Error as error:
            raise CorrectionsError(f"the correction could not be undone: {error}") from error

    def _count(self) -> int:
        (total,) = self._connection.execute("SELECT count(*) FROM corrections").fetchone()
        return int(total)


def read_corrections(path: Path) -> Iterator[Row]:
    """Every correction in the file, oldest first; nothing is written. Raises CorrectionsError."""
    if not path.is_file():
        found = "is no file" if path.exists() else "no such file"
        raise CorrectionsError(f"{path}: {found}; inkdigits serve --keep FILE.db makes one")
    try:
        # SQLite's own files stand beside the file itself, not beside a link to it.
        file = path.resolve()
        beside = [file.with_name(f"{file.name}-{kind}").exists() for kind in ("wal", "journal")]
        # A file that no server has open has no log beside it. SQLite would make one, and leave it.
        # A journal is what a server left that was killed as it wrote: it is undone first.
        mode = "rw" if beside[1] else "ro" if beside[0] else "ro&immutable=1"
        address = f"{file.as_uri()}?mode={mode}"
        with closing(sqlite3.connect(address, timeout=10, uri=True)) as connection:
            # A server keeps no larger pictures; a damaged file may claim them.
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MAX_BYTES)
            version = _version(connection, path)
            if not version:
                raise CorrectionsError(f"{path}: is empty; inkdigits serve --keep FILE.db fills it")
            rows = connection.execute(f"SELECT {_ROW[version]} FROM corrections ORDER BY id")
            for number, time, *kept in rows:
                row = Row(number, time, Kept(*kept))
                _check(row, path)
                yield row
    except (sqlite3.Error, UnicodeError) as error:  # a damaged file's error may be no text itself
        raise CorrectionsError(f"{path}: cannot be read as corrections: {error}") from error


def delete_corrections(path: Path, numbers: Sequence[int]) -> int:
    """Delete those from the file; return how many are left. Raises CorrectionsError."""
    known = {row.id for row in read_corrections(path)}
    missing = [number for number in numbers if number not in known]
    if missing:
        raise CorrectionsError(f"{path}: holds no correction {missing[0]}; nothing is deleted")
    with closing(_opened(path)) as connection, connection:
        connection.executemany("DELETE FROM corrections WHERE id = ?", [(n,) for n in numbers])
    return len(known - set(numbers))


def write_corrections(path: Path, folder: Path) -> int:
    """Write each corrected digit's image to `folder`/{digit}_{id}.png; return how many.

    Corrections to no digit are left out. The folder appears whole or not at all. Raises
    CorrectionsError, and DataError as write_png_folder does.
    """
    import numpy as np

    from inkdigits.data.folders import write_png_files

    # Without the pictures, which may be of any size.
    rows = [
        (f"{row.kept.digit}_{row.id:05d}.png", row.kept.image)
        for row in read_corrections(path)
        if row.kept.digit is not None
    ]
    if not rows:
        raise CorrectionsError(f"{path}: holds no corrected digit yet")
    names, values = zip(*rows, strict=True)
    images = np.frombuffer(b"".join(values), np.uint8).reshape(-1, SIDE, SIDE)
    write_png_files(folder, zip(names, images, strict=True))
    return len(rows)


def drawn_corrections(path: Path) -> Image.Image:
    """A sheet with what the classifier saw of each, what it read and what it is.

    Raises CorrectionsError.
    """
    import numpy as np
    from PIL import Image, ImageDraw, ImageFont

    # Without the pictures, which may be of any size.
    rows = [row._replace(kept=row.kept._replace(picture=b"")) for row in read_corrections(path)]
    if not rows:
        raise CorrectionsError(f"{path}: holds no correction yet")
    sheet = Image.new("L", (_CELL * _COLUMNS, _CELL * -(-len(rows) // _COLUMNS)), 255)
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    side = 3 * SIDE
    for n, row in enumerate(rows):
        x, y = _CELL * (n % _COLUMNS) + 8, _CELL * (n // _COLUMNS) + 8
        grey = 255 - np.frombuffer(row.kept.image, np.uint8).reshape(SIDE, SIDE)
        sheet.paste(Image.fromarray(grey).resize((side, side), Image.Resampling.NEAREST), (x, y))
        pen.rectangle((x - 1, y - 1, x + side, y + side), outline=200)
        words = f"{row.id}: read {row.kept.read_as}\nis {row.right}"
        pen.multiline_text((x, y + side + 3), words, 0, font)
    return sheet


def _opened(path: Path) -> sqlite3.Connection:
    try:
        connection = sqlite3.connect(path.absolute(), timeout=_PATIENCE, check_same_thread=False)
        if _version(connection, path) == 1:
            connection.executescript(f"BEGIN; {_FROM_1} COMMIT;")
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


def _version(connection: sqlite3.Connection, path: Path) -> int:
    """Of the file's table; 0 if it is empty. Raises CorrectionsError if it is another program's."""
    (program,) = connection.execute("PRAGMA application_id").fetchone()
    # An index that SQLite made for itself has no SQL.
    found = connection.execute("SELECT sql FROM sqlite_master WHERE sql NOT NULL").fetchall()
    if not found:
        return 0
    tables = {f"CREATE TABLE {_TABLE_1}": 1, f"CREATE TABLE {_TABLE}": _VERSION}
    if program != _OURS or len(found) > 1 or found[0][0] not in tables:
        raise CorrectionsError(f"{path}: is a database of another program; name a new file")
    if tables[found[0][0]] == 1:
        connection.create_function("image_of", 1, _image_of, deterministic=True)
    return tables[found[0][0]]


def _image_of(array: bytes) -> bytes:
    """The image of an array as version 0.1.0 kept it: float32, little-endian, ink 1."""
    import numpy as np

    values = np.frombuffer(array, "<f4")
    if not (values.min() >= 0 and values.max() <= 1):
        raise ValueError
    image: bytes = np.rint(255 * values).astype(np.uint8).tobytes()
    return image


def _check(row: Row, path: Path) -> None:
    """Raise CorrectionsError unless the row is as a server keeps it: the file may be changed."""
    kept = row.kept
    try:
        fits = (
            (kept.digit is None or (isinstance(kept.digit, int) and kept.digit in range(10)))
            and isinstance(kept.place, int)
            and isinstance(kept.picture, bytes)
            and isinstance(kept.image, bytes)
            and len(kept.image) == SIDE * SIDE
            and isinstance(kept.read_as, int)
            and isinstance(kept.confidence, float)
            and isinstance(kept.reason, str | None)
            and str(row).isprintable()
        )
    except (ValueError, TypeError, LookupError, ArithmeticError, RecursionError):
        fits = False
    if not fits:
        raise CorrectionsError(f"{path}: row {row.id} is not as inkdigits serve --keep writes it")
