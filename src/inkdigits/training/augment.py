"""Training images moved about: rotated, scaled, slanted, shifted.

In: (N, 1, 28, 28) float32. Out: the same shape, one bilinear resampling for all four.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from inkdigits.spec import SIDE
from inkdigits.training.recipes import Recipe


def augment(images: Tensor, recipe: Recipe, generator: torch.Generator) -> Tensor:
    """Each image under its own affine map, drawn evenly from the recipe's ranges.

    images: (N, 1, 28, 28) float32 in [0, 1]; what comes in from outside the frame is paper (0).
    generator: one of the processor, so that the maps are the same whatever device has the images.
    """
    n = len(images)

    def draw(limit: float) -> Tensor:
        return (torch.rand(n, generator=generator) * 2 - 1) * limit

    angle = draw(math.radians(recipe.rotate))
    # grid_sample maps from output to input, so dividing by the factor here magnifies.
    cos, sin = torch.cos(angle), torch.sin(angle)
    zoom = 1 / (1 + draw(recipe.scale))
    slant = draw(recipe.shear)
    half = SIDE / 2  # grid coordinates run from -1 to 1 over 28 pixels
    dx, dy = draw(recipe.shift / half), draw(recipe.shift / half)
    maps = torch.stack(
        [
            torch.stack([cos * zoom, (slant - sin) * zoom, dx], 1),
            torch.stack([sin * zoom, cos * zoom, dy], 1),
        ],
        1,
    )
    grid = F.affine_grid(maps.to(images.device), list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, align_corners=False)
