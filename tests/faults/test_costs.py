"""What a small file may cost: it is looked at before it is decoded, and has a clock."""

import struct
import time

import numpy as np
import pytest
from bombs import (
    jpeg_of_scans,
    page_of_digits,
    png_chunk,
    run_length_bmp,
    saved,
    tiff,
    white_png,
)

from inkdigits import clock
from inkdigits.errors import PictureError, TooLongError
from inkdigits.picture.headers import ClockedFile
from inkdigits.picture.open import open_picture
from inkdigits.reading.reader import Reader

COMMENT = struct.pack(">HH", 0xFFFE, 2)  # of a JPEG, with nothing in it


def many_comments(kind, n=60_000):
    whole = saved(kind)
    if kind == "JPEG":
        return whole[:2] + n * COMMENT + whole[2:]
    after = 13 + (3 << (whole[10] & 7) + 1 if whole[10] & 0x80 else 0)
    return whole[:after] + n * b"!\xfe\x01a\0" + whole[after:]


SLOW = {
    "run lengths": (run_length_bmp(), "a BMP of 1,082 bytes and 39000000x1 pixels"),
    "comments": (b"P2 1000 1000 255\n" + b"#\n" * 500_000, "slow to decode (ppm_plain)"),
    "odd depth": (b"P5 6000 6000 254\n" + bytes(100_000), "slow to decode (ppm)"),
    "scans": (jpeg_of_scans(101), "over 100 scans"),
    "segments": (many_comments("JPEG"), "a JPEG of over 50,000 segments"),
    "blocks": (many_comments("GIF"), "a GIF of over 50,000 comments"),
    "chunks": (
        white_png(10, 10, before=60_000 * png_chunk(b"abCd", b"")), "a PNG of over 50,000 chunks"
    ),
    "tiles": (tiff(tag_322=32768, tag_323=32768), "in tiles of 32768x32768"),
    "compression": (tiff(tag_278=100, tag_259=34925), "a TIFF compressed by lzma"),
}  # fmt: skip


@pytest.mark.parametrize("kind", SLOW)
def test_what_a_small_file_makes_slow_or_large_is_refused_undecoded(kind):
    data, says = SLOW[kind]
    before = time.thread_time()
    with pytest.raises(PictureError) as caught:
        open_picture(data)
    assert says in str(caught.value)
    assert time.thread_time() - before < 2  # of computing; undecided it took 4 to 30


def test_the_same_kinds_are_read_where_they_are_plain():
    three = b"P2 2 1 255\n# three grey\n0 255"
    assert open_picture(three).grey.tolist() == [[0, 1]]
    for plain in (jpeg_of_scans(3), saved("GIF"), tiff(tag_278=100), white_png(100, 100)):
        assert open_picture(plain).grey.shape == (100, 100)
    assert open_picture(tiff(tag_322=128, tag_323=128)).grey.min() == 1


def test_a_decoder_that_asks_for_more_is_stopped_when_the_time_is_up():
    file = ClockedFile(b"1234")
    with clock.at_most(0), pytest.raises(TooLongError, match="over 0 s of computing"):
        file.read(2000)
    assert file.read(2000) == b"1234"


def test_a_shorter_limit_holds_within_a_longer_one_and_ends_with_it():
    with clock.at_most(1000), pytest.raises(TooLongError), clock.at_most(0), clock.at_most(500):
        clock.check()
    clock.check()


def test_a_page_that_takes_too_long_is_an_error_in_its_place():
    reader = Reader(threads=1, max_seconds=0.05)
    found = list(reader.read_many([page_of_digits(), np.full((40, 40), 255, np.uint8)]))
    assert isinstance(found[0], TooLongError)
    assert "over 0.05 s of computing" in str(found[0])
    assert found[0].__traceback__ is None
    assert found[1].text == ""


def test_large_pictures_one_after_another_take_less_than_500_mb(measured, tmp_path):
    files = {
        "page": page_of_digits(step=40),
        "webp": saved("WEBP", 4470),
        "gif": saved("GIF", 6300),
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    said, peak_mb = measured(
        "import sys\nfrom inkdigits.reading.reader import Reader\n"
        "reader = Reader(threads=1)\n"
        "for path in sys.argv[1:]: print(reader.read(path).width)",
        *(tmp_path / name for name in files),
    )
    assert said == ["1000", "4470", "6300"]
    assert peak_mb < 500
