import json
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

import inkdigits
from inkdigits.errors import DataError, PictureError
from inkdigits.reading.page import Candidates, Page, page_of
from inkdigits.reading.reader import Reader, stands
from inkdigits.spec import SORTS
from inkdigits.training.sets import load_added


@pytest.fixture(scope="module")
def reader():
    return Reader()


@pytest.fixture(scope="module")
def sheet(sample):
    """Two lines of MNIST digits on light paper, 7 and 4 of them, and their labels."""
    page = np.full((150, 330), 235, np.uint8)
    random = np.random.default_rng(5)
    chosen = random.integers(len(sample.test.images), size=11)
    for k, i in enumerate(chosen):
        row, column = divmod(k, 7)
        y, x = 20 + 60 * row, 20 + 40 * column
        page[y : y + 28, x : x + 28] -= (sample.test.images[i] * 0.7).astype(np.uint8)
    labels = "".join(str(sample.test.labels[i]) for i in chosen)
    return page, f"{labels[:7]}\n{labels[7:]}"


def test_a_page_is_read_line_by_line(reader, sheet):
    picture, text = sheet
    page = reader.read(picture)
    assert page.text == text
    assert (page.width, page.height, page.turned, page.reason) == (330, 150, 0, "")
    assert page.digits.boxes.shape == (11, 4)
    assert page.digits.arrays.shape == (11, 28, 28)
    assert np.allclose(page.digits.probabilities.sum(1), 1, atol=1e-4)
    assert "11 digits" in repr(page)
    assert inkdigits.read(picture).text == text


def test_boxes_are_where_the_digits_are(reader, sheet):
    boxes = reader.read(sheet[0]).digits.boxes
    for k, (left, top, right, bottom) in enumerate(boxes):
        row, column = divmod(k, 7)
        assert 20 + 40 * column - 2 <= left < right <= 48 + 40 * column + 2
        assert 20 + 60 * row - 2 <= top < bottom <= 48 + 60 * row + 2


def test_a_page_on_its_side_is_turned(reader, sheet):
    picture, text = sheet
    page = reader.read(np.rot90(picture))  # stored turned to the left
    assert page.text == text
    assert (page.turned, page.width, page.height) == (90, 330, 150)


def read_at(n, confidence):
    """n candidates, each a 6 of that confidence."""
    return Candidates(
        np.zeros((n, 4), np.float32), np.ones(n, np.float32), np.full(n, 6),
        np.full(n, confidence, np.float32), np.zeros((n, 10), np.float32), np.ones(n, bool),
        np.full(n, ""), np.zeros((n, 28, 28), np.float32), np.zeros(n, np.float32),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("lying", "turned", "expected"),
    [
        ((50, 0.44), (30, 0.97), True),  # 22 against 29.1: a page of marks on its side
        ((5, 0.60), (5, 0.95), False),  # 6 and 9, 1 and 0 read both ways: the first is right
        ((5, 0.45), (5, 0.70), False),  # neither is read well
        ((10, 0.45), (5, 0.95), False),  # 4.5 against 4.75: fewer digits, though surer
        ((3, 0.10), (3, 0.99), False),  # too few to tell
        ((900, 0.10), (900, 0.99), False),  # a dense page of letters would take four times as long
    ],
)
def test_a_page_is_turned_on_clear_evidence_alone(lying, turned, expected):
    assert stands(read_at(*turned), read_at(*lying)) is expected


def test_a_pages_values_are_plain_json(reader, sheet):
    found = json.loads(json.dumps(reader.read(sheet[0]).to_dict()))
    assert found["text"] == sheet[1]
    assert len(found["digits"]) == 11
    assert set(found["digits"][0]) == {
        "digit", "confidence", "probabilities", "accepted", "reason", "box", "line", "number",
    }  # fmt: skip
    assert [number["line"] for number in found["numbers"]] == [0, 1]


def test_signs_are_values_too():
    page = page_of(
        Candidates(
            np.array([(0, 0, 10, 20), (12, 8, 20, 10)], np.float32), np.full(2, 20, np.float32),
            np.array([7, SORTS.index("-")]), np.array([0.9, 0.8], np.float32),
            np.zeros((2, 10), np.float32), np.array([True, False]), np.array(["", "unsure"]),
            np.zeros((2, 28, 28), np.float32), np.zeros(2, np.float32),
        ), 30, 20,
    )  # fmt: skip
    assert page.to_dict()["signs"] == [
        {"sign": "-", "confidence": 0.8, "accepted": False, "box": [12.0, 8.0, 20.0, 10.0]}
    ]


def test_a_label_is_within_the_picture(reader, seven):
    """A digit from edge to edge: there is room neither above nor below it."""
    large = np.kron(seven, np.ones((6, 6), np.uint8))
    rows, columns = np.nonzero(large > 127)
    cut = 255 - large[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    image = np.asarray(reader.read(cut).draw(cut)).astype(int)
    blue = (image[..., 2] > 150) & (image[..., 0] < 90)
    assert blue[10:-10, 10:-10].sum() > 60


def test_the_drawing_has_the_pictures_size_and_marks(reader, sheet):
    page = reader.read(sheet[0])
    image = page.draw(sheet[0])
    assert image.size == (330, 150)
    before = np.asarray(Image.fromarray(sheet[0]).convert("RGB"))
    changed = (np.asarray(image) != before).any(2).mean()
    assert 0.02 < changed < 0.5
    assert page.draw().size == (330, 150)


def test_a_notebook_shows_what_was_read_without_its_picture(reader, sheet):
    page = reader.read(sheet[0])
    image = Image.open(BytesIO(page._repr_png_())).convert("L")
    assert image.size == (330, 150)
    shown, ink = np.asarray(image) < 128, sheet[0] < 150
    left, top, right, bottom = page.digits.boxes.round().astype(int)[2]
    inside = np.s_[top + 2 : bottom - 2, left + 2 : right - 2]
    assert (shown[inside] == ink[inside]).mean() > 0.8  # the digit's own ink, in its place
    assert not shown[80:100, 250:].any()  # no paper


def test_a_notebook_keeps_the_colour_of_a_single_doubtful_digit():
    n, wide = 101, np.arange(101, dtype=np.float32)
    column, row = 40 * (wide % 20), 60 * (wide // 20)
    boxes = np.stack([column + 5, row + 20, column + 25, row + 50], 1)
    ink = np.zeros((n, 28, 28), np.float32)
    ink[:, 4:24, 8:20] = np.linspace(0, 1, 12, dtype=np.float32)
    doubtful = np.arange(n) == 77
    page = page_of(
        Candidates(
            boxes, np.full(n, 30, np.float32), np.full(n, 7), np.full(n, 0.9, np.float32),
            np.zeros((n, 10), np.float32), ~doubtful, np.where(doubtful, "unsure", ""), ink,
            np.zeros(n, np.float32),
        ), 800, 400,
    )  # fmt: skip
    shown = np.asarray(Image.open(BytesIO(page._repr_png_())).convert("RGB")).astype(int)
    orange = np.abs(shown - np.array([0xD9, 0x77, 0x06])).max(2) < 16
    assert orange.sum() >= 2 * (20 + 30)  # the sides of its box
    assert len(np.unique(shown.reshape(-1, 3), axis=0)) <= 32


def test_digits_of_a_page_are_saved_under_their_right_labels(reader, sheet, tmp_path):
    page = reader.read(sheet[0])
    page.digits.save(tmp_path / "mine", {0: 3, 10: 8})
    page.digits.save(tmp_path / "mine", {0: 5})  # another label for the same digit
    first, last = sorted((tmp_path / "mine").iterdir())
    assert (first.name[:2], last.name[:2]) == ("5_", "8_")
    digits, looked = load_added(tmp_path / "mine")
    assert digits.labels.tolist() == [5, 8]
    assert looked is None  # they are digit arrays: none had to be found
    assert (digits.images[0] == np.rint(255 * page.digits.arrays[0])).all()


@pytest.mark.parametrize("labels", [{11: 3}, {-1: 3}, {0: 10}])
def test_labels_of_no_digit_are_refused_before_anything_is_written(reader, sheet, tmp_path, labels):
    (index, label) = next(iter(labels.items()))
    message = (
        f"labels give digit {index} as {label}; expected indices from 0 to 10 and "
        "digits from 0 to 9"
    )
    with pytest.raises(DataError, match=message):
        reader.read(sheet[0]).digits.save(tmp_path / "mine", {3: 3} | labels)
    assert not (tmp_path / "mine").exists()


def test_paper_without_ink_is_a_blank_page(reader):
    paper = 200 + np.random.default_rng(0).normal(0, 3, (120, 160))
    page = reader.read(paper.astype(np.uint8))
    assert (page.text, page.reason, len(page.digits)) == ("", "blank", 0)


def test_many_pictures_keep_their_order_and_errors_their_place(reader, sheet):
    pages = list(reader.read_many([sheet[0], b"no picture", sheet[0][:75]], batch=2))
    assert isinstance(pages[0], Page)
    assert isinstance(pages[1], PictureError)
    assert pages[2].text == sheet[1].split("\n")[0]


def test_lists_tensors_and_file_objects_are_pictures(reader, sheet, tmp_path):
    torch = pytest.importorskip("torch")
    picture, text = sheet
    Image.fromarray(picture).save(tmp_path / "sheet.png")
    with (tmp_path / "sheet.png").open("rb") as file:
        given = [picture.tolist(), torch.tensor(picture), file, picture.astype(np.int64)]
        assert [page.text for page in reader.read_many(given)] == [text] * 4


@pytest.mark.parametrize("thing", [None, 7, "a\0b", object(), ["a", "b"], np.zeros(5)])
def test_what_is_no_picture_is_an_error_in_its_place(reader, thing):
    (found,) = reader.read_many([thing])
    assert isinstance(found, PictureError)


def test_an_empty_page_is_made_of_no_candidates(reader):
    candidates = reader._find(np.full((40, 40), 0.5, np.float32), 40, 40)
    assert page_of(candidates, 40, 40).reason == "blank"
