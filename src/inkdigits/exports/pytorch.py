"""A model as .pt2, for programs that run PyTorch and have nothing of ours.

In: an .onnx file of ours, whatever network is in it. Out: a file that `torch.export.load` opens
without the code that made it: (N, 1, 28, 28) float32 in [0, 1] to (N, 10) probabilities, N of 1 and
more.
"""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor

from inkdigits.errors import ModelError
from inkdigits.exports.onnx import read_onnx
from inkdigits.files import written_whole
from inkdigits.spec import INPUT_NAME, OUTPUT_NAME, SIDE

ABOUT = "inkdigits.json"  # the file in it that holds the metadata


def save_pt2(source: Path, path: Path, about: Mapping[str, str]) -> None:
    """Write the model in `source` to `path`, whole or not at all.

    about: metadata, under ABOUT in the file. Raises ModelError for a model in 8-bit integers.
    """
    # Two images: an axis of one is taken for a constant.
    example = torch.zeros(2, 1, SIDE, SIDE)
    batch = torch.export.Dim("N", min=1)
    program = torch.export.export(as_module(source), (example,), dynamic_shapes=({0: batch},))
    written = io.BytesIO()  # a full disk is no OSError to PyTorch
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.export.save(program, written, extra_files={ABOUT: json.dumps(dict(about))})
    with written_whole(path) as part:
        part.write_bytes(written.getvalue())


def as_module(source: Path) -> torch.nn.Module:
    """The model in an .onnx file of ours, giving probabilities, not to be trained on.

    Raises ModelError for a model in 8-bit integers.
    """
    return _Model(source).eval()


def pt2_probabilities(path: Path, images: NDArray[np.float32]) -> NDArray[np.float32]:
    """What a saved program gives for images (N, 28, 28) in [0, 1]: (N, 10), read from disk."""
    program = torch.export.load(path).module()
    with torch.no_grad():
        found: NDArray[np.float32] = program(torch.from_numpy(images[:, None])).numpy()
    return found


class _Model(torch.nn.Module):
    """The operators of a model, one after another."""

    def __init__(self, source: Path) -> None:
        super().__init__()
        graph = read_onnx(source).graph
        self._names: dict[str, str] = {}  # the name of each constant here, without dots
        self._shapes: dict[str, Any] = {}  # whole numbers, which a program has in its code
        for number, constant in enumerate(graph.initializer):
            if constant.data_type == TensorProto.INT64:
                self._shapes[constant.name] = numpy_helper.to_array(constant).tolist()
                continue
            self._names[constant.name] = f"constant{number}"
            array = torch.from_numpy(numpy_helper.to_array(constant).copy())
            self.register_buffer(self._names[constant.name], array)
        self._steps = [
            (node.op_type, list(node.input), node.output[0],
             {one.name: helper.get_attribute_value(one) for one in node.attribute})
            for node in graph.node
        ]  # fmt: skip
        for operator, *_ in self._steps:
            if operator not in _RUN:
                raise ModelError(
                    f"{source}: uses the operator {operator}, which has no counterpart in PyTorch "
                    "here; export the model that it was made of"
                )

    def forward(self, digits: Tensor) -> Tensor:
        values = {name: getattr(self, own) for name, own in self._names.items()}
        values |= {INPUT_NAME: digits, **self._shapes}
        for operator, taken, given, attributes in self._steps:
            values[given] = _RUN[operator]([values[name] for name in taken], attributes)
        found: Tensor = values[OUTPUT_NAME]
        return found


_Run = Callable[[list[Any], dict[str, Any]], Tensor]


def _padded(value: Tensor, attributes: dict[str, Any], filled: float) -> Tensor:
    top, left, bottom, right = attributes.get("pads", [0] * 4)
    if not any((top, left, bottom, right)):
        return value
    return F.pad(value, (left, right, top, bottom), value=filled)


def _conv(given: list[Tensor], attributes: dict[str, Any]) -> Tensor:
    value, weight, *bias = given
    found: Tensor = F.conv2d(
        _padded(value, attributes, 0.0), weight, bias[0] if bias else None,
        attributes.get("strides", 1), dilation=attributes.get("dilations", 1),
        groups=attributes.get("group", 1),
    )  # fmt: skip
    return found


def _norm(given: list[Tensor], attributes: dict[str, Any]) -> Tensor:
    value, weight, bias, mean, variance = given
    return F.batch_norm(value, mean, variance, weight, bias, eps=attributes.get("epsilon", 1e-5))


def _linear(given: list[Tensor], attributes: dict[str, Any]) -> Tensor:
    value, weight, *bias = given
    return F.linear(value, weight if attributes.get("transB") else weight.T, *bias)


def _max_pool(given: list[Tensor], attributes: dict[str, Any]) -> Tensor:
    return F.max_pool2d(
        _padded(given[0], attributes, -torch.inf), attributes["kernel_shape"],
        attributes.get("strides", 1), dilation=attributes.get("dilations", 1),
        ceil_mode=bool(attributes.get("ceil_mode", 0)),
    )  # fmt: skip


def _average_pool(given: list[Tensor], attributes: dict[str, Any]) -> Tensor:
    top, left, *_ = attributes.get("pads", [0] * 4)
    return F.avg_pool2d(
        given[0], attributes["kernel_shape"], attributes.get("strides", 1), (top, left),
        count_include_pad=bool(attributes.get("count_include_pad", 0)),
    )  # fmt: skip


_RUN: dict[str, _Run] = {
    "Conv": _conv,
    "BatchNormalization": _norm,
    "Gemm": _linear,
    "MaxPool": _max_pool,
    "AveragePool": _average_pool,
    "GlobalAveragePool": lambda given, _: F.adaptive_avg_pool2d(given[0], 1),
    "Flatten": lambda given, _: given[0].flatten(1),
    # A shape begins with 0, which keeps the batch's axis.
    "Reshape": lambda given, _: given[0].reshape(-1, *given[1][1:]),
    "PRelu": lambda given, _: F.prelu(given[0], given[1]),
    "Concat": lambda given, _: torch.cat(given, 1),
    "Mean": lambda given, _: torch.stack(given).mean(0),
    "Softmax": lambda given, at: given[0].softmax(at.get("axis", -1)),
    "LogSoftmax": lambda given, at: given[0].log_softmax(at.get("axis", -1)),
    "Relu": lambda given, _: given[0].relu(),
    "LeakyRelu": lambda given, at: F.leaky_relu(given[0], at.get("alpha", 0.01)),
    "Elu": lambda given, at: F.elu(given[0], at.get("alpha", 1.0)),
    "Sigmoid": lambda given, _: given[0].sigmoid(),
    "Tanh": lambda given, _: given[0].tanh(),
    "HardSigmoid": lambda given, _: F.hardsigmoid(given[0]),  # its slope is the one written here
    "Erf": lambda given, _: given[0].erf(),
    "Clip": lambda given, _: given[0].clamp(given[1], given[2]),
    "Add": lambda given, _: given[0] + given[1],
    "Sub": lambda given, _: given[0] - given[1],
    "Mul": lambda given, _: given[0] * given[1],
    "Div": lambda given, _: given[0] / given[1],
}
