"""Going on from given weights, and going back to them where that did not help.

In: a State and weights of the same network. Out: the same State, and which weights it ended with.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import NamedTuple

import torch
from torch import Tensor

from inkdigits.errors import ModelError
from inkdigits.training.judge import evaluate
from inkdigits.training.state import State, Weights, load_weights, weights_of

Held = tuple[Tensor, Tensor]

# Of the way from the start to what was trained. All of it costs other digits, which no validation
# set of MNIST's shows, so half is tried first; unless the start is clearly worse on that set, too.
_WHOLE, _SHARES = 1.0, (0.5, 0.4, 0.3, 0.2, 0.1)


@dataclass(frozen=True)
class Comparison:
    """Validation figures before and after, accuracies in [0, 1], losses in nats."""

    start_accuracy: float
    start_loss: float
    end_accuracy: float
    end_loss: float
    kept: float  # of the way from the start's weights to what was trained; 0 is the start
    start_added: float | None = None  # accuracy on the digits that were added, if any were
    end_added: float | None = None

    def __str__(self) -> str:
        verdict = "no better: kept the start"
        if self.kept:
            verdict = f"kept {self.kept:.0%} of the way from the start to what was trained"
        added = ""
        if self.start_added is not None:
            added = (
                f"added digits: {self.start_added:.0%} right before, {self.end_added:.0%} after; "
            )
        return (
            f"{added}validation: {self.start_accuracy:.2%} before, {self.end_accuracy:.2%} after; "
            + verdict
        )


def start_from(state: State, weights: Weights, name: str) -> None:
    """Put `weights` into a fresh state. Raises ModelError if they are of another network."""
    wanted = {key: tuple(tensor.shape) for key, tensor in weights_of(state.model).items()}
    found = {key: tuple(tensor.shape) for key, tensor in weights.items()}
    if found != wanted:
        raise ModelError(
            f"{name} holds other weights than the network {state.recipe.network!r} has; "
            "name the network that it was trained with"
        )
    load_weights(state.model, weights)
    if state.averaged is not None:
        load_weights(state.averaged, weights)


def keep_better(state: State, start: Weights, held: Held) -> Comparison:
    """Put `start` back into the state unless training has helped on the validation set.

    held: the validation set, (N, 1, 28, 28) uint8 and (N,) int64. Better is more images right, or
    as many with a lower loss.
    """
    end = weights_of(state.evaluated)
    end_loss, end_accuracy = evaluate(state.evaluated, *held)
    load_weights(state.evaluated, start)
    start_loss, start_accuracy = evaluate(state.evaluated, *held)
    better = (end_accuracy, -end_loss) > (start_accuracy, -start_loss)
    if better:
        load_weights(state.evaluated, end)
    return Comparison(start_accuracy, start_loss, end_accuracy, end_loss, float(better))


def keep_added(state: State, start: Weights, held: Held, added: Held) -> Comparison:
    """Go back towards `start` until the validation set is read no worse than it was there.

    held: the validation set, (N, 1, 28, 28) uint8 and (N,) int64. added: digits of one's own that
    were learnt with others, in the same form. What few digits seen over and over take away from all
    others comes back on the way, and most of what they taught stays. Where a mistake more is left
    all the way, the furthest mixture is taken whose mistakes `is_chance` calls chance. Where the
    start makes more mistakes than that explains, all of the way is kept. Ends at `start` itself
    where in no such mixture more of the added digits are right than there. They are judged by the
    very digits that were learnt, for a few leave none to hold out: that says that they were
    learnt, not how well others of their kind are read.
    Source: Wortsman et al. 2022, "Robust fine-tuning of zero-shot models".
    """
    end = weights_of(state.evaluated)
    mixtures = []
    for share in (0.0, _WHOLE, *_SHARES):
        mean = {name: torch.lerp(start[name], end[name], share) for name in end}
        load_weights(state.evaluated, mean)
        loss, accuracy = evaluate(state.evaluated, *held)
        mixtures.append(_Mixture(share, loss, accuracy, evaluate(state.evaluated, *added)[1]))
    first, whole, *others = mixtures
    if not is_chance(*(_errors(at.accuracy, held) for at in (whole, first))):
        others.insert(0, whole)
    better = [mixture for mixture in others if mixture.added > first.added]
    kept = next((p for p in better if p.accuracy >= first.accuracy), None) or next(
        (p for p in better if is_chance(*(_errors(at.accuracy, held) for at in (first, p)))), first
    )
    load_weights(
        state.evaluated, {name: torch.lerp(start[name], end[name], kept.share) for name in end}
    )
    shown = kept if kept.share else others[0]  # why it was not kept
    return Comparison(
        first.accuracy, first.loss, shown.accuracy, shown.loss, kept.share, first.added, shown.added
    )


def is_chance(before: int, after: int) -> bool:
    """Whether `after` errors are explained by chance, given `before`, both of the same images.

    Each of two counts of rare errors varies by its square root, their difference by the root of
    the sum: one such standard error is allowed, about 0.05 points of MNIST's validation set.
    """
    return after - before <= sqrt(before + after)


class _Mixture(NamedTuple):
    share: float  # of the way from the start to what was trained
    loss: float
    accuracy: float
    added: float  # accuracy on the added digits


def _errors(accuracy: float, held: Held) -> int:
    return round(len(held[1]) * (1 - accuracy))
