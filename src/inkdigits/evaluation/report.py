"""A run as one self-contained HTML file, light and dark.

In: a run's result (as in result.json) and the folder with its pictures. Out: HTML that loads
nothing from anywhere.
"""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

PICTURES = (
    ("training_history.png", "Training history"),
    ("confusion_matrix_mnist.png", "Confusion matrix"),
    ("incorrect_predictions.png", "Read wrongly, the surest first"),
    ("correct_predictions.png", "Read right, the least sure"),
    ("pictures.png", "Pictures, and the digit that was found in each"),
    ("sample_digits.png", "Digits of the training set"),
    ("class_distribution_mnist.png", "Images per digit"),
)


def write_report(result: dict[str, Any], folder: Path, path: Path) -> None:
    """Write the report to `path`; pictures that are not in `folder` are left out."""
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
    html = environment.get_template("report.html").render(result=result, pictures=pictures)
    path.write_text(html, encoding="utf-8")
