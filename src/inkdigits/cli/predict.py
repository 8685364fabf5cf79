"""`inkdigits predict`: the digit in each picture."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from inkdigits.cli.console import (
    error_text,
    give,
    give_error,
    give_json,
    model_option,
    say,
    stopped_at_once,
)
from inkdigits.counts import counted
from inkdigits.errors import PictureError
from inkdigits.text_line import shown

if TYPE_CHECKING:
    from inkdigits.reading.parallel import File
    from inkdigits.reading.reader import Reader

MOST_EXPLAINED = 50  # pictures on one page: more is 13,000 pixels high


@click.command()
@click.argument("pictures", nargs=-1, required=True, metavar="FILE_OR_FOLDER...")
@model_option
@click.option("--json", "as_json", is_flag=True, help="Print a line of JSON for each picture.")
@click.option(
    "--top",
    type=click.IntRange(1, 10),
    default=1,
    metavar="K",
    help="Print the K most probable digits.",
)
@click.option(
    "--accept-all",
    is_flag=True,
    help='Count every answer as accepted, without "?" and reason, in --json as well.',
)
@click.option(
    "--explain",
    type=click.Path(path_type=Path),
    metavar="OUT.png",
    help=f"Draw why each picture was read as it was, {MOST_EXPLAINED} pictures at most.",
)
@click.option(
    "--submission",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="OUT.csv",
    help="Read a table of 784 pixels a line, as Kaggle's test.csv, and write ImageId,Label.",
)
def predict(
    pictures: tuple[str, ...],
    model: str | None,
    as_json: bool,
    top: int,
    accept_all: bool,
    explain: Path | None,
    submission: Path | None,
) -> None:
    """Read the one digit in each picture.

    Pictures are read in the order given, and a folder in the order of names. "-" is a picture on
    standard input. "?" marks an answer that is not accepted.

    \b
    Example:
      inkdigits predict photo.jpg drawings/
      inkdigits predict --json --model runs/mine photo.jpg
      inkdigits predict --explain why.png photo.jpg
      inkdigits predict --submission submission.csv --model runs/mine test.csv
    """
    if submission:
        if len(pictures) > 1 or as_json or explain or accept_all or top > 1:
            raise click.UsageError("--submission takes one CSV file and --model alone")
        _submit(Path(pictures[0]), model, submission)
        return
    from inkdigits.cli.inputs import picture_files
    from inkdigits.environment import cores
    from inkdigits.reading.parallel import name_of, read_files
    from inkdigits.reading.reader import Reader

    reader = Reader(model)
    files = picture_files(pictures, explain)
    failed = 0
    if explain:
        some = list(islice(files, MOST_EXPLAINED))
        try:
            _explain(some, reader, explain)
        except OSError as error:  # the pictures are read all the same
            say(f"error: not drawn: {error_text(error)}")
            failed = 1
        files = chain(some, files)
    with stopped_at_once():
        for file, result in read_files(files, reader, cores()):
            name = name_of(file)
            if isinstance(result, PictureError):
                give_error(name, result, as_json)
                failed += 1
                continue
            found = replace(result, accepted=True, reason="") if accept_all else result
            if as_json:
                give_json({"file": name, **found.to_dict()})
            elif found.accepted:
                likely = "   ".join(f"{digit} {share:7.2%}" for digit, share in found.top(top))
                give(f"{likely}   {shown(name)}")
            else:
                guess = "   ".join(f"{digit} {share:.2%}" for digit, share in found.top(top))
                give(f"?  {found.reason}, best guess {guess}   {shown(name)}")
    if failed:
        raise click.exceptions.Exit(1)


def _submit(table: Path, model: str | None, out: Path) -> None:
    from inkdigits.data.arrays import scaled
    from inkdigits.data.tables import read_csv_images
    from inkdigits.files import write_text
    from inkdigits.reading.reader import Reader
    from inkdigits.training.data_checks import readable

    if out.exists() and out.samefile(table):
        raise click.UsageError(f"{out}: is also the input; name another file to write")
    reader = Reader(model)
    images, notes = readable(read_csv_images(table), str(table))
    for note in notes:
        say(f"note: {note}")
    readings = reader.read_arrays(scaled(images)[..., 0])
    lines = (f"{number},{reading.digit}" for number, reading in enumerate(readings, 1))
    write_text(out, "\n".join(("ImageId,Label", *lines, "")))
    click.echo(f"{counted(len(readings), 'digit')} in {out}")


def _explain(files: list[File], reader: Reader, path: Path) -> None:
    from inkdigits.picture.decode import upright_image
    from inkdigits.reading import explain
    from inkdigits.reading.drawings import check_drawable
    from inkdigits.reading.parallel import name_of

    check_drawable(path)
    rows = []
    for file in files:
        try:
            reading = reader.predict(file)
        except PictureError:
            continue  # said where it is read
        rows.append(explain.Row(name_of(file), upright_image(file), reading))
    if rows:
        explain.draw(rows, reader, path)
