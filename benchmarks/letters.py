"""What a model of one's own accepts of letters and of other people's digits: file in, answer out.

    python benchmarks/letters.py RUN_OR_ONNX ... [--fonts FOLDER ...] [--write]

Letters are made with another seed than any training or any level is; --fonts adds letters in those
handwriting fonts (Debian's are in /usr/share/fonts; doubt.py names them), none of which a level is
chosen by. Digits are the half of hwd1000 that nothing is trained on ($INKDIGITS_FIELD). Both come
in 28x28, where a plain picture needs no finder, and large, as the finder sees them. Without a model
it is the package's.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tables
from doubt import LETTERS, written
from field import as_png
from pictures import drawings, enlarged
from PIL import Image

from inkdigits import Reader
from inkdigits.errors import PictureError
from inkdigits.picture.place import place
from inkdigits.synthesis.nondigits import plain_fonts
from inkdigits.synthesis.nondigits import written as strokes_of
from inkdigits.synthesis.photos import drawn

N = 400  # letters of each kind
TIMES = 8  # large digits' size against 28 pixels
SEED = 20_281  # of this benchmark


def letters(fonts: list[Path]) -> Iterator[tuple[str, list[bytes]]]:
    """Each kind's name and its pictures, as files' bytes."""
    random = np.random.default_rng(SEED)
    strokes = [
        strokes_of(str(random.choice(list(LETTERS))), plain_fonts(), random) for _ in range(N)
    ]
    small = [as_png(np.rint(255 * (1 - place(ink))).astype(np.uint8)) for ink in strokes]
    yield "letters, 28x28", small
    yield "letters, drawn", [as_png(np.asarray(drawn(ink, random))) for ink in strokes]
    if fonts:
        signs = [str(random.choice(list(LETTERS))) for _ in range(N)]
        pictures = [written(sign, fonts, random) for sign in signs]
        yield (
            f"letters in {len(fonts)} handwriting fonts",
            [as_png(np.asarray(p)) for p in pictures],
        )
        small = [p.resize((28, 28), Image.Resampling.LANCZOS) for p in pictures]
        yield "the same, 28x28", [as_png(np.asarray(p)) for p in small]


def digits() -> Iterator[tuple[str, list[bytes], np.ndarray]]:
    """The counted half of hwd1000, in both sizes, dark on white."""
    images, labels = drawings()
    yield "hwd1000, 28x28", [as_png(255 - x) for x in images], labels
    yield f"hwd1000, {TIMES} times", [as_png(enlarged(255 - x, TIMES)) for x in images], labels


def main() -> None:
    parser = tables.parser(__doc__)
    parser.add_argument("models", nargs="*", default=[None])
    parser.add_argument("--fonts", type=Path, nargs="*", default=[])
    args = parser.parse_args()
    fonts = sorted(f for folder in args.fonts for f in folder.rglob("*.[to]tf"))
    readers = {model or "the package's": Reader(model) for model in args.models}
    names = [f"{Path(name).name}, level {one.model.accept}" for name, one in readers.items()]
    table = tables.Table("letters", "accepted, %", "n", *names)
    for name, pictures in letters(fonts):
        taken = [[sure for _, sure in answers(one, pictures)] for one in readers.values()]
        table.row(name, len(pictures), *(f"{100 * np.mean(its):.1f}" for its in taken))
    for name, pictures, labels in digits():
        cells = []
        for reader in readers.values():
            found = answers(reader, pictures)
            taken = np.array([accepted for _, accepted in found])
            right = np.array([digit for digit, _ in found]) == labels
            cells.append(f"{100 * taken[right].mean():.1f} ({right.sum()} right)")
        table.row(f"{name}, of the right", len(pictures), *cells)
    if args.write:
        table.write()


def answers(reader: Reader, pictures: list[bytes]) -> list[tuple[int, bool]]:
    """Each picture's digit and whether it is accepted; -1 where none can be read."""
    return [
        (-1, False) if isinstance(found, PictureError) else (found.digit, found.accepted)
        for found in reader.predict_many(pictures)
    ]


if __name__ == "__main__":
    main()
