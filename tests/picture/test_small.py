import numpy as np
from scipy import ndimage

from inkdigits.picture import look_at
from inkdigits.picture.small import grounds_of, inks_of


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


def test_a_block_that_fills_its_frame_can_be_ink():
    """A 1 stretched to a form's 16x16: ink on 60 of the border's 60 pixels but a notch of 6."""
    notched = np.ones((16, 16), np.float32)
    notched[5:11, 0:4] = 0
    block = notched.copy()
    block[5:11, 12:16] = block[0:3, 5:11] = block[13:16, 4:12] = 0  # 34 of 60
    grounds = grounds_of(np.stack((notched, block)))
    assert grounds.either.tolist() == [False, True]  # a frame so full of ink is taken for paper
    assert (grounds.dark[1], grounds.value[1], grounds.other[1]) == (True, 1.0, 0.0)
    assert not grounds.even[1]
    ink = inks_of(block[None], np.array([False]), grounds.other[1:]).level[0]
    assert ink[8, 8] == 1
    assert ink[8, 0] == 0


def test_pictures_read_together_give_what_each_gives_alone(sample):
    """Of both polarities, of two sizes, with noise, with two digits, with none."""
    digits = sample.test.images[:40]
    noise = np.random.default_rng(0).integers(0, 256, (5, 28, 28)).astype(np.uint8)
    two = np.hstack((digits[0], digits[1]))[:, 8:48]
    blank = np.full((28, 28), 200, np.uint8)
    pictures = [*digits, *(255 - digits[:10]), *noise, two, blank, *digits[:9, 4:24, 4:24]]
    for picture, look in zip(pictures, look_at(pictures), strict=True):
        (alone,) = look_at([picture])
        if picture is blank:
            assert str(look) == str(alone)
            continue
        assert np.array_equal(look.seen.array, alone.seen.array)
        assert look.seen[1:] == alone.seen[1:]


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
