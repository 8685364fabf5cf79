"""`inkdigits predict`: the digit in each picture."""

from __future__ import annotations

import json
import sys
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import click

from inkdigits.cli.console import say
from inkdigits.errors import PictureError


@click.command()
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
            say(f"error: {found}" if name in str(found) else f"error: {name}: {found}")
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
