"""What these tests attack."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from .serving import running, running_with


@pytest.fixture
def measured():
    """Runs Python code in a process of its own; what it prints, and the most memory it had, in MB.

    For code that ends by itself.
    """

    if not Path("/proc/self/status").exists():
        pytest.skip("needs Linux's own account")

    def run(code, *arguments):
        # Not resource's: a process begins with the most that the one which started it had.
        told = "\nprint(open('/proc/self/status').read().split('VmHWM:')[1].split()[0])"
        done = subprocess.run(
            [sys.executable, "-c", code + told, *map(str, arguments)],
            capture_output=True, text=True, check=True, timeout=120,
        )  # fmt: skip
        *said, peak = done.stdout.splitlines()
        return said, int(peak) // 1000

    return run


@pytest.fixture(scope="package")
def service():
    """A service that most tests of this folder attack: afterwards it is as it was."""
    with running("--allow-host", "digits.example") as one:
        yield one


@pytest.fixture(scope="package")
def hasty():
    """One whose clients have a second for everything, and of which eight may be connected."""
    with running_with(connections=8, headers_time=1.0, write_time=1.0, body_time=1.0) as one:
        yield one
