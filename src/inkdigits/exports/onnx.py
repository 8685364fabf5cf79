"""A trained network as one .onnx file with the spec's metadata.

In: a Network row and its weights. Out: a graph from `digits` (N, 1, 28, 28) float32 in [0, 1] to
`probabilities` (N, 10), any N. Written node by node from the row: PyTorch's exporter needs a
further package, takes seconds, and names things by its own inner workings.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

from inkdigits.errors import ModelError
from inkdigits.files import written_whole
from inkdigits.model_check import read_model_file
from inkdigits.spec import INPUT_NAME, N_CLASSES, OUTPUT_NAME, SIDE, check_metadata, metadata
from inkdigits.training.networks import (
    NETWORKS,
    Conv,
    Dense,
    Dropout,
    Flatten,
    Layer,
    MaxPool,
    Network,
    Norm,
    Relu,
)

OPSET = 13  # read by ONNX Runtime since 1.7 and OpenCV's dnn since 4.5
IR_VERSION = 8

Arrays = Mapping[str, NDArray[np.float32]]


def save_onnx(network: Network, weights: Arrays, path: Path, about: Mapping[str, str]) -> None:
    """Write the network to `path`, whole or not at all, after onnx.checker has passed it.

    weights: "{layer place}.{weight|bias|running_mean|running_var}" to float32 array.
    about: further metadata (recipe, data, commit); the spec's own entries are added.
    """
    nodes, constants = _nodes(network, weights, "", OUTPUT_NAME)
    _save(nodes, constants, path, about)


def save_ensemble(
    members: Sequence[tuple[Network, Arrays]], path: Path, about: Mapping[str, str]
) -> None:
    """Write networks as one model that gives the mean of their probabilities.

    members: each a network and its weights, as save_onnx takes them; all count the same.
    """
    nodes, constants, answers = [], [], []
    for number, (network, weights) in enumerate(members):
        answers.append(f"member{number}.{OUTPUT_NAME}")
        its_nodes, its_constants = _nodes(network, weights, f"member{number}.", answers[-1])
        nodes += its_nodes
        constants += its_constants
    nodes.append(helper.make_node("Mean", answers, [OUTPUT_NAME]))
    _save(nodes, constants, path, about)


def _nodes(
    network: Network, weights: Arrays, prefix: str, output: str
) -> tuple[list[NodeProto], list[TensorProto]]:
    """The network's operators and constants, named with `prefix`, from the input to `output`."""
    nodes, constants = [], []
    value = INPUT_NAME
    for place, layer in _in_running_order(network, weights):
        result = f"{prefix}layer{place}"
        names = []
        for part in _PARTS.get(type(layer), ()):
            if f"{place}.{part}" in weights:
                names.append(f"{result}.{part}")
                array = np.ascontiguousarray(weights[f"{place}.{part}"])
                constants.append(numpy_helper.from_array(array, names[-1]))
        operator, attributes = _operator(layer)
        nodes.append(helper.make_node(operator, [value, *names], [result], **attributes))
        value = result
    nodes.append(helper.make_node("Softmax", [value], [output], axis=1))
    return nodes, constants


def _in_running_order(network: Network, weights: Arrays) -> list[tuple[int, Layer]]:
    """The layers with their places, in the order in which the same result is had fastest.

    Pooling comes after a ReLU, and after a normalisation that lowers nothing below what it was
    higher than (all its scales are over 0): runtimes do these two within the convolution.
    """
    layers: list[tuple[int, Layer]] = []
    for place, layer in enumerate(network.layers):
        if not isinstance(layer, Dropout):
            layers.append((place, layer))
    for i in range(len(layers) - 1):
        place, following = layers[i + 1]
        rises = isinstance(following, Relu) or (
            isinstance(following, Norm) and bool((weights[f"{place}.weight"] > 0).all())
        )
        if isinstance(layers[i][1], MaxPool) and rises:
            layers[i : i + 2] = layers[i + 1], layers[i]
    return layers


def _save(
    nodes: list[NodeProto], constants: list[TensorProto], path: Path, about: Mapping[str, str]
) -> None:
    graph = helper.make_graph(
        nodes,
        "inkdigits",
        [helper.make_tensor_value_info(INPUT_NAME, TensorProto.FLOAT, ["N", 1, SIDE, SIDE])],
        [helper.make_tensor_value_info(OUTPUT_NAME, TensorProto.FLOAT, ["N", N_CLASSES])],
        constants,
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="inkdigits"
    )
    model.ir_version = IR_VERSION
    helper.set_model_props(model, {**about, **metadata()})
    onnx.checker.check_model(model, full_check=True)
    with written_whole(path) as part_path:
        onnx.save(model, str(part_path))


def load_onnx(path: Path) -> tuple[str, dict[str, NDArray[np.float32]]]:
    """The network's name and weights of a model that save_onnx wrote.

    Raises ModelError if the file is not one, or its network is not in the table.
    """
    try:
        model = onnx.load_model_from_string(read_model_file(path))
        found = {entry.key: entry.value for entry in model.metadata_props}
        check_metadata(found, str(path))
        network = json.loads(found["inkdigits.recipe"])["network"]
        arrays = {
            constant.name.removeprefix("layer"): numpy_helper.to_array(constant)
            for constant in model.graph.initializer
        }
    except (ValueError, KeyError, TypeError, RecursionError, DecodeError) as error:
        raise ModelError(f"{path}: holds no weights to go on from: {error}") from error
    if network not in list(NETWORKS):  # it may be anything that JSON can say
        raise ModelError(f"{path}: its network {network!r} is not one of {', '.join(NETWORKS)}")
    return network, arrays


# Which arrays a layer has, in the order its ONNX operator takes them.
_PARTS: dict[type, tuple[str, ...]] = {
    Conv: ("weight", "bias"),
    Norm: ("weight", "bias", "running_mean", "running_var"),
    Dense: ("weight", "bias"),
}


def _operator(layer: Layer) -> tuple[str, dict[str, Any]]:
    match layer:
        case Conv(_, kernel, padding, _):
            edge = kernel // 2 if padding == "same" else 0
            return "Conv", {"kernel_shape": [kernel, kernel], "pads": [edge] * 4}
        case Norm(epsilon, _):
            return "BatchNormalization", {"epsilon": epsilon}
        case Relu():
            return "Relu", {}
        case MaxPool(size):
            return "MaxPool", {"kernel_shape": [size, size], "strides": [size, size]}
        case Flatten():
            return "Flatten", {}
        case Dense():
            return "Gemm", {"transB": 1}
    raise TypeError(f"no ONNX operator for {layer}")
