import os
import struct

import pytest
from bombs import png_chunk
from PIL import Image

from inkdigits.errors import ConfigError
from inkdigits.reading.drawings import check_drawable, save_drawing


def test_an_earlier_drawing_may_be_written_over(tmp_path):
    path = tmp_path / "why.png"
    for colour in ("white", "black"):
        save_drawing(Image.new("RGB", (30, 20), colour), path)
    with Image.open(path) as image:
        assert image.getpixel((0, 0)) == (0, 0, 0)
    with pytest.raises(ConfigError, match=r"ends in \.jpg, expected \.png"):
        check_drawable(tmp_path / "why.jpg")


def test_nothing_else_is_written_over_or_waited_for(tmp_path):
    """A PNG over Pillow's limit of pixels, a pipe, a folder, a picture, a file of no kind."""
    header = struct.pack(">II5B", 20_000, 20_000, 8, 0, 0, 0, 0)
    (tmp_path / "huge.png").write_bytes(b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header))
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "folder.png").mkdir()
    Image.new("L", (9, 9)).save(tmp_path / "picture.png")
    (tmp_path / "text.png").write_text("Software\0inkdigits, a drawing")
    for path in tmp_path.iterdir():
        with pytest.raises(ConfigError, match=r"exists and is not an earlier drawing; name anot"):
            check_drawable(path)
    check_drawable(tmp_path / "new.png")
