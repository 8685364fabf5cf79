import time
import tracemalloc

import numpy as np
import pytest

from inkdigits.errors import ModelError, PictureError
from inkdigits.reading.finder import (
    FINDER_MODEL,
    MOST_CANDIDATES,
    Finder,
    _around_ink,
    _Proposals,
    digit_array,
    shipped_finder,
)


def proposals(boxes, units, heat):
    n = len(heat)
    return _Proposals(
        np.array(boxes, np.float32), np.array(units, np.float32), np.array(heat, np.float32),
        np.full((n, 20), 0.05, np.float32),
    )  # fmt: skip


def test_of_proposals_that_overlap_the_surest_stays():
    """The first two overlap by 9 of 11 columns; the third stands beside."""
    found = proposals(
        [[0, 0, 10, 20], [1, 0, 11, 20], [15, 0, 25, 20]], [20, 20, 20], [0.6, 0.9, 0.5]
    ).apart()
    assert found.boxes[:, 0].tolist() == [1, 15]


def test_a_thin_one_seen_twice_is_one_and_two_ones_are_two():
    """2 pixels wide, 20 high: 1.5 pixels apart they share no column, 8 apart they are 11."""
    twice = proposals([[0, 0, 2, 20], [1.5, 0, 3.5, 20]], [20, 20], [0.9, 0.8]).apart()
    assert len(twice.heat) == 1
    eleven = proposals([[0, 0, 2, 20], [8, 0, 10, 20]], [20, 20], [0.9, 0.8]).apart()
    assert len(eleven.heat) == 2


def test_a_loop_within_a_digit_is_no_second_one():
    found = proposals([[0, 0, 12, 20], [2, 10, 10, 19]], [20, 10], [0.9, 0.6]).apart()
    assert len(found.heat) == 1


def test_candidates_are_bounded():
    x = np.arange(3 * MOST_CANDIDATES, dtype=np.float32) * 30
    boxes = np.stack((x, 0 * x, x + 10, 0 * x + 20), 1)
    assert len(proposals(boxes, 0 * x + 20, 0 * x + 0.5).apart().heat) == MOST_CANDIDATES


def test_a_box_is_drawn_close_around_the_ink():
    """A square of 96 pixels around (50, 60) at 48: ink in columns 10 to 19, rows 4 to 39."""
    ink = np.zeros((1, 48, 48), np.float32)
    ink[0, 4:40, 10:20] = 1
    box = _around_ink(np.array([[30, 40, 70, 80]], np.float32), np.array([96.0]), ink)
    assert box.tolist() == [[2 + 20, 12 + 8, 2 + 40, 12 + 80]]


def test_noise_takes_bounded_time_and_memory():
    noise = np.random.default_rng(0).random((1000, 1000), np.float32)
    start = time.process_time()
    tracemalloc.start()
    found = shipped_finder().find(noise)
    assert tracemalloc.get_traced_memory()[1] < 300_000_000
    tracemalloc.stop()
    assert len(found.heat) <= MOST_CANDIDATES
    assert time.process_time() - start < 60


def test_a_strip_a_pixel_high_is_looked_at():
    assert len(shipped_finder().find(np.full((1, 3000), 0.5, np.float32)).heat) == 0
    assert len(shipped_finder().find(np.full((900, 1), 0.5, np.float32)).heat) == 0


def test_the_array_of_a_digit_is_its_ink(sample):
    image = sample.test.images[0]
    array = digit_array(image)
    assert array.shape == (28, 28)
    assert np.abs(array - image / 255).max() < 0.1
    with pytest.raises(PictureError, match="all one colour"):
        digit_array(np.zeros((60, 60), np.uint8))


def test_a_broken_network_is_named(tmp_path):
    (tmp_path / "finder.onnx").write_bytes(b"no model")
    with pytest.raises(ModelError, match=r"finder\.onnx: not a model that ONNX Runtime can load"):
        Finder(tmp_path / "finder.onnx")


def test_another_network_in_place_of_the_finder_is_refused():
    with pytest.raises(ModelError, match="expected views and sorts, ink; reinstall inkdigits"):
        Finder(close_up=FINDER_MODEL)
    with pytest.raises(ModelError, match="reinstall inkdigits"):
        Finder(finder=FINDER_MODEL.with_name("missing.onnx"))
