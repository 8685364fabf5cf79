"""How training looks while it runs: a live bar on a terminal, plain lines elsewhere.

Writes to standard error; standard output is for results.
"""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from inkdigits.training.recipes import Recipe
from inkdigits.training.state import Epoch, State


class Quiet:
    """Says nothing."""

    def batch(self, state: State, done: int, total: int, loss: float, rate: float) -> None:
        """Say nothing."""

    def epoch(self, row: Epoch) -> None:
        """Say nothing."""


class Lines(Quiet):
    """One line an epoch, for logs and pipes."""

    def __init__(self, recipe: Recipe) -> None:
        self._epochs = recipe.epochs

    def epoch(self, row: Epoch) -> None:
        """Print the epoch's line."""
        sys.stderr.write(describe(row, self._epochs) + "\n")
        sys.stderr.flush()


class Bar(Lines, AbstractContextManager["Bar"]):
    """A live bar over the whole run, with a line for each epoch above it."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__(recipe)
        self._val = "-"
        self._progress = Progress(
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(bar_width=24),
            TextColumn("loss {task.fields[loss]}  val {task.fields[val]}"),
            TextColumn("{task.fields[rate]} img/s"),
            TimeRemainingColumn(compact=True),
            console=Console(stderr=True),
            transient=True,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> Bar:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def batch(self, state: State, done: int, total: int, loss: float, rate: float) -> None:
        """Move the bar."""
        fields: dict[str, Any] = {
            "epoch": f"{state.epoch + 1}/{self._epochs}",
            "loss": f"{loss:.4f}",
            "val": self._val,
            "rate": f"{rate:,.0f}",
        }
        if self._task is None:
            self._task = self._progress.add_task("", total=total * self._epochs, **fields)
        self._progress.update(self._task, completed=state.epoch * total + done, **fields)

    def epoch(self, row: Epoch) -> None:
        """Print the epoch's line above the bar."""
        if row.val_accuracy is not None:
            self._val = f"{row.val_accuracy:.2%}"
        self._progress.console.print(describe(row, self._epochs), highlight=False)


def describe(row: Epoch, epochs: int) -> str:
    """An epoch as one line."""
    held = ""
    if row.val_loss is not None and row.val_accuracy is not None:
        held = f"  val loss {row.val_loss:.4f}  val acc {row.val_accuracy:.2%}"
    return (
        f"epoch {row.epoch:>{len(str(epochs))}}/{epochs}  loss {row.loss:.4f}  "
        f"acc {row.accuracy:.2%}{held}  rate {row.learning_rate:.2g}  "
        f"{row.images_per_second:,.0f} img/s  {row.seconds:.1f} s"
    )
