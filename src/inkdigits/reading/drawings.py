"""PNG files that commands draw: written whole, and over nothing but an earlier drawing.

In: a PIL image and a path. Out: the file, with a text in it by which it is known again.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from inkdigits.errors import ConfigError
from inkdigits.files import written_whole

_KEY, _VALUE = "Software", "inkdigits, a drawing"
_START = 1024  # bytes


def check_drawable(path: Path) -> None:
    """Raise ConfigError for another ending than .png, and where a file that is no drawing of ours
    has that name: a picture, say.
    """
    if path.suffix.lower() != ".png":
        raise ConfigError(f"{path}: ends in {path.suffix or 'nothing'}, expected .png")
    if path.exists() and not _is_ours(path):
        raise ConfigError(f"{path}: exists and is not an earlier drawing; name another file")


def _is_ours(path: Path) -> bool:
    """By the text, which Pillow writes before the pixels; not by Pillow, which opens no picture
    that is very large.
    """
    if not path.is_file():  # a pipe would be waited for
        return False
    with suppress(OSError), path.open("rb") as file:
        start = file.read(_START)
        return start.startswith(b"\x89PNG") and f"tEXt{_KEY}\0{_VALUE}".encode() in start
    return False


def save_drawing(image: Image.Image, path: Path) -> None:
    """Write a drawing. Raises what `check_drawable` does."""
    check_drawable(path)
    about = PngInfo()
    about.add_text(_KEY, _VALUE)
    with written_whole(path) as part:
        image.save(part, "PNG", pnginfo=about)
