"""Our Reader beside other ways to read a digit, on other people's handwriting.

    apt-get install tesseract-ocr
    python -m venv .venv-peers
    .venv-peers/bin/pip install digit-recognizer-py  # it brings PyTorch
    python benchmarks/peers.py --digit-recognizer .venv-peers/bin/python [--most 300]

Needs $INKDIGITS_FIELD and $INKDIGITS_DATA, as field.py does; reads its sets without MNIST.
Everyone gets the same files, one thread, and no help but this:

- resize to 28x28: the original project's way: grey, 28x28, divided by 255, to our own network.
  Transparency is dropped, as by digit-recognizer-py.
- resize, invert by border: the same, with light and dark exchanged where the border is light.
- digit-recognizer-py: its own `predict(file)`, which inverts by the border's mean. Left out without
  --digit-recognizer.
- Tesseract: one character of 0-9 (--psm 10 and a whitelist). Each picture is made as its documents
  advise: dark on light, about 32 pixels high, paper around; as found, and enlarged 8 times, far
  fewer are read. An answer that is not exactly one digit is wrong. Left out where the command is
  missing. Version 5.

Seconds: from file to digit, without starting Python and loading networks. Tesseract's hold one
start for each set, and begin with the pictures made ready for it.
"""

import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import tables
from field import as_png, sets
from PIL import Image, ImageOps

from inkdigits import Reader
from inkdigits.errors import PictureError
from inkdigits.spec import SIDE

Answers = tuple[list[int], float]  # a digit for each picture, -1 where there is none; seconds
Peer = Callable[[list[bytes]], Answers]

ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1", "OMP_THREAD_LIMIT": "1"}
LETTER = 32  # pixels: the height of capital letters that Tesseract reads best


def inkdigits(reader: Reader, pictures: list[bytes]) -> Answers:
    start = time.perf_counter()
    found = list(reader.predict_many(pictures))
    digits = [-1 if isinstance(f, PictureError) else f.digit for f in found]
    return digits, time.perf_counter() - start


def resized(reader: Reader, invert: bool, pictures: list[bytes]) -> Answers:
    start = time.perf_counter()
    arrays = np.zeros((len(pictures), SIDE, SIDE), np.float32)
    for array, data in zip(arrays, pictures, strict=True):
        grey = Image.open(io.BytesIO(data)).convert("L").resize((SIDE, SIDE))
        array[:] = np.asarray(grey, np.float32) / 255
        if invert and border_median(array) > 0.5:
            array[:] = 1 - array
    return reader.probabilities(arrays).argmax(1).tolist(), time.perf_counter() - start


def border_median(pixels: np.ndarray) -> float:
    return float(np.median(np.r_[pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]]))


def digit_recognizer(python: str, pictures: list[bytes]) -> Answers:
    with tempfile.TemporaryDirectory() as folder:
        write(pictures, Path(folder))
        child = Path(__file__).parent / "peer_digit_recognizer.py"
        answer = json.loads(output(python, child, folder).splitlines()[-1])
    return answer["digits"], answer["seconds"]


def tesseract(pictures: list[bytes]) -> Answers:
    with tempfile.TemporaryDirectory() as folder:
        files = write([for_tesseract(data) for data in pictures], Path(folder))
        names = Path(folder) / "names.txt"
        names.write_text("\n".join(map(str, files)))
        start = time.perf_counter()
        text = output(
            "tesseract", names, "stdout", "--psm", "10",
            "-c", "tessedit_char_whitelist=0123456789",
        )  # fmt: skip
        seconds = time.perf_counter() - start
    pages = [page.strip() for page in text.split("\f")]
    if len(pages) != len(pictures):
        raise RuntimeError(f"tesseract gave {len(pages)} answers to {len(pictures)} pictures")
    return [int(page) if len(page) == 1 else -1 for page in pages], seconds


def for_tesseract(data: bytes) -> bytes:
    """The picture dark on light, its longer side as a letter's height, with paper around it."""
    clear = Image.open(io.BytesIO(data)).convert("RGBA")
    grey = Image.alpha_composite(Image.new("RGBA", clear.size, "white"), clear).convert("L")
    if border_median(np.asarray(grey)) < 128:
        grey = ImageOps.invert(grey)
    paper = round(border_median(np.asarray(grey)))
    share = LETTER / max(grey.size)
    letter = grey.resize([max(1, round(share * side)) for side in grey.size])
    return as_png(np.asarray(ImageOps.expand(letter, LETTER // 2, paper)))


def write(pictures: list[bytes], folder: Path) -> list[Path]:
    files = [folder / f"{i:05}.png" for i in range(len(pictures))]
    for file, data in zip(files, pictures, strict=True):
        file.write_bytes(data)
    return files


def output(*command: str | Path) -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=ONE_THREAD)
    if done.returncode:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}:\n{done.stderr}")
    return done.stdout


def peers(model: str | None, python: str | None) -> dict[str, Peer]:
    """Each peer's column title and what reads with it."""
    reader = Reader(model, threads=1)
    found: dict[str, Peer] = {
        "inkdigits": partial(inkdigits, reader),
        "resize to 28x28": partial(resized, reader, False),
        "resize, invert by border": partial(resized, reader, True),
    }
    if python:
        ask = "from importlib.metadata import version; print(version('digit-recognizer-py'))"
        version = output(python, "-c", ask).strip()
        found[f"digit-recognizer-py {version}"] = partial(digit_recognizer, python)
    if shutil.which("tesseract"):
        found[output("tesseract", "--version").splitlines()[0]] = tesseract
    return found


def main() -> None:
    parser = tables.parser(__doc__)
    parser.add_argument("--model")
    parser.add_argument("--most", type=int, default=300, help="pictures of each set")
    parser.add_argument("--digit-recognizer", help="a Python that has digit-recognizer-py")
    args = parser.parse_args()
    columns = peers(args.model, args.digit_recognizer)
    seconds = dict.fromkeys(columns, 0.0)
    total = 0
    table = tables.Table("peers", "set", "n", *columns)
    for name, pictures, labels in sets(Path(os.environ["INKDIGITS_FIELD"])):
        if name.startswith("mnist"):
            continue
        n = min(args.most, len(pictures))
        chosen = np.arange(n) * len(pictures) // n
        row = []
        for peer, read in columns.items():
            digits, spent = read([pictures[i] for i in chosen])
            row.append(f"{100 * np.mean(np.array(digits) == labels[chosen]):.1f}")
            seconds[peer] += spent
            print(f"{name}, {peer}: {row[-1]} %, {spent:.1f} s", file=sys.stderr, flush=True)
        total += n
        table.row(name, n, *row)
    table.row("seconds a picture", total, *(f"{s / total:.4f}" for s in seconds.values()))
    if args.write:
        table.write()


if __name__ == "__main__":
    main()
