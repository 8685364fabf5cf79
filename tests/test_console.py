import sys
import time
from contextlib import nullcontext

import pytest

from inkdigits.cli.console import advance
from inkdigits.training.progress import shown_here
from inkdigits.training.recipes import RECIPES


@pytest.fixture
def clock(monkeypatch):
    """A clock that is set by hand; standard error is no terminal."""
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(advance, "_shown", 0.0)
    return now


def test_a_log_gets_a_line_at_once_then_one_in_ten_seconds_and_the_last(clock, capsys):
    for done in range(1, 10_001):
        clock[0] += 1 / 256  # 39 seconds in all
        advance("reading parts", done, 10_000, lines=True)
    assert capsys.readouterr().err.splitlines() == [
        f"reading parts: {done} of 10,000" for done in ("1", "2,561", "5,121", "7,681", "10,000")
    ]


def test_a_counter_is_for_terminals_alone_unless_lines_are_asked_for(clock, capsys):
    advance("writing PNGs", 5, 5)
    assert capsys.readouterr().err == ""


def test_a_terminal_gets_a_bar(clock, capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.delenv("JPY_PARENT_PID", raising=False)
    advance("reading parts", 6, 12, lines=True)
    assert capsys.readouterr().err == f"\rreading parts [{'#' * 12:<24}] 6/12"


def test_a_command_in_a_notebooks_cell_gets_lines_though_its_output_is_a_terminal(
    clock, capsys, monkeypatch
):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("JPY_PARENT_PID", "1")
    advance("reading parts", 6, 12, lines=True)
    assert capsys.readouterr().err == "reading parts: 6 of 12\n"
    assert isinstance(shown_here(RECIPES["flash"]), nullcontext)
