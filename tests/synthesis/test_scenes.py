import json

import cv2
import numpy as np
import pytest

from inkdigits.errors import DataError
from inkdigits.spec import OTHER, SORTS
from inkdigits.synthesis.folder import contact_sheet, ink_map, write_scenes
from inkdigits.synthesis.hands import Hands, collected, joined
from inkdigits.synthesis.scenes import HEIGHT, WIDTH, _part, scene
from inkdigits.synthesis.sheet import Sheet, _crossed, _lighter
from inkdigits.synthesis.strokes import FORMS, inked, sketched


@pytest.fixture(scope="module")
def hands(sample):
    return collected(sample.train.images, sample.train.labels, (), range(120), seed=3)


def test_every_sort_has_a_form_and_draws_ink():
    random = np.random.default_rng(0)
    assert set(FORMS) == set(SORTS)
    for sort in SORTS:
        ink, _, _ = inked(sketched(sort, random), 40, 3)
        assert ink.max() == 255


def test_a_form_is_as_high_as_asked():
    """A 1's stem from 0 to 1 at 100 pixels, with a pen of 1: 101 rows, and a soft edge."""
    ink, _, top = inked([np.array([[0.5, 0.0], [0.5, 1.0]])], 100, 1)
    rows = np.flatnonzero(ink.max(1) > 127)
    assert rows[0] + top == 0
    assert rows[-1] + top == 100


def ring(height=60, pen=5):
    """The ink of a 0 as high as asked, and half as wide."""
    ink = np.zeros((height, height // 2), np.uint8)
    cv2.ellipse(ink, (height // 4, height // 2), (height // 4 - 4, height // 2 - 4), 0, 0, 360,
                255, pen)  # fmt: skip
    return ink


def test_a_zeros_slash_crosses_its_middle_and_a_sevens_bar_does():
    for seed in range(5):
        slashed = _crossed(ring(), 0, np.random.default_rng(seed))
        height, width = slashed.shape
        assert (
            slashed[height // 2 - 5 : height // 2 + 5, width // 2 - 5 : width // 2 + 5].max() > 200
        )
        assert height >= 60 - 8
        barred = _crossed(np.full((40, 4), 255, np.uint8), 7, np.random.default_rng(seed))
        assert barred.shape[0] == 40


def test_lighter_strokes_keep_the_darkest_ones():
    for seed in range(5):
        lighter = _lighter(ring(), np.random.default_rng(seed))
        assert (lighter <= ring()).all()
        assert (lighter[ring() > 200] > 240).mean() >= 0.1  # a tenth is the darkest by definition
        assert lighter[ring() > 200].min() < 200


def test_hands_are_a_function_of_the_seed_and_the_number(sample, hands):
    again = joined([
        collected(sample.train.images, sample.train.labels, (), numbers, seed=3)
        for numbers in (range(70), range(70, 120))
    ])  # fmt: skip
    assert np.array_equal(again.shapes, hands.shapes)
    assert np.array_equal(again.sorts, hands.sorts)


def test_a_shape_fills_its_frame_both_ways(hands):
    assert hands.sizes.max(1).tolist() == [64] * len(hands.sizes)
    for shape, (rows, columns) in zip(hands.shapes, hands.sizes, strict=True):
        assert not shape[rows:].any()
        assert not shape[:, columns:].any()


def test_hands_come_back_from_their_file(hands, tmp_path):
    hands.save(tmp_path / "hands.npz")
    again = Hands.load(tmp_path / "hands.npz")
    assert np.array_equal(again.sorts, hands.sorts)
    (tmp_path / "other.npz").write_bytes(b"no archive")
    with pytest.raises(DataError, match="not a file of hands"):
        Hands.load(tmp_path / "other.npz")


def test_the_same_seed_and_number_give_the_same_scene(hands):
    one, again, other = scene(hands, 5, 7), scene(hands, 5, 7), scene(hands, 5, 8)
    assert np.array_equal(one.picture, again.picture)
    assert np.array_equal(one.boxes, again.boxes)
    assert one.picture.shape != other.picture.shape or not np.array_equal(
        one.picture, other.picture
    )


def test_boxes_frame_the_ink_within_the_picture(hands):
    """Of 60 scenes: every box lies in its picture and is the extent of its item's ink there."""
    for number in range(60):
        made = scene(hands, 1, number)
        height, width = made.picture.shape
        assert height <= HEIGHT
        assert width <= WIDTH
        assert len(made.items) == len(made.boxes) == len(made.sorts) == len(made.shown)
        for item, box, share in zip(made.items, made.boxes, made.shown, strict=True):
            left, top, right, bottom = box
            assert 0 <= left < right <= width
            assert 0 <= top < bottom <= height
            whole = item.left >= 0 and item.top >= 0
            whole &= item.left + item.ink.shape[1] <= width
            whole &= item.top + item.ink.shape[0] <= height
            assert (share == 1) or not whole
            if whole:
                assert (right - left, bottom - top) == (item.ink.shape[1], item.ink.shape[0])


def test_a_picture_of_what_lies_beyond_the_sheet_has_a_size(hands):
    """A word's last letter may begin at the sheet's edge: 8 pixels of the sheet are shown."""
    for seed in range(20):
        random = np.random.default_rng(seed)
        sheet = Sheet(HEIGHT, WIDTH, hands, random)
        sheet.others.append((WIDTH + 5, HEIGHT + 3, WIDTH + 30, HEIGHT + 40))
        left, top, right, bottom = _part(sheet, random, 20.0)
        assert right - left >= 8
        assert bottom - top >= 8
        assert (right, bottom) == (WIDTH, HEIGHT)


def test_scenes_hold_every_digit_and_most_signs(hands):
    seen = {SORTS[sort] for number in range(250) for sort in scene(hands, 2, number).sorts}
    assert set("0123456789") <= seen
    assert len(seen & set(SORTS[10:])) >= 8
    assert all(scene(hands, 2, number).sorts.max(initial=0) < OTHER for number in range(20))


def test_an_ink_map_numbers_each_items_ink(hands):
    made = next(s for s in (scene(hands, 4, n) for n in range(50)) if (s.shown == 1).sum() >= 2)
    labels = ink_map(made)
    assert labels.shape == made.picture.shape
    for number, (item, box, share) in enumerate(
        zip(made.items, made.boxes.astype(int), made.shown, strict=True)
    ):
        if share == 1 and item.ink.max() > 127:
            left, top, right, bottom = box
            assert (labels[top:bottom, left:right] == number + 1).any() or len(made.items) > 1


def test_scenes_are_written_with_what_stands_in_them(hands, tmp_path):
    done = []
    write_scenes(hands, 9, 3, tmp_path / "scenes", lambda n, total: done.append((n, total)))
    assert done == [(1, 3), (2, 3), (3, 3)]
    lines = (tmp_path / "scenes" / "scenes.jsonl").read_text().splitlines()
    for number, line in enumerate(map(json.loads, lines)):
        made = scene(hands, 9, number)
        file = tmp_path / "scenes" / line["file"]
        assert np.array_equal(cv2.imread(str(file), cv2.IMREAD_GRAYSCALE), made.picture)
        assert [SORTS.index(item["sort"]) for item in line["items"]] == made.sorts.tolist()
    assert (tmp_path / "scenes" / "contact.png").exists()
    assert contact_sheet([]).size == (6 * (WIDTH + 4), HEIGHT + 4)
