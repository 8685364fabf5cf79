"""What the validation loss decides: when to stop, and when to cut the learning rate.

In: one loss an epoch. Out: a decision. Pure state that a checkpoint can hold; the rules are those
of Keras's EarlyStopping and ReduceLROnPlateau, so that the recipe `original` means the same here.
"""

from __future__ import annotations

from dataclasses import dataclass

MIN_GAIN = 1e-4  # Keras's ReduceLROnPlateau counts a smaller fall as none


@dataclass
class EarlyStopping:
    """Stop after `patience` epochs in a row without a lower loss. patience 0 never stops."""

    patience: int
    best: float = float("inf")
    waited: int = 0

    def should_stop(self, loss: float) -> bool:
        """Take one epoch's loss; True if the run should end now."""
        if loss < self.best:
            self.best, self.waited = loss, 0
        else:
            self.waited += 1
        return 0 < self.patience <= self.waited


@dataclass
class Plateau:
    """Cut the rate by `factor` after `patience` epochs without a fall of MIN_GAIN. 0 never cuts."""

    patience: int
    factor: float
    best: float = float("inf")
    waited: int = 0
    multiplier: float = 1.0  # of the schedule's rate, the product of all cuts so far

    def multiplier_after(self, loss: float) -> float:
        """Take one epoch's loss; the multiplier for the next epoch."""
        if loss < self.best - MIN_GAIN:
            self.best, self.waited = loss, 0
        elif self.patience:
            self.waited += 1
            if self.waited >= self.patience:
                self.multiplier *= self.factor
                self.waited = 0
        return self.multiplier
