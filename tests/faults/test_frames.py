"""An error that is kept keeps no pixels: its frames, and those of its causes, are let go."""

import gc

import pytest
from bombs import white_png

from inkdigits.errors import NotAPictureError
from inkdigits.reading.reader import Reader


@pytest.mark.parametrize("how", ["read_many", "predict_many"])
def test_an_error_in_a_pictures_place_has_no_frames(how):
    (error,) = getattr(Reader(threads=1), how)([white_png(900, 900, kept=0.5)])
    assert isinstance(error, NotAPictureError)
    assert (error.__traceback__, error.__cause__, error.__context__) == (None, None, None)
    assert "broken or cut off (image file is truncated" in str(error)


def test_an_error_that_is_raised_holds_no_picture():
    reader = Reader(threads=1)
    with pytest.raises(NotAPictureError) as caught:
        reader.read(white_png(900, 900, kept=0.5))
    seen, frame = set(), caught.value.__traceback__
    while frame is not None:
        seen |= {
            type(value).__module__.partition(".")[0] for value in frame.tb_frame.f_locals.values()
        }
        frame = frame.tb_next
    assert "PIL" not in seen
    assert "numpy" not in seen
    assert caught.value.__cause__ is None


def test_12_cut_pictures_of_20_megapixels_take_less_than_300_mb(measured, tmp_path):
    (tmp_path / "cut.png").write_bytes(white_png(5000, 4000, kept=0.2))
    said, peak_mb = measured(
        "import gc, sys; gc.disable()\n"  # nor does it take the collector to let them go
        "from inkdigits.reading.reader import Reader\n"
        "found = list(Reader(threads=1).read_many([open(sys.argv[1], 'rb').read()] * 12))\n"
        "print(len(found), {type(one).__name__ for one in found})",
        tmp_path / "cut.png",
    )
    assert said == ["12 {'NotAPictureError'}"]
    assert peak_mb < 300  # the program has 80, each picture 80


def test_500_bad_pictures_take_no_more_than_20():
    reader, bad = Reader(threads=1), white_png(100, 100, kept=0.5)
    kept = list(reader.read_many([bad] * 20))
    gc.collect()
    before = len(gc.get_objects())
    kept = list(reader.read_many(bad for _ in range(500)))
    assert len(kept) == 500
    assert len(gc.get_objects()) - before < 5 * 500  # an error and its words, no image or array
