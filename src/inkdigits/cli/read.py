"""`inkdigits read`: every digit and number in each picture."""

from __future__ import annotations

import os
from collections.abc import Iterator
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
from inkdigits.errors import InkdigitsError, PictureError
from inkdigits.text_line import csv_row, shown

if TYPE_CHECKING:
    from inkdigits.reading.page import Page
    from inkdigits.reading.parallel import File
    from inkdigits.reading.reader import Reader

MOST_EXPLAINED = 200  # digits in one figure: more is 15,000 pixels high

CSV_HEADER = (
    "file", "line", "number", "confidence", "accepted", "left", "top", "right", "bottom",
)  # fmt: skip


@click.command()
@click.argument("pictures", nargs=-1, required=True, metavar="FILE_OR_FOLDER...")
@model_option
@click.option("--json", "as_json", is_flag=True, help="Print a line of JSON for each picture.")
@click.option(
    "--csv", "as_csv", is_flag=True, help="Print a CSV row for each number, with its box."
)
@click.option("--table", "as_table", is_flag=True, help="Print a table's rows and columns as CSV.")
@click.option(
    "--draw",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Write each picture as a PNG, with a box and a reading on each digit.",
)
@click.option(
    "--explain",
    type=click.Path(path_type=Path),
    metavar="OUT.png",
    help=f"Draw why each digit was read as it was, {MOST_EXPLAINED} digits at most.",
)
def read(
    pictures: tuple[str, ...],
    model: str | None,
    as_json: bool,
    as_csv: bool,
    as_table: bool,
    draw: Path | None,
    explain: Path | None,
) -> None:
    """Read all digits and numbers in each picture.

    Prints the text, a line for each line of writing. With several pictures each line begins with
    the picture's name. A folder is read in the order of names, with the folders in it. "-" is a
    picture on standard input.

    Standard error names the numbers that are not accepted, and pictures without a digit. With
    --json a picture that cannot be read is a line with its error.

    Boxes are in pixels of the upright picture. Lines count from 1 in --csv, from 0 in --json. In
    --csv a picture without a number is a row of its name alone. --draw marks accepted digits in
    blue, uncertain ones in orange, signs in violet. Large pictures are drawn smaller.

    \b
    Example:
      inkdigits read marks.jpg
      inkdigits read --csv --draw boxes/ forms/ > numbers.csv
      inkdigits read --table marks.jpg > marks.csv
      inkdigits read --json --model runs/mine photo.jpg
      inkdigits read --explain why.png form.png
    """
    if as_json + as_csv + as_table > 1:
        raise click.UsageError("--json, --csv and --table exclude each other")

    from inkdigits.cli.inputs import picture_files
    from inkdigits.environment import cores
    from inkdigits.reading.parallel import name_of, read_files
    from inkdigits.reading.reader import Reader

    if draw:
        draw.mkdir(parents=True, exist_ok=True)
    reader = Reader(model)
    if as_csv:
        give(csv_row(CSV_HEADER))
    files = picture_files(pictures, draw, explain)
    failed = 0
    if explain:
        files, failed = _explain(files, reader, explain)
    first = list(islice(files, 2))
    files = chain(first, files)
    alone = len(first) == 1 and (pictures[0] == "-" or os.path.isfile(pictures[0]))
    drawn: set[str] = set()
    with stopped_at_once():
        for file, page in read_files(files, reader, cores(), "read"):
            name = name_of(file)
            if isinstance(page, PictureError):
                give_error(name, page, as_json)
                failed += 1
                if as_csv:
                    give(_no_row(name))
                continue
            if as_json:
                give_json({"file": name, **page.to_dict()})
            elif as_csv:
                for number in page.numbers:
                    edges = (f"{v:.1f}" for v in number.box)
                    sure = f"{number.confidence:.4f}", str(number.accepted).lower()
                    give(csv_row((name, str(number.line + 1), number.text, *sure, *edges)))
                if not page.numbers:
                    give(_no_row(name))
            elif as_table:
                for row in page.table():
                    give(csv_row(tuple(row) if alone else (name, *row)))
            else:
                for line in page.lines or [""]:
                    give(line if alone else f"{shown(name)}: {line}")
            if not as_json:
                _warn(name, page)
            if draw:
                try:
                    _draw(page, file, draw, drawn)
                except (InkdigitsError, OSError) as error:
                    say(f"error: {name}: not drawn: {error_text(error)}")
                    failed += 1
    if failed:
        raise click.exceptions.Exit(1)


def _explain(files: Iterator[File], reader: Reader, path: Path) -> tuple[Iterator[File], bool]:
    """Draw the first pictures, as many digits as one figure holds.

    Gives all files, and whether the figure could not be written.
    """
    from inkdigits.picture.decode import upright_image
    from inkdigits.reading.drawings import check_drawable
    from inkdigits.reading.explain import page_figure, save_figures
    from inkdigits.reading.parallel import name_of

    check_drawable(path)
    taken, figures, left = [], [], MOST_EXPLAINED
    for file in files:
        taken.append(file)
        try:
            page = reader.read(file)
            figure = page_figure(name_of(file), upright_image(file), page, reader, left)
        except PictureError:
            continue  # said where it is read
        figures.append(figure)
        left -= max(1, len(page.digits))
        if left <= 0:
            break
    try:
        if figures:
            save_figures(figures, path)
    except OSError as error:  # the pictures are read all the same
        say(f"error: not drawn: {error_text(error)}")
        return chain(taken, files), True
    return chain(taken, files), False


def _warn(name: str, page: Page) -> None:
    """Print on standard error what of a page is uncertain."""
    if page.reason:
        say(f"{name}: {page.reason}: no digit found")
        return
    for number in page.numbers:
        if not number.accepted:
            sure = f"{number.confidence:.0%}"
            say(f"{name}: line {number.line + 1}: {number.text} is unsure ({sure})")


def _no_row(name: str) -> str:
    """The row of a picture that has no number: none is missing from a table of them."""
    return csv_row((name, *("" for _ in CSV_HEADER[1:])))


def _draw(page: Page, file: File, folder: Path, drawn: set[str]) -> None:
    """Write the picture with its boxes; a second picture of that name gets a number."""
    from inkdigits.picture.documents import page_of
    from inkdigits.reading.drawings import save_drawing
    from inkdigits.reading.parallel import name_of

    first = "picture" if page_of(name_of(file))[0] == "-" else Path(name_of(file)).stem
    stem, count = first, 1
    while f"{stem}.png" in drawn:
        count += 1
        stem = f"{first}-{count}"
    drawn.add(f"{stem}.png")
    save_drawing(page.draw(file), folder / f"{stem}.png")
