import csv

import cv2
import numpy as np
import pytest
from PIL import Image

from inkdigits.data.pictures import Labelled, Looked
from inkdigits.errors import DataError
from inkdigits.evaluation import contact
from inkdigits.training.pictures import frame
from inkdigits.training.sets import load, load_added


def on_paper(digit, size=90):
    """A digit as ink on a light sheet, (size, size, 3), in blue."""
    ink = cv2.resize(digit, (size, size), interpolation=cv2.INTER_CUBIC)[..., None] / 255
    return np.rint(235 - ink * (235 - np.array([40, 50, 140]))).astype(np.uint8)


@pytest.fixture
def clear(sample):
    """Two digits of each class, as (image, label)."""
    found = [np.flatnonzero(sample.test.labels == label)[:2] for label in range(10)]
    index = np.concatenate(found)
    return list(zip(sample.test.images[index], sample.test.labels[index].tolist(), strict=True))


def write(folder, clear, draw, end):
    for i, (image, label) in enumerate(clear):
        path = folder / str(label) / f"{i:02d}.{end}"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draw(image)).save(path)


@pytest.mark.parametrize(
    ("draw", "end"),
    [
        (on_paper, "png"),
        (on_paper, "jpg"),
        (lambda image: 255 - image, "png"),
        (lambda image: np.stack([image] * 3, -1), "png"),
        (lambda image: image, "jpg"),
        (lambda image: image, "tif"),
    ],
    ids=["photo png", "photo jpg", "black on white", "rgb", "mnist jpg", "tif"],
)
def test_the_digit_is_found_in_pictures_of_any_kind(tmp_path, clear, draw, end):
    write(tmp_path, clear, draw, end)
    digits, looked = load_added(tmp_path)
    assert digits.labels.tolist() == [label for _, label in clear]
    assert (len(looked.framed), len(looked.left_out)) == (20, 0)
    for array, (image, _) in zip(digits.images, clear, strict=True):
        # As MNIST has it, to within resampling: a tenth of black to white on average.
        assert np.abs(array.astype(float) - image).mean() < 25


def test_digit_arrays_among_pictures_go_in_as_they_are(tmp_path, clear):
    write(tmp_path, clear, on_paper, "jpg")
    image, label = clear[0]
    Image.fromarray(image).save(tmp_path / str(label) / "a.png")
    digits, looked = load_added(tmp_path)
    assert np.array_equal(digits.images[2], image)  # behind the two photos of its class
    assert len(looked.framed) == 20


def test_what_has_no_digit_is_left_out_with_the_reason(tmp_path, clear):
    write(tmp_path, clear, on_paper, "png")
    Image.new("RGB", (80, 80), "white").save(tmp_path / "3" / "blank.png")
    (tmp_path / "4" / "broken.jpg").write_bytes(b"no picture")
    digits, looked = load_added(tmp_path)
    assert len(digits) == 20
    assert [(one.picture.name, one.picture.label) for one in looked.left_out] == [
        (str(tmp_path / "3" / "blank.png"), 3),
        (str(tmp_path / "4" / "broken.jpg"), 4),
    ]
    assert looked.left_out[0].reason.startswith("blank: all one colour")
    assert looked.left_out[1].reason.startswith("not a picture this program can read")
    assert str(looked).startswith("The digit was found in 20 pictures. 2 were left out: ")
    assert all(f"{one.picture.name} ({one.reason})" in str(looked) for one in looked.left_out)


def test_a_picture_that_is_surely_another_digit_is_kept_and_told(tmp_path, clear):
    image, label = clear[0]
    (found,) = frame(
        [Labelled("zero.png", on_paper_file(tmp_path, image), 7)], lambda done, total: None
    )
    assert label == 0
    assert found.picture.label == 7
    assert found.doubt.startswith("reads 0, ")


def on_paper_file(folder, image):
    path = folder / "digit.png"
    Image.fromarray(on_paper(image)).save(path)
    return str(path)


def test_a_folder_without_any_digit_says_why(tmp_path):
    for i in range(3):
        (tmp_path / "1").mkdir(exist_ok=True)
        Image.new("L", (50, 50), 255).save(tmp_path / "1" / f"{i}.png")
    with pytest.raises(DataError, match=r"found in none of its 3 pictures \(.*0\.png: blank: all"):
        load_added(tmp_path)


def test_sets_of_photos_are_split_and_the_same_each_time(tmp_path, clear):
    write(tmp_path / "a", clear, on_paper, "png")
    sets, again = load(str(tmp_path)), load(str(tmp_path))
    assert (len(sets.train), len(sets.test)) == (16, 4)
    assert sets.train.sha256 == again.train.sha256
    assert "The digit was found in 20 pictures." in sets.notice


def test_the_list_names_what_is_left_out_and_what_is_doubted(tmp_path, clear):
    write(tmp_path / "in", clear[:1], on_paper, "png")
    (tmp_path / "in" / "7").mkdir()
    (tmp_path / "in" / "0" / "00.png").rename(tmp_path / "in" / "7" / "x,\n\ry.png")
    Image.new("L", (50, 50), 255).save(tmp_path / "in" / "0" / "blank.png")
    _, looked = load_added(tmp_path / "in")
    contact.write_list(looked, tmp_path / "list.csv")
    with (tmp_path / "list.csv").open(newline="") as file:
        header, blank, doubted = csv.reader(file)
    assert header == ["file", "label", "learnt", "reason"]
    assert (blank[1:3], doubted[1:3]) == (["0", "no"], ["7", "yes"])
    assert doubted[0].endswith("x,\n\ry.png")


def test_the_sheet_shows_doubted_ones_first_and_every_class(tmp_path, clear):
    write(tmp_path / "in", clear, on_paper, "png")
    _, looked = load_added(tmp_path / "in")
    odd = looked.framed[5]._replace(doubt="reads 3, 99% sure")
    many = Looked((*looked.framed[:5], odd, *looked.framed[6:]) * 10, ())
    chosen = contact._chosen(many)
    assert [bool(one.doubt) for one in chosen] == [True] * 10 + [False] * 70
    assert np.bincount([one.picture.label for one in chosen[10:]]).tolist() == [7] * 10
    contact.write_sheet(many, tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as sheet:
        # Eight columns of 160 and ten rows of 110 below the heading.
        assert sheet.size == (8 * 160 + 8, 34 + 10 * 110)
