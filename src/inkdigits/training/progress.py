"""How training looks while it runs: a live bar on a terminal or in a notebook, else plain lines.

Commands write to standard error; standard output is for results.
"""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from inkdigits.training.callbacks import Callback
from inkdigits.training.recipes import Recipe
from inkdigits.training.state import Epoch, State


class Lines(Callback):
    """One line an epoch, for logs and pipes."""

    def __init__(self, recipe: Recipe) -> None:
        self._epochs = recipe.epochs

    def epoch(self, row: Epoch) -> None:
        """Print the epoch's line."""
        sys.stderr.write(describe(row, self._epochs) + "\n")
        sys.stderr.flush()


class Bar(Lines, AbstractContextManager["Bar"]):
    """A live bar over the whole run, with a line for each epoch above it.

    After the last epoch it says what is being done instead. console: where it is drawn; rich knows
    notebooks.
    """

    def __init__(self, recipe: Recipe, console: Console | None = None) -> None:
        super().__init__(recipe)
        self._val = "-"
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[told]}"),
            TimeRemainingColumn(compact=True),
            console=console or Console(stderr=True),
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
        self._show(
            f"epoch {state.epoch + 1}/{self._epochs}",
            f"loss {loss:.4f}  val {self._val}  {rate:,.0f} img/s",
            total * self._epochs,
            state.epoch * total + done,
        )

    def epoch(self, row: Epoch) -> None:
        """Print the epoch's line above the bar."""
        if row.val_accuracy is not None:
            self._val = f"{row.val_accuracy:.2%}"
        self._progress.console.print(describe(row, self._epochs), highlight=False)

    def phase(self, what: str) -> None:
        """Say what is being done, beside a bar that has no end."""
        if self._task is not None:
            self._progress.remove_task(self._task)
            self._task = None
        self._show(what, "", None, 0)

    def _show(self, what: str, told: str, total: int | None, done: int) -> None:
        if self._task is None:
            self._task = self._progress.add_task(what, total=total, told=told)
        self._progress.update(self._task, description=what, total=total, completed=done, told=told)


def shown_here(recipe: Recipe) -> AbstractContextManager[Callback]:
    """A live bar in a notebook and on a terminal, plain lines elsewhere."""
    console = Console()
    if console.is_jupyter:
        return Bar(recipe, console)
    return Bar(recipe) if sys.stderr.isatty() else nullcontext(Lines(recipe))


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
