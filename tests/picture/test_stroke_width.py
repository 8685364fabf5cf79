import numpy as np
import pytest

from inkdigits.picture.stroke_width import clearly_thick, stroke_width, thickened


@pytest.mark.parametrize("width", [3, 5, 9])
def test_the_width_of_a_bar_is_its_width(width):
    ink = np.zeros((60, 60), np.float32)
    ink[5:55, 20 : 20 + width] = 1
    assert stroke_width(ink) == pytest.approx(width)


def test_the_width_of_a_ring_is_that_of_its_stroke():
    y, x = np.mgrid[-40:41, -40:41]
    radius = np.hypot(x, y)
    assert stroke_width(((radius > 25) & (radius < 33)).astype(np.float32)) == pytest.approx(
        8, abs=1
    )


def test_no_ink_has_no_width():
    assert stroke_width(np.zeros((10, 10), np.float32)) == 0


def test_a_hairline_becomes_as_thick_as_mnists_strokes():
    ink = np.zeros((200, 120), np.float32)
    ink[:, 60] = 1
    ink[100, :] = 1  # a cross of one-pixel lines, 200 pixels tall
    grown = thickened(ink)
    assert stroke_width(grown) * 20 / max(grown.shape) == pytest.approx(2.3, abs=0.5)


def test_thick_strokes_are_left_as_they_are():
    ink = np.zeros((200, 120), np.float32)
    ink[:, 50:75] = 1
    assert thickened(ink) is ink


def test_area_and_outline_tell_clearly_thick_strokes():
    """Bars 20 tall, area and outline counted by hand: width 1: 20, 42; 2: 40, 44; 3: 60, 46."""
    inks = np.zeros((3, 28, 28), np.float32)
    for width, ink in enumerate(inks, 1):
        ink[4:24, 10 : 10 + width] = 1
    # 2 * area / outline: 0.95, 1.8 and 2.6 pixels
    assert clearly_thick(inks, np.array([20, 20, 20])).tolist() == [False, True, True]
    # The same pixels, of a digit that is 40 tall: half as much once it is 20
    assert clearly_thick(inks, np.array([40, 40, 40])).tolist() == [False, False, False]
