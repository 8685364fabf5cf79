import numpy as np
import pytest

from inkdigits.errors import ModelError
from inkdigits.reading.combine import Combination, lowered
from inkdigits.reading.finder import Found


def found(far, close, heat):
    n = len(heat)
    return Found(
        np.zeros((n, 4), np.float32), np.ones(n, np.float32), np.array(heat, np.float32),
        np.array(far, np.float32), np.array(close, np.float32),
        np.zeros((n, 48, 48), np.float32),
    )  # fmt: skip


def test_two_answers_are_multiplied_as_their_weights_say():
    """Far says 3 with 0.6 and 8 with 0.4, close 0.5 each: with weights 1 and 1 it is 0.6 to 0.4."""
    far, close, classified = np.zeros((1, 20)), np.zeros((1, 21)), np.zeros((1, 10), np.float32)
    far[0, 3], far[0, 8] = 0.6, 0.4
    close[0, 3] = close[0, 8] = 0.5
    rule = Combination(1, 1, 0, -50, 1, 0, -50)
    row = rule.combined(found(far, close, [0.5]), classified)[0]
    assert row[3] == pytest.approx(0.6, abs=0.01)
    assert row[8] == pytest.approx(0.4, abs=0.01)
    assert row.sum() == pytest.approx(1)


def test_a_cold_candidate_is_likelier_nothing():
    far, close = np.full((2, 20), 0.05), np.full((2, 21), 1 / 21)
    rows = Combination().combined(found(far, close, [0.9, 0.1]), np.full((2, 10), 0.1, np.float32))
    assert rows[1, 20] > rows[0, 20]


def test_odds_are_lowered_by_as_much_as_the_models_own_fall_short():
    """Odds of 9 and a level of 0.9, odds 9: at 0.5, odds 1, they become 1; at 0.75, odds 3, 3."""
    sure = np.full(4, 0.9, np.float32)
    own = np.array([0.5, 0.75, 0.9, 0.99], np.float32)
    assert lowered(sure, own, 0.9) == pytest.approx([0.5, 0.75, 0.9, 0.9], abs=1e-4)
    assert np.array_equal(lowered(sure, own, 0), sure)
    assert lowered(sure[:0], own[:0], 0.9).shape == (0,)


def test_nothing_combined_is_nothing():
    empty = found(np.zeros((0, 20)), np.zeros((0, 21)), [])
    assert Combination().combined(empty, np.zeros((0, 10), np.float32)).shape == (0, 21)


def test_the_numbers_come_back_from_metadata():
    rule = Combination(0.1, 0.2, 0.3, -0.4, 0.5, 0.6, -0.7)
    assert Combination.from_metadata(rule.metadata(), "finder.onnx") == rule
    with pytest.raises(ModelError, match=r"finder\.onnx does not state how answers are combined"):
        Combination.from_metadata({}, "finder.onnx")
