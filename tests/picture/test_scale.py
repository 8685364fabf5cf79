import numpy as np
import pytest
from PIL import Image

from inkdigits.picture.scale import resized, scaled


@pytest.mark.parametrize(
    ("source", "target"),
    [((20, 14), (80, 56)), ((28, 28), (20, 9)), ((40, 31), (7, 20)), ((80, 80), (1, 1)),
     ((1, 5), (3, 5)), ((81, 40), (20, 10)), ((300, 200), (20, 13))],
)  # fmt: skip
def test_pictures_of_any_size_are_resized_as_pillow_does(source, target):
    grey = np.random.default_rng(0).random(source, np.float32)
    wanted = Image.fromarray(grey).resize(target[::-1], Image.Resampling.BILINEAR)
    found = resized(grey, *target)
    assert found.dtype == np.float32
    assert np.abs(found - np.asarray(wanted)).max() < 1e-6


def test_half_the_size_is_weighted_one_three_three_one():
    """A triangle over four pixels: 0.25, 0.75, 0.75, 0.25, of a sum of 2; cut off at the ends."""
    line = np.array([[0, 0, 1, 0, 0, 0]], np.float32)
    assert scaled(line, 0.5)[0].tolist() == pytest.approx([0.25 / 1.75, 0.75 / 2, 0])


def test_no_side_becomes_smaller_than_a_pixel():
    assert scaled(np.ones((50, 2), np.float32), 0.1).shape == (5, 1)
