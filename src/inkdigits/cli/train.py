"""`inkdigits train`, and `inkdigits recipes`, which lists what it can do."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from inkdigits.cli.console import advance, say, stoppable
from inkdigits.training.recipes import ADD_OWN, DEFAULT, FINE_TUNE, RECIPES, Recipe
from inkdigits.training.recipes import recipe as recipe_named

if TYPE_CHECKING:
    from inkdigits.run_folder import RunSettings
    from inkdigits.training.loop import Reporter
    from inkdigits.training.workers import Workers


def _recipe_options(command: Callable[..., None]) -> Callable[..., None]:
    """One option for each field of a recipe, so that a flag overrides any of them."""
    for field in reversed(fields(Recipe)):
        if field.name != "name":
            flag = f"--{field.name.replace('_', '-')}"
            is_switch = field.type == "bool"
            command = click.option(
                f"{flag}/--no-{flag[2:]}" if is_switch else flag,
                field.name,
                type={"int": int, "float": float, "bool": bool}.get(str(field.type), str),
                default=None,
                help=f"Instead of the recipe's {field.name.replace('_', ' ')}.",
            )(command)
    return command


@click.command()
@click.option("--recipe", "recipe_name", help=f"{'|'.join(RECIPES)}.  [default: {DEFAULT}]")
@click.option(
    "--data",
    default="auto",
    show_default=True,
    help="mnist, emnist, qmnist, usps, sample, auto, a folder of pictures, IDX files or tables, a "
    ".csv, .npz or .parquet.",
)
@click.option(
    "--add",
    metavar="FOLDER",
    help="Folder of pictures to learn as well, one or more of any digits: repeated to a tenth of "
    "what is trained on, none held out. With --from, kept if more of them are right and --data's "
    "validation set is read no worse, or not by more than chance explains.",
)
@click.option("--seed", default=0, show_default=True, help="One seed, one result, bit for bit.")
@click.option("--seeds", help="A study: 0-9 runs ten seeds, finished ones are not run again.")
@click.option("--threads", type=int, help="Threads to train with.  [default: all cores]")
@click.option("--from", "start", help="Go on from this model: a run folder or an .onnx file.")
@click.option("--teacher", help="Learn this model's answers: a run folder or an .onnx file.")
@click.option("--out", type=click.Path(path_type=Path), help="Run folder.  [default: runs/...]")
@click.option("--resume", type=click.Path(path_type=Path), help="Go on with this run folder.")
@_recipe_options
def train(
    recipe_name: str | None,
    data: str,
    add: str | None,
    seed: int,
    seeds: str | None,
    threads: int | None,
    start: str | None,
    teacher: str | None,
    out: Path | None,
    resume: Path | None,
    **overrides: Any,
) -> None:
    """Train a network, evaluate it once on the test set, write everything into a run folder.

    \b
    Example:
      inkdigits train
      inkdigits train --recipe original --epochs 3 --out runs/try
      inkdigits train --resume runs/try
      inkdigits train --seeds 0-4 --out runs/study
      inkdigits train --data my-digits/ --from runs/try
      inkdigits train --data mnist --add mine/ --from runs/try
      inkdigits train --recipe distilled --teacher runs/ensemble
      torchrun --nproc-per-node=2 -m inkdigits train
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    if resume and (given or seeds or start or teacher or recipe_name or add):
        raise click.UsageError("--resume goes on with the run's own settings; leave the others out")
    # Settings are checked before anything heavy is imported, let alone read.
    usual = (ADD_OWN if add else FINE_TUNE) if start else DEFAULT
    row = recipe_named(recipe_name or usual).with_overrides(given)

    from inkdigits import machine, run_folder, study
    from inkdigits.model_file import model_path
    from inkdigits.training.workers import joined

    many = study.parse_seeds(seeds) if seeds else None
    if start:
        from inkdigits.exports.onnx import load_onnx

        row = row.with_overrides({"network": load_onnx(model_path(start))[0]})
    settings = run_folder.RunSettings(
        recipe=row,
        data=data,
        seed=seed,
        threads=machine.cores() if threads is None else threads,
        start=start,
        teacher=teacher or (start if row.name == ADD_OWN else None),
        add=add,
    )
    with joined() as workers:
        if many is not None:
            if workers.count > 1:
                raise click.UsageError("--seeds runs one seed after another; leave torchrun out")
            _run_study(out or Path("runs") / "study", settings, many)
            return
        stamp = time.strftime("%Y-%m-%dT%H-%M-%S")
        folder = workers.from_first(
            resume or out or Path("runs") / f"{stamp}-{row.name}-seed{seed}"
        )
        if not resume and workers.is_first:
            run_folder.start_run(folder, settings)
        workers.from_first(None)  # the folder is there
        _run_to_end(folder, workers)


def _run_study(folder: Path, settings: RunSettings, seeds: list[int]) -> None:
    from inkdigits import study

    hint = "stopped; the same command goes on: finished seeds are not run again"
    with stoppable(hint), _reporter(settings.recipe) as reporter:
        for _ in study.run_seeds(folder, settings, seeds, reporter, say, advance):
            pass
    click.echo(f"{'recipe':<14}{'n':>3}  {'test accuracy, %':<18}{'seconds':>9}  parameters")
    for row in study.summarise(folder):
        accuracy = f"{row.accuracy:.3f} ± {row.accuracy_sd:.3f}"
        click.echo(
            f"{row.recipe:<14}{row.n:>3}  {accuracy:<18}{row.training_seconds:>9.1f}  "
            f"{row.parameters:,}"
        )
    click.echo(f"in {folder}: {study.SUMMARY}, {study.PARETO}, and a folder for each seed")


def _run_to_end(folder: Path, workers: Workers) -> None:
    from inkdigits import run, run_folder
    from inkdigits.training.progress import Quiet

    if not workers.is_first:
        with suppress(KeyboardInterrupt):  # the first worker says what there is to say
            run.finish_run(folder, Quiet(), lambda line: None, lambda *progress: None, workers)
        return
    say(f"run folder: {folder}")
    hint = f"stopped; go on with: inkdigits train --resume {folder}"
    with stoppable(hint), _reporter(run_folder.read_settings(folder).recipe) as reporter:
        result = run.finish_run(folder, reporter, say, advance, workers)
    scores = result["scores"]
    click.echo(
        f"{folder}: {scores['accuracy']:.2%} of {scores['n']:,} test images right, "
        f"loss {scores['loss']:.4f}, trained in {result['training_seconds']:.1f} s"
    )
    click.echo(f"in {folder}:")
    for name, what in run_folder.FILES.items():
        if (folder / name).is_file():
            click.echo(f"  {name:<28}  {what}")


def _reporter(recipe: Recipe) -> AbstractContextManager[Reporter]:
    """A live bar on a terminal, plain lines elsewhere."""
    from inkdigits.training.progress import Bar, Lines

    return Bar(recipe) if sys.stderr.isatty() else nullcontext(Lines(recipe))


@click.command()
@click.argument(
    "runs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RUN_FOLDER..."
)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder to write.")
def ensemble(runs: tuple[Path, ...], out: Path) -> None:
    """Average finished runs into one model and score it once on the test set.

    \b
    Example:
      inkdigits train --recipe best --seeds 0-4 --out runs/study
      inkdigits ensemble runs/study/best/seed* --out runs/ensemble
    """
    from inkdigits.ensemble import FILES, average

    result = average(runs, out, say, advance)
    scores = result["scores"]
    click.echo(
        f"{out}: {scores['accuracy']:.2%} of {scores['n']:,} test images right, "
        f"loss {scores['loss']:.4f}, {len(runs)} members"
    )
    for name, what in FILES.items():
        click.echo(f"  {name:<28}  {what}")


@click.command()
def recipes() -> None:
    """List the recipes.

    \b
    Example:
      inkdigits recipes
    """
    for row in RECIPES.values():
        click.echo(
            f"{row.name:<12} network {row.network}, {row.epochs} epochs, batch {row.batch_size}, "
            f"{row.schedule} rate {row.learning_rate:g}, {row.precision}"
        )
