"""Two processes started by torchrun, as a user would start them."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from inkdigits.errors import ConfigError
from inkdigits.runs.api import train
from inkdigits.training import workers
from inkdigits.training.own import loaded, prepared
from inkdigits.training.state import load_state
from inkdigits.training.workers import Workers
from support import NET

FLAGS = ("--data", "sample", "--batch-size", "64", "--threads", "2")


def torchrun(*flags):
    return [
        sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--standalone",
        "-m", "inkdigits", "train", *FLAGS, *map(str, flags),
    ]  # fmt: skip


def test_shares_of_a_batch_are_the_batch():
    index = list(range(10))
    parts = [Workers(rank, 3).share(index) for rank in range(3)]
    assert sorted(i for part in parts for i in part) == index


def test_without_torchrun_there_is_one_worker(monkeypatch):
    """Some launchers leave the variable empty; others set it and none of the rest."""
    monkeypatch.setattr(workers, "end_with_launcher", lambda: None)
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    assert workers.started_workers() == 1
    for value, count in (("", 1), ("1", 1), ("16", 16)):
        monkeypatch.setenv("WORLD_SIZE", value)
        assert workers.started_workers() == count
    with pytest.raises(ConfigError, match=r"is 16, and torchrun did not start this .*RANK"):
        workers.joined().__enter__()
    for value in ("two", "-1", "0", "1.5", "9" * 5000):
        monkeypatch.setenv("WORLD_SIZE", value)
        with pytest.raises(ConfigError, match=r"^\$WORLD_SIZE is '.*, expected a number, as tor"):
            workers.started_workers()
    with pytest.raises(ConfigError, match=r"\$WORLD_SIZE is '9"):
        train("sample")


def test_two_workers_train_one_network_as_well_as_one_does(tmp_path):
    done = subprocess.run(
        torchrun("--epochs", 4, "--out", tmp_path / "two"),
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "two" / "result.json").read_text())
    assert result["workers"] == 2
    # One worker's seeds give 97.5 to 98.4 % here.
    assert 0.965 < result["scores"]["accuracy"] < 1
    assert done.stderr.count("epoch 4/4") == 1
    assert done.stdout.count("test images right") == 1


def test_a_killed_worker_ends_the_run_with_a_clear_error_and_a_whole_checkpoint(tmp_path):
    folder = tmp_path / "broken"
    file = tmp_path / "net.py"  # a module, which each of them makes for itself
    file.write_text(NET)
    with subprocess.Popen(
        torchrun("--epochs", 200, "--network", f"{file}:Net", "--out", folder),
        stderr=subprocess.PIPE, text=True, start_new_session=True,
    ) as process:  # fmt: skip
        for line in process.stderr:
            if line.startswith("epoch   2/200"):
                break
        workers = children_with_rank(process.pid)
        assert set(workers) == {0, 1}
        os.kill(workers[1], signal.SIGKILL)
        rest = process.stderr.read()
        assert process.wait(120) != 0
    assert "--resume" in rest
    state = load_state(folder / "checkpoint.safetensors", own=prepared(loaded(f"{file}:Net", 0), 0))
    assert state.epoch >= 2
    assert not (folder / "result.json").exists()


def children_with_rank(parent):
    """Process ids of torchrun's workers by their rank, from /proc."""
    found, deadline = {}, time.monotonic() + 30
    while len(found) < 2 and time.monotonic() < deadline:
        for place in Path("/proc").glob("[0-9]*"):
            try:
                if int((place / "stat").read_text().rsplit(")", 1)[1].split()[1]) != parent:
                    continue
                settings = (place / "environ").read_bytes().split(b"\0")
            except (OSError, ValueError):
                continue
            ranks = [int(s[5:]) for s in settings if s.startswith(b"RANK=")]
            if ranks:
                found[ranks[0]] = int(place.name)
    if len(found) < 2:
        pytest.fail("torchrun's workers were not found")
    return found
