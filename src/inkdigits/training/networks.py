"""The networks, as rows of layers that PyTorch, Keras and a reader of this file all understand.

Plain data: imports no framework. `training.models` builds a row for PyTorch, `exports.keras` for
Keras, so a network is described once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from inkdigits.spec import N_CLASSES


@dataclass(frozen=True)
class Conv:
    """A 2-D convolution of stride 1."""

    filters: int
    kernel: int = 3  # pixels, square
    padding: Literal["same", "valid"] = "valid"
    bias: bool = True


@dataclass(frozen=True)
class Norm:
    """Batch normalisation over channels or features.

    momentum is Keras's and the literature's: the share of the old statistics that is kept.
    """

    epsilon: float = 1e-5
    momentum: float = 0.9


@dataclass(frozen=True)
class Relu:
    """max(x, 0)."""


@dataclass(frozen=True)
class MaxPool:
    """Maximum of each 2x2 square; an odd last row or column is dropped."""

    size: int = 2


@dataclass(frozen=True)
class Dropout:
    """Drops a share of the values in training and does nothing afterwards."""

    rate: float


@dataclass(frozen=True)
class Flatten:
    """(N, C, H, W) to (N, C * H * W)."""


@dataclass(frozen=True)
class Dense:
    """A fully connected layer."""

    units: int


Layer = Conv | Norm | Relu | MaxPool | Dropout | Flatten | Dense


@dataclass(frozen=True, kw_only=True)
class Network:
    """Layers from (1, 28, 28) in [0, 1] to ten logits; exports add the softmax.

    parameters: all values saved, batch normalisation's statistics included, as Keras counts;
    building checks it. initial: "glorot_uniform" (Keras's default) or "kaiming_uniform"
    (PyTorch's default).
    """

    layers: tuple[Layer, ...]
    parameters: int
    initial: Literal["glorot_uniform", "kaiming_uniform"] = "kaiming_uniform"


def _original() -> tuple[Layer, ...]:
    def conv(filters: int) -> tuple[Layer, ...]:
        return (Conv(filters, padding="same"), Relu(), Norm(1e-3, 0.99))

    def dense(units: int) -> tuple[Layer, ...]:
        return (Dense(units), Relu(), Norm(1e-3, 0.99), Dropout(0.5))

    end = (MaxPool(), Dropout(0.25))
    return (
        *conv(32), *conv(32), *end,
        *conv(64), *conv(64), *end,
        *conv(128), *end,
        Flatten(), *dense(256), *dense(128), Dense(N_CLASSES),
    )  # fmt: skip


def _compact(c1: int, c2: int, c3: int, c4: int, dropout: float = 0.0) -> tuple[Layer, ...]:
    """28 → 24 → 12 → 10 → 8 → 4 → 2 pixels. Pooling first quarters norm's and ReLU's work."""
    return (
        Conv(c1, 5, bias=False), MaxPool(), Norm(), Relu(),
        Conv(c2, bias=False), Norm(), Relu(),
        Conv(c3, bias=False), MaxPool(), Norm(), Relu(),
        Conv(c4, bias=False), Norm(), Relu(),
        Flatten(), *([Dropout(dropout)] if dropout else []), Dense(N_CLASSES),
    )  # fmt: skip


def _deep(c1: int, c2: int, c3: int, dropout: float) -> tuple[Layer, ...]:
    """28 → 24 → 12 → 10 → 8 → 6 → 4 → 2 pixels: five 3x3 convolutions and no second pooling."""
    rest = [layer for c in (c2, c2, c3, c3, c3) for layer in (Conv(c, bias=False), Norm(), Relu())]
    return (
        Conv(c1, 5, bias=False), MaxPool(), Norm(), Relu(),
        *rest,
        Flatten(), Dropout(dropout), Dense(N_CLASSES),
    )  # fmt: skip


NETWORKS: dict[str, Network] = {
    # The student project's network, layer by layer.
    "original": Network(layers=_original(), parameters=471_018, initial="glorot_uniform"),
    "nano": Network(layers=_compact(8, 16, 24, 32), parameters=13_330),
    "tiny": Network(layers=_compact(16, 32, 32, 48), parameters=30_490),
    "compact": Network(layers=_compact(24, 48, 48, 64), parameters=62_658),
    "wide": Network(layers=_compact(48, 96, 96, 128, dropout=0.3), parameters=242_810),
    "wider": Network(layers=_compact(64, 128, 128, 192, dropout=0.3), parameters=453_706),
    "deep": Network(layers=_deep(32, 128, 160, dropout=0.3), parameters=839_722),
}
