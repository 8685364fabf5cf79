import gzip
import os

import pytest

from inkdigits import environment
from inkdigits.data import load
from inkdigits.data.tables import read_csv, read_csv_images
from inkdigits.errors import DataError


def write_csv(path, rows, columns=784):
    lines = [",".join(["label"] + [f"pixel{i}" for i in range(columns)])]
    lines += [",".join(map(str, row)) for row in rows]
    path.write_text("\n".join(lines) + "\n")


def rows(n=100):
    return [[i % 10, *([i] * 784)] for i in range(n)]


def test_kaggles_csv_is_read_and_a_test_set_split_off(tmp_path):
    write_csv(tmp_path / "train.csv", rows())
    sets = load(str(tmp_path / "train.csv"))
    assert (len(sets.train), len(sets.test)) == (80, 20)
    for digits in (sets.train, sets.test):
        # Each picture is filled with its row's number, whose last digit is its label.
        assert (digits.images[:, 0, 0] % 10 == digits.labels).all()
        assert (digits.images == digits.images[:, :1, :1]).all()


def test_kaggles_unlabelled_test_csv_is_passed_over(tmp_path):
    write_csv(tmp_path / "train.csv", rows())
    (tmp_path / "test.csv").write_text("pixel0,pixel1\n0,0\n")
    assert len(load(str(tmp_path)).train) == 80


def test_a_folder_with_both_labelled_tables_uses_both(tmp_path):
    write_csv(tmp_path / "train.csv", rows(30))
    write_csv(tmp_path / "test.csv", rows(20))
    sets = load(str(tmp_path))
    assert (len(sets.train), len(sets.test)) == (30, 20)


@pytest.mark.parametrize(
    ("row", "column", "value", "message"),
    [
        (2, 5, "nan", r"line 4, column 'pixel4': found nothing, expected a whole number in 0-255"),
        (2, 5, "", r"line 4, column 'pixel4': found nothing"),
        (0, 1, "256", r"line 2, column 'pixel0': found .*256.*, expected a whole number in 0-255"),
        (1, 1, "1.5", r"line 3, column 'pixel0': found .*1\.5"),
        (1, 1, "dog", r"line 3, column 'pixel0': found 'dog'"),
        (1, 1, "9" * 400, r"line 3, column 'pixel0': found '9{79}, expected a whole number"),
        (3, 0, "10", r"line 5, column 'label': found '10', expected a whole number in 0-9"),
    ],
)
def test_a_wrong_value_is_named_by_line_and_column(tmp_path, row, column, value, message):
    table = rows()
    table[row][column] = value
    write_csv(tmp_path / "a.csv", table)
    with pytest.raises(DataError, match=message):
        load(str(tmp_path / "a.csv"))


def test_a_csv_without_labels_or_with_too_few_columns_is_refused(tmp_path):
    (tmp_path / "a.csv").write_text("pixel0,pixel1\n0,0\n")
    with pytest.raises(DataError, match="line 1 has 2 columns, the first are pixel0, pixel1; exp"):
        load(str(tmp_path / "a.csv"))
    write_csv(tmp_path / "a.csv", [[1, *([2] * 64)]], columns=64)
    with pytest.raises(DataError, match=r"has 65 columns \(pixels of 8x8\?\), .*; expected 785: a"):
        load(str(tmp_path / "a.csv"))


def test_a_line_that_ends_early_is_named(tmp_path):
    write_csv(tmp_path / "a.csv", [*rows(), ["3", "\0\0"]])
    with pytest.raises(DataError, match=r"line 102, column 'pixel0': found '\\x00"):
        load(str(tmp_path / "a.csv"))


def test_a_csv_of_a_header_alone_is_refused(tmp_path):
    write_csv(tmp_path / "a.csv", [])
    with pytest.raises(DataError, match="has a header but no digit"):
        load(str(tmp_path / "a.csv"))


def test_a_table_as_excel_saves_it_is_read(tmp_path):
    write_csv(tmp_path / "a.csv", rows())
    plain = (tmp_path / "a.csv").read_bytes()
    (tmp_path / "a.csv").write_bytes(b"\xef\xbb\xbf" + plain.replace(b"\n", b"\r\n"))
    assert len(load(str(tmp_path / "a.csv")).train) == 80


def test_lines_longer_than_the_first_are_refused(tmp_path):
    """Pandas takes their first value for a name, and every digit would move by a pixel."""
    write_csv(tmp_path / "a.csv", [[*row, 0] for row in rows()])
    with pytest.raises(DataError, match="its lines hold more values than line 1"):
        load(str(tmp_path / "a.csv"))


def test_a_name_with_a_comma_in_it_is_refused(tmp_path):
    write_csv(tmp_path / "a.csv", rows())
    text = (tmp_path / "a.csv").read_text()
    (tmp_path / "a.csv").write_text(text.replace("pixel8,pixel9", '"pixel8,pixel9"'))
    with pytest.raises(DataError, match="expected 785 in each"):
        load(str(tmp_path / "a.csv"))


def test_truth_values_and_floats_that_are_whole_are_numbers(tmp_path):
    table = rows()
    for i, row in enumerate(table):
        row[3], row[4] = ("True", "5.0") if i % 2 else ("False", "5")
    write_csv(tmp_path / "a.csv", table)
    images = load(str(tmp_path / "a.csv")).train.images
    assert set(images[:, 0, 2].tolist()) == {0, 1}
    assert (images[:, 0, 3] == 5).all()


@pytest.mark.parametrize("n_rows", [None, 1])
def test_a_gigabyte_in_one_line_is_refused_unread(tmp_path, n_rows):
    path = tmp_path / "a.csv"
    write_csv(path, rows(n_rows or 0))
    if n_rows is None:
        path.write_bytes(b"label,")
    os.truncate(path, 1_000_000_000)  # a hole: it takes no space on disk
    before = environment.peak_memory_mb()
    message = "line 3 is longer than 100,000 bytes" if n_rows else "line 1 has 2 columns"
    with pytest.raises(DataError, match=message):
        load(str(path))
    assert environment.peak_memory_mb() - before < 500


LABELS = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3, 2, 3, 8, 4] * 5


def lines(header, label_first=True, separator=","):
    """A table of digits, pixel i of the digit n being 10 n in the middle, as text."""
    found = [separator.join(header)] if header else []
    for n, label in enumerate(LABELS):
        pixels = ["0"] * 392 + [str(2 * n)] * 2 + ["0"] * 390
        row = [str(label), *pixels] if label_first else [*pixels, str(label)]
        found.append(separator.join(row))
    return "\n".join(found) + "\n"


PIXELS = [f"pixel{i}" for i in range(784)]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", lines(["label", *PIXELS])),
        ("A.CSV", lines(["Label", *PIXELS])),
        ("a.csv", lines(["label", *(f"{i}x{j}" for i in range(1, 29) for j in range(1, 29))])),
        ("a.csv", lines([*PIXELS, "class"], label_first=False)),
        ("a.csv", lines([*PIXELS, "target"], label_first=False)),
        ("a.csv", lines(["digit", *PIXELS])),
        ("a.csv", lines([])),
        ("a.csv", lines([], label_first=False)),
        ("a.csv", lines([str(i) for i in range(785)])),
        ("a.csv", lines(["y", *PIXELS], separator=";")),
        ("a.tsv", lines(["label", *PIXELS], separator="\t")),
        ("a.txt", lines([], separator=" ")),
    ],
    ids=[
        "kaggle", "upper", "oddrationale", "openml", "target", "digit", "headerless",
        "headerless last", "numbered", "semicolon", "tab", "savetxt",
    ],
)  # fmt: skip
def test_tables_are_taken_as_they_are_handed_around(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    whole = read_csv(tmp_path / name, "it")
    assert whole.labels.tolist() == LABELS
    assert whole.images.reshape(100, 784)[:, 392].tolist() == [2 * n for n in range(100)]
    assert whole.images[:, :14].max() == 0
    assert (len(load(str(tmp_path / name)).train)) == 80


def test_a_packed_table_is_read(tmp_path):
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(lines(["label", *PIXELS]).encode()))
    assert len(load(str(tmp_path / "a.csv.gz")).train) == 80


def test_a_packed_table_that_unpacks_to_gigabytes_is_refused(tmp_path):
    path = tmp_path / "a.csv.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(lines([]).encode())
        for _ in range(120):
            file.write((b"0," * 784 + b"0\n") * 640)
    with pytest.raises(DataError, match=r"unpacks to over [0-9,]* bytes, more than digits do"):
        load(str(path))


def test_line_numbers_as_pandas_writes_them_are_no_pixels(tmp_path):
    text = lines(["label", *PIXELS]).splitlines()
    numbered = [f",{text[0]}", *(f"{i},{line}" for i, line in enumerate(text[1:]))]
    (tmp_path / "a.csv").write_text("\n".join(numbered))
    assert read_csv(tmp_path / "a.csv", "it").labels.tolist() == LABELS


def test_pixels_divided_by_255_are_multiplied_again(tmp_path):
    text = lines([]).replace(",198,198,", f",{198 / 255:.6f},1.0,")
    for n in range(1, 99):
        text = text.replace(f",{2 * n},{2 * n},", f",{2 * n / 255:.6f},0.5,")
    (tmp_path / "a.csv").write_text(text)
    images = read_csv(tmp_path / "a.csv", "it").images.reshape(100, 784)
    assert images[:, 392].tolist() == [2 * n for n in range(100)]
    assert images[99, 393] == 255
    assert images[1, 393] == 128


def test_a_folder_of_tables_is_taken_by_their_names(tmp_path):
    """Google's Colab has such a folder, with tables of houses beside the digits."""
    (tmp_path / "mnist_train_small.csv").write_text(lines([]))
    (tmp_path / "mnist_test.csv").write_text(lines([]))
    (tmp_path / "california_housing_train.csv").write_text("longitude,latitude\n1,2\n")
    sets = load(str(tmp_path))
    assert (len(sets.train), len(sets.test), sets.notice) == (100, 100, "")


def test_a_folder_of_tables_that_are_no_pair_is_refused_with_their_names(tmp_path):
    for name in ("mine.csv", "yours.csv"):
        (tmp_path / name).write_text(lines([]))
    with pytest.raises(DataError, match=r"holds several tables of digits \(mine\.csv, yours\.csv"):
        load(str(tmp_path))


def test_a_folder_of_other_tables_says_what_is_wrong_with_them(tmp_path):
    (tmp_path / "houses.csv").write_text("rooms,price\n1,2\n")
    with pytest.raises(DataError, match=r"houses\.csv: line 1 has 2 columns, the first are rooms"):
        load(str(tmp_path))


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "test.csv")
    for source in (tmp_path / "test.csv", tmp_path):
        with pytest.raises(DataError, match="is not a file; expected a CSV file: save what a pipe"):
            read_csv_images(source)


def test_digits_without_labels_are_told_what_reads_them(tmp_path):
    (tmp_path / "test.csv").write_text(",".join(PIXELS) + "\n" + ",".join(["7"] * 784) + "\n")
    with pytest.raises(DataError, match="none is a label: to read such digits: inkdigits predict "):
        load(str(tmp_path / "test.csv"))
    images = read_csv_images(tmp_path / "test.csv")
    assert images.shape == (1, 28, 28)
    assert (images == 7).all()
