"""Labelled digits as tables: CSV as Kaggle lays it out, NPZ as Keras does.

In: paths. Out: DigitSets. CSV: a header, a column `label`, and 784 columns of values 0-255 in
reading order. NPZ: x_train, y_train, x_test, y_test.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from inkdigits.data.digits import Digits, DigitSets
from inkdigits.data.split import split_test
from inkdigits.errors import DataError
from inkdigits.files import written_whole
from inkdigits.spec import N_PIXELS, SIDE

if TYPE_CHECKING:
    import pandas as pd

_NPZ_KEYS = ("x_train", "y_train", "x_test", "y_test")
_NPZ_MORE = "nondigits"  # may be there: what is no digit, to learn to be unsure of


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
    try:
        table = pd.read_csv(path)
    except (ValueError, OSError, UnicodeError) as error:
        raise DataError(f"{path}: cannot be read as CSV: {error}") from error
    _check_values(table, path)
    labels = table.pop("label").to_numpy()
    pixels = table.to_numpy().astype(np.uint8).reshape(-1, SIDE, SIDE)
    return Digits(pixels, labels.astype(np.int64), name, str(path))


def read_npz(path: Path) -> DigitSets:
    """Training and test set from one NPZ file. Raises DataError."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            missing = [key for key in _NPZ_KEYS if key not in arrays]
            if missing:
                raise DataError(
                    f"{path}: has no {', '.join(missing)}; it holds {', '.join(arrays.files)}, "
                    f"wanted {', '.join(_NPZ_KEYS)}"
                )
            x_train, y_train, x_test, y_test = (arrays[key] for key in _NPZ_KEYS)
            more = {_NPZ_MORE: arrays[_NPZ_MORE]} if _NPZ_MORE in arrays else {}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: not a readable NPZ file: {error}") from error
    for key, labels in (("y_train", y_train), ("y_test", y_test)):
        if labels.dtype.kind not in "iu":
            raise DataError(f"{path}: {key} is {labels.dtype}, wanted whole numbers 0-9")
    return DigitSets(
        Digits(x_train, y_train, f"{path.stem} train", f"{path}:x_train"),
        Digits(x_test, y_test, f"{path.stem} test", f"{path}:x_test"),
        path.stem,
        **more,
    )


def write_npz(sets: DigitSets, path: Path) -> None:
    """Write the sets as read_npz reads them, whole or not at all."""
    with written_whole(path) as part:
        np.savez_compressed(
            part,
            x_train=sets.train.images, y_train=sets.train.labels,
            x_test=sets.test.images, y_test=sets.test.labels,
            nondigits=sets.nondigits,
        )  # fmt: skip


def _header(path: Path) -> list[str]:
    try:
        with path.open(encoding="utf-8") as lines:
            return [c.strip().strip('"') for c in lines.readline().split(",")]
    except (OSError, UnicodeError) as error:
        raise DataError(f"{path}: cannot be read as CSV: {error}") from error


def _check_values(table: pd.DataFrame, path: Path) -> None:
    """Raise DataError unless every value is a whole number in its range."""
    import pandas as pd

    if table.empty:
        raise DataError(f"{path}: has a header but no digit")
    for column in table.columns:
        values = table[column]
        if values.dtype == np.int64 and values.between(0, 255).all():
            continue
        numbers = pd.to_numeric(values, errors="coerce")
        wrong = ~(numbers.between(0, 255) & (numbers == numbers.round()))
        if wrong.any():
            row = int(wrong.to_numpy().argmax())
            found = "nothing" if pd.isna(values.iloc[row]) else repr(values.iloc[row])
            raise DataError(
                f"{path}: line {row + 2}, column {column!r}: found {found}, "
                "wanted a whole number in 0-255"
            )
    wrong = ~pd.to_numeric(table["label"]).between(0, 9)
    if wrong.any():
        row = int(wrong.to_numpy().argmax())
        raise DataError(f"{path}: line {row + 2}: label {table['label'].iloc[row]} is not in 0-9")
