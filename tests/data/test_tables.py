import numpy as np
import pytest

from inkdigits.data import load
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
        (3, 0, "10", r"line 5: label 10 is not in 0-9"),
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
