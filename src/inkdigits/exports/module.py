"""A PyTorch module of a user's own as operators of ONNX, those that `model_check` lets pass.

In: an Own. Out: its operators and constants. Weights keep their names in the module, so that a
model can be trained further. `torch.export` lists what the module does, a table gives it in ONNX;
PyTorch's own exporter needs a further package and writes operators that no reader of ours takes.
"""

from __future__ import annotations

import hashlib
import io
import logging
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper
from torch import fx
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind

from inkdigits.errors import ConfigError
from inkdigits.exports.onnx import MADE
from inkdigits.spec import INPUT_NAME, OUTPUT_NAME, SIDE
from inkdigits.training.own import Own

Nodes = tuple[list[NodeProto], list[TensorProto]]
_Args = dict[str, Any]

_TEMPERATURE = "temperature"


def nodes_of(own: Own) -> Nodes:
    """The module's operators and constants, from INPUT_NAME to OUTPUT_NAME, its softmax added.

    Raises ConfigError that names what it does that has no place in a model.
    """
    name = type(own.network).__name__
    program = _exported(own, name)
    writer = _Writer(program, name)
    logits = writer.written()
    writer.constants.append(
        numpy_helper.from_array(own.temperature.detach().numpy().copy(), _TEMPERATURE)
    )
    divided = writer.add("Div", [logits, _TEMPERATURE])
    writer.nodes.append(helper.make_node("Softmax", [divided], [OUTPUT_NAME], axis=1))
    return writer.nodes, writer.constants


def sha256_of(nodes: Nodes) -> str:
    """SHA-256 of what a module does, whatever its weights are, in hexadecimal."""
    operators, constants = nodes
    found = hashlib.sha256()
    for node in operators:
        found.update(node.SerializeToString(deterministic=True))
    for one in constants:
        values = one.raw_data if one.name.startswith(MADE) else b""
        found.update(f"{one.name} {list(one.dims)}".encode() + values)
    return found.hexdigest()


@contextmanager
def _unheard() -> Iterator[None]:
    """What torch.export writes to standard error is for its makers: pages of what it traced."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _exported(own: Own, name: str) -> ExportedProgram:
    own.eval()
    try:
        with _unheard():
            program = torch.export.export(
                own.network,
                (torch.zeros(2, 1, SIDE, SIDE),),  # an axis of one is taken for a constant
                dynamic_shapes=({0: torch.export.Dim("N", min=1)},),
            )
            # Nothing in it writes over what it was given.
            plain: ExportedProgram = program.run_decompositions({})
            return plain
    # torch.export raises what its many parts do.
    except Exception as error:
        said = (str(error).strip().splitlines() or [""])[0]
        raise ConfigError(
            f"network {name} cannot be saved as a model: torch.export raises "
            f"{type(error).__name__}: {said:.200}; expected a forward without branches on values, "
            "for any number of images"
        ) from error


class _Writer:
    """Operators written one after another, as torch.export lists them."""

    def __init__(self, program: ExportedProgram, name: str) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []
        self._program, self._name = program, name
        self._values: dict[fx.Node, str] = {}  # what each result is called
        self._weights: dict[fx.Node, tuple[str, torch.Tensor]] = {}  # those that were not used yet

    def written(self) -> str:
        """Write all operators; the name of the logits."""
        graph = self._program.graph_module.graph
        graph.eliminate_dead_code()
        inputs = {spec.arg.name: spec for spec in self._program.graph_signature.input_specs}
        for node in graph.nodes:
            if node.op == "placeholder":
                self._input(node, inputs[node.name].kind, inputs[node.name].target)
            elif node.op == "call_function" and isinstance(
                _meta(node), torch.Tensor | tuple | list
            ):
                self._values[node] = self._call(node)
        (logits,) = graph.output_node().args[0]
        return self.value(logits)

    def add(self, operator: str, given: Sequence[str], **attributes: Any) -> str:
        """Write an operator; the name of its result."""
        result = f"step{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(given), [result], **attributes))
        return result

    def value(self, of: Any) -> str:
        """The name of what an operator is given: a result, a weight, or a number."""
        if isinstance(of, fx.Node):
            if of in self._weights:
                name, tensor = self._weights.pop(of)
                self._values[of] = self._constant(tensor.detach().numpy(), name)
            return self._values[of]
        return self._constant(np.array(of, np.float32))

    def channels(self, filled: float, n: int) -> str:
        """The name of n equal numbers."""
        return self._constant(np.full(n, filled, np.float32))

    def shape(self, of_one: Sequence[int]) -> str:
        """The name of a shape of which the batch's axis, the first, stays as it is."""
        name = f"{MADE}{len(self.constants)}"
        values = np.array([0, *(int(length) for length in of_one)], np.int64)
        self.constants.append(numpy_helper.from_array(values, name))
        return name

    def is_weight(self, of: Any) -> bool:
        """Whether what an operator is given is the same for every image."""
        return of in self._weights or self._values.get(of, "").startswith(("network.", MADE))

    def refuse(self, what: str) -> ConfigError:
        """That no model can hold what the module does."""
        plain = (_reshaped, _as_it_is)
        known = [name for name, call in _CALLS.items() if name[0] != "_" and call not in plain]
        return ConfigError(
            f"network {self._name} uses {what}, which the models of this program do not hold; "
            f"expected some of batch_norm, {', '.join(known)}"
        )

    def _constant(self, array: NDArray[Any], name: str = "") -> str:
        name = name or f"{MADE}{len(self.constants)}"
        plain = np.ascontiguousarray(array, np.float32).reshape(array.shape)
        self.constants.append(numpy_helper.from_array(plain, name))
        return name

    def _input(self, node: fx.Node, kind: InputKind, target: str | None) -> None:
        if kind == InputKind.USER_INPUT:
            self._values[node] = INPUT_NAME
            return
        held = self._program.constants | self._program.state_dict
        tensor = held.get(target or "")
        if isinstance(tensor, torch.Tensor):
            # A buffer that is not saved, or a tensor of the code, is not a weight to train further.
            saved = target in self._program.state_dict
            self._weights[node] = (f"{'network.' if saved else MADE}{target}", tensor)

    def _call(self, node: fx.Node) -> str:
        name = getattr(node.target, "__name__", str(node.target)).split(".")[0]
        if name == "getitem":  # the module uses only the first of several results
            if node.args[1] != 0:
                raise self.refuse("indices of a pooling")
            return self._values[node.args[0]]  # type: ignore[index]
        schema = getattr(node.target, "_schema", None)
        if schema is None or name not in _CALLS:
            raise self.refuse(f"{name}")
        given = {a.name: a.default_value for a in schema.arguments}
        given |= dict(zip(given, node.args, strict=False)) | node.kwargs
        try:
            return _CALLS[name](self, node, given)
        except _OtherwiseError as error:
            raise self.refuse(f"{name} {error}") from None


class _OtherwiseError(Exception):
    """An operator is used in a way that has no row in the table."""


def _meta(node: Any) -> Any:
    return node.meta.get("val")


def _shape(node: Any) -> tuple[Any, ...]:
    return tuple(_meta(node).shape)


def _pair(value: Any) -> list[int]:
    """Height and width, of one number or two."""
    both = list(value) if isinstance(value, list | tuple) else [value]
    return both * 2 if len(both) == 1 else both


def _only(given: _Args, **expected: Any) -> None:
    """Raise _OtherwiseError where an argument is not the one value that is known."""
    for name, value in expected.items():
        if given.get(name, value) != value:
            raise _OtherwiseError(f"with {name}={given[name]}")


def _of_rank(node: Any, rank: int) -> None:
    if len(_shape(node)) != rank:
        raise _OtherwiseError(f"of {len(_shape(node))} axes")


def _conv(writer: _Writer, node: fx.Node, given: _Args) -> str:
    _of_rank(given["input"], 4)
    kernel = [int(side) for side in _shape(given["weight"])[2:]]
    dilation, padding = _pair(given["dilation"]), given["padding"]
    if padding == "same":
        rims = [apart * (side - 1) for apart, side in zip(dilation, kernel, strict=True)]
        pads = [rim // 2 for rim in rims] + [rim - rim // 2 for rim in rims]
    else:
        pads = [0] * 4 if padding == "valid" else _pair(padding) * 2
    if not writer.is_weight(given["weight"]):
        raise _OtherwiseError("with a kernel that it computes")
    names = [writer.value(given["input"]), writer.value(given["weight"])]
    if given["bias"] is not None:
        names.append(writer.value(given["bias"]))
    return writer.add(
        "Conv", names, kernel_shape=kernel, pads=pads, strides=_pair(given["stride"]),
        dilations=dilation, group=given["groups"],
    )  # fmt: skip


def _linear(writer: _Writer, node: fx.Node, given: _Args) -> str:
    _of_rank(given["input"], 2)
    if not writer.is_weight(given["weight"]):
        raise _OtherwiseError("with weights that it computes")
    names = [writer.value(given["input"]), writer.value(given["weight"])]
    if given["bias"] is not None:
        names.append(writer.value(given["bias"]))
    return writer.add("Gemm", names, transB=1)


def _product(writer: _Writer, node: fx.Node, given: _Args) -> str:
    first, second = list(given.values())[:2]
    _of_rank(first, 2)
    if not writer.is_weight(second):
        raise _OtherwiseError("of two computed values")
    return writer.add("Gemm", [writer.value(first), writer.value(second)])


def _norm(writer: _Writer, node: fx.Node, given: _Args) -> str:
    n = _shape(given["input"])[1]
    names = [writer.value(given["input"])]
    for part, usual in (("weight", 1.0), ("bias", 0.0)):
        missing = given[part] is None
        names.append(writer.channels(usual, n) if missing else writer.value(given[part]))
    names += [writer.value(given["running_mean"]), writer.value(given["running_var"])]
    return writer.add("BatchNormalization", names, epsilon=given["eps"])


def _pool(operator: str) -> Callable[[_Writer, fx.Node, _Args], str]:
    def write(writer: _Writer, node: fx.Node, given: _Args) -> str:
        _of_rank(given["self"], 4)
        _only(given, divisor_override=None)
        kernel = _pair(given["kernel_size"])
        more: dict[str, Any] = {}
        if operator == "AveragePool":
            more["count_include_pad"] = int(given["count_include_pad"])
            _only(given, ceil_mode=False)  # ONNX counts what lies outside otherwise
        else:
            more["dilations"] = _pair(given["dilation"])
        return writer.add(
            operator, [writer.value(given["self"])], kernel_shape=kernel,
            strides=_pair(given["stride"] or kernel), pads=_pair(given["padding"]) * 2,
            ceil_mode=int(given["ceil_mode"]), **more,
        )  # fmt: skip

    return write


def _adaptive(operator: str) -> Callable[[_Writer, fx.Node, _Args], str]:
    def write(writer: _Writer, node: fx.Node, given: _Args) -> str:
        _of_rank(given["self"], 4)
        taken, expected = _shape(given["self"])[2:], _pair(given["output_size"])
        expected = [side or there for side, there in zip(expected, taken, strict=True)]
        if any(there % side for side, there in zip(expected, taken, strict=True)):
            raise _OtherwiseError(f"from {tuple(taken)} to {tuple(expected)}, no multiples")
        kernel = [int(there // side) for side, there in zip(expected, taken, strict=True)]
        return writer.add(
            operator, [writer.value(given["self"])], kernel_shape=kernel, strides=kernel
        )

    return write


def _mean(writer: _Writer, node: fx.Node, given: _Args) -> str:
    _of_rank(given["self"], 4)
    if {axis % 4 for axis in given["dim"] or ()} != {2, 3}:
        raise _OtherwiseError(f"over the axes {given['dim']}")
    result = writer.add("GlobalAveragePool", [writer.value(given["self"])])
    return result if given["keepdim"] else writer.add("Flatten", [result], axis=1)


def _reshaped(writer: _Writer, node: fx.Node, given: _Args) -> str:
    """The same values of each image, in the same order."""
    source = next(iter(given.values()))
    taken, expected = _shape(source), _shape(node)
    if taken[1:] == expected[1:]:
        return writer.value(source)
    if len(expected) == 2 and expected[1] == math.prod(taken[1:]):
        return writer.add("Flatten", [writer.value(source)], axis=1)
    if math.prod(expected[1:]) == math.prod(taken[1:]):
        return writer.add("Reshape", [writer.value(source), writer.shape(expected[1:])])
    sizes = (f"(N, {', '.join(map(str, shape[1:]))})" for shape in (taken, expected))
    raise _OtherwiseError(f"from {next(sizes)} to {next(sizes)}")


def _as_it_is(writer: _Writer, node: fx.Node, given: _Args) -> str:
    source = next(iter(given.values()))
    if _shape(node) != _shape(source):
        raise _OtherwiseError("of a part")
    if _meta(node).dtype != _meta(source).dtype:
        raise _OtherwiseError(f"to {_meta(node).dtype}")
    return writer.value(source)


def _each(operator: str, **attributes: str | float) -> Callable[[_Writer, fx.Node, _Args], str]:
    """An operator on each value; attributes: a number, or the name of PyTorch's argument."""

    def write(writer: _Writer, node: fx.Node, given: _Args) -> str:
        _only(given, scale=1, input_scale=1)  # elu's
        values = {
            name: float(given[source] if isinstance(source, str) else source)
            for name, source in attributes.items()
        }
        return writer.add(operator, [writer.value(given["self"])], **values)

    return write


def _prelu(writer: _Writer, node: fx.Node, given: _Args) -> str:
    if math.prod(_shape(given["weight"])) != 1:
        raise _OtherwiseError("with a slope for each channel")
    return writer.add("PRelu", [writer.value(given["self"]), writer.value(given["weight"])])


def _softmax(operator: str) -> Callable[[_Writer, fx.Node, _Args], str]:
    def write(writer: _Writer, node: fx.Node, given: _Args) -> str:
        axis = given["dim"] % len(_shape(given["self"]))
        return writer.add(operator, [writer.value(given["self"])], axis=axis)

    return write


def _clip(low: str | float, high: str | float) -> Callable[[_Writer, fx.Node, _Args], str]:
    def write(writer: _Writer, node: fx.Node, given: _Args) -> str:
        bounds = [given[bound] if isinstance(bound, str) else bound for bound in (low, high)]
        usual = (-float(np.finfo(np.float32).max), float(np.finfo(np.float32).max))
        names = [
            writer.value(float(other if bound is None else bound))
            for bound, other in zip(bounds, usual, strict=True)
        ]
        return writer.add("Clip", [writer.value(given["self"]), *names])

    return write


def _gelu(writer: _Writer, node: fx.Node, given: _Args) -> str:
    _only(given, approximate="none")
    value = writer.value(given["self"])
    share = writer.add("Erf", [writer.add("Mul", [value, writer.value(0.5**0.5)])])
    halves = writer.add("Mul", [value, writer.value(0.5)])
    return writer.add("Mul", [halves, writer.add("Add", [share, writer.value(1.0)])])


def _gated(operator: str, **attributes: float) -> Callable[[_Writer, fx.Node, _Args], str]:
    """x * operator(x): SiLU and its like."""

    def write(writer: _Writer, node: fx.Node, given: _Args) -> str:
        value = writer.value(given["self"])
        return writer.add("Mul", [value, writer.add(operator, [value], **attributes)])

    return write


def _pairwise(operator: str) -> Callable[[_Writer, fx.Node, _Args], str]:
    def write(writer: _Writer, node: fx.Node, given: _Args) -> str:
        _only(given, alpha=1, rounding_mode=None)
        first, second = given["self"], given["other"]
        for one in (first, second):
            # Fewer axes than the result: one that is not the batch's would be set against it.
            if isinstance(one, fx.Node) and not writer.is_weight(one):
                _of_rank(one, len(_shape(node)))
        return writer.add(operator, [writer.value(first), writer.value(second)])

    return write


def _concat(writer: _Writer, node: fx.Node, given: _Args) -> str:
    if given["dim"] % len(_shape(node)) != 1:
        raise _OtherwiseError(f"of axis {given['dim']}")
    return writer.add("Concat", [writer.value(one) for one in given["tensors"]], axis=1)


_CALLS: dict[str, Callable[[_Writer, fx.Node, _Args], str]] = {
    "conv2d": _conv,
    "linear": _linear,
    "matmul": _product,
    "mm": _product,
    "_native_batch_norm_legit_no_training": _norm,
    "max_pool2d": _pool("MaxPool"),
    "avg_pool2d": _pool("AveragePool"),
    "adaptive_avg_pool2d": _adaptive("AveragePool"),
    "adaptive_max_pool2d": _adaptive("MaxPool"),
    "mean": _mean,
    "relu": _each("Relu"),
    "leaky_relu": _each("LeakyRelu", alpha="negative_slope"),
    "prelu": _prelu,
    "elu": _each("Elu", alpha="alpha"),
    "sigmoid": _each("Sigmoid"),
    "tanh": _each("Tanh"),
    "hardsigmoid": _each("HardSigmoid", alpha=1 / 6, beta=0.5),
    "relu6": _clip(0.0, 6.0),
    "hardtanh": _clip("min_val", "max_val"),
    "clamp": _clip("min", "max"),
    "silu": _gated("Sigmoid"),
    "hardswish": _gated("HardSigmoid", alpha=1 / 6, beta=0.5),
    "gelu": _gelu,
    "softmax": _softmax("Softmax"),
    "log_softmax": _softmax("LogSoftmax"),
    "add": _pairwise("Add"),
    "sub": _pairwise("Sub"),
    "mul": _pairwise("Mul"),
    "div": _pairwise("Div"),
    "cat": _concat,
    **dict.fromkeys(("view", "reshape", "flatten", "squeeze", "unsqueeze"), _reshaped),
    "slice": _as_it_is,
    **dict.fromkeys(("clone", "alias", "contiguous", "detach", "dropout", "to"), _as_it_is),
}
