import json

import pytest

from inkdigits.errors import DataError
from inkdigits.training import precision
from inkdigits.training.device import CPU
from inkdigits.training.precision import KEPT, used_precision
from inkdigits.training.recipes import RECIPES, recipe

FASTEST = recipe("flash").with_overrides({"network": "nano", "batch_size": 8})


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """The file that keeps answers, in a cache of its own, on a processor with the instructions."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(precision, "_computes_bfloat16", lambda device: True)
    return tmp_path / "inkdigits" / KEPT


def test_without_a_home_nothing_is_kept(monkeypatch):
    def homeless():
        raise DataError("no home")

    monkeypatch.setattr(precision, "cache_folder", homeless)
    precision._keep({"a": "bfloat16"})
    assert precision._read() == {}


class Clock:
    """Steps take the seconds that are given, in turn; asking takes none."""

    def __init__(self, *steps):
        self._steps, self._now, self.asked = list(steps), 100.0, 0

    def __call__(self):
        if self.asked % 2:  # the end of a step
            self._now += self._steps[self.asked // 2 % len(self._steps)]
        self.asked += 1
        return self._now


def measured(monkeypatch, *steps):
    clock = Clock(*steps)
    monkeypatch.setattr(precision.time, "thread_time", clock)
    return clock


@pytest.mark.parametrize(
    ("float32", "bfloat16", "faster"),
    [(2.0, 1.0, "bfloat16"), (1.0, 1.35, "float32"), (1.0, 1.0, "float32"), (1.04, 1, "float32")],
)
def test_the_faster_of_the_two_is_taken_and_a_tie_is_float32(
    kept, monkeypatch, float32, bfloat16, faster
):
    measured(monkeypatch, float32, bfloat16)
    assert used_precision(FASTEST, CPU) == faster


def test_neither_the_first_step_nor_a_slow_one_counts(kept, monkeypatch):
    # float32 takes 9, 2, 9, 9; bfloat16 takes 1, 8, 4, 8: 2 against 4 without the first.
    measured(monkeypatch, 9, 1, 2, 8, 9, 4, 9, 8)
    assert used_precision(FASTEST, CPU) == "float32"


def test_the_answer_is_kept_for_each_network(kept, monkeypatch):
    clock = measured(monkeypatch, 2, 1)
    assert used_precision(FASTEST, CPU) == "bfloat16"
    asked = clock.asked
    measured(monkeypatch, 1, 2)
    assert used_precision(FASTEST, CPU) == "bfloat16"
    other = FASTEST.with_overrides({"network": "tiny"})
    assert used_precision(other, CPU) == "float32"
    assert asked == 2 * 2 * 4  # start and end of a step in each, four rounds
    (first, second) = json.loads(kept.read_text()).items()
    assert (first[1], second[1]) == ("bfloat16", "float32")
    assert first[0].endswith(", network nano")
    assert second[0].endswith(", network tiny")


@pytest.mark.parametrize("text", ["", "[1]", "{", "[" * 100_000, "\xe9", '{"a": 1}'])
def test_what_cannot_be_read_is_measured_anew(kept, monkeypatch, text):
    kept.parent.mkdir()
    kept.write_text(text, encoding="latin-1")
    measured(monkeypatch, 2, 1)
    assert used_precision(FASTEST, CPU) == "bfloat16"
    assert "bfloat16" in json.loads(kept.read_text()).values()


def test_an_answer_that_is_none_is_measured_anew(kept, monkeypatch):
    measured(monkeypatch, 2, 1)
    used_precision(FASTEST, CPU)
    kept.write_text(kept.read_text().replace("bfloat16", "float8"))
    measured(monkeypatch, 1, 2)
    assert used_precision(FASTEST, CPU) == "float32"


def test_a_cache_that_cannot_be_written_is_no_error(kept, monkeypatch):
    kept.parent.write_text("a file in the folder's place")
    measured(monkeypatch, 2, 1)
    assert used_precision(FASTEST, CPU) == "bfloat16"


def test_what_the_recipe_names_and_processors_without_bfloat16_are_not_measured(kept, monkeypatch):
    clock = measured(monkeypatch, 2, 1)
    for named in ("float32", "bfloat16"):
        assert used_precision(FASTEST.with_overrides({"precision": named}), CPU) == named
    monkeypatch.setattr(precision, "_computes_bfloat16", lambda device: False)
    assert used_precision(FASTEST, CPU) == "float32"
    assert clock.asked == 0
    assert not kept.exists()


def test_no_recipe_emulates_bfloat16():
    assert "bfloat16" not in {row.precision for row in RECIPES.values()}
