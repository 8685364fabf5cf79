import gzip
import struct

import numpy as np
import pytest

from inkdigits import environment
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
    before = environment.peak_memory_mb()
    with pytest.raises(DataError, match=r"unpacks to over [0-9,]* bytes, more than digits do"):
        idx.read_idx(path, idx.IMAGES_MAGIC)
    assert environment.peak_memory_mb() - before < 1_000


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


def write_named(folder, names, images=None):
    """A set's four files under other names, in the order of idx.FILES, each label i % 10."""
    images = np.arange(3 * 784, dtype=np.uint8).reshape(3, 28, 28) if images is None else images
    labels = bytes(i % 10 for i in range(len(images)))
    for name, is_images in zip(names, (True, False) * 2, strict=True):
        data = struct.pack(">II", 0x801, len(labels)) + labels
        if is_images:
            data = struct.pack(">IIII", 0x803, len(images), 28, 28) + images.tobytes()
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return images


PLAIN = tuple(idx.FILES.values())


@pytest.mark.parametrize(
    "names",
    [
        tuple(name.replace("-idx", ".idx") for name in PLAIN),
        tuple(name.replace("-idx", ".idx") + ".gz" for name in PLAIN),
        tuple(f"{name}/{name}" for name in PLAIN),
        tuple(f"{name.replace('-idx', '.idx')}/{name}" for name in PLAIN),
        tuple(f"MNIST/raw/{name}" for name in PLAIN),
        tuple(name.upper() for name in PLAIN),
    ],
    ids=["7-zip", "7-zip gz", "folders", "kaggle", "torchvision", "upper case"],
)
def test_the_four_files_are_found_under_the_names_they_go_by(tmp_path, names):
    images = write_named(tmp_path, names)
    sets = load(str(tmp_path))
    assert np.array_equal(sets.train.images, images)
    assert sets.test.labels.tolist() == [0, 1, 2]
    assert sets.notice == ""


def test_a_plain_file_goes_before_its_packed_one(tmp_path):
    packed = tuple(f"{name}.gz" for name in PLAIN)
    write_named(tmp_path, packed, np.zeros((3, 28, 28), np.uint8))
    images = write_named(tmp_path, PLAIN)
    assert np.array_equal(load(str(tmp_path)).train.images, images)


def emnist_names(of="digits", end=".gz"):
    return tuple(
        f"emnist-{of}-{part}-{what}-ubyte{end}"
        for part in ("train", "test")
        for what in ("images-idx3", "labels-idx1")
    )


def test_emnists_images_are_turned_by_their_names(tmp_path):
    images = write_named(tmp_path / "gzip", emnist_names())
    sets = load(str(tmp_path))
    assert np.array_equal(sets.train.images[1], images[1].T)
    assert np.array_equal(sets.test.images[2], images[2].T)
    assert sets.notice == "EMNIST's images lie on their side and mirrored: they were turned."


def test_of_emnists_archive_the_digits_are_taken_and_said(tmp_path):
    for of in ("balanced", "digits", "letters", "mnist"):
        write_named(tmp_path, emnist_names(of))
    sets = load(str(tmp_path))
    assert sets.name == "emnist-digits"
    assert "emnist-mnist too; emnist-digits is used" in sets.notice


def test_emnists_letters_are_refused_for_what_they_are(tmp_path):
    write_named(tmp_path, emnist_names("balanced", ""))
    with pytest.raises(DataError, match=r"holds emnist-balanced, which also holds letters"):
        load(str(tmp_path))


def test_qmnists_labels_are_the_first_of_eight_columns(tmp_path):
    columns = np.array([[7, 0, 0, 1, 2, 3, 0, 0], [4, 1, 5, 9, 9, 9, 0, 0]], ">i4")
    for part in ("train", "test"):
        images = gzip.compress(images_bytes(2))
        (tmp_path / f"qmnist-{part}-images-idx3-ubyte.gz").write_bytes(images)
        labels = struct.pack(">III", 0xC02, 2, 8) + columns.tobytes()
        (tmp_path / f"qmnist-{part}-labels-idx2-int").write_bytes(labels)
    sets = load(str(tmp_path))
    assert (sets.name, sets.train.labels.tolist()) == ("qmnist", [7, 4])


@pytest.mark.parametrize("columns", [0, 1_000_000_000])
def test_labels_of_no_or_endless_columns_are_refused(tmp_path, columns):
    path = tmp_path / "qmnist-test-labels-idx2-int"
    path.write_bytes(struct.pack(">III", 0xC02, 2, columns))
    with pytest.raises(DataError, match=r"byte 8 gives labels of [0-9,]* columns, expected 8"):
        idx.read_idx(path, idx.LABELS_MAGIC, idx.QMNIST_MAGIC)


def test_one_of_the_four_files_is_told_from_their_folder(tmp_path):
    write_named(tmp_path, PLAIN)
    with pytest.raises(DataError, match=r"is one of a set's four files; name their folder: "):
        load(str(tmp_path / PLAIN[0]))
