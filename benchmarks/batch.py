"""`inkdigits batch` on this machine: pictures a second, memory, and what a kill costs.

    python benchmarks/batch.py [--pictures 10000 100000] [--folder]
    python benchmarks/batch.py --pages [--pictures 500 2000]
    python benchmarks/batch.py --killed [--pictures 100000]
    python benchmarks/batch.py --listing [--pictures 100000]

The first prints, for each number of pictures with one worker and two: seconds from start to end;
pictures a second of these, and while reading alone; those of a plain loop on one core just before,
and how many times that is; memory; digits found in a picture. Pictures are MNIST's as PNGs, in
Parquet files of 10,000 rows, or in folders of 10,000 files. With --pages they are pages of 60
digits that no shipped network was trained on, 600x800 pixels. --killed kills a worker, then the
driver half way, starts again and compares the sets of paths. --listing lists empty files: files a
second, bytes of the listing.
"""

import argparse
import contextlib
import io
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from PIL import Image

PER_FILE = 10_000
PLAIN = 10_000  # pictures of the plain loop
# A page takes some 60 times as long as a digit.
PAGES_PER_FILE, PLAIN_PAGES, PAGES_A_PART = 500, 100, 50
PAGES = 100  # different ones
ROWS, COLUMNS = 10, 6  # 60 digits
POLL = 0.05  # seconds
QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


def png(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG")
    return file.getvalue()


def page_of_60(images: np.ndarray, random: np.random.Generator) -> bytes:
    """Ten rows of six digits, 31 pixels high, on light paper with some grain: 600x800 pixels.

    images: (60, 28, 28) uint8, ink 255.
    """
    from pictures import as_pixels, grained, page, sized, write

    paper = page(800, 600, 228)
    for i, image in enumerate(images):
        y = 40 + 74 * (i // COLUMNS) + int(random.integers(0, 6))
        write(paper, sized(image)(44), y, 50 + 88 * (i % COLUMNS) + int(random.integers(0, 12)))
    return png(as_pixels(grained(paper, random)))


def drawn_pages() -> list[bytes]:
    from pictures import held_out

    images, _ = held_out()
    random = np.random.default_rng(0)
    return [page_of_60(random.permutation(images)[:60], random) for _ in range(PAGES)]


def make(folder: Path, n: int, as_files: bool, pages: bool = False) -> None:
    """n of MNIST's digits, or pages of 60, as PNGs; over again where there are not so many."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from inkdigits.data import load

    pictures = drawn_pages() if pages else [png(array) for array in load("mnist").test.images]
    per_file = PAGES_PER_FILE if pages else PER_FILE
    folder.mkdir()
    for start in range(0, n, per_file):
        chosen = [pictures[i % len(pictures)] for i in range(start, min(n, start + per_file))]
        name = folder / f"{start // per_file:05d}"
        if as_files:
            name.mkdir()
            for i, data in enumerate(chosen):
                (name / f"{i:05d}.png").write_bytes(data)
        else:
            pq.write_table(
                pa.table({"image": chosen}), name.with_suffix(".parquet"), row_group_size=2000
            )


def tree(pid: int) -> dict[int, str]:
    """The processes below one, with their command lines."""
    parents, lines = {}, {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        with contextlib.suppress(OSError, IndexError):
            status = (folder / "stat").read_text()
            parents[int(folder.name)] = int(status.rsplit(")", 1)[1].split()[1])
            line = (folder / "cmdline").read_bytes().replace(b"\0", b" ")
            lines[int(folder.name)] = line.decode(errors="replace").strip()
    below, found = {pid}, {}
    while more := {child for child, parent in parents.items() if parent in below} - below:
        below |= more
        found.update({child: lines.get(child, "") for child in more})
    return found


def workers_of(pid: int) -> list[int]:
    """The processes that Ray reads parts in."""
    return sorted(child for child, line in tree(pid).items() if "MapWorker" in line)


def resident_mb(pid: int) -> float:
    """The most memory that a process held; 0 of one that ended."""
    with contextlib.suppress(OSError, TypeError):
        status = Path(f"/proc/{pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) * 1024 / 1e6
    return 0.0


def command(source: str | Path, out: Path, *options: object) -> list[str]:
    given = map(str, ("batch", source, "--out", out, *options))
    return [sys.executable, "-m", "inkdigits", *given]


def run(source: Path, out: Path, workers: int, *options: object) -> tuple[float, float, float]:
    """Wall seconds; the most memory that the driver and a worker held, MB."""
    start = time.perf_counter()
    job = subprocess.Popen(command(source, out, "--workers", workers, *options), **QUIET)
    peaks = [0.0, 0.0]

    def watch() -> None:
        while job.poll() is None:
            peaks[0] = max(peaks[0], resident_mb(job.pid))
            peaks[1] = max(peaks[1], *map(resident_mb, workers_of(job.pid)), 0)
            time.sleep(1)

    watcher = threading.Thread(target=watch)
    watcher.start()
    assert job.wait() == 0
    seconds = time.perf_counter() - start
    watcher.join()
    return seconds, *peaks


def paths_in(out: Path) -> list[str]:
    import pyarrow.parquet as pq

    return pq.read_table(out, columns=["path"])["path"].to_pylist()


def wait_for_parts(job: subprocess.Popen, out: Path, n: int) -> int:
    """Wait until there are n output files; how many there are."""
    while (found := len(list(out.glob("part-*.parquet")))) < n:
        assert job.poll() is None, "the job ended before it could be killed"
        time.sleep(POLL)
    return found


def killed_half_way(
    source: Path, out: Path, parts: int, *options: object, ray_of: int | None = None
) -> int:
    """Start a job, kill -9 a worker at a quarter and the driver at half; how many files are there.

    parts: how many files the job will write. ray_of: the process that started Ray, where that is
    another one than the job.
    """
    job = subprocess.Popen(command(source, out, *options), **QUIET)
    ray_of = ray_of or job.pid
    found = wait_for_parts(job, out, parts // 4)
    os.kill(workers_of(ray_of)[0], signal.SIGKILL)
    wait_for_parts(job, out, max(parts // 2, found + 3))
    left = workers_of(ray_of)
    job.kill()
    job.wait()
    # Workers end after the driver, and may finish a part before they do.
    while any(resident_mb(pid) for pid in left):
        time.sleep(POLL)
    return len(list(out.glob("part-*.parquet")))


def plain_loop(folder: Path, n: int) -> float:
    """Pictures a second of Reader.read_many on one core."""
    code = (
        "import sys, time, cv2, pyarrow.parquet as pq\n"
        "from inkdigits.reading.reader import Reader\n"
        "cv2.setNumThreads(1); reader = Reader(threads=1)\n"
        f"data = pq.read_table(sys.argv[1])['image'].to_pylist()[:{n}]\n"
        "list(reader.read_many(data[:64])); start = time.perf_counter()\n"
        "for page in reader.read_many(data): pass\n"
        "print(len(data) / (time.perf_counter() - start))\n"
    )
    file = min(folder.glob("*.parquet"))
    done = subprocess.run(
        [sys.executable, "-c", code, str(file)], capture_output=True, text=True, check=True
    )
    return float(done.stdout)


def reading(out: Path, workers: int) -> float:
    """Pictures a second from when each worker has written a part to the last part's end."""
    import pyarrow.parquet as pq

    parts = sorted(out.glob("part-*"), key=lambda part: part.stat().st_mtime)
    first, later = parts[:workers], parts[workers:]
    if not later:
        return float("nan")
    seconds = later[-1].stat().st_mtime - first[-1].stat().st_mtime
    return sum(pq.read_metadata(part).num_rows for part in later) / seconds


def digits_in(out: Path) -> float:
    """How many digits were found in a picture, the mean."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    return pc.mean(pc.list_value_length(pq.read_table(out, columns=["digits"])["digits"])).as_py()


def measure(
    folder: Path, sizes: list[int], as_files: bool, workers: list[int], pages: bool
) -> None:
    plain = PLAIN_PAGES if pages else PLAIN
    options = ("--part-size", PAGES_A_PART) if pages else ()
    make(folder / "plain", plain, False, pages)
    print(
        "pictures  workers  seconds  pictures/s  reading  plain loop  times  driver MB  worker MB"
        "  digits"
    )
    for n in sizes:
        source = folder / f"{n}"
        make(source, n, as_files, pages)
        for count in workers:
            one = plain_loop(
                folder / "plain", plain
            )  # each time: other work on the machine changes
            out = folder / f"{n}-{count}"
            seconds, driver, worker = run(source, out, count, *options)
            rate = reading(out, count)
            print(
                f"{n:>8,} {count:>8} {seconds:>8.1f} {n / seconds:>11,.1f} {rate:>8,.1f} "
                f"{one:>11,.1f} {rate / one:>6.2f} {driver:>10.0f} {worker:>10.0f} "
                f"{digits_in(out):>7.2f}",
                flush=True,
            )


def kill(folder: Path, n: int) -> None:
    make(folder / "in", n, False)
    out = folder / "out"
    there = killed_half_way(folder / "in", out, n // 2000)
    before = {path.name: path.stat().st_mtime_ns for path in out.glob("part-*.parquet")}
    print(f"a worker and then the driver killed: {there} of {n // 2000} files are there")
    seconds = run(folder / "in", out, 2)[0]
    kept = sum((out / name).stat().st_mtime_ns == time for name, time in before.items())
    paths = paths_in(out)
    expected = {
        f"{file}#{row}"
        for i, file in enumerate(sorted((folder / "in").glob("*.parquet")))
        for row in range(min(PER_FILE, n - i * PER_FILE))
    }
    print(f"started again: {seconds:.1f} s; {kept} of {len(before)} files left as they were")
    print(
        f"{len(paths):,} rows, {len(set(paths)):,} paths, {len(expected):,} inputs, "
        f"{len(set(paths) ^ expected)} differ"
    )
    assert len(paths) == len(expected)
    assert set(paths) == expected


def listing(folder: Path, n: int) -> None:
    from inkdigits.batch.listing import write_listing
    from inkdigits.batch.source import Source, parts_of

    for start in range(0, n, PER_FILE):
        below = folder / "in" / f"{start // PER_FILE:05d}"
        below.mkdir(parents=True)
        for i in range(min(PER_FILE, n - start)):
            (below / f"{i:05d}.png").touch()
    start = time.perf_counter()
    source = Source(str(folder / "in"))
    entries = (source.entry(file.address)[0] for file in source.files())
    write_listing(folder / "listing", parts_of(entries, 2000))
    rate = n / (time.perf_counter() - start)
    size = (folder / "listing").stat().st_size / n
    print(f"{n:,} files listed: {rate:,.0f} files/s, {size:.1f} bytes a file")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pictures", type=int, nargs="+")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--folder", action="store_true", help="files, not Parquet")
    parser.add_argument("--pages", action="store_true", help="of 60 digits, in Parquet")
    parser.add_argument("--killed", action="store_true")
    parser.add_argument("--listing", action="store_true")
    given = parser.parse_args()
    given.pictures = given.pictures or ([500, 2000] if given.pages else [10_000, 100_000])
    with tempfile.TemporaryDirectory() as folder:
        if given.killed:
            kill(Path(folder), given.pictures[-1])
        elif given.listing:
            listing(Path(folder), given.pictures[-1])
        else:
            measure(Path(folder), given.pictures, given.folder, given.workers, given.pages)


if __name__ == "__main__":
    main()
