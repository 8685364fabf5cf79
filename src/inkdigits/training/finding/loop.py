"""Training of a finding network on made scenes, which continues after any interruption.

In: hands to write with, hands to validate with, a folder. Out: the folder's `log.jsonl` and
`state.safetensors`, which holds the mean of the last steps' weights, too: they are exported.
Scene k is a function of the seed and k, so a run that was stopped shows the scenes that follow.
"""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn import functional as F

from inkdigits.files import written_whole
from inkdigits.spec import N_CLASSES
from inkdigits.synthesis.hands import Hands
from inkdigits.synthesis.scenes import scene
from inkdigits.training.finding.networks import HEATS, N_SORTS, CloseUpNetwork, FinderNetwork
from inkdigits.training.finding.targets import close_ups_of, maps_of, on_canvas

STATE, LOG = "state.safetensors", "log.jsonl"
Kind = Literal["finder", "closeup"]

_SMOOTHING = 0.02  # of the sorts' labels
_MEAN_OVER = 0.998  # how much of the mean weights each step keeps
_CLIP = 5.0  # largest norm of a gradient
_FLAT_UNTIL = 0.35  # share of the training at the full learning rate
_WARM = 0.01
_SAVE_EVERY = 150.0  # seconds
_VALIDATION_SEED = 1_000_003  # added to the training's


@dataclass(frozen=True, kw_only=True)
class FindingRecipe:
    """How a finding network is trained."""

    kind: Kind
    scenes: int  # that it is shown in all, each once
    batch: int = 24  # scenes a step
    learning_rate: float = 3e-3
    weight_decay: float = 0.02
    seed: int = 0
    validation_scenes: int = 400


def train(
    recipe: FindingRecipe,
    hands: Hands,
    others: Hands,
    folder: Path,
    workers: int = 1,
    start: nn.Module | None = None,
) -> nn.Module:
    """Train to the end, from where the folder's state stands; gives the mean weights' network.

    hands: for training. others: other writers' and other fonts', for validation. start: a network
    to begin with, where the folder has no state; none is one with random weights.
    """
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(recipe.seed)
    network: nn.Module = network_of(recipe.kind) if start is None else start.train()
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    mean = copy.deepcopy(network).eval()
    optimizer = torch.optim.AdamW(
        network.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    done = 0
    state = folder / STATE
    if state.exists():
        done = _restored(state, network, mean, optimizer)
    saved = time.monotonic()
    sums: list[list[float]] = []
    for batch in _batches(recipe, hands, done, workers):
        for group in optimizer.param_groups:
            group["lr"] = recipe.learning_rate * rate(done / recipe.scenes)
        losses = losses_of(recipe.kind, network, batch)
        optimizer.zero_grad()
        sum(losses).backward()  # type: ignore[union-attr]
        nn.utils.clip_grad_norm_(network.parameters(), _CLIP)
        optimizer.step()
        done += recipe.batch
        _move(mean, network, min(_MEAN_OVER, done / recipe.batch / (done / recipe.batch + 20)))
        sums.append(torch.stack([loss.detach() for loss in losses]).tolist())
        finished = done >= recipe.scenes
        if finished or time.monotonic() - saved > _SAVE_EVERY:
            saved = time.monotonic()
            _save(state, network, mean, optimizer, done)
            line = {"scenes": done, "losses": np.round(np.mean(sums, 0), 4).tolist()}
            line |= validated(recipe, mean, others)
            sums = []
            with (folder / LOG).open("a") as log:
                log.write(json.dumps(line) + "\n")
    return mean


def _save(
    path: Path, network: nn.Module, mean: nn.Module, optimizer: torch.optim.Optimizer, done: int
) -> None:
    tensors = {f"network.{name}": value for name, value in network.state_dict().items()}
    tensors |= {f"mean.{name}": value for name, value in mean.state_dict().items()}
    for number, values in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{number}.{name}": value for name, value in values.items()}
    with written_whole(path) as part:
        part.write_bytes(save(_contiguous(tensors), {"scenes": str(done)}))


def _restored(
    path: Path, network: nn.Module, mean: nn.Module, optimizer: torch.optim.Optimizer
) -> int:
    """Bring all three to where `_save` left them; gives the number of scenes shown."""
    network.load_state_dict(_stored(path, "network.")[0])
    mean.load_state_dict(_stored(path, "mean.")[0])
    tensors, done = _stored(path, "optimizer.")
    known = optimizer.state_dict()
    for name, value in tensors.items():
        number, what = name.split(".")
        known["state"].setdefault(int(number), {})[what] = value
    optimizer.load_state_dict(known)
    return done


def _stored(path: Path, part: str) -> tuple[dict[str, Tensor], int]:
    """The tensors whose names begin with `part`, without it, and the number of scenes shown."""
    with safe_open(path, "pt") as file:
        names = [name for name in file.keys() if name.startswith(part)]  # noqa: SIM118
        tensors = {name.removeprefix(part): file.get_tensor(name) for name in names}
        return tensors, int(file.metadata()["scenes"])


def mean_network(kind: Kind, folder: Path) -> tuple[nn.Module, int]:
    """The network that a folder's training has come to, and the number of scenes it was shown."""
    weights, done = _stored(folder / STATE, "mean.")
    network = network_of(kind)
    network.load_state_dict(weights)
    return network.eval(), done


def _contiguous(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.contiguous() for name, value in tensors.items()}


def network_of(kind: Kind) -> nn.Module:
    """An untrained network."""
    return FinderNetwork() if kind == "finder" else CloseUpNetwork()


def rate(passed: float) -> float:
    """Share of the full learning rate after that share of the training: warm, flat, a cosine."""
    if passed < _WARM:
        return 0.05 + 0.95 * passed / _WARM
    if passed < _FLAT_UNTIL:
        return 1.0
    left = min(1.0, (passed - _FLAT_UNTIL) / (1 - _FLAT_UNTIL))
    return float(0.01 + 0.99 * (1 + np.cos(np.pi * left)) / 2)


def losses_of(kind: Kind, network: nn.Module, batch: tuple[Tensor, ...]) -> list[Tensor]:
    """The parts of the loss, weighted, in the order of the log."""
    if kind == "finder":
        return _finder_losses(network(batch[0]), *batch[1:])
    sorts, inks = network(batch[0])
    return [
        F.cross_entropy(sorts, batch[1], label_smoothing=_SMOOTHING),
        2 * F.binary_cross_entropy_with_logits(inks, batch[2]),
    ]


def _finder_losses(
    maps: Tensor, heat: Tensor, sorts: Tensor, boxes: Tensor, judged: Tensor
) -> list[Tensor]:
    """Penalty-reduced focal loss of the centres, cross-entropy of sorts, distance of boxes."""
    logits = maps[:, :HEATS]
    likely = logits.sigmoid().clamp(1e-5, 1 - 1e-5)
    centre = heat == 1
    at = (1 - likely) ** 2 * likely.log()
    away = (1 - heat) ** 4 * likely**2 * (1 - likely).log()
    focal = -(torch.where(centre, at, away) * judged[:, None]).sum() / centre.sum().clamp(min=1)
    near = sorts >= 0
    found = maps[:, HEATS : HEATS + N_SORTS].permute(0, 2, 3, 1)[near]
    sort = F.cross_entropy(found, sorts[near], label_smoothing=_SMOOTHING)
    given = maps[:, HEATS + N_SORTS :].permute(0, 2, 3, 1)[near]
    box = F.smooth_l1_loss(given, boxes.permute(0, 2, 3, 1)[near], beta=0.3)
    return [focal, sort, box]


class _Batches(torch.utils.data.IterableDataset[tuple[Tensor, ...]]):
    """Batches of the scenes from `start` on, shared out among the loader's workers."""

    def __init__(self, recipe: FindingRecipe, hands: Hands, start: int) -> None:
        self.recipe, self.hands, self.start = recipe, hands, start

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        cv2.setNumThreads(1)
        about = torch.utils.data.get_worker_info()
        first, step = (about.id, about.num_workers) if about else (0, 1)
        size = self.recipe.batch
        for start in range(self.start + first * size, self.recipe.scenes, step * size):
            yield examples(self.recipe, self.hands, range(start, start + size))


def examples(recipe: FindingRecipe, hands: Hands, numbers: range) -> tuple[Tensor, ...]:
    """Inputs and targets of those scenes."""
    rows: list[tuple[Any, ...]] = []
    for number in numbers:
        made = scene(hands, recipe.seed, number)
        random = np.random.default_rng([recipe.seed, number, 1])
        if recipe.kind == "finder":
            picture, left, top = on_canvas(made, random)
            rows.append((picture[None], *maps_of(made, left, top)))
        else:
            rows.append(close_ups_of(made, random))
    join = np.stack if recipe.kind == "finder" else np.concatenate
    return tuple(torch.from_numpy(join(parts)) for parts in zip(*rows, strict=True))


def _batches(
    recipe: FindingRecipe, hands: Hands, start: int, workers: int
) -> Iterator[tuple[Tensor, ...]]:
    cv2.setNumThreads(1)  # a process that is forked while OpenCV has threads hangs
    loader = torch.utils.data.DataLoader(
        _Batches(recipe, hands, start), batch_size=None, num_workers=workers,
        prefetch_factor=6 if workers else None,
    )  # fmt: skip
    for batch in loader:
        shown = batch[0].contiguous(memory_format=torch.channels_last)
        yield (shown, *batch[1:])


@torch.no_grad()
def _move(mean: nn.Module, network: nn.Module, kept: float) -> None:
    for a, b in zip(mean.state_dict().values(), network.state_dict().values(), strict=True):
        if a.is_floating_point():
            a.lerp_(b, 1 - kept)
        else:
            a.copy_(b)


@torch.no_grad()
def validated(recipe: FindingRecipe, network: nn.Module, others: Hands) -> dict[str, float]:
    """Figures on scenes of other hands and another seed."""
    apart = FindingRecipe(kind=recipe.kind, scenes=0, seed=recipe.seed + _VALIDATION_SEED)
    network.eval()
    totals: dict[str, list[float]] = {}
    for start in range(0, recipe.validation_scenes, recipe.batch):
        batch = examples(apart, others, range(start, start + recipe.batch))
        if recipe.kind == "finder":
            found = _finder_figures(network(batch[0]), batch[1], batch[2])
        else:
            sorts, inks = network(batch[0])
            digit = batch[1] < N_CLASSES
            found = {
                "sort": (sorts.argmax(1) == batch[1]).float(),
                "digit's sort": (sorts.argmax(1) == batch[1])[digit].float(),
                "ink": (inks.sigmoid() - batch[2]).abs().mean((1, 2)),
            }
        for name, values in found.items():
            totals.setdefault(name, []).extend(values.tolist())
    return {name: round(float(np.mean(values)), 5) for name, values in totals.items()}


def _finder_figures(maps: Tensor, heat: Tensor, sorts: Tensor) -> dict[str, Tensor]:
    likely = maps[:, 0].sigmoid()
    peak = (likely == F.max_pool2d(likely[:, None], 3, 1, 1)[:, 0]) & (likely > 0.4)
    centre = heat[:, 0] == 1
    near = F.max_pool2d(peak[:, None].float(), 3, 1, 1)[:, 0] > 0
    is_digit = (sorts >= 0) & (sorts < N_CLASSES)
    answer = maps[:, HEATS : HEATS + N_SORTS].argmax(1)
    return {
        "found": near[centre].float(),
        "true": (heat[:, 0] > 0.5)[peak].float(),
        "sort": (answer == sorts)[centre & is_digit].float(),
        "signs": (maps[:, 1].sigmoid() > 0.4)[heat[:, 1] == 1].float(),
    }
