import numpy as np
import pytest
from scipy import ndimage

from inkdigits.errors import PictureError
from inkdigits.picture.ground import above_ground, ground_value, ink_is_dark
from inkdigits.picture.ink import check_contrast, find_ink


@pytest.fixture
def page(seven):
    """The 7 in black on white, 200 x 200 pixels."""
    canvas = np.ones((200, 200), np.float32)
    canvas[44:156, 44:156] -= np.kron(seven, np.ones((4, 4))) / 255
    return canvas


def overlap(ink, page):
    """Share of the strokes that was found, and share of what was found that is stroke."""
    found, true = ink > 0.5, page < 0.5
    return (found & true).sum() / true.sum(), (found & true).sum() / found.sum()


@pytest.mark.parametrize("invert", [False, True])
def test_the_strokes_are_found_in_either_polarity(page, invert):
    assert ink_is_dark(page, ground_value(page))
    picture = 1 - page if invert else page
    assert ink_is_dark(picture, ground_value(picture)) != invert
    found, pure = overlap(find_ink(picture).level, page)
    assert found > 0.98
    assert pure > 0.98


@pytest.mark.parametrize(("low", "high"), [(0.0, 0.3), (0.6, 1.0), (0.45, 0.55)])
def test_polarity_does_not_depend_on_a_fixed_grey(page, low, high):
    # Black on dark grey, grey on white, a tenth of contrast in the middle.
    found, pure = overlap(find_ink(low + (high - low) * page).level, page)
    assert found > 0.98
    assert pure > 0.98


def test_a_shadow_across_the_paper_is_not_ink(page):
    shadow = np.linspace(0.35, 1.0, 200, dtype=np.float32)[None, :]
    found, pure = overlap(find_ink(page * shadow).level, page)
    assert found > 0.95
    assert pure > 0.95


def test_lines_along_the_edges_are_not_the_digit(page):
    page = page.copy()
    lined = page.copy()
    lined[:, 196:] = 0
    lined[193:, :] = 0
    found, pure = overlap(find_ink(lined).level, page)
    assert found > 0.98
    assert pure > 0.98


def test_a_line_that_the_digit_touches_is_taken_off_it(page):
    lined = page.copy()
    lined[154:158, :] = 0  # the stem of the 7 ends in row 139; moved down it would cross
    lined[139:156, 100:112] = 0  # ... so a foot of ink joins the two
    lined = np.roll(lined, 36, axis=0)  # the line now lies in the outer part of the picture
    lined[:36] = 1
    ink = find_ink(lined).level
    assert not (ink[188:196, :90] > 0.5).any()
    assert not (ink[188:196, 125:] > 0.5).any()
    assert (ink[80:180] > 0.5).sum() > 500


def test_a_digit_that_fills_its_picture_is_not_taken_for_lines(page):
    tight = page[60:142, 74:126]
    found, pure = overlap(
        find_ink(np.pad(tight, 2, constant_values=1)).level, np.pad(tight, 2, constant_values=1)
    )
    assert found > 0.9
    assert pure > 0.9


def test_a_speck_is_left_out_and_a_detached_bar_is_kept():
    page = np.ones((200, 200), np.float32)
    page[60:160, 80:92] = 0
    page[60:68, 100:140] = 0  # a 5's bar, off the body
    page[20:23, 20:23] = 0  # a speck
    ink = find_ink(page).level
    assert ink[64, 120] == 1
    assert ink[21, 21] == 0


@pytest.mark.parametrize("grey", [0.0, 0.5, 1.0])
def test_one_colour_is_an_error_that_says_so(grey):
    with pytest.raises(PictureError, match="all one colour"):
        check_contrast(np.full((60, 80), grey, np.float32))


def test_the_hard_edge_of_a_shadow_leaves_no_line():
    """Paper 0.85, in a shadow 0.4; the edge runs from corner to corner of the part looked at."""
    y, x = np.mgrid[0:256, 0:256]
    page = np.where(x > y + 20, 0.85, 0.4).astype(np.float32)
    level = above_ground(ndimage.gaussian_filter(page, 1), dark=True)
    assert level[64:192, 64:192].max() < 0.1
