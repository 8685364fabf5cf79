import numpy as np
from scipy import ndimage

from inkdigits.picture.small import cuts_of, grounds_of, inks_of, side_by_side


def inks_as_likeliest(greys):
    grounds = grounds_of(greys)
    return inks_of(greys, grounds.dark, grounds.value)


def test_a_soft_edged_array_keeps_its_grey_levels(sample):
    image = sample.test.images[:1].astype(np.float32) / 255
    assert np.abs(inks_as_likeliest(image).level - image).max() < 0.1


def test_a_small_pictures_grain_is_not_ink(seven):
    random = np.random.default_rng(0)
    grain = random.normal(0.15, 0.04, (28, 28))
    picture = np.clip(grain + seven / 255 * 0.6, 0, 1).astype(np.float32)
    ink = inks_as_likeliest(picture[None]).level[0]
    near = ndimage.binary_dilation(seven > 0, iterations=2)
    assert not ink[~near].any()
    assert (ink > 0.5)[seven > 0].all()


def test_pictures_cut_together_give_what_each_gives_alone(sample):
    """Of both polarities, of two sizes, with noise, with two digits, with none."""
    digits = sample.test.images[:40]
    noise = np.random.default_rng(0).integers(0, 256, (5, 28, 28)).astype(np.uint8)
    two = np.hstack((digits[0], digits[1]))[:, 8:48]
    blank = np.full((28, 28), 200, np.uint8)
    pictures = [*digits, *(255 - digits[:10]), *noise, two, blank, *digits[:9, 4:24, 4:24]]
    greys = [np.asarray(picture / np.float32(255), np.float32) for picture in pictures]
    for grey, cut in zip(greys, cuts_of(greys), strict=True):
        (alone,) = cuts_of([grey])
        assert (cut is None) == (alone is None)
        if cut is not None:
            assert np.array_equal(cut.array, alone.array)
            assert cut.box == alone.box


def test_two_digits_and_blank_paper_are_left_to_the_finder(sample):
    two = np.zeros((28, 40), np.float32)
    two[6:22, 6:9] = two[6:22, 26:29] = 1
    assert cuts_of([two, np.full((28, 28), 0.8, np.float32)]) == [None, None]


def test_a_small_photo_with_a_shadow_is_left_to_the_finder(seven):
    photo = np.full((28, 28), 0.8, np.float32) * (1 - 0.7 * seven / np.float32(255))
    assert cuts_of([photo])[0] is not None
    photo[:, :9] *= np.float32(0.65)  # 9 of 28 columns: 66 of the border's 112 pixels are lit
    assert cuts_of([photo]) == [None]


def test_groups_beside_each_other_are_several_and_a_fives_bar_is_not():
    strokes = np.zeros((20, 30), bool)
    strokes[2:18, 4:7] = strokes[2:18, 20:23] = True
    assert side_by_side(strokes)
    five = np.zeros((20, 30), bool)
    five[6:18, 8:16] = five[2:4, 8:18] = True
    assert not side_by_side(five)


def test_ink_at_the_edge_joins_no_ink_of_the_next_picture():
    """A small speck at the foot of one picture, a digit that begins at the head of the next."""
    greys = np.zeros((2, 28, 28), np.float32)
    greys[0, 4:20, 12:16] = greys[1, 0:20, 12:16] = 1
    greys[0, 27, 13] = 1
    inks = inks_as_likeliest(greys)
    assert inks.level[0, 27, 13] == 0
    assert inks.level[0, 10, 13] == inks.level[1, 0, 13] == 1


def test_of_ink_that_stands_out_nowhere_nothing_is_found():
    greys = np.ones((1, 28, 28), np.float32)
    greys[0, 10, 10] = 0.5  # darker than the paper, where light ink is looked for
    inks = inks_of(greys, np.array([False]), np.array([1.0], np.float32))
    assert not inks.found[0]
    assert not inks.level.any()
