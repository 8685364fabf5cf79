"""Reads handwritten digits: trains small networks, checks them honestly, reads real pictures.

    >>> import inkdigits
    >>> inkdigits.read("photo.jpg").digit
    7

Nothing heavy is imported until it is used.
"""

from __future__ import annotations

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
    from inkdigits.reader import Reader, Reading

__all__ = [
    "ConfigError",
    "DataError",
    "InkdigitsError",
    "MissingExtraError",
    "ModelError",
    "PictureError",
    "Reader",
    "Reading",
    "TrainingError",
    "__version__",
    "read",
]

_shipped: list[Reader] = []


def read(picture: Picture) -> Reading:
    """The digit in one picture, read with the model shipped in the package.

    picture: a path, a file's bytes, a PIL image, or an array (H, W), (H, W, 3) or (H, W, 4).
    The model is loaded at the first call and kept. Raises PictureError.
    """
    from inkdigits.reader import Reader

    if not _shipped:
        _shipped.append(Reader())
    return _shipped[0].read(picture)


def __getattr__(name: str) -> Any:
    if name in ("Reader", "Reading"):
        from inkdigits import reader

        return getattr(reader, name)
    raise AttributeError(f"module 'inkdigits' has no attribute {name!r}")
