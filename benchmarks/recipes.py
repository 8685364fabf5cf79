"""Test accuracy and time of a recipe over seeds, one process a seed.

    python benchmarks/recipes.py fast --seeds 5 [--out FOLDER] [-- more flags of inkdigits train]

The test set is scored once a seed, at the end of its run. Finished seeds are not run again.
Training seconds are the epochs alone; process seconds are the whole command, imports, reading,
evaluation, plots and exports included.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path


def run_seed(recipe: str, seed: int, folder: Path, flags: list[str]) -> dict:
    """The result of one seed, with the seconds of the whole process."""
    timing = folder / "process_seconds.json"
    if not (folder / "result.json").exists():
        start = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "inkdigits", "train", "--recipe", recipe, "--data", "mnist",
             "--seed", str(seed), "--out", str(folder), *flags],
            check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        timing.write_text(json.dumps(time.perf_counter() - start))
    result = json.loads((folder / "result.json").read_text())
    return {**result, "process_seconds": json.loads(timing.read_text())}


def spread(values: list[float], digits: int) -> str:
    sd = statistics.stdev(values) if len(values) > 1 else 0.0
    return f"{statistics.mean(values):.{digits}f} ± {sd:.{digits}f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipe")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("runs/benchmark"))
    args, flags = parser.parse_known_args()
    flags = [flag for flag in flags if flag != "--"]
    results = []
    for seed in range(args.seeds):
        folder = args.out / f"{args.recipe}-seed{seed}"
        results.append(run_seed(args.recipe, seed, folder, flags))
        last = results[-1]
        print(
            f"seed {seed}: {100 * last['scores']['accuracy']:.2f} %, "
            f"loss {last['scores']['loss']:.4f}, {last['training_seconds']:.1f} s training, "
            f"{last['process_seconds']:.1f} s process",
            flush=True,
        )
    about = results[0]["machine"]
    accuracies = [100 * r["scores"]["accuracy"] for r in results]
    training = [r["training_seconds"] for r in results]
    process = [r["process_seconds"] for r in results]
    print(
        f"\n{args.recipe} {' '.join(flags)}: {results[0]['parameters']:,} parameters, "
        f"{results[0]['recipe']['epochs']} epochs at most, n = {len(results)}\n"
        f"  test accuracy {spread(accuracies, 3)} %\n"
        f"  training seconds, median {statistics.median(training):.1f} "
        f"(mean ± sd {spread(training, 1)})\n"
        f"  process seconds, median {statistics.median(process):.1f}\n"
        f"  {about['cpu']}, {about['cores']} cores, commit {about['commit']}"
    )


if __name__ == "__main__":
    main()
