import shutil

import numpy as np
import pytest
from PIL import Image

from inkdigits.data import load
from inkdigits.data.digits import Digits, DigitSets
from inkdigits.data.folders import write_png_folder
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


def test_a_name_without_a_label_is_named(tmp_path, small):
    write_png_folder(small, tmp_path / "digits")
    bad = tmp_path / "digits" / "train" / "seven.png"
    Image.new("L", (28, 28)).save(bad)
    with pytest.raises(DataError, match=r"seven\.png: name has no label; expected LABEL_NAME\.png"):
        load(str(tmp_path / "digits"))


def test_links_in_a_circle_are_skipped(tmp_path, small):
    write_png_folder(small, tmp_path / "digits")
    for folder in ("digits", "digits/train"):
        for name in ("loop", "3", "mnist", "7_1.png"):
            (tmp_path / folder / name).symlink_to(name)
    sets = load(str(tmp_path / "digits"))
    assert sets.train.sha256 == small.train.sha256
    (tmp_path / "only").mkdir()
    (tmp_path / "only" / "loop").symlink_to("loop")
    with pytest.raises(DataError, match="no digit found in loop; expected"):
        load(str(tmp_path / "only"))


def test_who_has_no_finder_is_told_which_picture_needs_one(tmp_path, small):
    write_png_folder(small, tmp_path / "digits")
    large = tmp_path / "digits" / "train" / "7_9.png"
    Image.new("L", (32, 28)).save(large)
    with pytest.raises(DataError, match=r"7_9\.png: is not a 28x28 PNG of 8-bit grey"):
        load(str(tmp_path / "digits"))


def test_an_empty_folder_says_what_was_expected(tmp_path):
    with pytest.raises(DataError, match=r"no digit found in an empty folder; expected train/ and "):
        load(str(tmp_path))


def test_a_folder_without_its_test_half_is_refused(tmp_path, small):
    write_png_folder(small, tmp_path / "digits")
    shutil.rmtree(tmp_path / "digits" / "test")
    with pytest.raises(DataError, match="train/ holds digits but test/ holds none"):
        load(str(tmp_path / "digits"))


def test_export_never_writes_into_a_folder_in_use(tmp_path, small):
    (tmp_path / "mine.txt").touch()
    with pytest.raises(DataError, match="already exists and is not empty"):
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
        (np.zeros((2, 28, 27), np.uint8), [0, 1], r"expected uint8 \(N, 28, 28\)"),
        (np.zeros((2, 28, 28), np.float32), [0, 1], r"images are float32"),
        (np.zeros((2, 28, 28), np.uint8), [0], r"2 images but labels of shape \(1,\)"),
        (np.zeros((2, 28, 28), np.uint8), [0, -1], r"label -1 at entry 1 is not in 0-9"),
        (np.zeros((0, 28, 28), np.uint8), [], r"holds no digit"),
    ],
)
def test_digits_check_themselves(images, labels, message):
    with pytest.raises(DataError, match=message):
        Digits(images, np.array(labels, np.int64), "name", "source")


@pytest.mark.parametrize(
    ("train", "test"),
    [("training", "testing"), ("Train", "Test"), ("trainingSet/trainingSet", "testSet")],
)
def test_the_two_parts_go_by_other_names(tmp_path, small, train, test):
    for part, digits in ((train, small.train), (test, small.test)):
        for i, (image, label) in enumerate(zip(digits.images, digits.labels, strict=True)):
            path = tmp_path / "mnist_png" / part / str(label) / f"{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(path)
    sets = load(str(tmp_path))
    assert (len(sets.train), len(sets.test), sets.notice) == (60, 60, "")
    assert sets.name == "mnist_png"


def test_a_test_part_without_labels_is_passed_over_and_said(tmp_path, small):
    write_png_folder(small, tmp_path / "digits")
    for path in (tmp_path / "digits" / "test").iterdir():
        path.rename(path.with_name(f"img{path.name}"))
    sets = load(str(tmp_path / "digits"))
    assert (len(sets.train), len(sets.test)) == (48, 12)
    assert "test has no labels and is skipped." in sets.notice


def test_names_hold_a_label_and_any_name_after_it(tmp_path, small):
    for i, (image, label) in enumerate(zip(small.train.images, small.train.labels, strict=True)):
        Image.fromarray(image).save(tmp_path / f"{label}_anna {i}.PNG")
    (tmp_path / ".hidden.png").write_bytes(b"")
    assert len(load(str(tmp_path)).train) == 48


def test_class_folders_may_hold_a_folder_for_each_writer(tmp_path, small):
    for i, (image, label) in enumerate(zip(small.train.images, small.train.labels, strict=True)):
        path = tmp_path / str(label) / f"writer {i % 3}" / "1" / f"{i:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    label = small.train.labels[0]
    (tmp_path / str(label) / "again").symlink_to(tmp_path, target_is_directory=True)  # in a circle
    sets = load(str(tmp_path))
    assert (len(sets.train), len(sets.test)) == (48, 12)


def test_folders_that_are_neither_classes_nor_parts_are_told(tmp_path, small):
    write_png_folder(small, tmp_path / "digits")
    (tmp_path / "digits" / "valid").mkdir()
    found = load(str(tmp_path / "digits"))
    assert found.notice == (f"Skipped in {tmp_path}/digits: valid/; expected train/ and test/.")
    for i, (image, label) in enumerate(zip(small.train.images, small.train.labels, strict=True)):
        (tmp_path / "own" / str(label)).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(tmp_path / "own" / str(label) / f"{i}.png")
    for name in ("10", "letters", ".hidden"):
        (tmp_path / "own" / name).mkdir()
    assert load(str(tmp_path / "own")).notice.endswith(
        f"Skipped in {tmp_path}/own: 10/, letters/; expected class folders 0/ to 9/."
    )


@pytest.mark.parametrize("name", ["digits.zip", "digits.tar.gz"])
def test_an_archive_is_told_what_to_do_with_it(tmp_path, name):
    (tmp_path / name).write_bytes(b"PK")
    with pytest.raises(DataError, match="is an archive; unpack it and name the folder"):
        load(str(tmp_path / name))
