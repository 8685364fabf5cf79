"""`inkdigits predict`: the digit in each picture."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from inkdigits.cli.console import give, say_error, stopped_at_once
from inkdigits.errors import PictureError

if TYPE_CHECKING:
    from inkdigits.reader import Reader

MOST_EXPLAINED = 50  # pictures on one page: more is 13,000 pixels high


@click.command()
@click.argument("pictures", nargs=-1, required=True, metavar="FILE_OR_FOLDER...")
@click.option("--model", help="A run folder or an .onnx file.  [default: the shipped model]")
@click.option("--json", "as_json", is_flag=True, help="One JSON line a picture.")
@click.option("--top", type=click.IntRange(1, 10), default=1, help="Show the K most probable.")
@click.option("--accept-all", is_flag=True, help="Give the best guess where it is doubtful, too.")
@click.option(
    "--explain",
    type=click.Path(path_type=Path),
    metavar="OUT.png",
    help=f"Draw why each was read as it was, {MOST_EXPLAINED} pictures at most.",
)
def predict(
    pictures: tuple[str, ...],
    model: str | None,
    as_json: bool,
    top: int,
    accept_all: bool,
    explain: Path | None,
) -> None:
    """Read the digit in each picture, in the order given; a folder is read by name.

    \b
    Example:
      inkdigits predict photo.jpg drawings/
      inkdigits predict --json --model runs/mine photo.jpg
      inkdigits predict --explain why.png photo.jpg
    """
    from inkdigits.machine import cores
    from inkdigits.many import read_files
    from inkdigits.reader import Reader

    reader = Reader(model)
    if explain:
        _explain(list(islice(picture_files(pictures, explain), MOST_EXPLAINED)), reader, explain)
    failed = 0
    with stopped_at_once():
        for name, result in read_files(picture_files(pictures, explain), reader, cores()):
            if isinstance(result, PictureError):
                say_error(name, result)
                failed += 1
                continue
            found = replace(result, accepted=True, reason="") if accept_all else result
            if as_json:
                give(json.dumps({"file": name, **found.to_dict()}, ensure_ascii=False))
            elif found.accepted:
                likely = "   ".join(f"{digit} {share:7.2%}" for digit, share in found.top(top))
                give(f"{likely}   {name}")
            else:
                guess = "   ".join(f"{digit} {share:.2%}" for digit, share in found.top(top))
                give(f"?  {found.reason}, best guess {guess}   {name}")
    if failed:
        raise click.exceptions.Exit(1)


def _explain(names: list[str], reader: Reader, path: Path) -> None:
    from inkdigits import explain
    from inkdigits.drawings import check_drawable
    from inkdigits.picture.decode import upright_image

    check_drawable(path)
    rows = []
    for name in names:
        try:
            seen, reading = reader.look(name)
        except PictureError:
            continue  # said where it is read
        rows.append(explain.Row(name, upright_image(name), seen, reading))
    if rows:
        explain.draw(rows, reader, path)


def picture_files(given: tuple[str, ...], page: Path | None) -> Iterator[str]:
    """Files in the order given; a folder stands for the pictures in it and below, by name.

    page: a file or folder that this command draws; it may lie in such a folder and is no input.
    """
    from inkdigits.many import pictures_below

    drawn = page and page.resolve()
    for name in given:
        if not Path(name).is_dir():
            yield name
            continue
        if drawn == Path(name).resolve():
            raise click.UsageError(f"{name}: is read and cannot be drawn into; name another folder")
        found = False
        for file in pictures_below(name):
            if drawn is None or drawn not in (path := Path(file).resolve(), *path.parents):
                found = True
                yield file
        if not found:
            yield name  # reading it says what is wrong with it
