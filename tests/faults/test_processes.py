"""Worker processes end with what started them, share work by how long it takes, and say at once
what is done."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from inkdigits.reading import parallel as many
from inkdigits.reading.parallel import read_files
from inkdigits.reading.reader import Reader

MARKS = Path(__file__).parents[2] / "docs" / "marks.jpg"

# Each worker notes that it is there; each thing is what the worker does with it.
PROGRAM = """
import os, sys, time
from pathlib import Path
from inkdigits.errors import DataError
from inkdigits.processes import in_order

def begun(folder):
    if folder == "ends":
        os._exit(3)
    def work(things):
        (Path(folder) / f"worker-{os.getpid()}").touch()
        for thing in things:
            what, _, given = thing.partition(" ")
            if what == "sleep":
                time.sleep(float(given))
            elif what == "workers":  # wait for so many
                while len(list(Path(folder).glob("worker-*"))) < int(given):
                    time.sleep(0.01)
            elif what == "file":  # wait for it
                while not (Path(folder) / given).exists():
                    time.sleep(0.01)
            elif what == "end":
                os.kill(os.getpid(), 9)
            elif what == "raise":
                raise {"DataError": DataError, "OSError": OSError}[given]("no such digit")
            yield os.getpid()
    return work

if __name__ == "__main__":
    folder, n, share, *things = sys.argv[1:]
    for number, pid in enumerate(in_order(things, begun, (folder,), int(n), share=int(share))):
        (Path(folder) / f"answer-{number}").touch()
        print(pid, flush=True)
"""


@pytest.fixture
def program(tmp_path):
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    (tmp_path / "seen").mkdir()
    return path, tmp_path / "seen"


def run(program, *args):
    command = [sys.executable, *map(str, (program, *args))]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_a_script_that_works_at_its_first_line_is_run_once(tmp_path):
    """As people write them: nothing in it asks if it is the program."""
    script = tmp_path / "script.py"
    script.write_text(
        "from inkdigits.data import pictures\n"
        "from inkdigits.processes import in_order\n"
        "print('begun', list(in_order([[b'none']], pictures._begun, (), 2, share=1)))\n"
    )
    done = run(script)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("begun") == 1


def test_a_temporary_folder_may_have_a_long_name(program, tmp_path, monkeypatch):
    """Of a socket's path the system takes 107 bytes."""
    file, seen = program
    (tmp_path / ("t" * 110)).mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / ("t" * 110)))
    done = run(file, seen, 2, 1, "workers 2", "sleep 0")
    assert (done.returncode, len(done.stdout.split())) == (0, 2), done.stderr


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_workers_end_with_their_parent_whatever_they_are_at(program, started, sent):
    file, seen = program
    parent = started(file, seen, 2, 1, *["sleep 600"] * 9, stderr=subprocess.DEVNULL)
    parent.until(lambda: len(list(seen.glob("worker-*"))) == 2, "two workers")
    assert len(parent.alive()) >= 3
    parent.send(sent)
    parent.process.wait(60)
    parent.until(lambda: not parent.alive(), "the end of all processes")


def test_no_process_of_read_outlives_it(started, tmp_path):
    for i in range(2_000):
        (tmp_path / f"{i:04d}.jpg").symlink_to(MARKS)
    reading = started(
        "-m", "inkdigits", "read", tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    reading.until(lambda: len(reading.alive()) >= 4, "worker processes")
    reading.send(signal.SIGKILL)
    reading.process.wait(60)
    reading.until(lambda: not reading.alive(), "the end of all processes")


def test_a_trainings_worker_ends_with_a_launcher_that_is_killed(started, tmp_path):
    worker = (
        "import sys, time; from inkdigits.processes import end_with_launcher\n"
        "end_with_launcher(); open(sys.argv[1], 'w').close(); time.sleep(600)"
    )
    launcher = "import subprocess, sys; subprocess.run([sys.executable, '-c', *sys.argv[1:]])"
    torchrun = started("-c", launcher, worker, tmp_path / "begun")
    torchrun.until((tmp_path / "begun").exists, "the worker")
    assert len(torchrun.alive()) == 2
    torchrun.send(signal.SIGKILL)
    torchrun.process.wait(60)
    torchrun.until(lambda: not torchrun.alive(), "the end of the worker")


def test_slow_work_is_shared_though_it_was_handed_out_together(program):
    file, seen = program
    done = run(file, seen, 2, 9, "workers 1", "sleep 0.5", "workers 2", *["sleep 0.3"] * 4)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.split()) == 7
    assert len(set(done.stdout.split())) == 2


def test_what_is_done_is_said_while_the_rest_of_the_share_is_worked_on(program):
    file, seen = program
    done = run(file, seen, 1, 9, "sleep 0.5", "file answer-0", "sleep 0")
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.split()) == 3


def test_workers_that_end_before_they_are_ready_are_begun_three_times(program):
    file, _ = program
    done = run(file, "ends", 1, 9, "sleep 0")
    assert "ProcessError: worker processes cannot be started (3 ended before they" in done.stderr


def test_work_that_ends_its_worker_is_an_error_where_no_answer_stands_for_it(program):
    file, seen = program
    done = run(file, seen, 2, 9, "sleep 0", "end", "sleep 0")
    assert "ProcessError: a worker process ended twice on the same work" in done.stderr


@pytest.mark.parametrize("error", ["DataError", "OSError"])  # as a broken pipe is one
def test_what_the_work_raises_is_raised_and_says_where(program, error):
    file, seen = program
    done = run(file, seen, 2, 9, "sleep 0", f"raise {error}")
    assert f"{error}: no such digit" in done.stderr
    assert "in a worker process:" in done.stderr


def test_no_semaphore_is_needed(monkeypatch, tmp_path):
    """Where there is no /dev/shm, there are none."""

    def none(*_):
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr("_multiprocessing.SemLock", none)
    monkeypatch.setattr(many, "_PATIENCE", 0.0)
    monkeypatch.setattr(many, "_PREPARING", -1.0)
    (tmp_path / "no.png").write_bytes(b"no picture")
    found = list(read_files([str(MARKS), os.fspath(tmp_path / "no.png")], Reader(), 2, "read"))
    assert found[0][1].text.startswith("10 9 8")
    assert "not a picture" in str(found[1][1])
