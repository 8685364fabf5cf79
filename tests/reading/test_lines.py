import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inkdigits.reading.lines import gaps_after, lines_of
from inkdigits.reading.page import Candidates, page_of
from inkdigits.spec import SORTS


def candidates(rows):
    """Candidates from (sign, left, top, width, height) rows; a digit's line height is its own."""
    n = len(rows)
    boxes = np.array([(x, y, x + w, y + h) for _, x, y, w, h in rows], np.float32).reshape(-1, 4)
    heights = boxes[:, 3] - boxes[:, 1]
    typical = np.median(heights[[s.isdigit() for s, *_ in rows]]) if n else 0
    units = np.array(
        [h if s.isdigit() else typical for (s, *_), h in zip(rows, heights, strict=True)],
        np.float32,
    )
    return Candidates(
        boxes, units, np.array([SORTS.index(s) for s, *_ in rows], np.int64),
        np.full(n, 0.9, np.float32), np.full((n, 10), 0.1, np.float32), np.ones(n, bool),
        np.full(n, ""), np.zeros((n, 28, 28), np.float32), np.zeros(n, np.float32),
    )  # fmt: skip


def written(text, x=0.0, y=0.0, size=20.0, gap=5.0):
    """A line of digits 0.6 as wide as high; a space is 30 pixels, signs lie where they should."""
    rows = []
    for sign in text:
        if sign == " ":
            x += 30
            continue
        wide, high, down = 0.6 * size, size, 0.0
        if sign in ".,":
            wide, high, down = 3, 3, size - 3
        elif sign == "-":
            wide, high, down = 10, 2, size / 2 - 1
        rows.append((sign, x, y + down, wide, high))
        x += wide + gap
    return rows


def turned(rows, degrees):
    """The same boxes on a page turned by some degrees about (0, 0)."""
    a = np.radians(degrees)
    found = []
    for sign, x, y, w, h in rows:
        cx, cy = x + w / 2, y + h / 2
        nx, ny = cx * np.cos(a) - cy * np.sin(a), cx * np.sin(a) + cy * np.cos(a)
        found.append((sign, nx - w / 2, ny - h / 2, w, h))
    return found


def text_of(rows):
    return page_of(candidates(rows), 1000, 1000).text


def test_a_number_is_read_from_left_to_right_whatever_the_order():
    rows = written("2024")
    assert text_of([rows[i] for i in (2, 0, 3, 1)]) == "2024"


def test_lines_go_from_top_to_bottom():
    assert text_of(written("34", y=40) + written("12")) == "12\n34"


def test_a_clear_gap_parts_numbers():
    assert text_of(written("12 345 6")) == "12 345 6"


def test_gaps_between_numbers_may_differ_more_than_those_within():
    """4 pixels within two numbers of a table, 16 to 40 between its cells; digits 20 high."""
    rows, x = [], 0
    for digit, gap in zip("1012345678", (4, 16, 38, 28, 34, 18, 4, 22, 40, 0), strict=True):
        rows.append((digit, x, 0, 12, 20))
        x += 12 + gap
    assert text_of(rows) == "10 1 2 3 4 56 7 8"


def test_digits_that_all_stand_apart_are_one_number():
    assert text_of(written("467", gap=40)) == "467"
    assert text_of(written("467", gap=52)) == "4 6 7"  # nobody writes a number so


def test_gaps_are_judged_by_the_whole_page():
    """Single digits far apart on a page whose other lines have numbers of two."""
    assert text_of(written("10 12 14") + written("5 6 7", y=40)) == "10 12 14\n5 6 7"


def test_each_line_has_its_own_gaps_where_the_page_has_no_common_ones():
    """Six hands: 2 to 12 pixels within their numbers, 12 to 32 between them; digits 20 high."""
    rows = []
    for line, (within, between) in enumerate(
        ((2, 12), (4, 14), (6, 18), (8, 22), (10, 27), (12, 32))
    ):
        x = 0
        for digit, gap in zip("1234", (within, between, within, 0), strict=True):
            rows.append((digit, x, 40 * line, 12, 20))
            x += 12 + gap
    assert text_of(rows) == "\n".join(["12 34"] * 6)


@pytest.mark.parametrize("text", ["12.50", "1,024", "3-2", "6+8=14", "(1+2)×3", "12/05/2024"])
def test_signs_stand_in_the_text(text):
    assert text_of(written(text)) == text


def test_numbers_have_their_points_and_their_minus():
    page = page_of(candidates(written("12.50 -6 3+4")), 500, 100)
    assert [number.text for number in page.numbers] == ["12.50", "-6", "3", "4"]
    assert page.signs.signs == ".-+"


@pytest.mark.parametrize(
    ("text", "expected"), [("(0", [False]), ("1.5", [False]), ("0 5(", [True, False])]
)
def test_a_number_beside_an_unsure_sign_is_not_accepted(text, expected):
    """The sign may be a digit of it; but not one that stands apart."""
    found = candidates(written(text, gap=3))
    for i, sort in enumerate(found.sorts):
        found.accepted[i] = SORTS[sort].isdigit()
    assert [number.accepted for number in page_of(found, 100, 100).numbers] == expected


@pytest.mark.parametrize(("text", "signs"), [("1.5", 1), ("(15", 1), ("-15", 1), ("15", 0)])
def test_a_numbers_confidence_counts_the_signs_in_it_and_beside_it(text, signs):
    (number,) = page_of(candidates(written(text, gap=3)), 100, 100).numbers
    assert number.confidence == pytest.approx(0.9 ** (2 + signs))


def test_a_numbers_box_is_around_its_digits_and_its_confidence_is_their_product():
    (number,) = page_of(candidates([("1", 10, 20, 5, 20), ("7", 18, 18, 10, 21)]), 100, 100).numbers
    assert number.box == (10, 18, 28, 40)
    assert number.confidence == pytest.approx(0.81)
    assert number.accepted


def test_a_point_belongs_to_the_line_it_stands_on():
    """Two close lines: the point at the foot of the first is nearer to the second's middle."""
    rows = [*written("1.5"), *written("7", x=24, y=22)]
    assert text_of(rows) == "1.5\n7"


def test_a_line_of_signs_alone_is_none():
    assert text_of([*written("12"), ("-", 0, 60, 30, 2)]) == "12"
    page = page_of(candidates([("-", 0, 60, 30, 2)]), 100, 100)
    assert (page.text, page.reason, len(page.digits)) == ("", "blank", 0)


def test_nothing_is_a_blank_page():
    page = page_of(candidates([]), 30, 20)
    assert (page.text, page.reason, page.lines, page.table()) == ("", "blank", [], [])


@pytest.mark.parametrize("degrees", [-12, -5, 0, 3, 8, 12])
def test_a_sloping_page_keeps_its_text(degrees):
    lines = ["123 456", "78 9012", "345 678"]
    rows = [row for k, line in enumerate(lines) for row in written(line, y=45.0 * k)]
    assert text_of(turned(rows, degrees)) == "\n".join(lines)


def test_a_line_may_bend():
    rows = [("5", 20.0 * i, 0.0006 * (20 * i - 150) ** 2, 12, 20) for i in range(16)]
    assert text_of(rows) == "5" * 16


def test_a_table_has_rows_columns_and_empty_cells():
    rows = [
        *written("10"), *written("7", x=90), *written("123", x=170),
        *written("4", x=8, y=40), *written("56", x=175, y=42),
    ]  # fmt: skip
    page = page_of(candidates(rows), 300, 80)
    assert page.table() == [["10", "7", "123"], ["4", "", "56"]]


def test_a_wide_number_over_two_columns_joins_them_not():
    """Columns from 0 to 29 and 90 to 119; the number below lies from 0 to 182, over both."""
    rows = [*written("12"), *written("34", x=90), *written("56", y=40), *written("78", x=90, y=40)]
    rows += written("12345678901", y=80)
    page = page_of(candidates(rows), 300, 120)
    assert page.table() == [["12", "34"], ["56", "78"], ["12345678901", ""]]


def test_numbers_below_each_end_of_a_wide_one_are_one_column():
    rows = [*written("123456"), *written("7", y=40), *written("8", x=85, y=80)]
    assert page_of(candidates(rows), 300, 120).table() == [["123456"], ["7"], ["8"]]


def test_a_digits_line_and_number_are_numbered():
    digits = page_of(candidates(written("12 3") + written("4", y=50)), 200, 100).digits
    assert digits.digits.tolist() == [1, 2, 3, 4]
    assert digits.line.tolist() == [0, 0, 0, 1]
    assert digits.number.tolist() == [0, 0, 1, 2]


boxes = st.lists(
    st.tuples(st.floats(0, 500), st.floats(0, 300), st.floats(1, 60), st.floats(1, 60)),
    max_size=30,
)


@settings(deadline=None, max_examples=100)
@given(boxes, st.floats(-200, 200), st.floats(0.2, 5))
def test_each_box_is_in_one_line_and_position_and_size_do_not_matter(found, shift, share):
    rows = [("3", *row) for row in found]
    it = candidates(rows)
    lines = lines_of(it.boxes, it.units, "3" * len(rows))
    assert sorted(i for line in lines for i in line.tolist()) == list(range(len(rows)))
    middle = (it.boxes[:, 0] + it.boxes[:, 2]) / 2
    assert all((np.diff(middle[line]) >= 0).all() for line in lines)
    gaps = gaps_after(lines, it.boxes, it.units, "3" * len(rows))
    assert [len(gap) for gap in gaps] == [len(line) - 1 for line in lines]
    # Powers of two: the same numbers to the last bit.
    power = float(2 ** round(np.log2(share)))
    larger = lines_of(it.boxes * np.float32(power), it.units * np.float32(power), "3" * len(rows))
    assert [line.tolist() for line in larger] == [line.tolist() for line in lines]


def test_5000_digits_are_put_in_order():
    rows = [("8", 15.0 * (i % 50), 30.0 * (i // 50), 10, 20) for i in range(5000)]
    random = np.random.default_rng(0)
    page = page_of(candidates([rows[i] for i in random.permutation(5000)]), 800, 3000)
    assert page.lines == ["8" * 50] * 100
