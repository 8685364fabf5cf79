"""How fast pictures are read on one core, beside RapidOCR in the same run, and with what memory.

    python benchmarks/reading_speed.py [--rapidocr OCR/bin/python] [--runs 15] [--write]

A 28x28 PNG by `predict`; a 250x60 PNG of eight digits and a JPEG of 12 megapixels with 60 digits by
`read`; the most memory that a process holds which reads a picture of 8000x8000. The pictures are
made of MNIST's held-out training digits, the same ones every time. RapidOCR (PP-OCRv6 small, one
thread) has an environment of its own, see peer_rapidocr.py; it is told that the string is one line.
Both read in turns, three each, on the same core. Times are from a file to its text, without
starting and loading; "right" is the edit accuracy of the digits (see read_numbers.py).
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # processes started here inherit it

import cv2
import numpy as np
import tables
from pictures import enlarged, held_out, large_page, small_string
from PIL import Image
from read_numbers import digits_of, edits

from inkdigits import Reader

TURNS = 3
HERE = Path(__file__).parent


def ours(read: Callable[[Path], object], path: Path, runs: int) -> list[float]:
    """Milliseconds of each run, the first one left out."""
    times = []
    for _ in range(runs + 1):
        start = time.perf_counter()
        read(path)
        times.append(1000 * (time.perf_counter() - start))
    return times[1:]


def rapidocr(python: str, path: Path, runs: int, *options: str) -> tuple[list[float], str]:
    """Milliseconds of each run, the first one left out, and the text."""
    command = [python, HERE / "peer_rapidocr.py", *options, "--runs", str(runs + 1), path]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    answer = json.loads(done.stdout)
    return [1000 * seconds for seconds in answer["seconds"][1:]], answer["text"]


def accuracy(text: str, true: str) -> str:
    return f"{max(0, 1 - edits(digits_of(text), true) / len(true)):.1%}"


def cell(times: list[float]) -> str:
    return f"{np.median(times):.2f} (sd {np.std(times, ddof=1):.2f}, n = {len(times)})"


def cells(own: list[float], own_right: str, its: list[float], its_right: str) -> list[str]:
    times = f"{np.median(its) / np.median(own):.1f}" if its else ""
    return [cell(own), own_right, cell(its) if its else "", its_right, times]


def peak_mb(path: Path) -> float:
    """The most memory that a process held which read the picture."""
    code = (
        "import sys; from pathlib import Path; from inkdigits import Reader\n"
        "Reader(threads=1).read(sys.argv[1])\n"
        "status = Path('/proc/self/status').read_text().split()\n"
        "print(int(status[status.index('VmHWM:') + 1]) * 1024 / 1e6)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, path], stdout=subprocess.PIPE, text=True, check=True
    )
    return float(done.stdout)


def main() -> None:
    parser = tables.parser(__doc__)
    parser.add_argument("--rapidocr", help="a Python that has RapidOCR")
    parser.add_argument("--runs", type=int, default=15, help="of the page; of others more")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    images, labels = held_out()
    reader = Reader(threads=1)
    table = tables.Table(
        "reading-speed", "picture", "inkdigits, ms", "right", "RapidOCR, ms", "right", "times"
    )
    with tempfile.TemporaryDirectory() as folder:
        single = Path(folder) / "digit.png"
        Image.fromarray(images[0]).save(single)
        right = accuracy(str(reader.predict(single).digit), str(labels[0]))
        own = ours(reader.predict, single, 20 * args.runs)
        table.row("28x28 PNG, `predict`", *cells(own, right, [], ""))
        for name, n, make, options, runs in (
            ("250x60 PNG, 8 digits.png", 8, small_string, ("--string",), 4 * args.runs),
            ("12-megapixel JPEG, 60 digits.jpg", 60, large_page, (), args.runs),
        ):
            path = Path(folder) / name
            Image.fromarray(make(images[:n])).save(path, quality=92)
            true = "".join(map(str, labels[:n]))
            own, its, text = [], [], ""
            for _ in range(TURNS):
                own += ours(reader.read, path, -(-runs // TURNS))
                if args.rapidocr:
                    some, text = rapidocr(args.rapidocr, path, max(2, runs // TURNS // 3), *options)
                    its += some
            other = accuracy(text, true) if its else ""
            table.row(path.stem, *cells(own, accuracy(reader.read(path).text, true), its, other))
        large = np.full((8000, 8000, 3), 235, np.uint8)
        drawn = 255 - enlarged(large_page(images[:60]), 2)
        large[: len(drawn)] -= np.minimum(drawn, 235)[..., None]
        memory = tables.Table("reading-memory", "8000x8000 pixels in colour", "peak memory, MB")
        for kind, options in (("PNG", {"compress_level": 1}), ("JPEG", {"quality": 90})):
            path = Path(folder) / f"large.{kind.lower()}"
            Image.fromarray(large).save(path, kind, **options)
            memory.row(kind, f"{peak_mb(path):.0f}")
    if args.write:
        table.write()
        memory.write()


if __name__ == "__main__":
    main()
