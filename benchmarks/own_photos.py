"""Two hundred photos of digits in class folders: trained on, evaluated, and read back.

    python benchmarks/own_photos.py OUT

Makes OUT/photos and OUT/others, class folders of 200 photos each (`synthesis.photos`), then runs
the commands that a user would: `train --data photos`, the same with `--from` the package's model,
`evaluate` on the others, and `predict` of both. The digits are those of $INKDIGITS_FIELD whose
licences allow training: hwd1000 and optdigits32. Photos to train on show the half that the
package's model has learnt, too; the others show the half that nothing is trained on.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import tables
from PIL import Image

from inkdigits.reading.model_file import SHIPPED_MODEL
from inkdigits.synthesis.hands import reframed
from inkdigits.synthesis.handwriting import LARGE
from inkdigits.synthesis.photos import photographed

N = 200
SOURCES = ("hwd1000", "optdigits32")
SEEDS = {"photos": 20_290, "others": 20_291}
COMMAND = (sys.executable, "-m", "inkdigits")


def make(folder: Path, halves: dict[str, tuple[np.ndarray, np.ndarray]], seed: int) -> None:
    """N photos, as many of each set and of each digit as can be."""
    random = np.random.default_rng(seed)
    for name, (drawn, labels) in halves.items():
        for digit in range(10):
            chosen = random.permutation(np.flatnonzero(labels == digit))[: N // 10 // len(halves)]
            (folder / str(digit)).mkdir(parents=True, exist_ok=True)
            for number in chosen.tolist():
                large = Image.fromarray(reframed(drawn[number])).resize((LARGE, LARGE))
                strokes = np.asarray(large, np.float32) / 255
                photo = photographed(strokes, random)
                photo.save(folder / str(digit) / f"{name}_{number}.jpg", quality=90)


def run(*arguments: str) -> str:
    """What the command prints."""
    done = subprocess.run((*COMMAND, *arguments), capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(arguments)}: {done.stderr}")
    return done.stdout


def read_back(folder: Path, *model: str) -> tuple[int, int]:
    """How many of the photos are read right, and how many of those are accepted."""
    pictures = sorted(map(str, folder.glob("*/*.jpg")))
    rows = map(json.loads, run("predict", "--json", *model, *pictures).splitlines())
    right = [row for row in rows if str(row["digit"]) == Path(row["file"]).parent.name]
    return len(right), sum(row["accepted"] for row in right)


def main() -> None:
    parser = tables.parser(__doc__)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    out = args.out
    field = Path(os.environ["INKDIGITS_FIELD"])
    for first, (name, seed) in enumerate(SEEDS.items()):
        halves = {}
        for source in SOURCES:
            with np.load(field / source / "images.npz") as file:
                drawn, labels = file["x"][first::2], file["y"][first::2].astype(int)
            halves[source] = 255 - drawn if source == "hwd1000" else drawn, labels
        make(out / name, halves, seed)
    photos, others = out / "photos", out / "others"
    table = tables.Table(
        "own-photos", "model", "`evaluate`, the others, %",
        f"`predict`, the {N}: right, accepted", "`predict`, the others: right, accepted",
    )  # fmt: skip
    models: dict[str, tuple[str, ...]] = {"the package's": ()}
    for name, start in (
        (f"trained on the {N} photos alone", ()),
        (f"the package's, trained further on the {N}", (SHIPPED_MODEL,)),
    ):
        folder = str(out / f"model{len(models)}")
        run("train", "--data", str(photos), "--out", folder, *(f"--from={p}" for p in start))
        models[name] = (folder,)
    for name, model in models.items():
        score = run("evaluate", *model, "--data", str(others)).split(": ")[1].split("%")[0]
        chosen = ("--model", *model) if model else ()
        seen = [
            f"{right}, {sure}" for right, sure in (read_back(d, *chosen) for d in (photos, others))
        ]
        table.row(name, score, *seen)
    if args.write:
        table.write()


if __name__ == "__main__":
    main()
