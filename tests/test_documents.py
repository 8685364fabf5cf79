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
from inkdigits.reading.finder import CLOSE_UP_MODEL, FINDER_MODEL
from inkdigits.reading.model_file import FIRST_MODEL, SECOND_MODEL, SHIPPED_MODEL
from inkdigits.reading.reader import Reader
from inkdigits.training.recipes import RECIPES

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = {  # what a user reads; docs/LOG.md is the history of experiments
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
    if path.name != "LOG.md"
}
OTHERS = (
    "docs/LOG.md", "RESULTS.md", "MODEL_CARD.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md",
    "RELEASING.md", "benchmarks/README.md",
)  # fmt: skip


def commands(text):
    """Lines of the `sh` blocks that call this project."""
    blocks = re.findall(r"```sh\n(.*?)```", text, re.S)
    lines = [line.split("#")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line.startswith(("inkdigits ", "make "))]


COMMANDS = [line for text in PAGES.values() for line in commands(text)]


@pytest.mark.parametrize("document", [*PAGES, *OTHERS])
def test_every_link_leads_somewhere(document):
    path = ROOT / document
    for link in re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text(encoding="utf-8")):
        assert link.startswith("https://") or (path.parent / link).exists(), link


def test_every_table_of_results_is_written_by_a_benchmark():
    text = (ROOT / "RESULTS.md").read_text(encoding="utf-8")
    parts = re.split(r"<!-- ([a-z-]+) -->\n(.*?)<!-- /\1 -->", text, flags=re.S)
    names, tables, around = parts[1::3], parts[2::3], parts[::3]
    assert len(names) > 15
    assert not [part for part in around if "\n| " in part]
    code = [path.read_text(encoding="utf-8") for path in (ROOT / "benchmarks").glob("*.py")]
    for name, table in zip(names, tables, strict=True):
        assert any(f'"{name}"' in one and "tables" in one for one in code), name
        rows = [line.strip("|").split(" | ") for line in table.splitlines()]
        assert len({len(row) for row in rows}) == 1, name


@pytest.mark.parametrize(
    ("page", "picture"),
    [("README.md", "docs/marks.jpg"), ("docs/how_it_reads.md", "docs/sum.jpg")],
)
def test_the_page_that_is_read_is_printed_as_it_stands_there(page, picture):
    shown = re.search(r"```console\n\$ inkdigits (.*?)\n(.*?)```", PAGES[page], re.S)
    done = CliRunner().invoke(cli.cli, ["read", str(ROOT / picture)])
    assert shown[1] == f"read {picture}"
    assert (done.exit_code, done.stdout) == (0, shown[2])


def test_the_readme_has_its_two_commands():
    assert {"make run", "make test"} <= set(commands(README))


@pytest.mark.parametrize("line", [c for c in COMMANDS if c.startswith("inkdigits ")])
def test_every_inkdigits_command_in_the_documents_parses(line):
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
    [c for c in COMMANDS if re.match(r"inkdigits (predict|read) .*(examples|docs/)", c)],
)
def test_the_documents_commands_on_their_pictures_run(line, tmp_path):
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


@pytest.mark.parametrize("page", ["README.md", "docs/reading.md", "docs/how_it_reads.md"])
def test_the_python_examples_print_what_stands_beside_them(page, monkeypatch, capsys):
    example = re.search(r"```python\n(.*?)```", PAGES[page], re.S)[1]
    monkeypatch.chdir(ROOT)
    exec(compile(example, page, "exec"), {})
    said = re.findall(r"print\(.*\)  # (.*)", example)
    printed = capsys.readouterr().out.splitlines()
    checked = [line for line in said if not line.startswith("a Reading")]
    assert checked == printed[: len(checked)]
    assert len(printed) == len(checked) + 2 * (len(said) - len(checked))


def test_every_recipe_stands_in_the_page_on_training():
    assert all(f"`{name}`" in PAGES["docs/training.md"] for name in RECIPES)


def test_the_example_that_trains_runs(tmp_path):
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "train_mnist.py"), "flash", "sample"],
        capture_output=True, text=True, check=False, timeout=120, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("<Run flash: ")
    assert done.stdout.count("%") == 1 + 10
    assert (tmp_path / "confusion.png").is_file()


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
    assert Reader().model.metadata["inkdigits.commit"] in card


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
