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

    def __init__(self, process, address):
        self.process = process
        self.address = address
        self.client = httpx.Client(base_url=address, timeout=60)

    def stop(self):
        """SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)


@contextmanager
def running(*flags, **options):
    """`inkdigits serve` on a free port, stopped at the end."""
    command = [sys.executable, "-m", "inkdigits", "serve", "--port", "0", *map(str, flags)]
    environment = {k: v for k, v in os.environ.items() if k != "INKDIGITS_TOKEN"}
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


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """A service that keeps corrections."""
    with running("--keep", tmp_path_factory.mktemp("kept") / "kept.db") as started:
        yield started
