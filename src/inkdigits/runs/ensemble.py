"""An ensemble: finished runs averaged into one model, scored once.

In: run folders, all trained on the same data. Out: a folder with one model.onnx that gives the
mean of the members' probabilities, its result.json and pictures. Members count the same: weights
chosen on any set would need a set to choose them on.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from inkdigits import environment
from inkdigits.counts import counted
from inkdigits.errors import ConfigError, TrainingError
from inkdigits.evaluation import plots
from inkdigits.evaluation.scores import accepted_from, score
from inkdigits.exports.onnx import save_ensemble
from inkdigits.reading.model import Model
from inkdigits.reading.model_file import RUN_MODEL
from inkdigits.runs import folder as run_folder
from inkdigits.runs.learning import Say
from inkdigits.runs.result import (
    EnsembleResult,
    Member,
    RunResult,
    finished_result,
    write_result,
)
from inkdigits.runs.run import Advance
from inkdigits.spec import ACCEPT, NONDIGITS, NONE
from inkdigits.training.sets import load

FILES = {
    RUN_MODEL: "all members as one model, for `inkdigits predict --model`",
    run_folder.RESULT: "numbers, members, data's SHA-256, versions",
    "confusion_matrix_mnist.png": run_folder.FILES["confusion_matrix_mnist.png"],
    "incorrect_predictions.png": run_folder.FILES["incorrect_predictions.png"],
}


def average(folders: Sequence[Path], out: Path, say: Say, advance: Advance) -> EnsembleResult:
    """Average the finished runs in `folders` into `out` and give the result.

    Raises ConfigError if there are fewer than two, one is named twice or `out` is not empty,
    TrainingError if a run is not finished or was trained on other data than the first.
    """
    if len({folder.resolve() for folder in folders}) < max(2, len(folders)):
        raise ConfigError(f"{len(folders)} runs given, expected two or more, each named once")
    run_folder.refuse_filled(out)
    results = [finished_result(folder, RunResult) for folder in folders]
    hashes = [(r.data.train.sha256, r.data.test.sha256) for r in results]
    for folder, found in zip(folders, hashes, strict=True):
        if found != hashes[0]:
            raise TrainingError(
                f"{folder} was trained or tested on other data than {folders[0]}; "
                "one figure cannot speak for both"
            )
    levels, known = [], True
    for folder in folders:
        model = Model(folder / RUN_MODEL, threads=1)
        levels.append(model.accept)
        known &= model.knows_nondigits
    sets = load(run_folder.read_settings(folders[0]).data, advance)
    if sets.test.sha256 != hashes[0][1]:
        raise TrainingError(f"{sets.test.source} is no longer what {folders[0]} was tested on")
    about = tuple(
        Member(folder=str(folder), recipe=r.recipe.name, seed=r.seed)
        for folder, r in zip(folders, results, strict=True)
    )
    # No digit is held out from all members: their mean is sure where they are on average.
    level = round(statistics.mean(levels), 4)
    entries = {
        "inkdigits.members": json.dumps([asdict(member) for member in about]),
        ACCEPT: f"{level:.4f}",
    }
    save_ensemble(
        [f / RUN_MODEL for f in folders],
        out / RUN_MODEL,
        entries | ({} if known else {NONDIGITS: NONE}),
    )
    images = sets.test.images.astype(np.float32) / np.float32(255)
    # In parts: the activations of all members at once would take gigabytes.
    model = Model(out / RUN_MODEL, threads=0)
    answers = np.concatenate(
        [model.run(part) for part in np.array_split(images, len(images) // 500 + 1)]
    )
    scores = score(sets.test.labels, answers, len(sets.test))
    say(
        f"test: {scores.accuracy:.2%} of {counted(scores.n, 'image')} right, loss {scores.loss:.4f}"
    )
    plots.save(plots.confusion_matrix(scores), out / "confusion_matrix_mnist.png")
    wrong = plots.predictions(sets.test, answers, correct=False)
    plots.save(wrong, out / "incorrect_predictions.png")
    result = EnsembleResult(
        members=about,
        parameters=sum(r.parameters for r in results),
        data=results[0].data,
        scores=scores,
        acceptance=accepted_from(level, sets.test.labels, answers),
        training_seconds=sum(r.training_seconds for r in results),
        threads=results[0].threads,
        peak_memory_mb=environment.peak_memory_mb(),
        machine=environment.describe(),
        finished=environment.now(),
    )
    write_result(out, result)
    return result
