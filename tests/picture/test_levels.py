import numpy as np
import pytest

from inkdigits.picture.levels import otsu_threshold, percentiles


def test_otsu_parts_two_levels_in_the_middle_between_them():
    values = np.array([0.2] * 50 + [0.8] * 50, np.float32)
    assert otsu_threshold(values) == pytest.approx(0.5, abs=0.01)


def test_percentiles_are_numpys():
    values = np.random.default_rng(0).random((31, 17), np.float32)
    wanted = (0, 0.5, 20, 50, 99.7, 100)
    assert percentiles(values, *wanted) == pytest.approx(np.percentile(values, wanted), abs=1e-6)
    assert percentiles(np.array([0.3], np.float32), 20, 80) == pytest.approx((0.3, 0.3))
