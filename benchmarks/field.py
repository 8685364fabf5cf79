"""Accuracy on other people's handwriting, through the picture path (file in, digit out).

    python benchmarks/field.py [--model RUN_OR_ONNX] [--errors FOLDER] [--write]

Needs $INKDIGITS_FIELD (the development sets; see benchmarks/README.md) and $INKDIGITS_DATA for the
MNIST row, which is the first 10,000 training images: the test set is not for tuning.
The made photos and drawings are of MNIST training digits: the pictures are new, the digits are not.
--errors writes a page of each set's wrong readings, as found and as the network saw them.
"""

import csv
import io
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tables
from PIL import Image, ImageDraw

from inkdigits import Reader
from inkdigits.data import load
from inkdigits.errors import PictureError
from inkdigits.reading.finder import digit_array
from inkdigits.synthesis.handwriting import rewritten
from inkdigits.synthesis.photos import drawn, photographed

ARRAYS = ("usps_train", "optdigits32", "hwd1000", "sheet_cells_minichazer")
HALF_TRAINED_ON = ("optdigits32", "hwd1000")  # pictures 0, 2, 4, ...; the others are measured
MADE = 1_000  # photos and drawings of digits that were held out
SEED = 20_260  # theirs; training sets are made with others


def sets(field: Path) -> Iterator[tuple[str, list[bytes], np.ndarray]]:
    """Each set's name, its pictures as files' bytes, its labels."""
    for name in ARRAYS:
        part = slice(1, None, 2) if name in HALF_TRAINED_ON else slice(None)
        with np.load(field / name / "images.npz") as arrays:
            yield name, [as_png(x) for x in arrays["x"][part]], arrays["y"][part].astype(int)
    folder = field / "draw_holeduylinh"
    with (folder / "labels.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    pictures = [next(folder.rglob(Path(r["file"]).name)).read_bytes() for r in rows]
    yield folder.name, pictures, np.array([int(r["label"]) for r in rows])
    mnist = load("mnist").train
    for name, make in (("made photos", photographed), ("made drawings", drawn)):
        made = []
        for i in range(MADE):
            random = np.random.default_rng([SEED, i])
            strokes = rewritten(mnist.images[50_000 + i], int(mnist.labels[50_000 + i]), random)
            made.append(as_png(np.asarray(make(strokes, random))))
        yield name, made, mnist.labels[50_000 : 50_000 + MADE].astype(int)
    yield (
        "mnist, 10,000 of training",
        [as_png(x) for x in mnist.images[:10_000]],
        mnist.labels[:10_000].astype(int),
    )


def as_png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def write_errors(path: Path, wrong: list[tuple[bytes, int, str]], columns: int = 8) -> None:
    """A page of wrong readings: the picture, what the network saw, true > read."""
    wrong = wrong[: columns * 8]
    page = Image.new("RGB", (columns * 170, 110 * (-(-len(wrong) // columns) or 1)), "#777")
    draw = ImageDraw.Draw(page)
    for i, (data, label, read) in enumerate(wrong):
        x, y = i % columns * 170, i // columns * 110
        picture = Image.open(io.BytesIO(data)).convert("RGBA")
        picture.thumbnail((80, 84)) if max(picture.size) > 80 else None
        scale = max(1, 80 // max(picture.size))
        picture = picture.resize((picture.width * scale, picture.height * scale), 0)
        page.paste(picture, (x, y + 14), picture)
        try:
            seen = Image.fromarray((255 * digit_array(data)).astype(np.uint8)).resize((84, 84), 0)
            page.paste(seen, (x + 82, y + 14))
        except PictureError:
            pass
        draw.text((x + 2, y + 1), f"{label} > {read}", fill="white")
    page.save(path)


def main() -> None:
    parser = tables.parser(__doc__)
    parser.add_argument("--model")
    parser.add_argument("--errors", type=Path)
    args = parser.parse_args()
    reader = Reader(args.model)
    table = tables.Table("field", "set", "n", "right, %", "not read")
    for name, pictures, labels in sets(Path(os.environ["INKDIGITS_FIELD"])):
        found = list(reader.predict_many(pictures))
        digits = np.array([-1 if isinstance(f, PictureError) else f.digit for f in found])
        right = digits == labels
        table.row(name, f"{len(labels):,}", f"{100 * right.mean():.2f}", (digits < 0).sum())
        if args.errors:
            args.errors.mkdir(parents=True, exist_ok=True)
            wrong = [
                (pictures[i], int(labels[i]), "-" if digits[i] < 0 else f"{digits[i]}")
                for i in np.flatnonzero(~right)
            ]
            write_errors(args.errors / f"{name.split(',')[0]}.png", wrong)
    if args.write:
        table.write()


if __name__ == "__main__":
    main()
