import numpy as np
import pytest

from inkdigits.picture.nudge import nudged


def centre(array):
    y, x = np.mgrid[0:28, 0:28]
    return np.array([(array * y).sum(), (array * x).sum()]) / array.sum()


def test_the_digit_comes_first_and_ten_others_follow(seven):
    array = seven.astype(np.float32) / 255
    found = nudged(array[None])[0]
    assert found.shape == (11, 28, 28)
    assert found.dtype == np.float32
    assert np.array_equal(found[0], array)
    assert all(0.02 < np.abs(other - array).mean() < 0.12 for other in found[1:])
    assert found.min() >= 0
    assert found.max() <= 1


def test_four_are_shifted_by_a_pixel_and_two_are_a_tenth_larger_or_smaller():
    square = np.zeros((28, 28), np.float32)
    square[9:19, 9:19] = 1  # 100 pixels around the middle
    found = nudged(square[None])[0]
    shifts = sorted(tuple(np.round(centre(other) - centre(square), 3)) for other in found[1:5])
    assert shifts == [(-1, 0), (0, -1), (0, 1), (1, 0)]
    # The map goes from the nudged array to the array: 1 / 0.9 and 1 / 1.1 of each side.
    assert found[5].sum() == pytest.approx(100 / 0.81, rel=0.03)
    assert found[6].sum() == pytest.approx(100 / 1.21, rel=0.03)
