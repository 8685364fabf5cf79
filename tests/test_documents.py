"""The documents are true: their commands run, their numbers have a command beside them."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from inkdigits import cli
from inkdigits.finder import CLOSE_UP_MODEL, FINDER_MODEL
from inkdigits.model_file import FIRST_MODEL, SECOND_MODEL, SHIPPED_MODEL
from inkdigits.reader import Reader
from inkdigits.training.recipes import RECIPES

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def commands(text):
    """Lines of the `sh` blocks that call this project."""
    blocks = re.findall(r"```sh\n(.*?)```", text, re.S)
    lines = [line.split("#")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line.startswith(("inkdigits ", "make "))]


def test_the_readme_has_its_two_commands():
    assert {"make run", "make test"} <= set(commands(README))


@pytest.mark.parametrize("line", [c for c in commands(README) if c.startswith("inkdigits ")])
def test_every_inkdigits_command_in_the_readme_parses(line, monkeypatch):
    """Each command and option is there; what they do is tested where they live."""
    group, args = cli.cli, shlex.split(line)[1:]
    path, context = [], click.Context(group)
    while isinstance(group, click.Group) and args and group.get_command(context, args[0]):
        path.append(args[0])
        group = group.get_command(context, args.pop(0))
    assert path, line
    group.make_context("inkdigits", list(args))


@pytest.mark.parametrize(
    "line",
    [c for c in commands(README) if re.match(r"inkdigits (predict|read) .*(examples|docs/)", c)],
)
def test_the_readmes_commands_on_its_pictures_run(line, tmp_path):
    shutil.copytree(ROOT / "examples", tmp_path / "examples")  # --explain writes where it runs
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    done = subprocess.run(
        [sys.executable, "-m", *shlex.split(line)],
        capture_output=True, text=True, check=False, timeout=120, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("target", [c.split()[1] for c in commands(README) if c[:5] == "make "])
def test_every_make_target_of_the_readme_is_there(target):
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.M)


def test_the_readmes_python_example_runs(monkeypatch):
    example = re.search(r"```python\n(.*?)```", README, re.S)[1]
    monkeypatch.chdir(ROOT)
    names = {}
    exec(compile(example, "README.md", "exec"), names)
    assert len(example.strip().splitlines()) <= 10
    assert names["reading"].digit == 0


def test_every_recipe_stands_in_the_readme():
    assert all(f"`{name}`" in README for name in RECIPES)


def test_the_examples_are_read_right():
    runner = CliRunner()
    done = runner.invoke(cli.cli, ["predict", str(ROOT / "examples")])
    assert done.exit_code == 0
    lines = [line.split() for line in done.stdout.splitlines()]
    assert len(lines) == 10
    assert [line[0] for line in lines] == [Path(line[2]).name[0] for line in lines]


def test_the_readmes_table_is_read_right():
    done = CliRunner().invoke(cli.cli, ["read", "--table", str(ROOT / "docs" / "marks.jpg")])
    rows = ["10,9,8.5,27.5", "7,10,9,26", "4,8,6.5,18.5", "10,10,10,30", "9,3,7,19"]
    assert (done.exit_code, done.stdout.splitlines()) == (0, rows)


def test_the_model_card_names_the_shipped_models():
    import hashlib

    card = (ROOT / "MODEL_CARD.md").read_text(encoding="utf-8")
    for model in (SHIPPED_MODEL, FIRST_MODEL, SECOND_MODEL, FINDER_MODEL, CLOSE_UP_MODEL):
        assert hashlib.sha256(model.read_bytes()).hexdigest() in card
    assert Reader().metadata["inkdigits.commit"] in card


@pytest.mark.parametrize(
    "script", ["mnist_digit_recognition.py", "predict_digit.py", "load_data.py"]
)
def test_the_original_projects_scripts_show_their_help(script):
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / script), "--help"],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0
    assert "Example:" in done.stdout
