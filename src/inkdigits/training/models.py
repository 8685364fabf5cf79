"""A row of training.networks as a PyTorch module.

In: a Network. Out: a Sequential from (N, 1, 28, 28) float32 to (N, 10) logits, channels_last.
"""

from __future__ import annotations

import torch
from torch import nn

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

    Module names are the layers' indices in the row ("0", "1", ...), so a saved weight tells which
    layer it belongs to.
    """
    modules: list[nn.Module] = []
    for layer, shape in zip(network.layers, network.shapes, strict=False):
        match layer:
            case Conv(filters, kernel, padding, bias):
                modules.append(nn.Conv2d(shape[0], filters, kernel, padding=padding, bias=bias))
            case Norm(epsilon, momentum):
                kind = nn.BatchNorm1d if len(shape) == 1 else nn.BatchNorm2d
                modules.append(kind(shape[0], eps=epsilon, momentum=1 - momentum))
            case Relu():
                # What a ReLU gave is needed to learn: another one must not write over it.
                before = [m for m in modules if not isinstance(m, nn.Flatten)]
                again = bool(before) and isinstance(before[-1], nn.ReLU)
                modules.append(nn.ReLU(inplace=not again))
            case MaxPool(size):
                modules.append(nn.MaxPool2d(size))
            case Dropout(rate):
                modules.append(nn.Dropout(rate))
            case Flatten():
                modules.append(nn.Flatten())
            case Dense(units):
                modules.append(nn.Linear(shape[0], units))
    model = nn.Sequential(*modules)
    if network.initial == "glorot_uniform":
        for module in model:
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
    return model.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def parameter_count(model: nn.Module) -> int:
    """Values a saved model holds: weights and batch normalisation's statistics, as Keras counts."""
    return sum(
        tensor.numel()
        for name, tensor in model.state_dict().items()
        if not name.endswith("num_batches_tracked") and name != "temperature"  # Own's
    )
