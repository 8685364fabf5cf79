import numpy as np

from inkdigits.picture.lines import without_lines


def paper(lines):
    """A 200 x 300 mask with a 4 of strokes 8 thick in its middle, and its columns and rows."""
    mask = np.zeros((200, 300), bool)
    for row in lines:
        mask[row : row + 2] = True
    four = np.zeros_like(mask)
    four[60:140, 160:168] = True  # the stem
    four[104:112, 120:190] = True  # the bar
    four[60:112, 120:128] = True
    return mask | four, four


def test_ruled_lines_go_and_the_digit_they_cross_stays():
    mask, four = paper([20, 50, 80, 125, 170])
    assert np.array_equal(without_lines(mask), four)


def test_squared_paper_goes_both_ways():
    mask, four = paper([20, 170])
    for column in (30, 90, 250):
        mask[:, column : column + 2] = True
    assert np.array_equal(without_lines(mask), four)


def test_a_slanting_line_goes():
    _, four = paper([])
    columns = np.arange(300)
    slanting = np.zeros_like(four)
    for thick in (0, 1):
        slanting[30 + thick + columns // 40, columns] = True
    assert np.array_equal(without_lines(slanting | four), four)


def test_a_digits_own_bar_is_no_ruled_line():
    _, four = paper([])
    close = four[50:150, 110:200]
    assert np.array_equal(without_lines(close), close)


def test_a_strokes_thickness_in_a_strip_is_measured_by_the_strips_height():
    strip = np.zeros((28, 400), bool)
    strip[3:25, 14:18] = True  # a 1 as high as the strip allows
    strip[3:6, 10:14] = True
    assert np.array_equal(without_lines(strip), strip)
