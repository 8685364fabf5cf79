"""What thirty corrections of one hand do: to that hand, and to MNIST.

    python benchmarks/corrections.py OUT [--model RUN_OR_ONNX ...] [--sets 3] [--write]

The hand is MNIST's, leaning 45 degrees further to the left. Its digits are made of the 6,000
training images that a run of seed 0 holds out, and the first thirty that the model reads wrong, in
three orders, go the way of corrections: PNGs, then train --add. The others of the hand are counted,
and the held-out images themselves. The shipped model has learnt these, so its count before is too
good; a run of seed 0 (inkdigits train --out RUN) has not. The test set is not looked at here.
"""

import subprocess
import sys
from pathlib import Path

import numpy as np
import tables
from PIL import Image
from scipy import ndimage

from inkdigits import Reader
from inkdigits.data import Digits, load
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
    parser = tables.parser(__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--model", nargs="+", default=[str(SHIPPED_MODEL)])
    parser.add_argument("--sets", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    _, held = split_validation(load("mnist").train, HELD_SHARE, 0)
    hand = np.stack([leaning_left(image) for image in held.images])
    table = tables.Table(
        "corrections", "from", "hand before, %", "hand after, %", "MNIST's held-out before, %",
        "after, %", "training, s",
    )  # fmt: skip
    for model in args.model:
        place = args.out / Path(model).stem
        rows = [learnt(model, hand, held, n, place, args.threads) for n in range(args.sets)]
        cells = (tables.mean(column, 2) for column in zip(*rows, strict=True))
        table.row(f"{Path(model).name}, n = {len(rows)}", *cells)
    if args.write:
        table.write()


def learnt(
    model: str, hand: np.ndarray, held: Digits, number: int, place: Path, threads: int
) -> tuple[float, ...]:
    """Train with one set of corrections; the cells of a row."""
    before = Reader(model, threads)
    read_before = right(before, hand, held.labels)
    order = np.random.default_rng(number).permutation(len(hand))
    chosen = order[~read_before[order]][:N]
    others = np.setdiff1d(np.arange(len(hand)), chosen)
    mine, run = place / f"mine{number}", place / f"run{number}"
    names = [f"{held.labels[i]}_{i:05d}.png" for i in chosen]
    write_png_files(mine, list(zip(names, hand[chosen], strict=True)))
    subprocess.run(
        [sys.executable, "-m", "inkdigits", "train", "--from", model, "--data", "mnist",
         "--add", mine, "--threads", str(threads), "--out", run],
        check=True,
    )  # fmt: skip
    after = Reader(run, threads)
    return (
        100 * read_before[others].mean(),
        100 * right(after, hand[others], held.labels[others]).mean(),
        100 * right(before, held.images, held.labels).mean(),
        100 * right(after, held.images, held.labels).mean(),
        read_result(run, RunResult).training_seconds,
    )


if __name__ == "__main__":
    main()
