import numpy as np
import pytest

from inkdigits.picture.find import find_places


@pytest.fixture
def photo(seven):
    """A 7 56 pixels high, pen 0.2 on paper 0.8, far from the middle of 300 x 400 pixels."""
    page = np.full((300, 400), 0.8, np.float32)
    page[40:96, 300:356] -= np.kron(seven, np.ones((2, 2), np.float32)) * np.float32(0.6 / 255)
    return page


INK = (slice(48, 88), slice(314, 342))  # of that 7


def holds(found, closely=True):
    rows, columns = INK
    inside = found.rows.start <= rows.start and found.rows.stop >= rows.stop
    inside &= found.columns.start <= columns.start and found.columns.stop >= columns.stop
    area = (found.rows.stop - found.rows.start) * (found.columns.stop - found.columns.start)
    return inside and (area < 0.1 * 300 * 400 or not closely)


def test_a_small_digit_far_from_the_middle_is_found(photo):
    found = find_places(photo)[0]
    assert holds(found)
    assert found.dark


def test_light_ink_is_told_from_dark(photo):
    found = find_places(1 - photo)[0]
    assert holds(found)
    assert not found.dark


@pytest.mark.parametrize("edge", [100, 250, 370])
def test_the_edge_of_a_shadow_is_not_the_digit(photo, edge):
    photo[:, :edge] *= np.float32(0.55)
    found = find_places(photo)[0]
    assert holds(found)
    assert found.dark


def test_a_lamps_pool_does_not_turn_the_polarity_over(photo):
    y, x = np.mgrid[0:300, 0:400]
    dim = photo * np.float32(0.5)
    dim[y + x < 160] = 0.95  # a corner far brighter than the paper, further than ink is darker
    found = find_places(dim)[0]
    assert holds(found)
    assert found.dark


def test_grain_is_no_ink(photo):
    noisy = photo + np.random.default_rng(0).normal(0, 0.03, photo.shape).astype(np.float32)
    assert holds(find_places(noisy)[0])


def test_a_digit_that_fills_the_picture_is_left_whole(photo):
    found = find_places(photo[44:92, 308:348])[0]
    assert (found.rows, found.columns) == (slice(0, 48), slice(0, 40))


@pytest.mark.parametrize("noise", [0.0, 0.01, 0.03])
def test_a_blank_page_is_said_to_be_one(noise):
    page = np.full((200, 300), 0.7) + np.random.default_rng(0).normal(0, noise, (200, 300))
    assert find_places(page.astype(np.float32))[0].blank


def test_a_digit_is_no_blank_page(photo):
    noisy = photo + np.random.default_rng(0).normal(0, 0.03, photo.shape).astype(np.float32)
    assert not find_places(noisy)[0].blank


def test_punched_holes_are_not_the_digit(photo):
    """Discs are darker and larger than a faint pen's strokes, but no digit."""
    y, x = np.mgrid[0:300, 0:400]
    for row in (60, 150, 240):
        photo[np.hypot(y - row, x - 30) < 12] = 0.1
    assert holds(find_places(photo)[0])


def test_two_buttons_are_not_the_digit(photo):
    photo[240:275, 40:140] = photo[240:275, 160:260] = 0.1
    assert holds(find_places(photo)[0])
