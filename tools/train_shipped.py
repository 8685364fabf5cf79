"""Make all models that the package ships, from the data to the .onnx files.

    python tools/fetch_fonts.py FONTS
    python tools/train_shipped.py OUT FONTS
    python tools/train_shipped.py OUT FONTS --on  # on from the package's networks

Needs $INKDIGITS_DATA and, of $INKDIGITS_FIELD, the two sets whose licences allow training: hwd1000
(MIT) and optdigits32 (CC BY 4.0). Every second picture of them is trained on, the others are kept
for field.py. OUT gets the made data and the run folders, the package all five models; git shows
which differ. The networks that find digits come first (train_finder.py, some two hours), since the
classifier learns from digits that they cut out. After an interruption the same command continues
with them; what follows them starts anew. With --on the first of the two digit networks stays as it
is, and is told anew when its answer is clear.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from train_finder import arguments, finish, train_both

from inkdigits.data import load
from inkdigits.data.split import split_validation
from inkdigits.export import export
from inkdigits.reading.finder import CLOSE_UP_MODEL, FINDER_MODEL
from inkdigits.reading.model_file import FIRST_MODEL, SECOND_MODEL, SHIPPED_MODEL, ModelFile
from inkdigits.spec import CLEAR, accept_from

ADDED = ("hwd1000", "optdigits32")
DATA = ("--digits", "80000", "--nondigits", "25000", "--seed", "1")
TRAINING = ("--recipe", "pictures", "--seed", "0", "--threads", "2")
TRAINING_ON = (*TRAINING, "--from", str(SHIPPED_MODEL), "--epochs", "6", "--learning-rate", "3e-3")
FIRST_DATA = (*DATA[:-1], "2")
FIRST_TRAINING = ("--recipe", "first", "--seed", "0", "--threads", "1")
LEVELS = (0.95, 0.97, 0.98, 0.985, 0.99, 0.993, 0.995, 0.997, 0.998, 0.999)
DIFFER, ACCEPTED = 3e-4, 3e-3  # shares


def main() -> None:
    args = arguments(__doc__)
    out: Path = args.out
    finding = out / "finding"
    train_both(finding, args.fonts, args.on)
    finish(finding, SHIPPED_MODEL)
    put_into_package(finding / FINDER_MODEL.name, FINDER_MODEL)
    put_into_package(finding / CLOSE_UP_MODEL.name, CLOSE_UP_MODEL)
    made, run = out / "made.npz", out / "run"
    make(made, args.fonts, DATA)
    inkdigits("train", "--data", made, "--out", run, *(TRAINING_ON if args.on else TRAINING))
    model, first = run / "model.onnx", FIRST_MODEL
    if not args.on:
        made, run = out / "made-first.npz", out / "run-first"
        make(made, args.fonts, FIRST_DATA)
        inkdigits("train", "--data", made, "--out", run, "--teacher", model, *FIRST_TRAINING)
        first = run / "model.onnx"
    finish_first(first, model, str(made), out / "first.onnx")
    finish_second(model, out / "second.onnx")
    finish(finding, model)
    put_into_package(finding / FINDER_MODEL.name, FINDER_MODEL)
    put_into_package(model, SHIPPED_MODEL)
    put_into_package(out / "first.onnx", FIRST_MODEL)
    put_into_package(out / "second.onnx", SECOND_MODEL)


def make(made: Path, fonts: Path, data: Sequence[str]) -> None:
    """Make a training set, with every second picture of the sets that may be trained on."""
    add: list[str | Path] = []
    for name in ADDED:
        with np.load(Path(os.environ["INKDIGITS_FIELD"]) / name / "images.npz") as file:
            path = made.with_name(f"{name}_even.npz")
            np.savez(path, x=file["x"][::2], y=file["y"][::2])
        add += ["--add", path]
    inkdigits("data", "make", made, "--fonts", fonts, *data, *add)


def inkdigits(*args: str | Path) -> None:
    subprocess.run([sys.executable, "-m", "inkdigits", *args], check=True)


def put_into_package(made: Path, shipped: Path) -> None:
    shutil.copyfile(made, shipped)
    print(f"{made} is {shipped} now")


def finish_first(first: Path, second: Path, data: str, out: Path) -> None:
    """Write the first network with what it says of itself: whose it is, and when it is clear."""
    sets = load(data)
    _, held = split_validation(sets.train, 0.1, 0)
    networks = ModelFile(first, 0), ModelFile(second, 0)
    accept = accept_from(networks[1].metadata, str(second))
    (quick, careful), (quick_no, careful_no) = (
        [network.run(images.astype(np.float32) / np.float32(255)) for network in networks]
        for images in (held.images, sets.nondigits)
    )
    differ, doubted = quick.argmax(1) != careful.argmax(1), careful_no.max(1) < accept
    for level in LEVELS:
        clear, clear_no = quick.max(1) >= level, quick_no.max(1) >= level
        wrong, let_in = (differ & clear).mean(), (doubted & clear_no).mean()
        print(
            f"from {level}: clear {clear.mean():.1%}, read otherwise {wrong:.4%}; non-digits "
            f"accepted besides {let_in:.3%}"
        )
        if wrong <= DIFFER and let_in <= ACCEPTED:
            break
    save_with(first, {CLEAR: f"{level}", "inkdigits.first_of": sha256(second)}, out)


def finish_second(model: Path, out: Path) -> None:
    """Write the model in 8-bit integers with what it says of itself: whose it is."""
    with tempfile.TemporaryDirectory() as folder:
        (int8,) = export(str(model), Path(folder), ["onnx-int8"])
        save_with(int8.path, {"inkdigits.second_of": sha256(model)}, out)


def save_with(model: Path, about: dict[str, str], out: Path) -> None:
    read = onnx.load(str(model))
    kept = [prop for prop in read.metadata_props if prop.key not in about]
    del read.metadata_props[:]
    read.metadata_props.extend(kept)
    for key, value in about.items():
        read.metadata_props.add(key=key, value=value)
    onnx.save(read, str(out))


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    main()
