"""The learning rate at each step, as a share of the recipe's."""

from __future__ import annotations

import math

from inkdigits.training.recipes import Recipe

_START = 0.04  # one_cycle begins at 1/25 of the peak (Smith 2018, and PyTorch's OneCycleLR)


def rate_share(recipe: Recipe, step: int, steps: int) -> float:
    """Share of recipe.learning_rate at `step` (from 0) of `steps`; plateau cuts come on top."""
    if recipe.schedule == "constant":
        return 1.0
    top = recipe.warmup_share * steps
    if step < top:
        return _START + (1 - _START) * (1 - math.cos(math.pi * step / top)) / 2
    return (1 + math.cos(math.pi * (step - top) / (steps - top))) / 2
