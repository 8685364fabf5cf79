import numpy as np
import pytest
from PIL import Image, ImageDraw

from inkdigits import Reader
from inkdigits.picture.frames import without_frames


@pytest.fixture
def frame():
    """A frame two pixels thick in a page: rows 5 to 54, columns 5 to 44."""
    page = np.zeros((60, 50), bool)
    page[5:55, 5:45] = True
    page[7:53, 7:43] = False
    return page


def test_a_frame_around_a_stroke_goes_and_the_stroke_stays(frame):
    stroke = np.zeros_like(frame)
    stroke[15:45, 24:28] = True
    assert np.array_equal(without_frames(frame | stroke), stroke)


def test_a_stroke_that_touches_the_frame_stays_but_for_what_lies_in_its_line(frame):
    stroke = np.zeros_like(frame)
    stroke[15:53, 24:28] = True
    left = without_frames(frame | stroke)
    assert not (left & ~stroke).any()
    assert left[15:52, 24:28].all()


def test_a_leaning_frame_goes_too():
    image = Image.new("L", (120, 120))
    pen = ImageDraw.Draw(image)
    pen.polygon([(20, 25), (98, 18), (104, 96), (27, 103)], outline=255, width=3)
    pen.line([(60, 40), (66, 80)], fill=255, width=6)
    left = without_frames(np.asarray(image) > 128)
    rows, columns = np.nonzero(left)
    assert 36 <= rows.min() <= rows.max() <= 84
    assert 54 <= columns.min() <= columns.max() <= 72


def test_an_empty_frame_a_ring_and_a_boxy_eight_stay(frame):
    assert np.array_equal(without_frames(frame), frame)
    y, x = np.mgrid[0:60, 0:60] - 30
    ring = np.abs(np.hypot(y, x) - 20) < 3
    ring |= np.hypot(y, x) < 8  # with something in it
    assert np.array_equal(without_frames(ring), ring)
    eight = frame.copy()
    eight[28:32, 5:45] = True
    assert np.array_equal(without_frames(eight), eight)


@pytest.mark.parametrize("gap", [6, 30])
def test_a_digit_in_a_box_on_a_page_is_read(seven, gap):
    page = np.full((420, 600), 225.0)
    digit = np.kron(seven, np.ones((5, 5)))  # 140 pixels, its ink 100 high
    page[120:260, 200:340] -= digit * (170 / 255)
    box = (220 - gap, 140 - gap, 320 + gap, 240 + gap)
    image = Image.fromarray(page.astype(np.uint8))
    ImageDraw.Draw(image).rectangle(box, outline=60, width=3)
    reading = Reader(threads=1).read(image)
    assert reading.digit == 7
    assert reading.accepted


@pytest.mark.parametrize("missing", ["left", "top", "right", "bottom", "left and right"])
def test_a_frame_that_lacks_sides_goes_and_the_ring_in_it_stays(frame, missing):
    """The frame's sides are two pixels thick, in rows 5-6 and 53-54, columns 5-6 and 43-44."""
    sides = {
        "top": np.s_[5:7], "bottom": np.s_[53:55], "left": np.s_[:, 5:7], "right": np.s_[:, 43:45]
    }  # fmt: skip
    for side in missing.split(" and "):
        frame[sides[side]] = False
    y, x = np.mgrid[0:60, 0:50]
    ring = np.abs(np.hypot(y - 30, x - 25) - 10) < 3
    assert np.array_equal(without_frames(frame | ring), ring)


def test_a_longer_line_beside_the_digit_goes():
    y, x = np.mgrid[0:60, 0:50]
    ring = np.abs(np.hypot(y - 30, x - 25) - 10) < 3  # 25 pixels high
    line = (x >= 45) & (x < 47) & (y >= 8)
    assert np.array_equal(without_frames(ring | line), ring)


@pytest.mark.parametrize("digit", ["a 1 beside a 0", "5, its bar apart", "4, its stem apart"])
def test_straight_strokes_of_digits_stay(digit):
    strokes = {  # lines, and the box of a ring
        "a 1 beside a 0": ([(35, 18), (35, 42)], (8, 18, 30, 42)),
        "5, its bar apart": ([(18, 12), (38, 12)], (8, 18, 30, 42)),
        "4, its stem apart": ([(26, 4), (26, 56)], None),
    }
    line, ring = strokes[digit]
    image = Image.new("L", (50, 60))
    pen = ImageDraw.Draw(image)
    pen.line(line, fill=255, width=4)
    if ring is None:
        pen.line([(12, 8), (8, 34), (20, 34)], fill=255, width=4)
    else:
        pen.ellipse(ring, outline=255, width=4)
    mask = np.asarray(image) > 128
    assert np.array_equal(without_frames(mask), mask)
