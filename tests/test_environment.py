"""What the program reads from its environment and leaves in it."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from inkdigits.environment import training_threads
from inkdigits.runs.settings import settings_from


def run(*arguments, **variables):
    known = {k: v for k, v in os.environ.items() if k not in ("KERAS_BACKEND", "MPLBACKEND")}
    return subprocess.run(
        [sys.executable, *arguments],
        check=False,
        capture_output=True,
        text=True,
        env=known | variables,
    )


def test_reading_writes_nothing_below_home_and_says_nothing_of_a_home_that_is_not_there(
    tmp_path, seven
):
    from PIL import Image

    Image.fromarray(seven).save(tmp_path / "7.png")
    home = tmp_path / "home"
    home.mkdir()
    for place in (str(home), str(tmp_path / "nowhere")):
        found = run("-m", "inkdigits", "read", str(tmp_path / "7.png"), HOME=place)
        assert (found.returncode, found.stderr) == (0, "")
    assert list(home.rglob("*")) == []


def test_a_command_draws_whatever_backend_a_notebook_has_set(tmp_path):
    backend = "module://matplotlib_inline.backend_inline"
    command = (
        "import sys; sys.argv[1:] = ['recipes']; import inkdigits.cli as c\n"
        "try: c.main()\n"
        "except SystemExit: import inkdigits.evaluation.plots"
    )
    found = run("-c", command, MPLBACKEND=backend)
    assert (found.returncode, found.stderr) == (0, "")


def test_keras_is_found_beside_pytorch():
    found = run("-c", "import inkdigits, keras; print(keras.backend.backend())")
    assert found.stdout.split() == ["torch"], found.stderr


@pytest.mark.parametrize(
    ("stated", "threads"), [("3", 3), ("", 5), ("0", 5), ("4,2", 5), ("many", 5), ("-1", 5)]
)
def test_training_takes_the_threads_that_the_environment_states(monkeypatch, stated, threads):
    monkeypatch.setattr("inkdigits.environment.cores", lambda: 5)
    monkeypatch.setenv("OMP_NUM_THREADS", stated)
    assert training_threads() == threads
    assert settings_from({}).threads == threads
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")  # torchrun states its own number
    assert training_threads() == 5


def test_a_run_of_the_tests_ends_with_what_was_not_tested(pytestconfig):
    conftest = pytestconfig.pluginmanager.get_plugin(str(Path(__file__).with_name("conftest.py")))
    chromium = (
        "tests/test_a.py",
        3,
        "Skipped: Chromium is not installed: apt-get install chromium",
    )
    reports = [SimpleNamespace(longrepr=where) for where in (chromium, ("", 1, "no npm"), chromium)]
    lines = []
    reporter = SimpleNamespace(
        getreports=lambda outcome: reports if outcome == "skipped" else [],
        write_line=lambda line, **_: lines.append(line),
    )
    last = conftest.pytest_terminal_summary(reporter)
    next(last)  # what all others write
    assert lines == []
    assert next(last, None) is None
    assert lines == [
        "NOT TESTED, 2 skipped: Chromium is not installed: apt-get install chromium",
        "NOT TESTED, 1 skipped: no npm",
    ]
