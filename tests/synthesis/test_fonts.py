from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from fontTools.ttLib import TTFont

from inkdigits.errors import DataError
from inkdigits.synthesis.fonts import font_files, glyph
from inkdigits.synthesis.handwriting import LARGE

FONTS = Path(mpl.get_data_path()) / "fonts" / "ttf"
SANS = FONTS / "DejaVuSans.ttf"


@pytest.mark.parametrize("sign", ["1", "8", "m", "-"])
def test_a_glyph_is_eighty_pixels_long_and_in_the_middle(sign):
    shape = glyph(SANS, sign)
    assert shape.shape == (LARGE, LARGE)
    rows, columns = np.flatnonzero(shape.any(1)), np.flatnonzero(shape.any(0))
    assert max(np.ptp(rows), np.ptp(columns)) + 1 in (79, 80)  # the soft edge may round away
    assert abs(rows[0] - (LARGE - 1 - rows[-1])) <= 2
    assert abs(columns[0] - (LARGE - 1 - columns[-1])) <= 2


def test_a_zero_has_a_hole_and_a_blank_has_no_ink():
    zero = glyph(SANS, "0")
    assert not zero[LARGE // 2, LARGE // 2]
    assert zero[LARGE // 2].any()
    assert not glyph(SANS, " ").any()


def test_fonts_are_found_below_a_folder_in_order(tmp_path):
    (tmp_path / "b").mkdir()
    for name in ("b/two.TTF", "a.ttf"):
        (tmp_path / name).write_bytes(SANS.read_bytes())
    (tmp_path / "readme.txt").write_text("no font")
    assert [f.name for f in font_files(tmp_path)] == ["a.ttf", "two.TTF"]


def test_a_folder_without_fonts_and_a_broken_font_are_refused(tmp_path):
    with pytest.raises(DataError, match="holds no font"):
        font_files(tmp_path)
    (tmp_path / "bad.ttf").write_bytes(b"no font at all")
    with pytest.raises(DataError, match=r"bad\.ttf: not a font"):
        font_files(tmp_path)


@pytest.mark.parametrize(("units", "message"), [(16, "decompression bomb"), (0, "broken table")])
def test_a_font_of_huge_glyphs_is_refused(tmp_path, units, message):
    """Its glyphs are some thousand units high, of which so many make the size that is drawn."""
    font = TTFont(Path(mpl.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf")
    font["head"].unitsPerEm = units
    font.save(tmp_path / "a.ttf")
    with pytest.raises(DataError, match=rf"a\.ttf: not a font that can be drawn with: .*{message}"):
        font_files(tmp_path)
