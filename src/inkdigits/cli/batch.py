"""`inkdigits batch`: more pictures than one process should read."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from typing import TYPE_CHECKING, Any

import click

from inkdigits.cli.console import advance, model_option, say, stoppable
from inkdigits.counts import counted

if TYPE_CHECKING:
    from inkdigits.batch import Summary


@click.command()
@click.argument("source")
@click.option("--out", required=True, metavar="DEST", help="Folder for the Parquet files.")
@model_option
@click.option(
    "--column",
    default="",
    help="Column of Parquet files with the pictures' bytes.  [default: the only such one]",
)
@click.option(
    "--part-size",
    type=click.IntRange(1),
    help="Pictures in an output file.  [default: 2000; a file for each tar shard]",
)
@click.option(
    "--workers", type=click.IntRange(1), help="Worker processes.  [default: one for each core]"
)
@click.option(
    "--address", help="Address of a Ray cluster.  [default: Ray is started on this machine]"
)
@click.option(
    "--add-new", is_flag=True, help="Also read files that came to SOURCE after the first start."
)
def batch(
    source: str,
    out: str,
    model: str | None,
    column: str,
    part_size: int | None,
    workers: int | None,
    address: str | None,
    add_new: bool,
) -> None:
    """Read millions of pictures into Parquet files.

    SOURCE is a folder, a quoted glob or a file, here or at any address that fsspec opens (s3://...).
    It holds pictures, PDFs, tar shards, or Parquet files with a column of pictures' bytes. Each
    picture becomes a row with its text, numbers and digits. Other columns of a Parquet file are
    kept.

    The same command continues a stopped job. Every picture is in DEST once; one that cannot be read
    is a row with its error, and the exit code is then 1. Standard error names the skipped files,
    and those that came to SOURCE after the first start.

    \b
    Example:
      inkdigits batch scans/ --out read/
      inkdigits batch scans/ --out read/ --add-new
      inkdigits batch 'shards/*.tar' --out read/ --workers 8
      inkdigits batch s3://bucket/scans --out s3://bucket/read --address auto
    """
    from inkdigits.batch import Job, Source, read_all

    job = Job(
        source=Source(source, column),
        out=out,
        model=model,
        part_size=part_size,
        workers=workers,
        address=address,
        add_new=add_new,
    )
    hint = f"stopped; what was read is kept: start the same command again to fill {out}"
    with stoppable(hint), _without_rays_lines():
        found = read_all(job, lambda done, total: advance("reading parts", done, total, lines=True))
    before = f", {found.there:,} of them before" if found.there else ""
    passed = f"; {counted(found.passed_over.n, 'file')} skipped" if found.passed_over.n else ""
    click.echo(
        f"{out}: {found.pictures:,} pictures in {counted(found.parts, 'file')}{before}; "
        f"{found.doubtful:,} not accepted, {found.failed:,} not read{passed}"
    )
    _say_files(found, out, add_new)
    if found.failed:
        raise click.exceptions.Exit(1)


def _say_files(found: Summary, out: str, add_new: bool) -> None:
    """Name the files that are in SOURCE and not in DEST, and the other way round."""
    if found.passed_over.n:
        kinds = ", ".join(f"{n:,} {why}" for why, n in found.passed_over.why.most_common())
        named = f"{found.passed_over}; all are in {out.rstrip('/')}/_passed_over.txt"
        say(f"skipped: {kinds}: {named}")
    if add_new and found.there:
        say(f"came later, read now: {found.added}" if found.added.n else "no file came later")
    if found.came_later.n:
        came = counted(found.came_later.n, "file")
        say(f"{came} came later; read with --add-new: {found.came_later}")
    if found.gone.n:
        say(f"{counted(found.gone.n, 'file')} no longer there, whose rows stay: {found.gone}")


@click.group(hidden=True)
def scale() -> None:
    """Is now `inkdigits batch`.

    \b
    Example:
      inkdigits batch scans/ --out read/
    """


@scale.command("read", params=batch.params, help=batch.help)
@click.pass_context
def _read(context: click.Context, /, **given: Any) -> None:
    say("inkdigits scale read is now inkdigits batch, and its rows have other columns")
    context.invoke(batch, **given)


@contextmanager
def _without_rays_lines() -> Iterator[None]:
    """Ray's C++ writes warnings to descriptor 2 that no setting stops; it keeps them in its logs.

    Python's standard error stays where it was.
    """
    if sys.stderr is not sys.__stderr__:  # a test's
        yield
        return
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        with os.fdopen(os.dup(kept), "w", 1) as error, redirect_stderr(error):
            yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
