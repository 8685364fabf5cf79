"""One training run, end to end: from settings to a folder with everything in it.

In: RunSettings. Out: a run folder and its RunResult. The command line calls it and prints.
"""

from __future__ import annotations

import json
import pickle
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from inkdigits import environment
from inkdigits.counts import counted
from inkdigits.data import Digits, DigitSets
from inkdigits.data.pictures import Looked, together
from inkdigits.errors import TrainingError
from inkdigits.evaluation import contact, plots, report
from inkdigits.evaluation.scores import Scores, accepted_from, score
from inkdigits.files import locked, written_whole
from inkdigits.runs.folder import (
    PICTURES,
    PICTURES_LIST,
    RESULT,
    read_settings,
    told_of_moving,
    write_json,
)
from inkdigits.runs.learning import Say, Trained, module_of, train_run
from inkdigits.runs.model_files import CHECKED, NO_KERAS, write_models
from inkdigits.runs.result import (
    DataInfo,
    PicturesInfo,
    RunResult,
    info,
    read_result,
    write_result,
)
from inkdigits.runs.settings import Device, RunSettings
from inkdigits.spec import ACCEPT, NONDIGITS, NONE
from inkdigits.training.callbacks import Callback
from inkdigits.training.data_checks import in_both
from inkdigits.training.device import chosen, name_of
from inkdigits.training.judge import as_tensors, probabilities
from inkdigits.training.models import parameter_count
from inkdigits.training.networks import is_module
from inkdigits.training.own import Own, load_back
from inkdigits.training.sets import load, load_added
from inkdigits.training.state import State
from inkdigits.training.threshold import threshold
from inkdigits.training.workers import Workers

Advance = Callable[[str, int, int], None]

_LISTED = 20  # pictures that the report names


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


def finish_run(
    folder: Path,
    callback: Callback,
    say: Say,
    advance: Advance,
    workers: Workers = Workers(),  # noqa: B008  frozen
    settings: RunSettings | None = None,
    network: object = None,
) -> RunResult | None:
    """Do what is left of the run in `folder` and give its result.

    Goes on from the checkpoint where there is one; a run that is finished is only read.
    say: told of each phase. workers: all but the first only train, and give None.
    settings: in place of the folder's, where data or models have moved or another device trains;
    kept in the folder once what they name has turned out to be the same. network: the PyTorch
    module where the recipe's network is one; training starts with its weights, and in the end it
    has the trained ones.
    Raises InkdigitsError subclasses, also where another process trains this run;
    KeyboardInterrupt leaves the last checkpoint whole.
    """
    settings = settings or read_settings(folder)
    with ExitStack() as stack:
        if workers.is_first:  # it alone writes, and speaks for the others of its run
            try:
                stack.enter_context(locked(folder))
            except BlockingIOError as error:
                raise TrainingError(
                    f"{folder}: another process trains this run; wait for its end, or stop it"
                ) from error
        if (folder / RESULT).is_file():
            say(f"{folder} is finished already")
            return read_result(folder, RunResult)
        callback.begin(settings.named())
        try:
            callback.phase("reading the data")
            result = _finish(folder, settings, callback, say, advance, workers, network)
        except BaseException:
            callback.stopped()
            raise
        if result is not None:
            callback.end(folder, result.scores)
        return result


def _finish(
    folder: Path,
    settings: RunSettings,
    callback: Callback,
    say: Say,
    advance: Advance,
    workers: Workers,
    network: object,
) -> RunResult | None:
    device = chosen(settings.device, workers)
    torch.set_num_threads(max(1, settings.threads // workers.count))
    module = module_of(folder, settings, network, workers)
    phases = Phases()
    with phases.timed("data"), told_of_moving(folder):
        sets, added, looked = _digits(settings, workers, say, advance)
    with phases.timed("training"):
        trained = train_run(folder, settings, device, sets, added, callback, say, workers, module)
        state = trained.state
    if not workers.is_first:
        return None
    callback.phase("choosing the acceptance threshold")
    with phases.timed("threshold"):
        found = threshold(state.evaluated, sets.train, trained.held, settings.seed, trained.accept)
    say(str(found))
    callback.phase("scoring the test set")
    with phases.timed("evaluation"):
        images, _ = as_tensors(sets.test)
        answers = probabilities(state.evaluated, images)
        scores = score(sets.test.labels, answers, len(sets.test))
    say(
        f"test: {scores.accuracy:.2%} of {counted(scores.n, 'image')} right, loss {scores.loss:.4f}"
    )
    callback.phase("writing the model's files")
    with phases.timed("exports"):
        differences = write_models(
            folder, settings.recipe.network, state, sets.test.images[:CHECKED], answers[:CHECKED],
            _about(settings, trained, sets, found.accept),
        )  # fmt: skip
    callback.phase("drawing")
    with phases.timed("pictures"):
        _draw(folder, settings, state, sets, scores, answers)
        if looked:
            if looked.framed:
                contact.write_sheet(looked, folder / PICTURES)
            contact.write_list(looked, folder / PICTURES_LIST)
    result = RunResult(
        recipe=settings.recipe,
        parameters=parameter_count(state.model),
        seed=settings.seed,
        precision=state.precision,
        threads=settings.threads,
        workers=workers.count,
        device=name_of(device),
        teacher=settings.teacher,
        data=_data(sets, trained, looked),
        scores=scores,
        acceptance=accepted_from(found.accept, sets.test.labels, answers),
        threshold=found,
        fine_tuning=trained.comparison,
        epochs_run=state.epoch,
        history=tuple(state.history),
        training_seconds=round(sum(row.seconds for row in state.history), 3),
        phase_seconds=phases.seconds,
        peak_memory_mb=environment.peak_memory_mb(),
        export_max_difference=differences,
        left_out=NO_KERAS if is_module(settings.recipe.network) else None,
        command=_command(settings, state, device, sets, workers),
        machine=environment.describe(),
        finished=environment.now(),
    )
    with written_whole(folder / "report.html") as part:
        report.write_report(result, folder, part, of_a_run=True)
    write_result(folder, result)
    if module is not None:
        load_back(cast("Own", state.evaluated), cast("torch.nn.Module", network))
    return result


def _digits(
    settings: RunSettings, workers: Workers, say: Say, advance: Advance
) -> tuple[DigitSets, Digits | None, Looked | None]:
    """The digits, those that are added, and what became of pictures among both."""
    # The first worker downloads what is missing before the others look for it.
    sets = load(settings.data, advance) if workers.is_first else None
    workers.from_first(None)
    sets = sets or load(settings.data, advance)
    added, added_looked = None, None
    if settings.add is not None:
        added, added_looked = load_added(Path(settings.add), advance)
        if added_looked:
            say(f"note: {settings.add}: {added_looked}")
        for said in in_both(added, sets.test):
            if said not in sets.notice:
                sets = replace(sets, notice=f"{sets.notice} {said}".strip())
    if sets.notice:
        say(f"note: {sets.notice}")
    say(f"data: {sets.name}, {len(sets.train):,} to train on, {len(sets.test):,} to test")
    return sets, added, together(sets.looked, added_looked)


def _about(
    settings: RunSettings, trained: Trained, sets: DigitSets, accept: float
) -> dict[str, str]:
    """The metadata of the run's model."""
    about = {
        "inkdigits.recipe": json.dumps(asdict(settings.recipe)),
        "inkdigits.seed": str(settings.seed),
        "inkdigits.data": sets.name,
        "inkdigits.data_sha256": sets.train.sha256,
        "inkdigits.commit": str(environment.describe()["commit"]),
        ACCEPT: f"{accept:.4f}",
    }
    if not (settings.recipe.nondigit_share or trained.accept):
        about[NONDIGITS] = NONE
    if trained.added is not None:
        about["inkdigits.added"] = json.dumps(asdict(trained.added.info))
    return about


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


def _data(sets: DigitSets, trained: Trained, looked: Looked | None) -> DataInfo:
    return DataInfo(
        train=info(sets.train),
        test=info(sets.test),
        source=sets.train.source,
        trained_on=trained.n,
        held_out=len(sets.train) - trained.n,
        added=trained.added.info if trained.added else None,
        notice=sets.notice,
        pictures=_told(looked) if looked else None,
    )


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


def _told(looked: Looked) -> PicturesInfo:
    listed = tuple(contact.rows(looked))
    return PicturesInfo(
        found=len(looked.framed),
        left_out=len(looked.left_out),
        doubted=len(listed) - len(looked.left_out),
        listed=listed[:_LISTED],
    )


def _keras_history(history: list[dict[str, Any]]) -> dict[str, list[float]]:
    """The history as Keras's History.history has it, for scripts written against the original."""
    keys = ("accuracy", "loss", "val_accuracy", "val_loss", "learning_rate")
    return {
        key: [row[key] for row in history]
        for key in keys
        if all(row[key] is not None for row in history)
    }
