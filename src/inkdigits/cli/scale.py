"""`inkdigits scale`: more pictures than one process should read."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr

import click

from inkdigits.cli.console import advance, stoppable


@click.group()
def scale() -> None:
    """Millions of pictures, on this machine or a cluster.

    \b
    Example:
      inkdigits scale read scans/ --out read/
    """


@scale.command("read")
@click.argument("source")
@click.option("--out", required=True, metavar="DEST", help="Folder for the Parquet files.")
@click.option("--model", help="A run folder or an .onnx file.  [default: the shipped model]")
@click.option(
    "--column", default="", help="Of Parquet files, the pictures' bytes.  [default: the only one]"
)
@click.option(
    "--part-size",
    type=click.IntRange(1),
    help="Pictures in an output file.  [default: 2000; tar shards: a file for each]",
)
@click.option("--workers", type=click.IntRange(1), help="Processes.  [default: one a core]")
@click.option("--address", help="Of a Ray cluster.  [default: Ray is started on this machine]")
def read(
    source: str,
    out: str,
    model: str | None,
    column: str,
    part_size: int | None,
    workers: int | None,
    address: str | None,
) -> None:
    """Read all pictures of SOURCE into Parquet files in DEST.

    SOURCE is a folder, a quoted glob or a file: pictures, Parquet files with a column of pictures'
    bytes, tar shards; here or at any address that fsspec knows (s3://...). Started again after
    whatever stopped it, it goes on: every picture stands in DEST once, one that cannot be read with
    its error. The exit code is 1 if there is such a one.

    \b
    Example:
      inkdigits scale read scans/ --out read/
      inkdigits scale read 'shards/*.tar' --out read/ --workers 8
      inkdigits scale read s3://bucket/scans --out s3://bucket/read --address auto
    """
    from inkdigits.scale import Job, Source, read_all

    job = Job(
        source=Source(source, column),
        out=out,
        model=model,
        part_size=part_size,
        workers=workers,
        address=address,
    )
    hint = f"stopped; what was read is kept: start the same command again to fill {out}"
    with stoppable(hint), _without_rays_lines():
        found = read_all(job, lambda done, total: advance("reading parts", done, total))
    before = f", {found.there:,} of them before" if found.there else ""
    click.echo(
        f"{out}: {found.pictures:,} pictures in {found.parts:,} files{before}; "
        f"{found.doubtful:,} doubtful, {found.failed:,} not read"
    )
    if found.failed:
        raise click.exceptions.Exit(1)


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
