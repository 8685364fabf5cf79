import os
import zipfile

import numpy as np
import pytest

from inkdigits import machine
from inkdigits.data import load
from inkdigits.data.tables import read_npz_pictures
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
        (2, 5, "nan", r"line 4, column 'pixel4': found nothing, wanted a whole number in 0-255"),
        (2, 5, "", r"line 4, column 'pixel4': found nothing"),
        (0, 1, "256", r"line 2, column 'pixel0': found .*256.*, wanted a whole number in 0-255"),
        (1, 1, "1.5", r"line 3, column 'pixel0': found .*1\.5"),
        (1, 1, "dog", r"line 3, column 'pixel0': found 'dog'"),
        (3, 0, "10", r"line 5, column 'label': found '10', wanted a whole number in 0-9"),
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
    with pytest.raises(DataError, match="has no column 'label'"):
        load(str(tmp_path / "a.csv"))
    write_csv(tmp_path / "a.csv", [[1, 2, 3]], columns=2)
    with pytest.raises(DataError, match="has 3 columns, wanted 785"):
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
    with pytest.raises(DataError, match="its lines hold more values than line 1 names"):
        load(str(tmp_path / "a.csv"))


def test_a_name_with_a_comma_in_it_is_refused(tmp_path):
    write_csv(tmp_path / "a.csv", rows())
    text = (tmp_path / "a.csv").read_text()
    (tmp_path / "a.csv").write_text(text.replace("pixel8,pixel9", '"pixel8,pixel9"'))
    with pytest.raises(DataError, match="wanted 785 in each"):
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
    before = machine.peak_memory_mb()
    message = "line 3 is longer than 100,000 bytes" if n_rows else "line 1 has 2 columns"
    with pytest.raises(DataError, match=message):
        load(str(path))
    assert machine.peak_memory_mb() - before < 500


def test_kerass_npz_is_read(tmp_path, sample):
    np.savez(
        tmp_path / "mnist.npz",
        x_train=sample.train.images, y_train=sample.train.labels,
        x_test=sample.test.images, y_test=sample.test.labels,
    )  # fmt: skip
    assert load(str(tmp_path / "mnist.npz")).test.sha256 == sample.test.sha256


def test_an_npz_with_other_arrays_says_which(tmp_path):
    np.savez(tmp_path / "a.npz", x_train=np.zeros(1), other=np.zeros(1))
    with pytest.raises(DataError, match="has no y_train, x_test, y_test; it holds x_train, other"):
        load(str(tmp_path / "a.npz"))


def test_an_npz_of_pickles_is_refused(tmp_path):
    objects = np.array([{"a": 1}], dtype=object)
    np.savez(tmp_path / "a.npz", x_train=objects, y_train=objects, x_test=objects, y_test=objects)
    with pytest.raises(DataError, match="not a readable NPZ file"):
        load(str(tmp_path / "a.npz"))


def test_a_broken_npz_is_refused(tmp_path):
    (tmp_path / "a.npz").write_bytes(b"PK\x03\x04 but no more")
    with pytest.raises(DataError, match="not a readable NPZ file"):
        load(str(tmp_path / "a.npz"))


def test_an_npz_that_unpacks_to_gigabytes_is_refused_unread(tmp_path):
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for key in ("x_train", "y_train", "x_test", "y_test"):
            with archive.open(f"{key}.npy", "w") as member:
                member.write(header("(30000000,)"))
                member.write(bytes(30_000_000))
    with pytest.raises(
        DataError, match=r"bytes that unpack to 120,000,[0-9]{3}, wanted at most 100,0"
    ):
        load(str(path))


@pytest.mark.parametrize(
    "shape", ["(1000000000000,)", "(10000000000000000000,)", "(-1,)", "[" * 500]
)
def test_an_npz_that_says_it_holds_more_than_it_does_is_refused(tmp_path, shape):
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w") as archive:
        for key in ("x_train", "y_train", "x_test", "y_test"):
            archive.writestr(f"{key}.npy", header(shape))
    before = machine.peak_memory_mb()
    with pytest.raises(DataError, match="not a readable NPZ file"):
        load(str(path))
    assert machine.peak_memory_mb() - before < 500


def test_an_array_that_is_no_npz_is_refused(tmp_path):
    with (tmp_path / "a.npz").open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(DataError, match="not a readable NPZ file"):
        load(str(tmp_path / "a.npz"))


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (np.array(3), np.array(3), r"x is \(\) and y \(\), wanted pictures \(N, H, W\)"),
        (np.zeros((2, 9, 9)), np.array(["3", "9"]), "y is <U1, wanted whole numbers 0-9"),
    ],
    ids=["scalars", "text"],
)
def test_pictures_without_one_label_each_are_refused(tmp_path, x, y, message):
    np.savez(tmp_path / "a.npz", x=x, y=y)
    with pytest.raises(DataError, match=message):
        read_npz_pictures(tmp_path / "a.npz")


def header(shape):
    """How an array of bytes begins in a file."""
    text = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()
