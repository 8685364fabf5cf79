"""`inkdigits evaluate`: a finished model scored on labelled digits."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from inkdigits.cli.console import advance, say, stoppable
from inkdigits.counts import counted

if TYPE_CHECKING:
    from inkdigits.runs.evaluate import Evaluation, Part


@click.command()
@click.argument("model", required=False)
@click.option(
    "--data", "source", default="auto", show_default=True, help="Labelled digits, as for train."
)
@click.option(
    "--part",
    type=click.Choice(["test", "train", "all"]),
    help="Which of the digits.  [default: the test part; all if there is none]",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="New folder for the report, plots, and a list of the digits that are read wrongly.",
)
def evaluate(model: str | None, source: str, part: Part | None, out: Path | None) -> None:
    """Score a finished model on labelled digits.

    Prints accuracy, each digit, calibration and acceptance. MODEL is a run folder, or an .onnx,
    .keras or .h5 file that inkdigits wrote.  [default: the model in the package]

    Data without a test part are scored whole. If the model was trained on the data, only the part
    that training leaves out is scored. The 28x28 classifier alone is scored; predict uses the
    networks that find digits as well.

    \b
    Example:
      inkdigits evaluate runs/mine --data mnist
      inkdigits evaluate runs/mine --data my-digits/ --out report/
      inkdigits evaluate runs/mine/mnist_cnn_model.keras --data mnist
    """
    from inkdigits.runs.evaluate import FILES
    from inkdigits.runs.evaluate import evaluate as run
    from inkdigits.runs.folder import refuse_filled

    if out:
        refuse_filled(out)
    found = run(model, source, part, advance)
    result = found.result
    if result.data.notice:
        say(f"note: {result.data.notice}")
    click.echo("\n".join(_table(result)))
    if out:
        with stoppable("stopped"):
            found.save(out)
        click.echo(f"in {out}:")
        for name, what in FILES.items():
            click.echo(f"  {name:<27}  {what}")


def _table(result: Evaluation) -> list[str]:
    scores, acceptance = result.scores, result.acceptance
    wrong = scores.n - round(scores.accuracy * scores.n)
    lines = [
        f"{result.model.path}: {scores.accuracy:.2%} of {counted(scores.n, 'digit')} right "
        f"({result.data.name})",
        f"  read wrongly       {wrong:,}",
        f"  loss               {scores.loss:.4f}",
        f"  calibration error  {scores.calibration_error:.2%}",
        f"  accepted           {acceptance.accepted:.2%}, from a confidence of "
        f"{acceptance.level:.4f}",
    ]
    shares = {"right": acceptance.accepted_of_right, "wrong": acceptance.accepted_of_wrong}
    for name, share in shares.items():
        said = "none is" if share is None else f"{share:.2%}"
        lines.append(f"    of those {name:<7}{said:>9}")
    lines += ["", f"{'digit':<7}{'digits':>9}{'right, %':>10}  read as"]
    for digit, row in enumerate(scores.matrix):
        right = scores.per_class[digit]
        others = sorted(
            ((count, other) for other, count in enumerate(row) if other != digit and count),
            key=lambda pair: (-pair[0], pair[1]),
        )
        as_others = "  ".join(f"{other} ({count:,})" for count, other in others)
        percent = "-" if right is None else f"{100 * right:.2f}"
        lines.append(
            f"{digit:<7}{scores.per_class_n[digit]:>9,}{percent:>10}  {as_others}".rstrip()
        )
    return lines
