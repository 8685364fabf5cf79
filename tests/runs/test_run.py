"""Beginning, stopping and going on: a run ends as if it had not been stopped, or says why not."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from inkdigits.cli import cli
from inkdigits.data.folders import write_png_files
from inkdigits.errors import ConfigError, DataError, TrainingError
from inkdigits.files import locked
from inkdigits.reading.reader import Reader
from inkdigits.runs import folder as run_folder
from inkdigits.runs import learning, run
from inkdigits.runs.result import RunResult, read_result
from inkdigits.runs.settings import RunSettings
from inkdigits.training import state as states
from inkdigits.training.callbacks import Callback
from inkdigits.training.recipes import recipe
from inkdigits.training.workers import Workers
from support import few_digits, names_in_utf_8, short_ends


def nothing(*told):
    pass


class Stop(Callback):
    """Ctrl-C in the epoch after so many."""

    def __init__(self, after):
        self._after = after

    def batch(self, state, done, total, loss, rate):
        if state.epoch == self._after:
            raise KeyboardInterrupt


class BegunError(Callback, Exception):
    """Ends a run that begins."""

    def begin(self, settings):
        raise self


@pytest.fixture(scope="module")
def digits(tmp_path_factory, sample):
    """A folder with PNGs of 300 digits to train on and 100 to test with."""
    return few_digits(sample, 100, tmp_path_factory.mktemp("data") / "digits")


@pytest.fixture
def here(tmp_path, monkeypatch, digits):
    """A working directory with the digits, and a few more of one's own; runs end soon."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(digits, "digits")
    shutil.copytree(digits / "test", "mine")
    with short_ends():
        yield tmp_path


def settings(**others):
    row = recipe("fast").with_overrides(
        {"network": "nano", "epochs": 2, "batch_size": 32, "precision": "float32"}
    )
    asked = {"recipe": row, "data": "digits", "seed": 0, "threads": 1, "device": "cpu", **others}
    return RunSettings(**asked)


def stopped_after_an_epoch(folder, **others):
    with pytest.raises(KeyboardInterrupt), run_folder.started(folder, settings(**others)):
        run.finish_run(folder, Stop(1), nothing, nothing)
    assert (folder / run_folder.CHECKPOINT).is_file()


def finished(folder, asked=None):
    return run.finish_run(folder, Callback(), nothing, nothing, settings=asked)


def elsewhere(monkeypatch, here):
    (here / "elsewhere").mkdir()
    monkeypatch.chdir(here / "elsewhere")


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"data": "no/such"}, DataError),
        ({"add": "no/such"}, DataError),
        ({"device": "mps"}, ConfigError),
    ],
)
def test_a_start_that_fails_leaves_no_folder(here, monkeypatch, wrong, error):
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    folder = here / "runs" / "one"
    with pytest.raises(error), run_folder.started(folder, settings(**wrong)):
        finished(folder)
    assert not (here / "runs").exists()


@names_in_utf_8
def test_names_that_are_no_text_reach_every_file(tmp_path, digits):
    """A folder of bytes that are no UTF-8, and in it a picture of such a name that is left out."""
    folder = os.fsencode(tmp_path) + b"/\xff digits"
    shutil.copytree(os.fsencode(digits), folder)
    with open(folder + b"/train/3_\xfe.png", "wb"):
        pass
    asked = settings(data=os.fsdecode(folder))
    with run_folder.started(tmp_path / "run", asked):
        finished(tmp_path / "run")
    assert Reader(tmp_path / "run").model.metadata["inkdigits.data"] == "\\udcff digits"
    assert '/train/3_\\udcfe.png,3,no,"is empty' in (tmp_path / "run" / "pictures.csv").read_text()
    assert "3_\\udcfe.png" in (tmp_path / "run" / "report.html").read_text()


def test_a_run_that_is_stopped_in_its_first_epoch_leaves_no_folder(here):
    folder = here / "runs" / "one"
    with pytest.raises(KeyboardInterrupt), run_folder.started(folder, settings()):
        run.finish_run(folder, Stop(0), nothing, nothing)
    assert not (here / "runs").exists()


def test_a_stopped_run_goes_on_from_any_folder_and_ends_as_an_unbroken_one(here, monkeypatch):
    asked = settings(data="digits", add="mine")
    stopped_after_an_epoch(Path("runs/broken"), add="mine")
    with run_folder.started(Path("runs/whole"), asked):
        whole = finished(Path("runs/whole"))
    elsewhere(monkeypatch, here)
    broken = finished(Path("../runs/broken"))
    assert broken.scores == whole.scores
    assert broken.data == whole.data
    assert broken.command == whole.command == (
        f"inkdigits train --recipe fast --data {here}/digits --add {here}/mine --seed 0 "
        "--threads 1 --device cpu --network nano --epochs 2 --batch-size 32 --precision float32"
    )  # fmt: skip
    assert f"<pre>{broken.command}</pre>" in (here / "runs/broken/report.html").read_text()


def test_a_run_is_trained_by_one_process_at_a_time(here):
    """The workers that torchrun started for a run are one: the first holds its folder."""
    folder = here / "one"
    stopped_after_an_epoch(folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with locked(folder) as held:
        assert held
        with pytest.raises(TrainingError, match=r"one: another process trains this run; wait"):
            train("--resume", "one")
        with pytest.raises(BegunError):
            run.finish_run(folder, BegunError(), nothing, nothing, Workers(rank=1, count=2))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    with pytest.raises(BegunError):
        run.finish_run(folder, BegunError(), nothing, nothing)
    with locked(folder) as held:  # also after an error
        assert held


def test_what_has_moved_is_named_and_kept(here, monkeypatch):
    stopped_after_an_epoch(Path("run"))
    Path("digits").rename("moved")
    with pytest.raises(DataError, match=r"digits: does not exist.*--resume run --data PATH"):
        finished(Path("run"))
    moved = settings(data="moved")
    assert finished(Path("run"), moved).data.train.images == 300
    assert run_folder.read_settings(Path("run")).data == f"{here}/moved"


def of_a_digit_more(folder):
    images = np.zeros((1, 28, 28), np.uint8)
    images[0, 5:20, 13:16] = 255
    write_png_files(folder / "more", [("1_99999.png", images[0])])
    (folder / "more" / "1_99999.png").rename(folder / "1_99999.png")
    (folder / "more").rmdir()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ("digits/train", r"run: the training digits are not those.*--resume run --data PATH"),
        ("digits/test", r"run: the test digits are not those.*--resume run --data PATH"),
        ("mine", r"run: the added digits are not those.*--resume run --add PATH"),
    ],
)
def test_a_run_does_not_go_on_with_other_digits(here, changed, message):
    stopped_after_an_epoch(Path("run"), add="mine")
    before = (here / "run" / run_folder.CHECKPOINT).read_bytes()
    of_a_digit_more(here / changed)
    with pytest.raises(TrainingError, match=message):
        finished(Path("run"))
    assert (here / "run" / run_folder.CHECKPOINT).read_bytes() == before
    assert not (here / "run" / run_folder.RESULT).exists()


def test_a_run_does_not_go_on_with_another_model_to_start_from(here):
    with run_folder.started(Path("first"), settings()):
        finished(Path("first"))
    with run_folder.started(Path("second"), settings(seed=1)):
        finished(Path("second"))
    stopped_after_an_epoch(Path("run"), start="first")
    other = settings(start="second")
    with pytest.raises(TrainingError, match="the weights to start from are not those"):
        finished(Path("run"), other)
    Path("first").rename("moved")
    assert finished(Path("run"), settings(start="moved")).epochs_run == 2


def test_a_run_goes_on_in_the_precision_that_it_began_in(here, monkeypatch):
    row = settings().recipe.with_overrides({"precision": "fastest"})
    monkeypatch.setattr(learning, "used_precision", lambda *asked: "bfloat16")
    stopped_after_an_epoch(Path("run"), recipe=row)
    monkeypatch.setattr(learning, "used_precision", lambda *asked: "float32")
    monkeypatch.setattr(states, "used_precision", lambda *asked: "float32")
    result = finished(Path("run"))
    assert result.precision == "bfloat16"
    assert result.recipe.precision == "fastest"
    assert "--precision bfloat16" in result.command


def train(*args):
    cli.main(["train", *map(str, args)], standalone_mode=False)


def test_resume_takes_what_has_moved_and_nothing_else(here, monkeypatch, capsys):
    import click

    stopped_after_an_epoch(Path("run"))
    Path("digits").rename("moved")
    for flags in (["--seed", 1], ["--out", "b"], ["--recipe", "fast"], ["--no-calibrate"]):
        with pytest.raises(click.UsageError, match=r"own settings.*--config run/settings\.toml"):
            train("--resume", "run", *flags)
    with pytest.raises(ConfigError, match="--add: the run was started without it"):
        train("--resume", "run", "--add", "mine")
    elsewhere(monkeypatch, here)
    train("--resume", "../run", "--data", "../moved", "--device", "cpu", "--threads", 1)
    assert "of 100 test images right" in capsys.readouterr().out


def test_more_epochs_are_refused_with_the_command_that_gives_them(here):
    import click

    stopped_after_an_epoch(Path("run"))
    with pytest.raises(
        click.UsageError,
        match=r"For 9 from the beginning: inkdigits train --config run/settings\.toml --epochs 9",
    ):
        train("--resume", "run", "--epochs", 9)
    train("--resume", "run")
    with pytest.raises(click.UsageError, match="run is finished after the 2 epochs") as refused:
        train("--resume", "run", "--epochs", 3)
    command = refused.value.message.split("inkdigits train ")[1].split()
    assert command == ["--from", "run", "--data", f"{here}/digits", "--epochs", "3"]
    train(*command, "--out", "further", "--threads", 1)
    result = json.loads(Path("further/result.json").read_text())
    assert result["epochs_run"] == 3
    assert result["recipe"]["network"] == "nano"


def test_a_runs_file_repeats_it_and_flags_override_the_file(here, monkeypatch):
    with run_folder.started(Path("run"), settings()):
        first = finished(Path("run"))
    elsewhere(monkeypatch, here)
    config = "../run/settings.toml"
    train("--config", config, "--out", "again")
    again = read_result(Path("again"), RunResult)
    assert again.scores == first.scores
    assert again.recipe == first.recipe
    train("--config", config, "--out", "other", "--epochs", 1, "--seed", 3)
    other = read_result(Path("other"), RunResult)
    assert other.recipe == first.recipe.with_overrides({"epochs": 1})
    assert other.seed == 3
    assert other.data.train == first.data.train


def test_a_recipe_named_by_a_flag_replaces_all_fields_of_the_files(here):
    Path("run.toml").write_text(
        "data = 'digits'\nrecipe = 'original'\nepochs = 1\nbatch_size = 32\nthreads = 1\n"
    )
    train("--config", "run.toml", "--recipe", "flash", "--batch-size", 64, "--out", "run")
    row = read_result(Path("run"), RunResult).recipe
    assert row == recipe("flash").with_overrides({"batch_size": 64})
