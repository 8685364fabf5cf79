"""Jobs that meet in one folder, and workers that end before they read anything."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("ray", reason="needs ray: pip install 'inkdigits[batch]'")

from PIL import Image

from inkdigits.batch import parts
from inkdigits.batch.plan import Job, plan_of
from inkdigits.batch.run import _Actor, read_all
from inkdigits.batch.source import Source
from inkdigits.batch.storage import Location
from inkdigits.errors import BatchError, ConfigError
from inkdigits.reading.reader import Reader

HOLDER = """
import sys, time
from inkdigits.batch.storage import Location
with Location(sys.argv[1]).locked():
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def two(tmp_path, seven):
    """A source of two pictures, and where they go."""
    (tmp_path / "in").mkdir()
    for name in ("a", "b"):
        Image.fromarray(seven).save(tmp_path / "in" / f"{name}.png")
    return Job(source=Source(str(tmp_path / "in")), out=str(tmp_path / "out"))


def test_a_folder_to_which_another_job_writes_is_refused_until_that_is_killed(two):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, two.out], stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout.readline() == "held\n"
        said = "out: another job writes to this folder; wait for its end, or stop it"
        with pytest.raises(BatchError, match=said):
            read_all(two)
        assert os.listdir(two.out) == []
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()
    with Location(two.out).locked():
        assert os.path.isdir(two.out)


def test_where_there_are_no_locks_the_later_job_goes_on_and_the_earlier_says_so():
    location = Location("memory://taken")
    location.files.pipe({"/taken/.job-killed": b""})
    with location.locked() as check_first:
        check_first()
        assert not location.has(".job-killed")
        with location.locked() as check_second:
            check_second()
            with pytest.raises(
                BatchError, match=r"memory:///?taken: another job was started there"
            ):
                check_first()
        assert location.files.ls("/taken") == []


def test_a_job_that_cannot_begin_leaves_no_folder(two):
    nothing = Job(source=Source(two.source.address + "/*.gif"), out=two.out)
    with pytest.raises(ConfigError, match="no picture in it"):
        read_all(nothing)
    assert not os.path.exists(two.out)


def test_workers_that_end_before_they_read_anything_end_the_job_at_the_sixth(two, monkeypatch):
    plan = plan_of(two, two.source, Location(two.out), Reader())

    def ends(*_):
        raise SystemExit("as a crash, nothing catches it")

    loads = parts._reader
    monkeypatch.setattr(parts, "_reader", ends)
    for _ in range(5):  # twice many pictures at once, then one by one
        with pytest.raises(SystemExit):
            actor(two, plan)
    assert actor(two, plan) == (
        "part 0: 5 worker processes ended at it, the last 3 before they read a picture: too little "
        "memory, or an installation that crashes"
    )
    monkeypatch.setattr(parts, "_reader", loads)
    assert actor(two, plan) == ""  # what ended it is mended


def actor(job, plan):
    """What a fresh worker says of the first part."""
    made = _Actor(Location(job.out), job.source, plan.listings)
    return made({"item": np.array([0])})["trouble"][0]


def test_a_damaged_note_of_attempts_is_none(two):
    plan = plan_of(two, two.source, Location(two.out), Reader())
    for text in ("{", "[]", '{"starts": "x"}', '{"starts": 1, "idle": 0, "ended": 7, "at": 1}'):
        Path(two.out, "_begun-0000000.json").write_text(text)
        assert actor(two, plan) == ""
        os.remove(f"{two.out}/part-0000000.parquet")
