"""What a model file asks for, looked at before ONNX Runtime gets it.

In: a path. Out: the file's bytes. A model is a program, and a runtime does what it is told: read
other files, count for ever, take all memory. The models that this program writes are some operators
without loops, of known sizes; a file that holds anything else is refused. The package onnx is not
needed to read pictures, so the file is read here.
Source: onnx.proto, whose field numbers these are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from struct import iter_unpack

from inkdigits.errors import ModelError
from inkdigits.reading import protobuf
from inkdigits.spec import INPUT_NAME, SIDE

MAX_MODEL_BYTES = 100_000_000
_MAX_FIELDS = 500_000  # of all messages: a second's reading; ours have some hundred
_MAX_INPUTS = 20_000  # of all operators: a runtime plans 200,000 of them for minutes
MAX_VALUES = 5_000_000  # that all operators give for one digit: 20 MB
MAX_PRODUCTS = 2_000_000_000  # that they take for one digit: a second at the most

# What may be in each message. What is not here is refused: functions, sparse weights, graphs in
# operators, files beside the model, whatever later versions of the format bring.
_MODEL = {1, 2, 3, 4, 5, 6, 7, 8, 14}
_GRAPH = {1, 2, 5, 10, 11, 12, 13}
_NODE = {1, 2, 3, 4, 5, 6, 7}
_ATTRIBUTE = {1, 2, 3, 4, 7, 8, 13, 20}  # a name; a text or numbers
_WEIGHT = {1, 2, 4, 5, 7, 8, 9, 12, 13, 14}  # a name, a size, values

# Operators that give a value for each that they take; those of two take both from anywhere.
_EACH = {
    "BatchNormalization", "Relu", "Softmax", "QuantizeLinear", "DequantizeLinear", "LogSoftmax",
    "LeakyRelu", "PRelu", "Elu", "Sigmoid", "Tanh", "HardSigmoid", "Erf", "Clip",
}  # fmt: skip
_PAIRS = {"Add", "Sub", "Mul", "Div"}
_VALUES_ONLY = {"Mean", "Concat", *_PAIRS}  # all that they take may depend on the digit

_INT64, _MAX_AXES = 7, 8  # a weight's type; of a shape

_Size = tuple[int, ...]


class _RefusedError(Exception):
    """What is wrong with the file, in words that follow its name."""


@dataclass
class _Node:
    """One operator."""

    operator: str = ""
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    settings: dict[str, list[int]] = field(default_factory=dict)  # attributes in whole numbers


def read_model_file(path: Path) -> bytes:
    """The bytes of a model file that asks for no more than this program's own models do.

    Raises ModelError if it cannot be read, is far too large, is no ONNX file, or holds operators,
    sizes or references to other files that none of ours does.
    """
    try:
        size = path.stat().st_size
        if size > MAX_MODEL_BYTES:
            raise ModelError(
                f"{path}: is {size:,} bytes, over the limit of {MAX_MODEL_BYTES:,}; "
                "this program's models are under 10 MB"
            )
        data = path.read_bytes()
        _check(data)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise ModelError(
            f"{path}: not an ONNX file, or a damaged one ({error}); name a model.onnx as "
            "inkdigits train writes it"
        ) from error
    except _RefusedError as error:
        raise ModelError(
            f"{path}: {error}; this program reads models it exported itself: "
            "inkdigits train writes model.onnx"
        ) from error
    return data


def _check(data: bytes) -> None:
    contents = _Contents(data)
    sizes = contents.sizes
    constant = set(sizes) - {INPUT_NAME}
    values = products = 0
    if sum(len(node.inputs) for node in contents.nodes) > _MAX_INPUTS:
        raise _RefusedError(f"has over {_MAX_INPUTS:,} inputs of operators")
    for node in contents.nodes:
        try:
            if node.operator == "Reshape":
                node.settings["shape"] = contents.integers[node.inputs[1]]
            size, taken = _result(node, [sizes[name] for name in node.inputs])
            first, *others = (name in constant for name in node.inputs)
            if node.operator not in _VALUES_ONLY and not all(others):
                raise ValueError("no constant")
            if node.operator in _PAIRS:
                # Of fewer axes, the digits of a batch would be set against one another.
                of_digits = [name for name in node.inputs if name not in constant]
                if any(len(sizes[name]) < len(size) for name in of_digits):
                    raise ValueError("axes")
        except (LookupError, ValueError, ZeroDivisionError) as error:
            raise _RefusedError(f"uses {node.operator} as no model of this program does") from error
        values += prod(size)
        products += taken
        if values > MAX_VALUES or products > MAX_PRODUCTS:
            raise _RefusedError(
                f"takes over {MAX_VALUES:,} values or {MAX_PRODUCTS:,} products for one digit"
            )
        contents.put(node.outputs[0], size)
        if first and all(others):
            constant.add(node.outputs[0])


def _result(node: _Node, given: list[_Size]) -> tuple[_Size, int]:  # noqa: PLR0911  a table
    """How large what an operator gives is, and how many products it takes, both for one digit."""
    first, settings = given[0], node.settings
    match node.operator:
        case "Conv":
            weights = given[1]
            size = (first[0], weights[0], *_slid(first[2:], weights[2:], settings))
            return size, first[0] * prod(size[2:]) * prod(weights)
        case "MaxPool" | "AveragePool":
            kernel = tuple(settings["kernel_shape"])
            size = (*first[:2], *_slid(first[2:], kernel, settings))
            return size, prod(size) * prod(kernel)
        case "Flatten":
            _one_of(settings.get("axis", [1]), 1)
            return (first[0], prod(first[1:])), 0
        case "Reshape":
            _one_of(settings.get("allowzero", [0]), 0)
            batch, *rest = settings["shape"]
            _one_of([batch], 0)  # as many digits as before; the runtime checks the rest
            if min(rest) < 1:
                raise ValueError("shape")
            return (first[0], *rest), 0
        case "Gemm":
            _one_of(settings.get("transA", [0]), 0)
            rows, columns = given[1]
            turned = _one_of(settings.get("transB", [0]), 0, 1)
            return (first[0], rows if turned else columns), first[0] * rows * columns
        case "Mean":
            if any(size != first for size in given):  # smaller ones would be spread out
                raise ValueError("sizes")
            return first, 0
        case "GlobalAveragePool":
            return (*first[:2], *(1 for _ in first[2:])), 0
        case "Concat":
            _one_of(settings["axis"], 1)
            return (first[0], sum(size[1] for size in given), *first[2:]), 0
        case operator if operator in _PAIRS:
            _, second = given
            rank = max(len(first), len(second))
            # The smaller one is spread out.
            filled = ((1,) * (rank - len(size)) + size for size in (first, second))
            return tuple(map(max, *filled)), 0
        case operator if operator in _EACH:
            return first, 0
    raise _RefusedError(f"uses the operator {node.operator!r}, which no model of this program uses")


def _slid(size: _Size, kernel: _Size, settings: dict[str, list[int]]) -> _Size:
    """Height and width after sliding a kernel over (height, width), rounded up."""
    (height, width), (high, wide) = size, kernel
    apart, aside = settings.get("dilations", [1, 1])
    if min(apart, aside, high, wide) < 1:
        raise ValueError("kernel")
    high, wide = apart * (high - 1) + 1, aside * (wide - 1) + 1
    top, left, bottom, right = settings.get("pads", [0] * 4)
    down, across = settings.get("strides", [1, 1])
    height, width = height + top + bottom - high, width + left + right - wide
    if min(top, left, bottom, right, height, width) < 0 or min(down, across) < 1:
        raise ValueError("kernel")
    return -(-height // down) + 1, -(-width // across) + 1


def _one_of(found: list[int], *expected: int) -> int:
    if len(found) != 1 or found[0] not in expected:
        raise ValueError(str(found))
    return found[0]


class _Contents:
    """The operators in a model file, and how large its input and its weights are.

    Raises _RefusedError if no model of ours has it, ValueError if it is not ONNX.
    """

    def __init__(self, data: bytes) -> None:
        self.nodes: list[_Node] = []
        self.sizes: dict[str, _Size] = {INPUT_NAME: (1, 1, SIDE, SIDE)}  # for one digit
        self.integers: dict[str, list[int]] = {}  # weights that are a few whole numbers
        self._left = _MAX_FIELDS
        for number, graph in self._fields(memoryview(data), _MODEL, "the model"):
            for part, value in self._fields(graph, _GRAPH, "its graph") if number == 7 else ():
                if part == 1:
                    self.nodes.append(self._node(value))
                elif part == 5:
                    self.put(*self._weight(value))
        if not self.nodes:
            raise _RefusedError("holds no operator")

    def put(self, name: str, size: _Size) -> None:
        """Write down how large a value is."""
        if name in self.sizes:
            raise _RefusedError(f"holds {name!r} twice")
        self.sizes[name] = size

    def _node(self, message: protobuf.Value) -> _Node:
        node = _Node()
        for number, value in self._fields(message, _NODE, "an operator"):
            if number == 1:
                node.inputs.append(protobuf.text(value))
            elif number == 2:
                node.outputs.append(protobuf.text(value))
            elif number == 4:
                node.operator = protobuf.text(value)
            elif number == 5:
                name, setting = self._attribute(value)
                if name in node.settings:
                    raise _RefusedError(f"sets {name!r} of an operator twice")
                node.settings[name] = setting
            elif number == 7 and protobuf.text(value):
                raise _RefusedError(
                    f"uses operators of {protobuf.text(value)!r}, expected ONNX's own"
                )
        if not (node.operator and node.inputs and node.outputs):
            raise _RefusedError("holds an operator that lacks a name, an input or an output")
        return node

    def _attribute(self, message: protobuf.Value) -> tuple[str, list[int]]:
        name, setting = "", []
        for number, value in self._fields(message, _ATTRIBUTE, "an operator's setting"):
            if number == 1:
                name = protobuf.text(value)
            elif number in (3, 8):
                setting += protobuf.integers(value)
            elif number == 4 and protobuf.text(value) != "NOTSET":  # other ways of padding
                raise _RefusedError(f"sets an operator's {name!r} to {protobuf.text(value)!r}")
        return name, setting

    def _weight(self, message: protobuf.Value) -> tuple[str, _Size]:
        name, size, kind, held = "", [], [0], []
        for number, value in self._fields(message, _WEIGHT, "a weight"):
            if number == 1:
                size += protobuf.integers(value)
            elif number == 2:
                kind = protobuf.integers(value)
            elif number == 9 and isinstance(value, memoryview) and len(value) <= 8 * _MAX_AXES:
                held += [one for (one,) in iter_unpack("<q", value)] if len(value) % 8 == 0 else []
            elif number == 8:
                name = protobuf.text(value)
            elif number == 13 or (number == 14 and value):
                raise _RefusedError("keeps its weights in other files")
        if any(length < 0 for length in size):
            raise ValueError("a weight of negative size")
        if kind == [_INT64] and size == [len(held)]:
            self.integers[name] = held
        return name, tuple(size)

    def _fields(
        self, message: protobuf.Value, known: set[int], what: str
    ) -> Iterator[tuple[int, protobuf.Value]]:
        for number, value in protobuf.fields(message):
            self._left -= 1
            if self._left < 0:
                raise _RefusedError(f"holds over {_MAX_FIELDS:,} parts")
            if number not in known:
                raise _RefusedError(f"{what} has field {number}, which no model of ours has")
            yield number, value
