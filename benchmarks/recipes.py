"""RESULTS.md's table of recipes: test accuracy and time over seeds, one process a seed.

    python benchmarks/recipes.py                        # every recipe below, hours
    python benchmarks/recipes.py flash fast --seeds 3
    python benchmarks/recipes.py best ensemble distilled --at-once 2
    python benchmarks/recipes.py --write                # put what is there into RESULTS.md

Recipes train on all 60,000 images (no validation set), but for `original`, whose own rules need
one. The test set is scored once a seed, at the end of its run. Finished seeds are not run again.
Training seconds are the epochs alone; process seconds are the whole command: imports, reading,
evaluation, plots and exports included. An ensemble's times are the sums of its members'. With
--at-once 2 two runs share the cores, a thread each: more is done in all, each takes longer.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from pathlib import Path
from typing import NamedTuple

import tables

from inkdigits import environment
from inkdigits.evaluation import plots
from inkdigits.runs import study
from inkdigits.runs.folder import RESULT, SETTINGS
from inkdigits.runs.result import Result, RunResult, read_result

ROOT = Path(__file__).parent.parent
PROCESS = "process_seconds.json"
ALL = ("--validation-share", "0")
PLAN = {  # recipe: seeds, flags
    "flash": (10, ALL),
    "fast": (10, ALL),
    "best": (5, ALL),
    "ensemble": (3, ()),
    "distilled": (3, ALL),
    "original": (5, ()),
}
# An ensemble's members, fixed before any was trained: recipe, flags, how many. Repeats share none.
MEMBERS = {
    "best": ("best", (), 2),
    "deep": ("best", ("--network", "deep", "--epochs", "12"), 1),
}


HEAD = (
    "| recipe | parameters | n | test accuracy, % (mean ± sd) | least to most "
    "| training, s: median (range) | whole process, s | threads | peak memory, MB | commit |",
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
)


class Job(NamedTuple):
    """One training run."""

    folder: Path
    recipe: str
    seed: int
    flags: tuple[str, ...]


def members(place: Path, number: int) -> list[Job]:
    """The runs that the ensemble of that number averages; those of `best` are its own row's."""
    jobs = []
    for name, (recipe, flags, n) in MEMBERS.items():
        where = place / "members" / name if flags else place / recipe
        jobs += [
            Job(where / f"seed{seed}", recipe, seed, (*ALL, *flags))
            for seed in range(number * n, number * n + n)
        ]
    return jobs


def plan(recipe: str, place: Path, n: int) -> list[Job]:
    """The training runs that a recipe's row needs."""
    if recipe == "ensemble":
        return [job for number in range(n) for job in members(place, number)]
    folder = place / recipe
    teachers = [
        ("--teacher", str(place / "ensemble" / f"seed{seed}")) if recipe == "distilled" else ()
        for seed in range(n)
    ]
    return [
        Job(folder / f"seed{seed}", recipe, seed, (*PLAN[recipe][1], *teachers[seed]))
        for seed in range(n)
    ]


def run_job(job: Job, threads: int) -> None:
    if (job.folder / SETTINGS).exists():  # finished, or stopped half way
        if not (job.folder / RESULT).exists():
            _timed(job.folder, "train", "--resume", str(job.folder))
    else:
        _timed(
            job.folder,
            "train", "--recipe", job.recipe, "--data", "mnist", "--seed", str(job.seed),
            "--threads", str(threads), "--out", str(job.folder), *job.flags,
        )  # fmt: skip
    result = read_result(job.folder, Result)
    print(
        f"{job.folder}: {result.scores.accuracy:.2%}, {result.training_seconds:.1f} s, "
        f"{result.threads} threads",
        file=sys.stderr, flush=True,
    )  # fmt: skip


def average(place: Path, number: int) -> None:
    """Make the ensemble of that number; its process seconds are those of all its members too."""
    folder, runs = place / "ensemble" / f"seed{number}", members(place, number)
    if (folder / RESULT).exists():
        return
    _timed(folder, "ensemble", "--out", str(folder), *(str(job.folder) for job in runs))
    seconds = [json.loads((where / PROCESS).read_text())
               for where in (folder, *(job.folder for job in runs))]  # fmt: skip
    (folder / PROCESS).write_text(json.dumps(sum(seconds)))


def _timed(folder: Path, *command: str) -> None:
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "inkdigits", *command],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    (folder / PROCESS).write_text(json.dumps(time.perf_counter() - start))


def describe(recipe: str, place: Path) -> str:
    """The recipe's row of the table."""
    folders = sorted(file.parent for file in place.glob(f"*/{RESULT}"))
    results = [read_result(folder, Result) for folder in folders]
    accuracies = [100 * r.scores.accuracy for r in results]
    training = [r.training_seconds for r in results]
    process = [json.loads((folder / PROCESS).read_text()) for folder in folders]
    sd = f" ± {statistics.stdev(accuracies):.3f}" if len(results) > 1 else ""
    commits = sorted({r.machine["commit"] for r in results})
    return (
        f"| `{recipe}` | {results[0].parameters:,} | {len(results)} "
        f"| {statistics.mean(accuracies):.3f}{sd} "
        f"| {min(accuracies):.2f} to {max(accuracies):.2f} "
        f"| {statistics.median(training):,.1f} ({min(training):,.1f} to {max(training):,.1f}) "
        f"| {statistics.median(process):,.1f} "
        f"| {', '.join(sorted({str(r.threads) for r in results}))} "
        f"| {max(r.peak_memory_mb for r in results):,} | {', '.join(commits)} |"
    )


def table(found: dict[str, str]) -> str:
    """The rows in the plan's order under their heads."""
    return "\n".join([*HEAD, *(found[recipe] for recipe in PLAN if recipe in found)])


def write(found: dict[str, str]) -> None:
    """Put rows between RESULTS.md's markers and draw the plot from all that stand there then.

    A row that was not run here stays: it names its own commit.
    """
    text = tables.RESULTS.read_text()
    block = text[text.index("<!-- recipes -->") : text.index("<!-- /recipes -->")]
    old = {line.split("`")[1]: line for line in block.splitlines() if line.startswith("| `")}
    rows = {**old, **found}
    tables.write("recipes", table(rows))
    points = []
    for recipe, line in rows.items():
        cells = [cell.strip().replace(",", "") for cell in line.strip("| ").split(" | ")]
        accuracy, _, sd = cells[3].partition(" ± ")
        seconds = float(cells[5].split(" (")[0])
        points.append((recipe, seconds, float(accuracy), float(sd or 0), int(cells[2])))
    plots.save(plots.pareto(points), ROOT / "docs" / study.PARETO)


SAID = (0.9990, 0.9956, 0.9961, 0.9990, 0.9980, 0.9933, 0.9916, 0.9942, 0.9949, 0.9911)


def against_the_original(place: Path) -> None:
    """The table of what the original project says of itself, beside its recipe here."""
    results = [read_result(file.parent, RunResult) for file in sorted(place.glob(f"*/{RESULT}"))]

    found = tables.Table("original", "", "the original project says", f"here, n = {len(results)}")
    found.row("test accuracy, %", 99.53, tables.mean([100 * r.scores.accuracy for r in results], 2))
    found.row("test loss", 0.0144, tables.mean([r.scores.loss for r in results], 4))
    found.row("parameters", '"about 1.5 million"', f"{results[0].parameters:,}")
    found.row("epochs", "-", tables.mean([r.epochs_run for r in results], 1))
    for digit, said in enumerate(SAID):
        shares = [100 * (r.scores.per_class[digit] or 0) for r in results]
        found.row(f"{digit}s read right, %", f"{100 * said:.2f}", tables.mean(shares, 2))
    found.write()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipes", nargs="*", help=f"of {', '.join(PLAN)}; all where none is named")
    parser.add_argument("--seeds", type=int, help="instead of each recipe's own number")
    parser.add_argument("--out", type=Path, default=Path("runs/benchmark"))
    parser.add_argument("--at-once", type=int, default=1, help="runs that share the cores")
    parser.add_argument("--write", action="store_true", help="run nothing, write the documents")
    args = parser.parse_args()
    threads = max(1, environment.cores() // args.at_once)
    for recipe in () if args.write else args.recipes or PLAN:
        n = args.seeds or PLAN[recipe][0]
        with ThreadPoolExecutor(args.at_once) as pool:
            list(pool.map(run_job, plan(recipe, args.out, n), repeat(threads)))
        for number in range(n if recipe == "ensemble" else 0):
            average(args.out, number)
    found = {
        recipe: describe(recipe, args.out / recipe)
        for recipe in PLAN
        if any((args.out / recipe).glob(f"*/{RESULT}"))
    }
    print(table(found))
    if args.write:
        write(found)
        if "original" in found:
            against_the_original(args.out / "original")


if __name__ == "__main__":
    main()
