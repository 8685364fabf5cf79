import sys

import numpy as np
import pytest

from inkdigits.data import load
from inkdigits.errors import DataError, MissingExtraError
from support import encoded

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")


def write(path, digits, n=40, **columns):
    """As Hugging Face keeps MNIST: image {bytes, path}, label int64."""
    rows = [{"bytes": encoded(image), "path": None} for image in digits.images[:n]]
    labels = digits.labels[:n].astype(np.int64)
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"image": rows, "label": labels} | columns), path)


@pytest.mark.parametrize(
    "names",
    [
        ("train-00000-of-00001.parquet", "test-00000-of-00001.parquet"),
        ("mnist/train-00000-of-00001.parquet", "mnist/test-00000-of-00001.parquet"),
        ("train/0000.parquet", "test/0000.parquet"),
    ],
)
def test_hugging_faces_mnist_is_read_to_the_last_pixel(tmp_path, sample, names):
    for name, digits in zip(names, (sample.train, sample.test), strict=True):
        write(tmp_path / name, digits)
    sets = load(str(tmp_path))
    assert np.array_equal(sets.train.images, sample.train.images[:40])
    assert np.array_equal(sets.test.labels, sample.test.labels[:40])
    assert (sets.notice, sets.looked) == ("", None)


def test_of_one_file_a_test_set_is_split_off(tmp_path, sample):
    write(tmp_path / "digits.parquet", sample.train, 100)
    sets = load(str(tmp_path / "digits.parquet"))
    assert (len(sets.train), len(sets.test)) == (80, 20)


def test_without_pyarrow_the_command_that_installs_it_is_named(tmp_path, sample, monkeypatch):
    write(tmp_path / "digits.parquet", sample.train)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'inkdigits\[batch\]'"):
        load(str(tmp_path / "digits.parquet"))


def test_what_is_wrong_with_a_parquet_file_is_named(tmp_path, sample):
    path = tmp_path / "digits.parquet"
    pq.write_table(pa.table({"text": ["a"], "label": [3]}), path)
    with pytest.raises(DataError, match="has the columns text, label; expected image "):
        load(str(path))
    write(path, sample.train, label=pa.array([10] * 40))
    with pytest.raises(DataError, match=r"row 0: label is 10, expected 0-9"):
        load(str(path))
    write(path, sample.train, label=sample.train.labels[:40].astype(str))
    sets = load(str(path))
    assert sorted([*sets.train.labels, *sets.test.labels]) == sorted(sample.train.labels[:40])
    pq.write_table(pa.table({"image": [None, "a"], "label": [3, 3]}), path)
    with pytest.raises(DataError, match=r"row 0: image is NoneType, expected a picture file's"):
        load(str(path))
    path.write_bytes(b"PAR1 and no more PAR1")
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        load(str(path))


PICTURE, LABEL = pa.array([b"x"] * 2), pa.array([3, 4])
NO_TEXT = pa.StringArray.from_buffers(2, *pa.array([b"\xff", b"\xfe"]).buffers()[1:])


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ((("image", PICTURE), ("image", PICTURE), ("label", LABEL)), "two columns named image"),
        ((("image", PICTURE), ("label", LABEL), ("label", LABEL)), "two columns named label"),
        ((("image", PICTURE), ("label", NO_TEXT)), "cannot be read as Parquet: 'utf-8' codec"),
        (
            (("image", pa.StructArray.from_arrays([PICTURE] * 2, ["bytes"] * 2)), ("label", LABEL)),
            "cannot be read as Parquet: .* duplicate field names",
        ),
        (
            (("image", PICTURE), ("label", pa.array([2**62] * 2).cast(pa.timestamp("us")))),
            "cannot be read as Parquet: date value out of range",
        ),
    ],
    ids=["images", "labels", "text", "struct", "date"],
)
def test_odd_columns_are_one_error(tmp_path, columns, message):
    names, arrays = zip(*columns, strict=True)
    pq.write_table(pa.Table.from_arrays(arrays, names=names), tmp_path / "digits.parquet")
    with pytest.raises(DataError, match=rf"digits\.parquet: .*{message}"):
        load(str(tmp_path / "digits.parquet"))


def test_a_picture_that_many_rows_share_is_counted_for_each(tmp_path):
    """One of 10 MB, in 20 rows, is 200 MB; a file so small may unpack to 100 MB."""
    image = pa.DictionaryArray.from_arrays(pa.array([0] * 20), pa.array([bytes(10_000_000)]))
    path = tmp_path / "digits.parquet"
    pq.write_table(pa.table({"image": image, "label": [3] * 20}), path)
    assert path.stat().st_size < 1_000_000
    with pytest.raises(DataError, match="unpacks to over 100,000,000 bytes, more than digits do"):
        load(str(path))
