"""Whatever comes in, a digit array or one clear error comes out."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image

from inkdigits.errors import NotAPictureError, PictureError
from inkdigits.picture.open import open_picture
from inkdigits.reading.reader import Reader
from support import encoded

READER = Reader(threads=1)


def page_as(mode):
    page = np.full((60, 50), 230, np.uint8)
    page[15:45, 22:27] = 20
    return Image.fromarray(page).convert(mode)


WHOLE = {
    "png": encoded(page_as("L"), "PNG"),
    "rgba": encoded(page_as("RGBA"), "PNG"),
    "jpeg": encoded(page_as("RGB"), "JPEG"),
    "gif": encoded(page_as("L"), "GIF"),
    "bmp": encoded(page_as("RGB"), "BMP"),
    "tiff": encoded(page_as("L"), "TIFF", compression="tiff_lzw"),
    "webp": encoded(page_as("RGB"), "WEBP"),
    "ppm": encoded(page_as("L"), "PPM"),
}


def array_or_error(picture):
    try:
        reading = READER.predict(picture)
    except PictureError:
        return
    assert reading.array.shape == (28, 28)
    assert reading.array.dtype == np.float32
    assert np.isfinite(reading.array).all()
    assert reading.array.min() >= 0
    assert reading.array.max() <= 1
    assert reading.array.any() or reading.reason in ("blank", "no digit")
    left, top, right, bottom = reading.box
    assert 0 <= left < right
    assert 0 <= top < bottom


@pytest.mark.parametrize("kind", WHOLE)
def test_the_whole_files_are_read(kind):
    assert READER.predict(WHOLE[kind]).array.max() > 0.9


@settings(deadline=None, max_examples=150)
@given(
    st.sampled_from(sorted(WHOLE)),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=8),
    st.floats(0.3, 1),
)
def test_a_damaged_file_is_read_or_refused(kind, changes, kept):
    data = bytearray(WHOLE[kind])
    for place, value in changes:
        data[int(place * (len(data) - 1))] = value
    array_or_error(bytes(data[: int(kept * len(data))]))


@pytest.mark.parametrize("mode", ["L", "RGB", "P", "RGBA", "1"])
def test_a_png_is_whole_or_refused(mode):
    whole = encoded(page_as(mode), "PNG")
    first, last = whole.index(b"IDAT") + 4, whole.index(b"IEND") - 4
    for at in range(first, last):
        flipped = bytearray(whole)
        flipped[at] ^= 0b100
        with pytest.raises(NotAPictureError, match="broken"):
            open_picture(bytes(flipped))
    for end in range(first, last - 20):
        with pytest.raises(NotAPictureError, match="broken or cut off"):
            open_picture(whole[:end])


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=200))
def test_any_bytes_are_refused(data):
    array_or_error(data)


@settings(deadline=None, max_examples=150)
@given(arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=70)))
def test_any_grey_array_is_read_or_refused(array):
    array_or_error(array)


@settings(deadline=None, max_examples=50)
@given(
    st.integers(1, 300),
    st.integers(1, 300),
    st.integers(0, 2**32 - 1),
    st.sampled_from(["noise", "step", "dot", "frame"]),
)
def test_odd_pages_are_read_or_refused(height, width, seed, kind):
    random = np.random.default_rng(seed)
    page = np.full((height, width), random.integers(0, 256), np.uint8)
    if kind == "noise":
        page = random.integers(0, 256, (height, width)).astype(np.uint8)
    elif kind == "step":
        page[: height // 2] = random.integers(0, 256)
    elif kind == "dot":
        page[random.integers(height), random.integers(width)] = random.integers(0, 256)
    else:
        page[[0, -1]] = random.integers(0, 256)
        page[:, [0, -1]] = page[0, 0]
    array_or_error(page)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's own account")
@pytest.mark.parametrize("mode", ["I;16", "RGBA", "P", "1"])
def test_64_million_pixels_take_less_than_500_mb(mode, tmp_path):
    page = np.full((8000, 8000), 255, np.uint8)
    page[2000:6000, 3800:4200] = 0
    image = Image.fromarray(page)
    image = Image.fromarray(page.astype(np.uint16) * 257) if mode == "I;16" else image.convert(mode)
    image.save(tmp_path / "page.png", compress_level=1)
    code = (
        "import sys; from pathlib import Path; from inkdigits.reading.reader import Reader\n"
        "print(list(Reader(threads=1).predict(sys.argv[1]).box))\n"
        "status = Path('/proc/self/status').read_text().split()\n"
        "print(status[status.index('VmHWM:') + 1])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "page.png"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    box, peak_kb = done.stdout.splitlines()
    assert np.allclose(
        json.loads(box), (3800, 2000, 4200, 6000), atol=130
    )  # a pixel of its close-up is 125
    assert int(peak_kb) < 500_000
