import json

import pytest
from read_numbers import digits_of, edits, f1, lines_exact, stored


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


def test_answers_are_found_by_the_files_name(tmp_path):
    (tmp_path / "a.jsonl").write_text(json.dumps({"file": "x/y.png", "text": "42"}) + "\n")
    assert stored(tmp_path / "a.jsonl") == {"y.png": "42"}
