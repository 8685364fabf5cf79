import numpy as np
import pytest

from inkdigits.picture.views import BOX_UNIT, CLOSE, close_up, frame_of, side_of, standardised
from inkdigits.spec import OTHER
from inkdigits.synthesis.scenes import Scene
from inkdigits.synthesis.sheet import Item
from inkdigits.training.finding.targets import close_ups_of, maps_of, on_canvas, true_sorts


def a_scene(left=40, top=60, width=20, height=32, shown=1.0, unit=32.0, sort=7):
    picture = np.full((192, 256), 200, np.uint8)
    picture[top : top + height, left : left + width] = 30
    item = Item(sort, left, top, np.full((height, width), 255, np.uint8), unit)
    return Scene(
        picture, (item,), np.array([[left, top, left + width, top + height]], np.float32),
        np.array([sort]), np.array([unit], np.float32), np.array([shown], np.float32),
        np.zeros((0, 4), np.float32),
    )  # fmt: skip


def test_the_centre_cell_holds_the_heat_the_sort_and_the_box():
    """Centre (50, 76) pixels: cell 12 across (its middle is pixel 50), 19 down (pixel 78)."""
    maps = maps_of(a_scene(), 0, 0)
    row, column = np.argwhere(maps.heat[0] == 1)[0]
    assert (row, column) in ((18, 12), (19, 12))
    assert maps.sorts[row, column] == 7
    x, y, wide, high, unit = maps.boxes[:, row, column]
    assert (column + 0.5 + x) * 4 == pytest.approx(50)
    assert (row + 0.5 + y) * 4 == pytest.approx(76)
    assert BOX_UNIT * np.exp([wide, high, unit]) == pytest.approx([20, 32, 32], rel=1e-5)
    assert maps.heat[1].max() == 0
    assert (maps.sorts >= 0).sum() < 40


def test_a_sign_is_heat_of_its_own():
    maps = maps_of(a_scene(sort=10), 0, 0)
    assert maps.heat[0].max() == 0
    assert maps.heat[1].max() == 1


@pytest.mark.parametrize(
    ("unit", "shown", "heat", "judged"),
    [
        (32.0, 1.0, 1, True),
        (6.0, 1.0, 0, True),  # too small: nothing, and that is taught
        (8.0, 1.0, 0, False),  # in between: not judged
        (100.0, 1.0, 0, False),
        (120.0, 1.0, 0, True),
        (32.0, 0.5, 0, False),  # half of it lies outside the picture
        (32.0, 0.2, 0, True),
    ],
)
def test_what_is_too_small_too_large_or_cut_off(unit, shown, heat, judged):
    maps = maps_of(a_scene(unit=unit, shown=shown), 0, 0)
    assert maps.heat.max() == heat
    assert bool(maps.judged.min() == 1) == judged


def test_a_picture_on_the_canvas_is_standardised_and_the_rest_is_nothing():
    made = a_scene()
    small = Scene(made.picture[50:110, 30:80], *[getattr(made, n) for n in (
        "items", "boxes", "sorts", "units", "shown", "others")])  # fmt: skip
    canvas, left, top = on_canvas(small, np.random.default_rng(0))
    part = canvas[top : top + 60, left : left + 50]
    assert part.mean() == pytest.approx(0, abs=1e-5)
    assert 0.9 < part.std() < 1
    assert np.count_nonzero(canvas) <= part.size


def test_a_close_up_is_around_the_middle_at_one_size():
    """A 20x32 block: side 48, so one pixel is one pixel; 0 where the picture ends."""
    grey = a_scene().picture / np.float32(255)
    box = np.array([40, 60, 60, 92], np.float32)
    side = side_of(box, 32.0)
    assert side == 48
    view = close_up(grey, box, side)
    assert view.shape == (CLOSE, CLOSE)
    dark = view < 0
    assert (dark[8:40, 14:34]).all()
    assert dark.sum() == 20 * 32
    frame = frame_of(box, side)
    assert np.array_equal(frame == 1, dark)
    edge = close_up(grey, np.array([-10, 60, 10, 92], np.float32), side)
    assert not edge[:, :24].any()


def test_a_large_digit_is_shown_smaller_and_a_points_surroundings_are_shown():
    assert side_of(np.array([0, 0, 96, 64], np.float32), 64) == 144
    assert side_of(np.array([0, 0, 3, 3], np.float32), 32) == 36


def test_close_ups_have_the_items_own_ink():
    made = a_scene()
    found = close_ups_of(made, np.random.default_rng(1))
    digits = found.sorts != OTHER
    assert digits.sum() == 1
    ink = found.inks[digits][0]
    assert ink.max() == 1
    assert 400 < ink.sum() < 900  # 20 x 32 = 640, shown a little smaller or larger
    assert not found.inks[~digits].any()


def test_a_flat_picture_standardises_to_nothing():
    assert not standardised(np.full((5, 5), 0.7, np.float32)).round(4).any()


def test_a_candidate_is_the_digit_it_overlaps_most():
    class Made:
        boxes = np.array([[0, 0, 10, 20], [30, 0, 40, 20]], np.float32)
        sorts = np.array([4, 7])
        shown = np.array([1.0, 0.5])

    boxes = np.array([[1, 0, 11, 20], [3, 8, 13, 28], [30, 0, 40, 20], [80, 0, 90, 20]], np.float32)
    # The second overlaps by 84 of 316: open. The third's digit is half outside: open.
    assert true_sorts(Made, boxes).tolist() == [4, -1, -1, 20]
