"""What is read from a run folder may be anyone's: one error, and nothing in it is run."""

import json
import math
import pickle
import re
import shutil
from dataclasses import asdict
from pathlib import Path

import pytest

import inkdigits
from inkdigits.cli import cli
from inkdigits.errors import ConfigError, TrainingError
from inkdigits.evaluation.scores import Confusion
from inkdigits.reading.model_file import SHIPPED_MODEL
from inkdigits.runs.folder import (
    CHECKPOINT,
    RESULT,
    SETTINGS,
    read_settings,
    start_run,
    started,
)
from inkdigits.runs.result import EnsembleResult, Result, RunResult, read_result, write_result
from inkdigits.runs.settings import RunSettings
from inkdigits.training.recipes import RECIPES

ROOT = Path(inkdigits.__file__).parent
WANTED = asdict(RunSettings(recipe=RECIPES["fast"], data="sample", seed=1, threads=2))
FINISHED = {  # as version 0.1.0 wrote it
    "recipe": WANTED["recipe"],
    "parameters": 242_810,
    "seed": 1,
    "threads": 2,
    "data": {
        "test": {"name": "small test", "sha256": "b", "images": 20},
        "train": {"name": "small", "sha256": "a", "images": 90},
        "source": "a folder",
        "trained_on": 80,
        "held_out": 10,
        "notice": "",
    },
    "scores": {
        "n": 20,
        "accuracy": 0.95,
        "loss": 0.03,
        "per_class": [1.0] * 9 + [0.5],
        "per_class_n": [2] * 10,
        "calibration_error": 0.01,
        "confusions": [{"true": 9, "read_as": 4, "count": 1}],
        "matrix": [[2 * (row == column) for column in range(10)] for row in range(9)]
        + [[0, 0, 0, 0, 1, 0, 0, 0, 0, 1]],
        "report": "precision",
    },
    "epochs_run": 1,
    "history": [
        {"epoch": 1, "loss": 0.3, "accuracy": 0.9, "val_loss": None, "val_accuracy": None,
         "learning_rate": 0.001, "seconds": 1.5, "images_per_second": 60}
    ],
    "training_seconds": 1.5,
    "phase_seconds": {"data": 0.1},
    "export_max_difference": {"model.onnx": 1e-6},
    "machine": {"cpu": "a processor", "cores": 2, "versions": {}, "commit": None},
    "finished": "2026-11-23T12:00:00Z",
}  # fmt: skip


def test_settings_and_result_come_back(tmp_path):
    (tmp_path / SETTINGS).write_text(json.dumps(WANTED))
    (tmp_path / RESULT).write_text(json.dumps(FINISHED))
    assert asdict(read_settings(tmp_path)) == WANTED
    result = read_result(tmp_path, RunResult)
    assert (result.recipe, result.seed) == (RECIPES["fast"], 1)
    assert result.scores.confusions == (Confusion(9, 4, 1),)
    assert result.history[0].images_per_second == 60
    assert (result.threshold, result.workers) == (None, 1)
    write_result(tmp_path, result)
    assert read_result(tmp_path, RunResult) == result
    assert read_result(tmp_path, Result).data.train.sha256 == "a"
    with pytest.raises(TrainingError, match="missing required field `members`"):
        read_result(tmp_path, EnsembleResult)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1]", "holds a list, expected names and values"),
        ("[" * 100_000, "recursion"),
        ("\xe9", "codec can't decode"),
        ("{}", "missing required field `recipe`"),
        (json.dumps({**WANTED, "recipe": 3}), r"Expected `object`, got `int` - at `\$.recipe`"),
        (json.dumps({**WANTED, "seed": 1.5}), r"Expected `int`, got `float` - at `\$.seed`"),
        (json.dumps({**WANTED, "data": None}), r"Expected `str`, got `null` - at `\$.data`"),
        (json.dumps({**WANTED, "more": 1}), "no setting 'more' in this version"),
        (json.dumps(WANTED).replace('"epochs": 5', '"epochs": "5"'), r"`\$.recipe.epochs`"),
        (json.dumps(WANTED).replace('"epochs": 5', '"epochs": 0'), "epochs is 0, expected 1 to"),
        (json.dumps(WANTED).replace('"shift": 2', '"shift": 1' + "0" * 400), "shift is inf"),
        (json.dumps({**WANTED, "seed": "\udc80"}), "surrogates not allowed"),
    ],
    ids=[
        "list",
        "deep",
        "bytes",
        "empty",
        "recipe",
        "seed",
        "data",
        "more",
        "text",
        "range",
        "huge",
        "surrogate",
    ],
)  # fmt: skip
def test_settings_that_are_none_are_refused(tmp_path, text, message):
    (tmp_path / SETTINGS).write_text(text, encoding="latin-1")
    with pytest.raises(TrainingError, match=rf"is not a run folder \(settings\.json: .*{message}"):
        read_settings(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Expecting value"),
        ("3", "holds a int, expected names and values"),
        (json.dumps({**FINISHED, "scores": 3}), r"got `int` - at `\$.scores`"),
        (json.dumps({**FINISHED, "scores": {}}), r"missing required field `n` - at `\$.scores`"),
        (json.dumps({**FINISHED, "training_seconds": "1"}), r"at `\$.training_seconds`"),
        (json.dumps({**FINISHED, "seed": "\udc80"}), "surrogates not allowed"),
        (json.dumps({**FINISHED, "training_seconds": math.inf}), "training_seconds is inf, exp"),
        (
            json.dumps({**FINISHED, "scores": {**FINISHED["scores"], "accuracy": math.nan}}),
            "scores.accuracy is nan, expected a number",
        ),
    ],
    ids=["empty", "number", "scores", "lacks", "text", "surrogate", "infinite", "nan"],
)
def test_a_result_that_is_none_is_refused(tmp_path, text, message):
    (tmp_path / RESULT).write_text(text)
    with pytest.raises(TrainingError, match=rf"is not a run folder \(result\.json: .*{message}"):
        read_result(tmp_path, RunResult)


class _Trap:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_the_pickled_history_is_never_read(tmp_path, seven):
    run, trap = tmp_path / "run", tmp_path / "sprung"
    run.mkdir()
    (run / SETTINGS).write_text(json.dumps(WANTED))
    (run / RESULT).write_text(json.dumps(FINISHED))
    shutil.copy(SHIPPED_MODEL, run / "model.onnx")
    for name in ("training_history.pkl", "history.json", "checkpoint.safetensors"):
        (run / name).write_bytes(pickle.dumps(_Trap(trap)))
    for command in (
        ["predict", "--model", str(run), str(ROOT.parent.parent / "examples")],
        ["export", str(run), "--format", "onnx", "--to", str(tmp_path / "out")],
        ["train", "--resume", str(run)],
    ):
        cli.main(command, standalone_mode=False)
    (run / RESULT).unlink()
    with pytest.raises(TrainingError, match="not a readable checkpoint"):
        cli.main(["train", "--resume", str(run)], standalone_mode=False)
    assert not trap.exists()
    pickle.loads((run / "training_history.pkl").read_bytes()).close()
    assert trap.exists()  # it would have sprung


def test_nothing_that_is_read_from_a_file_is_unpickled():
    unpickles = re.compile(r"pickle\.(load|Unpickler)|torch\.load|allow_pickle=True|read_pickle")
    found = {
        path.relative_to(ROOT).as_posix()
        for path in ROOT.rglob("*.py")
        if unpickles.search(path.read_text(encoding="utf-8"))
    }
    # The service's pipes to the processes that it started itself.
    assert found == {"server/worker_main.py", "server/worker.py"}


def test_a_folder_in_use_is_left_as_it_was(tmp_path):
    asked = RunSettings(recipe=RECIPES["fast"], data="sample", seed=1, threads=2)
    start_run(tmp_path / "run", asked)
    before = {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    with pytest.raises(ConfigError, match="already exists"), started(tmp_path / "run", asked):
        pass
    assert {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()} == before


def test_what_fails_before_a_checkpoint_leaves_nothing_that_was_not_there(tmp_path):
    asked = RunSettings(recipe=RECIPES["fast"], data="sample", seed=1, threads=2)
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "empty", tmp_path / "new" / "one"):
        with pytest.raises(ZeroDivisionError), started(folder, asked):
            1 / (read_settings(folder) != asked)
    assert [path.name for path in tmp_path.rglob("*")] == ["empty"]


def test_what_fails_after_a_checkpoint_is_kept(tmp_path):
    asked = RunSettings(recipe=RECIPES["fast"], data="sample", seed=1, threads=2)
    checkpoint = tmp_path / "run" / CHECKPOINT
    with pytest.raises(ZeroDivisionError), started(tmp_path / "run", asked):
        1 / (checkpoint.write_bytes(b"weights") - 7)
    assert read_settings(tmp_path / "run") == asked
