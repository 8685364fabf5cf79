"""The combination's numbers, fitted on made scenes of hands that no network was trained on.

In: a Finder, a classifier, validation hands. Out: a Combination.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from inkdigits.reading.combine import Combination
from inkdigits.reading.finder import Finder, Found
from inkdigits.spec import OTHER
from inkdigits.synthesis.hands import Hands
from inkdigits.synthesis.scenes import scene
from inkdigits.training.finding.targets import true_sorts

Classify = Callable[[NDArray[np.float32]], NDArray[np.float32]]  # (n, 28, 28) to (n, 10)

_CLUTTER = 0.5  # weight of non-digits: made scenes hold more of it than most pictures


def candidates_of(
    finder: Finder, classify: Classify, hands: Hands, seed: int, scenes: range
) -> tuple[Found, NDArray[np.float32], NDArray[np.int64]]:
    """What is found in those scenes, the classifier's answers, and the true sorts (OTHER: none)."""
    parts: list[Found] = []
    classified: list[NDArray[np.float32]] = []
    truths: list[NDArray[np.int64]] = []
    for number in scenes:
        made = scene(hands, seed, number)
        found = finder.find(made.picture.astype(np.float32) / np.float32(255))
        truth = true_sorts(made, found.boxes)
        known = truth >= 0
        if known.any():
            some = found.only(np.flatnonzero(known))
            parts.append(some)
            classified.append(classify(some.arrays()))
            truths.append(truth[known])
    return Found.joined(parts), np.concatenate(classified), np.concatenate(truths)


def fitted(found: Found, classified: NDArray[np.float32], truth: NDArray[np.int64]) -> Combination:
    """The Combination that makes the true sorts likeliest.

    The weights of the finder's sorts and of the classifier are not fitted. On made scenes the
    close-up alone is nearly as good as all three, as it was trained on their like; in other
    people's pictures each of them is right where the others are not.
    """
    fixed = Combination()

    def combination(numbers: NDArray[np.float64]) -> Combination:
        close, *rest = numbers.tolist()
        return Combination(fixed.far, close, fixed.classifier, *rest)

    weights = np.where(truth == OTHER, _CLUTTER, 1.0)

    def loss(numbers: NDArray[np.float64]) -> float:
        rows = combination(numbers).combined(found, classified)
        likely = rows[np.arange(len(truth)), truth].astype(np.float64)
        return float(-np.average(np.log(np.maximum(likely, 1e-9)), weights=weights))

    start = (fixed.close, fixed.sign, fixed.other, fixed.heat, fixed.other_bias)
    best = minimize(loss, start, method="Nelder-Mead",
                    options={"maxiter": 1500, "xatol": 1e-3, "fatol": 1e-6})  # fmt: skip
    return combination(np.round(best.x, 4))
