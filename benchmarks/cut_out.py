"""Digits cut out along their outline, as a program that finds contours hands them on.

    python benchmarks/cut_out.py [--model RUN_OR_ONNX] [--errors FOLDER] [--write]

MNIST's training digits that are held out, 400 of them, the same in every row. Each is cut to the
box around its ink, without a margin, and enlarged (bicubic) so that the longer side has 28 to 300
pixels; as dark ink on white, and as light ink on black. Read as PNG files by `predict`.
"""

from pathlib import Path

import numpy as np
import tables
from field import as_png, write_errors
from pictures import cut_out, enlarged, held_out

from inkdigits import PictureError, Reader

N = 400
SIZES = (28, 40, 60, 100, 200, 300)  # pixels of the longer side
SEED = 20_263


def pictures(images: np.ndarray, size: int, dark: bool) -> list[bytes]:
    made = []
    for image in images:
        ink = cut_out(image)
        ink = enlarged(ink, size / max(ink.shape))
        made.append(as_png(255 - ink if dark else ink))
    return made


def main() -> None:
    parser = tables.parser(__doc__)
    parser.add_argument("--model")
    parser.add_argument("--errors", type=Path, help="folder for a page of each row's errors")
    args = parser.parse_args()
    reader = Reader(args.model)
    images, labels = held_out()
    chosen = np.random.default_rng(SEED).choice(len(images), N, replace=False)
    images, labels = images[chosen], labels[chosen]
    table = tables.Table("cut-out", "pixels", "ink", "n", "right, %", "right and accepted, %")
    totals = []
    for size in SIZES:
        for dark in (True, False):
            made = pictures(images, size, dark)
            found = list(reader.predict_many(made))
            digits = np.array([-1 if isinstance(f, PictureError) else f.digit for f in found])
            taken = np.array([not isinstance(f, PictureError) and f.accepted for f in found])
            right = digits == labels
            totals.append((right.mean(), (right & taken).mean()))
            table.row(size, "dark" if dark else "light", N, *percent(*totals[-1]))
            if args.errors:
                args.errors.mkdir(parents=True, exist_ok=True)
                wrong = [(made[i], int(labels[i]), f"{digits[i]}") for i in np.flatnonzero(~right)]
                name = f"{size}_{'dark' if dark else 'light'}.png"
                write_errors(args.errors / name, wrong)
    table.row("all", "both", f"{N * len(totals):,}", *percent(*np.mean(totals, 0)))
    if args.write:
        table.write()


def percent(*shares: float) -> list[str]:
    return [f"{100 * share:.2f}" for share in shares]


if __name__ == "__main__":
    main()
