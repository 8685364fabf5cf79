"""Training from Python, as a program or a notebook does it."""

import os
import sys
import threading
import types

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

import inkdigits
from inkdigits.errors import ConfigError, DataError, MissingExtraError, TrainingError
from inkdigits.training.callbacks import Callback, MLflow, TensorBoard
from inkdigits.training.state import Epoch


class Told(Callback):
    """Writes down what it is told."""

    def __init__(self):
        self.said = []

    def begin(self, settings):
        self.said.append(f"begin {settings['recipe']} {settings['epochs']}")

    def epoch(self, row):
        self.said.append(f"epoch {row.epoch}")

    def phase(self, what):
        self.said.append(what)

    def end(self, folder, scores):
        self.said.append(f"end {folder.name}")

    def stopped(self):
        self.said.append("stopped")


class Keras(Callback):
    """Has a method of Keras's."""

    def on_epoch_end(self, epoch, logs):
        raise AssertionError


@pytest.fixture(scope="module")
def told():
    return Told()


@pytest.fixture(scope="module")
def run(told, tmp_path_factory):
    return inkdigits.train(
        "sample", "flash", out=tmp_path_factory.mktemp("runs") / "one", callbacks=[told],
        quiet=True, epochs=2, threads=1,
    )  # fmt: skip


def test_a_run_has_its_score_history_and_figures(run):
    assert 0.8 < run.accuracy <= 1
    assert [row["epoch"] for row in run.history] == [1, 2]
    assert run.model.is_file()
    assert all(isinstance(figure, Figure) for figure in run.plots.values())
    assert list(run.plots) == ["training_history", "confusion_matrix"]
    of = "of 1,000 digits right (sample test), "
    assert repr(run).startswith(f"<Run flash: {run.accuracy:.2%} {of}")
    shown = run._repr_html_()
    assert shown.count("data:image/png;base64,") == 2
    assert "5,000 MNIST digits" in shown  # the sample's score is no MNIST score
    assert run.plots["confusion_matrix"]._repr_png_()[:4] == b"\x89PNG"
    again = inkdigits.Run(run.folder)
    assert (again.accuracy, again.history) == (run.accuracy, run.history)


def test_a_program_is_told_of_its_data_on_standard_error_alone(tmp_path, capsys, monkeypatch):
    """Where there is neither a terminal nor a notebook."""

    class EnoughError(Exception):
        pass

    def enough(*_):
        raise EnoughError

    monkeypatch.setattr("inkdigits.runs.run.train_run", enough)
    with pytest.raises(EnoughError):
        inkdigits.train("sample", "flash", out=tmp_path / "run")
    out, err = capsys.readouterr()
    assert "data: sample, 4,000 to train on, 1,000 to test" in err
    assert err.startswith("note: ")
    assert out == ""


def test_callbacks_are_told_in_order(run, told):
    assert told.said == [
        "begin flash 2", "reading the data", "epoch 1", "epoch 2",
        "choosing the acceptance threshold", "scoring the test set",
        "writing the model's files", "drawing", "end one",
    ]  # fmt: skip


def test_a_run_is_a_model(run, seven, tmp_path):
    assert inkdigits.predict(seven, model=run).digit == 7
    assert inkdigits.read(seven, model=run.folder).text == "7"
    assert inkdigits.Reader(run).model.path == run.model


def test_a_run_is_scored_on_other_digits(run, sample, tmp_path):
    for i in range(0, 1000, 25):
        place = tmp_path / str(sample.test.labels[i])
        place.mkdir(exist_ok=True)
        Image.fromarray(sample.test.images[i]).save(place / f"{i}.png")
    found = run.evaluate(tmp_path)
    assert found.scores.n == 40
    assert found.accuracy > 0.8
    right = found.probabilities.argmax(1) == found.digits.labels
    assert right.mean() == found.accuracy
    found.save(str(tmp_path / "report"))
    assert (tmp_path / "report" / "report.html").is_file()


def test_what_fails_leaves_nothing_and_tells_its_callbacks(tmp_path):
    told = Told()
    with pytest.raises(DataError):
        inkdigits.train(
            tmp_path / "none", "flash", out=tmp_path / "run", callbacks=[told], quiet=True
        )
    assert told.said[1:] == ["reading the data", "stopped"]
    assert not (tmp_path / "run").exists()
    with pytest.raises(ConfigError, match=r"no setting 'epoch'; there are add, .* start, "):
        inkdigits.train("sample", epoch=3)
    with pytest.raises(TrainingError, match=r"not a finished run: .*expected a folder that inkd"):
        inkdigits.Run(tmp_path)
    (tmp_path / "settings.json").write_text("{}")
    with pytest.raises(TrainingError, match=r"not a finished run: .*; finish it with inkdigits tr"):
        inkdigits.Run(tmp_path)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epochs": "3"}, "epochs is '3', expected a whole number"),
        ({"epochs": 1.0}, "epochs is 1.0, expected a whole number"),
        ({"epochs": True}, "epochs is True, expected a whole number"),
        ({"calibrate": 1}, "calibrate is 1, expected true or false"),
        ({"seed": 1 << 63}, "seed is 9223372036854775808, expected 0 to 9,223,372,036,854,775,807"),
        ({"teacher": ""}, "teacher is an empty text, expected a name or a path"),
        ({"add": ""}, "add is an empty text, expected a name or a path"),
        ({"recipe": 5}, "recipe is 5, expected text"),
        ({"callbacks": Told()}, "callbacks: found Told, expected a list of objects"),
        ({"callbacks": [Told]}, "callbacks: found Told, expected a list of objects"),
        (
            {"callbacks": [Keras()]},
            "callbacks: Keras has on_epoch_end, which is never called;",
        ),
        ({"callbacks": [print]}, "callbacks: found builtin_function_or_method, expected a list"),
    ],
)
def test_values_of_another_kind_are_told_before_anything_is_read(tmp_path, settings, message):
    with pytest.raises(ConfigError) as error:
        inkdigits.train("no such data", out=tmp_path / "run", **settings)
    assert message in str(error.value)
    assert not (tmp_path / "run").exists()


def test_numbers_of_numpys_are_numbers(tmp_path):
    with pytest.raises(DataError, match="no such data: does not exist"):
        inkdigits.train(
            "no such data", out=tmp_path / "run", epochs=np.int64(1), learning_rate=np.float32(0.1)
        )


def test_trainings_in_two_threads_are_those_of_one(tmp_path, monkeypatch):
    """Each in a folder of its own, though both begin in the same second."""
    monkeypatch.chdir(tmp_path)
    clock = types.SimpleNamespace(strftime=lambda form: "now")
    monkeypatch.setattr("inkdigits.runs.folder.time", clock)
    found = {}

    def go(number):
        found[number] = inkdigits.train("sample", "flash", network="nano", quiet=True, threads=1)

    threads = [threading.Thread(target=go, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {run.folder.name for run in found.values()} == {"now-flash-seed0", "now-flash-seed0-2"}
    assert found[0].result.scores == found[1].result.scores


def test_tensorboard_and_mlflow_are_named_where_they_are_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(MissingExtraError, match="pip install tensorboard"):
        TensorBoard(tmp_path)
    with pytest.raises(MissingExtraError, match="pip install mlflow"):
        MLflow()


def told_to(monkeypatch, name, **values):
    """A module that writes down what is called on it, in place of a library."""
    calls = []

    def anything(called):
        def call(*arguments, **named):
            calls.append((called, *arguments, *named.values()))
            return module

        return call

    module = types.SimpleNamespace(
        **{called: anything(called) for called in values["called"].split()}
    )
    monkeypatch.setitem(sys.modules, name, module)
    return calls


def test_epochs_and_the_score_reach_tensorboard_and_mlflow(run, tmp_path, monkeypatch):
    board = told_to(
        monkeypatch, "torch.utils.tensorboard", called="SummaryWriter add_scalar flush close"
    )
    flow = told_to(
        monkeypatch, "mlflow",
        called="set_experiment start_run log_params log_metrics log_metric log_artifact end_run",
    )  # fmt: skip
    callbacks = [TensorBoard(tmp_path), MLflow("mine")]
    for one in callbacks:
        one.begin({"recipe": "flash"})
        one.epoch(Epoch(**run.history[0]))
        one.end(run.folder, run.result.scores)
    scalars = {(call[1], call[3]): call[2] for call in board if call[0] == "add_scalar"}
    assert scalars["loss", 1] == run.history[0]["loss"]
    assert scalars["test accuracy", 1] == run.accuracy
    assert board[-1] == ("close",)
    assert [call[0] for call in flow] == [
        "set_experiment", "start_run", "log_params", "log_metrics", "log_metric", "log_artifact",
        "log_artifact", "end_run",
    ]  # fmt: skip
    assert flow[5][1] == os.path.join(run.folder, "report.html")
