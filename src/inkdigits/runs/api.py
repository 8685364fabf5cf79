"""Training from Python: one call, and what it gives.

In: a source of digits and a recipe. Out: a Run, with its model, history and figures; notebooks show
it, and predict and Reader take it as a model.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from inkdigits.counts import counted
from inkdigits.data.sources import as_source
from inkdigits.errors import ConfigError
from inkdigits.evaluation import plots, report
from inkdigits.reading.model_file import RUN_MODEL
from inkdigits.runs import folder as run_folder
from inkdigits.runs import run
from inkdigits.runs.evaluate import Part, Report, evaluate
from inkdigits.runs.learning import with_network
from inkdigits.runs.result import RunResult, finished_result
from inkdigits.runs.settings import (
    OF_THE_MACHINE,
    RunSettings,
    kinds,
    moved,
    refuse_unknown,
    settings_from,
)
from inkdigits.training.callbacks import Callback, Callbacks
from inkdigits.training.loop import TRAINING_LOCK
from inkdigits.training.networks import Network
from inkdigits.training.progress import Quiet, shown_here, steps_of
from inkdigits.training.workers import started_workers

if TYPE_CHECKING:
    from inkdigits.evaluation.plots import Figure

__all__ = ["Run", "train"]


class Run:
    """A finished run in its folder. Raises TrainingError if there is none."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.result = finished_result(self.folder, RunResult)

    @property
    def accuracy(self) -> float:
        """Share of the test digits read right, in [0, 1]."""
        return self.result.scores.accuracy

    @property
    def history(self) -> list[dict[str, float | None]]:
        """A row for each epoch: epoch, loss, accuracy, val_loss, val_accuracy and more."""
        return [asdict(row) for row in self.result.history]

    @property
    def model(self) -> Path:
        """The model's .onnx file."""
        return self.folder / RUN_MODEL

    def __fspath__(self) -> str:
        return str(self.folder)

    @cached_property
    def plots(self) -> dict[str, Figure]:
        """Matplotlib figures: training_history, confusion_matrix. The folder has more, as PNG."""
        return {
            "training_history": plots.training_history(self.history),
            "confusion_matrix": plots.confusion_matrix(self.result.scores),
        }

    def evaluate(self, data: str | Path, part: Part | None = None) -> Report:
        """The model's score on other labelled digits. Raises what `evaluate` does."""
        return evaluate(self, data, part)

    def __repr__(self) -> str:
        result = self.result
        name, test = result.recipe.name, result.data.test
        return (
            f"<Run {name}: {self.accuracy:.2%} of {counted(test.images, 'digit')} right "
            f"({test.name}), {result.training_seconds:.1f} s, {self.folder}>"
        )

    def _repr_html_(self) -> str:
        notice = self.result.data.notice
        if self.result.fine_tuning:
            notice = f"{notice} Fine-tuning: {self.result.fine_tuning}.".strip()
        return report.as_html(repr(self), notice, list(self.plots.values()))


def train(
    data: str | Path = "auto",
    recipe: str | None = None,
    *,
    network: str | Network | torch.nn.Module | None = None,
    resume: str | Path | None = None,
    out: str | Path | None = None,
    callbacks: Sequence[Callback] = (),
    quiet: bool = False,
    **settings: Any,
) -> Run:
    """Train a network, score it once on the test set, and write all into a run folder.

    data: as `inkdigits train --data` takes it. recipe: a row of `inkdigits recipes`; None is the
    usual one. network: instead of the recipe's, a Network of layers, whose first weights the seed
    decides, or any torch.nn.Module from (N, 1, 28, 28) float32 in [0, 1] to (N, 10) logits.
    Training starts with the weights that a module has; in the end it has the trained ones.
    resume: the folder of a stopped run, to finish it with its own settings; its network where that
    is a module, and data, add, start, teacher, device and threads where they are others now.
    out: the run folder, runs/... by default. settings: by the names of the command's flags, `from`
    as `start`: epochs=3, seed=1, add="mine/", device="cpu". quiet: show no progress.
    A call in another thread waits for this one. Ctrl-C in the first epoch leaves nothing behind,
    later a folder to resume. Raises ConfigError, DataError, ModelError, TrainingError, and OSError
    where a folder cannot be made.
    """
    if started_workers() > 1:
        raise ConfigError(
            "inkdigits.train trains in one process, and torchrun started several; expected the "
            "command: torchrun -m inkdigits train, with --network FILE.py:NAME for a module"
        )
    _check_callbacks(callbacks)
    refuse_unknown(settings, {*kinds(), "start"} - {"from"}, "inkdigits.train")
    values = {"data": as_source(data), "recipe": recipe, "network": network, **settings}
    if "start" in values:
        values["from"] = values.pop("start")
    values = {name: _plain(value) for name, value in values.items() if value is not None}
    if resume is not None:
        return _resumed(Path(resume), values, out, callbacks, quiet)
    asked, module = with_network(settings_from(values), network)
    # Within the lock: of two threads' calls for one folder the second finds it filled.
    with TRAINING_LOCK:
        folder = Path(out or run_folder.usual_folder(asked))
        with run_folder.started(folder, asked):
            return _finished(folder, asked, module, callbacks, quiet)


def _plain(value: Any) -> Any:
    """A path, as which a Run counts, as text; a number of NumPy's as Python's."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return value.item() if isinstance(value, np.generic) else value


def _check_callbacks(callbacks: Sequence[Callback]) -> None:
    several = isinstance(callbacks, Sequence)
    wrong = [one for one in callbacks if not isinstance(one, Callback)] if several else [callbacks]
    if wrong:
        name = wrong[0].__name__ if isinstance(wrong[0], type) else type(wrong[0]).__name__
        raise ConfigError(
            f"callbacks: found {name}, expected a list of objects of classes made from "
            "inkdigits.training.callbacks.Callback"
        )
    for one in callbacks:
        # Keras would call them. Nothing here does, and nobody would notice.
        if strange := [name for name in dir(one) if name.startswith("on_")]:
            ours = ", ".join(name for name in vars(Callback) if not name.startswith("_"))
            raise ConfigError(
                f"callbacks: {type(one).__name__} has {', '.join(strange)}, which is never called; "
                f"expected {ours}"
            )


def _resumed(
    folder: Path,
    values: dict[str, Any],
    out: str | Path | None,
    callbacks: Sequence[Callback],
    quiet: bool,
) -> Run:
    if values["data"] == "auto":
        del values["data"]
    wrong = sorted(values.keys() - OF_THE_MACHINE) + (["out"] if out else [])
    if wrong:
        raise ConfigError(
            f"{wrong[0]}: resume continues with the run's own settings; leave it out, or start a "
            "new run without resume"
        )
    settings = moved(run_folder.read_settings(folder), values)
    if "network" in values:
        settings, module = with_network(settings, values["network"])
    else:
        module = None
    return _finished(folder, settings, module, callbacks, quiet)


def _finished(
    folder: Path,
    settings: RunSettings,
    module: object,
    callbacks: Sequence[Callback],
    quiet: bool,
) -> Run:
    shown = nullcontext(Quiet()) if quiet else shown_here(settings.recipe)
    with TRAINING_LOCK, shown as progress:
        told = Callbacks((progress, *callbacks))
        run.finish_run(
            folder, told, progress.say, steps_of(progress), settings=settings, network=module
        )  # fmt: skip
    return Run(folder)
