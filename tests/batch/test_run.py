import io
import json
import os
import subprocess
import sys
import tarfile
from collections import Counter

import numpy as np
import pytest
from click.testing import CliRunner

pytest.importorskip("ray", reason="needs ray: pip install 'inkdigits[batch]'")

import pyarrow as pa
import pyarrow.parquet as pq
import ray
from PIL import Image

from batch import QUIET, command, killed_half_way, paths_in, png, wait_for_parts
from inkdigits.batch import Job, Source, Summary, Tally, read_all
from inkdigits.batch.cluster import ray_for
from inkdigits.batch.listing import listing_name
from inkdigits.batch.parts import Counts, Worker, name_of
from inkdigits.batch.plan import MANIFEST, MODEL, SCHEMA, changes, plan_of
from inkdigits.batch.storage import Location
from inkdigits.cli import cli
from inkdigits.errors import BatchError, ConfigError, PictureError
from inkdigits.reading.model import Model
from inkdigits.reading.reader import Reader


@pytest.fixture(scope="module")
def shared_ray():
    """Ray is started once, at the address that is given; a job takes the one that is there."""
    with ray_for(None, 2):
        yield ray.get_runtime_context().gcs_address


@pytest.fixture(scope="module")
def pictures(tmp_path_factory, sample):
    """120 digits as PNGs, one that is no picture, a note, and a shard of three."""
    folder = tmp_path_factory.mktemp("pictures")
    files = {f"{i:03d}.png": png(array) for i, array in enumerate(sample.test.images[:120])}
    for name, data in {**files, "broken.png": b"no picture", "note.txt": b"no picture"}.items():
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
    note, added = found.passed_over, found.added
    assert found == Summary(124, 1, found.doubtful, 0, 4, note, added)  # 50, 50, 21, the shard's
    assert (note.n, note.first, note.why) == (1, [f"{pictures}/note.txt"], {".txt": 1})
    assert added.n == 122
    assert (out / "_passed_over.txt").read_text() == f"{pictures}/note.txt\t.txt\n"
    assert told[-1] == (4, 4)


def test_a_row_says_what_the_reader_says(done, pictures):
    out, found, _ = done
    rows = {row["path"]: row for row in pq.read_table(out).to_pylist()}
    files = sorted(pictures.glob("*.png"))
    for path, page in zip(files, Reader().read_many(files), strict=True):
        row = rows[str(path)]
        if isinstance(page, PictureError):
            assert row["error"].startswith("picture: not a picture this program can read")
            assert {row[name] for name in row if name not in ("path", "error")} == {None}
            continue
        assert (row["error"], row["text"]) == (None, page.text)
        assert [digit["digit"] for digit in row["digits"]] == page.digits.digits.tolist()
        ten = [digit["probabilities"] for digit in row["digits"]]
        assert np.allclose(np.reshape(ten, (-1, 10)), page.digits.probabilities, atol=1e-5)
    assert found.doubtful == sum(row["accepted"] is False for row in rows.values())


def test_a_second_start_reads_what_is_missing_and_nothing_else(done, pictures):
    out, found, _ = done
    times = {path.name: path.stat().st_mtime_ns for path in out.glob("part-*")}
    (out / name_of(2)).unlink()
    (out / ".part-0000002.parquet.1.half").write_bytes(b"half of it, left by a kill")
    again = read_all(job(pictures, out))
    there = 124 - len(pq.read_table(out / name_of(2)))
    assert again == Summary(124, 1, found.doubtful, there, 4, found.passed_over)
    changed = [
        path.name for path in out.glob("part-*") if path.stat().st_mtime_ns != times[path.name]
    ]
    assert changed == [name_of(2)]
    assert not list(out.glob(".*"))


def test_another_job_in_the_same_folder_is_refused(done, pictures, tmp_path):
    out, *_ = done
    with pytest.raises(ConfigError, match=r"was started with source .*/pictures0'.*another folder"):
        read_all(job(tmp_path, out))
    with pytest.raises(ConfigError, match="was started with part_size 50, this is 60"):
        read_all(Job(source=Source(str(pictures)), out=str(out), part_size=60))


def test_a_folder_of_something_else_is_refused(pictures, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ConfigError, match=r"holds mine.txt and no _manifest.json"):
        read_all(job(pictures, tmp_path))
    with pytest.raises(ConfigError, match="is a file, expected a folder"):
        read_all(job(pictures, tmp_path / "mine.txt"))


def test_output_among_the_input_is_refused(pictures):
    with pytest.raises(ConfigError, match="its files would be read as input"):
        read_all(job(pictures, pictures / "out"))


def test_settings_are_checked_at_once():
    with pytest.raises(ConfigError, match="workers is 0, expected 1 or more"):
        Job(source=Source("x"), out="y", workers=0)
    with pytest.raises(ConfigError, match=r"address is 'ray://head', expected .* host:port"):
        Job(source=Source("x"), out="y", address="ray://head")


def test_what_stops_a_worker_is_told_with_how_to_go_on(shared_ray, pictures, tmp_path):
    told = "elsewhere is not there for a worker on .*; what was read is kept: .* the same command"
    with pytest.raises(BatchError, match=told):
        read_all(job(pictures, "memory://elsewhere"))


def worker(source, out, **options):
    """A worker for a job that is begun, or gone on with."""
    given = job(source, out, **options)
    location = Location(str(out))
    plan = plan_of(given, given.source, location, Reader(given.model, threads=1))
    return Worker(location, given.source, plan.listings)


def rows_of(out, part=0):
    return pq.read_table(out / name_of(part)).to_pylist()


@pytest.fixture
def three(tmp_path, pictures):
    """A digit, what is bad, a digit; and where to read them to."""
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    good = (pictures / "000.png").read_bytes()
    for name, data in {"a.png": good, "b.png": b"bad", "c.png": good}.items():
        (source / name).write_bytes(data)
    return source, out


def test_a_damaged_part_is_read_anew(three):
    source, out = three
    one = worker(source, out)
    (out / name_of(0)).write_bytes(b"")
    counts = one.read(0)
    assert (counts.pictures, counts.failed, counts.there) == (3, 1, 0)
    assert one.read(0) == Counts(3, 1, counts.doubtful, 3)


def test_a_name_that_is_no_utf8_is_a_row(three):
    source, out = three
    (source / os.fsdecode(b"\xff.png")).write_bytes((source / "a.png").read_bytes())
    (source / os.fsdecode(b"\xff\n.t\txt")).touch()
    assert worker(source, out).read(0).pictures == 4
    row = rows_of(out)[3]
    assert (row["path"], row["error"]) == (f"{source}/\\xff.png", None)
    assert (out / "_passed_over.txt").read_text() == f"{source}/\\xff\\n.t\\txt\t.t\\txt\n"


def failing(monkeypatch, out, source, error):
    """A worker to which b"bad" does what raises that error."""
    read_many = Reader.read_many

    def breaks(self, many):
        if b"bad" in many:
            raise error
        return read_many(self, many)

    monkeypatch.setattr(Reader, "read_many", breaks)
    return worker(source, out)


def test_each_page_of_a_document_is_a_row_also_in_a_shard(tmp_path, sample):
    images = [Image.fromarray(255 - np.pad(sample.test.images[i], 20)) for i in (5, 60, 100)]
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    names = ["a.tif", "b.pdf", "c.tif"]
    for name in names:
        images[0].save(source / name, save_all=name != "c.tif", append_images=images[1:])
    with tarfile.open(source / "d.tar", "w") as shard:
        shard.add(source / "a.tif", "in.tif")
    one = worker(source, out)
    assert [one.read(part).pictures for part in range(2)] == [3, 7]
    pages = [f"#page={page}" for page in (1, 2, 3)]
    rows = [*rows_of(out, 1), *rows_of(out, 0)]
    assert [row["path"].removeprefix(f"{source}/") for row in rows] == [
        *(f"a.tif{page}" for page in pages),
        *(f"b.pdf{page}" for page in pages),
        "c.tif",
        *(f"d.tar#in.tif{page}" for page in pages),
    ]
    wanted = [str(sample.test.labels[i]) for i in (5, 60, 100)]
    assert [row["text"] for row in rows] == [*wanted, *wanted, wanted[0], *wanted]


def test_a_page_that_takes_too_long_is_a_row_with_its_error(tmp_path, endless_pdf, monkeypatch):
    monkeypatch.setattr("inkdigits.picture.pdf._SECONDS", 0.5)  # later it has 1 GB, too
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    (source / "a.jpg").write_bytes(endless_pdf)  # its bytes tell that it is a PDF
    assert worker(source, out).read(0)[:2] == (2, 1)
    first, second = rows_of(out, 0)
    assert [row["path"][-12:] for row in (first, second)] == ["a.jpg#page=1", "a.jpg#page=2"]
    assert first["error"] == "picture: took over 0.5 s to draw; save it as a picture"
    assert (second["error"], second["width"], second["height"]) == (None, 200, 200)


def test_a_parquet_files_other_columns_are_kept(tmp_path, pictures):
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    data = [(pictures / f"{i:03d}.png").read_bytes() for i in range(3)]
    table = {"id": [7, 8, 9], "path": ["x", None, "z"], "image": [data[0], b"bad", data[2]]}
    pq.write_table(pa.table(table), source / "t.parquet")
    (source / "a.png").write_bytes(data[0])
    assert worker(source, out).read(0).failed == 1
    rows = rows_of(out)
    kept = [(row["path"].rpartition("/")[2], row["id"], row["source_path"]) for row in rows]
    assert kept == [
        ("a.png", None, None), ("t.parquet#0", 7, "x"), ("t.parquet#1", 8, None),
        ("t.parquet#2", 9, "z"),
    ]  # fmt: skip
    assert rows[2]["error"].startswith("picture: not a picture")


def test_columns_of_tensors_are_kept(tmp_path, pictures):
    data = [(pictures / f"{i:03d}.png").read_bytes() for i in range(2)]
    tensors = np.arange(8, dtype=np.float32).reshape(2, 2, 2)
    table = {"image": data, "t": pa.FixedShapeTensorArray.from_numpy_ndarray(tensors)}
    pq.write_table(pa.table(table), tmp_path / "t.parquet")
    assert worker(tmp_path / "t.parquet", tmp_path / "out").read(0).failed == 0
    kept = pq.read_table(tmp_path / "out" / name_of(0))["t"].combine_chunks()
    assert np.array_equal(kept.to_numpy_ndarray(), tensors)


def test_a_start_with_columns_that_do_not_fit_leaves_nothing(tmp_path):
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    for name, kind in {"a": pa.int64(), "b": pa.uint64()}.items():
        table = pa.table({"image": [b"x"], "id": pa.array([1], kind)})
        pq.write_table(table, source / f"{name}.parquet")
    with pytest.raises(ConfigError, match=r"b.parquet: .*'id' is uint64, in .*a.parquet it is int"):
        worker(source, out)
    assert not out.exists()


def test_files_that_came_later_are_told_and_read_into_parts_of_their_own(three, pictures):
    source, out = three
    one = worker(source, out)
    assert one.read(0).pictures == 3
    (source / "aa.png").write_bytes((source / "a.png").read_bytes())
    (source / "z.txt").touch()
    (source / "c.png").unlink()
    location, files = Location(str(out)), Source(str(source))
    plan = plan_of(job(source, out), files, location, Reader(threads=1))
    came, gone = changes(files, location, plan)
    assert (came.n, came.first, gone.n, gone.first) == (
        1, [f"{source}/aa.png"], 1, [f"{source}/c.png"],
    )  # fmt: skip
    assert plan.parts == 1

    plan = plan_of(job(source, out, add_new=True), files, location, Reader(threads=1))
    assert (plan.parts, plan.added.n, plan.gone.n, plan.passed_over.n) == (2, 1, 1, 1)
    one = worker(source, out)
    assert one.read(1) == Counts(1, 0, one.read(1).doubtful, 0)
    assert one.read(0).there == 3
    assert [row["path"] for part in (0, 1) for row in rows_of(out, part)] == [
        f"{source}/{name}" for name in ("a.png", "b.png", "c.png", "aa.png")
    ]
    plan = plan_of(job(source, out, add_new=True), files, location, Reader(threads=1))
    assert (plan.parts, plan.added.n) == (2, 0)


def test_a_kill_while_files_are_added_leaves_the_job_as_it_was(three):
    """The listing of what came later is there, the manifest that names it is not."""
    source, out = three
    worker(source, out).read(0)
    before = (out / MANIFEST).read_bytes()
    (source / "d.png").write_bytes((source / "a.png").read_bytes())
    worker(source, out, add_new=True)
    assert (out / listing_name(1)).exists()
    (out / MANIFEST).write_bytes(before)
    with pytest.raises(BatchError, match="no listing has the part 1"):
        worker(source, out).read(1)
    one = worker(source, out, add_new=True)
    one.read(1)
    assert [row["path"] for row in rows_of(out, 1)] == [f"{source}/d.png"]


def test_what_came_later_must_have_the_columns_of_the_rows(three):
    source, out = three
    worker(source, out)
    pq.write_table(pa.table({"image": [b"x"], "label": [1]}), source / "t.parquet")
    said = (
        r"t.parquet came later and does not fit: its column 'label' is not in the rows; no file "
        "was added: move it elsewhere and start again"
    )
    with pytest.raises(ConfigError, match=said):
        worker(source, out, add_new=True)
    assert not (out / listing_name(1)).exists()


def test_what_breaks_in_an_unforeseen_way_is_one_row(three, monkeypatch):
    source, out = three
    one = failing(monkeypatch, out, source, ZeroDivisionError("division by zero"))
    assert one.read(0).failed == 1
    rows = rows_of(out)
    assert [row["path"][-5:] for row in rows] == ["a.png", "b.png", "c.png"]
    assert rows[1]["error"] == "picture: ZeroDivisionError: division by zero"
    assert rows[0]["digit"] == rows[2]["digit"] is not None


def test_a_picture_that_ends_its_process_is_passed_over_the_fifth_time(three, monkeypatch):
    source, out = three
    one = failing(monkeypatch, out, source, SystemExit("as a crash, nothing catches it"))
    for _ in range(4):  # twice many at once, twice one by one
        with pytest.raises(SystemExit):
            one.read(0)
        assert not (out / name_of(0)).exists()
    assert one.read(0).failed == 1
    rows = rows_of(out)
    assert rows[1]["error"].startswith("picture: the worker process crashed twice while reading it")
    assert rows[0]["digit"] == rows[2]["digit"] is not None
    wanted = [listing_name(0), MANIFEST, SCHEMA, name_of(0)]
    assert sorted(path.name for path in out.iterdir()) == wanted


def put(sample, numbers, folder):
    """Pictures so large that the finder looks at them: a part takes longer than to kill its job."""
    folder.mkdir(exist_ok=True)
    for i in numbers:
        large = np.repeat(np.repeat(sample.train.images[i], 12, 0), 12, 1)
        (folder / f"{i:04d}.png").write_bytes(png(large))


@pytest.mark.timeout(600)  # 17 s on two free cores; some 180 beside other work
def test_a_worker_and_then_the_driver_are_killed_and_every_picture_is_read_once(
    shared_ray, tmp_path, sample
):
    source, out = tmp_path / "in", tmp_path / "out"
    put(sample, range(60), source)
    options = ("--part-size", 5, "--workers", 1, "--address", shared_ray)
    there = killed_half_way(source, out, 12, *options, ray_of=os.getpid())
    assert 6 <= there < 12
    found = read_all(Job(source=Source(str(source)), out=str(out), workers=1))
    assert (found.pictures, found.parts, found.there) == (60, 12, there * 5)
    assert sorted(paths_in(out)) == sorted(str(path) for path in source.glob("*.png"))


@pytest.mark.timeout(600)
def test_a_job_that_adds_pictures_is_killed_and_every_picture_is_read_once(
    shared_ray, tmp_path, sample
):
    source, out = tmp_path / "in", tmp_path / "out"
    put(sample, range(10), source)
    read_all(Job(source=Source(str(source)), out=str(out), part_size=5, workers=1))
    put(sample, range(10, 60), source)
    options = ("--add-new", "--workers", 1, "--address", shared_ray)
    adding = subprocess.Popen(command(source, out, *options), **QUIET)
    wait_for_parts(adding, out, 5)
    adding.kill()
    adding.wait()
    found = read_all(Job(source=Source(str(source)), out=str(out), workers=1))  # listed already
    assert (found.pictures, found.parts, found.came_later.n) == (60, 12, 0)
    assert sorted(paths_in(out)) == sorted(str(path) for path in source.glob("*.png"))


def test_a_missing_ray_names_the_install_command(tmp_path):
    code = (
        "import sys; sys.modules['ray'] = None\n"
        "sys.argv = ['inkdigits', 'batch', 'x', '--out', 'y']\n"
        "from inkdigits.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 1
    wanted = "error: this needs ray, which is not installed: pip install 'inkdigits[batch]'\n"
    assert done.stderr == wanted


def test_the_manifest_says_what_the_job_is(done, pictures):
    manifest = json.loads((done[0] / MANIFEST).read_text())
    assert manifest["source"] == str(pictures)
    assert manifest["listings"] == [{"file": listing_name(0), "parts": 4}]
    assert (manifest["part_size"], manifest["format"]) == (50, 2)
    assert manifest["model"] == Reader().model.about.identity


def test_a_folder_of_an_earlier_version_is_refused(pictures, tmp_path):
    (tmp_path / MANIFEST).write_text('{"format": 1, "inkdigits": "0.1.0"}')
    with pytest.raises(ConfigError, match=r"written by inkdigits 0.1.0, whose rows .*new folder"):
        worker(pictures, tmp_path)


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"format": 2}', '{"format": 2, "passed_over": 1}', "\xff"]
)
def test_a_damaged_manifest_is_told(three, text):
    source, out = three
    out.mkdir()
    (out / MANIFEST).write_bytes(text.encode("latin-1"))
    said = r"out/_manifest.json is damaged \(.*\); expected .*: put back a copy of it, or read into"
    with pytest.raises(ConfigError, match=said):
        worker(source, out)


@pytest.mark.parametrize(
    "damage",
    [{"part_size": 0}, {"part_size": "50"}, {"model": 5}, {"listings": [{"file": 1, "parts": 1}]},
     {"listings": [{"file": "x", "parts": -1}]}, {"passed_over": {"n": 1, "first": 2, "why": {}}}],
)  # fmt: skip
def test_a_damaged_field_of_a_manifest_is_told(three, damage):
    source, out = three
    worker(source, out)
    manifest = json.loads((out / MANIFEST).read_text())
    (out / MANIFEST).write_text(json.dumps({**manifest, **damage}))
    with pytest.raises(ConfigError, match=r"out/_manifest.json is damaged \("):
        worker(source, out)


def test_a_job_keeps_its_model(three):
    source, out = three
    worker(source, out, model=str(Reader().model.path))
    assert (out / MODEL).read_bytes() == Reader().model.path.read_bytes()
    assert worker(source, out, model=str(Reader().model.path)).read(0).pictures == 3
    with pytest.raises(ConfigError, match=r"with a model .* continue with the same --model"):
        worker(source, out)


def test_a_machine_with_other_networks_reads_nothing(three, monkeypatch):
    source, out = three
    worker(source, out)
    listings = [(listing_name(0), 1)]
    other = Reader().model.about._replace(identity="of another version")
    monkeypatch.setattr(Model, "about", other)
    with pytest.raises(BatchError, match="has other networks than the machine that began the job"):
        Worker(Location(str(out)), Source(str(source)), listings).read(0)


@pytest.mark.parametrize(
    ("names", "said"),
    [([], "no picture in it; expected a folder"), (["a.txt"], r"skipped: .*/in/a\.txt$")],
)
def test_a_source_without_pictures_says_so_and_leaves_nothing(tmp_path, names, said):
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    for name in names:
        (source / name).touch()
    with pytest.raises(ConfigError, match=said):
        worker(source, out)
    assert not out.exists()


def test_what_a_storage_library_raises_is_told_without_a_traceback(tmp_path, monkeypatch):
    def fails(*_, **__):
        raise RuntimeError("no credentials")

    monkeypatch.setattr("inkdigits.batch.plan.compared", fails)
    with pytest.raises(BatchError, match=r"cannot be listed into .*RuntimeError: no credentials"):
        read_all(job(tmp_path, tmp_path.with_name("out")))


@pytest.fixture
def summaries(monkeypatch):
    """What `batch` prints of a Summary: give it one."""

    def run(*args, **values):
        given = {"pictures": 5, "failed": 0, "doubtful": 1, "there": 0, "parts": 1, **values}
        monkeypatch.setattr("inkdigits.batch.read_all", lambda *_: Summary(**given))
        return CliRunner().invoke(cli, [*args, "in", "--out", "read/"])

    return run


def test_the_last_lines_count_and_name_what_was_passed_over(summaries):
    some = Tally(3, ["a.txt", "b.txt", "c.pdf"], Counter({".txt": 2, ".pdf": 1}))
    done = summaries("batch", passed_over=some)
    assert done.stdout == (
        "read/: 5 pictures in 1 file; 1 not accepted, 0 not read; 3 files skipped\n"
    )
    assert done.stderr == (
        "skipped: 2 .txt, 1 .pdf: a.txt, b.txt, c.pdf; all are in read/_passed_over.txt\n"
    )


def test_what_came_later_and_what_is_gone_is_told(summaries):
    done = summaries("batch", there=5, came_later=Tally(2, ["a", "b"]), gone=Tally(1, ["c"]))
    assert done.stderr.splitlines() == [
        "2 files came later; read with --add-new: a, b",
        "1 file no longer there, whose rows stay: c",
    ]
    assert "no file came later" in summaries("batch", "--add-new", there=5).stderr
    done = summaries("batch", "--add-new", there=3, added=Tally(2, ["a", "b"]))
    assert done.stderr == "came later, read now: a, b\n"


def test_the_earlier_command_goes_on_working_and_says_what_it_is_called(summaries):
    done = summaries("scale", "read")
    assert done.stdout.startswith("read/: 5 pictures")
    assert done.stderr.startswith("inkdigits scale read is now inkdigits batch")
    assert (done.exit_code, summaries("scale", "read", failed=1).exit_code) == (0, 1)
