"""What the Reader accepts: digits and what is none, through the picture path.

    python benchmarks/doubt.py [--model RUN_OR_ONNX] [--fonts FOLDER ...] [--write]
    python benchmarks/doubt.py --several  # the last table alone

Of the field sets ($INKDIGITS_FIELD): the share of the digits read right that is accepted, and the
expected calibration error. Of non-digits: the share accepted, by kind, as the Reader decides and at
the confidence that 97 % of those right digits (MNIST's left out) reach. --fonts names folders with
handwriting fonts (Debian: fonts-breip, fonts-bwht, fonts-dkg-handwriting, fonts-femkeklaver,
fonts-humor-sans, fonts-isabella, fonts-kristi, fonts-rufscript, in /usr/share/fonts); none of them
is among those that training takes (tools/handwriting_fonts.txt).
Of several digits: the share that `predict` accepts as one digit. The pairs of the table above at 1,
2, 4 and 10 times their size; then pairs and strings of three to six digits at the same sizes, their
digits 5 to 200 % of a digit's height apart, from ink to ink. At size 1 a digit is 20 pixels high.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tables
from field import sets
from pictures import Random, enlarged, held_out, in_a_row
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
LETTERS = "ABCDEFGHJKLMNPQRTUVWXYacdefhijkmnprstuvwxyz"  # without O o I l S Z q g b
SYMBOLS = "+=?&@#%*<>$!"
TIMES = (1, 2, 4, 10)  # sizes of pairs and strings
GAPS = (5, 10, 25, 50, 100, 200)  # % of a digit's height
N_GAPS = 100  # pictures of each size and gap
HEIGHT = 20  # pixels of MNIST's digits
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


def several() -> Iterator[tuple[str, list[Image.Image]]]:
    """The name of each kind of pictures of more than one digit, and its pictures."""
    images, _ = held_out()
    random = np.random.default_rng(SEED + 1)
    pairs = [np.asarray(pair(images, random)) for _ in range(N)]
    for times in TIMES:
        yield f"the pairs above, {times} x", [Image.fromarray(enlarged(p, times)) for p in pairs]
    for name, least, most in (("pairs", 2, 2), ("strings", 3, 6)):
        for gap in GAPS:
            numbers = [number(images, least, most, gap, random) for _ in range(N_GAPS)]
            for times in TIMES:
                made = [Image.fromarray(enlarged(one, times)) for one in numbers]
                yield f"{name}, gaps of {gap} %, {times} x", made


def number(images: np.ndarray, least: int, most: int, gap: int, random: Random) -> np.ndarray:
    chosen = images[random.integers(len(images), size=random.integers(least, most + 1))]
    return in_a_row(chosen, round(gap / 100 * HEIGHT), int(random.integers(4, HEIGHT)))


def written(sign: str, fonts: list[Path], random: np.random.Generator) -> Image.Image:
    font = ImageFont.truetype(fonts[random.integers(len(fonts))], int(random.integers(60, 140)))
    image = Image.new("L", (220, 220), 255)
    ImageDraw.Draw(image).text((110, 110), sign, fill=20, font=font, anchor="mm")
    return image


def main() -> None:
    parser = tables.parser(__doc__)
    parser.add_argument("--model")
    parser.add_argument("--fonts", type=Path, nargs="*", default=[])
    parser.add_argument("--several", action="store_true")
    args = parser.parse_args()
    reader = Reader(args.model)
    found = [] if args.several else digits_and_nondigits(reader, args.fonts)
    table = tables.Table("doubt-several", "several digits", "n", "accepted as one, %")
    most = 0.0
    totals: dict[str, list[bool]] = {}  # by kind: the pairs above, pairs, strings
    for name, images in several():
        taken = [
            not isinstance(one, PictureError) and one.accepted
            for one in reader.predict_many(images)
        ]
        print(f"{name}: {100 * np.mean(taken):.1f} %", file=sys.stderr, flush=True)
        most = max(most, float(np.mean(taken)))
        totals.setdefault(name.split(",")[0], []).extend(taken)
    totals["several digits"] = [taken for its in totals.values() for taken in its]
    for name, taken in totals.items():
        table.row(f"all {name}", f"{len(taken):,}", f"{100 * np.mean(taken):.1f}")
    table.row("the kind, size and gap with most", "", f"{100 * most:.1f}")
    for one in (*found, table) if args.write else ():
        one.write()


def digits_and_nondigits(reader: Reader, fonts: list[Path]) -> list[tables.Table]:
    """The tables of the digits read right and of what is no digit."""
    digits = tables.Table(
        "doubt-digits", "set", "of those read right, accepted, %", "calibration error, %"
    )
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
        digits.row(name, f"{100 * np.mean(np.array(good) > 0):.2f}", f"{100 * error:.2f}")
        if not name.startswith("mnist"):
            sure += good
    level = float(np.quantile(sure, 1 - TAKEN))
    digits.row("all but MNIST", f"{100 * np.mean(np.array(sure) > 0):.2f}", "")
    files = sorted(f for folder in fonts for f in folder.rglob("*.[to]tf"))
    at = f"at {TAKEN:.0%} (a confidence of {level:.3f}), %"
    others = tables.Table("doubt-others", "no digit", "n", "accepted, %", at)
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
        others.row(name, len(found), *(f"{count:.1f}" for count in 100 * both / len(found)))
        print(f"{name}: {counts}", file=sys.stderr, flush=True)
    others.row("all", f"{n:,}", *(f"{count:.1f}" for count in 100 * totals / n))
    return [digits, others]


if __name__ == "__main__":
    main()
