"""Training from Python: one call, and what it gives.

In: a source of digits and a recipe. Out: a Run, with its model, history and figures; notebooks show
it, and predict and Reader take it as a model.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inkdigits import run, run_folder
from inkdigits.evaluate import Part, Report, evaluate
from inkdigits.evaluation import plots, report
from inkdigits.evaluation.scores import Confusion, Scores
from inkdigits.model_file import RUN_MODEL
from inkdigits.settings import settings_from
from inkdigits.training.callbacks import Callback, Callbacks
from inkdigits.training.progress import shown_here, steps_of

if TYPE_CHECKING:
    from inkdigits.evaluation.plots import Figure

__all__ = ["Run", "train"]


class Run:
    """A finished run in its folder. Raises TrainingError if there is none."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.result = run_folder.finished_result(self.folder)

    @property
    def accuracy(self) -> float:
        """Share of the test digits read right, in [0, 1]."""
        return float(self.result["scores"]["accuracy"])

    @property
    def history(self) -> list[dict[str, float | None]]:
        """A row for each epoch: epoch, loss, accuracy, val_loss, val_accuracy and more."""
        history: list[dict[str, float | None]] = self.result["history"]
        return history

    @property
    def model(self) -> Path:
        """The model's .onnx file."""
        return self.folder / RUN_MODEL

    def __fspath__(self) -> str:
        return str(self.folder)

    @cached_property
    def plots(self) -> dict[str, Figure]:
        """Matplotlib figures: training_history, confusion_matrix. The folder has more, as PNG."""
        scores = dict(self.result["scores"])
        scores["confusions"] = tuple(Confusion(**one) for one in scores["confusions"])
        return {
            "training_history": plots.training_history(self.history),
            "confusion_matrix": plots.confusion_matrix(Scores(**scores)),
        }

    def evaluate(self, data: str | Path, part: Part | None = None) -> Report:
        """The model's score on other labelled digits. Raises what `inkdigits.evaluate` does."""
        return evaluate(self, data, part)

    def __repr__(self) -> str:
        result = self.result
        name, test = result["recipe"]["name"], result["data"]["test"]
        return (
            f"<Run {name}: {self.accuracy:.2%} of {test['images']:,} {test['name']} digits right, "
            f"{result['training_seconds']:.1f} s, {self.folder}>"
        )

    def _repr_html_(self) -> str:
        notice = self.result["data"]["notice"]
        return report.as_html(repr(self), notice, list(self.plots.values()))


def train(
    data: str | Path = "auto",
    recipe: str | None = None,
    *,
    out: str | Path | None = None,
    callbacks: Sequence[Callback] = (),
    quiet: bool = False,
    **settings: Any,
) -> Run:
    """Train a network, score it once on the test set, and write all into a run folder.

    data: as `inkdigits train --data` takes it. recipe: a row of `inkdigits recipes`; None is the
    usual one. out: the run folder, runs/... by default. settings: by the names of the command's
    flags, `from` as `start`: epochs=3, seed=1, add="mine/", device="cpu". quiet: show no progress.
    Ctrl-C in the first epoch leaves nothing behind, later a folder for `inkdigits train --resume`.
    Raises ConfigError, DataError, ModelError, TrainingError.
    """
    values = {"data": str(data), **settings}
    if recipe is not None:
        values["recipe"] = recipe
    if "start" in values:
        values["from"] = str(values.pop("start"))
    asked = settings_from(values)
    folder = Path(out or run_folder.usual_folder(asked))
    shown = nullcontext(Callback()) if quiet else shown_here(asked.recipe)
    with run_folder.started(folder, asked), shown as progress:
        told = Callbacks((progress, *callbacks))
        run.finish_run(folder, told, _say_nothing, steps_of(progress))
    return Run(folder)


def _say_nothing(line: str) -> None:
    """Say nothing: what is of use stands in the run."""
