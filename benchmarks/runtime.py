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
from tables import Table, spread
from tables import parser as option_parser

from inkdigits import Reader
from inkdigits.data import load
from inkdigits.environment import cores
from inkdigits.exports.keras import build_keras, save_keras
from inkdigits.reading.model_file import FIRST_MODEL, SECOND_MODEL, SHIPPED_MODEL, ModelFile
from inkdigits.spec import clear_from
from inkdigits.training.networks import NETWORKS, Conv, Dense, MaxPool
from inkdigits.training.recipes import recipe
from inkdigits.training.state import fresh_state, weights_of

HERE = Path(__file__).parent
PICTURE = HERE.parent / "examples" / "2_small_white_on_black.png"
N_ARRAYS, N_SLOW = 20_000, 5_000  # read by ours, by Keras
RUNS, PROCESSES = 7, 9


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


def arrays_a_second(args: argparse.Namespace, folder: Path) -> Table:
    images = load("mnist").test.images
    arrays = np.concatenate((images, images))[:N_ARRAYS].astype(np.float32) / np.float32(255)
    np.save(folder / "arrays.npy", arrays[:N_SLOW])
    readers = {
        "`Reader().probabilities`: the shipped pair": Reader(),
        "`digits.onnx` alone": Reader(SHIPPED_MODEL),
        "the same in 8-bit integers, `second.onnx` alone": Reader(SECOND_MODEL),
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
    peak = statistics.median(peaks)
    middle = {name: statistics.median(found) for name, found in rates.items()}
    best = max(map(statistics.median, theirs.values()))
    table = Table("runtime-arrays", "arrays (N, 28, 28) a second", "n", "digits/s", "times Keras")
    for name, found in rates.items():
        table.row(name, len(found), with_sd(found), f"{middle[name] / best:.1f}")
    for batch, found in theirs.items():
        name = f"Keras, the original network, batch {batch}"
        table.row(name, len(found), with_sd(found), f"{statistics.median(found) / best:.1f}")
    first = ModelFile(FIRST_MODEL, 0)
    share = float((first.run(arrays).max(1) < clear_from(first.metadata, first.path)).mean())
    work = {
        "`Reader().probabilities`: the shipped pair": megaflops("nano") + share * megaflops("wide"),
        "`digits.onnx` alone": megaflops("wide"),
    }
    print(f"digits that the second network reads too: {share:.1%}")
    for name, reader in readers.items():
        print(f"MNIST's training images that {name} reads right: {right(reader):.3%}")
    for name, cost in work.items():
        print(
            f"{name}: {cost:.2f} MFLOP a digit, {cost * middle[name] / 1000:.0f} GFLOP/s, "
            f"{cost * middle[name] / 1000 / peak:.0%} of a matrix product's {peak:.0f}"
        )
    return table


def with_sd(values: list[float]) -> str:
    sd = statistics.stdev(values) if len(values) > 1 else 0.0
    return f"{statistics.median(values):,.0f} ± {sd:,.0f}"


def processes(args: argparse.Namespace, folder: Path) -> Table:
    model = keras_model(folder)
    commands = {
        "`inkdigits predict`, one 28x28 PNG": [
            sys.executable,
            "-m",
            "inkdigits",
            "predict",
            PICTURE,
        ],
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
    table = Table("runtime-process", "a process each", "seconds", "times faster")
    theirs = statistics.median(times["the original's way in Keras"])
    for name, found in times.items():
        table.row(name, spread(found, 3), f"{theirs / statistics.median(found):.1f}")
    return table


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


def folder_of_pngs(_: argparse.Namespace, folder: Path) -> Table:
    write_pngs(folder / "pngs", 70_000)
    table = Table("runtime-folder", "`inkdigits predict` of a folder", "seconds")
    table.row("70,000 PNGs", spread([predicted(folder / "pngs")[0] for _ in range(4)][1:], 2))
    return table


def memory(args: argparse.Namespace, folder: Path) -> Table:
    write_pngs(folder / "many", args.pictures)
    seconds, held = predicted(folder / "many")
    tenth = len(held) // 10
    table = Table(
        "runtime-memory", "PNGs", "seconds", "most memory of all processes, MB",
        "in the second tenth of the time", "in the last but one",
    )  # fmt: skip
    parts = (held[tenth : 2 * tenth], held[-2 * tenth : -tenth])
    middle = (f"{statistics.median(part):.0f}" for part in parts)
    table.row(f"{args.pictures:,}", f"{seconds:.0f}", f"{max(held):.0f}", *middle)
    return table


PARTS = {
    "arrays": arrays_a_second,
    "process": processes,
    "folder": folder_of_pngs,
    "memory": memory,
}


def main() -> None:
    parser = option_parser(__doc__)
    parser.add_argument("parts", nargs="*", default=list(PARTS), metavar="PART")
    parser.add_argument("--tensorflow", required=True, help="a Python that has TensorFlow")
    parser.add_argument("--pictures", type=int, default=1_000_000, help="of memory")
    args = parser.parse_args()
    print(f"{cores()} cores, {', '.join(args.parts)}")
    for part in args.parts:
        with tempfile.TemporaryDirectory() as folder:
            table = PARTS[part](args, Path(folder))
        if args.write:
            table.write()


if __name__ == "__main__":
    main()
