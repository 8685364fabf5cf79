import io
import struct
import zlib

import numpy as np
import pytest
from bombs import png_chunk
from PIL import Image, PngImagePlugin

from inkdigits.picture.grey_png import grey_png
from inkdigits.picture.open import open_picture
from support import encoded


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 256, (20, 28)).astype(np.uint8)


def with_chunk(data, kind, content):
    """The PNG with one chunk more behind its header's 33 bytes."""
    body = kind + content
    chunk = struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))
    return data[:33] + chunk + data[33:]


def test_the_pixels_are_pillows(pixels):
    data = encoded(pixels)
    assert (grey_png(data, 28) == np.asarray(Image.open(io.BytesIO(data)))).all()
    opened = open_picture(data)
    assert opened.grey.dtype == np.float32
    assert (opened.grey == pixels / np.float32(255)).all()
    assert (opened.width, opened.height) == (28, 20)


def test_notes_about_the_picture_change_nothing(pixels):
    about = PngImagePlugin.PngInfo()
    about.add_text("Software", "a scanner's")
    data = encoded(pixels, pnginfo=about, dpi=(300, 300))
    assert (grey_png(data, 28) == pixels).all()


@pytest.mark.parametrize("lines", [b"\5" + b"x" * 28, b"\0" + b"x" * 27, b"\0" + b"x" * 56])
def test_what_is_no_picture_of_that_size_writes_nothing_to_standard_error(lines, capfd):
    """As libpng does: of a filter that there is not, too few pixels and too many."""
    header, one = encoded(np.zeros((1, 28), np.uint8)), zlib.compress(lines)
    start, end = header.index(b"IDAT") - 4, header.index(b"IEND") - 4
    assert grey_png(header[:start] + png_chunk(b"IDAT", one) + header[end:], 28) is None
    assert capfd.readouterr().err == ""


def test_what_says_more_than_pixels_is_left_to_pillow(pixels):
    grey = Image.fromarray(pixels)
    exif = Image.Exif()
    exif[0x0112] = 6
    others = {
        "colour": encoded(grey.convert("RGB")),
        "palette": encoded(grey.convert("P")),
        "1 bit": encoded(grey.convert("1")),
        "16 bits": encoded(pixels.astype(np.uint16) * 257),
        "transparent grey": encoded(grey, transparency=0),
        "turned": encoded(grey, exif=exif),
        "turned, as ImageMagick says it": with_chunk(
            encoded(grey), b"tEXt", b"Raw profile type exif\0..."
        ),
        "animated": with_chunk(encoded(grey), b"acTL", struct.pack(">II", 1, 0)),
        "larger": encoded(grey.resize((29, 20))),
        "no PNG": b"GIF89a",
        "the signature alone": encoded(grey)[:8],
    }
    assert {name for name, data in others.items() if grey_png(data, 28) is not None} == set()


def test_damage_anywhere_is_seen(pixels):
    data = encoded(pixels)
    for at in range(len(data)):
        damaged = bytearray(data)
        damaged[at] ^= 16
        assert grey_png(bytes(damaged), 28) is None, at
        assert grey_png(data[:at], 28) is None, at
