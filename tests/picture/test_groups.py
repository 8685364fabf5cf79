import numpy as np

from inkdigits.picture.groups import side_by_side


def page(*boxes):
    mask = np.zeros((100, 160), bool)
    for top, bottom, left, right in boxes:
        mask[top:bottom, left:right] = True
    return mask


def test_two_tall_groups_beside_each_other_are_several():
    assert side_by_side(page((20, 80, 20, 50), (25, 85, 70, 100)))


def test_one_group_a_bar_over_it_or_a_speck_beside_it_are_not():
    assert not side_by_side(page((20, 80, 20, 50)))
    assert not side_by_side(page((30, 80, 20, 50), (15, 22, 30, 70)))  # a 5's bar
    assert not side_by_side(page((20, 80, 20, 50), (40, 45, 80, 85)))
