import gzip
import struct

import numpy as np
import pytest

from inkdigits import machine
from inkdigits.data import idx, load
from inkdigits.errors import DataError


def images_bytes(n=3, magic=0x803, side=28, extra=b"", pixels=None):
    pixels = n * 28 * 28 if pixels is None else pixels
    return struct.pack(">IIII", magic, n, side, side) + b"\x07" * pixels + extra


def write_set(folder, n=3, labels=None):
    labels = labels or bytes([7, 0, 9][:n])
    for side in ("train", "t10k"):
        (folder / f"{side}-images-idx3-ubyte").write_bytes(images_bytes(n))
        packed = gzip.compress(struct.pack(">II", 0x801, len(labels)) + labels)
        (folder / f"{side}-labels-idx1-ubyte.gz").write_bytes(packed)


def test_reads_plain_and_gzipped_files_alike(tmp_path):
    write_set(tmp_path)
    sets = load(str(tmp_path))
    assert sets.train.labels.tolist() == [7, 0, 9]
    assert sets.train.images.shape == (3, 28, 28)
    assert (sets.train.images == 7).all()
    assert sets.train.sha256 == sets.test.sha256


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (images_bytes(magic=0x801), r"magic number at byte 0 is 0x00000801, expected 0x00000803"),
        (images_bytes(pixels=2000), r"truncated at byte 2,016; 3 entries need 2,368 bytes"),
        (images_bytes(extra=b"xy"), r"2 bytes too many after byte 2,368"),
        (images_bytes(side=32), r"images of 32x32, expected 28x28"),
        (b"\0\0\x08", r"ends at byte 3, inside the header of 16 bytes"),
        (gzip.compress(images_bytes(), mtime=0)[:-20], r"cannot be read"),
        (struct.pack(">IIII", 0x803, 2**32 - 1, 28, 28), r"truncated at byte 16"),
    ],
    ids=["magic", "truncated", "extra", "side", "header", "gzip", "count"],
)
def test_a_bad_images_file_is_named_with_byte_and_wish(tmp_path, data, message):
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(data)
    with pytest.raises(DataError, match=message) as caught:
        idx.read_idx(path, idx.IMAGES_MAGIC)
    assert str(path) in str(caught.value)


def test_a_small_file_that_unpacks_to_a_gigabyte_is_refused(tmp_path):
    """Its header says that it holds as much."""
    path = tmp_path / "train-images-idx3-ubyte.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(struct.pack(">IIII", 0x803, 1_275_510, 28, 28))
        for _ in range(100):
            file.write(bytes(10_000_000))
    before = machine.peak_memory_mb()
    with pytest.raises(DataError, match=r"unpacks to over [0-9,]* bytes, more than digits do"):
        idx.read_idx(path, idx.IMAGES_MAGIC)
    assert machine.peak_memory_mb() - before < 1_000


def test_a_label_over_nine_is_named(tmp_path):
    write_set(tmp_path, labels=bytes([7, 12, 9]))
    with pytest.raises(DataError, match="label 12 at entry 1 is not in 0-9"):
        load(str(tmp_path))


def test_counts_that_differ_are_refused(tmp_path):
    write_set(tmp_path, labels=bytes([1, 2]))
    with pytest.raises(DataError, match=r"holds 3 images but .* holds 2 labels"):
        load(str(tmp_path))


def test_a_missing_file_of_the_four_is_named(tmp_path):
    write_set(tmp_path)
    (tmp_path / "t10k-images-idx3-ubyte").unlink()
    with pytest.raises(
        DataError, match=r"but not t10k-images-idx3-ubyte \(plain or \.gz\); put all four"
    ):
        load(str(tmp_path))


def test_mnist_has_its_published_counts(mnist_folder):
    sets = load(str(mnist_folder))
    assert np.bincount(sets.train.labels).tolist() == [
        5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949,
    ]  # fmt: skip
    assert np.bincount(sets.test.labels).tolist() == [
        980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009,
    ]  # fmt: skip
    # Mean and deviation every MNIST tutorial quotes: 0.1307, 0.3081.
    assert sets.train.images.mean() / 255 == pytest.approx(0.1307, abs=5e-5)
    assert sets.train.images.std() / 255 == pytest.approx(0.3081, abs=5e-5)
