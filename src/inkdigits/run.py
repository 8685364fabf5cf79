"""One training run, end to end: from settings to a folder with everything in it.

In: RunSettings. Out: a run folder and its RunResult. This is the only module that knows both
training and exports; the command line calls it and prints.
"""

from __future__ import annotations

import json
import pickle
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray

from inkdigits import machine
from inkdigits.data import Digits, DigitSets
from inkdigits.data.added import mixed, times_added
from inkdigits.data.pictures import Looked, together
from inkdigits.data.split import split_validation
from inkdigits.errors import ModelError, TrainingError
from inkdigits.evaluation import contact, plots, report
from inkdigits.evaluation.scores import Scores, accepted_from, score
from inkdigits.exports.onnx import load_onnx, save_onnx
from inkdigits.files import written_whole
from inkdigits.model_file import RUN_MODEL, model_path
from inkdigits.reader import Reader
from inkdigits.run_folder import (
    CHECKPOINT,
    PICTURES,
    PICTURES_LIST,
    RESULT,
    SETTINGS,
    read_result,
    read_settings,
    told_of_moving,
    write_json,
    write_settings,
)
from inkdigits.settings import Device, RunSettings
from inkdigits.spec import ACCEPT, NONDIGITS, NONE, accept_from, knows_nondigits, metadata
from inkdigits.training.callbacks import Callback
from inkdigits.training.device import chosen, name_of
from inkdigits.training.finetune import Comparison, keep_added, keep_better, start_from
from inkdigits.training.judge import as_tensors, probabilities
from inkdigits.training.learnt_from import refuse_other, sums
from inkdigits.training.limits import limits
from inkdigits.training.loop import train
from inkdigits.training.models import parameter_count
from inkdigits.training.networks import NETWORKS
from inkdigits.training.precision import used_precision
from inkdigits.training.sets import load, load_added
from inkdigits.training.state import State, Weights, fresh_state, load_state, weights_of
from inkdigits.training.workers import Workers

Say = Callable[[str], None]
Advance = Callable[[str, int, int], None]

_CHECKED = 256  # test images every exported file is compared on
_LISTED = 20  # pictures that the report names
_MAX_DIFFERENCE = 1e-5  # of a probability, exported file against PyTorch


@dataclass
class Phases:
    """Seconds spent, by phase."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def timed(self, phase: str) -> Iterator[None]:
        """Time what is inside."""
        start = time.perf_counter()
        yield
        self.seconds[phase] = round(time.perf_counter() - start, 3)


class Added(NamedTuple):
    """Digits of one's own that were mixed into the training set."""

    digits: Digits
    times: int  # each of them stands in it

    def to_dict(self) -> dict[str, Any]:
        """Plain values for result.json and the model's metadata."""
        digits = self.digits
        return {
            "name": digits.name,
            "sha256": digits.sha256,
            "images": len(digits),
            "times": self.times,
        }


class _Trained(NamedTuple):
    """What training gave."""

    state: State
    n: int  # images of --data trained on
    added: Added | None  # digits mixed in among them
    comparison: Comparison | None  # of the end with a given start
    held: Digits | None  # validation digits
    accept: float  # of the start, if it knows images without a digit; else 0


def finish_run(
    folder: Path,
    callback: Callback,
    say: Say,
    advance: Advance,
    workers: Workers = Workers(),  # noqa: B008  frozen
    settings: RunSettings | None = None,
) -> dict[str, Any]:
    """Do what is left of the run in `folder` and give its result, as in result.json.

    Goes on from the checkpoint where there is one; a run that is finished is only read.
    say: told of each phase. workers: all but the first only train, and give an empty result.
    settings: in place of the folder's, where data or models have moved or another device trains;
    kept in the folder once what they name has turned out to be the same.
    Raises InkdigitsError subclasses; KeyboardInterrupt leaves the last
    checkpoint whole.
    """
    settings = settings or read_settings(folder)
    if (folder / RESULT).is_file():
        say(f"{folder} is finished already")
        return read_result(folder)
    callback.begin(settings.named())
    try:
        callback.phase("reading the data")
        result = _finish(folder, settings, callback, say, advance, workers)
    except BaseException:
        callback.stopped()
        raise
    if workers.is_first:
        callback.end(folder, result)
    return result


def _finish(
    folder: Path,
    settings: RunSettings,
    callback: Callback,
    say: Say,
    advance: Advance,
    workers: Workers,
) -> dict[str, Any]:
    device = chosen(settings.device, workers)
    torch.set_num_threads(max(1, settings.threads // workers.count))
    phases = Phases()
    with phases.timed("data"), told_of_moving(folder):
        # The first worker downloads what is missing before the others look for it.
        sets = load(settings.data, advance) if workers.is_first else None
        workers.from_first(None)
        sets = sets or load(settings.data, advance)
        added, added_looked = None, None
        if settings.add is not None:
            added, added_looked = load_added(Path(settings.add), advance)
            if added_looked:
                say(f"note: {settings.add}: {added_looked}")
        looked = together(sets.looked, added_looked)
    if sets.notice:
        say(f"note: {sets.notice}")
    say(f"data: {sets.name}, {len(sets.train):,} training and {len(sets.test):,} test images")
    with phases.timed("training"):
        trained = _train(folder, settings, device, sets, added, callback, say, workers)
        state = trained.state
    if not workers.is_first:
        return {}
    callback.phase("what is accepted")
    with phases.timed("limits"):
        found = limits(state.evaluated, sets.train, trained.held, settings.seed, trained.accept)
    say(str(found))
    callback.phase("scoring the test set")
    with phases.timed("evaluation"):
        images, _ = as_tensors(sets.test)
        answers = probabilities(state.evaluated, images)
        scores = score(sets.test.labels, answers, len(sets.test))
    say(f"test: {scores.accuracy:.2%} of {scores.n:,} images right, loss {scores.loss:.4f}")
    callback.phase("writing the model's files")
    with phases.timed("exports"):
        differences = _export(folder, settings, trained, sets, answers, found.accept)
    callback.phase("drawing")
    with phases.timed("pictures"):
        _draw(folder, settings, state, sets, scores, answers)
        if looked:
            contact.write_sheet(looked, folder / PICTURES)
            contact.write_list(looked, folder / PICTURES_LIST)
    result = _result(settings, trained, sets, scores, differences, phases)
    result["data"]["pictures"] = _told(looked) if looked else None
    result["fine_tuning"] = asdict(trained.comparison) if trained.comparison else None
    result["limits"] = found.to_dict()
    result["acceptance"] = accepted_from(found.accept, sets.test.labels, answers).to_dict()
    result["workers"] = workers.count
    result["device"] = name_of(device)
    result["command"] = _command(settings, trained.state, device, sets, workers)
    with written_whole(folder / "report.html") as part:
        report.write_report(result, folder, part)
    write_json(folder / RESULT, result)  # last: its presence says that the run is finished
    return read_result(folder)


def _train(
    folder: Path,
    settings: RunSettings,
    device: torch.device,
    sets: DigitSets,
    added: Digits | None,
    callback: Callback,
    say: Say,
    workers: Workers,
) -> _Trained:
    checkpoint = folder / CHECKPOINT
    recipe = settings.recipe
    learnt_from = sums(sets, added, settings.start, settings.teacher)
    if checkpoint.is_file():
        state = load_state(checkpoint, device)
        if (state.recipe, state.seed) != (recipe, settings.seed):
            raise TrainingError(
                f"{checkpoint}: was made with another recipe or seed than {SETTINGS} says; "
                "start a new run"
            )
        refuse_other(state.learnt_from, learnt_from, folder)
        say(f"going on after epoch {state.epoch}")
    else:
        # The first worker times what is not known yet, and all compute alike.
        precision = used_precision(recipe, device) if workers.is_first else None
        state = fresh_state(recipe, settings.seed, device, workers.from_first(precision))
        state.learnt_from = learnt_from
    if workers.is_first and settings.absolute() != read_settings(folder):
        write_settings(folder, settings)
    start, accept = None, 0.0
    if settings.start is not None:
        path = model_path(settings.start)
        known = Reader(path).metadata
        if knows_nondigits(known, str(path)):  # what it was taught to doubt it doubts still
            accept = accept_from(known, str(path))
        start = {name: torch.tensor(array) for name, array in load_onnx(path)[1].items()}
        if state.epoch == 0:
            start_from(state, start, str(path))
    train_set, held = sets.train, None
    if recipe.validation_share:
        train_set, held = split_validation(sets.train, recipe.validation_share, settings.seed)
    n, mixed_in = len(train_set), None
    if added is not None:
        mixed_in = Added(added, times_added(n, len(added)))
        train_set = mixed(train_set, *mixed_in)
        say(f"added: {len(added):,} digits of {added.source}, each {mixed_in.times:,} times")
    say(
        f"training: recipe {recipe.name}, {parameter_count(state.model):,} parameters, "
        f"{len(train_set):,} images, {len(held) if held else 0:,} held out for validation, "
        f"{settings.threads} threads, {state.precision} on {name_of(device)}"
        + (f" in {workers.count} workers" if workers.count > 1 else "")
    )
    teacher = None
    if settings.teacher is not None:
        model = Reader(settings.teacher, max(1, settings.threads // workers.count))
        say(f"teacher: {model.path}")
        teacher = model.probabilities
    state = train(train_set, held, state, callback, checkpoint, workers, teacher, sets.nondigits)
    if start is None or held is None:
        return _Trained(state, n, mixed_in, None, held, accept)
    if added is None:
        comparison = keep_better(state, start, as_tensors(held))
    else:
        comparison = keep_added(state, start, as_tensors(held), as_tensors(added))
        say(
            f"added digits: {comparison.start_added:.0%} right before, "
            f"{comparison.end_added:.0%} after"
        )
    verdict = "no better: kept the start"
    if comparison.kept:
        verdict = f"kept {comparison.kept:.0%} of the way from the start to what was trained"
    say(
        f"validation: {comparison.start_accuracy:.2%} before, {comparison.end_accuracy:.2%} after; "
        + verdict
    )
    return _Trained(state, n, mixed_in, comparison, held, accept)


def _export(
    folder: Path,
    settings: RunSettings,
    trained: _Trained,
    sets: DigitSets,
    answers: NDArray[np.float32],
    accept: float,
) -> dict[str, float]:
    """Write the model in every format; give each file's greatest difference from PyTorch."""
    # Keras takes seconds to import; a run that fails before this need not wait for it.
    from inkdigits.exports.keras import build_keras, keras_probabilities, save_keras

    state = trained.state
    network = NETWORKS[settings.recipe.network]
    weights = _arrays(weights_of(state.evaluated))
    best = _arrays(state.best_accuracy) if state.best_accuracy is not None else weights
    about = {
        "inkdigits.recipe": json.dumps(asdict(settings.recipe)),
        "inkdigits.seed": str(settings.seed),
        "inkdigits.data": sets.name,
        "inkdigits.data_sha256": sets.train.sha256,
        "inkdigits.commit": str(machine.describe()["commit"]),
        ACCEPT: f"{accept:.4f}",
    }
    if not (settings.recipe.nondigit_share or trained.accept):
        about[NONDIGITS] = NONE
    if trained.added is not None:
        about["inkdigits.added"] = json.dumps(trained.added.to_dict())
    save_onnx(network, weights, folder / RUN_MODEL, about)
    final = build_keras(network, weights, "mnist_cnn")
    about |= metadata()
    save_keras(final, folder / "mnist_cnn_model.keras", about)
    save_keras(final, folder / "mnist_cnn_model.h5", about)
    save_keras(build_keras(network, best, "best_mnist"), folder / "best_mnist_model.h5", about)

    images = sets.test.images[:_CHECKED].astype(np.float32) / np.float32(255)
    found = {RUN_MODEL: Reader(folder / RUN_MODEL).probabilities(images)}
    for name in ("mnist_cnn_model.keras", "mnist_cnn_model.h5"):
        found[name] = keras_probabilities(folder / name, images)
    differences = {
        name: float(np.abs(values - answers[:_CHECKED]).max()) for name, values in found.items()
    }
    for name, difference in differences.items():
        if not difference <= _MAX_DIFFERENCE:
            (folder / name).unlink()
            raise ModelError(
                f"{name} differs from PyTorch by {difference:.2g} in a probability, wanted at most "
                f"{_MAX_DIFFERENCE:g}; it was removed"
            )
    return differences


def _draw(
    folder: Path,
    settings: RunSettings,
    state: State,
    sets: DigitSets,
    scores: Scores,
    answers: NDArray[np.float32],
) -> None:
    history = [asdict(row) for row in state.history]
    write_json(folder / "history.json", history)
    with written_whole(folder / "training_history.pkl") as part:
        part.write_bytes(pickle.dumps(_keras_history(history)))
    figures = {
        "class_distribution_mnist": plots.class_distribution(sets),
        "sample_digits": plots.sample_digits(sets.train, settings.seed),
        "training_history": plots.training_history(history),
        "confusion_matrix_mnist": plots.confusion_matrix(scores),
        "correct_predictions": plots.predictions(sets.test, answers, correct=True),
        "incorrect_predictions": plots.predictions(sets.test, answers, correct=False),
    }
    for name, figure in figures.items():
        plots.save(figure, folder / f"{name}.png")


def _result(
    settings: RunSettings,
    trained: _Trained,
    sets: DigitSets,
    scores: Scores,
    differences: dict[str, float],
    phases: Phases,
) -> dict[str, Any]:
    state = trained.state
    about = {
        "test": {"name": sets.test.name, "sha256": sets.test.sha256, "images": len(sets.test)},
        "train": {"name": sets.train.name, "sha256": sets.train.sha256, "images": len(sets.train)},
        "source": sets.train.source,
        "trained_on": trained.n,
        "held_out": len(sets.train) - trained.n,
        "added": trained.added.to_dict() if trained.added else None,
        "notice": sets.notice,
    }
    return {
        "recipe": asdict(settings.recipe),
        "parameters": parameter_count(state.model),
        "seed": settings.seed,
        "precision": state.precision,
        "threads": settings.threads,
        "teacher": settings.teacher,
        "data": about,
        "scores": scores.to_dict(),
        "epochs_run": state.epoch,
        "history": [asdict(row) for row in state.history],
        # Epochs alone, also those before a resume; phases also count what surrounds them.
        "training_seconds": round(sum(row.seconds for row in state.history), 3),
        "phase_seconds": phases.seconds,
        "peak_memory_mb": machine.peak_memory_mb(),
        "export_max_difference": differences,
        "machine": machine.describe(),
        "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def _command(
    settings: RunSettings, state: State, device: torch.device, sets: DigitSets, workers: Workers
) -> str:
    """The command that repeats the run: with what was found to be there, or faster, named."""
    used = replace(
        settings,
        recipe=settings.recipe.with_overrides({"precision": state.precision}),
        data=sets.name if settings.data == "auto" else settings.data,
        device=cast("Device", device.type),
    )
    launcher = "inkdigits"
    if workers.count > 1:
        launcher = f"torchrun --nproc-per-node={workers.count} -m inkdigits"
    return used.command(launcher)


def _told(looked: Looked) -> dict[str, Any]:
    """What became of the pictures, as plain values for result.json."""
    listed = list(contact.rows(looked))
    return {
        "found": len(looked.framed),
        "left_out": len(looked.left_out),
        "doubted": len(listed) - len(looked.left_out),
        "listed": listed[:_LISTED],
    }


def _keras_history(history: list[dict[str, Any]]) -> dict[str, list[float]]:
    """The history as Keras's History.history has it, for scripts written against the original."""
    keys = ("accuracy", "loss", "val_accuracy", "val_loss", "learning_rate")
    return {
        key: [row[key] for row in history]
        for key in keys
        if all(row[key] is not None for row in history)
    }


def _arrays(weights: Weights) -> dict[str, NDArray[np.float32]]:
    return {name: tensor.numpy() for name, tensor in weights.items()}
