"""Reading, against the original project's way: Keras on TensorFlow, in the same run.

    python benchmarks/runtime.py --tensorflow .venv-tensorflow/bin/python [PART ...]

PARTs, all by default: arrays (digits a second, with the share of the machine's peak), process (one
picture, a process each), folder (70,000 PNGs), memory (a million PNGs: how much is held).
`make test-tensorflow` makes the environment that --tensorflow names. Needs MNIST, and for the
last two some 600 MB of disk while it runs.
"""

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import cv2
import numpy as np

from inkdigits import Reader
from inkdigits.data import load
from inkdigits.exports.keras import build_keras, save_keras
from inkdigits.machine import cores
from inkdigits.reading.model_file import FIRST_MODEL, SECOND_MODEL, SHIPPED_MODEL, ModelFile
from inkdigits.spec import clear_from
from inkdigits.training.networks import NETWORKS, Conv, Dense, MaxPool
from inkdigits.training.recipes import recipe
from inkdigits.training.state import fresh_state, weights_of

HERE = Path(__file__).parent
PICTURE = HERE.parent / "examples" / "2_small_white_on_black.png"
N_ARRAYS, N_SLOW = 20_000, 5_000  # read by ours, by Keras
RUNS, PROCESSES = 7, 9


def line(what: str, values: list[float], unit: str, digits: int = 0) -> float:
    middle, sd = statistics.median(values), statistics.stdev(values) if len(values) > 1 else 0.0
    print(
        f"{what:<58} median {middle:,.{digits}f} {unit}  (sd {sd:,.{digits}f}, "
        f"{min(values):,.{digits}f} to {max(values):,.{digits}f}, n = {len(values)})",
        flush=True,
    )
    return middle


def megaflops(network: str) -> float:
    """Of one digit: two for each product of a convolution or a dense layer."""
    side, channels, total = 28, 1, 0.0
    for layer in NETWORKS[network].layers:
        if isinstance(layer, Conv):
            side -= 0 if layer.padding == "same" else layer.kernel - 1
            total += 2 * side**2 * layer.kernel**2 * channels * layer.filters
            channels = layer.filters
        elif isinstance(layer, MaxPool):
            side //= 2
        elif isinstance(layer, Dense):
            total += 2 * side**2 * channels * layer.units
            side, channels = 1, layer.units
    return total / 1e6


def peak_gflops() -> float:
    """A 2048 x 2048 matrix product in float32 on all cores."""
    a = np.random.default_rng(0).random((2048, 2048), np.float32)
    times = []
    for _ in range(7):
        start = time.perf_counter()
        a @ a
        times.append(time.perf_counter() - start)
    return 2 * 2048**3 / statistics.median(times) / 1e9


def rate(reader: Reader, arrays: np.ndarray) -> float:
    start = time.perf_counter()
    reader.probabilities(arrays)
    return len(arrays) / (time.perf_counter() - start)


def right(reader: Reader) -> float:
    train = load("mnist").train
    found = reader.probabilities(train.images.astype(np.float32) / np.float32(255))
    return float((found.argmax(1) == train.labels).mean())


def keras_model(folder: Path) -> Path:
    """The original's network as a .keras file, not trained: it is no slower for that."""
    row = recipe("original")
    weights = {k: v.numpy() for k, v in weights_of(fresh_state(row, 0).model).items()}
    path = folder / "original.keras"
    save_keras(build_keras(NETWORKS[row.network], weights, "original"), path, {})
    return path


def arrays_a_second(args: argparse.Namespace, folder: Path) -> None:
    images = load("mnist").test.images
    arrays = np.concatenate((images, images))[:N_ARRAYS].astype(np.float32) / np.float32(255)
    np.save(folder / "arrays.npy", arrays[:N_SLOW])
    readers = {
        "the shipped reader": Reader(),
        "the shipped model alone": Reader(SHIPPED_MODEL),
        "that in 8-bit integers": Reader(SECOND_MODEL),
    }
    rates: dict[str, list[float]] = {name: [] for name in readers}
    theirs: dict[int, list[float]] = {}
    peaks = []
    for part in range(RUNS):
        peaks.append(peak_gflops())
        for name, reader in readers.items():
            rates[name].append(rate(reader, arrays))
        if part in (0, RUNS - 1):  # before and after: the machine's speed drifts
            done = subprocess.run(
                [args.tensorflow, HERE / "keras_predict.py", keras_model(folder),
                 folder / "arrays.npy"],
                check=True, stdout=subprocess.PIPE, text=True,
            )  # fmt: skip
            for batch, found in re.findall(r"^(\d+) ([\d.]+)$", done.stdout, re.MULTILINE):
                theirs.setdefault(int(batch), []).append(float(found))
    peak = line("a matrix product of 2048, float32", peaks, "GFLOP/s")
    middle = {name: line(f"arrays, {name}", found, "digits/s") for name, found in rates.items()}
    keras = {
        batch: line(f"arrays, Keras, the original network, batch {batch}", found, "digits/s")
        for batch, found in theirs.items()
    }
    for batch, found in keras.items():
        times = middle["the shipped reader"] / found
        print(f"the shipped reader, times Keras at batch {batch}: {times:.1f}")
    first = ModelFile(FIRST_MODEL, 0)
    share = float((first.run(arrays).max(1) < clear_from(first.metadata, first.path)).mean())
    work = {
        "the shipped reader": megaflops("nano") + share * megaflops("wide"),
        "the shipped model alone": megaflops("wide"),
    }
    print(f"digits that the second network reads too: {share:.1%}")
    for name, reader in readers.items():
        print(f"MNIST's training images that {name} reads right: {right(reader):.3%}")
    for name, cost in work.items():
        print(
            f"{name}: {cost:.2f} MFLOP a digit, {cost * middle[name] / 1000:.0f} GFLOP/s, "
            f"{cost * middle[name] / 1000 / peak:.0%} of the product's"
        )


def processes(args: argparse.Namespace, folder: Path) -> None:
    model = keras_model(folder)
    commands = {
        "inkdigits predict, one 28x28 PNG": [sys.executable, "-m", "inkdigits", "predict", PICTURE],
        "the original's way in Keras": [args.tensorflow, HERE / "keras_predict.py", model, PICTURE],
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    for part in range(PROCESSES + 1):
        for name, command in commands.items():
            start = time.perf_counter()
            subprocess.run(
                command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            if part:  # the first fills the disk's cache
                times[name].append(time.perf_counter() - start)
    ours, theirs = (line(f"process, {name}", found, "s", 3) for name, found in times.items())
    print(f"times faster: {theirs / ours:.1f}")


def write_pngs(folder: Path, n: int) -> None:
    """MNIST's digits as PNGs, a thousand in a folder; over again as links where there are more."""
    sets = load("mnist")
    images = np.concatenate((sets.train.images, sets.test.images))
    for i in range(n):
        place = folder / f"{i // 1000:04d}"
        if i % 1000 == 0:
            place.mkdir(parents=True)
        path = place / f"{i:07d}.png"
        if i < len(images):
            cv2.imwrite(str(path), images[i])
        else:
            j = i % len(images)
            os.link(folder / f"{j // 1000:04d}" / f"{j:07d}.png", path)


def held_mb(pid: int) -> float:
    """Memory of a process and those below it, shared pages counted once."""
    total, pids = 0.0, [pid]
    while pids:
        one = pids.pop()
        try:
            rollup = Path(f"/proc/{one}/smaps_rollup").read_text()
            total += int(re.search(r"^Pss:\s+(\d+)", rollup, re.MULTILINE)[1]) * 1024 / 1e6
            pids += map(int, Path(f"/proc/{one}/task/{one}/children").read_text().split())
        except (OSError, TypeError):
            continue  # it has just ended
    return total


def predicted(folder: Path) -> tuple[float, list[float]]:
    """Seconds of `inkdigits predict FOLDER`, and the memory it held all along, MB."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "inkdigits", "predict", str(folder)]
    job = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    held: list[float] = []

    def watch() -> None:
        while job.poll() is None:
            held.append(held_mb(job.pid))
            time.sleep(0.2)

    watcher = threading.Thread(target=watch)
    watcher.start()
    assert job.wait() == 0
    seconds = time.perf_counter() - start
    watcher.join()
    return seconds, held


def folder_of_pngs(_: argparse.Namespace, folder: Path) -> None:
    write_pngs(folder / "pngs", 70_000)
    line("folder, 70,000 PNGs", [predicted(folder / "pngs")[0] for _ in range(4)][1:], "s", 2)


def memory(args: argparse.Namespace, folder: Path) -> None:
    write_pngs(folder / "many", args.pictures)
    seconds, held = predicted(folder / "many")
    tenth = len(held) // 10
    print(
        f"memory, {args.pictures:,} PNGs: {seconds:.0f} s; all processes held at most "
        f"{max(held):.0f} MB, "
        f"{statistics.median(held[tenth : 2 * tenth]):.0f} in the second tenth and "
        f"{statistics.median(held[-2 * tenth : -tenth]):.0f} in the last but one"
    )


PARTS = {
    "arrays": arrays_a_second,
    "process": processes,
    "folder": folder_of_pngs,
    "memory": memory,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("parts", nargs="*", default=list(PARTS), metavar="PART")
    parser.add_argument("--tensorflow", required=True, help="a Python that has TensorFlow")
    parser.add_argument("--pictures", type=int, default=1_000_000, help="of memory")
    args = parser.parse_args()
    print(f"{cores()} cores, {', '.join(args.parts)}")
    for part in args.parts:
        with tempfile.TemporaryDirectory() as folder:
            PARTS[part](args, Path(folder))


if __name__ == "__main__":
    main()
