"""A run folder: what it holds, how it begins, and its settings, read and written.

In: a folder. Out: RunSettings. Knows nothing of training itself.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, fields
from itertools import chain, count
from pathlib import Path
from typing import Any

import msgspec

from inkdigits.errors import ConfigError, DataError, TrainingError
from inkdigits.files import is_empty, write_text
from inkdigits.reading.model_file import RUN_MODEL
from inkdigits.runs.settings import RunSettings
from inkdigits.training.recipes import Recipe

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
    """Where a run goes that names no folder: by the second in which it begins. Not there yet."""
    stamp = time.strftime("%Y-%m-%dT%H-%M-%S")
    usual = Path("runs") / f"{stamp}-{settings.recipe.name}-seed{settings.seed}"
    others = (usual.with_name(f"{usual.name}-{n}") for n in count(2))
    return next(folder for folder in chain([usual], others) if not folder.exists())


def start_run(folder: Path, settings: RunSettings) -> None:
    """Make the run folder with its settings. Raises ConfigError if it is there and not empty."""
    refuse_used(folder)
    write_settings(folder, settings)


def refuse_used(folder: Path) -> None:
    """Raise ConfigError where a run cannot begin, as something is in the folder."""
    refuse_filled(folder, f", or continue it: inkdigits train --resume {folder}")


@contextmanager
def started(folder: Path, settings: RunSettings) -> Iterator[None]:
    """Make the run folder for what is inside; it goes again if that fails before a checkpoint.

    After data that cannot be read, or Ctrl-C in the first epoch, nothing has been learnt, and a
    folder would only be in the way of the same command. Raises what `start_run` does.
    """
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    start_run(folder, settings)
    try:
        yield
    except BaseException:
        if not (folder / CHECKPOINT).exists():
            with suppress(OSError):  # somebody else has put something there, or taken it away
                for name in (SETTINGS, CONFIG):
                    (folder / name).unlink(missing_ok=True)
                for path in made:
                    path.rmdir()
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
    if os.path.lexists(folder) and not folder.is_dir():
        raise ConfigError(f"{folder}: is no folder; name another --out")
    if folder.exists() and not is_empty(folder):
        raise ConfigError(f"{folder}: already exists and is not empty; name another --out{instead}")


def read_settings(folder: Path) -> RunSettings:
    """The settings of a run folder. Raises TrainingError if there are none to read."""
    found = read_json(folder, SETTINGS)
    try:
        settings = msgspec.convert(found, RunSettings)
    # UnicodeError: msgspec's, where a text that cannot be encoded stands in the place of a number.
    except (msgspec.ValidationError, UnicodeError, ConfigError) as error:
        raise not_a_run(folder, SETTINGS, error) from error
    _check_known(folder, found, settings)
    _check_known(folder, found["recipe"], settings.recipe)
    return settings


def _check_known(folder: Path, found: Iterable[str], read: RunSettings | Recipe) -> None:
    """Refuse settings of a later version: the run would go on without them."""
    unknown = set(found) - {field.name for field in fields(read)}
    if unknown:
        raise not_a_run(folder, SETTINGS, f"no setting {min(unknown)!r} in this version")


def read_json(folder: Path, name: str) -> dict[str, Any]:
    """The names and values in a file of the folder. Raises TrainingError."""
    try:
        found = json.loads((folder / name).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise not_a_run(folder, name, error) from error
    if not isinstance(found, dict):
        raise not_a_run(folder, name, f"holds a {type(found).__name__}, expected names and values")
    return found


def not_a_run(folder: Path, name: str, why: object) -> TrainingError:
    """The error for a file that is not as `train` writes it."""
    return TrainingError(
        f"{folder}: is not a run folder ({name}: {why}); --resume and ensemble take folders that "
        "inkdigits train wrote"
    )


def write_json(path: Path, value: object) -> None:
    """Write `value` to `path` as JSON, whole or not at all."""
    write_text(path, json.dumps(value, indent=1) + "\n")
