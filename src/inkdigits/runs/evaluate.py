"""A finished model scored on labelled digits.

In: a model, a source of digits, which part of it. Out: the result, as in result.json, and where a
folder is named a report, pictures, and a list of what was read wrongly. Nothing is trained.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from inkdigits import environment
from inkdigits.counts import counted
from inkdigits.data import Digits
from inkdigits.data.listed import is_list
from inkdigits.data.sources import as_source, no_progress
from inkdigits.errors import ConfigError, DataError, MissingExtraError
from inkdigits.evaluation import plots, report
from inkdigits.evaluation.scores import Acceptance, Scores, accepted_from, score
from inkdigits.files import folder_written_whole
from inkdigits.reading.model import About, Model, about
from inkdigits.reading.model_file import is_keras
from inkdigits.runs.folder import FILES as RUN_FILES
from inkdigits.runs.folder import RESULT, write_json
from inkdigits.spec import accept_from
from inkdigits.text_line import csv_row
from inkdigits.training.data_checks import in_both
from inkdigits.training.sets import load, load_added

if TYPE_CHECKING:
    from inkdigits.evaluation.plots import Figure

Part = Literal["test", "train", "all"]
Array = NDArray[np.float32]
Advance = Callable[[str, int, int], None]

WRONG = "wrong.csv"
FILES = {  # what a folder of an evaluation holds
    "report.html": RUN_FILES["report.html"],
    RESULT: "numbers, data's SHA-256, versions",
    WRONG: "each digit that was read wrongly: its index in the data, from 0, and its file",
    "confusion_matrix.png": RUN_FILES["confusion_matrix_mnist.png"],
    "calibration.png": "how often answers of each confidence are right",
    "incorrect_predictions.png": RUN_FILES["incorrect_predictions.png"],
    "correct_predictions.png": RUN_FILES["correct_predictions.png"],
}
OWN = "|".join(name.replace(".", r"\.") for name in FILES)
_AT_ONCE = 5_000  # digits: 16 MB of floats


class _Answering(NamedTuple):
    """The model that is scored."""

    path: Path
    about: About
    probabilities: Callable[[Array], Array]


@dataclass(frozen=True, kw_only=True)
class EvaluatedModel:
    """The model that was scored."""

    path: str
    identity: str  # SHA-256 of its files
    metadata: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class EvaluatedDigits:
    """The digits that it was scored on."""

    name: str
    source: str
    sha256: str  # of images and labels
    images: int
    notice: str  # for the reader of the numbers; may be empty


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What an evaluation amounts to; result.json has the same."""

    model: EvaluatedModel
    data: EvaluatedDigits
    scores: Scores
    acceptance: Acceptance
    machine: dict[str, object]  # as environment.describe gives it
    finished: str  # UTC, ISO 8601


class Report:
    """A model's score on labelled digits, with figures; notebooks show it.

    result: the numbers. digits: what was scored. probabilities: (n, 10) float32, the answers, in
    the digits' order. plots: Matplotlib figures by name.
    """

    def __init__(self, result: Evaluation, digits: Digits, probabilities: Array) -> None:
        self.result = result
        self.digits = digits
        self.probabilities = probabilities

    @property
    def scores(self) -> Scores:
        """Accuracy, confusions and other numbers."""
        return self.result.scores

    @property
    def accuracy(self) -> float:
        """Share of the digits read right, in [0, 1]."""
        return self.scores.accuracy

    @cached_property
    def plots(self) -> dict[str, Figure]:
        """confusion_matrix, calibration, incorrect_predictions, correct_predictions."""
        digits, answers = self.digits, self.probabilities
        return {
            "confusion_matrix": plots.confusion_matrix(self.scores),
            "calibration": plots.calibration(digits.labels, answers),
            "incorrect_predictions": plots.predictions(digits, answers, correct=False),
            "correct_predictions": plots.predictions(digits, answers, correct=True),
        }

    def save(self, folder: str | PathLike[str]) -> None:
        """Write report.html, the figures, result.json and a list of what was read wrongly.

        The folder appears whole or not at all. Raises ConfigError if it is there and holds other
        files, OSError if it cannot be made.
        """
        with folder_written_whole(Path(folder), RESULT, OWN) as part:
            for name, figure in self.plots.items():
                plots.save(figure, part / f"{name}.png")
            self._list_wrong(part / WRONG)
            report.write_report(self.result, part, part / "report.html", of_a_run=False)
            write_json(part / RESULT, asdict(self.result))

    def __repr__(self) -> str:
        of = counted(self.scores.n, "digit")
        return f"<Report {self.accuracy:.2%} of {of} right: {self.result.data.name}>"

    def _repr_html_(self) -> str:
        shown = ("confusion_matrix", "incorrect_predictions")
        notice = self.result.data.notice
        return report.as_html(repr(self), notice, [self.plots[name] for name in shown])

    def _list_wrong(self, path: Path) -> None:
        labels, answers = self.digits.labels, self.probabilities
        read = answers.argmax(1)
        # The name of a file may be no text.
        with path.open("w", encoding="utf-8", errors="backslashreplace", newline="") as lines:
            print("index,digit,read_as,confidence,file", file=lines)
            for i in np.flatnonzero(read != labels):
                file = self.digits.names[i] if self.digits.names else ""
                sure = f"{answers[i].max():.4f}"
                row = self.digits.positions[i], labels[i], read[i], sure, file
                print(csv_row(row), file=lines)


def evaluate(
    model: str | PathLike[str] | None,
    data: str | PathLike[str],
    part: Part | None = None,
    advance: Advance = no_progress,
) -> Report:
    """Score a model on a part of the data.

    model: as Reader takes it, or a .keras or .h5 file of ours; None is the shipped one. data: as
    `load` takes it. part: None is the test part. A source without one of its own is then scored
    whole, unless the model was trained on it: then what training leaves out of it is scored.
    Raises ModelError, DataError, ConfigError, MissingExtraError.
    """
    if part is not None and part not in get_args(Part):
        raise ConfigError(f"part is {part!r:.80}, expected one of {', '.join(get_args(Part))}")
    answering = _keras(Path(model)) if is_keras(model) else _onnx(model)
    digits, notice = _digits(as_source(data), part, answering.about.metadata, advance)
    answers = []
    for start in range(0, len(digits), _AT_ONCE):
        some = digits.images[start : start + _AT_ONCE].astype(np.float32) / np.float32(255)
        answers.append(answering.probabilities(some))
        advance("reading digits", start + len(some), len(digits))
    found = np.concatenate(answers)
    level = accept_from(answering.about.metadata, str(answering.path))
    result = Evaluation(
        model=EvaluatedModel(
            path=str(answering.path),
            identity=answering.about.identity,
            metadata=answering.about.metadata,
        ),
        data=EvaluatedDigits(
            name=digits.name,
            source=digits.source,
            sha256=digits.sha256,
            images=len(digits),
            notice=notice,
        ),
        scores=score(digits.labels, found, len(digits)),
        acceptance=accepted_from(level, digits.labels, found),
        machine=environment.describe(),
        finished=environment.now(),
    )
    return Report(result, digits, found)


def _onnx(model: str | PathLike[str] | None) -> _Answering:
    found = Model(model, threads=0)
    return _Answering(found.path, found.about, found.run)


def _keras(path: Path) -> _Answering:
    try:
        from inkdigits.exports.keras_file import load_keras
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"{path}: a Keras file needs {error.name}, which is not installed: "
            "pip install 'inkdigits[train]'"
        ) from error
    found = load_keras(path)
    return _Answering(path, about(path, [path], found.metadata), found.probabilities)


def _digits(
    source: str, part: Part | None, about: dict[str, str], advance: Advance
) -> tuple[Digits, str]:
    """The digits to score, and a notice for the reader of their numbers."""
    try:
        sets = load(source, advance)
    except DataError:
        # Of a few pictures no fifth can be split off, and none needs to be.
        path = Path(source)
        if part in ("test", "train") or not (path.is_dir() or is_list(path)):
            raise
        digits, looked = load_added(path, advance)
        return digits, _joined(_seen_as_added(digits, about), str(looked or ""))
    learnt = about.get("inkdigits.data_sha256") == sets.train.sha256
    chosen = part or ("all" if sets.split and not learnt else "test")
    if chosen == "test":
        return sets.test, _joined(_seen_as_added(sets.test, about), sets.notice)
    digits, notice = sets.train, sets.notice
    if sets.split:  # here it makes no difference, and neither does what is in both parts
        for said in (sets.split, *in_both(sets.train, sets.test)):
            notice = _joined(*map(str.strip, notice.split(said)))
    if chosen == "all":
        parts = (sets.train, sets.test)
        # Split off, the test digits lie among the others; else in a file of their own, behind them.
        behind = 0 if sets.split else len(sets.train)
        digits = Digits(
            np.concatenate([part.images for part in parts]),
            np.concatenate([part.labels for part in parts]),
            sets.name,
            digits.source,
            sets.train.names + sets.test.names,
            np.concatenate([sets.train.positions, sets.test.positions + behind]),
        )
    return digits, _joined(_SEEN if learnt else _seen_as_added(digits, about), notice)


_SEEN = "The model was trained on digits of this set: it has seen them."


def _seen_as_added(digits: Digits, about: dict[str, str]) -> str:
    """Says so if the model learnt these very digits as those that were added to others."""
    added = about.get("inkdigits.added", "")  # JSON, which holds their SHA-256
    if not added:
        return ""
    in_order = digits.take(np.argsort(digits.positions, kind="stable"), digits.name)
    return _SEEN if digits.sha256 in added or in_order.sha256 in added else ""


def _joined(*sentences: str) -> str:
    return " ".join(filter(None, sentences))
