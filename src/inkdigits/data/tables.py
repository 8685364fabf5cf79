"""Labelled digits as CSV: a line a digit, its label and its 784 pixels in reading order.

In: paths. Out: DigitSets, or arrays without labels. With a header or none, the label first or last,
values apart by comma, semicolon, tab or space, gzipped or not. Pixels are whole numbers 0-255, or
all of them lie in 0-1 with fractions among them.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from inkdigits.data.digits import Digits, DigitSets
from inkdigits.data.idx import most_unpacked, opened
from inkdigits.data.split import split_test
from inkdigits.errors import DataError, MissingExtraError
from inkdigits.files import whole_files
from inkdigits.spec import N_CLASSES, N_PIXELS, SIDE

if TYPE_CHECKING:
    import pandas as pd

ENDINGS = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz")  # in lower case
LABELS = ("label", "labels", "class", "classes", "target", "y", "digit", "number")
_SEPARATORS = ",;\t "
_UNNAMED = ("", "Unnamed: 0")  # what pandas calls a column of line numbers
_MAX_LINE = 100_000  # bytes: over a hundred for each value
# mnist_train.csv and mnist_test.csv, train.csv and test.csv, mnist_train_small.csv
_NAME = re.compile(r"(?P<set>.*?)[-_. ]?(?P<part>train|test)(?:ing)?(?:[-_]small)?", re.IGNORECASE)


class _Layout(NamedTuple):
    """How a file's lines are laid out, as its first one shows."""

    columns: list[str]  # names, or numbers where the file has no header
    has_header: bool
    separator: str
    numbered: bool  # the first column counts the lines, as pandas writes it

    @property
    def n_values(self) -> int:
        """Columns of labels and pixels."""
        return len(self.columns) - self.numbered


def read_csv_file(path: Path) -> DigitSets:
    """Sets from one CSV: a test set is split off. Raises DataError naming file, line and column."""
    return split_test(read_csv(path, _stem(path)))


def read_csv_folder(folder: Path) -> DigitSets | None:
    """Sets from a folder's tables: NAME_train.csv with NAME_test.csv, or the one there is.

    Kaggle's test.csv has no labels: one without is skipped. None if there is no CSV.
    Raises DataError naming file, line and column.
    """
    files = sorted(p for p in whole_files(folder) if is_csv(p))
    if not files:
        return None
    digits = [path for path in files if _n_values(path) in (N_PIXELS, N_PIXELS + 1)]
    labelled = [path for path in digits if _n_values(path) == N_PIXELS + 1]
    if not labelled:
        named = [path for path in files if path.suffix.lower() != ".txt"]
        # The first raises the error; a text beside pictures is none of ours.
        return read_csv_file(named[0]) if named else None
    pairs = pairs_of(labelled)
    name = folder.resolve().name
    if len(pairs) == 1:
        train, test = pairs[0]
        return DigitSets(read_csv(train, f"{name} train"), read_csv(test, f"{name} test"), name)
    parts = {path: match for path in labelled if (match := _NAME.fullmatch(_stem(path)))}
    alone = [path for path, match in parts.items() if match["part"].lower() == "train"] or labelled
    if pairs or len(alone) > 1:
        names = ", ".join(path.name for path in labelled)
        raise DataError(
            f"{folder}: holds several tables of digits ({names}); name one of them, or put "
            "NAME_train.csv and NAME_test.csv into a folder of their own"
        )
    return split_test(read_csv(alone[0], name))


def pairs_of(paths: Iterable[Path]) -> list[tuple[Path, Path]]:
    """Tables of one set that are called train and test."""
    parts = {path: match for path in paths if (match := _NAME.fullmatch(_stem(path)))}
    return [
        (train, test)
        for train, of_train in parts.items()
        for test, of_test in parts.items()
        if of_train["part"].lower() == "train"
        and of_test["part"].lower() == "test"
        and of_train["set"].lower() == of_test["set"].lower()
    ]


def is_csv(path: Path) -> bool:
    """Whether the file's ending is one of a table's, in any case."""
    return path.name.lower().endswith(ENDINGS)


def read_csv(path: Path, name: str) -> Digits:
    """One set from one CSV. Raises DataError naming file, line and column."""
    layout = _layout(path)
    if layout.n_values == N_PIXELS:
        raise DataError(
            f"{path}: line 1 has {N_PIXELS} columns and none is a label: to read such digits: "
            f"inkdigits predict --submission submission.csv {path}"
        )
    if layout.n_values != N_PIXELS + 1:
        raise _wrong_columns(path, layout)
    table = _table(path, layout)
    index = _label_index(layout, table)
    labels = _column(table, index)
    _check_column(labels, N_CLASSES - 1, table, index, path, layout)
    pixels = _pixels(table, [i for i in range(layout.n_values) if i != index], path, layout)
    return Digits(pixels, labels.astype(np.uint8), name, str(path))


def read_csv_images(path: Path) -> NDArray[np.uint8]:
    """(N, 28, 28) images of a CSV of pixels, as Kaggle's test.csv; labels are ignored.

    Raises DataError naming file, line and column.
    """
    if path.exists() and not path.is_file():  # a pipe gives what it has once, and this looks twice
        raise DataError(f"{path}: is not a file; expected a CSV file: save what a pipe gives")
    layout = _layout(path)
    if layout.n_values == N_PIXELS + 1:
        return read_csv(path, _stem(path)).images
    if layout.n_values != N_PIXELS:
        raise _wrong_columns(path, layout)
    return _pixels(_table(path, layout), list(range(N_PIXELS)), path, layout)


def _stem(path: Path) -> str:
    name = path.name[:-3] if path.name.lower().endswith(".gz") else path.name
    return Path(name).stem


def _n_values(path: Path) -> int:
    try:
        return _layout(path).n_values
    except DataError:
        return 0


def _layout(path: Path) -> _Layout:
    try:
        with opened(path) as file:
            # Excel begins a file with a byte order mark.
            first = file.readline(_MAX_LINE).decode("utf-8-sig").rstrip("\r\n")
    except UnicodeError as error:
        raise DataError(f"{path}: is not UTF-8: {error}; save it as CSV UTF-8") from error
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read as CSV: {error}") from error
    if not first.strip():
        raise DataError(f"{path}: its first line is empty; expected a header or a digit")
    separator = next(
        (s for s in _SEPARATORS if N_PIXELS <= first.count(s) + 1 <= N_PIXELS + 2),
        max(_SEPARATORS, key=first.count) if any(s in first for s in _SEPARATORS) else ",",
    )
    fields = [field.strip().strip("\"'") for field in first.split(separator)]
    has_header = any(field and _number(field) is None for field in fields) or _counts(fields)
    columns = fields if has_header else [str(i + 1) for i in range(len(fields))]
    return _Layout(columns, has_header, separator, has_header and fields[0] in _UNNAMED)


def _counts(fields: list[str]) -> bool:
    """Whether the fields number the columns, as pandas does where they have no name."""
    numbers = [_number(field) for field in fields[int(fields[0] in _UNNAMED) :]]
    return numbers in ([*range(len(numbers))], [*range(1, len(numbers) + 1)])


def _number(field: str) -> float | None:
    try:
        return float(field)
    except ValueError:
        return None


def _table(path: Path, layout: _Layout) -> pd.DataFrame:
    """The file's columns of labels and pixels, unchecked. Raises DataError."""
    try:
        import pandas as pd
    except ImportError as error:
        raise MissingExtraError(
            f"{path}: CSV files are read by pandas: pip install 'inkdigits[train]'"
        ) from error
    _check_lines(path)
    try:
        with opened(path) as file:
            table = pd.read_csv(
                file,
                sep=layout.separator,
                header=0 if layout.has_header else None,
                skipinitialspace=True,
            )
    except (ValueError, OSError, EOFError, zlib.error, UnicodeError) as error:
        raise DataError(f"{path}: cannot be read as CSV: {error}") from error
    if table.shape[1] != len(layout.columns) or not isinstance(table.index, pd.RangeIndex):
        raise DataError(
            f"{path}: its lines hold more values than line 1, "
            f"expected {len(layout.columns)} in each"
        )
    if table.empty:
        raise DataError(f"{path}: has a header but no digit")
    return table.iloc[:, int(layout.numbered) :]


def _column(table: pd.DataFrame, index: int) -> NDArray[np.float64]:
    """One column's values; NaN for a value that is not a number."""
    import pandas as pd

    try:
        numbers = pd.to_numeric(table.iloc[:, index], errors="coerce")
        return np.asarray(numbers.to_numpy(dtype=np.float64, na_value=np.nan))
    except OverflowError:  # a whole number beyond all floats: as text it is infinite
        found = [_number(str(value)) for value in table.iloc[:, index]]
        return np.array([np.nan if value is None else value for value in found])


def _label_index(layout: _Layout, table: pd.DataFrame) -> int:
    """Which of the columns holds the labels: by its name, else the first or the last."""
    names = [name.lower() for name in layout.columns[int(layout.numbered) :]]
    if layout.has_header and (named := [i for i, name in enumerate(names) if name in LABELS]):
        return named[0]
    # Both may be whole and under 10: a corner's pixel is paper nearly always, and of one value.
    for index in (0, len(names) - 1):
        column = _column(table, index)
        if len(np.unique(column)) > 1 and np.isin(column, np.arange(N_CLASSES)).all():
            return index
    return 0


def _pixels(
    table: pd.DataFrame, columns: list[int], path: Path, layout: _Layout
) -> NDArray[np.uint8]:
    """(N, 28, 28) of those columns. Raises DataError for a value that is not in range."""
    low, high, whole = np.inf, -np.inf, True
    for column in columns:
        values = _column(table, column)
        low, high = min(low, values.min()), max(high, values.max())
        whole = whole and bool((values == np.floor(values)).all())
    # Divided by 255, as networks take them.
    divided = not whole and 0 <= low <= high <= 1  # neither where every column lacks a value
    pixels = np.empty((len(table), len(columns)), np.uint8)
    for at, column in enumerate(columns):
        values = _column(table, column)
        if divided:
            values = np.rint(255 * values)
        _check_column(values, 255, table, column, path, layout)
        pixels[:, at] = values
    return pixels.reshape(-1, SIDE, SIDE)


def _check_column(
    values: NDArray[np.float64],
    most: int,
    table: pd.DataFrame,
    index: int,
    path: Path,
    layout: _Layout,
) -> None:
    """Raise DataError for a value that is not a whole number in 0 to `most`, by line and column."""
    import pandas as pd

    wrong = ~((values >= 0) & (values <= most) & (values == np.floor(values)))
    if not wrong.any():
        return
    row = int(wrong.argmax())
    value = table.iloc[row, index]
    found = "nothing" if pd.isna(value) else repr(str(value))
    raise DataError(
        f"{path}: line {row + 1 + layout.has_header:,}, column "
        f"{layout.columns[layout.numbered + index]!r}: found {found:.80}, "
        f"expected a whole number in 0-{most}"
    )


def _wrong_columns(path: Path, layout: _Layout) -> DataError:
    first = ", ".join(layout.columns[:3])
    side = round(max(0, layout.n_values - 1) ** 0.5)
    size = f" (pixels of {side}x{side}?)" if side > 1 and side * side == layout.n_values - 1 else ""
    return DataError(
        f"{path}: line 1 has {layout.n_values:,} columns{size}, the first are {first:.80}; "
        f"expected {N_PIXELS + 1}: a label and {SIDE}x{SIDE} pixels; or a table of pictures, whose "
        "first line names the columns: file,label"
    )


def _check_lines(path: Path) -> None:
    """Raise DataError for a line longer than one of digits can be: pandas would hold all of it."""
    size = path.stat().st_size
    number, total, most = 0, 0, max(size, most_unpacked(size))
    try:
        with opened(path) as file:
            while line := file.readline(_MAX_LINE + 1):
                number += 1
                total += len(line)
                if len(line) > _MAX_LINE:
                    raise DataError(
                        f"{path}: line {number} is longer than {_MAX_LINE:,} bytes, "
                        f"expected {N_PIXELS + 1} values"
                    )
                if total > most:
                    raise DataError(f"{path}: unpacks to over {most:,} bytes, more than digits do")
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read as CSV: {error}") from error
