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
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from inkdigits.errors import ConfigError, ModelError
from inkdigits.files import written_whole
from inkdigits.reading.model_check import read_model_file
from inkdigits.spec import INPUT_NAME, N_CLASSES, OUTPUT_NAME, SIDE, check_metadata, metadata
from inkdigits.training.networks import (
    Conv,
    Dense,
    Dropout,
    Flatten,
    Layer,
    MaxPool,
    Network,
    Norm,
    Relu,
    is_module,
    network_named,
)

OPSET = 13  # read by ONNX Runtime since 1.7 and OpenCV's dnn since 4.5
IR_VERSION = 8
MADE = "made."  # begins the name of a constant that is not a weight of the network

Arrays = Mapping[str, NDArray[np.float32]]


def save_onnx(network: Network, weights: Arrays, path: Path, about: Mapping[str, str]) -> None:
    """Write the network to `path`, whole or not at all, after onnx.checker has passed it.

    weights: "{layer index}.{weight|bias|running_mean|running_var}" to float32 array.
    about: further metadata (recipe, data, commit); the spec's own entries are added.
    """
    nodes, constants = _nodes(network, weights)
    save_nodes(nodes, constants, path, about)


def save_ensemble(members: Sequence[Path], path: Path, about: Mapping[str, str]) -> None:
    """Write models as one that gives the mean of their probabilities.

    members: .onnx files of ours; all count the same. Raises ModelError.
    """
    nodes, constants, answers = [], [], []
    for number, member in enumerate(members):

        def called(name: str, number: int = number) -> str:
            return name if name == INPUT_NAME else f"member{number}.{name}"

        graph = read_onnx(member).graph
        for node in graph.node:
            node.input[:] = [called(name) for name in node.input]
            node.output[:] = [called(name) for name in node.output]
            nodes.append(node)
        for constant in graph.initializer:
            constant.name = called(constant.name)
            constants.append(constant)
        answers.append(called(OUTPUT_NAME))
    nodes.append(helper.make_node("Mean", answers, [OUTPUT_NAME]))
    save_nodes(nodes, constants, path, about)


def _nodes(network: Network, weights: Arrays) -> tuple[list[NodeProto], list[TensorProto]]:
    """The network's operators and constants, from the input to the output."""
    nodes, constants = [], []
    value = INPUT_NAME
    for index, layer in _in_running_order(network, weights):
        result = f"layer{index}"
        names = []
        for part in _PARTS.get(type(layer), ()):
            if f"{index}.{part}" in weights:
                names.append(f"{result}.{part}")
                array = np.ascontiguousarray(weights[f"{index}.{part}"])
                constants.append(numpy_helper.from_array(array, names[-1]))
        operator, attributes = _operator(layer)
        nodes.append(helper.make_node(operator, [value, *names], [result], **attributes))
        value = result
    nodes.append(helper.make_node("Softmax", [value], [OUTPUT_NAME], axis=1))
    return nodes, constants


def _in_running_order(network: Network, weights: Arrays) -> list[tuple[int, Layer]]:
    """The layers with their indices, in the order in which the same result is had fastest.

    Pooling comes after a ReLU, and after a normalisation that lowers nothing below what it was
    higher than (all its scales are over 0): runtimes do these two within the convolution.
    """
    layers: list[tuple[int, Layer]] = []
    for index, layer in enumerate(network.layers):
        if not isinstance(layer, Dropout):
            layers.append((index, layer))
    for i in range(len(layers) - 1):
        index, following = layers[i + 1]
        rises = isinstance(following, Relu) or (
            isinstance(following, Norm) and bool((weights[f"{index}.weight"] > 0).all())
        )
        if isinstance(layers[i][1], MaxPool) and rises:
            layers[i : i + 2] = layers[i + 1], layers[i]
    return layers


def save_nodes(
    nodes: list[NodeProto], constants: list[TensorProto], path: Path, about: Mapping[str, str]
) -> None:
    """Write operators from INPUT_NAME to OUTPUT_NAME as a model, after onnx.checker has passed it.

    about: as save_onnx takes it.
    """
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


def read_onnx(path: Path) -> ModelProto:
    """A model of ours, looked at before it is read. Raises ModelError."""
    try:
        model = onnx.load_model_from_string(read_model_file(path))
        check_metadata({entry.key: entry.value for entry in model.metadata_props}, str(path))
    except DecodeError as error:
        raise ModelError(f"{path}: not a readable ONNX file: {error}") from error
    return model


def load_onnx(path: Path) -> tuple[str, dict[str, NDArray[np.float32]]]:
    """What a recipe calls a model's network, and its weights, as save_onnx took them.

    Of a user's module the weights have the names that they have in it. Raises ModelError if the
    file is none of ours, or its network is not in the table and none of layers.
    """
    try:
        model = read_onnx(path)
        found = {entry.key: entry.value for entry in model.metadata_props}
        network = json.loads(found["inkdigits.recipe"])["network"]
        if not isinstance(network, str):
            raise TypeError(f"its network is {network!r:.80}")
        arrays = {
            constant.name.removeprefix("layer"): numpy_helper.to_array(constant)
            for constant in model.graph.initializer
            if not constant.name.startswith(MADE)
        }
        if not is_module(network):
            network_named(network)
    except ConfigError as error:
        raise ModelError(f"{path}: its {error}") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ModelError(f"{path}: holds no weights to train further: {error}") from error
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
            # Of an even kernel one pixel more is added behind than before.
            edges = [(kernel - 1) // 2, kernel // 2] if padding == "same" else [0, 0]
            pads = [edge for edge in edges for _ in range(2)]
            return "Conv", {"kernel_shape": [kernel, kernel], "pads": pads}
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
