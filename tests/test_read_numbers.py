import json
from pathlib import Path

import pytest
from read_numbers import (
    Truth,
    case_is_right,
    cells_right,
    digits_of,
    edits,
    f1,
    lines_exact,
    of_cases,
    page_scores,
    stored,
    string_scores,
    write_errors,
)


def truth(*lines, source="a", path="x.png"):
    return Truth(Path(path), list(lines), source)


def test_edits_are_counted_as_by_hand():
    assert edits("", "") == 0
    assert edits("123", "123") == 0
    assert edits("13", "123") == 1  # one missing
    assert edits("1243", "123") == 1  # one too many
    assert edits("129", "123") == 1  # one wrong
    assert edits("", "42") == 2
    assert edits("321", "123") == 2


def test_only_digits_count():
    assert digits_of("4.9-3 ×7²") == "4937"


def test_bags_forget_the_order():
    assert f1("321", "123") == 1
    assert f1("12", "1233") == pytest.approx(4 / 6)
    assert f1("", "") == 1
    assert f1("", "1") == 0


def test_a_line_counts_once():
    assert lines_exact("12\n34", ["12", "34", "34", "5"]) == 0.5
    assert lines_exact("1 2\n3-4", ["12", "34"]) == 1


def test_strings_are_scored_by_their_digits_alone():
    truths = [truth("123"), truth("1.234"), truth("56"), truth("7")]
    # Right; right, without the point; one of two wrong; not read: 2 edits in 10 digits.
    assert string_scores(truths, ["12 3", "1234", "50", None]) == (0.5, pytest.approx(0.2))


def test_pages_are_averaged_over_sources_and_over_pages():
    truths = [truth("12", "34"), truth("1"), truth("99", source="b")]
    # 3 of 4 digits and one of two lines; all; four digits too many, which is 0 and not below.
    by_source, by_page = page_scores(truths, ["12\n3", "1", "771177"])
    assert by_source == pytest.approx(((0.75 + 1) / 4, (6 / 7 + 1) / 4, (0.5 + 1) / 4))
    assert by_page == pytest.approx((1.75 / 3, (6 / 7 + 1) / 3, 1.5 / 3))


def test_a_case_is_right_if_its_lines_are():
    assert case_is_right(truth("12", "3"), "1 2\n3")
    assert not case_is_right(truth("12", "3"), "123")
    assert not case_is_right(truth("12"), "12.")
    assert case_is_right(truth(""), "")
    assert not case_is_right(truth(""), None)


def test_wrong_cases_are_named(capsys):
    rows = of_cases([truth("1"), truth("2", path="two.png")], ["1", "3"])
    assert rows == [("2 small pictures that rules read wrongly", "1 right")]
    assert capsys.readouterr().err == "  two.png: ['2'], read '3'\n"


def test_answers_are_found_by_the_files_name(tmp_path):
    (tmp_path / "a.jsonl").write_text(json.dumps({"file": "x/y.png", "text": "42"}) + "\n")
    truths = [truth("1", path="z/none.png"), truth("2", path="z/y.png")]
    assert stored(tmp_path / "a.jsonl", truths) == [None, "42"]


def test_a_page_of_errors_is_written(tmp_path):
    from PIL import Image

    Image.new("L", (30, 20)).save(tmp_path / "one.png")
    write_errors(tmp_path / "page.png", [truth("1", path=tmp_path / "one.png")], ["2"])
    assert Image.open(tmp_path / "page.png").size == (1280, 170)


def test_a_cell_is_right_in_its_row_and_column_alone():
    table = truth("12 3", "4 5")
    assert cells_right(table, "12 3\n4 5") == 4
    assert cells_right(table, "12 3\n45") == 2
    assert cells_right(table, "123\n4 6\n7 8") == 1
    assert cells_right(table, "") == 0
