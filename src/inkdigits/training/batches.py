"""What the steps of a run learn from: batches of pixels and what is true of them.

In: digits, and where there are some non-digits, a teacher, or copies that it has answered. Out: for
each epoch the same batches on any device. The whole set is one tensor there; there is no loader.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from inkdigits.spec import N_CLASSES
from inkdigits.training.augment import augment
from inkdigits.training.distillation import Teacher, Views, answered_views
from inkdigits.training.judge import floats
from inkdigits.training.recipes import Recipe
from inkdigits.training.workers import Workers

LEAST = 2  # images of a batch: batch normalisation needs two
_STEPS = 8  # of an epoch, at least; docs/LOG.md has others


def batch_size(recipe: Recipe, n: int) -> int:
    """How many of n images a step learns from: the recipe's number, or fewer of a small set.

    A set that fits into a few batches would have too few steps.
    """
    return min(recipe.batch_size, max(LEAST, n // _STEPS))


class Batch(NamedTuple):
    """What one step learns from."""

    pixels: Tensor  # (B, 1, 28, 28) float32, moved about; non-digits behind the digits
    truth: Tensor  # (B, 10) float32, rows summing to 1
    labels: Tensor  # (D,) int64, of the digits alone


class Batches:
    """The batches of every epoch.

    images: (N, 1, 28, 28) uint8. labels: (N,) int64. nondigits: (M, 1, 28, 28) uint8.
    """

    def __init__(
        self,
        images: Tensor,
        labels: Tensor,
        nondigits: Tensor | None,
        recipe: Recipe,
        seed: int,
        device: torch.device,
        teacher: Teacher | None,
    ) -> None:
        self._recipe, self._seed = recipe, seed
        self._teacher, self._views = teacher, None
        if teacher is not None and recipe.teacher_views:
            generator = seeded(seed, recipe.epochs + 1)
            views = answered_views(images, recipe, teacher, generator)
            self._views = Views(views.images.to(device), views.answers.to(device))
        self._images, self._labels = images.to(device), labels.to(device)
        self._nondigits = nondigits.to(device) if nondigits is not None else None
        self.size = batch_size(recipe, len(images))
        # Of an epoch. A short last batch would be a noisy step; others come next.
        self.n = len(images) // self.size

    def of_epoch(self, epoch: int, workers: Workers) -> Iterator[Batch]:
        """The batches of an epoch, from 0, in its own order; of each only the worker's share."""
        images, answers = self._images, None
        if self._views is not None:
            copy = epoch % len(self._views.images)
            images, answers = self._views.images[copy], self._views.answers[copy]
        generator = seeded(self._seed, epoch)
        order = torch.randperm(len(images), generator=generator)  # the same for every worker
        if not workers.is_first:
            generator = seeded(self._seed, epoch, workers.rank)
        for number in range(self.n):
            index = workers.share(order[number * self.size : (number + 1) * self.size])
            index = index.to(images.device)
            yield self._batch(images, answers, index, generator)

    def _batch(
        self, images: Tensor, answers: Tensor | None, index: Tensor, generator: torch.Generator
    ) -> Batch:
        recipe, pixels, labels = self._recipe, images[index], self._labels[index]
        if self._nondigits is not None and recipe.nondigit_share:
            n_more = max(1, round(recipe.nondigit_share * len(index)))
            more = torch.randint(len(self._nondigits), (n_more,), generator=generator)
            pixels = torch.cat([pixels, self._nondigits[more.to(images.device)]])
        batch = floats(pixels)
        moved = len(index) if answers is not None else 0  # views have been moved about already
        if recipe.augments and moved < len(batch):
            batch = torch.cat([batch[:moved], augment(batch[moved:], recipe, generator)])
        said = None
        if answers is not None:
            said = answers[index]
        elif self._teacher is not None:
            seen = batch[: len(index), 0].clamp(0, 1).cpu().numpy()
            said = torch.from_numpy(self._teacher(seen)).to(images.device)
        return Batch(batch, _truth(labels, len(batch), recipe, said), labels)


def _truth(labels: Tensor, n: int, recipe: Recipe, said: Tensor | None) -> Tensor:
    """(n, 10) probabilities to learn: the smoothed labels, in part or all the teacher's answers.

    Beyond the labels the batch of n holds non-digits: all ten digits are equally wrong there.
    Source: Hendrycks et al. 2019, "Deep Anomaly Detection with Outlier Exposure".

    said: (len(labels), 10), what a teacher says of the very pixels the network sees, also where
    augmentation has made one digit look like another. Source: Hinton et al. 2015, "Distilling the
    Knowledge in a Neural Network", with Beyer et al. 2022's rule that both see the same view.
    """
    smoothing = recipe.label_smoothing
    truth = F.one_hot(labels, N_CLASSES) * (1 - smoothing) + smoothing / N_CLASSES
    if said is not None:
        if recipe.teacher_heeded == "right":
            said = torch.where((said.argmax(1) == labels)[:, None], said, truth)
        truth = torch.lerp(truth, said, recipe.teacher_share)
    n_more = n - len(labels)
    return F.pad(truth, (0, 0, 0, n_more), value=1 / N_CLASSES) if n_more else truth


def seeded(seed: int, *where: int) -> torch.Generator:
    """Seed PyTorch's global generator (dropout) and give the epoch's own (order, augmentation).

    where: the epoch, and behind it the rank of any worker but the first.
    """
    global_seed, own_seed = np.random.SeedSequence([seed, *where]).generate_state(2, np.uint64)
    torch.manual_seed(int(global_seed) >> 1)
    return torch.Generator().manual_seed(int(own_seed) >> 1)
