"""What a killed process left half written is never taken for something, and goes."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from inkdigits.cli.inputs import pictures_below
from inkdigits.data import Digits, DigitSets, load
from inkdigits.data.folders import write_png_folder
from inkdigits.errors import DataError
from inkdigits.files import folder_written_whole, is_temporary, locked, written_whole
from inkdigits.runs.folder import refuse_filled

KILLED = """
import os, signal, sys
from pathlib import Path
from inkdigits.files import folder_written_whole, written_whole
path = Path(sys.argv[1])
whole = folder_written_whole(path, "list.txt", ".*") if path.suffix == "" else written_whole(path)
with whole as part:
    (part / "half.png" if path.suffix == "" else part).write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def killed(path):
    """What a process leaves that is killed while it writes there."""
    done = subprocess.run([sys.executable, "-c", KILLED, path], check=False)
    assert done.returncode == -signal.SIGKILL
    (left,) = path.parent.iterdir()
    assert is_temporary(left.name)
    return left


def digits(n):
    return Digits(np.zeros((n, 28, 28), np.uint8), np.zeros(n, np.uint8), "made", "made")


def test_an_export_after_a_killed_one_holds_its_own_digits(tmp_path):
    # In a container every process may have the same number.
    (tmp_path / f".digits.{os.getpid()}.part" / "train").mkdir(parents=True)
    (tmp_path / f".digits.{os.getpid()}.part" / "train" / "3_00007.png").write_bytes(b"torn")
    write_png_folder(DigitSets(digits(2), digits(1), "made"), tmp_path / "digits")
    found = sorted(os.path.relpath(p, tmp_path / "digits") for p in tmp_path.glob("digits/*/*"))
    assert found == ["test/0_00000.png", "train/0_00000.png", "train/0_00001.png"]


def test_a_folder_that_a_killed_process_left_goes_with_the_next_one(tmp_path):
    left = killed(tmp_path / "out")
    with folder_written_whole(tmp_path / "out", "list.txt", ".*") as part:
        (part / "list.txt").touch()
        assert not left.exists()
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_a_folder_that_is_being_written_is_left_alone(tmp_path):
    with (
        folder_written_whole(tmp_path / "out", "list.txt", ".*") as first,
        folder_written_whole(tmp_path / "out", "list.txt", ".*") as second,
    ):
        assert first != second
        (first / "list.txt").write_text("first")
        (second / "list.txt").write_text("second")
    assert (tmp_path / "out" / "list.txt").read_text() == "first"  # the last that was whole
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("name", ["7.png", "out"])
def test_what_was_left_is_no_picture(tmp_path, name):
    left = killed(tmp_path / name)
    assert list(pictures_below(str(tmp_path))) == []
    pytest.importorskip("fsspec")
    from inkdigits.batch.source import Source

    for source in (tmp_path, f"{tmp_path}/.*", f"{tmp_path}/**/*"):
        assert list(Source(str(source)).files()) == []
    left.rename(tmp_path / ".seven.png")  # a hidden picture is one
    assert len(list(pictures_below(str(tmp_path)))) == 1


def test_two_that_write_one_file_do_not_share_a_name(tmp_path):
    with written_whole(tmp_path / "a.txt") as first, written_whole(tmp_path / "a.txt") as second:
        assert first != second
        first.write_text("first")
        second.write_text("second")
    assert (tmp_path / "a.txt").read_text() == "first"


def test_a_file_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", lambda file: synced.append(os.fstat(file).st_size))
    with written_whole(tmp_path / "a.txt") as part:
        part.write_text("seven")
        assert synced == []
    assert synced == [5]


def test_a_lock_ends_with_its_process(tmp_path):
    code = (
        "import os, sys; from pathlib import Path; from inkdigits.files import locked\n"
        "with locked(Path(sys.argv[1])) as held: print(held, flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, tmp_path], stdout=subprocess.PIPE, stdin=subprocess.PIPE
    )
    assert holder.stdout.readline() == b"True\n"
    with pytest.raises(BlockingIOError), locked(tmp_path):
        pass
    holder.kill()
    holder.communicate()
    with locked(tmp_path) as held:
        assert held


def test_what_a_killed_start_left_is_not_in_the_way_of_the_same_command(tmp_path):
    (tmp_path / "run").mkdir()
    killed(tmp_path / "run" / "settings.toml")
    refuse_filled(tmp_path / "run")
    with folder_written_whole(tmp_path / "run", "list.txt", r"list\.txt") as part:
        (part / "list.txt").touch()
    assert [p.name for p in (tmp_path / "run").iterdir()] == ["list.txt"]


def test_half_a_set_of_digits_is_not_loaded(tmp_path):
    for name in ("made.npz", "digits.csv"):
        (tmp_path / name[-3:]).mkdir()
        killed(tmp_path / name[-3:] / name)
        with pytest.raises(DataError, match="no digit found in"):
            load(str(tmp_path / name[-3:]))
