"""Reads handwritten digits: trains small networks, checks them honestly, reads real pictures.

    >>> import inkdigits
    >>> inkdigits.read("marks.jpg").text
    '10 9 8\n7 10 9'
    >>> inkdigits.predict("digit.png").digit
    7

Nothing heavy is imported until it is used.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from os import PathLike
from typing import TYPE_CHECKING, Any

from inkdigits.errors import (
    ConfigError,
    DataError,
    InkdigitsError,
    MissingExtraError,
    ModelError,
    PictureError,
    TrainingError,
)
from inkdigits.version import __version__

if TYPE_CHECKING:
    from inkdigits.picture import Picture
    from inkdigits.reading.page import Page
    from inkdigits.reading.reader import Reader, Reading
    from inkdigits.runs.api import Run, train
    from inkdigits.runs.evaluate import Report
    from inkdigits.training.networks import Network

__all__ = [
    "ConfigError",
    "DataError",
    "InkdigitsError",
    "MissingExtraError",
    "ModelError",
    "Network",
    "Page",
    "PictureError",
    "Reader",
    "Reading",
    "Report",
    "Run",
    "TrainingError",
    "__version__",
    "predict",
    "read",
    "train",
]

# Before ONNX Runtime is loaded, which else tells its maker of each use and writes below HOME.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
# Keras looks for TensorFlow where nobody says otherwise; the extra [train] brings PyTorch.
if find_spec("tensorflow") is None:
    os.environ["KERAS_BACKEND"] = os.environ.get("KERAS_BACKEND") or "torch"

_shipped: list[Reader] = []


def read(picture: Picture, model: str | PathLike[str] | None = None) -> Page:
    """Every digit and number in a picture.

    picture: a path, a file's bytes or object, a PIL image, or pixels (H, W), (H, W, 3) or
    (H, W, 4). model: a Run, a run folder or an .onnx file of ours; None is the model shipped in the
    package, which is loaded at the first call and kept. For many pictures keep a Reader(model).
    Raises PictureError, ModelError.
    """
    return _reader(model).read(picture)


def predict(picture: Picture, model: str | PathLike[str] | None = None) -> Reading:
    """The digit in a picture of one digit. Takes and raises what `read` does."""
    return _reader(model).predict(picture)


def _reader(model: str | PathLike[str] | None) -> Reader:
    from inkdigits.reading.reader import Reader

    if model is not None:
        return Reader(model)
    if not _shipped:
        _shipped.append(Reader())
    return _shipped[0]


def __getattr__(name: str) -> Any:
    if name in ("Reader", "Reading"):
        from inkdigits.reading import reader

        return getattr(reader, name)
    if name == "Page":
        from inkdigits.reading.page import Page

        return Page
    if name in ("Run", "train"):
        from inkdigits.training.thread_spin import spin_briefly

        spin_briefly()  # before PyTorch is loaded
        from inkdigits.runs import api

        return getattr(api, name)
    if name == "Network":
        from inkdigits.training.networks import Network

        return Network
    if name == "Report":
        from inkdigits.runs.evaluate import Report

        return Report
    raise AttributeError(f"module 'inkdigits' has no attribute {name!r}")
