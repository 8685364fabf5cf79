"""Make the networks that find digits, from the data to the .onnx files.

    python tools/fetch_fonts.py FONTS
    python tools/train_finder.py OUT FONTS
    python tools/train_finder.py OUT FONTS --on  # from the package's networks, half an hour

Needs $INKDIGITS_DATA and, of $INKDIGITS_FIELD, the two sets whose licences allow training: hwd1000
(MIT) and optdigits32 (CC BY 4.0), every second picture. Validated by the last 10,000 of MNIST's
training digits, every eighth font and scenes of another seed. The two networks train side by side,
a core each, for about two hours; the same command continues after an interruption.
"""

import argparse
import os
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
import torch

from inkdigits.data import load
from inkdigits.exports.finding import save_close_up, save_finder
from inkdigits.reading.combine import Combination
from inkdigits.reading.finder import CLOSE_UP_MODEL, FINDER_MODEL, Finder
from inkdigits.reading.model_file import SHIPPED_MODEL
from inkdigits.reading.reader import Reader
from inkdigits.spec import ACCEPT, N_CLASSES, OTHER
from inkdigits.synthesis.fonts import font_files
from inkdigits.synthesis.hands import Hands, collected, joined, reframed
from inkdigits.training.finding.fit_combination import candidates_of, fitted
from inkdigits.training.finding.loop import FindingRecipe, Kind, examples, mean_network, train
from inkdigits.training.finding.start import network_from

ADDED = ("hwd1000", "optdigits32")
REPEATS = 5  # of the added digits among MNIST's 50,000
N_HANDS, N_OTHERS, HANDS_CHUNK = 86_000, 8_000, 1_000
HANDS_SEED, OTHERS_SEED = 1, 7
VALIDATION_FROM, FONT_KEPT = 50_000, 8
SCENES: dict[Kind, int] = {"finder": 200_000, "closeup": 240_000}
ON: dict[Kind, int] = {"finder": 14_400, "closeup": 24_000}
ON_RATE, ON_SEED = 4e-4, 11
SHIPPED: dict[Kind, Path] = {"finder": FINDER_MODEL, "closeup": CLOSE_UP_MODEL}
LIKE = 288  # scenes whose pictures a shipped network's statistics are taken of
FIT_SEED, FIT_SCENES = 2_000_003, 1_200
RIGHT_ACCEPTED = 0.97  # share of the right digits of validation scenes


def main() -> None:
    args = arguments(__doc__)
    train_both(args.out, args.fonts, args.on)
    finish(args.out, SHIPPED_MODEL)


def arguments(description: str | None) -> argparse.Namespace:
    """Of the command line: out, fonts and on, as train_shipped.py takes them too."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("out", type=Path)
    parser.add_argument("fonts", type=Path)
    parser.add_argument("--on", action="store_true", help="continue from the package's networks")
    return parser.parse_args()


def train_both(out: Path, fonts: Path, on: bool = False) -> None:
    """Train the two networks in `out`, from where an earlier call was stopped."""
    out.mkdir(parents=True, exist_ok=True)
    make_hands(out, fonts)
    spawn = get_context("spawn")
    runs = [spawn.Process(target=run, args=(kind, out, on)) for kind in SCENES]
    for process in runs:
        process.start()
    for process in runs:
        process.join()
        if process.exitcode:
            raise SystemExit(f"a training ended with {process.exitcode}; start it again to go on")


def make_hands(out: Path, folder: Path) -> None:
    """Write hands.npz and others.npz, which validation is made of."""
    fonts = font_files(folder)
    digits = load("mnist").train
    images, labels = [digits.images[:VALIDATION_FROM]], [digits.labels[:VALIDATION_FROM]]
    for name in ADDED:
        with np.load(Path(os.environ["INKDIGITS_FIELD"]) / name / "images.npz") as file:
            drawn, known = file["x"][::2], file["y"][::2].astype(np.uint8)
        drawn = 255 - drawn if name == "hwd1000" else drawn
        images += [np.stack([reframed(one) for one in drawn])] * REPEATS
        labels += [known] * REPEATS
    sets = (
        ("hands.npz", np.concatenate(images), np.concatenate(labels), N_HANDS, HANDS_SEED,
         [f for i, f in enumerate(fonts) if i % FONT_KEPT != FONT_KEPT - 1]),
        ("others.npz", digits.images[VALIDATION_FROM:], digits.labels[VALIDATION_FROM:], N_OTHERS,
         OTHERS_SEED, [f for i, f in enumerate(fonts) if i % FONT_KEPT == FONT_KEPT - 1]),
    )  # fmt: skip
    for name, pictures, known, n, seed, its_fonts in sets:
        if (out / name).exists():
            continue
        jobs = [
            (pictures, known, its_fonts, range(start, start + HANDS_CHUNK), seed)
            for start in range(0, n, HANDS_CHUNK)
        ]
        with get_context("forkserver").Pool(2) as pool:
            joined(pool.starmap(collected, jobs)).save(out / name)


def run(kind: Kind, out: Path, on: bool) -> None:
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    hands, others = Hands.load(out / "hands.npz"), Hands.load(out / "others.npz")
    recipe, start = FindingRecipe(kind=kind, scenes=SCENES[kind]), None
    if on:
        recipe = FindingRecipe(kind=kind, scenes=ON[kind], learning_rate=ON_RATE, seed=ON_SEED)
        shown = examples(recipe, hands, range(recipe.scenes, recipe.scenes + LIKE))[0]
        start = network_from(kind, SHIPPED[kind], shown)
    train(recipe, hands, others, out / kind, start=start)


def finish(out: Path, classifier: Path) -> None:
    """Export what was trained, fit how answers are combined, and from when they are accepted."""
    about = {}
    for kind, save in (("closeup", save_close_up), ("finder", save_finder)):
        network, scenes = mean_network(kind, out / kind)
        about[kind] = network, {"inkdigits.scenes": str(scenes)}
        save(network, out / f"{kind}.onnx", about[kind][1])
    cv2.setNumThreads(1)
    finder = Finder(out / "finder.onnx", out / "closeup.onnx")
    classify = Reader(classifier, threads=1).probabilities
    others = Hands.load(out / "others.npz")
    found, classified, truth = candidates_of(finder, classify, others, FIT_SEED, range(FIT_SCENES))
    combination = fitted(found, classified, truth)
    accept = threshold_from(combination, found, classified, truth)
    network, known = about["finder"]
    save_finder(
        network, out / "finder.onnx", {**known, **combination.metadata(), ACCEPT: f"{accept:.4f}"}
    )
    print(f"the networks: {out / 'finder.onnx'} and {out / 'closeup.onnx'}")


def threshold_from(combination: Combination, found, classified, truth) -> float:
    """The acceptance threshold. Prints what each network alone and all together read right."""
    rows = combination.combined(found, classified)
    digit = truth < N_CLASSES
    print(f"{len(truth):,} candidates, {digit.sum():,} of them digits; {combination}")
    for name, answers in (
        ("finder", found.far), ("close-up", found.close), ("classifier", classified),
        ("all", rows),
    ):  # fmt: skip
        print(f"{name}: {(answers.argmax(1) == truth)[digit].mean():.2%} of the digits right")
    sorts = rows[:, :OTHER].argmax(1)
    sure = rows[np.arange(len(rows)), sorts]
    right = digit & (sorts == truth)
    accept = float(np.quantile(sure[right], 1 - RIGHT_ACCEPTED))
    wrong = (sorts != truth) & (sorts < N_CLASSES)
    kept = sure >= accept
    print(
        f"from {accept:.3f}: {(kept & right).sum() / right.sum():.2%} of the right accepted, "
        f"{(kept & wrong).sum() / max(1, wrong.sum()):.2%} of the wrong"
    )
    return accept


if __name__ == "__main__":
    main()
