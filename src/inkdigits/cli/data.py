"""`inkdigits data`: labelled digits, looked at and exported."""

from __future__ import annotations

from pathlib import Path

import click

from inkdigits.cli.console import advance, say, stoppable
from inkdigits.counts import counted


@click.group()
def data() -> None:
    """Look at, make and export labelled digits.

    \b
    Example:
      inkdigits data export-png mnist-png/
    """


@data.command("export-png")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--data", "source", default="mnist", show_default=True, help="Labelled digits, as for train."
)
def export_png(folder: Path, source: str) -> None:
    """Write every digit as a PNG.

    The names are FOLDER/{train,test}/{label}_{index}.png.

    \b
    Example:
      inkdigits data export-png mnist-png/
    """
    from inkdigits.data.folders import write_png_folder
    from inkdigits.training.sets import load

    sets = load(source, advance)
    if sets.notice:
        say(f"note: {sets.notice}")
    with stoppable("stopped"):
        n = write_png_folder(sets, folder, lambda done, total: advance("writing PNGs", done, total))
    click.echo(f"{counted(n, 'picture')} in {folder}")


@data.command("info")
@click.argument("source", default="auto")
def info(source: str) -> None:
    """Show what a source of digits holds.

    Prints the count of each digit, where they are from, and their SHA-256.

    \b
    Example:
      inkdigits data info mnist
    """
    from inkdigits.training.sets import load

    sets = load(source, advance)
    if sets.notice:
        say(f"note: {sets.notice}")
    for digits in (sets.train, sets.test):
        counts = [int((digits.labels == c).sum()) for c in range(10)]
        click.echo(f"{digits.name}: {counted(len(digits), 'image')} from {digits.source}")
        click.echo(f"  of 0-9: {' '.join(map(str, counts))}")
        click.echo(f"  SHA-256 {digits.sha256}")


@data.command("make")
@click.argument("out", type=click.Path(path_type=Path), metavar="FILE.npz|FOLDER")
@click.option(
    "--data", "source", default="mnist", show_default=True, help="Labelled digits, as for train."
)
@click.option(
    "--scenes",
    type=click.IntRange(1, 1_000_000),
    help="Make that many pictures of numbers, pages and forms in FOLDER instead.",
)
@click.option("--digits", default=60_000, show_default=True, help="Digits to make.")
@click.option(
    "--nondigits",
    default=15_000,
    show_default=True,
    help="Non-digits to make: letters, scribbles, ...",
)
@click.option("--seed", default=0, show_default=True, help="One seed, one set, bit for bit.")
@click.option(
    "--add",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE.npz",
    help="Labelled pictures of any size to use as well: x (N, H, W) uint8, y (N,).",
)
@click.option(
    "--fonts",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of handwriting fonts: more hands, and letters as people write them.",
)
def make(
    out: Path,
    source: str,
    scenes: int | None,
    digits: int,
    nondigits: int,
    seed: int,
    add: tuple[Path, ...],
    fonts: Path | None,
) -> None:
    """Make training digits as pictures show them.

    They are digits of other hands and pens, of photos and drawings, and non-digits. FILE.npz holds
    the source's digits, the made ones and the source's test set.

    With --scenes, FOLDER holds made pictures of many digits, the truth of each (scenes.jsonl), the
    ink of each digit, and contact.png to look at.

    \b
    Example:
      inkdigits data make made.npz
      inkdigits train --recipe pictures --data made.npz
      inkdigits data make --scenes 100 scenes/
    """
    if scenes is not None:
        _make_scenes(out, source, scenes, seed, fonts)
        return
    file = out
    if file.suffix != ".npz":
        raise click.UsageError(f"{file}: expected a name that ends in .npz, or --scenes N")
    given = [Path(source), *add]
    if file.exists() and any(file.samefile(one) for one in given if one.exists()):
        raise click.UsageError(f"{file}: is also the input; name another file to write")

    from inkdigits.data.npz import write_npz
    from inkdigits.training.made import made_from
    from inkdigits.training.sets import load

    sets = load(source, advance)
    with stoppable("stopped"):
        made = made_from(
            sets,
            digits,
            nondigits,
            seed,
            lambda done, total: advance("making digits", done, total),
            add,
            fonts,
        )
        write_npz(made, file)
    click.echo(
        f"{file}: {len(made.train):,} training digits, {len(made.train) - len(sets.train):,} of "
        f"them made, {len(made.nondigits):,} non-digits, {len(made.test):,} test digits"
    )


def _make_scenes(folder: Path, source: str, count: int, seed: int, fonts: Path | None) -> None:
    from inkdigits.files import check_replaceable
    from inkdigits.synthesis.folder import LIST, OWN, hands_of, write_scenes
    from inkdigits.synthesis.fonts import font_files
    from inkdigits.training.sets import load

    check_replaceable(folder, LIST, OWN)

    digits = load(source, advance).train
    hands = hands_of(
        digits.images, digits.labels, font_files(fonts) if fonts else (), seed,
        lambda done, total: advance("collecting hands", done, total),
    )  # fmt: skip
    with stoppable("stopped"):
        write_scenes(
            hands, seed, count, folder, lambda done, total: advance("making scenes", done, total)
        )
    click.echo(f"{count:,} scenes in {folder}; look at {folder / 'contact.png'}")


@data.command("corrections")
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE.db")
@click.option(
    "--to",
    "folder",
    type=click.Path(path_type=Path),
    help="Write the 28x28 arrays as PNGs to this folder, for train --add.",
)
@click.option(
    "--show",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="OUT.png",
    help="Draw a sheet of thumbnails.",
)
@click.option(
    "--delete",
    type=int,
    multiple=True,
    metavar="ID",
    help="Delete this correction; may be repeated.",
)
def corrections(
    file: Path, folder: Path | None, show: Path | None, delete: tuple[int, ...]
) -> None:
    """List corrections, or write them out to learn from.

    `inkdigits serve --keep FILE.db` keeps them.

    \b
    Example:
      inkdigits data corrections kept.db
      inkdigits data corrections kept.db --show kept.png
      inkdigits data corrections kept.db --delete 12 --delete 14
      inkdigits data corrections kept.db --to mine/
      inkdigits train --from runs/mine --data mnist --add mine/ --epochs 1
    """
    from inkdigits.server.corrections import (
        delete_corrections,
        drawn_corrections,
        read_corrections,
        write_corrections,
    )

    if delete:
        n = delete_corrections(file, delete)
        click.echo(f"{len(set(delete)):,} deleted, {n:,} left in {file}")
    if show:
        from inkdigits.reading.drawings import save_drawing

        save_drawing(drawn_corrections(file), show)
        click.echo(f"thumbnails in {show}")
    if folder:
        with stoppable("stopped"):
            n = write_corrections(file, folder)
        click.echo(f"{counted(n, 'corrected digit')} in {folder}")
    if delete or show or folder:
        return
    for row in read_corrections(file):
        click.echo(str(row))
