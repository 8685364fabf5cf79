"""Everything a run has to remember between two epochs, in memory and as one file.

In: a recipe and a seed. Out: State, saved as safetensors (no pickle: opening a stranger's file
runs nothing). Random numbers are not in it: each epoch draws its own from (seed, epoch), so an
epoch is a function of the state before it, and a resumed run ends with an unbroken run's weights.
"""

from __future__ import annotations

import copy
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor, nn

from inkdigits.errors import TrainingError
from inkdigits.files import written_whole
from inkdigits.training.device import CPU
from inkdigits.training.early_stopping import EarlyStopping, Plateau
from inkdigits.training.models import build
from inkdigits.training.networks import network_named
from inkdigits.training.precision import USED, Used, used_precision
from inkdigits.training.recipes import Recipe, is_of

VERSION = "1"
_KEPT = {"seed": int, "epoch": int, "step": int, "stopped": bool}  # numbers of a checkpoint

Weights = dict[str, Tensor]


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """One row of a run's history. Losses are mean cross-entropies in nats, accuracies in [0, 1].

    The training columns are running means while the weights move, augmented and with dropout, as
    Keras shows them; val_* are None for a run without a validation set.
    """

    epoch: int  # from 1
    loss: float
    accuracy: float
    val_loss: float | None
    val_accuracy: float | None
    learning_rate: float  # at the epoch's last step
    seconds: float  # training alone
    images_per_second: float


@dataclass
class State:
    """A run between two epochs. `epoch` is how many are done."""

    recipe: Recipe
    seed: int
    model: nn.Module
    averaged: nn.Module | None
    optimizer: torch.optim.AdamW
    stopping: EarlyStopping
    plateau: Plateau
    precision: Used
    epoch: int = 0
    step: int = 0
    stopped: bool = False
    history: list[Epoch] = field(default_factory=list)
    best_loss: Weights | None = None  # weights at the lowest validation loss so far
    best_accuracy: Weights | None = None  # weights at the highest validation accuracy so far
    learnt_from: dict[str, str] = field(default_factory=dict)  # SHA-256 of each of its parts

    @property
    def device(self) -> torch.device:
        """Where the networks are."""
        return next(self.model.parameters()).device

    @property
    def evaluated(self) -> nn.Module:
        """The network that is judged: the moving average where there is one."""
        return self.averaged if self.averaged is not None else self.model

    def to_processor(self) -> None:
        """Bring the networks back from the device that trained them; the optimiser stays there."""
        self.model.cpu()
        if self.averaged is not None:
            self.averaged.cpu()


def fresh_state(
    recipe: Recipe,
    seed: int,
    device: torch.device = CPU,
    precision: Used | None = None,
    own: nn.Module | None = None,
) -> State:
    """The state before the first epoch; weights are drawn from `seed`, the same for any device.

    precision: None is what the recipe computes in on that device. own: a user's module, as
    `own.prepared` gives it, in place of the recipe's network; it starts with the weights it has.
    """
    precision = precision or used_precision(recipe, device, own)
    torch.manual_seed(seed)
    fresh = build(network_named(recipe.network)) if own is None else copy.deepcopy(own)
    model = fresh.to(device)
    optimizer = torch.optim.AdamW(
        model.parameters(),
        lr=recipe.learning_rate,
        betas=(recipe.beta1, recipe.beta2),
        eps=recipe.epsilon,
        weight_decay=recipe.weight_decay,  # 0 is plain Adam
        fused=True,
    )
    return State(
        recipe,
        seed,
        model,
        copy.deepcopy(model) if recipe.average_decay else None,
        optimizer,
        EarlyStopping(recipe.early_stopping),
        Plateau(recipe.plateau, recipe.plateau_factor),
        precision,
    )


def weights_of(model: nn.Module) -> Weights:
    """A copy of the model's weights and statistics on the processor, contiguous."""
    return {name: _copied(tensor) for name, tensor in _tensors(model)}


def load_weights(model: nn.Module, weights: Weights) -> None:
    """Copy `weights` into `model`, keeping its memory layout."""
    with torch.no_grad():
        for name, tensor in _tensors(model):
            tensor.copy_(weights[name])


def save_state(state: State, path: Path) -> None:
    """Write `state` to `path`, whole or not at all."""
    groups: dict[str, Weights | None] = {
        "model": weights_of(state.model),
        "averaged": weights_of(state.averaged) if state.averaged is not None else None,
        "best_loss": state.best_loss,
        "best_accuracy": state.best_accuracy,
        "optimizer": _optimizer_tensors(state.optimizer),
    }
    about = {
        "recipe": asdict(state.recipe),
        "seed": state.seed,
        "epoch": state.epoch,
        "step": state.step,
        "stopped": state.stopped,
        "precision": state.precision,
        "learnt_from": state.learnt_from,
        "history": [asdict(row) for row in state.history],
        "stopping": asdict(state.stopping),
        "plateau": asdict(state.plateau),
    }
    tensors = {
        f"{group}/{name}": tensor
        for group, weights in groups.items()
        for name, tensor in (weights or {}).items()
    }
    metadata = {"inkdigits.state": VERSION, "about": json.dumps(about)}
    with written_whole(path) as part:
        part.write_bytes(save(tensors, metadata))


def load_state(path: Path, device: torch.device = CPU, own: nn.Module | None = None) -> State:
    """The state in `path`, whatever device wrote it. Raises TrainingError if it is none of ours.

    own: the user's module whose state it is, as fresh_state takes it.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata: dict[str, str] = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        if metadata.get("inkdigits.state") != VERSION:
            raise TrainingError(
                f"{path}: holds state version {metadata.get('inkdigits.state')!r}, this program "
                f"reads {VERSION!r}; start a new run"
            )
        return _restored(json.loads(metadata["about"]), tensors, device, own)
    except TrainingError:
        raise
    # SafetensorError, and whatever comes of numbers and names that are not as save_state has them.
    except Exception as error:
        raise TrainingError(
            f"{path}: not a readable checkpoint: {error}; start a new run"
        ) from error


def _restored(
    about: dict[str, Any], tensors: Weights, device: torch.device, own: nn.Module | None
) -> State:
    groups: dict[str, Weights] = {}
    for key, tensor in tensors.items():
        group, name = key.split("/", 1)
        groups.setdefault(group, {})[name] = tensor
    recipe = msgspec.convert(about["recipe"], Recipe)
    precision = about.get("precision")  # a checkpoint of version 0.1.0 does not say
    if precision not in (None, *USED):
        raise ValueError(f"precision is {precision!r:.80}")
    for name, kind in _KEPT.items():
        if not is_of(about[name], kind):
            raise TypeError(f"{name} is {about[name]!r:.80}")
    state = fresh_state(recipe, about["seed"], device, precision, own)
    state.learnt_from = {str(what): str(of) for what, of in about.get("learnt_from", {}).items()}
    if own is not None and _shapes(weights_of(state.model)) != _shapes(groups["model"]):
        raise TrainingError(
            f"the checkpoint holds other weights than the network {recipe.network} has; give the "
            "network that the run began with"
        )
    _check_weights(state.model, groups["model"])
    load_weights(state.model, groups["model"])
    if state.averaged is not None:
        _check_weights(state.averaged, groups["averaged"])
        load_weights(state.averaged, groups["averaged"])
    _load_optimizer(state.optimizer, groups["optimizer"])
    state.epoch, state.step, state.stopped = about["epoch"], about["step"], about["stopped"]
    state.history = msgspec.convert(about["history"], list[Epoch])
    if len(state.history) != state.epoch:
        raise ValueError(f"epoch is {state.epoch}, of {len(state.history)} in its history")
    state.stopping = msgspec.convert(about["stopping"], EarlyStopping)
    state.plateau = msgspec.convert(about["plateau"], Plateau)
    state.best_loss, state.best_accuracy = groups.get("best_loss"), groups.get("best_accuracy")
    for best in (state.best_loss, state.best_accuracy):
        if best is not None:
            _check_weights(state.model, best)
    return state


def _check_weights(model: nn.Module, weights: Weights) -> None:
    """Raise ValueError or KeyError where they are not the model's: copying would spread them."""
    for name, tensor in _tensors(model):
        if weights[name].shape != tensor.shape:
            raise ValueError(f"{name} is {tuple(weights[name].shape)}, of {tuple(tensor.shape)}")


def _tensors(model: nn.Module) -> list[tuple[str, Tensor]]:
    """Weights and statistics; not batch normalisation's step counter, which nothing reads."""
    return [
        (name, tensor)
        for name, tensor in model.state_dict().items()
        if not name.endswith("num_batches_tracked")
    ]


def _shapes(weights: Weights) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in weights.items()}


def _optimizer_tensors(optimizer: torch.optim.AdamW) -> Weights:
    return {
        f"{index}/{name}": _copied(tensor)
        for index, slots in optimizer.state_dict()["state"].items()
        for name, tensor in slots.items()
    }


def _load_optimizer(optimizer: torch.optim.AdamW, tensors: Weights) -> None:
    for index, parameter in enumerate(optimizer.param_groups[0]["params"]):
        slots = {
            name: tensors[f"{index}/{name}"]
            for name in ("step", "exp_avg", "exp_avg_sq")
            if f"{index}/{name}" in tensors
        }
        for name, tensor in slots.items():
            # Moments lie in memory as their weights do, or the fused step reads them wrongly.
            like = torch.empty_like(parameter) if name != "step" else tensor.to(parameter.device)
            optimizer.state[parameter][name] = like.copy_(tensor)


def _copied(tensor: Tensor) -> Tensor:
    return tensor.detach().to("cpu", copy=True).contiguous()
