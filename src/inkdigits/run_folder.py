"""A run folder: what it holds, what the run in it was asked to do, and its result.

In: a folder. Out: RunSettings and results, read and written. Knows nothing of training itself.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from types import UnionType
from typing import Any, Literal, get_origin, get_type_hints

from inkdigits.errors import ConfigError, TrainingError
from inkdigits.files import write_text
from inkdigits.model_file import RUN_MODEL
from inkdigits.training.recipes import Recipe

SETTINGS, CHECKPOINT, RESULT = "settings.json", "checkpoint.safetensors", "result.json"
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
    "incorrect_predictions.png": "read wrongly, the surest first",
    "correct_predictions.png": "read right, the least sure",
    "sample_digits.png": "40 digits of the training set",
    "class_distribution_mnist.png": "images per digit",
    PICTURES: "pictures learnt, each with the digit that was found in it",
    PICTURES_LIST: "pictures that were left out or may be another digit, and why",
    "history.json": "each epoch's numbers",
    "training_history.pkl": "the same, as Keras's History.history",
    CHECKPOINT: "weights and optimiser, for --resume",
    SETTINGS: "what the run was asked to do",
}


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """What a run was asked to do; kept in its folder from the first second."""

    recipe: Recipe
    data: str
    seed: int
    threads: int  # of all workers together
    start: str | None = None  # an .onnx file or run folder to go on from
    teacher: str | None = None  # an .onnx file or run folder whose answers are learnt
    add: str | None = None  # a folder of pictures to learn as well, all of them

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ConfigError(f"seed is {self.seed}, wanted 0 or more")
        if not 1 <= self.threads <= 1024:
            raise ConfigError(f"threads is {self.threads}, wanted 1 to 1024")
        if (self.teacher is None) != (self.recipe.teacher_share == 0):
            raise ConfigError(
                f"teacher_share is {self.recipe.teacher_share:g} and the teacher is "
                f"{self.teacher or 'none'}: --teacher MODEL and a share over 0 go together, "
                "as in the recipe distilled"
            )
        if self.start is not None and not self.recipe.validation_share:
            raise ConfigError(
                "validation_share is 0: going on from a model needs a validation set, "
                "to tell whether it got better"
            )


def start_run(folder: Path, settings: RunSettings) -> None:
    """Make the run folder with its settings. Raises ConfigError if it is there and not empty."""
    refuse_filled(folder, f", or go on with it: inkdigits train --resume {folder}")
    write_json(folder / SETTINGS, asdict(settings))


def refuse_filled(folder: Path, instead: str = "") -> None:
    """Raise ConfigError if the folder is there and not empty. instead: what else to do."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f"{folder}: is there already and not empty; name another --out{instead}")


def read_settings(folder: Path) -> RunSettings:
    """The settings of a run folder. Raises TrainingError if there are none to read."""
    found = _read_json(folder, SETTINGS)
    try:
        found["recipe"] = Recipe(**_typed(Recipe, found["recipe"]))
        return RunSettings(**_typed(RunSettings, found))
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
        raise _not_a_run(folder, name, f"holds a {type(found).__name__}, wanted names and values")
    return found


def _typed(of: type[Recipe | RunSettings], values: dict[str, Any]) -> dict[str, Any]:
    """The values of a dataclass's fields. Raises TypeError for one that is of another type."""
    for name, kind in get_type_hints(of).items():
        wanted = str if get_origin(kind) is Literal else float | int if kind is float else kind
        if name in values and not isinstance(values[name], wanted):
            raise TypeError(f"{name} is {values[name]!r:.80}")
    return values


def _not_a_run(folder: Path, name: str, why: object) -> TrainingError:
    return TrainingError(
        f"{folder}: is not a run folder ({name}: {why}); --resume and ensemble take folders that "
        "inkdigits train named"
    )


def write_json(path: Path, value: object) -> None:
    """Write `value` to `path` as JSON, whole or not at all."""
    write_text(path, json.dumps(value, indent=1) + "\n")
