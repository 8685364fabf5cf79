"""Settings as flags, as a file and as a command: the same run, or an error that says why not."""

import os
import shlex

import pytest

from inkdigits.errors import ConfigError
from inkdigits.runs.settings import RunSettings, read_config
from inkdigits.training.recipes import recipe
from support import names_in_utf_8


def settings(**others):
    row = recipe("fast").with_overrides({"epochs": 3, "calibrate": False})
    return RunSettings(**{"recipe": row, "data": "sample", "seed": 1, "threads": 2, **others})


def test_a_file_gives_back_every_setting_that_was_written(tmp_path):
    asked = settings(start="/runs/a", add="/mine", device="cpu")
    (tmp_path / "run.toml").write_text(asked.to_toml(), encoding="utf-8")
    found = read_config(tmp_path / "run.toml")
    assert found == {name: value for name, value in asked.named().items() if value is not None}
    assert (found["recipe"], found["epochs"], found["calibrate"]) == ("fast", 3, False)
    assert (found["from"], found["data"]) == ("/runs/a", "sample")
    assert "teacher" not in found


def test_a_path_of_any_characters_comes_back(tmp_path):
    path = '/with "quotes" and \\ and\nlines, \x7f, é, 7️⃣'
    (tmp_path / "run.toml").write_text(settings(data=path).to_toml(), encoding="utf-8")
    assert read_config(tmp_path / "run.toml")["data"] == path


@names_in_utf_8
def test_a_path_that_is_no_text_leaves_a_file_that_says_so_when_it_is_read(tmp_path):
    path = os.fsdecode(b"/not/\xff/text")
    (tmp_path / "run.toml").write_text(settings(data=path).to_toml(), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"cannot be read as TOML: .*scalar"):
        read_config(tmp_path / "run.toml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epoch = 3\nrate = 1", "no setting 'epoch', 'rate'; there are add, average_decay,"),
        ("[train]\nepochs = 3", "no setting 'train'; there are"),
        ("name = 'fast'", "no setting 'name'"),
        ("start = 'runs/a'", "no setting 'start'"),
        ("out = 'runs/a'", "no setting 'out'"),
        ("epochs = '3'", "epochs is '3', expected a whole number"),
        ("epochs = 3.5", "epochs is 3.5, expected a whole number"),
        ("epochs = true", "epochs is True, expected a whole number"),
        ("rotate = 1" + "0" * 400, "expected a number"),
        ("calibrate = 1", "calibrate is 1, expected true or false"),
        ("data = 7", "data is 7, expected text in quotes"),
        ("from = 2026-11-27", "expected text in quotes"),
        ("epochs: 3", "cannot be read as TOML"),
        ("a = " + "[" * 100_000, "cannot be read as TOML"),
        ("\xe9", "cannot be read as TOML"),
    ],
)
def test_a_file_with_what_is_no_setting_is_refused_by_name(tmp_path, text, message):
    path = tmp_path / "run.toml"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(ConfigError, match=message) as error:
        read_config(path)
    assert str(path) in str(error.value)


def test_a_whole_number_is_a_number_too(tmp_path):
    (tmp_path / "run.toml").write_text("rotate = 5\nlearning_rate = 1e-3")
    assert read_config(tmp_path / "run.toml") == {"rotate": 5, "learning_rate": 0.001}


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"run\.toml: cannot be read as TOML: .*No such file"):
        read_config(tmp_path / "run.toml")


def test_the_command_has_what_differs_from_the_recipes_row():
    assert settings().command() == (
        "inkdigits train --recipe fast --data sample --seed 1 --threads 2 --device auto "
        "--epochs 3 --no-calibrate"
    )


def test_the_command_holds_from_any_folder_and_leaves_the_network_to_the_model(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    row = recipe("finetune").with_overrides({"network": "wide"})
    asked = settings(recipe=row, data="my digits", start="runs/a")
    assert shlex.split(asked.command()) == [
        "inkdigits", "train", "--recipe", "finetune", "--data", f"{tmp_path}/my digits",
        "--seed", "1", "--threads", "2", "--device", "auto", "--from", f"{tmp_path}/runs/a",
    ]  # fmt: skip


def test_paths_become_absolute_and_names_of_sets_stay(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mnist").mkdir()
    found = settings(data="mnist", add="mine", start="a.onnx").absolute()
    assert (found.data, found.add, found.start) == (
        "mnist", f"{tmp_path}/mine", f"{tmp_path}/a.onnx",
    )  # fmt: skip
    assert settings(data="digits/../other").absolute().data == f"{tmp_path}/other"


def test_a_device_that_is_none_is_refused():
    with pytest.raises(ConfigError, match="device is 'gpu', expected one of auto, cpu, cuda, mps"):
        settings(device="gpu")
