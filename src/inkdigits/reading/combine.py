"""What each candidate is, from the answers of three networks.

In: Found, and the classifier's probabilities of the digits' 28x28 arrays. Out: (n, 21)
probabilities of the sorts and of other, which are as sure as they are right on made scenes.
The rule is a softmax of weighted logarithms. Five of its seven numbers are fitted on validation
scenes: `tools/train_finder.py` does it at its end (`training.finding.fit_combination`). All are
kept in the finder's file. Besides, `lowered` lowers what a classifier of digits alone doubts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass, fields

import numpy as np
from numpy.typing import NDArray

from inkdigits.errors import ModelError
from inkdigits.reading.finder import Found
from inkdigits.spec import N_CLASSES, OTHER

_LEAST = 1e-4  # probability that a network's answer counts as at least: it may be wrong
_METADATA = "inkdigits.combine."


@dataclass(frozen=True)
class Combination:
    """How much each network's answer counts."""

    far: float = 0.3  # of the finder's sorts
    close: float = 0.7  # of the close-up's
    classifier: float = 0.4  # of the 28x28 network's, for digits
    sign: float = -0.3  # added for each sign, on which the 28x28 network has no answer
    other: float = 0.3  # of the close-up's other
    heat: float = 2.8  # of how unsure the finder is that there is anything
    other_bias: float = 0.0

    def metadata(self) -> dict[str, str]:
        """Entries for a model file."""
        names = [field.name for field in fields(self)]
        return {f"{_METADATA}{n}": repr(v) for n, v in zip(names, astuple(self), strict=True)}

    @classmethod
    def from_metadata(cls, found: Mapping[str, str], name: str) -> Combination:
        """What `metadata` wrote. Raises ModelError if an entry is missing or no number."""
        try:
            values = {field.name: float(found[_METADATA + field.name]) for field in fields(cls)}
        except (KeyError, ValueError) as error:
            raise ModelError(f"{name} does not state how answers are combined: {error}") from error
        return cls(**values)

    def combined(self, found: Found, classified: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, 21) float32 probabilities of the twenty sorts and other, each row summing to 1.

        classified: (n, 10) float32, the classifier's probabilities of each candidate's array.
        """
        far, close = _log(found.far), _log(found.close)
        logits = np.empty((len(far), OTHER + 1), np.float64)
        logits[:, :OTHER] = self.far * far + self.close * close[:, :OTHER]
        logits[:, :N_CLASSES] += self.classifier * _log(classified)
        logits[:, N_CLASSES:OTHER] += self.sign
        unsure = np.log(np.clip(1 - found.heat, _LEAST, 1)) - np.log(np.clip(found.heat, _LEAST, 1))
        logits[:, OTHER] = self.other * close[:, OTHER] + self.heat * unsure + self.other_bias
        powers = np.exp(logits - logits.max(1, keepdims=True, initial=-np.inf))
        return np.asarray(powers / powers.sum(1, keepdims=True), np.float32)


def lowered(
    sure: NDArray[np.float32], own: NDArray[np.float32], level: float
) -> NDArray[np.float32]:
    """`sure` with its odds lowered by as much as the odds of `own` fall short of the level's.

    The finding networks have seen few letters that stand alone; a classifier is often less sure of
    them than of digits. sure: (n,) float32, how likely a digit stands there. own: (n,) float32, the
    classifier's confidence in its answer. level: from which it accepts one; 0 lowers nothing.
    """
    short = np.minimum(1, _odds(own) / _odds(level))
    odds = short * _odds(sure)
    return np.where(short < 1, odds / (1 + odds), sure).astype(np.float32)


def _odds(probability: NDArray[np.float32] | float) -> NDArray[np.float64]:
    value = np.clip(np.asarray(probability, np.float64), _LEAST, 1 - _LEAST)
    return value / (1 - value)


def _log(probabilities: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.log(np.maximum(probabilities.astype(np.float64), _LEAST))
