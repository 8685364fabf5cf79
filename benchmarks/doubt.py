"""What the Reader accepts: digits and what is none, through the picture path.

    python benchmarks/doubt.py [--model RUN_OR_ONNX] [--fonts FOLDER ...]

Of the field sets ($INKDIGITS_FIELD): the share of the digits read right that is accepted, and the
expected calibration error. Of non-digits: the share accepted, by kind, as the Reader decides and at
the confidence that 97 % of those right digits (MNIST's left out) reach. --fonts names folders with
handwriting fonts (Debian: fonts-breip, fonts-bwht, fonts-dkg-handwriting, fonts-femkeklaver,
fonts-humor-sans, fonts-isabella, fonts-kristi, fonts-rufscript, in /usr/share/fonts); none of them
is used in training, which takes Matplotlib's fonts. Last, pairs and strings of digits: the share
accepted as one digit, by their size and gap.
"""

import argparse
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from field import sets
from PIL import Image, ImageDraw, ImageFont

from inkdigits import Reader
from inkdigits.data import load
from inkdigits.errors import PictureError
from inkdigits.evaluation.scores import calibration_error
from inkdigits.synthesis.handwriting import LARGE
from inkdigits.synthesis.nondigits import nondigit
from inkdigits.synthesis.photos import drawn, photographed

N = 400  # pictures of each kind
TAKEN = 0.97  # share of the right digits that is to be accepted
SEVERAL = 50  # pictures of each size and gap of several digits
GAPS = (0.05, 0.2, 0.5, 1.0, 2.0)  # of the digits' height
LETTERS = "ABCDEFGHJKLMNPQRTUVWXYacdefhijkmnprstuvwxyz"  # without O o I l S Z q g b
SYMBOLS = "+=?&@#%*<>$!"
SEED = 20_261  # of this benchmark; training sets are made with others


def nondigits(fonts: list[Path]) -> Iterator[tuple[str, list[Image.Image]]]:
    """Each kind's name and its pictures."""
    random = np.random.default_rng(SEED)
    nothing = np.zeros((LARGE, LARGE), np.float32)
    yield "blank paper, photographed", [photographed(nothing, random) for _ in range(N)]
    yield "noise", [Image.fromarray(random.integers(0, 256, (64, 64), np.uint8)) for _ in range(N)]
    digits = load("mnist").train
    held = digits.take(np.arange(50_000, 60_000), "held")
    made = [nondigit(held.images, held.labels, random) for _ in range(N)]
    yield "letters, signs, scribbles, pairs as in training", [drawn(s, random) for s in made]
    yield "two digits side by side", [pair(held.images, random) for _ in range(N)]
    for name, signs in (("letters", LETTERS), ("symbols", SYMBOLS)):
        if fonts:
            yield (
                f"{name} in {len(fonts)} handwriting fonts",
                [written(str(random.choice(list(signs))), fonts, random) for _ in range(N)],
            )


def pair(images: np.ndarray, random: np.random.Generator) -> Image.Image:
    left, right = images[random.integers(len(images), size=2)]
    canvas = np.zeros((60, 90), np.uint8)
    canvas[16:44, 14:42] = left
    at = int(random.integers(36, 46))
    canvas[16:44, at : at + 28] = np.maximum(canvas[16:44, at : at + 28], right)
    return Image.fromarray(255 - canvas)


def string(
    images: np.ndarray, random: np.random.Generator, n: int, times: int, gap: float
) -> Image.Image:
    """`n` digits in a line, `times` as large as MNIST's, `gap` of their height apart."""
    parts = []
    for image in images[random.integers(len(images), size=n)]:
        columns = np.flatnonzero(image.any(0))
        parts.append(image[:, columns[0] : columns[-1] + 1])
        parts.append(np.zeros((28, round(20 * gap)), np.uint8))
    line = np.pad(np.hstack(parts[:-1]), 10)
    picture = Image.fromarray(255 - line)
    size = (picture.width * times, picture.height * times)
    return picture.resize(size, Image.Resampling.BICUBIC)


def several(reader: Reader, images: np.ndarray) -> None:
    """How often pairs and strings are accepted as one digit, by their size and gap."""
    random = np.random.default_rng(SEED + 1)
    print(f"\n| digits in a line, {SEVERAL} each | {' | '.join(f'gap {g:.0%}' for g in GAPS)} |")
    print(f"| --- |{' --- |' * len(GAPS)}")
    shares = []
    for n in (2, 5):
        for times in (1, 2, 4, 10):
            row = []
            for gap in GAPS:
                made = [string(images, random, n, times, gap) for _ in range(SEVERAL)]
                row.append(np.mean([
                    not isinstance(f, PictureError) and f.accepted
                    for f in reader.predict_many(made)
                ]))  # fmt: skip
            shares += row
            cells = " | ".join(f"{share:.1%}" for share in row)
            print(f"| {n}, times {times} | {cells} |", flush=True)
    print(f"\naccepted as one digit, over all: {np.mean(shares):.2%}")


def written(sign: str, fonts: list[Path], random: np.random.Generator) -> Image.Image:
    font = ImageFont.truetype(fonts[random.integers(len(fonts))], int(random.integers(60, 140)))
    image = Image.new("L", (220, 220), 255)
    ImageDraw.Draw(image).text((110, 110), sign, fill=20, font=font, anchor="mm")
    return image


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model")
    parser.add_argument("--fonts", type=Path, nargs="*", default=[])
    args = parser.parse_args()
    reader = Reader(args.model)
    print("| field set | of those read right, accepted, % | calibration error, % |")
    print("| --- | --- | --- |")
    sure: list[float] = []  # of each right digit; 0 where it was not accepted
    for name, pictures, labels in sets(Path(os.environ["INKDIGITS_FIELD"])):
        found = [f for f in reader.predict_many(pictures) if not isinstance(f, PictureError)]
        good = [
            f.confidence * f.accepted
            for f, label in zip(found, labels, strict=True)
            if f.digit == label
        ]
        probabilities = np.array([f.probabilities for f in found], np.float32)
        error = calibration_error(labels.astype(np.uint8), probabilities)
        print(
            f"| {name} | {100 * np.mean(np.array(good) > 0):.2f} | {100 * error:.2f} |", flush=True
        )
        if not name.startswith("mnist"):
            sure += good
    level = float(np.quantile(sure, 1 - TAKEN))
    print(f"| all but MNIST | {100 * np.mean(np.array(sure) > 0):.2f} | |\n")
    print(f"{TAKEN:.0%} of these reach a confidence of {level:.4f}\n")
    files = sorted(f for folder in args.fonts for f in folder.rglob("*.[to]tf"))
    print(f"| no digit | n | accepted, % | at {TAKEN:.0%}, % | reasons given |")
    print("| --- | --- | --- | --- | --- |")
    n, totals = 0, np.zeros(2, int)
    for name, images in nondigits(files):
        found = list(reader.predict_many(images))
        taken = [f for f in found if not isinstance(f, PictureError) and f.accepted]
        reasons = [
            "error" if isinstance(f, PictureError) else f.reason or "accepted" for f in found
        ]
        counts = ", ".join(f"{r} {reasons.count(r)}" for r in sorted(set(reasons)))
        both = np.array((len(taken), sum(f.confidence >= level for f in taken)))
        n, totals = n + len(found), totals + both
        print(row(name, len(found), both, counts), flush=True)
    print(row("all", n, totals, ""))
    several(reader, load("mnist").train.images[50_000:])


def row(name: str, n: int, counts: np.ndarray, reasons: str) -> str:
    own, at_level = 100 * counts / n
    return f"| {name} | {n:,} | {own:.1f} | {at_level:.1f} | {reasons} |"


if __name__ == "__main__":
    main()
