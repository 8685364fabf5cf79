import shutil
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from inkdigits.data import load
from inkdigits.data.digits import Digits, DigitSets
from inkdigits.data.folders import read_all_pngs, write_png_folder
from inkdigits.errors import DataError


@pytest.fixture
def small(sample):
    index = np.arange(60)
    return DigitSets(sample.train.take(index, "train"), sample.test.take(index, "test"), "small")


def test_what_is_written_comes_back_to_the_last_pixel_in_order(tmp_path, small):
    assert write_png_folder(small, tmp_path / "digits") == 120
    back = load(str(tmp_path / "digits"))
    assert back.train.sha256 == small.train.sha256
    assert back.test.sha256 == small.test.sha256
    label = small.train.labels[59]
    assert (tmp_path / "digits" / "train" / f"{label}_00059.png").is_file()


def test_many_files_read_by_workers_come_back_in_order(tmp_path, sample):
    write_png_folder(sample, tmp_path / "digits")
    seen = []
    back = load(str(tmp_path / "digits"), lambda what, done, total: seen.append((done, total)))
    assert (back.train.sha256, back.test.sha256) == (sample.train.sha256, sample.test.sha256)
    assert seen[-1] == (5000, 5000)


def test_class_folders_are_read_with_a_fixed_test_split(tmp_path, small):
    for i, (image, label) in enumerate(zip(small.train.images, small.train.labels, strict=True)):
        folder = tmp_path / str(label)
        folder.mkdir(exist_ok=True)
        Image.fromarray(image).save(folder / f"scan{i}.png")
    sets = load(str(tmp_path))
    assert (len(sets.train), len(sets.test)) == (48, 12)
    assert sets.train.sha256 == load(str(tmp_path)).train.sha256
    assert "split off with a fixed seed" in sets.notice


@pytest.mark.parametrize(
    ("name", "image", "message"),
    [
        ("7_9.png", Image.new("L", (32, 28)), "is 32x28 of mode L, wanted 28x28 of mode L"),
        ("7_9.png", Image.new("RGB", (28, 28)), "is 28x28 of mode RGB, wanted 28x28 of mode L"),
        ("seven.png", Image.new("L", (28, 28)), "name has no label; wanted LABEL_INDEX.png"),
        ("7_9.png", None, "not a readable PNG"),
    ],
)
def test_a_wrong_png_is_named(tmp_path, small, name, image, message):
    write_png_folder(small, tmp_path / "digits")
    bad = tmp_path / "digits" / "train" / name
    if image is None:
        bad.write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    else:
        image.save(bad)
    with pytest.raises(DataError, match=message) as caught:
        load(str(tmp_path / "digits"))
    assert str(bad) in str(caught.value)


def test_an_empty_folder_says_what_was_wanted(tmp_path):
    with pytest.raises(DataError, match=r"no digit found; wanted train/ and test/"):
        load(str(tmp_path))


def test_a_folder_without_its_test_half_is_refused(tmp_path, small):
    write_png_folder(small, tmp_path / "digits")
    shutil.rmtree(tmp_path / "digits" / "test")
    with pytest.raises(DataError, match="train/ holds digits but test/ holds none"):
        load(str(tmp_path / "digits"))


def test_export_never_writes_into_a_folder_in_use(tmp_path, small):
    (tmp_path / "mine.txt").touch()
    with pytest.raises(DataError, match="is there already and not empty"):
        write_png_folder(small, tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


def test_an_interrupted_export_leaves_nothing(tmp_path, small):
    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_png_folder(small, tmp_path / "digits", stop)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (np.zeros((2, 28, 27), np.uint8), [0, 1], r"wanted uint8 \(N, 28, 28\)"),
        (np.zeros((2, 28, 28), np.float32), [0, 1], r"images are float32"),
        (np.zeros((2, 28, 28), np.uint8), [0], r"2 images but labels of shape \(1,\)"),
        (np.zeros((2, 28, 28), np.uint8), [0, -1], r"label -1 at entry 1 is not in 0-9"),
        (np.zeros((0, 28, 28), np.uint8), [], r"holds no digit"),
    ],
)
def test_digits_check_themselves(images, labels, message):
    with pytest.raises(DataError, match=message):
        Digits(images, np.array(labels, np.int64), "name", "source")


def test_a_png_that_says_it_is_huge_is_refused(tmp_path):
    (tmp_path / "0").mkdir()
    file = tmp_path / "0" / "a.png"
    Image.new("L", (28, 28)).save(file)
    data = bytearray(file.read_bytes())
    data[16:24] = struct.pack(">II", 60_000, 60_000)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    file.write_bytes(data)
    with pytest.raises(DataError, match=r"a\.png: not a readable PNG: .*decompression bomb"):
        read_all_pngs(tmp_path)
