import zipfile

import numpy as np
import pytest

from inkdigits import environment
from inkdigits.data import load
from inkdigits.data.npz import read_npz_pictures
from inkdigits.errors import DataError


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
    with pytest.raises(DataError, match=r"x_train holds Python objects.*save x_train\.astype\(int"):
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
        DataError, match=r"bytes that unpack to 120,000,[0-9]{3}, expected at most 100,0"
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
    before = environment.peak_memory_mb()
    with pytest.raises(DataError, match="not a readable NPZ file"):
        load(str(path))
    assert environment.peak_memory_mb() - before < 500


def test_an_array_that_is_no_npz_is_refused(tmp_path):
    with (tmp_path / "a.npz").open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(DataError, match="not a readable NPZ file"):
        load(str(tmp_path / "a.npz"))


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (np.array(3), np.array(3), r"x is \(\) and y \(\), expected pictures \(N, H, W\)"),
        (np.zeros((2, 9, 9)), np.array(["3", "9"]), "y is <U1, expected whole numbers 0-9"),
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


def images(n, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, 28, 28)).astype(np.uint8)


@pytest.mark.parametrize(
    "changed",
    [
        lambda x: x,
        lambda x: x[..., None],
        lambda x: x[:, None],
        lambda x: x.reshape(len(x), 784),
        lambda x: x.astype(np.int64),
        lambda x: x.astype(np.float64),
        lambda x: x.astype(np.float32) / 255,
    ],
    ids=["plain", "channel last", "channel first", "flat", "int64", "float64", "divided"],
)
def test_pixels_are_taken_as_people_keep_them(tmp_path, changed):
    x, y = images(20), np.arange(20) % 10
    np.savez(tmp_path / "a.npz", x_train=changed(x), y_train=y, x_test=changed(x), y_test=y)
    sets = load(str(tmp_path / "a.npz"))
    assert np.array_equal(sets.train.images, x)
    assert np.array_equal(sets.test.images, x)


@pytest.mark.parametrize(
    "changed",
    [
        lambda y: np.eye(10)[y],
        lambda y: y[:, None],
        lambda y: y.astype(np.float32),
        lambda y: y.astype(str),
    ],
    ids=["one-hot", "column", "floats", "text"],
)
def test_labels_are_taken_as_people_keep_them(tmp_path, changed):
    x, y = images(20), np.arange(20) % 10
    np.savez(tmp_path / "a.npz", train_images=x, train_labels=changed(y), X_test=x, Y_test=y)
    assert load(str(tmp_path / "a.npz")).train.labels.tolist() == y.tolist()


def test_of_x_and_y_alone_a_test_set_is_split_off(tmp_path):
    np.savez(tmp_path / "a.npz", x=images(100), y=np.arange(100) % 10)
    sets = load(str(tmp_path / "a.npz"))
    assert (len(sets.train), len(sets.test)) == (80, 20)


def test_a_folder_with_one_npz_is_as_good_as_the_file(tmp_path, sample):
    x, y = images(20), np.arange(20) % 10
    np.savez(tmp_path / "mnist.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    assert load(str(tmp_path)).name == "mnist"
    np.savez(tmp_path / "more.npz", x=x, y=y)
    with pytest.raises(DataError, match=r"several NPZ files \(mnist\.npz, more\.npz\); name one"):
        load(str(tmp_path))


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (
            np.zeros((5, 32, 32)),
            np.arange(5),
            r"x is float64 \(5, 32, 32\), expected \(N, 28, 28\)",
        ),
        (images(5) / 255 - 0.5, np.arange(5), r"x holds -0\.5 to 0\.5, expected 0 to 255, or "),
        (np.full((5, 28, 28), np.nan), np.arange(5), r"x holds NaN, expected"),
        (images(5), np.arange(5) / 2, r"y has fractions, expected whole numbers 0-9"),
        (images(5), np.full((5, 10), 0.1), r"y is \(5, 10\), expected one 1 in each row"),
        (images(5), np.array(list("abcde")), r"y is <U1, expected whole numbers 0-9"),
        (images(5), np.arange(5) + 6, r"label 10 at entry 4 is not in 0-9"),
    ],
    ids=["size", "normalised", "nan", "fractions", "probabilities", "text", "label"],
)
def test_what_is_no_digit_is_named(tmp_path, x, y, message):
    np.savez(tmp_path / "a.npz", x=x, y=y)
    with pytest.raises(DataError, match=message):
        load(str(tmp_path / "a.npz"))


def test_arrays_of_other_names_are_told_those_that_would_do(tmp_path):
    np.savez(tmp_path / "own.npz", pictures=np.zeros((2, 28, 28), np.uint8), digits=np.arange(2))
    with pytest.raises(DataError, match=r"own\.npz: holds digits, pictures; expected x and y"):
        load(str(tmp_path / "own.npz"))


@pytest.mark.parametrize("name", ["x_train", "y_train", "nondigits"])
def test_a_member_that_is_no_array_is_told(tmp_path, name):
    path = tmp_path / "digits.npz"
    two, ten = np.zeros((20, 28, 28), np.uint8), np.arange(20) % 10
    arrays = {"x_train": two, "y_train": ten, "x_test": two, "y_test": ten}
    arrays.pop(name, None)
    np.savez(path, **arrays)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(f"{name}.npy", b"no array")
    with pytest.raises(DataError, match=f"{name} is not an array; save it by np.savez"):
        load(str(path))
