import numpy as np
import pytest
from PIL import Image

from inkdigits.picture.decode import Shown, upright_image
from inkdigits.reading import explain
from inkdigits.reading.reader import Reader


class Counts(Reader):
    """Says that the probability of a 3 is the share of ink in row 10 to 14, column 6 to 10."""

    def __init__(self):
        pass

    def probabilities(self, arrays):
        found = np.zeros((len(arrays), 10), np.float32)
        found[:, 3] = arrays[:, 10:15, 6:11].mean((1, 2))
        return found


def test_what_mattered_is_where_it_mattered():
    lost = explain.occlusion(Counts(), np.ones((28, 28), np.float32), 3)
    assert np.unravel_index(lost.argmax(), lost.shape) == (12, 8)
    # A patch is 5 wide, so nothing further than 4 pixels off the square can matter.
    outside = np.ones((28, 28), bool)
    outside[6:19, 2:15] = False
    assert np.abs(lost[outside]).max() == 0
    # Patches begin at every second pixel: its middle lies under four, each over 4x4 of its 5x5.
    assert lost[12, 8] == pytest.approx(16 / 25, abs=1e-6)


def test_the_page_has_a_row_for_each_picture(tmp_path, seven):
    reader = Reader()
    picture = Image.fromarray(seven)
    reading = reader.predict(picture)
    row = explain.Row("seven.png", upright_image(picture), reading)
    explain.draw([row, row], reader, tmp_path / "why.png")
    page = np.asarray(Image.open(tmp_path / "why.png"))
    half = page.shape[0] // 2
    assert page.shape[1] > 900
    assert np.ptp(page[:half]) == np.ptp(page[half:]) == 255


def test_a_page_has_a_row_for_each_two_of_its_digits(seven):
    """A row is a panel of 112 pixels, two lines of 14 and a gap of 16: 156."""
    reader = Reader()
    paper = np.full((70, 260), 255, np.uint8)
    for k in range(5):
        paper[20:48, 10 + 50 * k : 38 + 50 * k] = 255 - seven
    page = reader.read(paper)
    assert page.text.replace(" ", "") == "77777"
    shown = Shown(Image.fromarray(paper).convert("RGB"), 260, 70)
    heights = {
        most: explain.page_figure("sevens", shown, page, reader, most).height
        for most in (1, 2, 3, 5)
    }
    assert heights[1] == heights[2]
    assert heights[3] - heights[2] == 156
    assert heights[5] - heights[2] == 2 * 156


def test_a_notebooks_figure_is_kept_once_and_small(seven):
    paper = np.full((70, 260), 255, np.uint8)
    paper[20:48, 10:38] = 255 - seven
    figure = explain.explained(paper, Reader())
    assert figure.mode == "P"
    assert len(figure._repr_png_()) < 40_000
    assert figure._repr_jpeg_() is None  # IPython keeps every form that it is given
