"""A run folder: what it holds, how it begins, and its settings and result, read and written.

In: a folder. Out: RunSettings and results. Knows nothing of training itself.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from types import UnionType
from typing import Any

from inkdigits.errors import ConfigError, DataError, TrainingError
from inkdigits.files import is_empty, write_text
from inkdigits.reading.model_file import RUN_MODEL
from inkdigits.runs.settings import RunSettings
from inkdigits.training.recipes import Recipe, typed

SETTINGS, CHECKPOINT, RESULT = "settings.json", "checkpoint.safetensors", "result.json"
CONFIG = "settings.toml"
PICTURES, PICTURES_LIST = "pictures.png", "pictures.csv"  # where digits were found in pictures
FILES = {  # what a finished run folder holds
    "report.html": "everything on one page, for a browser",
    RESULT: "numbers, resolved recipe, data's SHA-256, versions, seconds",
    RUN_MODEL: "the model for `inkdigits predict --model`",
    "mnist_cnn_model.keras": "the model for Keras",
    "mnist_cnn_model.h5": "the same in Keras's older format",
    "best_mnist_model.h5": "the epoch with the best validation accuracy",
    "training_history.png": "loss, accuracy and rate by epoch",
    "confusion_matrix_mnist.png": "true digit against digit read",
    "incorrect_predictions.png": "read wrongly, most confident first",
    "correct_predictions.png": "read right, least confident first",
    "sample_digits.png": "40 digits of the training set",
    "class_distribution_mnist.png": "images per digit",
    PICTURES: "pictures learnt, each with the digit that was found in it",
    PICTURES_LIST: "pictures that were left out or may be another digit, and why",
    "history.json": "each epoch's numbers",
    "training_history.pkl": "the same, as Keras's History.history",
    CHECKPOINT: "weights and optimiser, for --resume",
    SETTINGS: "the run's settings",
    CONFIG: "the same, for inkdigits train --config",
}


def usual_folder(settings: RunSettings) -> Path:
    """Where a run goes that names no folder: by the second in which it begins."""
    stamp = time.strftime("%Y-%m-%dT%H-%M-%S")
    return Path("runs") / f"{stamp}-{settings.recipe.name}-seed{settings.seed}"


def start_run(folder: Path, settings: RunSettings) -> None:
    """Make the run folder with its settings. Raises ConfigError if it is there and not empty."""
    refuse_filled(folder, f", or continue it: inkdigits train --resume {folder}")
    write_settings(folder, settings)


@contextmanager
def started(folder: Path, settings: RunSettings) -> Iterator[None]:
    """Make the run folder for what is inside; it goes again if that fails before a checkpoint.

    After data that cannot be read, or Ctrl-C in the first epoch, nothing has been learnt, and a
    folder would only be in the way of the same command. Raises what `start_run` does.
    """
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    start_run(folder, settings)
    try:
        yield
    except BaseException:
        if not (folder / CHECKPOINT).exists():
            with suppress(OSError):  # somebody else has put something there, or taken it away
                for name in (SETTINGS, CONFIG):
                    (folder / name).unlink(missing_ok=True)
                for place in made:
                    place.rmdir()
        raise


@contextmanager
def told_of_moving(folder: Path) -> Iterator[None]:
    """If a stopped run no longer finds its data, name the options that tell where they are now."""
    try:
        yield
    except DataError as error:
        if not (folder / CHECKPOINT).is_file():
            raise
        raise DataError(
            f"{error}; if they have moved: inkdigits train --resume {folder} --data PATH "
            "(or --add PATH)"
        ) from error


def write_settings(folder: Path, settings: RunSettings) -> None:
    """Write the settings into the run folder, with paths that hold from any working directory."""
    settings = settings.absolute()
    write_text(folder / CONFIG, settings.to_toml())
    write_json(folder / SETTINGS, asdict(settings))


def refuse_filled(folder: Path, instead: str = "") -> None:
    """Raise ConfigError if the folder is there and not empty. instead: what else to do."""
    if folder.exists() and (not folder.is_dir() or not is_empty(folder)):
        raise ConfigError(f"{folder}: already exists and is not empty; name another --out{instead}")


def read_settings(folder: Path) -> RunSettings:
    """The settings of a run folder. Raises TrainingError if there are none to read."""
    found = _read_json(folder, SETTINGS)
    try:
        found["recipe"] = Recipe(**typed(Recipe, found["recipe"]))
        return RunSettings(**typed(RunSettings, found))
    except (ConfigError, TypeError, KeyError, ArithmeticError) as error:
        raise _not_a_run(folder, SETTINGS, error) from error


def read_result(folder: Path) -> dict[str, Any]:
    """The result of a finished run, as its result.json has it. Raises TrainingError."""
    result = _read_json(folder, RESULT)
    try:
        for name, kind in _TOLD.items():
            value: Any = result
            for key in name.split("."):
                value = value[key]
            if not isinstance(value, kind):
                raise TypeError(f"{name} is {value!r:.80}")
    except (TypeError, KeyError) as error:
        raise _not_a_run(folder, RESULT, error) from error
    return result


def finished_result(folder: Path) -> dict[str, Any]:
    """The same, and a TrainingError with the command to continue if the run is not finished."""
    if not (folder / RESULT).is_file():
        begun = (folder / SETTINGS).is_file()
        raise TrainingError(
            f"{folder} is not a finished run: it has no {RESULT}; "
            + (
                f"finish it with inkdigits train --resume {folder}"
                if begun
                else "expected a folder that inkdigits train made"
            )
        )
    return read_result(folder)


# What is asked of a result by those who read it.
_TOLD: dict[str, type | UnionType] = {
    "parameters": int,
    "threads": int,
    "training_seconds": float | int,
    "scores.accuracy": float | int,
    "scores.loss": float | int,
    "scores.n": int,
    "data.train.sha256": str,
    "data.test.sha256": str,
}


def _read_json(folder: Path, name: str) -> dict[str, Any]:
    try:
        found = json.loads((folder / name).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise _not_a_run(folder, name, error) from error
    if not isinstance(found, dict):
        raise _not_a_run(folder, name, f"holds a {type(found).__name__}, expected names and values")
    return found


def _not_a_run(folder: Path, name: str, why: object) -> TrainingError:
    return TrainingError(
        f"{folder}: is not a run folder ({name}: {why}); --resume and ensemble take folders that "
        "inkdigits train wrote"
    )


def write_json(path: Path, value: object) -> None:
    """Write `value` to `path` as JSON, whole or not at all."""
    write_text(path, json.dumps(value, indent=1) + "\n")
