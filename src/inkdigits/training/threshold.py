"""The acceptance threshold of a network: the confidence from which an answer is accepted.

In: a trained network, digits that it has not learnt from, and made images without a digit. Out:
Threshold. A network that has seen digits alone is often sure of a letter, too. No confidence tells
all letters from all digits; the level is where most digits are kept and many other images are
refused.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from inkdigits.counts import counted
from inkdigits.data import Digits
from inkdigits.errors import PictureError
from inkdigits.picture.place import place
from inkdigits.spec import SIDE
from inkdigits.synthesis.nondigits import nondigit
from inkdigits.training.judge import as_tensors, probabilities

KEPT = (0.97, 0.99)  # shares of the held-out digits read right between which is chosen
# Threshold of a network without validation digits. Its temperature is not fitted either: `flash`
# then is less sure than 0.9 of an eighth of the digits that it reads right, than 0.6 of a 70th.
DEFAULT = 0.6
_FEWEST = 34  # digits held out and read right: of fewer, 3 % is less than one of them
_LEAST = 0.5  # level: an answer under it is rather wrong than right
N_NONDIGITS = 200  # a second to make
_SEED = 20_271  # beside the run's own: `data make` makes its non-digits with others


@dataclass(frozen=True)
class Threshold:
    """From which confidence a network's answers are accepted; shares in [0, 1]."""

    accept: float
    reason: str  # why this level, in a sentence
    digits: float | None  # share of the held-out digits read right that reach it; None: none held
    nondigits: float  # share of the made non-digits that reach it
    n_digits: int  # held out and read right
    n_nondigits: int

    def __str__(self) -> str:
        others = f"{self.nondigits:.1%} of {self.n_nondigits:,} made images without a digit"
        if self.digits is not None:
            of = counted(self.n_digits, "validation digit")
            others = f"{self.digits:.2%} of {of} read right, and {others}"
        return (
            f"answers with a confidence of {self.accept:.4f} or more are accepted: that is {others}"
        )


def threshold(
    model: nn.Module, train_set: Digits, held: Digits | None, seed: int, given: float = 0.0
) -> Threshold:
    """The acceptance threshold of a trained network, and what it accepts.

    train_set: pairs of digits are made of them. held: validation digits, not trained on. given: the
    threshold of the model that training started from, if it learnt non-digits; 0 is none.
    """
    others = torch.from_numpy(made_nondigits(train_set, N_NONDIGITS, seed))[:, None]
    unknown = probabilities(model, others).max(1)
    sure = np.empty(0, np.float32)
    if held is not None:
        images, labels = as_tensors(held)
        answers = probabilities(model, images)
        sure = answers.max(1)[answers.argmax(1) == labels.numpy()]
    if given:
        level, reason = given, "It is the threshold of the model that training started from."
    elif len(sure) < _FEWEST:
        level = DEFAULT
        were = "was" if len(sure) < 2 else "were"
        few = f"{counted(len(sure), 'digit') if len(sure) else 'no digit'} {were}"
        reason = f"It is the default: {few} held out and read right, too few to choose by."
    elif (level := best_level(sure, unknown)) < _LEAST:
        level = _LEAST
        reason = "It is the least one: answers with less confidence are rather wrong than right."
    else:
        reason = (
            f"It keeps {KEPT[0]:.0%} to {KEPT[1]:.0%} of the validation digits read right. Of such "
            "thresholds it best separates them from made images without a digit."
        )
    return Threshold(
        level,
        reason,
        float((sure >= level).mean()) if len(sure) else None,
        float((unknown >= level).mean()),
        len(sure),
        len(unknown),
    )


def best_level(sure: NDArray[np.float32], unknown: NDArray[np.float32]) -> float:
    """Of the levels that keep KEPT of `sure` the one that best tells them from `unknown`.

    That is where the share of `sure` kept and the share of `unknown` refused have the largest sum;
    of equal ones the lowest. Both are (n,) float32 confidences.
    """
    least, most = KEPT
    levels = [level_that_keeps(sure, share) for share in np.linspace(most, least, 21)]
    return max(levels, key=lambda at: float((sure >= at).mean() + (unknown < at).mean()))


def level_that_keeps(sure: NDArray[np.float32], share: float) -> float:
    """The highest level, in steps of 0.0001, that at least `share` of the confidences reach."""
    kept = np.sort(sure)[int(len(sure) * (1 - share))]
    # As the metadata state it. Not all of 1: another runtime's rounding would refuse everything.
    return min(9_999, int(float(kept) * 10_000)) / 10_000


def made_nondigits(digits: Digits, n: int, seed: int) -> NDArray[np.uint8]:
    """(n, 28, 28) uint8, ink 255: letters, signs, scribbles, pairs of `digits`, textures."""
    random = np.random.default_rng([seed, _SEED])
    made = np.empty((n, SIDE, SIDE), np.uint8)
    count = 0
    while count < n:
        try:
            array = place(nondigit(digits.images, digits.labels, random))
        except PictureError:
            continue  # blank paper
        made[count] = np.rint(255 * array)
        count += 1
    return made
