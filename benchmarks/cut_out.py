"""Digits cut out along their outline, at many sizes, dark on light and light on dark.

    python benchmarks/cut_out.py [--model RUN_OR_ONNX]

MNIST training digits from 50,000 on ($INKDIGITS_DATA), which no finding network was trained on,
cut to their ink and enlarged so that the longer side has that many pixels.
"""

import argparse
import io

import numpy as np
from PIL import Image

from inkdigits import PictureError, Reader
from inkdigits.data import load

N, FIRST = 400, 50_000
SIDES = (28, 40, 60, 100, 200, 300)  # pixels


def cut(image: np.ndarray, side: int, *, dark: bool) -> bytes:
    """A PNG file of the ink alone."""
    rows, columns = np.flatnonzero(image.any(1)), np.flatnonzero(image.any(0))
    part = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    share = side / max(part.shape)
    size = tuple(max(1, round(n * share)) for n in part.shape[::-1])
    picture = Image.fromarray(255 - part if dark else part)
    file = io.BytesIO()
    picture.resize(size, Image.Resampling.BICUBIC).save(file, "PNG")
    return file.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model")
    args = parser.parse_args()
    reader = Reader(args.model)
    digits = load("mnist").train
    images, labels = digits.images[FIRST : FIRST + N], digits.labels[FIRST : FIRST + N].astype(int)
    print(f"| longer side | ink | right, % of {N} | right and accepted, % |")
    print("| --- | --- | --- | --- |")
    totals = []
    for side in SIDES:
        for dark in (True, False):
            found = list(reader.predict_many([cut(image, side, dark=dark) for image in images]))
            right = np.array([
                not isinstance(f, PictureError) and f.digit == label
                for f, label in zip(found, labels, strict=True)
            ])  # fmt: skip
            taken = np.array([not isinstance(f, PictureError) and f.accepted for f in found])
            totals.append((right.mean(), (right & taken).mean()))
            print(
                f"| {side} | {'dark' if dark else 'light'} | {right.mean():.2%} | "
                f"{(right & taken).mean():.2%} |",
                flush=True,
            )
    right, taken = np.mean(totals, 0)
    print(f"| all | | {right:.2%} | {taken:.2%} |")


if __name__ == "__main__":
    main()
