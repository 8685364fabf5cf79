"""What a user waits for, in whole processes; and one picture in a program, on one core.

    python benchmarks/user_times.py [--runs 11]

Prints medians with minimum and maximum. Needs MNIST for the 70,000 PNGs (some 280 MB on disk while
it runs, in a temporary folder).
"""

import argparse
import io
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

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


def report(what: str, found: list[float]) -> None:
    print(
        f"{what:<44} median {statistics.median(found):6.3f} s  "
        f"({min(found):.3f} to {max(found):.3f}, n = {len(found)})",
        flush=True,
    )


def in_a_program(picture: bytes, name: str, runs: int) -> None:
    """Reader.read on one core; print the milliseconds."""
    if hasattr(os, "sched_setaffinity"):
        cores = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {min(cores)})
    reader = Reader(threads=1)
    times = []
    for _ in range(runs + 3):
        start = time.perf_counter()
        reader.predict(picture)
        times.append(1000 * (time.perf_counter() - start))
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)
    low, middle, high = min(times[3:]), statistics.median(times[3:]), max(times[3:])
    what = f"Reader.read, {name}, one core"
    print(f"{what:<44} median {middle:6.2f} ms ({low:.2f} to {high:.2f}, n = {runs})", flush=True)


def twelve_megapixels(photo: str) -> bytes:
    file = io.BytesIO()
    Image.open(photo).resize((4000, 3000)).save(file, "JPEG", quality=90)
    return file.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=11)
    args = parser.parse_args()
    python, small = sys.executable, str(EXAMPLES / "2_small_white_on_black.png")
    photo = str(EXAMPLES / "0_yellow_paper.jpg")
    for what, command in (
        ("inkdigits --version", ("--version",)),
        ("inkdigits predict, one 28x28 PNG", ("predict", small)),
        ("inkdigits predict, one 1200x900 photo", ("predict", photo)),
    ):
        # The first run fills the disk's cache.
        times = [seconds(python, "-m", "inkdigits", *command) for _ in range(args.runs + 1)]
        report(what, times[1:])
    starts = [until_it_serves() for _ in range(args.runs + 1)][1:]
    report("inkdigits serve, until it says its address", [said for said, _ in starts])
    report("inkdigits serve, until /readyz is answered", [ready for _, ready in starts])
    in_a_program(Path(small).read_bytes(), "28x28 PNG", 1000)
    in_a_program(twelve_megapixels(photo), "12-megapixel JPEG", 20)
    with tempfile.TemporaryDirectory() as scratch:
        folder = f"{scratch}/digits"
        report(
            "inkdigits data export-png, 70,000 PNGs",
            [seconds(python, "-m", "inkdigits", "data", "export-png", folder)],
        )
        code = f"from inkdigits.data import load; load({folder!r})"
        report("load() of the 70,000 PNGs", [seconds(python, "-c", code) for _ in range(3)])


if __name__ == "__main__":
    main()
