"""Labelled digits as Parquet files, as Hugging Face keeps data sets.

In: a file, or a folder with train-00000-of-00001.parquet and test-00000-of-00001.parquet. Out:
DigitSets. A row has `image`, a picture file's bytes as {bytes, path} or alone, and `label`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from inkdigits.data.digits import DigitSets
from inkdigits.data.folders import Advance, one_set, two_sets
from inkdigits.data.idx import most_unpacked
from inkdigits.data.pictures import Frame, Labelled
from inkdigits.errors import DataError, MissingExtraError
from inkdigits.spec import CLASS_NAMES, N_CLASSES

_PART = re.compile(r"(train|test)(?:[-_.].*)?\.parquet", re.IGNORECASE)
_IMAGES, _LABELS = ("image", "img", "images"), ("label", "labels", "digit", "class", "target")
_AT_ONCE = 16  # rows in memory, besides the bytes of those that have been read
_AROUND = ("data", "mnist")  # folders in which such files lie


def read_parquet_file(path: Path, frame: Frame, advance: Advance) -> DigitSets:
    """Sets from one file: a test set is split off. Raises DataError, MissingExtraError."""
    return one_set(list(_rows(path)), path.stem, str(path), frame, advance)


def read_parquet_folder(folder: Path, frame: Frame, advance: Advance) -> DigitSets | None:
    """Sets from a folder's Parquet files; None if there is none.

    Raises DataError, MissingExtraError.
    """
    for directory in (folder, *(folder / name for name in _AROUND)):
        parts = {part: _files(directory, part) for part in ("train", "test")}
        name = folder.resolve().name
        if parts["train"] and parts["test"]:
            train, test = (
                [row for file in files for row in _rows(file)] for files in parts.values()
            )
            return two_sets(train, test, name, (str(directory), str(directory)), frame, advance)
        if files := parts["train"] or sorted(directory.glob("*.parquet")):
            rows = [row for file in files for row in _rows(file)]
            return one_set(rows, name, str(directory), frame, advance)
    return None


def _files(folder: Path, part: str) -> list[Path]:
    """The files of a part: by their names, or all in a folder of its name."""
    named = [
        path
        for path in sorted(folder.glob("*.parquet"))
        if (match := _PART.fullmatch(path.name)) and match[1].lower() == part
    ]
    return named or sorted((folder / part).glob("*.parquet"))


def _rows(path: Path) -> Iterator[Labelled]:
    """The pictures of one file, in order."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise MissingExtraError(
            f"{path}: Parquet files are read by pyarrow: pip install 'inkdigits[batch]'"
        ) from error
    row = size = 0
    try:
        most = most_unpacked(path.stat().st_size)
        with pq.ParquetFile(path) as file:
            about = file.metadata
            groups = map(about.row_group, range(about.num_row_groups))
            _check_size(path, sum(group.total_byte_size for group in groups), most)
            image, label = _columns(path, file.schema_arrow.names)
            # A few at a time: a picture that many rows share stands in the file once.
            for batch in file.iter_batches(_AT_ONCE, columns=[image, label]):
                for picture, digit in zip(batch.column(image), batch.column(label), strict=True):
                    one = _labelled(path, row, (image, picture.as_py()), (label, digit.as_py()))
                    size += len(one.file)
                    _check_size(path, size, most)
                    yield one
                    row += 1
    # OverflowError, TypeError: of values that Python has none for, such as days far away.
    except (pa.ArrowException, OSError, ValueError, OverflowError, TypeError) as error:
        raise DataError(f"{path}: cannot be read as Parquet: {error}") from error


def _check_size(path: Path, size: int, most: int) -> None:
    if size > most:
        raise DataError(
            f"{path}: unpacks to over {most:,} bytes, more than digits do; fetch the file again"
        )


def _columns(path: Path, names: list[str]) -> tuple[str, str]:
    """The columns of pictures and of labels. Raises DataError."""
    image, label = _called(names, _IMAGES), _called(names, _LABELS)
    if image is None or label is None:
        raise DataError(
            f"{path}: has the columns {', '.join(names[:6])}; expected image (a picture "
            "file's bytes) and label (0-9)"
        )
    for name in (image, label):
        if names.count(name) > 1:
            raise DataError(f"{path}: has two columns named {name}, expected one")
    return image, label


def _labelled(path: Path, row: int, image: tuple[str, Any], label: tuple[str, Any]) -> Labelled:
    """A row's picture, of both columns' names and values. Raises DataError."""
    (column, picture), (labels, digit) = image, label
    data = picture.get("bytes") if isinstance(picture, dict) else picture
    if not isinstance(data, bytes):
        raise DataError(
            f"{path}: row {row:,}: {column} is {type(data).__name__}, expected a picture "
            "file's bytes"
        )
    if isinstance(digit, str) and digit in CLASS_NAMES:
        digit = int(digit)
    if not isinstance(digit, int) or digit not in range(N_CLASSES):
        raise DataError(f"{path}: row {row:,}: {labels} is {digit!r:.40}, expected 0-9")
    return Labelled(f"{path}, row {row:,}", data, digit)


def _called(names: list[str], known: tuple[str, ...]) -> Any:
    return next((name for name in names if name.lower() in known), None)
