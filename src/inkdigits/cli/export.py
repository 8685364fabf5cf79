"""`inkdigits export`: a model in other formats."""

from __future__ import annotations

from pathlib import Path

import click

from inkdigits.cli.console import stoppable


@click.command()
@click.argument("model", required=False)
@click.option(
    "--to", "folder", type=click.Path(path_type=Path), required=True, help="Folder to write to."
)
@click.option(
    "--format", "formats",
    help="Formats, with commas between: onnx, onnx-int8, keras, h5, pt2, tflite (phones), web (a "
    "page that reads).  [default: all but tflite,web; of a PyTorch module or an ensemble not "
    "keras,h5]",
)  # fmt: skip
def export(model: str | None, folder: Path, formats: str | None) -> None:
    """Write a model in other formats.

    Each file is read back and compared with the model on 1,000 digits. MODEL is a run folder, or an
    .onnx, .keras or .h5 file that inkdigits wrote.  [default: the model in the package]

    \b
    Example:
      inkdigits export --to exported
      inkdigits export runs/mine --to exported --format onnx-int8,pt2
      inkdigits export --to exported --format web
    """
    from inkdigits.export import CHECKED_ON
    from inkdigits.export import export as run

    asked = [name.strip() for name in formats.split(",")] if formats else None
    with stoppable("stopped"):
        for found in run(model, folder, asked):
            click.echo(
                f"{found.path}  {found.format}, {found.size:,} bytes; "
                f"{CHECKED_ON - found.differ:,} {f'of {CHECKED_ON:,} ' if found.differ else ''}"
                f"digits read the same, probabilities within {found.difference:.2g}"
            )
