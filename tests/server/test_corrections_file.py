import asyncio
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from inkdigits.errors import CorrectionsError
from inkdigits.server.corrections import (
    Corrections,
    Kept,
    delete_corrections,
    drawn_corrections,
    read_corrections,
    write_corrections,
)

KEPT = Kept(3, b"a file's bytes", b"\0" * 28 * 28, 8, 0.5, "unsure", "0" * 64)


def test_what_is_kept_is_read_while_it_is_open_and_after(tmp_path):
    corrections = Corrections(tmp_path / "kept?.db")
    asyncio.run(corrections.keep(KEPT))
    assert [row.kept for row in read_corrections(tmp_path / "kept?.db")] == [KEPT]
    corrections.close()
    assert [row.kept for row in read_corrections(tmp_path / "kept?.db")] == [KEPT]
    assert [file.name for file in tmp_path.iterdir()] == ["kept?.db"]


def test_a_link_to_a_file_is_read_as_the_file_is(tmp_path):
    corrections = Corrections(tmp_path / "kept.db")
    asyncio.run(corrections.keep(KEPT))
    (tmp_path / "link.db").symlink_to("kept.db")
    assert [row.kept for row in read_corrections(tmp_path / "link.db")] == [KEPT]
    assert delete_corrections(tmp_path / "link.db", [1]) == 0
    corrections.close()


def test_a_name_that_sqlite_takes_for_something_else_is_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in (":memory:", "file:a.db"):
        corrections, _ = kept_in(Path(name), KEPT)
        corrections.close()
        assert [row.kept for row in read_corrections(tmp_path / name)] == [KEPT]


def test_what_a_killed_writer_left_half_done_is_undone(tmp_path):
    """A program that does not use a log beside the file, killed in the midst of a change."""
    file = tmp_path / "kept.db"
    corrections, _ = kept_in(
        file, *(KEPT._replace(place=i, picture=bytes(9_000)) for i in range(40))
    )
    corrections.close()
    killed = f"""
import os, sqlite3
connection = sqlite3.connect({str(file)!r}, isolation_level=None)
connection.execute("PRAGMA journal_mode = DELETE")
connection.execute("PRAGMA cache_size = 1")  # pages: so that it writes before it commits
connection.execute("BEGIN")
connection.execute("UPDATE corrections SET digit = 9")
os._exit(9)
"""
    subprocess.run([sys.executable, "-c", killed], check=False)
    assert (tmp_path / "kept.db-journal").exists()
    assert {row.kept.digit for row in read_corrections(file)} == {3}


def test_a_file_that_another_program_locks_is_an_error_and_soon_closed(tmp_path):
    corrections, _ = kept_in(tmp_path / "kept.db", KEPT)
    with closing(sqlite3.connect(tmp_path / "kept.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(CorrectionsError, match="could not be kept: database is locked"):
            asyncio.run(corrections.keep(KEPT._replace(place=1)))
        corrections.close()


def kept_in(path, *several):
    corrections = Corrections(path)
    numbers = [asyncio.run(corrections.keep(one))[0].id for one in several]
    return corrections, numbers


def test_each_digit_of_a_picture_is_corrected_by_itself_and_the_last_word_counts(tmp_path):
    third = KEPT._replace(place=2)
    corrections, numbers = kept_in(
        tmp_path / "kept.db", KEPT, third, third._replace(digit=None), KEPT._replace(digit=5)
    )
    assert numbers == [1, 2, 2, 1]
    corrections.close()
    rows = [(row.kept.place, row.kept.digit) for row in read_corrections(tmp_path / "kept.db")]
    assert rows == [(0, 5), (2, None)]
    assert write_corrections(tmp_path / "kept.db", tmp_path / "mine") == 1
    assert [file.name for file in (tmp_path / "mine").iterdir()] == ["5_00001.png"]


def test_one_is_taken_back_and_some_are_deleted(tmp_path):
    file = tmp_path / "kept.db"
    corrections = Corrections(file)
    changes = [asyncio.run(corrections.keep(KEPT._replace(place=p)))[0] for p in range(4)]
    assert asyncio.run(corrections.take_back(changes[1])) == 3
    corrections.close()
    with pytest.raises(CorrectionsError, match="holds no correction 2; nothing is deleted"):
        delete_corrections(file, [1, 2])
    assert delete_corrections(file, [1, 4]) == 1
    assert [row.id for row in read_corrections(file)] == [3]


def test_to_take_back_the_second_correction_of_a_digit_brings_back_the_first(tmp_path):
    corrections = Corrections(tmp_path / "kept.db")
    first, second = (
        asyncio.run(corrections.keep(KEPT._replace(digit=digit)))[0] for digit in (6, 8)
    )
    assert asyncio.run(corrections.take_back(first)) is None  # it is 8 by now
    assert asyncio.run(corrections.take_back(second)) == 1
    assert [row.kept.digit for row in read_corrections(tmp_path / "kept.db")] == [6]
    assert asyncio.run(corrections.take_back(first)) == 0
    corrections.close()


def test_an_old_change_takes_no_other_picture_s_correction_back(tmp_path):
    corrections = Corrections(tmp_path / "kept.db")
    first, _ = asyncio.run(corrections.keep(KEPT))
    asyncio.run(corrections.take_back(first))
    other = KEPT._replace(picture=b"another's bytes")
    assert asyncio.run(corrections.keep(other))[0].id == first.id
    assert asyncio.run(corrections.take_back(first)) is None
    corrections.close()
    assert [row.kept for row in read_corrections(tmp_path / "kept.db")] == [other]


def test_a_sheet_shows_each_correction(tmp_path):
    image = np.zeros((28, 28), np.uint8)
    image[10, 5] = 255
    corrections, _ = kept_in(
        tmp_path / "kept.db",
        *(KEPT._replace(place=place, image=image.tobytes()) for place in range(9)),
    )
    corrections.close()
    sheet = np.asarray(drawn_corrections(tmp_path / "kept.db"))
    assert sheet.shape == (2 * 128, 8 * 128)
    for x in (0, 7 * 128):  # three pixels for each of 28, from (8, 8) of its cell
        assert (sheet[38:41, x + 23 : x + 26] == 0).all()
        assert sheet[38, x + 22] == sheet[37, x + 23] == 255


OLD = """CREATE TABLE corrections (
    id INTEGER PRIMARY KEY,
    time TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')),
    digit INTEGER NOT NULL CHECK (digit BETWEEN 0 AND 9), -- the right one
    picture BLOB NOT NULL,                                -- a file's bytes, as they were sent
    sha256 TEXT NOT NULL UNIQUE,                          -- of the picture
    array BLOB NOT NULL,                                  -- (28, 28) float32, little-endian, ink 1
    reading TEXT NOT NULL,                                -- JSON, as it was answered
    model TEXT NOT NULL                                   -- SHA-256 of the model that read it
)"""


READING = '{"digit": 8, "confidence": 0.5, "accepted": false, "reason": "unsure"}'


def test_a_file_of_version_0_1_0_is_read_and_goes_on(tmp_path):
    file = tmp_path / "kept.db"
    array = np.zeros(784, "<f4")
    array[1:4] = 0.2, 0.502, 1
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("PRAGMA application_id = 1768844132")  # "inkd"
        connection.execute(OLD)
        accepted = READING.replace('"unsure"', "null"), READING.replace("unsure", "")
        for number, reading in zip((7, 9, 10), (READING, *accepted), strict=True):
            connection.execute(
                "INSERT INTO corrections VALUES (?, '2026-01-02T03:04:05Z', 3, ?, ?, ?, ?, ?)",
                (number, KEPT.picture, f"sha{number}", array.tobytes(), reading, KEPT.model),
            )
    before = file.read_bytes()
    rows = list(read_corrections(file))
    image = bytes([0, 51, 128, 255, *bytes(780)])
    kept = KEPT._replace(image=image)
    assert [row.id for row in rows] == [7, 9, 10]
    assert [row.kept for row in rows] == [kept, *[kept._replace(reason=None)] * 2]
    assert file.read_bytes() == before
    corrections, numbers = kept_in(file, KEPT._replace(place=1))
    corrections.close()
    assert numbers == [11]
    assert list(read_corrections(file))[:3] == rows
    assert [(row.id, row.kept.place) for row in read_corrections(file)] == [
        (7, 0),
        (9, 0),
        (10, 0),
        (11, 1),
    ]


@pytest.mark.parametrize(
    ("array", "reading"),
    [
        (np.full(784, np.nan, "<f4"), READING),
        (np.full(784, 1.5, "<f4"), READING),
        (np.zeros(3, "<f4"), READING),
        (np.zeros(784, "<f4"), "{"),
        (np.zeros(784, "<f4"), "[" * 20_000),
        (np.zeros(784, "<f4"), "{}"),
        (np.zeros(784, "<f4"), READING.replace("8", "1" + "0" * 400)),
    ],
    ids=["nan", "outside", "short", "json", "deep", "lacks", "huge"],
)
def test_a_file_of_version_0_1_0_that_someone_has_changed_is_refused(tmp_path, array, reading):
    file = tmp_path / "kept.db"
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("PRAGMA application_id = 1768844132")
        connection.execute(OLD)
        connection.execute(
            "INSERT INTO corrections VALUES (1, '', 3, x'00', 'x', ?, ?, '')",
            (array.tobytes(), reading),
        )
    with pytest.raises(CorrectionsError):
        list(read_corrections(file))


@pytest.mark.parametrize(
    ("held", "says"),
    [
        (None, "no such file; inkdigits serve --keep FILE.db makes one"),
        (b"", "is empty; inkdigits serve --keep FILE.db fills it"),
        (b"words " * 300, "cannot be read as corrections: file is not a database"),
    ],
)
def test_what_holds_no_corrections_is_said_and_left_as_it_is(tmp_path, held, says):
    file = tmp_path / "kept.db"
    if held is not None:
        file.write_bytes(held)
    with pytest.raises(CorrectionsError, match=says):
        list(read_corrections(file))
    assert {f: f.read_bytes() for f in tmp_path.iterdir()} == ({} if held is None else {file: held})


def changed(path, **values):
    """A file of ours with one correction, some of whose values someone has changed."""
    corrections = Corrections(path)
    asyncio.run(corrections.keep(KEPT))
    corrections.close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        for column, value in values.items():
            connection.execute(f"UPDATE corrections SET {column} = ?", (value,))
    return path


def test_a_row_says_what_was_read_and_what_it_is(tmp_path):
    (row,) = read_corrections(changed(tmp_path / "kept.db", time="2026-01-02T03:04:05Z"))
    assert str(row) == "    1  2026-01-02T03:04:05Z  read 8, 50.0% (unsure)  is 3  model 00000000"
    accepted = row._replace(kept=row.kept._replace(reason=None))
    assert str(accepted) == "    1  2026-01-02T03:04:05Z  read 8, 50.0%  is 3  model 00000000"


@pytest.mark.parametrize(
    "values",
    [
        {"digit": "../../elsewhere"},
        {"digit": 10},
        {"place": "first"},
        {"image": b"short"},
        {"image": "text"},
        {"picture": 3},
        {"read_as": "eight"},
        {"confidence": "half"},
        {"reason": b"5"},
        {"time": "\x1b[2J"},
    ],
    ids=[
        "path",
        "digit",
        "place",
        "short",
        "text",
        "number",
        "read",
        "confidence",
        "reason",
        "escape",
    ],
)
def test_a_row_that_a_server_does_not_write_is_refused(tmp_path, values):
    file = changed(tmp_path / "kept.db", **values)
    with pytest.raises(CorrectionsError, match="row 1 is not as inkdigits serve --keep writes it"):
        list(read_corrections(file))
    with pytest.raises(CorrectionsError):
        write_corrections(file, tmp_path / "out" / "mine")
    assert [path.name for path in tmp_path.iterdir()] == ["kept.db"]


ENDLESS = """CREATE VIEW corrections AS
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
SELECT i AS id, '' AS time, 1 AS digit, x'' AS picture, x'' AS image, 1 AS read_as, 1 AS confidence,
'' AS reason, '' AS model, 0 AS place
FROM n"""
LARGE = """CREATE TABLE corrections (id INTEGER PRIMARY KEY, time, digit, read_as, confidence,
reason, model, place, picture AS (zeroblob(900000000)), image AS (zeroblob(900000000)))"""
TRIGGER = "CREATE TRIGGER t AFTER INSERT ON corrections BEGIN DELETE FROM corrections; END"


@pytest.mark.parametrize("sql", [ENDLESS, LARGE, TRIGGER], ids=["endless", "large", "trigger"])
def test_a_file_with_sql_of_others_is_refused(tmp_path, sql):
    file = changed(tmp_path / "kept.db")
    with closing(sqlite3.connect(file)) as connection, connection:
        if sql is not TRIGGER:
            connection.execute("DROP TABLE corrections")
        connection.execute(sql)
    with pytest.raises(CorrectionsError, match="is a database of another program"):
        next(read_corrections(file))
    with pytest.raises(CorrectionsError, match="is a database of another program"):
        Corrections(file)
