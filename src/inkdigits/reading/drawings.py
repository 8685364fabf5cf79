"""PNG files that commands draw: written whole, and over nothing but an earlier drawing.

In: a PIL image and a path. Out: the file, with a text in it by which it is known again.
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from inkdigits.errors import ConfigError
from inkdigits.files import written_whole

_KEY, _VALUE = "Software", "inkdigits, a drawing"


def check_drawable(path: Path) -> None:
    """Raise ConfigError for another ending than .png, and where a file that is no drawing of ours
    has that name: a picture, say.
    """
    if path.suffix.lower() != ".png":
        raise ConfigError(f"{path}: ends in {path.suffix or 'nothing'}, expected .png")
    if not path.exists():
        return
    try:
        with Image.open(path) as image:
            ours = image.info.get(_KEY) == _VALUE
    except (OSError, ValueError, SyntaxError):  # no picture that Pillow knows
        ours = False
    if not ours:
        raise ConfigError(f"{path}: exists and is not an earlier drawing; name another file")


def save_drawing(image: Image.Image, path: Path) -> None:
    """Write a drawing. Raises what `check_drawable` does."""
    check_drawable(path)
    about = PngInfo()
    about.add_text(_KEY, _VALUE)
    with written_whole(path) as part:
        image.save(part, "PNG", pnginfo=about)
