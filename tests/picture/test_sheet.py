import numpy as np
import pytest

from inkdigits.picture import look_at, see
from inkdigits.picture.sheet import sheet_and_desk


def photo(seven, sheet=(slice(40, 260), slice(60, 340)), desk=0.25):
    """A 7 56 pixels high, pen 0.2, on a sheet 0.8 that lies on a desk; 300 x 400 pixels."""
    page = np.full((300, 400), desk, np.float32)
    page[sheet] = 0.8
    page[100:156, 200:256] -= np.kron(seven, np.ones((2, 2), np.float32)) * np.float32(0.6 / 255)
    return page


def test_the_desk_is_painted_over_in_the_papers_grey(seven):
    page = photo(seven)
    sheet, desk = sheet_and_desk(page)
    assert np.abs(sheet[90:170, 190:270] - page[90:170, 190:270]).max() == 0
    assert np.abs(sheet[:30] - 0.8).max() < 0.05
    assert np.abs(desk[:30] - page[:30]).max() == 0
    assert np.abs(desk[60:240, 80:320] - 0.25).max() < 0.05


@pytest.mark.parametrize(
    "sheet",
    [
        (slice(40, 260), slice(60, 340)),  # all of it
        (slice(0, 300), slice(150, 400)),  # cut off by three sides of the picture
        (slice(60, 300), slice(0, 300)),  # a corner
    ],
)
def test_the_digit_is_found_on_a_sheet_that_lies_on_a_desk(seven, sheet):
    left, top, right, bottom = see(photo(seven, sheet)).box
    # The 7's own box, within two pixels.
    assert abs(left - 214) <= 2
    assert abs(top - 108) <= 2
    assert abs(right - 242) <= 2
    assert abs(bottom - 148) <= 2


def test_a_page_that_fills_the_picture_has_no_desk(seven):
    assert sheet_and_desk(photo(seven, (slice(0, 300), slice(0, 400)))) is None


def test_the_soft_edge_of_a_shadow_is_no_sheets_edge(seven):
    page = photo(seven, (slice(0, 300), slice(0, 400)))
    fading = 1 - 0.6 / (1 + np.exp((np.arange(400) - 120) / 15))
    assert sheet_and_desk((page * fading).astype(np.float32)) is None


def test_a_hard_edge_that_ink_crosses_is_no_sheets_edge(seven):
    page = photo(seven, (slice(0, 300), slice(0, 400)))
    page[140:160, 190:260] = 0.2
    page[:, :220] *= np.float32(0.4)  # a shadow that ends in the middle of that stroke
    assert sheet_and_desk(page) is None


def test_what_looks_like_a_sheet_may_be_a_thick_stroke():
    """A white block with two dark blots on black: paper with ink, or a fat 8 drawn in white."""
    page = np.zeros((200, 200), np.uint8)
    page[60:150, 70:130] = 255
    page[80:95, 90:110] = page[115:130, 90:110] = 0
    polarities = [crop.found.dark for crop in look_at([page])[0].crops]
    assert polarities[0]  # the paper first
    assert not all(polarities)
