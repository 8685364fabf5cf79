"""What a user waits for, in whole processes; and one picture in a program, on one core.

    python benchmarks/user_times.py [--runs 11] [--write]

Prints medians with minimum and maximum. Needs MNIST for the 70,000 PNGs (some 280 MB on disk while
it runs, in a temporary folder).
"""

import io
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import tables
from PIL import Image
from serve import running

from inkdigits import Reader

EXAMPLES = Path(__file__).parent.parent / "examples"


def seconds(*command: str) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def until_it_serves() -> tuple[float, float]:
    """Seconds from starting `inkdigits serve` to its address, and to its first answer."""
    start = time.perf_counter()
    with running() as (_, address):
        said = time.perf_counter() - start
        with urllib.request.urlopen(f"{address}/readyz", timeout=10):
            return said, time.perf_counter() - start


def in_a_program(picture: bytes, runs: int) -> list[float]:
    """Seconds of Reader.predict on one core."""
    if hasattr(os, "sched_setaffinity"):
        cores = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {min(cores)})
    reader = Reader(threads=1)
    times = []
    for _ in range(runs + 3):
        start = time.perf_counter()
        reader.predict(picture)
        times.append(time.perf_counter() - start)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)
    return times[3:]


def twelve_megapixels(photo: str) -> bytes:
    file = io.BytesIO()
    Image.open(photo).resize((4000, 3000)).save(file, "JPEG", quality=90)
    return file.getvalue()


def main() -> None:
    parser = tables.parser(__doc__)
    parser.add_argument("--runs", type=int, default=11)
    args = parser.parse_args()
    python, small = sys.executable, str(EXAMPLES / "2_small_white_on_black.png")
    photo = str(EXAMPLES / "0_yellow_paper.jpg")
    table = tables.Table("user-times", "", "seconds: median (least to most)")
    for what, command in (
        ("`inkdigits --version`", ("--version",)),
        ("`inkdigits predict`, one 28x28 PNG", ("predict", small)),
        ("`inkdigits predict`, one 1200x900 photo", ("predict", photo)),
    ):
        # The first run fills the disk's cache.
        times = [seconds(python, "-m", "inkdigits", *command) for _ in range(args.runs + 1)]
        table.row(what, tables.spread(times[1:], 3))
    starts = [until_it_serves() for _ in range(args.runs + 1)][1:]
    said, ready = zip(*starts, strict=True)
    table.row("`inkdigits serve`, until it says its address", tables.spread(said, 3))
    table.row("`inkdigits serve`, until `/readyz` is answered", tables.spread(ready, 3))
    times = in_a_program(Path(small).read_bytes(), 1000)
    table.row("`Reader.predict`, 28x28 PNG, one core", tables.spread(times, 5))
    times = in_a_program(twelve_megapixels(photo), 20)
    table.row("`Reader.predict`, 12-megapixel JPEG of one digit, one core", tables.spread(times, 4))
    with tempfile.TemporaryDirectory() as scratch:
        folder = f"{scratch}/digits"
        times = [seconds(python, "-m", "inkdigits", "data", "export-png", folder)]
        table.row("`inkdigits data export-png`, 70,000 PNGs", tables.spread(times))
        code = f"from inkdigits.data import load; load({folder!r})"
        times = [seconds(python, "-c", code) for _ in range(3)]
        table.row("reading the 70,000 PNGs back", tables.spread(times))
    if args.write:
        table.write()


if __name__ == "__main__":
    main()
