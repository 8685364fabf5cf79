"""What a run or an ensemble amounts to: result.json, written and read as one dataclass.

In: a run folder. Out: RunResult or EnsembleResult. Fields with defaults are those that version
0.1.0 did not write; what a later version adds is ignored.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from inkdigits.data import Digits
from inkdigits.errors import ConfigError, TrainingError
from inkdigits.evaluation.scores import Acceptance, Scores
from inkdigits.runs.folder import RESULT, SETTINGS, not_a_run, read_json, write_json
from inkdigits.training.finetune import Comparison
from inkdigits.training.recipes import Recipe
from inkdigits.training.state import Epoch
from inkdigits.training.threshold import Threshold


@dataclass(frozen=True, kw_only=True)
class SplitInfo:
    """A set of digits that was trained on or scored."""

    name: str
    sha256: str  # of its images and labels
    images: int


def info(digits: Digits) -> SplitInfo:
    """What is told of the digits."""
    return SplitInfo(name=digits.name, sha256=digits.sha256, images=len(digits))


@dataclass(frozen=True, kw_only=True)
class AddedInfo(SplitInfo):
    """Digits of one's own that were mixed into the training set."""

    times: int  # each of them stands in it


@dataclass(frozen=True, kw_only=True)
class PicturesInfo:
    """What became of pictures in which the digit had to be found."""

    found: int
    left_out: int
    doubted: int  # the shipped model is sure of another digit
    listed: tuple[tuple[str, str, str, str], ...]  # the first of pictures.csv


@dataclass(frozen=True, kw_only=True)
class DataInfo:
    """The digits of a run."""

    train: SplitInfo
    test: SplitInfo
    source: str
    trained_on: int  # images of train; the others are held out
    held_out: int
    notice: str  # for the reader of the numbers; may be empty
    added: AddedInfo | None = None
    pictures: PicturesInfo | None = None


@dataclass(frozen=True, kw_only=True)
class Result:
    """What runs and ensembles have in common."""

    data: DataInfo
    scores: Scores  # of the test set
    parameters: int
    threads: int
    training_seconds: float  # epochs alone, also those before a resume
    machine: dict[str, Any]  # as environment.describe gives it
    finished: str  # UTC, ISO 8601
    acceptance: Acceptance | None = None  # what the threshold accepts of the test set
    peak_memory_mb: int = 0


@dataclass(frozen=True, kw_only=True)
class RunResult(Result):
    """A finished run."""

    recipe: Recipe
    seed: int
    epochs_run: int
    history: tuple[Epoch, ...]
    phase_seconds: dict[str, float]  # training's include what surrounds the epochs
    export_max_difference: dict[str, float]  # file: greatest difference of a probability
    precision: str | None = None
    teacher: str | None = None
    fine_tuning: Comparison | None = None
    threshold: Threshold | None = None  # of acceptance
    workers: int = 1
    device: str | None = None
    command: str | None = None  # that repeats the run
    left_out: str | None = None  # which files were not written, and why


@dataclass(frozen=True, kw_only=True)
class Member:
    """A run of an ensemble."""

    folder: str
    recipe: str
    seed: int


@dataclass(frozen=True, kw_only=True)
class EnsembleResult(Result):
    """Finished runs averaged. parameters and training_seconds are sums over its members."""

    members: tuple[Member, ...]


Kind = TypeVar("Kind", bound=Result)


def read_result(folder: Path, kind: type[Kind]) -> Kind:
    """The result of a finished run or ensemble. Raises TrainingError."""
    try:
        result = msgspec.convert(read_json(folder, RESULT), kind)
    # UnicodeError: msgspec's, where a text that cannot be encoded stands in the place of a number.
    except (msgspec.ValidationError, UnicodeError, ConfigError) as error:
        raise not_a_run(folder, RESULT, error) from error
    # Of these a study computes. A loss may have diverged.
    shown = {"scores.accuracy": result.scores.accuracy, "training_seconds": result.training_seconds}
    for name, value in shown.items():
        if not math.isfinite(value):
            raise not_a_run(folder, RESULT, f"{name} is {value}, expected a number")
    return result


def finished_result(folder: Path, kind: type[Kind]) -> Kind:
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
    return read_result(folder, kind)


def write_result(folder: Path, result: Result) -> None:
    """Write result.json. It is written last: its presence shows that the run is finished."""
    write_json(folder / RESULT, asdict(result))
