"""What every test may use: digits with no network, and the real sets where they are."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

os.environ.setdefault("KERAS_BACKEND", "torch")  # before anything imports Keras
# What a developer has set for commands shall not be tested; commands that tests start inherit it.
for name in ("INKDIGITS_TOKEN", "PYTHONWARNINGS"):
    os.environ.pop(name, None)
# Commands that tests stop inherit what is ignored here: by nohup, or by a shell's "&".
for number, usual in (("SIGHUP", signal.SIG_DFL), ("SIGINT", signal.default_int_handler)):
    if hasattr(signal, number) and signal.getsignal(getattr(signal, number)) is signal.SIG_IGN:
        signal.signal(getattr(signal, number), usual)
# Several processes test on the same cores: each thread more only waits for the others'.
os.environ.setdefault("OMP_NUM_THREADS", "1")
with suppress(ImportError):  # TensorFlow's environment has no inkdigits
    from inkdigits.training.thread_spin import spin_briefly

    spin_briefly()  # before anything imports PyTorch: several processes test on the same cores

with suppress(ImportError):  # the same
    from hypothesis import settings

    settings.register_profile("repeatable", derandomize=True, database=None)
    settings.load_profile("repeatable")

ROOT = Path(__file__).parent.parent
PATIENCE = 60  # seconds for what takes a moment: other tests run on the same cores

# Only the environments that run these groups have what they need; make has a target for each.
collect_ignore = ["in_tensorflow", "wheel"]


# Files that take over 25 s, the longest first: begun last, one of them would be waited for alone.
_LONG = (
    "exports/test_web.py", "batch/test_run.py", "test_cli.py", "server/test_page.py",
    "runs/test_run.py", "test_notebooks.py", "test_own_network.py", "training/test_corrections.py",
    "faults/test_command_line.py", "server/test_page_readings.py", "runs/test_api.py",
    "training/test_workers.py", "training/test_made.py", "test_documents.py", "test_export.py",
)  # fmt: skip


def pytest_collection_modifyitems(items):
    """Put the long files first; with --no-loadscope-reorder they are begun in this order."""
    of = {ROOT / "tests" / name: at for at, name in enumerate(_LONG)}
    items.sort(key=lambda item: of.get(item.path, len(of)))


@pytest.hookimpl(wrapper=True, tryfirst=True)  # the last of all to write
def pytest_terminal_summary(terminalreporter):
    """Say at the end what was not tested, and why: most reasons say how to get what it needs."""
    result = yield
    reasons = Counter(
        report.longrepr[2].removeprefix("Skipped: ")
        for report in terminalreporter.getreports("skipped")
        if isinstance(report.longrepr, tuple)
    )
    for reason, n in reasons.most_common():
        terminalreporter.write_line(f"NOT TESTED, {n} skipped: {reason}", yellow=True)
    return result


@pytest.fixture(scope="session")
def mnist_folder() -> Path:
    """The folder with the four MNIST files, or a skip."""
    given = os.environ.get("INKDIGITS_DATA")
    if not given:
        pytest.skip("INKDIGITS_DATA does not point at the four MNIST files")
    return Path(given)


@pytest.fixture(scope="session")
def field_folder() -> Path:
    """The folder with other people's handwriting, or a skip."""
    given = os.environ.get("INKDIGITS_FIELD")
    if not given:
        pytest.skip("INKDIGITS_FIELD does not point at the field sets")
    return Path(given)


@pytest.fixture(scope="session")
def sample():
    """5,000 real MNIST digits that come with a library: no network, no files of ours."""
    from inkdigits.data import load

    return load("sample")


# Not for the whole session: while Playwright runs, asyncio.run fails in other tests.
@pytest.fixture(scope="module")
def browser():
    """Chromium, or a skip."""
    # Where a test has no use for it Playwright need not be installed.
    from drawn import CHROMIUM, chromium

    if CHROMIUM is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    with chromium() as started:
        yield started


@pytest.fixture
def seven() -> np.ndarray:
    """A 7 as a (28, 28) uint8 array, ink 255: a bar on top and a slanted stem."""
    array = np.zeros((28, 28), np.uint8)
    array[4:7, 8:20] = 255
    for row in range(7, 24):
        left = 18 - (row - 7) // 2
        array[row, left : left + 3] = 255
    return array


@pytest.fixture(scope="session")
def raw_pdf():
    """Makes a PDF with a page of an inch by an inch for each content, as no program writes it.

    /F0 on a page is the first of the forms, in a form the next one.
    """
    return _raw_pdf


@pytest.fixture(scope="session")
def endless_pdf() -> bytes:
    """2 kB whose first page draws 10^10 lines; the second has a black square of half an inch."""
    nested = [b"/F0 Do " * 10] * 10
    return _raw_pdf([b"/F0 Do", b"18 18 36 36 re f"], [*nested, b"0 0 m 9 9 l S"])


def _raw_pdf(contents: list[bytes], forms: list[bytes] | None = None, more: bytes = b"") -> bytes:
    def stream(content: bytes, kind: bytes = b"") -> bytes:
        return b"<<%s/Length %d>>\nstream\n%s\nendstream" % (kind, len(content), content)

    def resources(form: int) -> bytes:
        there = form < len(forms or ())
        return b"/Resources<</XObject<</F0 %d 0 R>>>>" % (first_form + form) if there else b""

    first_form = 3 + 2 * len(contents)
    kids = b" ".join(b"%d 0 R" % page for page in range(3, first_form, 2))
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Count %d/Kids[%s]/MediaBox[0 0 72 72]>>" % (len(contents), kids),
    ]
    for content in contents:
        about = b"/Contents %d 0 R%s" % (len(objects) + 2, resources(0))
        objects += [b"<</Type/Page/Parent 2 0 R%s>>" % about, stream(content)]
    for form, content in enumerate(forms or ()):
        kind = b"/Type/XObject/Subtype/Form/BBox[0 0 72 72]" + resources(form + 1)
        objects.append(stream(content, kind))
    file, places = b"%PDF-1.7\n", b""
    for number, content in enumerate(objects, 1):
        places += b"%010d 00000 n \n" % len(file)
        file += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    size = len(objects) + 1
    table = b"xref\n0 %d\n0000000000 65535 f \n%s" % (size, places)
    trailer = b"trailer\n<</Size %d/Root 1 0 R%s>>\n" % (size, more)
    return file + table + trailer + b"startxref\n%d\n%%%%EOF\n" % len(file)


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
