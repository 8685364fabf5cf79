"""A run or an evaluation as one self-contained HTML file, light and dark.

In: a result and the folder with its pictures. Out: HTML that loads nothing from
anywhere.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from inkdigits.counts import counted
from inkdigits.evaluation.plots import Figure, as_png

PICTURES = (
    ("training_history.png", "Training history"),
    ("confusion_matrix_mnist.png", "Confusion matrix"),
    ("confusion_matrix.png", "Confusion matrix"),
    ("incorrect_predictions.png", "Read wrongly, most confident first"),
    ("correct_predictions.png", "Read right, least confident first"),
    ("calibration.png", "Calibration"),
    ("pictures.png", "Pictures, and the digit that was found in each"),
    ("sample_digits.png", "Digits of the training set"),
    ("class_distribution_mnist.png", "Images per digit"),
)


def as_html(title: str, notice: str, figures: Sequence[Figure]) -> str:
    """A line, the notice, and some figures, for a notebook."""
    shown = "".join(
        f'<img style="max-width: 100%" alt="" src="data:image/png;base64,'
        f'{base64.b64encode(as_png(figure)).decode("ascii")}">'
        for figure in figures
    )
    told = f"<br>{escape(notice)}" if notice else ""
    return f"<p><b>{escape(title.strip('<>'))}</b>{told}</p>{shown}"


def write_report(result: Any, folder: Path, path: Path, *, of_a_run: bool) -> None:
    """Write the report to `path`; pictures that are not in `folder` are left out.

    result: a RunResult, or else an Evaluation.
    """
    environment = Environment(
        loader=PackageLoader("inkdigits.evaluation", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pictures = [
        (title, base64.b64encode((folder / name).read_bytes()).decode("ascii"))
        for name, title in PICTURES
        if (folder / name).is_file()
    ]
    html = environment.get_template("report.html").render(
        result=result,
        pictures=pictures,
        is_run=of_a_run,
        settings=vars(result.recipe) if of_a_run else result.model.metadata,
        percent=_percent,
        counted=counted,
    )
    path.write_text(html, encoding="utf-8", errors="backslashreplace")  # of names that are no text


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.2%}".removesuffix("%")
