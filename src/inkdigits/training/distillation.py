"""Training images augmented once, and a teacher's answers to them, to learn from many times.

In: training images and a teacher. Out: Views. A large teacher costs many times what its student
does; asked again at every batch it would take nearly all of the time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inkdigits.training.augment import augment
from inkdigits.training.recipes import Recipe

# (N, 28, 28) float32 in [0, 1] to (N, 10) float32 probabilities.
Teacher = Callable[[NDArray[np.float32]], NDArray[np.float32]]

_BATCH = 1_000  # images that the teacher is shown at a time


class Views(NamedTuple):
    """Copies of a training set, each image moved about by its own map in each copy."""

    images: Tensor  # (V, N, 1, 28, 28) uint8
    answers: Tensor  # (V, N, 10) float32 probabilities


def answered_views(
    images: Tensor, recipe: Recipe, teacher: Teacher, generator: torch.Generator
) -> Views:
    """recipe.teacher_views copies of the images with the teacher's answers.

    images: (N, 1, 28, 28) uint8. The teacher sees the very pixels that are kept, 8 bits each.
    """
    copies, answers = [], []
    for _ in range(recipe.teacher_views):
        moved = [
            augment(part.float() / 255, recipe, generator).clamp(0, 1).mul(255).round().byte()
            for part in torch.split(images, _BATCH)
        ]
        answers += [torch.from_numpy(teacher((part[:, 0].float() / 255).numpy())) for part in moved]
        copies.append(torch.cat(moved))
    return Views(torch.stack(copies), torch.cat(answers).view(len(copies), len(images), -1))
