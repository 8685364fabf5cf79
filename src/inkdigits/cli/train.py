"""`inkdigits train`, and `inkdigits recipes`, which lists what it can do."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from inkdigits.cli.console import advance, answer_signals, say, stoppable
from inkdigits.counts import counted
from inkdigits.errors import ConfigError
from inkdigits.runs.settings import (
    OF_THE_MACHINE,
    RunSettings,
    moved,
    read_config,
    settings_from,
)
from inkdigits.training.networks import NETWORKS, is_module
from inkdigits.training.recipes import ADD_OWN, CHOICES, DEFAULT, FIELDS, FINE_TUNE, RECIPES
from inkdigits.training.thread_spin import spin_briefly

if TYPE_CHECKING:
    from inkdigits.training.workers import Workers


_NETWORK_HELP = (
    f"{FIELDS['network'].meaning}: {', '.join(NETWORKS)}, layers as in "
    '"Conv(8, kernel=5), MaxPool(), Relu(), Flatten(), Dense(10)", or FILE.py:NAME. The file is '
    "run. NAME is a torch.nn.Module, or a class or function that gives one."
)


def _recipe_options(command: Callable[..., None]) -> Callable[..., None]:
    """One option for each field of a recipe, so that a flag overrides any of them."""
    for name, field in reversed(FIELDS.items()):
        flag = f"--{name.replace('_', '-')}"
        values = f".  [{field.values}]" if field.values else "."
        command = click.option(
            f"{flag}/--no-{flag[2:]}" if field.kind is bool else flag,
            name,
            type=field.kind if field.kind in (int, float, bool) else str,
            default=None,
            help=_NETWORK_HELP if name == "network" else field.meaning + values,
        )(command)
    return command


class _Train(click.Command):
    """A command whose help lists a recipe's settings apart."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write two lists of options."""
        listed: dict[bool, list[tuple[str, str]]] = {False: [], True: []}
        for option in self.get_params(ctx):
            record = option.get_help_record(ctx)
            if record:
                listed[option.name in FIELDS].append(record)
        with formatter.section("Options"):
            formatter.write_dl(listed[False])
        with formatter.section("Recipe settings (an option overrides the recipe's value)"):
            formatter.write_dl(listed[True])


@click.command(cls=_Train)
@click.option(
    "--recipe",
    help=f"{', '.join(CHOICES)}, or another row of `inkdigits recipes`.  [default: {DEFAULT}; "
    f"{FINE_TUNE} with --from; {ADD_OWN} with --from and --add]",
)
@click.option(
    "--data",
    help="mnist, emnist, qmnist, usps, sample, auto (mnist, or else sample); a folder of pictures, "
    "IDX files or tables; a .csv of pixels, or of files and labels; an .npz or .parquet file.  "
    "[default: auto]",
)
@click.option(
    "--add",
    metavar="FOLDER|CSV",
    help="Learn these labelled pictures as well, repeated to a tenth of the training set. None is "
    "held out. With --from the result is kept if more of them are right and the validation set is "
    "read no worse, or worse only by as much as chance explains.",
)
@click.option(
    "--seed",
    type=int,
    help="One seed, one result, bit for bit on one processor with the same number of threads.  "
    "[default: 0]",
)
@click.option("--seeds", help="A study: 0-9 runs ten seeds. Finished ones are not run again.")
@click.option(
    "--threads",
    type=int,
    help="Threads to train with.  [default: OMP_NUM_THREADS, or one for each core]",
)
@click.option(
    "--device",
    help="cpu, cuda, mps or auto: a CUDA GPU if there is one, else the processor.  [default: auto]",
)
@click.option("--from", help="Fine-tune this model in a new run: a run folder or an .onnx file.")
@click.option("--teacher", help="Learn this model's answers: a run folder or an .onnx file.")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="Take settings from a TOML file, such as a run folder's settings.toml. Options override "
    "it; --recipe replaces all settings of its recipe.",
)
@click.option("--out", type=click.Path(path_type=Path), help="Run folder.  [default: runs/...]")
@click.option(
    "--resume",
    type=click.Path(path_type=Path),
    help="Finish this stopped run with its own settings. --data, --add, --from and --teacher name "
    "what has moved; --device and --threads may change.",
)
@_recipe_options
def train(
    seeds: str | None, config: Path | None, out: Path | None, resume: Path | None, **flags: Any
) -> None:
    """Train a network and score it once on the test set.

    The run folder holds the models, a report, plots, the settings and a checkpoint.

    \b
    Example:
      inkdigits train
      inkdigits train --recipe original --epochs 3 --out runs/try
      inkdigits train --resume runs/try
      inkdigits train --config runs/try/settings.toml --seed 1
      inkdigits train --seeds 0-4 --out runs/study
      inkdigits train --data my-digits/ --from runs/try
      inkdigits train --data mnist --add mine/ --from runs/try
      inkdigits train --recipe distilled --teacher runs/ensemble
      torchrun --nproc-per-node=2 -m inkdigits train
    """
    # PyTorch is loaded below, and its threads wait as the environment says then.
    spin_briefly()
    given = {name: value for name, value in flags.items() if value is not None}
    if resume:
        if seeds or config or out or given.keys() - OF_THE_MACHINE:
            _refuse_other_settings(resume, given)
        from inkdigits.runs import folder as run_folder

        # What is no run is said before PyTorch is loaded.
        settings, network = moved(run_folder.read_settings(resume), given), None

        from inkdigits.runs.learning import with_network
        from inkdigits.training.workers import joined

        if "network" in given:
            settings, network = with_network(settings)
        with joined() as workers:
            _run_to_end(resume, workers.from_first(settings), workers, network, begins=False)
        return
    if seeds and "seed" in given:
        raise click.UsageError("--seed and --seeds exclude each other")
    # Settings are checked before anything heavy is imported, let alone read.
    values = _with_config(config, given) if config else given
    settings = settings_from(values)

    from inkdigits.runs import folder as run_folder

    if out and not seeds:
        run_folder.refuse_used(out)

    from inkdigits.runs import study
    from inkdigits.runs.learning import with_network
    from inkdigits.training.workers import joined

    many = study.parse_seeds(seeds) if seeds else None
    with joined() as workers:
        settings = workers.from_first(settings)
        if many is not None:
            if workers.count > 1:
                raise click.UsageError("--seeds runs one seed after another; leave torchrun out")
            _run_study(out or Path("runs") / "study", settings, many)
            return
        settings, network = with_network(settings)
        folder = workers.from_first(out or run_folder.usual_folder(settings))
        _run_to_end(folder, settings, workers, network, begins=True)


def _with_config(config: Path, given: dict[str, Any]) -> dict[str, Any]:
    """The file's settings under those of the flags."""
    values = read_config(config)
    if "recipe" in given:
        values = {name: value for name, value in values.items() if name not in FIELDS}
    network = values.get("network", "")
    if is_module(network) and "network" not in given:
        raise ConfigError(
            f"{config}: the network is {network}, a PyTorch module, and no file of settings runs "
            "code; name it: --network FILE.py:NAME"
        )
    return {**values, **given}


def _refuse_other_settings(folder: Path, given: dict[str, Any]) -> NoReturn:
    """Say how the run would get more epochs, or other settings."""
    from inkdigits.runs import folder as run_folder

    config = f"inkdigits train --config {shlex.quote(str(folder / run_folder.CONFIG))}"
    if "epochs" not in given or not (folder / run_folder.SETTINGS).is_file():
        raise click.UsageError(
            "--resume continues with the run's own settings; leave the others out, or start a new "
            f"run with them: {config} ..."
        )
    settings, epochs = run_folder.read_settings(folder), given["epochs"]
    planned = counted(settings.recipe.epochs, "epoch")
    if (folder / run_folder.RESULT).is_file():
        further = shlex.join(["--from", str(folder), "--data", settings.data])
        raise click.UsageError(
            f"{folder} is finished after the {planned} that it was planned for. To train its model "
            f"further: inkdigits train {further} --epochs {epochs}"
        )
    raise click.UsageError(
        f"--resume ends after the {planned} that the run was planned for, its "
        f"learning rate as well. For {epochs} from the beginning: {config} --epochs {epochs}"
    )


def _run_study(folder: Path, settings: RunSettings, seeds: list[int]) -> None:
    from inkdigits.runs import study
    from inkdigits.training.progress import shown_here, steps_of

    hint = "stopped; the same command continues: finished seeds are not run again"
    with stoppable(hint), shown_here(settings.recipe) as callback:
        for _ in study.run_seeds(folder, settings, seeds, callback, say, steps_of(callback)):
            pass
    click.echo(f"{'recipe':<14}{'n':>3}  {'test accuracy, %':<18}{'seconds':>9}  parameters")
    for row in study.summarise(folder):
        accuracy = f"{row.accuracy:.3f} ± {row.accuracy_sd:.3f}"
        click.echo(
            f"{row.recipe:<14}{row.n:>3}  {accuracy:<18}{row.training_seconds:>9.1f}  "
            f"{row.parameters:,}"
        )
    click.echo(f"in {folder}: {study.SUMMARY}, {study.PARETO}, and a folder for each seed")


def _run_to_end(
    folder: Path, settings: RunSettings, workers: Workers, network: object, *, begins: bool
) -> None:
    from inkdigits.runs import folder as run_folder
    from inkdigits.runs import run
    from inkdigits.training.callbacks import Callback
    from inkdigits.training.progress import shown_here, steps_of

    if not workers.is_first:
        answer_signals()
        with suppress(KeyboardInterrupt):  # the first worker says what there is to say
            workers.from_first(None)  # the folder is there
            run.finish_run(
                folder, Callback(), lambda line: None, lambda *progress: None, workers, settings,
                network,
            )  # fmt: skip
        return

    def hint() -> str:
        if (folder / run_folder.SETTINGS).is_file():
            name = settings.recipe.network
            module = f" --network {shlex.quote(name)}" if is_module(name) else ""
            return f"stopped; continue with: inkdigits train --resume {folder}{module}"
        return "stopped in the first epoch: nothing was kept; the same command starts again"

    with (
        stoppable(hint),
        run_folder.started(folder, settings) if begins else nullcontext(),
        shown_here(settings.recipe) as callback,
    ):
        workers.from_first(None)
        say(f"run folder: {folder}")
        result = run.finish_run(
            folder, callback, say, steps_of(callback), workers, settings, network
        )
    assert result is not None  # the first worker's is there
    scores = result.scores
    click.echo(
        f"{folder}: {scores.accuracy:.2%} of {counted(scores.n, 'test image')} right, "
        f"loss {scores.loss:.4f}, trained in {result.training_seconds:.1f} s"
    )
    click.echo(f"in {folder}:")
    for name, what in run_folder.FILES.items():
        if (folder / name).is_file():
            click.echo(f"  {name:<28}  {what}")


@click.command()
@click.argument(
    "runs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RUN_FOLDER..."
)
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="New folder for the model."
)
def ensemble(runs: tuple[Path, ...], out: Path) -> None:
    """Average finished runs into one model.

    It is scored once on the test set.

    \b
    Example:
      inkdigits train --recipe best --seeds 0-4 --out runs/study
      inkdigits ensemble runs/study/best/seed* --out runs/ensemble
    """
    from inkdigits.runs.ensemble import FILES, average

    with stoppable("stopped"):
        result = average(runs, out, say, advance)
    scores = result.scores
    click.echo(
        f"{out}: {scores.accuracy:.2%} of {counted(scores.n, 'test image')} right, "
        f"loss {scores.loss:.4f}, {counted(len(runs), 'member')}"
    )
    for name, what in FILES.items():
        click.echo(f"  {name:<28}  {what}")


@click.command()
def recipes() -> None:
    """List the recipes that `inkdigits train` takes.

    \b
    Example:
      inkdigits recipes
      inkdigits train --recipe flash
    """
    for row in RECIPES.values():
        further = row.name in (FINE_TUNE, ADD_OWN)
        network = "of the model that --from names" if further else row.network
        click.echo(
            f"{row.name:<12} network {network}, {counted(row.epochs, 'epoch')}, "
            f"batch {row.batch_size}, "
            f"{row.schedule} rate {row.learning_rate:g}, {row.precision}"
        )
