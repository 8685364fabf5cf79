import sys
import time

import pytest

from inkdigits.cli.console import advance


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
    advance("reading parts", 6, 12, lines=True)
    assert capsys.readouterr().err == f"\rreading parts [{'#' * 12:<24}] 6/12"
