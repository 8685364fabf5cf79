"""How fast numbers are read on one core, and against RapidOCR in the same run.

    python benchmarks/reading_speed.py [--rapidocr OCR/bin/python] [--runs 15]

A 28x28 PNG by `predict`; a 250x60 PNG of eight digits and a JPEG of 12 megapixels with 60 digits by
`read`; and the memory of a process that reads one of 8000x8000. MNIST training digits from 50,000
on. RapidOCR (PP-OCRv6 small) runs in an environment of its own, see peer_rapidocr.py; a string is
given to it as one line. Medians ± sd.
"""

import argparse
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

import cv2
import numpy as np
from PIL import Image

from inkdigits import Reader
from inkdigits.data import load

FIRST = 50_000


def string(images: np.ndarray) -> np.ndarray:
    page = np.full((60, 250), 235, np.uint8)
    for i, image in enumerate(images[:8]):
        x = 10 + 29 * i
        page[16:44, x : x + 28] -= (image * 0.8).astype(np.uint8)
    return page


def page(images: np.ndarray) -> np.ndarray:
    """Six rows of ten digits, 150 pixels high, on 4000x3000 of light paper with some grain."""
    sheet = np.random.default_rng(0).normal(228, 4, (3000, 4000))
    for i, image in enumerate(images[:60]):
        row, column = divmod(i, 10)
        large = cv2.resize(image, (210, 210), interpolation=cv2.INTER_CUBIC).astype(float)
        y, x = 250 + 430 * row, 250 + 360 * column
        sheet[y : y + 210, x : x + 210] -= 0.75 * large
    return np.clip(sheet, 0, 255).astype(np.uint8)


def timed(act, runs: int) -> tuple[float, float]:
    """Median and standard deviation in ms."""
    act()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        act()
        times.append(1e3 * (time.perf_counter() - start))
    return float(np.median(times)), float(np.std(times, ddof=1))


def rapidocr(python: str, path: Path, runs: int, *options: str) -> tuple[float, float]:
    """The same by RapidOCR, the first picture not counted."""
    command = [python, str(Path(__file__).with_name("peer_rapidocr.py")), *options]
    done = subprocess.run(
        [*command, *[str(path)] * (runs + 1)], capture_output=True, text=True, check=True
    )
    times = [1e3 * json.loads(line)["seconds"] for line in done.stdout.splitlines()][1:]
    return float(np.median(times)), float(np.std(times, ddof=1)) if len(times) > 1 else 0.0


def peak_mb(path: Path) -> float:
    code = (
        "import sys; from pathlib import Path; from inkdigits import Reader\n"
        "Reader(threads=1).read(sys.argv[1])\n"
        "status = Path('/proc/self/status').read_text().split()\n"
        "print(int(status[status.index('VmHWM:') + 1]) / 1000)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, path], capture_output=True, text=True, check=True
    )
    return float(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rapidocr", help="Python of RapidOCR's environment")
    parser.add_argument("--runs", type=int, default=15)
    args = parser.parse_args()
    cv2.setNumThreads(1)
    images = load("mnist").train.images[FIRST:]
    reader = Reader(threads=1)
    file = io.BytesIO()
    Image.fromarray(images[0]).save(file, "PNG")
    print("| picture | ours, ms | RapidOCR, ms | times |\n| --- | --- | --- | --- |")
    median, sd = timed(lambda: reader.predict(file.getvalue()), 200)
    print(f"| 28x28 PNG, predict | {median:.2f} ± {sd:.2f} (n = 200) | | |", flush=True)
    with tempfile.TemporaryDirectory() as place:
        for name, picture, options, n in (
            ("string.png", string(images), ("--string",), 4 * args.runs),
            ("page.jpg", page(images), (), args.runs),
        ):
            path = Path(place) / name
            Image.fromarray(picture).save(path, quality=92)
            read = reader.read(path)
            median, sd = timed(lambda path=path: reader.read(path), n)
            row = f"| {name}, {len(read.digits)} digits found | {median:.1f} ± {sd:.1f} (n = {n}) |"
            if args.rapidocr:
                its_runs = max(3, args.runs // 3)
                its, its_sd = rapidocr(args.rapidocr, path, its_runs, *options)
                row += f" {its:.0f} ± {its_sd:.0f} (n = {its_runs}) | {its / median:.1f} |"
            else:
                row += " | |"
            print(row, flush=True)
        large = np.full((8000, 8000, 3), 235, np.uint8)
        large[2000:6000, 3800:4200] = 30
        path = Path(place) / "large.png"
        Image.fromarray(large).save(path, compress_level=1)
        print(f"\npeak memory, 8000x8000 PNG in colour: {peak_mb(path):.0f} MB")


if __name__ == "__main__":
    main()
