"""PDFs in a process of their own: whatever a page does there, the next one is drawn."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from inkdigits.errors import NotAPictureError, PictureError
from inkdigits.picture import pdf, pdf_process
from inkdigits.picture.pdf import page_count, pdf_page

pytest.importorskip("pypdfium2")
MOST = 1_000_000  # pixels
needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")


@pytest.fixture(autouse=True)
def fresh():
    """No process, and no document remembered."""
    pdf._process.end()
    pdf._process._deaths.clear()
    yield
    pdf._process.end()


def drawn(data, page=1):
    """The mean of a page's pixels; 0 is black."""
    return np.asarray(pdf_page(data, page, "x.pdf", MOST)).mean()


def is_gone(process):
    """Whether a process has ended, at the latest in 5 s. One that nobody waits for is a zombie."""
    for _ in range(500):
        try:
            state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.01)
    return False


def test_a_page_that_takes_too_long_is_an_error_and_the_others_are_drawn(endless_pdf, monkeypatch):
    monkeypatch.setattr(pdf, "_SECONDS", 0.5)
    assert page_count(endless_pdf, "x.pdf") == 2
    with pytest.raises(PictureError, match=r"^x\.pdf: took over 0\.5 s to draw; save it as"):
        pdf_page(endless_pdf, 1, "x.pdf", MOST)
    monkeypatch.undo()
    # Half an inch by half an inch of a page of an inch by an inch is black.
    assert drawn(endless_pdf, 2) == 255 * 0.75


def test_a_document_whose_pages_overrun_has_less_time_for_each(endless_pdf, monkeypatch):
    monkeypatch.setattr(pdf, "_SECONDS", 0.4)
    monkeypatch.setattr(pdf, "_LEAST_SECONDS", 0.15)
    for seconds in ("0.4", "0.2", "0.15", "0.15"):
        with pytest.raises(PictureError, match=f"took over {seconds} s"):
            pdf_page(endless_pdf, 1, "x.pdf", MOST)
    other = endless_pdf + b"\n"
    with pytest.raises(PictureError, match=r"took over 0\.4 s"):
        pdf_page(other, 1, "x.pdf", MOST)


@needs_proc
def test_a_page_that_takes_too_much_memory_is_an_error(endless_pdf, monkeypatch, tmp_path):
    source = Path(pdf_process.__file__).read_text(encoding="utf-8")
    less = source.replace("MEMORY = 1_000_000_000", "MEMORY = 300_000_000")
    assert less != source
    (tmp_path / "less.py").write_text(less, encoding="utf-8")
    monkeypatch.setattr(pdf_process, "__file__", str(tmp_path / "less.py"))
    with pytest.raises(PictureError, match=r"^x\.pdf: drawing it takes over 1,000 MB, or crashes"):
        pdf_page(endless_pdf, 1, "x.pdf", MOST)
    assert drawn(endless_pdf, 2) == 255 * 0.75


@needs_proc
def test_the_process_has_a_memory_limit_and_is_kept(raw_pdf):
    resource = pytest.importorskip("resource")
    data = raw_pdf([b"", b""])
    assert drawn(data) == 255
    process = pdf._process._process.pid
    assert resource.prlimit(process, resource.RLIMIT_AS) == (pdf_process.MEMORY,) * 2
    assert (drawn(data, 2), drawn(raw_pdf([b"0 0 72 72 re f"]))) == (255, 0)
    assert pdf._process._process.pid == process


def test_a_process_that_has_been_killed_is_replaced(raw_pdf):
    data = raw_pdf([b""])
    assert drawn(data) == 255
    pdf._process._process.kill()
    pdf._process._process.wait()
    assert drawn(data) == 255


def test_a_process_that_is_killed_while_it_draws_is_an_error(endless_pdf):
    page_count(endless_pdf, "x.pdf")
    threading.Timer(0.3, pdf._process._process.kill).start()
    with pytest.raises(PictureError, match="or crashes PDFium"):
        pdf_page(endless_pdf, 1, "x.pdf", MOST)


@needs_proc
@pytest.mark.parametrize("page", [1, 2])  # while it draws, and while it waits
def test_the_process_goes_with_its_parent_also_by_kill_9(endless_pdf, page, tmp_path):
    (tmp_path / "x.pdf").write_bytes(endless_pdf)
    parent = subprocess.Popen(
        [
            sys.executable, "-c",
            "import sys, threading\n"
            "from inkdigits.picture import pdf\n"
            "data = open(sys.argv[1], 'rb').read()\n"
            "pdf.page_count(data, '')\n"
            "print(pdf._process._process.pid, flush=True)\n"
            "pdf.pdf_page(data, int(sys.argv[2]), '', 10**6)\n"
            "threading.Event().wait()\n",
            str(tmp_path / "x.pdf"), str(page),
        ],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    with parent:
        process = int(parent.stdout.readline())
        assert Path(f"/proc/{process}").exists()
        time.sleep(0.2)
        parent.send_signal(signal.SIGKILL)
    assert is_gone(process)


def _in_child(data, parents, results):
    mean = drawn(data)
    results.put((mean, pdf._process._process.pid != parents))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fork_that_is_a_daemon_has_a_process_of_its_own(raw_pdf):
    white, black = raw_pdf([b""]), raw_pdf([b"0 0 72 72 re f"])
    assert drawn(white) == 255
    context = multiprocessing.get_context("fork")
    results = context.SimpleQueue()
    process = pdf._process._process.pid
    child = context.Process(target=_in_child, args=(black, process, results), daemon=True)
    child.start()
    assert results.get() == (0, True)
    child.join()
    assert drawn(white) == 255
    assert pdf._process._process.pid == process


@needs_proc
def test_a_fork_does_not_keep_its_parents_process_alive(raw_pdf):
    drawn(raw_pdf([b""]))
    process = pdf._process._process
    child = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,), daemon=True)
    child.start()
    process.stdin.close()
    assert is_gone(process.pid)
    child.kill()


def test_threads_get_each_their_own_page(raw_pdf):
    data = raw_pdf([b"0 0 72 %d re f" % height for height in range(0, 72, 9)])
    means = {}

    def draw(page):
        means[page] = drawn(data, page)

    threads = [threading.Thread(target=draw, args=(page,)) for page in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # An eighth more of each page is black: 25 of 200 rows.
    assert [means[page] for page in range(1, 9)] == [255 * (1 - k / 8) for k in range(8)]


def test_the_pictures_in_a_form_count_against_the_limit(raw_pdf):
    picture = b"BI /W 100 /H 50 /BPC 8 /CS /G /F /AHx ID " + b"00" * 5000 + b"> EI"
    data = raw_pdf([b"/F0 Do"], [b"q 72 0 0 72 0 0 cm " + picture + b" Q"])
    assert np.asarray(pdf_page(data, 1, "x", 5000)).mean() == 0
    with pytest.raises(PictureError, match="have 5,000 pixels, over the limit of 4,999"):
        pdf_page(data, 1, "x", 4999)


def test_a_pdf_with_a_password_says_so(raw_pdf):
    key = b"<" + b"41" * 32 + b">"
    locked = b"/Encrypt<</Filter/Standard/V 1/R 2/O%s/U%s/P -4>>/ID[<00><00>]" % (key, key)
    with pytest.raises(PictureError, match="has a password; save it without one") as caught:
        pdf_page(raw_pdf([b""], more=locked), 1, "x", MOST)
    assert not isinstance(caught.value, NotAPictureError)


def test_a_pdf_without_pages_says_so(raw_pdf):
    with pytest.raises(PictureError, match="has no pages"):
        pdf_page(raw_pdf([]), 1, "x", MOST)


def test_an_error_does_not_stay_with_the_next_page(raw_pdf):
    data = raw_pdf([b""])
    for page in (0, 2, 10**30):
        with pytest.raises(PictureError, match="has 1 pages, expected one of them"):
            pdf_page(data, page, "x", MOST)
    broken = b"%PDF-1.7 and so on"
    for _ in range(2):
        with pytest.raises(NotAPictureError, match="a broken PDF"):
            pdf_page(broken, 1, "x", MOST)
    assert drawn(data) == 255


@needs_proc
def test_the_last_of_2000_pages_is_drawn_in_little_memory(raw_pdf):
    data = raw_pdf([b""] * 1999 + [b"0 0 72 72 re f"])
    assert page_count(data, "x") == 2000
    assert (drawn(data, 1), drawn(data, 2000)) == (255, 0)
    status = Path(f"/proc/{pdf._process._process.pid}/status").read_text()
    assert int(status.partition("VmHWM:")[2].split()[0]) < 100_000  # kB
