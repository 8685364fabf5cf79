"""Going on from given weights, and going back to them where that did not help.

In: a State and weights of the same network. Out: the same State, and which weights it ended with.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import torch
from torch import Tensor

from inkdigits.errors import ModelError
from inkdigits.training.judge import evaluate
from inkdigits.training.state import State, Weights, load_weights, weights_of


@dataclass(frozen=True)
class Comparison:
    """Validation figures before and after, accuracies in [0, 1], losses in nats."""

    start_accuracy: float
    start_loss: float
    end_accuracy: float
    end_loss: float
    kept: str  # "end", or "start" where training did not help
    start_added: float | None = None  # accuracy on the digits that were added, if any were
    end_added: float | None = None


def start_from(state: State, weights: Weights, name: str) -> None:
    """Put `weights` into a fresh state. Raises ModelError if they are of another network."""
    wanted = {key: tuple(tensor.shape) for key, tensor in weights_of(state.model).items()}
    found = {key: tuple(tensor.shape) for key, tensor in weights.items()}
    if found != wanted:
        raise ModelError(
            f"{name} holds other weights than the network {state.recipe.network!r} has; "
            "leave --network out, the model says which network it is"
        )
    load_weights(state.model, weights)
    if state.averaged is not None:
        load_weights(state.averaged, weights)


def average_with_start(state: State, start: Weights) -> None:
    """Replace the evaluated weights by the mean of `start` and what training made of it.

    What a few digits seen over and over take away from all others comes back there, and most of
    what they taught stays.
    Source: Wortsman et al. 2022, "Robust fine-tuning of zero-shot models", which takes the middle
    where no data can choose.
    """
    end = weights_of(state.evaluated)
    load_weights(state.evaluated, {name: torch.lerp(start[name], end[name], 0.5) for name in end})


def keep_better(
    state: State,
    start: Weights,
    held: tuple[Tensor, Tensor],
    added: tuple[Tensor, Tensor] | None = None,
) -> Comparison:
    """Put `start` back into the state unless training has helped.

    held: the validation set, (N, 1, 28, 28) uint8 and (N,) int64. Better is more images right, or
    as many with a lower loss.
    added: digits of one's own that were learnt as well, in the same form. Better is then more of
    them right, or as many and a better validation set; and in any case a validation set read no
    worse than `is_chance` allows. They are judged by the very digits that were learnt, for a few
    leave none to hold out: that says that they were learnt, not how well others of their kind are
    read.
    """
    end = weights_of(state.evaluated)
    end_loss, end_accuracy = evaluate(state.evaluated, *held)
    end_added = _accuracy(state, added)
    load_weights(state.evaluated, start)
    start_loss, start_accuracy = evaluate(state.evaluated, *held)
    start_added = _accuracy(state, added)
    better = (end_accuracy, -end_loss) > (start_accuracy, -start_loss)
    if start_added is not None and end_added is not None:
        before, after = (round(len(held[1]) * (1 - a)) for a in (start_accuracy, end_accuracy))
        better = is_chance(before, after) and (
            end_added > start_added or (end_added == start_added and better)
        )
    if better:
        load_weights(state.evaluated, end)
    return Comparison(
        start_accuracy,
        start_loss,
        end_accuracy,
        end_loss,
        "end" if better else "start",
        start_added,
        end_added,
    )


def is_chance(before: int, after: int) -> bool:
    """Whether `after` errors are no sign of a worse model than `before`, both of the same images.

    Each of two counts of rare errors varies by its square root, their difference by the root of
    the sum: one such standard error is allowed, some 0.05 points of MNIST's validation set.
    """
    return after - before <= sqrt(before + after)


def _accuracy(state: State, digits: tuple[Tensor, Tensor] | None) -> float | None:
    return None if digits is None else evaluate(state.evaluated, *digits)[1]
