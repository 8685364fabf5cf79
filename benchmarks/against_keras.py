"""Our recipes against the original project's way, in one run on one machine.

    python benchmarks/against_keras.py --tensorflow .venv-tensorflow/bin/python

The original: its network and callbacks in Keras on TensorFlow (benchmarks/keras_original.py), on
the same 54,000 training images, to its own end (early stopping). Ours: `flash` and `fast` as
`inkdigits train` runs them. Prints each one's test accuracy and the seconds of its training and of
its whole process, and the ratio to Keras. `make test-tensorflow`
makes the environment that --tensorflow names.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import tables

from inkdigits.data import load
from inkdigits.data.split import split_validation
from inkdigits.runs.result import RunResult, read_result

HERE = Path(__file__).parent
OURS = {"flash": 3, "fast": 3}  # recipe: seeds


def keras(python: str, epochs: int, folder: Path) -> dict[str, float]:
    """What keras_original.py measured, and its process's seconds."""
    import numpy as np

    sets = load("mnist")
    train, held = split_validation(sets.train, 0.1, 0)
    arrays = {"train": train, "held": held, "test": sets.test}
    np.savez(
        folder / "digits.npz",
        **{f"{name}_x": digits.images for name, digits in arrays.items()},
        **{f"{name}_y": digits.labels for name, digits in arrays.items()},
    )
    start = time.perf_counter()
    done = subprocess.run(
        [python, HERE / "keras_original.py", folder / "digits.npz", str(epochs)],
        check=True, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return {**found, "process_seconds": time.perf_counter() - start}


def ours(recipe: str, seed: int, folder: Path) -> dict[str, float]:
    out = folder / f"{recipe}-{seed}"
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "inkdigits", "train", "--recipe", recipe, "--data", "mnist",
         "--seed", str(seed), "--out", str(out)],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    result = read_result(out, RunResult)
    return {
        "accuracy": result.scores.accuracy,
        "seconds": result.training_seconds,
        "epochs": result.epochs_run,
        "process_seconds": time.perf_counter() - start,
    }


def main() -> None:
    parser = tables.parser(__doc__)
    parser.add_argument("--tensorflow", required=True, help="a Python that has TensorFlow")
    parser.add_argument("--epochs", type=int, default=30, help="of the original, at most")
    args = parser.parse_args()
    rows: dict[str, list[dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for recipe, seeds in OURS.items():
            rows[f"`{recipe}`"] = [ours(recipe, seed, folder) for seed in range(seeds)]
            print(recipe, rows[f"`{recipe}`"], file=sys.stderr, flush=True)
        rows["Keras on TensorFlow"] = [keras(args.tensorflow, args.epochs, folder)]
    theirs = rows["Keras on TensorFlow"][0]
    table = tables.Table(
        "against-keras", "", "n", "epochs", "test accuracy, %", "training, s", "ratio",
        "whole process, s", "ratio",
    )  # fmt: skip
    for name, found in rows.items():
        training = statistics.median(r["seconds"] for r in found)
        process = statistics.median(r["process_seconds"] for r in found)
        table.row(
            name, len(found), found[0]["epochs"],
            f"{100 * statistics.mean(r['accuracy'] for r in found):.2f}",
            f"{training:,.1f}", f"{theirs['seconds'] / training:.1f}",
            f"{process:,.1f}", f"{theirs['process_seconds'] / process:.1f}",
        )  # fmt: skip
    if args.write:
        table.write()


if __name__ == "__main__":
    main()
