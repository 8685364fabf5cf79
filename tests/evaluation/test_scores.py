import numpy as np
import pytest

from inkdigits.errors import DataError
from inkdigits.evaluation.scores import (
    Acceptance,
    Bin,
    Confusion,
    accepted_from,
    calibration_bins,
    calibration_error,
    score,
)


def rows(*answers, sure=0.91):
    """Probabilities that name each answer with `sure`, the rest spread evenly."""
    table = np.full((len(answers), 10), (1 - sure) / 9, np.float32)
    table[np.arange(len(answers)), list(answers)] = sure
    return table


def test_every_number_of_a_small_case_is_as_worked_out_by_hand():
    labels = np.array([0, 0, 1, 4, 4, 4], np.uint8)
    found = score(labels, rows(0, 1, 1, 9, 9, 4), 6)
    assert found.accuracy == pytest.approx(3 / 6)
    assert found.per_class[0] == pytest.approx(1 / 2)
    assert found.per_class[1] == 1
    assert found.per_class[4] == pytest.approx(1 / 3)
    assert found.per_class[7] is None
    assert found.per_class_n == (2, 1, 0, 0, 3, 0, 0, 0, 0, 0)
    assert found.confusions == (Confusion(4, 9, 2), Confusion(0, 1, 1))
    assert found.matrix[4][9] == 2
    # Three at -ln 0.91, three at -ln 0.01.
    assert found.loss == pytest.approx((3 * -np.log(0.91) + 3 * -np.log(0.01)) / 6, rel=1e-5)
    # All in one bin: 91 % sure, 50 % right.
    assert found.calibration_error == pytest.approx(0.41, abs=1e-5)
    assert "precision" in found.report


def test_calibration_error_weighs_bins_by_their_size():
    labels = np.zeros(4, np.uint8)
    # 3 right at 1.0 (gap 0), 1 wrong at 0.55 (gap 0.55): 0.55 / 4.
    table = np.concatenate([rows(0, 0, 0, sure=1.0), rows(1, sure=0.55)])
    assert calibration_error(labels, table) == pytest.approx(0.55 / 4, abs=1e-6)


def test_an_image_left_out_is_an_error():
    with pytest.raises(DataError, match="expected every one of 10,000 images exactly once"):
        score(np.zeros(9_999, np.uint8), np.full((9_999, 10), 0.1, np.float32), 10_000)


def test_logits_are_refused():
    with pytest.raises(DataError, match="do not sum to 1"):
        score(np.zeros(2, np.uint8), np.ones((2, 10), np.float32), 2)


def test_what_is_accepted_of_right_and_wrong_answers():
    """Right at 0.9, 0.9 and 0.5, wrong at 0.9 and 0.5: three of five reach 0.8."""
    labels = np.array([1, 2, 3, 4, 5], np.uint8)
    table = np.concatenate([rows(1, 2, 0, sure=0.9), rows(4, 0, sure=0.5)])
    assert accepted_from(0.8, labels, table) == Acceptance(0.8, 3 / 5, 2 / 3, 1 / 2)
    assert accepted_from(0.0, labels, table) == Acceptance(0.0, 1, 1, 1)
    assert accepted_from(0.95, labels, table) == Acceptance(0.95, 0, 0, 0)


def test_shares_of_no_answer_are_none():
    labels = np.array([1, 2], np.uint8)
    assert accepted_from(0.5, labels, rows(1, 2)).accepted_of_wrong is None
    assert accepted_from(0.5, labels, rows(2, 1)).accepted_of_right is None


def test_bins_hold_the_answers_of_their_confidence():
    """Of four equal bins 0.3 is in the second, 0.9 and 1 in the last."""
    labels = np.array([1, 2, 3], np.uint8)
    table = np.concatenate([rows(0, sure=0.3), rows(2, sure=0.9), rows(3, sure=1.0)])
    empty, low, _, high = calibration_bins(labels, table, 4)
    assert empty == Bin(0, 0, 0.0)
    assert low == (1, 0, pytest.approx(0.3))
    assert high == (2, 2, pytest.approx(1.9))
