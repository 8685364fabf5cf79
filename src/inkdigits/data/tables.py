"""Labelled digits as tables: CSV as Kaggle lays it out, NPZ as Keras does.

In: paths. Out: DigitSets. CSV: a header, a column `label`, and 784 columns of values 0-255 in
reading order. NPZ: x_train, y_train, x_test, y_test.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from inkdigits.data.digits import Digits, DigitSets, check_labels
from inkdigits.data.idx import most_unpacked
from inkdigits.data.split import split_test
from inkdigits.errors import DataError
from inkdigits.files import written_whole
from inkdigits.spec import N_PIXELS, SIDE

if TYPE_CHECKING:
    import pandas as pd

_NPZ_KEYS = ("x_train", "y_train", "x_test", "y_test")
_NPZ_MORE = "nondigits"  # may be there: what is no digit, to learn to be unsure of

_MAX_LINE = 100_000  # bytes: over a hundred for each value


def read_csv_sets(path: Path) -> DigitSets:
    """Sets from one CSV (a test set is split off) or from a folder with train.csv and test.csv.

    Kaggle's own test.csv has no labels: a test.csv without them is passed over.
    Raises DataError naming file, line and column.
    """
    if path.is_file():
        return split_test(read_csv(path, path.stem))
    train, test = path / "train.csv", path / "test.csv"
    if test.is_file() and "label" in _header(test):
        name = path.name
        return DigitSets(read_csv(train, f"{name} train"), read_csv(test, f"{name} test"), name)
    return split_test(read_csv(train, path.name))


def read_csv(path: Path, name: str) -> Digits:
    """One set from one CSV. Raises DataError naming file, line and column."""
    import pandas as pd

    columns = _header(path)
    if "label" not in columns:
        raise DataError(f"{path}: line 1 has no column 'label'; its first are {columns[:3]}")
    if len(columns) != N_PIXELS + 1:
        raise DataError(
            f"{path}: line 1 has {len(columns)} columns, wanted {N_PIXELS + 1}: "
            f"label and {N_PIXELS} pixels"
        )
    _check_lines(path)
    try:
        table = pd.read_csv(path)
    except (ValueError, OSError, UnicodeError) as error:
        raise DataError(f"{path}: cannot be read as CSV: {error}") from error
    if table.shape[1] != len(columns) or not isinstance(table.index, pd.RangeIndex):
        raise DataError(
            f"{path}: its lines hold more values than line 1 names, wanted {len(columns)} in each"
        )
    values = _values(table, path)
    place = table.columns.get_loc("label")
    pixels = np.delete(values, place, axis=1).reshape(-1, SIDE, SIDE)
    return Digits(pixels, values[:, place], name, str(path))


def read_npz(path: Path) -> DigitSets:
    """Training and test set from one NPZ file. Raises DataError."""
    x_train, y_train, x_test, y_test, *others = _arrays(path, _NPZ_KEYS, _NPZ_MORE)
    for key, labels in (("y_train", y_train), ("y_test", y_test)):
        _check_whole(labels, key, path)
    return DigitSets(
        Digits(x_train, y_train, f"{path.stem} train", f"{path}:x_train"),
        Digits(x_test, y_test, f"{path.stem} test", f"{path}:x_test"),
        path.stem,
        nondigits=others[0] if others else np.empty((0, SIDE, SIDE), np.uint8),
    )


def read_npz_pictures(path: Path) -> tuple[NDArray[Any], NDArray[Any]]:
    """Pictures of any size, (N, H, W) or (N, H, W, C), and their labels (N,), from `x` and `y`.

    Raises DataError.
    """
    pictures, labels = _arrays(path, ("x", "y"))
    _check_whole(labels, "y", path)
    if pictures.ndim not in (3, 4) or labels.shape != pictures.shape[:1]:
        raise DataError(
            f"{path}: x is {pictures.shape} and y {labels.shape}, wanted pictures (N, H, W) and a "
            "label (N,) for each"
        )
    check_labels(labels, str(path))
    return pictures, labels


def write_npz(sets: DigitSets, path: Path) -> None:
    """Write the sets as read_npz reads them, whole or not at all."""
    with written_whole(path) as part:
        np.savez_compressed(
            part,
            x_train=sets.train.images, y_train=sets.train.labels,
            x_test=sets.test.images, y_test=sets.test.labels,
            nondigits=sets.nondigits,
        )  # fmt: skip


def _arrays(path: Path, wanted: tuple[str, ...], *more: str) -> list[NDArray[Any]]:
    """The arrays of those names in an NPZ file, and of `more` those that are there."""
    try:
        packed = path.stat().st_size
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
        if unpacked > most_unpacked(packed):
            raise DataError(
                f"{path}: is {packed:,} bytes that unpack to {unpacked:,}, "
                f"wanted at most {most_unpacked(packed):,}"
            )
        with np.load(path, allow_pickle=False) as arrays:
            missing = [key for key in wanted if key not in arrays]
            if missing:
                raise DataError(
                    f"{path}: has no {', '.join(missing)}; it holds {', '.join(arrays.files)}, "
                    f"wanted {', '.join(wanted)}"
                )
            return [arrays[key] for key in (*wanted, *more) if key in arrays]
    except DataError:
        raise
    # A damaged archive fails in many ways: BadZipFile, zlib.error, NotImplementedError (packed in
    # another way), RuntimeError (a password), MemoryError (an array that says it is huge).
    except Exception as error:
        why = str(error) or type(error).__name__
        raise DataError(f"{path}: not a readable NPZ file: {why}") from error


def _check_whole(labels: NDArray[Any], key: str, path: Path) -> None:
    if labels.dtype.kind not in "iu":
        raise DataError(f"{path}: {key} is {labels.dtype}, wanted whole numbers 0-9")


def _header(path: Path) -> list[str]:
    try:
        # Excel begins a file with a byte order mark.
        with path.open(encoding="utf-8-sig") as lines:
            return [c.strip().strip('"') for c in lines.readline(_MAX_LINE).split(",")]
    except (OSError, UnicodeError) as error:
        raise DataError(f"{path}: cannot be read as CSV: {error}") from error


def _check_lines(path: Path) -> None:
    """Raise DataError for a line longer than one of digits can be: pandas would hold all of it."""
    number = 0
    with path.open("rb") as file:
        while line := file.readline(_MAX_LINE + 1):
            number += 1
            if len(line) > _MAX_LINE:
                raise DataError(
                    f"{path}: line {number} is longer than {_MAX_LINE:,} bytes, "
                    f"wanted {N_PIXELS + 1} values"
                )


def _values(table: pd.DataFrame, path: Path) -> NDArray[np.uint8]:
    """(N, 785) values in the columns' order. Raises DataError for one that is not 0-255."""
    import pandas as pd

    if table.empty:
        raise DataError(f"{path}: has a header but no digit")
    checked = np.empty(table.shape, np.uint8)
    for place, (column, values) in enumerate(table.items()):
        numbers = pd.to_numeric(values, errors="coerce").astype(np.float64)
        low, high = (0, 9) if column == "label" else (0, 255)
        wrong = ~(numbers.between(low, high) & (numbers == numbers.round()))
        if wrong.any():
            row = int(wrong.to_numpy().argmax())
            found = "nothing" if pd.isna(values.iloc[row]) else repr(str(values.iloc[row]))
            raise DataError(
                f"{path}: line {row + 2}, column {column!r}: found {found:.80}, "
                f"wanted a whole number in {low}-{high}"
            )
        checked[:, place] = numbers
    return checked
