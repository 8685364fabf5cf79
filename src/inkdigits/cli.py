"""The commands: parse, call one library function, print.

Results go to standard output, everything else to standard error. Exit codes: 0 good, 1 something
failed, 2 wrong usage. The only place that exits; heavy libraries are imported inside commands.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import fields
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

import click

from inkdigits.errors import ConfigError, InkdigitsError, PictureError
from inkdigits.training.recipes import DEFAULT, FINE_TUNE, RECIPES, Recipe
from inkdigits.training.recipes import recipe as recipe_named
from inkdigits.version import __version__

if TYPE_CHECKING:
    from inkdigits.run import RunSettings
    from inkdigits.training.loop import Reporter
    from inkdigits.training.workers import Workers

_TRAIN_EXTRA = "pip install 'inkdigits[train]'"


def main() -> NoReturn:
    """Run the command line; errors become one line and exit code 1 (2 for wrong settings)."""
    try:
        # Click gives the code of an Exit back instead of raising it.
        code = cli.main(standalone_mode=False)
    except click.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("inkdigits"):
            raise
        _say(f"error: this needs {error.name}, which is not installed: {_TRAIN_EXTRA}")
        sys.exit(1)
    except ConfigError as error:
        _say(f"error: {error}")
        sys.exit(2)
    except InkdigitsError as error:
        _say(f"error: {error}")
        sys.exit(1)
    except BrokenPipeError:
        # The reader of our output has gone (| head); that is no error of ours.
        sys.stderr.close()
        sys.exit(1)
    sys.exit(code if isinstance(code, int) else 0)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="inkdigits")
def cli() -> None:
    """Read handwritten digits; train and check the networks that do.

    \b
    Example:
      inkdigits predict photo.jpg
      inkdigits train --recipe fast
    """


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


@cli.command()
@click.option("--recipe", "recipe_name", help=f"{'|'.join(RECIPES)}.  [default: {DEFAULT}]")
@click.option(
    "--data",
    default="auto",
    show_default=True,
    help="mnist, sample, auto, a folder of IDX files or PNGs, a .csv or a .npz.",
)
@click.option("--seed", default=0, show_default=True, help="One seed, one result, bit for bit.")
@click.option("--seeds", help="A study: 0-9 runs ten seeds, finished ones are not run again.")
@click.option("--threads", type=int, help="Threads to train with.  [default: all cores]")
@click.option("--from", "start", help="Go on from this model: a run folder or an .onnx file.")
@click.option("--out", type=click.Path(path_type=Path), help="Run folder.  [default: runs/...]")
@click.option("--resume", type=click.Path(path_type=Path), help="Go on with this run folder.")
@_recipe_options
def train(
    recipe_name: str | None,
    data: str,
    seed: int,
    seeds: str | None,
    threads: int | None,
    start: str | None,
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
      torchrun --nproc-per-node=2 -m inkdigits train
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    if resume and (given or seeds or start or recipe_name):
        raise click.UsageError("--resume goes on with the run's own settings; leave the others out")
    # Settings are checked before anything heavy is imported, let alone read.
    row = recipe_named(recipe_name or (FINE_TUNE if start else DEFAULT)).with_overrides(given)

    from inkdigits import machine, run, study
    from inkdigits.reader import model_path
    from inkdigits.training.workers import joined

    many = study.parse_seeds(seeds) if seeds else None
    if start:
        from inkdigits.exports.onnx import load_onnx

        row = row.with_overrides({"network": load_onnx(model_path(start))[0]})
    settings = run.RunSettings(
        recipe=row,
        data=data,
        seed=seed,
        threads=machine.cores() if threads is None else threads,
        start=start,
    )
    signal.signal(signal.SIGTERM, _stop)
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
            run.start_run(folder, settings)
        workers.from_first(None)  # the folder is there
        _run_to_end(folder, workers)


def _run_study(folder: Path, settings: RunSettings, seeds: list[int]) -> None:
    from inkdigits import study

    hint = "stopped; the same command goes on: finished seeds are not run again"
    with _stoppable(hint), _reporter(settings.recipe) as reporter:
        for _ in study.run_seeds(folder, settings, seeds, reporter, _say, _advance):
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
    from inkdigits import run
    from inkdigits.training.progress import Quiet

    if not workers.is_first:
        with suppress(KeyboardInterrupt, _Stopped):  # the first worker says what there is to say
            run.finish_run(folder, Quiet(), lambda line: None, lambda *progress: None, workers)
        return
    _say(f"run folder: {folder}")
    hint = f"stopped; go on with: inkdigits train --resume {folder}"
    with _stoppable(hint), _reporter(run.read_settings(folder).recipe) as reporter:
        result = run.finish_run(folder, reporter, _say, _advance, workers)
    scores = result["scores"]
    click.echo(
        f"{folder}: {scores['accuracy']:.2%} of {scores['n']:,} test images right, "
        f"loss {scores['loss']:.4f}, trained in {result['training_seconds']:.1f} s"
    )
    click.echo(f"in {folder}:")
    for name, what in run.FILES.items():
        click.echo(f"  {name:<28}  {what}")


@contextmanager
def _stoppable(hint: str) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end the command with a hint at how to go on."""
    try:
        yield
    except (KeyboardInterrupt, _Stopped) as stop:
        _say(hint)
        sys.exit(143 if isinstance(stop, _Stopped) else 130)


def _reporter(recipe: Recipe) -> AbstractContextManager[Reporter]:
    """A live bar on a terminal, plain lines elsewhere."""
    from inkdigits.training.progress import Bar, Lines

    return Bar(recipe) if sys.stderr.isatty() else nullcontext(Lines(recipe))


class _Stopped(BaseException):
    """SIGTERM came; like KeyboardInterrupt, no library may swallow it."""


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    raise _Stopped


@cli.command()
@click.argument("pictures", nargs=-1, required=True, metavar="FILE_OR_FOLDER...")
@click.option("--model", help="A run folder or an .onnx file.  [default: the shipped model]")
@click.option("--json", "as_json", is_flag=True, help="One JSON line a picture.")
@click.option("--top", type=click.IntRange(1, 10), default=1, help="Show the K most probable.")
def predict(pictures: tuple[str, ...], model: str | None, as_json: bool, top: int) -> None:
    """Read the digit in each picture, in the order given; a folder is read by name.

    \b
    Example:
      inkdigits predict photo.jpg drawings/
      inkdigits predict --json --model runs/mine photo.jpg
    """
    from inkdigits.reader import Reader

    reader = Reader(model)
    failed = 0
    names: deque[str] = deque()

    def opened() -> Iterator[str]:
        for name in _picture_files(pictures):
            names.append(name)
            yield name

    # A short batch on a terminal shows lines as they come; a pipe wants throughput.
    results = reader.read_many(opened(), batch=16 if sys.stdout.isatty() else 512)
    for found in results:
        name = names.popleft()
        if isinstance(found, PictureError):
            _say(f"error: {found}" if name in str(found) else f"error: {name}: {found}")
            failed += 1
        elif as_json:
            click.echo(json.dumps({"file": name, **found.to_dict()}, ensure_ascii=False))
        else:
            likely = "   ".join(f"{digit} {share:7.2%}" for digit, share in found.top(top))
            click.echo(f"{likely}   {name}")
    if failed:
        raise click.exceptions.Exit(1)


def _picture_files(given: tuple[str, ...]) -> Iterator[str]:
    """Files in the order given; a folder stands for the pictures in it and below, by name."""
    from inkdigits.picture.open import SUFFIXES

    for name in given:
        path = Path(name)
        if not path.is_dir():
            yield name
            continue
        found = False
        for file in sorted(path.rglob("*")):
            if file.suffix.lower() in SUFFIXES and file.is_file():
                found = True
                yield str(file)
        if not found:
            yield name  # reading it says what is wrong with it


@cli.command()
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


@cli.group()
def data() -> None:
    """Labelled digits: look at them, export them.

    \b
    Example:
      inkdigits data export-png digits/
    """


@data.command("export-png")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--data", "source", default="mnist", show_default=True, help="As for train.")
def export_png(folder: Path, source: str) -> None:
    """Write every digit as FOLDER/{train,test}/{label}_{index}.png.

    \b
    Example:
      inkdigits data export-png digits/
    """
    from inkdigits.data import load
    from inkdigits.data.folders import write_png_folder

    sets = load(source, _advance)
    if sets.notice:
        _say(f"note: {sets.notice}")
    n = write_png_folder(sets, folder, lambda done, total: _advance("writing PNGs", done, total))
    click.echo(f"{n:,} pictures in {folder}")


@data.command("info")
@click.argument("source", default="auto")
def info(source: str) -> None:
    """What a source of digits holds: counts by digit, where from, SHA-256.

    \b
    Example:
      inkdigits data info mnist
    """
    from inkdigits.data import load

    sets = load(source, _advance)
    if sets.notice:
        _say(f"note: {sets.notice}")
    for digits in (sets.train, sets.test):
        counts = [int((digits.labels == c).sum()) for c in range(10)]
        click.echo(f"{digits.name}: {len(digits):,} images from {digits.source}")
        click.echo(f"  of 0-9: {' '.join(map(str, counts))}")
        click.echo(f"  SHA-256 {digits.sha256}")


def _say(line: str) -> None:
    click.echo(line, err=True)


class _Counter:
    """A counter line on a terminal; nothing elsewhere."""

    def __init__(self) -> None:
        self._shown = 0.0

    def __call__(self, what: str, done: int, total: int) -> None:
        if not sys.stderr.isatty():
            return
        now = time.monotonic()
        if done < total and now - self._shown < 0.1:
            return
        self._shown = now
        bar = "#" * (24 * done // max(total, 1))
        end = "\n" if done >= total else ""
        click.echo(f"\r{what} [{bar:<24}] {done:,}/{total:,}{end}", err=True, nl=False)


_advance = _Counter()
