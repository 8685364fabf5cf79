"""A study: one recipe over many seeds, and what all recipes studied so far amount to.

In: a folder with RECIPE/seedN run folders, finished or not. Out: the missing runs, then
summary.json and pareto.png: accuracy against seconds of every recipe in the folder.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from inkdigits.errors import ConfigError
from inkdigits.evaluation import plots
from inkdigits.files import write_text
from inkdigits.runs import folder as run_folder
from inkdigits.runs import run
from inkdigits.runs.learning import Say, with_network
from inkdigits.runs.result import Result, RunResult, read_result
from inkdigits.runs.settings import RunSettings
from inkdigits.training.callbacks import Callback

_MOST_SEEDS = 10_000
SUMMARY, PARETO = "summary.json", "pareto.png"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One recipe over its finished seeds. Accuracy in %, times in seconds."""

    recipe: str
    n: int
    accuracy: float  # mean
    accuracy_sd: float  # of single runs, n - 1 in the denominator; 0 for one run
    training_seconds: float  # median
    parameters: int


def parse_seeds(text: str) -> list[int]:
    """Seeds from "0-9", "3" or "0,2,5-7". Raises ConfigError."""
    seeds: list[int] = []
    try:
        for part in text.split(","):
            first, dash, last = part.partition("-")
            some = range(int(first), int(last if dash else first) + 1)
            seeds.extend(some[: _MOST_SEEDS + 1])
    except ValueError as error:
        raise ConfigError(
            f"seeds is {text!r}, expected numbers and ranges like 0-9 or 0,3"
        ) from error
    if not seeds or len(set(seeds)) != len(seeds):
        raise ConfigError(f"seeds is {text!r}: it names no seed, or one twice")
    if len(seeds) > _MOST_SEEDS:
        raise ConfigError(f"seeds is {text!r}, expected at most {_MOST_SEEDS:,} seeds")
    return seeds


def run_seeds(
    folder: Path,
    settings: RunSettings,
    seeds: list[int],
    callback: Callback,
    say: Say,
    advance: run.Advance,
) -> Iterator[RunResult]:
    """Run each seed in folder/RECIPE/seedN and yield its result; finished ones are only read.

    A network that is FILE.py:NAME is made again for each. Raises ConfigError if a folder that is
    there was made with other settings.
    """
    for seed in seeds:
        wanted, network = with_network(replace(settings, seed=seed))
        run_path = folder / settings.recipe.name / f"seed{seed}"
        begins = not (run_path / run_folder.SETTINGS).is_file()
        if not begins and run_folder.read_settings(run_path).absolute() != wanted.absolute():
            raise ConfigError(
                f"{run_path} was made with other settings; name another --out for this study"
            )
        say(f"seed {seed}: {run_path}")
        with run_folder.started(run_path, wanted) if begins else nullcontext():
            result = run.finish_run(run_path, callback, say, advance, network=network)
        if result is not None:
            yield result


def summarise(folder: Path) -> list[Row]:
    """A row for every recipe in `folder`; writes summary.json and pareto.png there."""
    rows = []
    for recipe_folder in sorted(p for p in folder.iterdir() if p.is_dir()):
        results = [
            read_result(file.parent, Result)
            for file in sorted(recipe_folder.glob(f"*/{run_folder.RESULT}"))
        ]
        if not results:
            continue
        accuracies = [100 * r.scores.accuracy for r in results]
        rows.append(
            Row(
                recipe=recipe_folder.name,
                n=len(results),
                accuracy=statistics.mean(accuracies),
                accuracy_sd=statistics.stdev(accuracies) if len(results) > 1 else 0.0,
                training_seconds=statistics.median(r.training_seconds for r in results),
                parameters=results[0].parameters,
            )
        )
    write_text(folder / SUMMARY, json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    if rows:
        points = [(r.recipe, r.training_seconds, r.accuracy, r.accuracy_sd, r.n) for r in rows]
        plots.save(plots.pareto(points), folder / PARETO)
    return rows
