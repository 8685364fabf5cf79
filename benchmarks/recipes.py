"""RESULTS.md's table of recipes: test accuracy and time over seeds, one process a seed.

    python benchmarks/recipes.py                        # every recipe below, hours
    python benchmarks/recipes.py flash fast --seeds 3
    python benchmarks/recipes.py --write                # put what is there into RESULTS.md

Recipes train on all 60,000 images (no validation set), but for `original`, whose own rules need
one. The test set is scored once a seed, at the end of its run. Finished seeds are not run again.
Training seconds are the epochs alone; process seconds are the whole command: imports, reading,
evaluation, plots and exports included.
"""

import argparse
import json
import re
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

from inkdigits import study
from inkdigits.run import RESULT, read_result

ROOT = Path(__file__).parent.parent
PROCESS = "process_seconds.json"
ALL = ("--validation-share", "0")
PLAN = {  # recipe: seeds, flags
    "flash": (10, ALL),
    "fast": (10, ALL),
    "best": (5, ALL),
    "original": (1, ()),
}


def run_seed(recipe: str, seed: int, folder: Path) -> None:
    if (folder / RESULT).exists():
        return
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "inkdigits", "train", "--recipe", recipe, "--data", "mnist",
         "--seed", str(seed), "--out", str(folder), *PLAN[recipe][1]],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    (folder / PROCESS).write_text(json.dumps(time.perf_counter() - start))


def describe(recipe: str, place: Path) -> str:
    """The recipe's row of the table."""
    folders = sorted(file.parent for file in place.glob(f"*/{RESULT}"))
    results = [read_result(folder) for folder in folders]
    accuracies = [100 * r["scores"]["accuracy"] for r in results]
    training = [r["training_seconds"] for r in results]
    process = [json.loads((folder / PROCESS).read_text()) for folder in folders]
    sd = f" ± {statistics.stdev(accuracies):.3f}" if len(results) > 1 else ""
    commits = sorted({r["machine"]["commit"] for r in results})
    return (
        f"| `{recipe}` | {results[0]['parameters']:,} | {len(results)} "
        f"| {statistics.mean(accuracies):.3f}{sd} "
        f"| {min(accuracies):.2f} to {max(accuracies):.2f} "
        f"| {statistics.median(training):,.1f} ({min(training):,.1f} to {max(training):,.1f}) "
        f"| {statistics.median(process):,.1f} "
        f"| {max(r['peak_memory_mb'] for r in results):,} | {', '.join(commits)} |"
    )


def write(lines: list[str], folder: Path) -> None:
    """Put the table between RESULTS.md's markers and the plot beside the documents."""
    path = ROOT / "RESULTS.md"
    block = "<!-- recipes -->\n" + "\n".join(lines) + "\n<!-- /recipes -->"
    text, n = re.subn(
        r"<!-- recipes -->.*<!-- /recipes -->", block, path.read_text(), flags=re.DOTALL
    )
    if n != 1:
        sys.exit("RESULTS.md has no place for the table: wanted <!-- recipes --> markers once")
    path.write_text(text)
    shutil.copyfile(folder / study.PARETO, ROOT / "docs" / study.PARETO)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipes", nargs="*", help=f"of {', '.join(PLAN)}; all where none is named")
    parser.add_argument("--seeds", type=int, help="instead of each recipe's own number")
    parser.add_argument("--out", type=Path, default=Path("runs/benchmark"))
    parser.add_argument("--write", action="store_true", help="run nothing, write the documents")
    args = parser.parse_args()
    for recipe in () if args.write else args.recipes or PLAN:
        for seed in range(args.seeds or PLAN[recipe][0]):
            folder = args.out / recipe / f"seed{seed}"
            run_seed(recipe, seed, folder)
            result = read_result(folder)
            print(
                f"{recipe}, seed {seed}: {result['scores']['accuracy']:.2%}, "
                f"{result['training_seconds']:.1f} s",
                file=sys.stderr, flush=True,
            )  # fmt: skip
    lines = [
        "| recipe | parameters | n | test accuracy, % (mean ± sd) | least to most "
        "| training, s: median (range) | whole process, s | peak memory, MB | commit |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    lines += [describe(r, args.out / r) for r in PLAN if any((args.out / r).glob(f"*/{RESULT}"))]
    study.summarise(args.out)
    print("\n".join(lines))
    if args.write:
        write(lines, args.out)


if __name__ == "__main__":
    main()
