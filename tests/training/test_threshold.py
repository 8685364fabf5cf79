import numpy as np
import pytest
import torch
from torch import nn

from inkdigits.data.digits import Digits
from inkdigits.training.threshold import (
    DEFAULT,
    KEPT,
    N_NONDIGITS,
    best_level,
    level_that_keeps,
    made_nondigits,
    threshold,
)


class Sure(nn.Module):
    """Answers its images in turn as it is told: (digit, confidence) of each."""

    def __init__(self, *answers):
        super().__init__()
        self.answers = list(answers)

    def forward(self, images):
        now, self.answers = self.answers[: len(images)], self.answers[len(images) :]
        shares = torch.full((len(images), 10), 0.0)
        for row, (digit, confidence) in zip(shares, now, strict=True):
            row[:] = (1 - confidence) / 9
            row[digit] = confidence
        return shares.log()


def test_the_level_is_the_highest_that_enough_reach():
    """Of 0.001, 0.002 ... 1.000 the 980 highest begin at 0.021."""
    sure = np.arange(1, 1001, dtype=np.float32) / np.float32(1000)
    level = level_that_keeps(np.random.default_rng(0).permutation(sure), 0.98)
    assert level == pytest.approx(0.021, abs=1.1e-4)
    assert (sure >= level).sum() >= 980


@pytest.mark.parametrize("n", [1, 2, 49, 50, 51, 333])
def test_never_fewer_than_the_least_share_are_kept(n):
    random = np.random.default_rng(n)
    sure, unknown = (random.uniform(0.1, 1, k).astype(np.float32) for k in (n, 100))
    assert (sure >= best_level(sure, unknown)).mean() >= KEPT[0]


def test_the_level_rises_only_where_that_refuses_more_than_it_costs():
    """Of 1,000 digits 10 are under 0.5, 20 at 0.6, the others at 0.95.

    Keeping 990 the level is 0.6, keeping 970 it is 0.95: 20 digits more are refused.
    """
    sure = np.array([0.4] * 10 + [0.6] * 20 + [0.95] * 970, np.float32)
    cheap = np.array([0.3] * 97 + [0.7] * 3, np.float32)  # 3 % for 2 %
    dear = np.array([0.3] * 99 + [0.7], np.float32)  # 1 % for 2 %
    assert best_level(sure, cheap) == pytest.approx(0.95, abs=1.1e-4)
    assert best_level(sure, dear) == pytest.approx(0.6, abs=1.1e-4)


def test_a_network_that_is_always_wholly_sure_accepts_its_answers_still():
    assert level_that_keeps(np.ones(10, np.float32), 0.98) == 0.9999


def test_the_level_comes_from_held_out_digits_read_right_and_both_shares_are_told(seven):
    """Of 50 held out 49 are read right, 48 at 0.9 and one at 0.6; the wrong one is surest."""
    held = Digits(np.stack([seven] * 50), np.full(50, 7), "held", "")
    unsure_half = [(1, 0.95), (1, 0.5)] * (N_NONDIGITS // 2)
    answers = [*unsure_half, (3, 0.99), (7, 0.6), *[(7, 0.9001)] * 48]
    found = threshold(Sure(*answers), held, held, 0)
    assert found.accept == pytest.approx(0.6, abs=1.1e-4)  # 0.9 would refuse no more
    assert (found.digits, found.nondigits) == (1, 0.5)
    assert (found.n_digits, found.n_nondigits) == (49, N_NONDIGITS)
    assert "keeps 97% to 99% of the validation digits" in found.reason
    assert str(found) == (
        f"answers with a confidence of {found.accept:.4f} or more are accepted: that is 100.00% of "
        "49 validation digits read right, and 50.0% of 200 made images without a digit"
    )


def test_without_validation_digits_the_level_is_the_stated_one(seven):
    digits = Digits(np.stack([seven] * 20), np.full(20, 7), "train", "")
    found = threshold(Sure(*[(1, DEFAULT + 0.01)] * 20, *[(1, 0.2)] * 180), digits, None, 0)
    assert (found.accept, found.digits, found.n_digits) == (DEFAULT, None, 0)
    assert found.nondigits == pytest.approx(0.1)
    assert "no digit was held out" in found.reason
    assert "validation" not in str(found)


def test_of_few_held_out_digits_no_level_is_learnt(seven):
    """Of 33 the least sure is all that 97 % leave out: a level of 0.2 says nothing of others."""
    held = Digits(np.stack([seven] * 33), np.full(33, 7), "held", "")
    answers = [*[(1, 0.3)] * N_NONDIGITS, (7, 0.2), *[(7, 0.9)] * 32]
    found = threshold(Sure(*answers), held, held, 0)
    assert (found.accept, found.digits, found.nondigits) == (DEFAULT, pytest.approx(32 / 33), 0)
    assert "33 digits were held out and read right, too few" in found.reason


def test_no_answer_is_accepted_that_is_rather_wrong_than_right(seven):
    held = Digits(np.stack([seven] * 40), np.full(40, 7), "held", "")
    answers = [*[(1, 0.3)] * N_NONDIGITS, *[(7, 0.4)] * 20, *[(7, 0.9)] * 20]
    found = threshold(Sure(*answers), held, held, 0)
    assert (found.accept, found.digits) == (0.5, 0.5)
    assert "rather wrong than right" in found.reason


def test_a_level_that_is_given_stays_and_is_measured(seven):
    held = Digits(np.stack([seven] * 20), np.full(20, 7), "held", "")
    answers = [*[(1, 0.3)] * N_NONDIGITS, *[(7, 0.8)] * 15, *[(7, 0.6)] * 5]
    found = threshold(Sure(*answers), held, held, 0, given=0.7)
    assert (found.accept, found.digits, found.nondigits) == (0.7, 0.75, 0)


def test_nondigits_are_a_function_of_the_seed_and_all_have_ink(sample):
    digits = sample.train.take(np.arange(0, 4000, 100), "some")
    made = made_nondigits(digits, 30, 5)
    assert made.shape == (30, 28, 28)
    assert made.dtype == np.uint8
    assert (made.max((1, 2)) > 200).all()
    assert np.array_equal(made, made_nondigits(digits, 30, 5))
    assert not np.array_equal(made, made_nondigits(digits, 30, 6))
