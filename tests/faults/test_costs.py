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
from inkdigits.picture import pdf
from inkdigits.picture.documents import count_pages, pages_in
from inkdigits.picture.headers import ClockedFile
from inkdigits.picture.open import MAX_BYTES, open_picture
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


def tiff_of_empty_pages(n):
    """Directories without an entry, each with the next one's place. Source: TIFF 6.0, section 2."""
    places = [*(8 + 6 * (page + 1) for page in range(n - 1)), 0]
    return b"II*\0\x08\0\0\0" + b"".join(struct.pack("<HI", 0, at) for at in places)


def test_of_a_file_2000_pages_are_read_and_an_error_stands_for_the_others(tmp_path, monkeypatch):
    few, many = tmp_path / "few.tif", tmp_path / "many.tif"
    few.write_bytes(tiff_of_empty_pages(2000))
    many.write_bytes(tiff_of_empty_pages(5000))
    assert len(list(pages_in(str(few)))) == 2000
    names = list(pages_in(str(many)))
    assert (len(names), names[-1]) == (2001, f"{many}#page=2001")
    assert count_pages(many.read_bytes()) == 2001
    with pytest.raises(PictureError) as caught:
        open_picture(names[-1])
    assert str(caught.value) == (
        f"{names[-1]}: of one file 2,000 pages are read, and this one and those behind it are not; "
        "split the file"
    )
    monkeypatch.setattr(pdf, "page_count", lambda data, name: 2**31)
    assert count_pages(b"%PDF-1.7") == 2001


def test_the_pages_of_a_file_that_is_too_large_are_not_counted(tmp_path):
    large = tmp_path / "large.tif"
    large.write_bytes(tiff_of_empty_pages(3))
    assert len(list(pages_in(str(large)))) == 3
    with large.open("r+b") as file:
        file.truncate(MAX_BYTES + 1)  # a hole: it takes no room
    assert list(pages_in(str(large))) == [str(large)]


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
