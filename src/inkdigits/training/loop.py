"""Training itself: from digits and a recipe to weights.

In: Digits and a State. Out: the State, whose model holds the weights the recipe keeps. Knows
nothing of files but the checkpoint it is told to write, and never sees the test set.
"""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from inkdigits.data import Digits
from inkdigits.errors import TrainingError
from inkdigits.training.batch_norm import settle_norms
from inkdigits.training.batches import LEAST, Batches, seeded
from inkdigits.training.calibration import calibrate
from inkdigits.training.callbacks import Callback
from inkdigits.training.distillation import Teacher
from inkdigits.training.judge import as_tensors, evaluate, floats
from inkdigits.training.malloc import keep_freed_memory
from inkdigits.training.recipes import Recipe
from inkdigits.training.schedule import rate_share
from inkdigits.training.state import (
    Epoch,
    State,
    load_weights,
    save_state,
    weights_of,
)
from inkdigits.training.workers import Workers

# Held by who trains: PyTorch's seed and number of threads are the process's.
TRAINING_LOCK = threading.RLock()


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
    least = LEAST * workers.count
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
    teacher = teacher if state.epoch < recipe.epochs else None  # its answers would be in vain
    batches = Batches(images, labels, others, recipe, state.seed, device, teacher)
    preparing = time.perf_counter() - start  # a teacher's answers are part of the training
    while state.epoch < recipe.epochs and not state.stopped:
        row = _train_epoch(state, model, batches, callback, workers)
        row = replace(row, seconds=row.seconds + preparing)
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
        chosen = torch.randperm(len(images), generator=seeded(state.seed, recipe.epochs))
        settle_norms(state.evaluated, floats(images[chosen[: recipe.settle]]))
    if recipe.calibrate and held is not None:
        calibrate(state.evaluated, *held)
    return state


def _train_epoch(
    state: State, model: nn.Module, batches: Batches, callback: Callback, workers: Workers
) -> Epoch:
    recipe, total = state.recipe, batches.n * batches.size
    losses = right = 0.0
    rate = recipe.learning_rate
    model.train()
    start = time.perf_counter()
    for number, (pixels, truth, labels) in enumerate(batches.of_epoch(state.epoch, workers), 1):
        rate = recipe.learning_rate * rate_share(recipe, state.step, recipe.epochs * batches.n)
        loss, logits = _step(state, model, pixels, truth, rate * state.plateau.multiplier)
        losses += loss
        right += (logits[: len(labels)].argmax(1) == labels).float().mean().item()
        done = number * batches.size
        callback.batch(state, done, total, losses / number, done / (time.perf_counter() - start))
    seconds = time.perf_counter() - start
    return Epoch(
        epoch=state.epoch + 1,
        loss=losses / batches.n,
        accuracy=right / batches.n,
        val_loss=None,
        val_accuracy=None,
        learning_rate=rate * state.plateau.multiplier,
        seconds=seconds,
        images_per_second=total / seconds,
    )


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
