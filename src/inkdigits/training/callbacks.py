"""Callbacks of a training, which may record it elsewhere.

A Callback is what Keras calls by the same name. Keras's `on_train_begin` is `begin`,
`on_batch_end` is `batch`, `on_epoch_end` is `epoch`, `on_train_end` is `end`. Its ModelCheckpoint
is the checkpoint that every run keeps; EarlyStopping and ReduceLROnPlateau are the recipe's fields
`early_stopping` and `plateau`; TensorBoard has its name here, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inkdigits.errors import MissingExtraError

if TYPE_CHECKING:
    from inkdigits.evaluation.scores import Scores
    from inkdigits.training.state import Epoch, State


class Callback:
    """Does nothing. Override what is of use. What it raises ends the training."""

    def begin(self, settings: Mapping[str, Any]) -> None:
        """Before the data are read; also when a stopped run continues.

        settings: of the run, by the names of their flags.
        """

    def batch(self, state: State, done: int, total: int, loss: float, rate: float) -> None:
        """After a batch: `done` of the epoch's `total` images, mean loss so far, images/s."""

    def epoch(self, row: Epoch) -> None:
        """After an epoch."""

    def phase(self, what: str) -> None:
        """Something that takes seconds begins: "scoring the test set", say."""

    def end(self, folder: Path, scores: Scores) -> None:
        """All is in the run folder. scores: of the test set."""

    def stopped(self) -> None:
        """The run ends here by an error or Ctrl-C; `end` does not come."""


class Callbacks(Callback):
    """Several as one, called in their order."""

    def __init__(self, those: Sequence[Callback]) -> None:
        self._those = tuple(those)

    def begin(self, settings: Mapping[str, Any]) -> None:
        """Tell each."""
        for one in self._those:
            one.begin(settings)

    def batch(self, state: State, done: int, total: int, loss: float, rate: float) -> None:
        """Tell each."""
        for one in self._those:
            one.batch(state, done, total, loss, rate)

    def epoch(self, row: Epoch) -> None:
        """Tell each."""
        for one in self._those:
            one.epoch(row)

    def phase(self, what: str) -> None:
        """Tell each."""
        for one in self._those:
            one.phase(what)

    def end(self, folder: Path, scores: Scores) -> None:
        """Tell each."""
        for one in self._those:
            one.end(folder, scores)

    def stopped(self) -> None:
        """Tell each."""
        for one in self._those:
            one.stopped()


class TensorBoard(Callback):
    """Writes each epoch for `tensorboard --logdir FOLDER`. Raises MissingExtraError."""

    def __init__(self, folder: str | Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise MissingExtraError(
                "TensorBoard's library is not installed: pip install tensorboard"
            ) from error
        self._writer: Any = SummaryWriter(str(folder))
        self._epoch = 0  # the last one

    def epoch(self, row: Epoch) -> None:
        """Write its numbers, those of a validation set only where there is one."""
        for name, value in _numbers(row).items():
            self._writer.add_scalar(name, value, row.epoch)
        self._writer.flush()
        self._epoch = row.epoch

    def end(self, folder: Path, scores: Scores) -> None:
        """Write the test set's score, and close the file."""
        self._writer.add_scalar("test accuracy", scores.accuracy, self._epoch)
        self._writer.close()

    def stopped(self) -> None:
        """Close the file."""
        self._writer.close()


class MLflow(Callback):
    """Keeps settings, epochs, the score, the report and the model as a run of MLflow.

    Where: as MLflow itself is set (MLFLOW_TRACKING_URI). Raises MissingExtraError.
    """

    def __init__(self, experiment: str = "inkdigits") -> None:
        try:
            import mlflow
        except ImportError as error:
            raise MissingExtraError("MLflow is not installed: pip install mlflow") from error
        self._mlflow: Any = mlflow
        self._experiment = experiment

    def begin(self, settings: Mapping[str, Any]) -> None:
        """Start MLflow's run with all settings as its parameters."""
        self._mlflow.set_experiment(self._experiment)
        self._mlflow.start_run()
        self._mlflow.log_params(settings)

    def epoch(self, row: Epoch) -> None:
        """Log its numbers."""
        self._mlflow.log_metrics(_numbers(row), step=row.epoch)

    def end(self, folder: Path, scores: Scores) -> None:
        """Log the score, the report and the model; the run is finished."""
        self._mlflow.log_metric("test accuracy", scores.accuracy)
        for name in ("report.html", "model.onnx"):
            self._mlflow.log_artifact(str(folder / name))
        self._mlflow.end_run()

    def stopped(self) -> None:
        """The run is marked as failed."""
        self._mlflow.end_run("FAILED")


def _numbers(row: Epoch) -> dict[str, float]:
    """An epoch's numbers, under names that TensorBoard and MLflow take."""
    found = {
        "loss": row.loss,
        "accuracy": row.accuracy,
        "validation loss": row.val_loss,
        "validation accuracy": row.val_accuracy,
        "learning rate": row.learning_rate,
        "images a second": row.images_per_second,
    }
    return {name: value for name, value in found.items() if value is not None}
