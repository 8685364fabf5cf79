import numpy as np

from inkdigits.reading.combine import Combination
from inkdigits.reading.finder import Found
from inkdigits.training.finding.fit_combination import fitted


def test_the_close_up_that_is_right_is_believed():
    """It is always right, the two others guess; their weights stay."""
    random = np.random.default_rng(0)
    truth = random.integers(0, 10, 400)
    close = np.full((400, 21), 0.01)
    close[np.arange(400), truth] = 0.8
    far = random.dirichlet(np.ones(20), 400)
    classified = random.dirichlet(np.ones(10), 400).astype(np.float32)
    found = Found(
        np.zeros((400, 4), np.float32), np.ones(400, np.float32), np.full(400, 0.9, np.float32),
        far.astype(np.float32), close.astype(np.float32), np.zeros((400, 48, 48), np.float32),
    )  # fmt: skip
    rule = fitted(found, classified, truth)
    assert (rule.combined(found, classified).argmax(1) == truth).all()
    assert (rule.far, rule.classifier) == (Combination().far, Combination().classifier)
    assert rule.close > 2 * rule.classifier
