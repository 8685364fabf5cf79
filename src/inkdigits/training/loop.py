"""Training itself: from digits and a recipe to weights.

In: Digits and a State. Out: the State, whose model holds the weights the recipe keeps. The whole
set is one tensor on the device that trains; there is no loader. Knows nothing of files but the
checkpoint it is told to write, and never sees the test set.
"""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from inkdigits.data import Digits
from inkdigits.errors import TrainingError
from inkdigits.spec import N_CLASSES
from inkdigits.training.augment import augment
from inkdigits.training.callbacks import Callback
from inkdigits.training.judge import as_tensors, calibrate, evaluate, floats
from inkdigits.training.memory import keep_freed_memory
from inkdigits.training.recipes import Recipe
from inkdigits.training.schedule import rate_share
from inkdigits.training.settle import settle_norms
from inkdigits.training.state import (
    Epoch,
    State,
    load_weights,
    save_state,
    weights_of,
)
from inkdigits.training.views import Teacher, Views, answered_views
from inkdigits.training.workers import Workers

# Held by who trains: PyTorch's seed and number of threads are the process's.
ALONE = threading.RLock()

_LEAST = 2  # images of a batch: batch normalisation needs two
_STEPS = 8  # of an epoch, at least; docs/LOG.md has others


class _Material(NamedTuple):
    """What the epochs of a run learn from, on the device that trains."""

    images: Tensor  # (N, 1, 28, 28) uint8
    labels: Tensor  # (N,) int64
    nondigits: Tensor | None  # (M, 1, 28, 28) uint8
    teacher: Teacher | None
    views: Views | None  # of the images, answered by the teacher


def batch_size(recipe: Recipe, n: int) -> int:
    """How many of n images a step learns from: the recipe's number, or fewer of a small set.

    A set that fits into a few batches would have too few steps.
    """
    return min(recipe.batch_size, max(_LEAST, n // _STEPS))


def train(
    train_set: Digits,
    validation_set: Digits | None,
    state: State,
    callback: Callback,
    checkpoint: Path | None = None,
    workers: Workers = Workers(),  # noqa: B008  frozen
    teacher: Teacher | None = None,
    nondigits: NDArray[np.uint8] | None = None,
) -> State:
    """Train from `state` to the recipe's end and give the state with the kept weights in place.

    state: fresh_state(recipe, seed, device), or one loaded from a checkpoint to continue. Its
    networks are on the processor in the end, whatever trained them.
    checkpoint: rewritten after every epoch by the first worker.
    workers: each takes its share of every batch; the first alone evaluates, all hear its numbers.
    teacher: sees each batch as it was augmented; its answers are recipe.teacher_share of the truth.
    nondigits: (M, 28, 28) uint8 that recipe.nondigit_share of a batch is drawn from and added.
    Raises TrainingError if the loss stops being a number; the last checkpoint is then whole.
    """
    recipe = state.recipe
    least = _LEAST * workers.count
    if len(train_set) < least:
        raise TrainingError(
            f"found {len(train_set)} training images beside those held out, expected {least} or "
            f"more{f' for {workers.count} workers' if workers.count > 1 else ''}; add some"
        )
    others = torch.from_numpy(nondigits)[:, None] if nondigits is not None else None
    if recipe.nondigit_share and (others is None or not len(others)):
        raise TrainingError(
            f"nondigit_share is {recipe.nondigit_share:g} but the data hold no non-digits; "
            "make some with inkdigits data make, or set it to 0"
        )
    keep_freed_memory()
    images, labels = as_tensors(train_set)
    held = as_tensors(validation_set) if validation_set is not None else None
    device = state.device
    watched = (held[0].to(device), held[1].to(device)) if held is not None else None
    model = workers.wrapped(state.model)
    start = time.perf_counter()
    views = None
    if teacher is not None and recipe.teacher_views and state.epoch < recipe.epochs:
        views = answered_views(images, recipe, teacher, _seed_epoch(state.seed, recipe.epochs + 1))
        views = Views(views.images.to(device), views.answers.to(device))
    preparing = time.perf_counter() - start
    others = others.to(device) if others is not None else None
    material = _Material(images.to(device), labels.to(device), others, teacher, views)
    while state.epoch < recipe.epochs and not state.stopped:
        row = _train_epoch(state, model, material, callback, workers)
        row = replace(row, seconds=row.seconds + preparing)  # views are part of the training
        preparing = 0.0
        if watched is not None:
            found = evaluate(state.evaluated, *watched) if workers.is_first else (0.0, 0.0)
            val_loss, val_accuracy = workers.from_first(found)
            row = replace(row, val_loss=val_loss, val_accuracy=val_accuracy)
            _remember_best(state, val_loss, val_accuracy)
        state.history.append(row)
        state.epoch += 1
        if checkpoint is not None and workers.is_first:
            save_state(state, checkpoint)
        callback.epoch(row)
    state.to_processor()
    if recipe.keep == "best_loss" and state.best_loss is not None:
        load_weights(state.evaluated, state.best_loss)
    if recipe.settle:
        chosen = torch.randperm(len(images), generator=_seed_epoch(state.seed, recipe.epochs))
        settle_norms(state.evaluated, floats(images[chosen[: recipe.settle]]))
    if recipe.calibrate and held is not None:
        calibrate(state.evaluated, *held)
    return state


def _train_epoch(
    state: State, model: nn.Module, material: _Material, callback: Callback, workers: Workers
) -> Epoch:
    recipe, size = state.recipe, batch_size(state.recipe, len(material.images))
    images, answers = material.images, None
    if material.views is not None:
        copy = state.epoch % len(material.views.images)
        images, answers = material.views.images[copy], material.views.answers[copy]
    generator = _seed_epoch(state.seed, state.epoch)
    order = torch.randperm(len(images), generator=generator)  # the same on every worker and device
    if not workers.is_first:
        generator = _seed_epoch(state.seed, state.epoch, workers.rank)
    n_batches = len(images) // size  # a short last batch would be a noisy step; others come next
    steps = recipe.epochs * n_batches
    losses = right = 0.0
    rate = recipe.learning_rate
    model.train()
    start = time.perf_counter()
    for number in range(n_batches):
        index = workers.share(order[number * size : (number + 1) * size]).to(images.device)
        pixels, labels = images[index], material.labels[index]
        if material.nondigits is not None and recipe.nondigit_share:
            n_more = max(1, round(recipe.nondigit_share * len(index)))
            more = torch.randint(len(material.nondigits), (n_more,), generator=generator)
            pixels = torch.cat([pixels, material.nondigits[more.to(images.device)]])
        batch = floats(pixels)
        moved = len(index) if answers is not None else 0  # views have been moved about already
        if recipe.augments and moved < len(batch):
            batch = torch.cat([batch[:moved], augment(batch[moved:], recipe, generator)])
        said = None
        if answers is not None:
            said = answers[index]
        elif material.teacher is not None:
            seen = batch[: len(index), 0].clamp(0, 1).cpu().numpy()
            said = torch.from_numpy(material.teacher(seen)).to(images.device)
        rate = recipe.learning_rate * rate_share(recipe, state.step, steps)
        truth = _truth(labels, len(batch), recipe, said)
        loss, logits = _step(state, model, batch, truth, rate * state.plateau.multiplier)
        losses += loss
        right += (logits[: len(index)].argmax(1) == labels).float().mean().item()
        done = (number + 1) * size
        spent = time.perf_counter() - start
        callback.batch(state, done, n_batches * size, losses / (number + 1), done / spent)
    seconds = time.perf_counter() - start
    return Epoch(
        epoch=state.epoch + 1,
        loss=losses / n_batches,
        accuracy=right / n_batches,
        val_loss=None,
        val_accuracy=None,
        learning_rate=rate * state.plateau.multiplier,
        seconds=seconds,
        images_per_second=n_batches * size / seconds,
    )


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


def _step(
    state: State, model: nn.Module, batch: Tensor, truth: Tensor, rate: float
) -> tuple[float, Tensor]:
    recipe = state.recipe
    state.optimizer.param_groups[0]["lr"] = rate
    low = state.precision == "bfloat16"
    with torch.autocast(batch.device.type, torch.bfloat16, enabled=low):
        logits = model(batch)
    loss = F.cross_entropy(logits.float(), truth)
    value = loss.item()
    if not np.isfinite(value):
        raise TrainingError(
            f"the loss became {value} in epoch {state.epoch + 1}, step {state.step}; the weights "
            f"after epoch {state.epoch} are kept; try a smaller --learning-rate than "
            f"{recipe.learning_rate:g}"
        )
    state.optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    state.optimizer.step()
    state.step += 1
    if state.averaged is not None:
        _average(state.averaged, state.model, recipe, state.step)
    return value, logits.detach()


def _average(averaged: nn.Module, model: nn.Module, recipe: Recipe, step: int) -> None:
    """Move the average towards the model; early steps count more, or the start would linger."""
    decay = min(recipe.average_decay, (1 + step) / (10 + step))
    pairs = [
        (a, m)
        for a, m in zip(averaged.state_dict().values(), model.state_dict().values(), strict=True)
        if a.is_floating_point()
    ]
    with torch.no_grad():
        torch._foreach_lerp_([a for a, _ in pairs], [m for _, m in pairs], 1 - decay)


def _remember_best(state: State, val_loss: float, val_accuracy: float) -> None:
    """Update what depends on the validation set: best weights, plateau, early stopping."""
    losses = [row.val_loss for row in state.history if row.val_loss is not None]
    accuracies = [row.val_accuracy for row in state.history if row.val_accuracy is not None]
    if state.recipe.keep == "best_loss" and val_loss < min(losses, default=float("inf")):
        state.best_loss = weights_of(state.evaluated)
    if val_accuracy > max(accuracies, default=-1.0):
        state.best_accuracy = weights_of(state.evaluated)
    state.plateau.multiplier_after(val_loss)
    state.stopped = state.stopping.should_stop(val_loss)


def _seed_epoch(seed: int, *where: int) -> torch.Generator:
    """Seed PyTorch's global generator (dropout) and give the epoch's own (order, augmentation).

    where: the epoch, and behind it the rank of any worker but the first.
    """
    global_seed, own_seed = np.random.SeedSequence([seed, *where]).generate_state(2, np.uint64)
    torch.manual_seed(int(global_seed) >> 1)
    return torch.Generator().manual_seed(int(own_seed) >> 1)
