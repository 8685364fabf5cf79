"""Going on from given weights, and never ending up worse than they were.

In: a State and weights of the same network. Out: the same State, and which weights it ended with.
"""

from __future__ import annotations

from dataclasses import dataclass

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
    kept: str  # "end", or "start" where training made it worse


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


def keep_better(state: State, start: Weights, held: tuple[Tensor, Tensor]) -> Comparison:
    """Put `start` back into the state unless training has helped on the validation set.

    Better is more images right, or as many with a lower loss.
    """
    end = weights_of(state.evaluated)
    end_loss, end_accuracy = evaluate(state.evaluated, *held)
    load_weights(state.evaluated, start)
    start_loss, start_accuracy = evaluate(state.evaluated, *held)
    kept = "end" if (end_accuracy, -end_loss) > (start_accuracy, -start_loss) else "start"
    if kept == "end":
        load_weights(state.evaluated, end)
    return Comparison(start_accuracy, start_loss, end_accuracy, end_loss, kept)
