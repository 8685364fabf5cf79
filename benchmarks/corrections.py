"""What thirty corrections of one hand do: to that hand, and to MNIST.

    python benchmarks/corrections.py OUT [--model RUN_OR_ONNX] [--sets 3]

The hand is MNIST's, leaning 45 degrees further to the left. Its digits are made of the 6,000
training images that a run of seed 0 holds out, and the first thirty that the model reads wrong, in
three orders, go the way of corrections: PNGs, then train --add. The others of the hand are counted,
and the held-out images themselves. The shipped model has learnt these, so its count before is too
good; a run of seed 0 (inkdigits train --out RUN) has not. The test set is not looked at here.
"""

import argparse
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

from inkdigits import Reader
from inkdigits.data import load
from inkdigits.data.folders import write_png_files
from inkdigits.data.split import split_validation
from inkdigits.picture.place import place
from inkdigits.reading.model_file import SHIPPED_MODEL
from inkdigits.runs.result import RunResult, read_result

N = 30
HELD_SHARE = 0.1  # of the recipes; with their seed 0 the split is theirs


def leaning_left(digit: np.ndarray) -> np.ndarray:
    large = np.asarray(Image.fromarray(digit).resize((112, 112), Image.Resampling.BICUBIC))
    wide = np.pad(large.astype(np.float32) / 255, 56)
    leaning = ndimage.affine_transform(wide, [[1, 0], [-1, 1]], offset=[0, 112], order=1)
    return np.rint(255 * place(leaning)).astype(np.uint8)


def right(reader: Reader, images: np.ndarray, labels: np.ndarray) -> np.ndarray:
    parts = np.array_split(images.astype(np.float32) / 255, len(images) // 500 + 1)
    return np.concatenate([reader.probabilities(part) for part in parts]).argmax(1) == labels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--model", default=str(SHIPPED_MODEL))
    parser.add_argument("--sets", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    _, held = split_validation(load("mnist").train, HELD_SHARE, 0)
    hand = np.stack([leaning_left(image) for image in held.images])
    before = Reader(given.model, given.threads)
    read_before = right(before, hand, held.labels)
    plain_before = right(before, held.images, held.labels)
    rows = []
    for number in range(given.sets):
        order = np.random.default_rng(number).permutation(len(hand))
        chosen = order[~read_before[order]][:N]
        others = np.setdiff1d(np.arange(len(hand)), chosen)
        mine, run = given.out / f"mine{number}", given.out / f"run{number}"
        names = [f"{held.labels[i]}_{i:05d}.png" for i in chosen]
        write_png_files(mine, list(zip(names, hand[chosen], strict=True)))
        subprocess.run(
            [sys.executable, "-m", "inkdigits", "train", "--from", given.model, "--data", "mnist",
             "--add", mine, "--threads", str(given.threads), "--out", run],
            check=True,
        )  # fmt: skip
        after = Reader(run, given.threads)
        result = read_result(run, RunResult)
        rows.append(
            (
                100 * read_before[others].mean(),
                100 * right(after, hand[others], held.labels[others]).mean(),
                100 * plain_before.mean(),
                100 * right(after, held.images, held.labels).mean(),
                result.training_seconds,
            )
        )
        print(f"set {number}: kept {result.fine_tuning.kept}", *rows[-1], flush=True)
    names = ("hand before, %", "hand after, %", "MNIST before, %", "MNIST after, %", "seconds")
    for name, column in zip(names, zip(*rows, strict=True), strict=True):
        sd = np.std(column, ddof=1) if len(column) > 1 else 0.0
        print(f"{name:<18}{np.mean(column):8.2f} ± {sd:.2f} (n = {len(column)})")


if __name__ == "__main__":
    main()
