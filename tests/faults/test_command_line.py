"""What surrounds the command line: signals, closed pipes, odd names, short memory."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from PIL import Image

from support import names_in_utf_8

LATE = 0.3  # seconds after which the rest comes through a pipe


@pytest.fixture
def picture(tmp_path, seven):
    """A picture of 200 kB: more than a pipe holds."""
    path = tmp_path / "7.bmp"
    Image.fromarray(seven).resize((500, 400)).save(path)
    assert path.stat().st_size > 200_000
    return path


def run(*args, **options):
    return subprocess.run(
        [sys.executable, "-m", "inkdigits", *map(str, args)],
        capture_output=True,
        timeout=120,
        check=False,
        **options,
    )


def reads_seven(done):
    return done.returncode == 0 and done.stdout.startswith(b"7 ")


@pytest.mark.parametrize("module", ["click", "numpy", "onnxruntime"])
def test_ctrl_c_while_libraries_are_loaded_ends_it_without_a_word(picture, module):
    code = (
        "import os, signal, sys\n"
        "class Stop:\n"
        "    def find_spec(self, name, *_):\n"
        f"        if name == {module!r}: os.kill(os.getpid(), signal.SIGINT)\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "sys.meta_path.insert(0, Stop())\n"
        "from inkdigits.__main__ import main\n"
        "main()\n"
    )
    command = [sys.executable, "-c", code, "predict", picture]
    done = subprocess.run(command, capture_output=True, timeout=120, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, b"", b"")


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_export_leaves_nothing(started, tmp_path, sent):
    exporting = started(
        "-m", "inkdigits", "data", "export-png", tmp_path / "digits", "--data", "sample",
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    exporting.until(lambda: list(tmp_path.glob(".digits.*.part/train")), "the first picture")
    exporting.send(sent)
    _, said = exporting.process.communicate(timeout=60)
    assert exporting.process.returncode == {signal.SIGINT: 130, signal.SIGTERM: 143}[sent]
    assert said.splitlines()[-1] == b"stopped"
    assert list(tmp_path.iterdir()) == []


def test_one_bad_path_is_one_error(picture):
    bad = ["x" * 300 + ".png", f"{picture}/below.png", "nothing.png"]
    for command in ("predict", "read"):
        done = run(command, bad[0], picture, *bad[1:])
        assert done.returncode == 1
        assert (b": 7\n" if command == "read" else b"7 ") in done.stdout
        lines = done.stderr.decode().splitlines()
        assert [line.partition(": cannot be read")[0] for line in lines] == [
            f"error: {name}" for name in bad
        ]


@names_in_utf_8
def test_a_name_does_nothing_to_a_terminal(picture):
    odd = picture.with_name("a\nb\x1b[31mc\u202ed\x9be.bmp")
    picture.rename(odd)
    there, gone = picture.parent / odd.name, picture.parent / f"x{odd.name}"
    written = rb"a\nb\x1b[31mc\u202ed\x9be.bmp"
    done = run("predict", there, gone)
    assert done.stdout.count(b"\n") == done.stderr.count(b"\n") == 1
    assert written in done.stdout
    assert b"x" + written in done.stderr
    done = run("read", there, there)
    assert done.stdout.count(written + b": 7\n") == 2


@names_in_utf_8
@pytest.mark.parametrize(
    "locale",
    [{"LANG": "C.UTF-8"}, {"LANG": "C"}, {"PYTHONIOENCODING": "ascii"},
     {"PYTHONIOENCODING": "cp1252:surrogateescape"}],
)  # fmt: skip
def test_json_is_json_and_csv_is_a_row_whatever_a_name_holds(picture, locale):
    """Bytes that are not UTF-8, letters that a terminal's encoding lacks, ends of lines."""
    there = os.fsencode(picture.parent) + "/\xe9\U0001f600\n\r".encode() + b"\xff.bmp"
    os.rename(picture, there)
    gone = there + b"x"
    utf_8 = {name: text for name, text in os.environ.items() if not name.startswith("LC_")}
    for command in ("predict", "read"):
        done = run(command, "--json", os.fsdecode(there), os.fsdecode(gone), env=utf_8 | locale)
        found, missing = map(json.loads, done.stdout.splitlines())
        assert os.fsencode(found["file"]) == there
        assert os.fsencode(missing["file"]) == gone
        assert "cannot be read" in missing["error"]
    done = run("read", "--csv", os.fsdecode(there), env=utf_8 | locale)
    assert len(list(csv.reader(io.StringIO(done.stdout.decode("latin-1"), newline="")))) == 2


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", "<&- >&- 2>&-"])
def test_closed_pipes_are_no_traceback(picture, closed):
    command = f'exec "{sys.executable}" -m inkdigits predict "{picture}" {closed}'
    done = subprocess.run(["sh", "-c", command], capture_output=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(b"7 ") == (">&-" not in closed.split())


def test_a_closed_standard_input_is_an_empty_picture(picture):
    command = f'exec "{sys.executable}" -m inkdigits predict - "{picture}" <&-'
    done = subprocess.run(["sh", "-c", command], capture_output=True, timeout=120, check=False)
    assert done.returncode == 1
    assert done.stdout.startswith(b"7 ")
    assert done.stderr == b"error: -: is empty, expected a picture\n"


def slowly(picture, file):
    """Give the picture in three parts, the first of 70 bytes."""

    def give():
        data = picture.read_bytes()
        with open(file, "wb", buffering=0) as pipe:
            for part in (data[:70], data[70:100_000], data[100_000:]):
                time.sleep(LATE)
                assert pipe.write(part) == len(part)

    giving = threading.Thread(target=give)
    giving.start()
    return giving


@pytest.mark.parametrize("blocking", [True, False])
def test_a_pause_on_standard_input_is_not_its_end(picture, blocking):
    ours, theirs = os.pipe()
    os.set_blocking(ours, blocking)
    giving = slowly(picture, theirs)
    assert reads_seven(run("predict", "-", stdin=ours))
    os.close(ours)
    giving.join()


def test_a_pause_in_a_pipe_with_a_name_is_not_its_end(picture):
    os.mkfifo(pipe := picture.with_name("pipe.bmp"))
    giving = slowly(picture, pipe)
    assert reads_seven(run("predict", pipe))
    giving.join()


@pytest.mark.parametrize(
    ("args", "written"),
    [
        (("predict", "--explain", "why.png"), "why.png"),
        (("read", "--explain", "why.png"), "why.png"),
        (("read", "--draw", "boxes"), "boxes/pipe.png"),
    ],
)
def test_what_comes_through_a_pipe_is_read_once(picture, args, written):
    os.mkfifo(pipe := picture.with_name("pipe.bmp"))
    giving = slowly(picture, pipe)
    done = run(*args, pipe, cwd=picture.parent)
    giving.join()
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"7" in done.stdout
    assert str(pipe) in done.stdout.decode()
    with Image.open(picture.parent / written) as drawn:
        assert drawn.width >= 500


def test_each_page_of_a_document_in_a_pipe_is_read(picture):
    scan = picture.with_name("scan.tif")
    with Image.open(picture) as image:
        image.save(scan, save_all=True, append_images=[image])
    os.mkfifo(pipe := picture.with_name("pipe"))
    giving = slowly(scan, pipe)
    done = run("predict", "--json", pipe)
    giving.join()
    assert [json.loads(line)["file"] for line in done.stdout.splitlines()] == [
        f"{pipe}#page=1", f"{pipe}#page=2"
    ]  # fmt: skip


def test_a_pipe_in_a_folder_is_not_waited_for(picture):
    os.mkfifo(picture.with_name("8.png"))
    for command in ("predict", "read"):
        done = run(command, picture.parent)
        assert (done.returncode, done.stderr) == (0, b"")
    pytest.importorskip("fsspec")
    from inkdigits.batch.source import Source

    for source in (picture.parent, f"{picture.parent}/*", picture.with_name("8.png")):
        found = {f.address: f.why for f in Source(str(source)).files()}
        assert found[f"{picture.parent}/8.png"] == "no file"


@pytest.mark.parametrize(
    ("error", "said"),
    [("MemoryError()", "memory is short; free some"),
     ("ImportError('x.so: failed to map segment')", "a library cannot be loaded: x.so: failed to")],
)  # fmt: skip
def test_short_memory_is_a_line(error, said):
    code = (
        "import inkdigits.cli as c\n"
        f"def fails(**_): raise {error}\n"
        "c.cli.main = fails; c.main()"
    )  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {said}")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("command", "limit", "least"),
    [("predict", 400, "600"), ("read", 300, "600"), ("serve", 400, "600"), ("train", 600, "2,000")],
)
def test_too_few_addresses_are_a_line_where_libraries_would_crash(command, limit, least):
    resource = pytest.importorskip("resource")
    done = run(
        *([command] if command in ("serve", "train") else [command, "7.png"]),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit * 10**6,) * 2),
    )
    assert done.returncode == 1
    assert done.stderr.decode() == (
        f"error: memory is short (inkdigits {command} takes {least} MB of addresses and may have "
        f"{limit}); free some, or raise its limit (ulimit -v)\n"
    )


def test_what_is_read_is_not_written_to(picture, tmp_path):
    png = tmp_path / "7.png"
    Image.open(picture).save(png)
    (tmp_path / "made.npz").write_bytes(b"digits")
    (tmp_path / "test.csv").write_text("pixels")
    for args, said in (
        (("predict", "--explain", png, png), "exists and is not an earlier drawing"),
        (("read", "--explain", png, png), "exists and is not an earlier drawing"),
        (
            ("predict", "--submission", tmp_path / "test.csv", tmp_path / "test.csv"),
            "is also the input",
        ),
        (
            ("data", "make", tmp_path / "made.npz", "--data", tmp_path / "made.npz"),
            "is also the input",
        ),
        (
            ("data", "make", tmp_path / "made.npz", "--add", tmp_path / "made.npz"),
            "is also the input",
        ),
    ):
        before = {path: path.read_bytes() for path in tmp_path.iterdir()}
        done = run(*args)
        assert done.returncode == 2
        assert said in done.stderr.decode()
        assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
