"""What commands share: an option, and on a terminal messages, counters, a clean stop.

In: lines and signals. Out: standard error and exit codes.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from codecs import lookup
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from errno import EACCES, EDQUOT, EEXIST, EFBIG, ENAMETOOLONG, ENOSPC, ENOTDIR, EPERM, EROFS
from types import FrameType
from typing import Any, NoReturn

import click

from inkdigits.environment import live_terminal
from inkdigits.errors import PictureError
from inkdigits.text_line import shown

_LINE_EVERY = 10  # seconds from one line of progress to the next, in a log

# Of each command that reads pictures.
model_option = click.option(
    "--model",
    help="A run folder or an .onnx file, instead of the package's classifier. The networks that "
    "find digits stay, and count in each answer.  [default: the model in the package]",
)


def say(line: str) -> None:
    """Write a line to standard error."""
    click.echo(shown(line), err=True)


_NEXT = {  # what to do, by the number of the system's error
    **dict.fromkeys((ENOSPC, EFBIG, EDQUOT), "make room: what was written before is whole"),
    **dict.fromkeys((EEXIST, ENOTDIR), "expected a folder, or no such name; name another"),
    **dict.fromkeys((EACCES, EPERM), "may not be read or written; change its permissions"),
    EROFS: "its disk cannot be written to; name another folder",
    ENAMETOOLONG: "name a shorter one",
}


def error_text(error: Exception) -> str:
    """An error's words; of the system's, what it refused, of which file, and what to do next."""
    if not isinstance(error, OSError) or error.errno is None:
        return str(error)
    name = error.filename2 or error.filename  # a copy names its source first
    advice = _NEXT.get(error.errno)
    return f"{f'{name}: ' if name else ''}{error.strerror}{f'; {advice}' if advice else ''}"


def say_error(name: str, error: Exception) -> None:
    """Write to standard error what is wrong with a file, and its name once."""
    text = str(error)
    say(f"error: {text}" if text.startswith(f"{name}:") else f"error: {name}: {text}")


class _Results:
    """Standard output, a line a result: written when it can be, at the latest with the next line
    after a tenth of a second. To write each takes as long as to read a small picture does.
    """

    def __init__(self) -> None:
        self._written = 0.0

    def __call__(self, line: str) -> None:
        sys.stdout.write(f"{line}\n")
        now = time.monotonic()
        if now - self._written > 0.1:
            sys.stdout.flush()
            self._written = now


give = _Results()


def give_json(value: dict[str, Any]) -> None:
    """Write a line of JSON. Only UTF-8 holds all names as they are; else they are escaped."""
    utf_8 = lookup(sys.stdout.encoding or "ascii").name == "utf-8"
    give(json.dumps(value, ensure_ascii=not utf_8))


def give_error(name: str, error: PictureError, as_json: bool) -> None:
    """Say what is wrong with a file: on standard error, or in its line of JSON."""
    if as_json:
        give_json({"file": name, "error": str(error)})
    else:
        say_error(name, error)


class _Counter:
    """A counter line on a terminal; elsewhere nothing, or with `lines` a line now and then."""

    def __init__(self) -> None:
        self._shown = 0.0

    def __call__(self, what: str, done: int, total: int, *, lines: bool = False) -> None:
        now = time.monotonic()
        if not live_terminal():
            if lines and (done >= total or now - self._shown >= _LINE_EVERY):
                self._shown = now
                say(f"{what}: {done:,} of {total:,}")
            return
        if done < total and now - self._shown < 0.1:
            return
        self._shown = now
        bar = "#" * (24 * done // max(total, 1))
        end = "\n" if done >= total else ""
        click.echo(f"\r{what} [{bar:<24}] {done:,}/{total:,}{end}", err=True, nl=False)


advance = _Counter()


def answer_signals() -> None:
    """From here on Ctrl-C is a KeyboardInterrupt, as Python has it, and so is SIGTERM.

    `main` lets them end the process at once.
    """
    signal.signal(signal.SIGTERM, stop)
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def stoppable(hint: str | Callable[[], str]) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end the command with a hint at how to continue.

    hint: its words, or what gives them when all inside has ended.
    """
    answer_signals()
    try:
        yield
    except KeyboardInterrupt as stopped:
        say(hint if isinstance(hint, str) else hint())
        sys.exit(_code(stopped))


@contextmanager
def stopped_at_once() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end the command and its processes, whatever they are at."""
    answer_signals()
    try:
        yield
    except KeyboardInterrupt as stopped:
        from multiprocessing import active_children  # 18 ms

        # A pool would wait for what its processes read, or for an answer half written.
        for process in active_children():
            process.kill()
        with suppress(OSError):
            say("stopped")
            sys.stdout.flush()
        os._exit(_code(stopped))


class Stopped(KeyboardInterrupt):
    """SIGTERM came; no library may swallow it."""


def _code(stopped: KeyboardInterrupt) -> int:
    return 143 if isinstance(stopped, Stopped) else 130


def stop(number: int, frame: FrameType | None) -> NoReturn:
    """The handler of SIGTERM."""
    raise Stopped
