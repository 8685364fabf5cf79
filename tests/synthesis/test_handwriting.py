import numpy as np
import pytest

from inkdigits.synthesis import photos
from inkdigits.synthesis.handwriting import LARGE, rewritten, thinned
from inkdigits.synthesis.nondigits import nondigit


def test_a_thick_bar_is_thinned_to_its_middle_line():
    bar = np.zeros((30, 60), bool)
    bar[10:19, 8:52] = True
    lines = thinned(bar)
    assert not (lines & ~bar).any()
    # Away from the ends: one pixel a column, in the middle row.
    assert (lines[:, 16:44].sum(0) == 1).all()
    assert lines[14, 16:44].all()


def test_a_ring_stays_one_ring():
    y, x = np.mgrid[0:60, 0:60] - 30
    ring = np.abs(np.hypot(y, x) - 20) < 5
    lines = thinned(ring)
    radius = np.hypot(y, x)[lines]
    assert np.abs(radius - 20).max() < 2
    assert not lines[30, 25:35].any()


def test_one_seed_gives_one_hand_and_another_gives_another(sample):
    image, label = sample.train.images[0], int(sample.train.labels[0])
    first, again, other = (
        rewritten(image, label, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert first.shape == (LARGE, LARGE)
    assert first.dtype == np.float32
    assert first.min() == 0
    assert first.max() == 1
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_seven_gets_a_bar_and_a_one_a_nose(seven):
    """Some of many rewritten digits carry ink where the habit puts it and the digit has none."""
    many = [rewritten(seven, 7, np.random.default_rng(seed)) for seed in range(60)]
    none = [rewritten(seven, 8, np.random.default_rng(seed)) for seed in range(60)]
    beside = np.s_[56:68, 38:46]  # left of the stem, half way down
    assert 12 <= sum(strokes[beside].max() > 0.5 for strokes in many) <= 40
    assert sum(strokes[beside].max() > 0.5 for strokes in none) <= 12  # squares, thick pens
    one = np.zeros((28, 28), np.uint8)
    one[4:24, 13:16] = 255
    noses = [rewritten(one, 1, np.random.default_rng(seed)) for seed in range(60)]
    left = np.s_[22:60, 36:44]
    assert 10 <= sum(strokes[left].max() > 0.5 for strokes in noses) <= 50


@pytest.mark.parametrize("make", [photos.photographed, photos.drawn])
def test_pictures_are_what_cameras_and_drawing_programs_write(make, sample):
    modes = set()
    for seed in range(12):
        random = np.random.default_rng(seed)
        strokes = rewritten(sample.train.images[seed], int(sample.train.labels[seed]), random)
        image = make(strokes, random)
        modes.add(image.mode)
        assert min(image.size) >= 16
        assert max(image.size) <= 1_120
        low, high = image.convert("L").getextrema()
        assert image.mode == "RGBA" or high - low > 20
    assert modes <= {"RGB", "RGBA"}


def test_non_digits_have_ink_and_paper_but_for_a_few_blank_pages(sample):
    blank = 0
    for seed in range(80):
        strokes = nondigit(sample.train.images, sample.train.labels, np.random.default_rng(seed))
        assert strokes.shape == (LARGE, LARGE)
        if strokes.any():
            assert 0.005 < (strokes > 0.5).mean() < 0.95
        else:
            blank += 1
    assert 1 <= blank <= 15  # about 8 in 100
