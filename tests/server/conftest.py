"""A running service for the tests, as a user starts it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np
import pytest

from inkdigits.server.uploads import Room
from support import encoded

EXAMPLES = sorted((Path(__file__).parent.parent.parent / "examples").glob("[0-9]_*.???"))
PNG = {"Content-Type": "image/png"}
TOKEN = {"Authorization": "Bearer secret"}
PHONE = {"width": 360, "height": 740, "has_touch": True, "is_mobile": True}


async def read_by(pool, tasks, room=1_000_000):
    """A pool's answers to one request. room: bytes that may be held."""
    with Room(room).share() as share:
        return await pool.read(tasks, share)


class Service:
    """A server process and a client of it."""

    kept = None  # the file of corrections

    def __init__(self, process, address):
        self.process = process
        self.address = address
        # The server closes idle connections after 5 s; none is used again that late.
        limits = httpx.Limits(keepalive_expiry=1)
        self.client = httpx.Client(base_url=address, timeout=60, limits=limits)

    def stop(self):
        """SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)


@contextmanager
def running(*flags, variables=(), command=None, **options):
    """`inkdigits serve` on a free port, stopped at the end. variables: more of the environment.

    command: another one that does the same.
    """
    serve = [sys.executable, "-m", "inkdigits", "serve", "--port", "0", *map(str, flags)]
    command = command or serve
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
    """A service that requires a token, lets another site call it and keeps no corrections."""
    with running("--token", "secret", "--allow-origin", "http://other.example") as started:
        yield started


@pytest.fixture(scope="package")
def numbers_png(sample):
    """A picture of 42 above 7."""
    picture = np.full((100, 120), 255, np.uint8)
    for digit, left, top in ((4, 20, 10), (2, 46, 10), (7, 30, 58)):
        image = sample.test.images[np.flatnonzero(sample.test.labels == digit)[0]]
        picture[top : top + 28, left : left + 28] -= image
    return encoded(picture)


@pytest.fixture(params=["light", "dark"])
def theme(request):
    return request.param


@pytest.fixture
def open_page(browser, service):
    """Opens the page; afterwards nothing was said on the console and no other host asked."""
    said, asked, contexts = [], [], []

    def opened(theme="light", width=1440, height=900, **options):
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=theme,
            reduced_motion="reduce",  # no colour is half way to its own
            **options,
        )  # fmt: skip
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(service.address)
        return page

    opened.said = said
    yield opened
    for context in contexts:
        context.close()
    assert said == []
    own = (service.address, "blob:", "data:")
    assert [url for url in asked if not url.startswith(own)] == []
