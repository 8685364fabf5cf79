"""The networks, as rows of layers that PyTorch, Keras and a reader of this file all understand.

Plain data: imports no framework. `training.models` builds a row for PyTorch, `exports.keras` for
Keras, so a network is described once. A row is also a line of text, which settings and model files
hold: "Conv(8, kernel=5), MaxPool(), Relu(), Flatten(), Dense(10)".
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import MISSING, dataclass, fields
from math import prod
from typing import Any, Literal, get_args

from inkdigits.errors import ConfigError
from inkdigits.reading.model_check import MAX_MODEL_BYTES, MAX_PRODUCTS, MAX_VALUES
from inkdigits.spec import N_CLASSES, SIDE

Initial = Literal["glorot_uniform", "kaiming_uniform"]
Padding = Literal["same", "valid"]


@dataclass(frozen=True)
class Conv:
    """A 2-D convolution of stride 1."""

    filters: int
    kernel: int = 3  # pixels, square
    padding: Padding = "valid"
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
    """Maximum of each square of size x size; an odd last row or column is dropped."""

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
Shape = tuple[int, ...]  # (channels, side, side), or (features,) once it is flattened


@dataclass(frozen=True)
class Network:
    """Layers from (1, 28, 28) in [0, 1] to ten logits; exports add the softmax.

    layers: any sequence of Conv, Norm, Relu, MaxPool, Dropout, Flatten and Dense. The last is
    Dense(10). initial: "glorot_uniform" (Keras's default) or "kaiming_uniform" (PyTorch's). Raises
    ConfigError that names the layer that cannot be where it is, or is larger than models may be.
    """

    layers: Sequence[Layer]
    initial: Initial = "kaiming_uniform"

    def __post_init__(self) -> None:
        object.__setattr__(self, "layers", tuple(self.layers))
        if self.initial not in get_args(Initial):
            raise ConfigError(
                f"initial is {self.initial!r}, expected one of {', '.join(get_args(Initial))}"
            )
        _check_size(self.layers, self.shapes)
        if not self.layers or self.layers[-1] != Dense(N_CLASSES):
            last = _text(self.layers[-1]) if self.layers else "missing"
            raise ConfigError(
                f"the network's last layer is {last}, expected Dense({N_CLASSES}): a logit for "
                "each of the digits 0 to 9, and no activation after it"
            )

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """What each layer is given, and behind them what the last one gives."""
        shapes: list[Shape] = [(1, SIDE, SIDE)]
        for number, layer in enumerate(self.layers, 1):
            try:
                _check_values(layer)
                shapes.append(_given(layer, shapes[-1]))
            except ValueError as error:
                said = _text(layer) if isinstance(layer, Layer) else repr(layer)
                raise ConfigError(f"layer {number} of the network, {said:.80}: {error}") from None
        return tuple(shapes)

    @property
    def parameters(self) -> int:
        """All values saved, batch normalisation's statistics included, as Keras counts."""
        return sum(map(_parameters, self.layers, self.shapes))

    def __str__(self) -> str:
        """The row as `network_named` takes it; what is a layer's default is left out."""
        parts = [_text(layer) for layer in self.layers]
        if self.initial != "kaiming_uniform":
            parts.append(f"initial={self.initial!r}")
        return ", ".join(parts)


# Of layers' values: type, least and most, in words.
_VALUES: dict[str, tuple[type, float, float, str]] = {
    "filters": (int, 1, 10_000, "a whole number from 1 to 10,000"),
    "kernel": (int, 1, SIDE, f"a whole number from 1 to {SIDE}"),
    "size": (int, 2, SIDE, f"a whole number from 2 to {SIDE}"),
    "units": (int, 1, 100_000, "a whole number from 1 to 100,000"),
    "rate": (float, 0, 0.99, "a share from 0 to 0.99"),
    "epsilon": (float, 1e-12, 1, "a number over 0, at most 1"),
    "momentum": (float, 0, 0.9999, "a share from 0 to 0.9999"),
}


def _check_values(layer: Layer) -> None:
    """Raise ValueError that names the value of the layer that cannot be."""
    if not isinstance(layer, Layer):
        raise ValueError(f"is not a layer; expected {', '.join(_LAYERS)}")
    for field in fields(layer):
        value: Any = getattr(layer, field.name)
        if field.name == "padding":
            right, words = value in get_args(Padding), "'same' or 'valid'"
        elif field.name == "bias":
            right, words = isinstance(value, bool), "True or False"
        else:
            kind, least, most, words = _VALUES[field.name]
            number = isinstance(value, int | kind) and not isinstance(value, bool)
            right = number and least <= value <= most
        if not right:
            raise ValueError(f"{field.name} is {value!r:.80}, expected {words}")


def _given(layer: Layer, taken: Shape) -> Shape:
    """What the layer gives of a shape. Raises ValueError if it takes no such shape."""
    is_flat = len(taken) == 1
    match layer:
        case Conv(filters, kernel, padding):
            if is_flat:
                raise ValueError("comes after Flatten, expected before it")
            side = taken[1] if padding == "same" else taken[1] - kernel + 1
            if side < 1:
                raise ValueError(
                    f"is given {taken[1]}x{taken[1]} pixels, expected {kernel}x{kernel} or more; "
                    "leave a MaxPool out before it, or set padding='same'"
                )
            return filters, side, side
        case MaxPool(size):
            if is_flat:
                raise ValueError("comes after Flatten, expected before it")
            if taken[1] < size:
                raise ValueError(
                    f"is given {taken[1]}x{taken[1]} pixels, expected {size}x{size} or more; "
                    "leave it out"
                )
            return taken[0], taken[1] // size, taken[2] // size
        case Flatten():
            if is_flat:
                raise ValueError("is flat already; leave it out")
            return (prod(taken),)
        case Dense(units):
            if not is_flat:
                raise ValueError(
                    f"is given {taken[0]} channels of {taken[1]}x{taken[2]} pixels, expected "
                    "features; put Flatten() before it"
                )
            return (units,)
    return taken


def _parameters(layer: Layer, taken: Shape) -> int:
    match layer:
        case Conv(filters, kernel, _, bias):
            return filters * (taken[0] * kernel * kernel + bias)
        case Norm():
            return 4 * taken[0]
        case Dense(units):
            return units * (taken[0] + 1)
    return 0


def _check_size(layers: Sequence[Layer], shapes: Sequence[Shape]) -> None:
    """Raise ConfigError for a network whose model would not be read: `model_check` has the limits.

    A text that states a network may come from a file of anybody's: nothing is built before this.
    """
    parameters = sum(map(_parameters, layers, shapes))
    values = sum(map(prod, shapes[1:]))
    products = sum(
        prod(given) * _parameters(layer, taken) // given[0]
        for layer, taken, given in zip(layers, shapes, shapes[1:], strict=False)
        if isinstance(layer, Conv | Dense)
    )
    for what, found, most in (
        ("parameters", parameters, MAX_MODEL_BYTES // 4),
        ("values between its layers", values, MAX_VALUES),
        ("products for one digit", products, MAX_PRODUCTS),
    ):
        if found > most:
            raise ConfigError(
                f"the network has {found:,} {what}, expected at most {most:,}, so that its model "
                "can be read; make its layers smaller"
            )


_LAYERS: dict[str, type] = {kind.__name__: kind for kind in get_args(Layer)}
_LONGEST = 10_000  # characters of a network's text: some hundred layers
_MODULE = re.compile(r"(?P<file>.+\.py|python):(?P<name>[^\W\d]\w*)", re.DOTALL)


def is_module(name: str) -> bool:
    """Whether a recipe's network is a PyTorch module, not a row: FILE.py:NAME, or python:CLASS."""
    return name not in NETWORKS and _MODULE.fullmatch(name) is not None


def network_name(network: Network) -> str:
    """What a recipe calls a network: its name in the table, else its text."""
    known = (name for name, row in NETWORKS.items() if row == network)
    return next(known, str(network))


def network_named(name: str) -> Network:
    """The network that a recipe names: a row of the table, or one written as text.

    The text is Python's, but nothing is run. Raises ConfigError where it is neither, and what
    Network does.
    """
    if name in NETWORKS:
        return NETWORKS[name]
    if is_module(name):
        raise ConfigError(
            f"the network {name} is a PyTorch module, whose code no file of ours holds; expected "
            "one of layers"
        )
    try:
        if len(name) > _LONGEST:
            raise ValueError(f"{len(name):,} characters")
        call = ast.parse(f"Network({name})", mode="eval").body
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or not call.args:
            raise ValueError("not layers")
        named = {str(one.arg): ast.literal_eval(one.value) for one in call.keywords}
        if named.keys() - {"initial"}:
            raise ValueError("not a setting of a network")
        layers = [_layer(one) for one in call.args]
    # RecursionError and MemoryError: brackets within brackets.
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError) as error:
        raise ConfigError(
            f"network is {name!r:.80}, expected one of {', '.join(NETWORKS)}, layers like "
            "'Conv(8, kernel=5), MaxPool(), Relu(), Flatten(), Dense(10)', or FILE.py:NAME "
            f"({error})"
        ) from error
    return Network(layers, **named)


def _layer(call: ast.expr) -> Layer:
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
        raise ValueError("not a layer")
    if call.func.id not in _LAYERS:
        raise ValueError(f"no layer {call.func.id}")
    values = [ast.literal_eval(one) for one in call.args]
    named = {str(one.arg): ast.literal_eval(one.value) for one in call.keywords}
    layer: Layer = _LAYERS[call.func.id](*values, **named)
    return layer


def _text(layer: Layer) -> str:
    parts = []
    for field in fields(layer):
        value = getattr(layer, field.name)
        if field.default is MISSING:
            parts.append(repr(value))
        elif value != field.default:
            parts.append(f"{field.name}={value!r}")
    return f"{type(layer).__name__}({', '.join(parts)})"


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
    "original": Network(_original(), initial="glorot_uniform"),
    "nano": Network(_compact(8, 16, 24, 32)),
    "tiny": Network(_compact(16, 32, 32, 48)),
    "compact": Network(_compact(24, 48, 48, 64)),
    "wide": Network(_compact(48, 96, 96, 128, dropout=0.3)),
    "wider": Network(_compact(64, 128, 128, 192, dropout=0.3)),
    "deep": Network(_deep(32, 128, 160, dropout=0.3)),
}
