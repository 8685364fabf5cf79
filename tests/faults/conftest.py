"""What the tests of faults share: commands that are killed, and what they leave running."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

PATIENCE = 60  # seconds for what takes a moment: other tests run on the same cores


class Started:
    """A program in a session of its own, so that all its processes are known."""

    def __init__(self, args, **options):
        self.process = subprocess.Popen(
            [sys.executable, *map(str, args)],
            start_new_session=True,
            # A job in the background of a shell would leave Ctrl-C ignored.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
            **options,
        )

    def alive(self):
        """The processes of its session; but those that have ended and wait for their parent."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                stat = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:  # it has ended meanwhile
                continue
            if int(stat[3]) == self.process.pid and stat[0] not in "ZX":
                found.append(int(folder.name))
        return found

    def until(self, so, what):
        """Wait for a condition."""
        end = time.monotonic() + PATIENCE
        while not so():
            assert time.monotonic() < end, f"not seen in {PATIENCE} s: {what}"
            time.sleep(0.02)

    def send(self, number):
        """The signal, to the program alone."""
        self.process.send_signal(number)


@pytest.fixture
def started():
    """Starts programs, and ends whatever they leave."""
    if not Path("/proc/self/stat").exists():
        pytest.skip("needs /proc")
    programs = []

    def start(*args, **options):
        programs.append(Started(args, **options))
        return programs[-1]

    yield start
    for program in programs:
        for pid in program.alive():
            os.kill(pid, signal.SIGKILL)
        program.process.wait()
        for pipe in (program.process.stdin, program.process.stdout, program.process.stderr):
            if pipe is not None:
                pipe.close()
