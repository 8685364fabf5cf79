import numpy as np
import pytest

from inkdigits.errors import PictureError
from inkdigits.picture.place import centring_shifts, place


def test_corner_ink_moves_two_down_one_right():
    ink = np.zeros((5, 5), np.float32)
    ink[0, 1] = 1.0  # centre of a 5x5 is (2, 2)
    assert centring_shifts(ink[None], 2).tolist() == [[2, 1]]


def test_framed_mnist_digits_come_back_unchanged_to_the_last_bit(sample):
    arrays = [image.astype(np.float32) / 255 for image in sample.test.images]
    tall = [a for a in arrays if np.ptp(np.flatnonzero(a.any(1))) + 1 == 20]
    same = np.mean([(place(array) == array).all() for array in tall])
    assert len(tall) > 800
    assert same > 0.95  # the others have strokes thinner than nearly all of MNIST's


def test_a_square_of_ink_becomes_twenty_pixels_in_the_middle():
    ink = np.zeros((100, 300), np.float32)
    ink[10:50, 200:240] = 1
    rows, columns = np.nonzero(place(ink) > 0.5)
    # 20 pixels whose centre of mass is at index 14: 4.5 rounds so that they are 4 to 23.
    assert (rows.min(), rows.max()) == (4, 23)
    assert (columns.min(), columns.max()) == (4, 23)


def test_a_tall_stroke_keeps_its_shape_and_full_strength():
    ink = np.zeros((200, 200), np.float32)
    ink[20:180, 90:110] = 1  # 160 x 20: at a height of 20, 2.5 wide
    framed = place(ink)
    assert framed.max() == 1
    assert np.ptp(np.flatnonzero(framed.any(1))) + 1 == 20
    assert np.count_nonzero(framed.any(0)) == 2
    assert framed.shape == (28, 28)
    assert framed.dtype == np.float32


def test_all_ink_stays_inside_the_frame_however_lopsided():
    ink = np.zeros((20, 20), np.float32)
    ink[:, :3] = 1
    ink[0, 3:] = 0.01  # the mass is all on the left
    framed = place(ink)
    assert framed.sum() == pytest.approx(ink.sum(), rel=1e-5)


def test_no_ink_is_an_error():
    with pytest.raises(PictureError, match="no ink"):
        place(np.zeros((28, 28), np.float32))
