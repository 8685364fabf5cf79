"""Labelled pictures that a table lists: a line a picture, its file and its label.

In: a CSV with a header such as file,label, or a folder that holds one. Out: labelled pictures, and
the rows that are none with the reason. The columns may be in any order, among others, apart by
comma, semicolon or tab. Files stand relative to the table's folder, or to a folder in it, or with
their whole path.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from inkdigits.data.digits import Digits, DigitSets
from inkdigits.data.folders import (
    ENDINGS,
    Advance,
    inner,
    no_progress,
    one_set,
    two_sets,
)
from inkdigits.data.pictures import Frame, Labelled, LeftOut, Looked, read_pictures
from inkdigits.data.tables import LABELS, is_csv, pairs_of
from inkdigits.errors import DataError
from inkdigits.spec import CLASS_NAMES

_FILES = (
    "file", "filename", "file_name", "filepath", "file_path", "path", "image", "image_path",
    "image_name", "img", "picture",
)  # fmt: skip
_MOST_COLUMNS = 100  # a table of pixels has 785
_MAX_LINE = 100_000  # bytes
_MAX_BYTES = 1_000_000_000  # of a table: ten million rows
_TRIED = 100  # rows that tell where the files lie


class List(NamedTuple):
    """A table of pictures, read."""

    path: Path
    pictures: list[Labelled]
    left_out: list[LeftOut]


class _Layout(NamedTuple):
    separator: str
    file: int  # the columns' indices
    label: int


class _Row(NamedTuple):
    line: int
    file: str
    label: str


def is_list(path: Path) -> bool:
    """Whether the file is a table whose header names files and labels."""
    return is_csv(path) and path.is_file() and _layout(path) is not None


def lists_in(folder: Path) -> list[Path]:
    """The tables of pictures in a folder."""
    return sorted(path for path in folder.iterdir() if is_list(path))


def read_list_file(path: Path, frame: Frame, advance: Advance = no_progress) -> DigitSets:
    """Sets of the pictures in one table: a test set is split off. Raises DataError."""
    found = read_list(path)
    sets = one_set(found.pictures, path.stem, str(path), frame, advance, found.left_out)
    return replace(sets, notice=f"{sets.notice} {_unlisted(found)}".strip())


def read_list_folder(
    folder: Path, frame: Frame, advance: Advance = no_progress
) -> DigitSets | None:
    """Sets of a folder with one table of pictures, or one that is called train and one test.

    None if it holds no such table. Raises DataError.
    """
    folder = inner(folder)
    paths = lists_in(folder)
    if len(paths) < 2:
        return read_list_file(paths[0], frame, advance) if paths else None
    pairs = pairs_of(paths)
    if len(paths) > 2 or len(pairs) != 1:
        raise _several(folder, paths)
    train, test = (read_list(path) for path in pairs[0])
    return two_sets(
        train.pictures, test.pictures, folder.resolve().name, (str(train.path), str(test.path)),
        frame, advance, (train.left_out, test.left_out),
    )  # fmt: skip


def read_all_listed(
    path: Path, frame: Frame, advance: Advance = no_progress
) -> tuple[Digits, Looked | None] | None:
    """Every picture of a table, or of a folder's one table, as one set; None if there is none.

    Raises DataError.
    """
    paths = [path] if is_list(path) else lists_in(inner(path)) if path.is_dir() else []
    if not paths:
        return None
    if len(paths) > 1:
        raise _several(path, paths)
    found = read_list(paths[0])
    return read_pictures(
        found.pictures, paths[0].stem, str(paths[0]), frame, advance, found.left_out
    )


def read_list(path: Path) -> List:
    """The pictures of a table, in its order, and why each other row is none. Raises DataError."""
    layout = _layout(path)
    if layout is None:
        raise DataError(f"{path}: line 1 names no column of files and one of labels")
    rows = list(_rows(path, layout))
    if not rows:
        raise DataError(f"{path}: has a header but no picture")
    base = _base(path.parent, rows)
    labels: dict[str, set[str]] = {}  # the digits that a file has in all rows
    full_paths = [_full_path(base, row.file) for row in rows]
    for full_path, row in zip(full_paths, rows, strict=True):
        if row.label in CLASS_NAMES:
            labels.setdefault(full_path, set()).add(row.label)
    found = List(path, [], [])
    seen: set[str] = set()
    for full_path, row in zip(full_paths, rows, strict=True):
        reason = _fault(path, full_path, row, labels.get(full_path, set()), full_path in seen)
        if row.label in CLASS_NAMES:
            seen.add(full_path)
        label = int(row.label) if row.label in CLASS_NAMES else -1
        picture = Labelled(full_path, full_path, label)
        if reason:
            found.left_out.append(LeftOut(picture, f"{reason} ({path.name}, line {row.line:,})"))
        else:
            found.pictures.append(picture)
    return found


def _fault(path: Path, full_path: str, row: _Row, labels: set[str], is_again: bool) -> str:
    """Why a row is not a labelled picture; empty if it is one."""
    if not row.file:
        return "names no file"
    if row.label not in CLASS_NAMES:
        return f"label {row.label!r:.40}, expected a digit" if row.label else "has no label"
    outside = os.path.relpath(full_path, path.parent).startswith("..")
    if outside and not os.path.isabs(row.file):
        return "lies outside the table's folder; write its whole path, or move the table"
    if not os.path.isfile(full_path):
        return "no such file"
    if len(labels) > 1:
        return f"has several labels: {', '.join(sorted(labels))}"
    return "is listed twice" if is_again else ""


def _layout(path: Path) -> _Layout | None:
    """The table's layout by its header; None if it is not a list of pictures."""
    try:
        with path.open("rb") as file:
            first = file.readline(_MAX_LINE).decode("utf-8-sig")
    except (OSError, UnicodeError):
        return None
    first = first.partition("\r")[0]  # that alone ends a line of some spreadsheets
    for separator in ",;\t":
        names = [
            name.strip().lower() for name in next(csv.reader([first], delimiter=separator), [])
        ]
        files = [names.index(name) for name in _FILES if name in names]
        labels = [names.index(name) for name in LABELS if name in names]
        if files and labels and len(names) <= _MOST_COLUMNS:
            return _Layout(separator, files[0], labels[0])
    return None


def _rows(path: Path, layout: _Layout) -> Iterator[_Row]:
    """Each row below the header but for empty ones. Raises DataError."""
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise DataError(
                f"{path}: is larger than {_MAX_BYTES:,} bytes, expected a line for each picture"
            )
        text = io.StringIO(path.read_bytes().decode("utf-8-sig"), newline="")
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeError as error:
        raise DataError(f"{path}: is not UTF-8: {error}; save it as CSV UTF-8") from error
    reader = csv.reader(text, delimiter=layout.separator)
    try:
        next(reader)
        for values in reader:
            if any(value.strip() for value in values):
                filled = [*values, *[""] * (max(layout.file, layout.label) + 1 - len(values))]
                label = filled[layout.label].strip().removesuffix(".0")  # as pandas writes it
                yield _Row(reader.line_num, filled[layout.file].strip(), label)
    except csv.Error as error:
        raise DataError(
            f"{path}: line {reader.line_num:,} cannot be read as CSV: {error}; expected a file and "
            "its label"
        ) from error


def _base(folder: Path, rows: Sequence[_Row]) -> Path:
    """The folder that files stand relative to: the table's, or one in it, where most are found."""
    tried = [row.file for row in rows[:_TRIED]]

    def found(base: Path) -> int:
        return sum(os.path.isfile(_full_path(base, file)) for file in tried if file)

    if found(folder) == len(tried):
        return folder
    inside = sorted(entry for entry in folder.iterdir() if entry.is_dir())
    return max([folder, *inside], key=found)  # of equal ones the first


def _full_path(base: Path, file: str) -> str:
    """Where a file lies. Tables that were written on Windows have backslashes."""
    plain = file.replace("\0", "")
    full_path = os.path.normpath(base / plain)
    if "\\" in plain and not os.path.exists(full_path):
        return os.path.normpath(base / plain.replace("\\", "/"))
    return full_path


def _unlisted(found: List) -> str:
    """A note on pictures beside the listed ones that no row names."""
    named = {
        picture.name for picture in (*found.pictures, *(one.picture for one in found.left_out))
    }
    folders = {os.path.dirname(picture.name) for picture in found.pictures}
    others = [
        entry.path
        for folder in sorted(folders)
        for entry in os.scandir(folder)
        if os.path.splitext(entry.name)[1].lower() in ENDINGS and entry.path not in named
    ]
    if not others:
        return ""
    were = "picture beside them is" if len(others) == 1 else "pictures beside them are"
    return f"{len(others):,} {were} in no row of {found.path.name}, {min(others)} among them."


def _several(folder: Path, paths: Sequence[Path]) -> DataError:
    names = ", ".join(path.name for path in paths)
    return DataError(
        f"{folder}: holds several tables of pictures ({names}); name one of them, or put "
        "NAME_train.csv and NAME_test.csv alone into it"
    )
