import pytest
import torch

from inkdigits.training.precision import is_bfloat16
from inkdigits.training.recipes import RECIPES


@pytest.mark.parametrize("has_it", [True, False])
def test_fastest_is_bfloat16_only_on_processors_that_have_it(monkeypatch, has_it):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: has_it)
    assert is_bfloat16("fastest") is has_it
    assert is_bfloat16("bfloat16") is True
    assert is_bfloat16("float32") is False


def test_no_recipe_emulates_bfloat16():
    assert "bfloat16" not in {row.precision for row in RECIPES.values()}
