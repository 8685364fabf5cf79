import numpy as np
import pytest

from inkdigits.picture.otsu import otsu_threshold


def test_otsu_parts_two_levels_in_the_middle_between_them():
    values = np.array([0.2] * 50 + [0.8] * 50, np.float32)
    assert otsu_threshold(values) == pytest.approx(0.5, abs=0.01)
