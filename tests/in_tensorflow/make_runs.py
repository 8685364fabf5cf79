"""Makes what the tests in this folder read: `python make_runs.py FOLDER`, with PyTorch.

One short run of each kind of network on the sample digits, and what PyTorch answers on its test
set.
"""

import json
import shutil
import sys
from pathlib import Path

import numpy as np

from inkdigits.data import load
from inkdigits.runs import folder as run_folder
from inkdigits.runs import run
from inkdigits.training.callbacks import Callback
from inkdigits.training.judge import as_tensors, probabilities
from inkdigits.training.recipes import RECIPES
from inkdigits.training.state import load_state, load_weights

# Small batches: the original's statistics, of momentum 0.99, need some 600 steps to settle.
# Teachers and non-digits change what is learnt, not what is saved. The checkpoint that answers are
# taken from is written before weights are settled and calibrated.
SETTINGS = {
    "epochs": 3,
    "batch_size": 16,
    "calibrate": False,
    "settle": 0,
    "keep": "last",
    "teacher_share": 0.0,
    "nondigit_share": 0.0,
}


def main(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    sets = load("sample")
    images, _ = as_tensors(sets.test)
    networks = {row.network: row for row in RECIPES.values()}
    for network, row in networks.items():
        place = folder / network
        recipe = row.with_overrides(SETTINGS)
        run_folder.start_run(
            place, run_folder.RunSettings(recipe=recipe, data="sample", seed=0, threads=2)
        )
        result = run.finish_run(place, Callback(), lambda line: None, lambda *progress: None)
        state = load_state(place / run_folder.CHECKPOINT)
        answers = probabilities(state.evaluated, images)
        load_weights(state.evaluated, state.best_accuracy)
        np.savez(
            place / "wanted.npz",
            images=sets.test.images,
            labels=sets.test.labels,
            probabilities=answers,
            best_probabilities=probabilities(state.evaluated, images),
        )
        accuracy = result.scores.accuracy
        (place / "wanted.json").write_text(json.dumps({"accuracy": accuracy}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
