"""A running service for the tests, as a user starts it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from contextlib import contextmanager

import httpx
import pytest


class Service:
    """A server process and a client of it."""

    kept = None  # the file of corrections

    def __init__(self, process, address):
        self.process = process
        self.address = address
        self.client = httpx.Client(base_url=address, timeout=60)

    def stop(self):
        """SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)


@contextmanager
def running(*flags, variables=(), **options):
    """`inkdigits serve` on a free port, stopped at the end. variables: more of the environment."""
    command = [sys.executable, "-m", "inkdigits", "serve", "--port", "0", *map(str, flags)]
    environment = {k: v for k, v in os.environ.items() if k != "INKDIGITS_TOKEN"}
    environment |= dict(variables)
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env=environment, **options
    ) as process:
        said = []
        for line in process.stderr:
            said.append(line)
            if found := re.search(r"serves (http://\S+)", line):
                break
        else:
            pytest.fail(f"did not start: {''.join(said)}")
        try:
            yield Service(process, found[1])
        finally:
            process.kill()


# One for all test files of this folder: to start a service takes longer than most tests of it.
@pytest.fixture(scope="package")
def service(tmp_path_factory):
    """A service that keeps corrections."""
    kept = tmp_path_factory.mktemp("kept") / "kept.db"
    with running("--keep", kept) as started:
        started.kept = kept
        yield started


@pytest.fixture(scope="package")
def guarded():
    """A service that wants a token, lets another site call it and keeps no corrections."""
    with running("--token", "secret", "--allow-origin", "http://other.example") as started:
        yield started
