"""How training looks while it runs: live on a terminal or in a notebook's cell, else plain lines.

Commands write to standard error; standard output is for results.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from inkdigits.environment import live_terminal
from inkdigits.text_line import shown
from inkdigits.training.callbacks import Callback
from inkdigits.training.recipes import Recipe
from inkdigits.training.state import Epoch, State

_BAR, _BETWEEN_S = 24, 0.2  # a cell's bar: characters, and seconds from one state to the next


class Quiet(Callback):
    """Shows nothing."""

    def say(self, line: str) -> None:
        """Take what a run tells of its phases."""


class Lines(Quiet):
    """One line an epoch, for logs and pipes."""

    def __init__(self, recipe: Recipe) -> None:
        self._epochs = recipe.epochs

    def say(self, line: str) -> None:
        """Print a line."""
        sys.stderr.write(shown(line) + "\n")
        sys.stderr.flush()

    def epoch(self, row: Epoch) -> None:
        """Print the epoch's line."""
        self.say(describe(row, self._epochs))


class Bar(Lines, AbstractContextManager["Bar"]):
    """A live bar over the whole run, with a line for each epoch above it.

    Before the first epoch and after the last it says what is being done instead.
    """

    def __init__(self, recipe: Recipe) -> None:
        super().__init__(recipe)
        self._val = "-"
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[told]}"),
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
        self._show(
            f"epoch {state.epoch + 1}/{self._epochs}",
            f"loss {loss:.4f}  val {self._val}  {rate:,.0f} img/s",
            total * self._epochs,
            state.epoch * total + done,
        )

    def say(self, line: str) -> None:
        """Print a line above the bar."""
        self._progress.console.print(
            shown(line), highlight=False, markup=False, emoji=False, soft_wrap=True
        )

    def epoch(self, row: Epoch) -> None:
        """Print the epoch's line above the bar."""
        if row.val_accuracy is not None:
            self._val = f"{row.val_accuracy:.2%}"
        super().epoch(row)

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


class Cell(Lines, AbstractContextManager["Cell"]):
    """One output of a notebook's cell: a line for each epoch, below them what is being done.

    It is one text that changes, so it needs no widgets, and a saved notebook keeps the epochs.
    """

    def __init__(self, recipe: Recipe) -> None:
        super().__init__(recipe)
        self._lines: list[str] = []
        self._output: Any = None  # IPython's handle
        self._began = self._changed = 0.0

    def __enter__(self) -> Cell:
        from IPython.display import display

        self._output = display(  # type: ignore[no-untyped-call]
            {"text/plain": ""}, raw=True, display_id=True
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._show()

    def batch(self, state: State, done: int, total: int, loss: float, rate: float) -> None:
        """Move the bar."""
        now = time.monotonic()
        self._began = self._began or now - done / max(rate, 1e-9)
        if now - self._changed < _BETWEEN_S:
            return
        share = (state.epoch + done / total) / self._epochs
        bar = "#" * round(_BAR * share)
        left = (now - self._began) * (1 - share) / share
        self._show(
            f"epoch {state.epoch + 1}/{self._epochs} [{bar:<{_BAR}}] loss {loss:.4f}  "
            f"{rate:,.0f} img/s  {left:.0f} s left"
        )

    def say(self, line: str) -> None:
        """Add a line."""
        self._lines.append(shown(line))
        self._show()

    def phase(self, what: str) -> None:
        """Say what is being done."""
        self._show(f"{what} ...")

    def _show(self, *now: str) -> None:
        self._changed = time.monotonic()
        self._output.update({"text/plain": "\n".join([*self._lines, *now])}, raw=True)


def shown_here(recipe: Recipe) -> AbstractContextManager[Quiet]:
    """A live bar in a notebook and on a terminal, plain lines elsewhere."""
    if Console().is_jupyter:
        return Cell(recipe)
    return Bar(recipe) if live_terminal() else nullcontext(Lines(recipe))


def steps_of(callback: Callback) -> Callable[[str, int, int], None]:
    """Tells a callback how far a phase is that counts its steps: "downloading MNIST, 34%"."""

    def advance(what: str, done: int, total: int) -> None:
        callback.phase(f"{what}, {done / max(total, 1):.0%}")

    return advance


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
