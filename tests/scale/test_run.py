import io
import json
import os
import shutil
import subprocess
import sys
import tarfile

import numpy as np
import pytest

pytest.importorskip("ray", reason="needs ray: pip install 'inkdigits[scale]'")

import pyarrow.parquet as pq
import ray

from inkdigits.errors import ConfigError, PictureError, ScaleError
from inkdigits.reader import Reader
from inkdigits.scale import Job, Source, Summary, read_all
from inkdigits.scale.parts import LISTING, MODEL, Counts, Worker, name_of, write_listing
from inkdigits.scale.source import parts_of
from inkdigits.scale.storage import Place
from scale import killed_half_way, paths_in, png


@pytest.fixture(scope="module")
def shared_ray():
    """Ray is started once; a job takes the one that is there."""
    ray.init(
        address="local", num_cpus=2, include_dashboard=False, object_store_memory=200_000_000,
        log_to_driver=False,
    )  # fmt: skip
    yield
    ray.shutdown()


@pytest.fixture(scope="module")
def pictures(tmp_path_factory, sample):
    """120 digits as PNGs, one that is no picture, and a shard of three."""
    folder = tmp_path_factory.mktemp("pictures")
    files = {f"{i:03d}.png": png(array) for i, array in enumerate(sample.test.images[:120])}
    for name, data in {**files, "broken.png": b"no picture"}.items():
        (folder / name).write_bytes(data)
    with tarfile.open(folder / "shard.tar", "w") as shard:
        for i in range(3):
            about = tarfile.TarInfo(f"{i}.png")
            about.size = len(files["000.png"])
            shard.addfile(about, io.BytesIO(files["000.png"]))
    return folder


def job(source, out, **options):
    return Job(source=Source(str(source)), out=str(out), part_size=50, workers=2, **options)


@pytest.fixture(scope="module")
def done(shared_ray, pictures, tmp_path_factory):
    out = tmp_path_factory.mktemp("read") / "out"
    told = []
    return out, read_all(job(pictures, out), lambda *told_now: told.append(told_now)), told


def test_every_picture_is_a_row_once(done, pictures):
    out, found, told = done
    wanted = {str(path) for path in pictures.glob("*.png")}
    wanted |= {f"{pictures}/shard.tar#{i}.png" for i in range(3)}
    paths = paths_in(out)
    assert len(paths) == len(set(paths)) == 124
    assert set(paths) == wanted
    assert found == Summary(124, 1, found.doubtful, 0, 4)  # 50, 50, 21 and the shard's
    assert told[-1] == (4, 4)


def test_a_row_says_what_the_reader_says(done, pictures):
    out, found, _ = done
    rows = {row["path"]: row for row in pq.read_table(out).to_pylist()}
    files = sorted(pictures.glob("*.png"))
    readings = dict(zip(files, Reader().predict_many(files), strict=True))
    for path, reading in readings.items():
        row = rows[str(path)]
        if isinstance(reading, PictureError):
            assert row["error"].startswith("picture: not a picture this program can read")
            assert {row[name] for name in row if name not in ("path", "error")} == {None}
            continue
        assert row["error"] is None
        assert (row["digit"], row["reason"]) == (reading.digit, reading.reason)
        assert row["accepted"] == reading.accepted
        assert np.allclose(row["probabilities"], reading.probabilities, atol=1e-5)
        assert row["confidence"] == pytest.approx(reading.confidence, abs=1e-5)
    assert found.doubtful == sum(row["accepted"] is False for row in rows.values())


def test_a_second_start_reads_what_is_missing_and_nothing_else(done, pictures):
    out, found, _ = done
    times = {path.name: path.stat().st_mtime_ns for path in out.glob("part-*")}
    (out / name_of(2)).unlink()
    (out / ".part-0000002.parquet.1.half").write_bytes(b"half of it, left by a kill")
    again = read_all(job(pictures, out))
    assert again == Summary(124, 1, found.doubtful, 124 - len(pq.read_table(out / name_of(2))), 4)
    changed = [
        path.name for path in out.glob("part-*") if path.stat().st_mtime_ns != times[path.name]
    ]
    assert changed == [name_of(2)]
    assert not list(out.glob(".*"))


def test_another_job_in_the_same_folder_is_refused(done, pictures, tmp_path):
    out, *_ = done
    with pytest.raises(ConfigError, match=r"was begun with source .*/pictures0'.*another folder"):
        read_all(job(tmp_path, out))
    with pytest.raises(ConfigError, match="was begun with part_size 50, this is 60"):
        read_all(Job(source=Source(str(pictures)), out=str(out), part_size=60))


def test_a_folder_of_something_else_is_refused(pictures, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ConfigError, match=r"holds mine.txt and no _manifest.json"):
        read_all(job(pictures, tmp_path))
    with pytest.raises(ConfigError, match="is a file, wanted a folder"):
        read_all(job(pictures, tmp_path / "mine.txt"))


def test_output_among_the_input_is_refused(pictures):
    with pytest.raises(ConfigError, match="its files would be read as input"):
        read_all(job(pictures, pictures / "out"))


def test_settings_are_checked_at_once():
    with pytest.raises(ConfigError, match="workers is 0, wanted 1 or more"):
        Job(source=Source("x"), out="y", workers=0)
    with pytest.raises(ConfigError, match=r"address is 'ray://head', wanted .* host:port"):
        Job(source=Source("x"), out="y", address="ray://head")


def test_what_stops_a_worker_is_told_with_how_to_go_on(shared_ray, pictures, tmp_path):
    told = "elsewhere is not there for a worker on .*; what was read is kept: .* the same command"
    with pytest.raises(ScaleError, match=told):
        read_all(job(pictures, "memory://elsewhere"))


def test_a_damaged_part_is_read_anew(three):
    source, out = three
    worker = Worker(Place(str(out)), Source(str(source)))
    (out / name_of(0)).write_bytes(b"")
    assert worker.read(0) == Counts(3, 1, 0, 0)
    assert worker.read(0) == Counts(3, 1, 0, 3)


def test_a_name_that_is_no_utf8_is_a_row(three):
    source, out = three
    (source / os.fsdecode(b"\xff.png")).write_bytes((source / "a.png").read_bytes())
    write_listing(out / LISTING, parts_of(Source(str(source)).entries(), 10))
    assert Worker(Place(str(out)), Source(str(source))).read(0).pictures == 4
    row = pq.read_table(out / name_of(0)).to_pylist()[3]
    assert (row["path"], row["error"]) == (f"{source}/\\xff.png", None)


def failing(monkeypatch, out, source, error):
    """A worker to which b"bad" does what raises that error."""
    worker = Worker(Place(str(out)), Source(str(source)))
    predict_many = worker._reader.predict_many

    def breaks(many):
        if b"bad" in many:
            raise error
        return predict_many(many)

    monkeypatch.setattr(worker._reader, "predict_many", breaks)
    return worker


@pytest.fixture
def three(tmp_path, pictures):
    """A listing of one part: a digit, what is bad, a digit."""
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    out.mkdir()
    good = (pictures / "000.png").read_bytes()
    for name, data in {"a.png": good, "b.png": b"bad", "c.png": good}.items():
        (source / name).write_bytes(data)
    shutil.copy(Reader().path, out / MODEL)
    write_listing(out / LISTING, parts_of(Source(str(source)).entries(), 10))
    return source, out


def test_what_breaks_in_an_unforeseen_way_is_one_row(three, monkeypatch):
    source, out = three
    worker = failing(monkeypatch, out, source, ZeroDivisionError("division by zero"))
    assert worker.read(0).failed == 1
    rows = pq.read_table(out / name_of(0)).to_pylist()
    assert [row["path"][-5:] for row in rows] == ["a.png", "b.png", "c.png"]
    assert rows[1]["error"] == "picture: ZeroDivisionError: division by zero"
    assert rows[0]["digit"] == rows[2]["digit"] is not None


def test_a_picture_that_ends_its_process_is_passed_over_the_fifth_time(three, monkeypatch):
    source, out = three
    worker = failing(monkeypatch, out, source, SystemExit("as a crash, nothing catches it"))
    for _ in range(4):  # twice many at once, twice one by one
        with pytest.raises(SystemExit):
            worker.read(0)
        assert not (out / name_of(0)).exists()
    assert worker.read(0).failed == 1
    rows = pq.read_table(out / name_of(0)).to_pylist()
    assert rows[1]["error"].startswith("picture: reading it ended the process, twice")
    assert rows[0]["digit"] == rows[2]["digit"] is not None
    assert sorted(path.name for path in out.iterdir()) == [LISTING, MODEL, name_of(0)]


def test_a_worker_and_then_the_driver_are_killed_and_every_picture_is_read_once(
    shared_ray, tmp_path, sample
):
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    for i in range(1000):
        (source / f"{i:04d}.png").write_bytes(png(sample.train.images[i]))
    there = killed_half_way(source, out, 40, "--part-size", 25, "--workers", 1)
    assert 20 <= there < 40
    found = read_all(Job(source=Source(str(source)), out=str(out)))
    assert (found.pictures, found.parts, found.there) == (1000, 40, there * 25)
    paths = paths_in(out)
    assert len(paths) == 1000
    assert set(paths) == {str(path) for path in source.glob("*.png")}


def test_a_missing_ray_names_the_install_command(tmp_path):
    code = (
        "import sys; sys.modules['ray'] = None\n"
        "sys.argv = ['inkdigits', 'scale', 'read', 'x', '--out', 'y']\n"
        "from inkdigits.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 1
    wanted = "error: this needs ray, which is not installed: pip install 'inkdigits[scale]'\n"
    assert done.stderr == wanted


def test_the_manifest_says_what_the_job_is(done, pictures):
    manifest = json.loads((done[0] / "_manifest.json").read_text())
    assert manifest["source"] == str(pictures)
    assert (manifest["part_size"], manifest["parts"], manifest["format"]) == (50, 4, 1)
