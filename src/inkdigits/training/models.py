"""A row of training.networks as a PyTorch module.

In: a Network. Out: a Sequential from (N, 1, 28, 28) float32 to (N, 10) logits, channels_last.
"""

from __future__ import annotations

import torch
from torch import nn

from inkdigits.errors import ModelError
from inkdigits.spec import N_CLASSES, SIDE
from inkdigits.training.networks import (
    Conv,
    Dense,
    Dropout,
    Flatten,
    MaxPool,
    Network,
    Norm,
    Relu,
)


def build(network: Network) -> nn.Sequential:
    """The network with fresh weights drawn from PyTorch's global generator.

    Module names are the layers' places in the row ("0", "1", ...), so a saved weight tells which
    layer it belongs to. Raises ModelError if its parameters are not what the row states.
    """
    modules: list[nn.Module] = []
    channels, side = 1, SIDE
    for layer in network.layers:
        match layer:
            case Conv(filters, kernel, padding, bias):
                modules.append(nn.Conv2d(channels, filters, kernel, padding=padding, bias=bias))
                channels = filters
                side -= 0 if padding == "same" else kernel - 1
            case Norm(epsilon, momentum):
                kind = nn.BatchNorm2d if side else nn.BatchNorm1d
                modules.append(kind(channels, eps=epsilon, momentum=1 - momentum))
            case Relu():
                modules.append(nn.ReLU(inplace=True))
            case MaxPool(size):
                modules.append(nn.MaxPool2d(size))
                side //= size
            case Dropout(rate):
                modules.append(nn.Dropout(rate))
            case Flatten():
                modules.append(nn.Flatten())
                channels, side = channels * side * side, 0
            case Dense(units):
                modules.append(nn.Linear(channels, units))
                channels = units
    model = nn.Sequential(*modules)
    if network.initial == "glorot_uniform":
        for module in model:
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
    found = parameter_count(model)
    if found != network.parameters or channels != N_CLASSES:
        raise ModelError(
            f"the network has {found:,} parameters and {channels} outputs, "
            f"its row says {network.parameters:,} and {N_CLASSES}"
        )
    return model.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def parameter_count(model: nn.Module) -> int:
    """Values a saved model holds: weights and batch normalisation's statistics, as Keras counts."""
    return sum(
        tensor.numel()
        for name, tensor in model.state_dict().items()
        if not name.endswith("num_batches_tracked")
    )
