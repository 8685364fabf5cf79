"""The finding networks as .onnx files, for Python and for browsers.

In: a trained network. Out: a graph with any number of pictures of any size. Weights are kept in
16-bit floats, which halves the file, and are widened when it is loaded.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn
from torch.nn import functional as F

from inkdigits.files import written_whole
from inkdigits.training.finding.networks import HEATS, N_SORTS, CloseUpNetwork, FinderNetwork

_OPSET = 17
_WIDENED_FROM = 64  # values: a smaller constant stays as it is


class _Finder(nn.Module):
    """Peaks (N, 2, h, w): the heat where it is the largest of its 3x3, else 0; sorts; boxes."""

    def __init__(self, network: FinderNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        maps = self.network(picture)
        heat = maps[:, :HEATS].sigmoid()
        peaks = heat * (heat == F.max_pool2d(heat, 3, 1, 1)).float()
        sorts = maps[:, HEATS : HEATS + N_SORTS]
        return peaks, sorts, maps[:, HEATS + N_SORTS :]


class _CloseUp(nn.Module):
    """Sorts (N, 21), summing to 1, and ink (N, 48, 48) in [0, 1]."""

    def __init__(self, network: CloseUpNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, views: Tensor) -> tuple[Tensor, Tensor]:
        sorts, ink = self.network(views)
        return sorts.softmax(1), ink.sigmoid()


def save_finder(network: FinderNetwork, path: Path, about: Mapping[str, str]) -> None:
    """`picture` (N, 1, H, W) to `peaks`, `sorts` and `boxes`; H and W are multiples of 32."""
    axes = {name: {0: "N", 2: "H", 3: "W"} for name in ("picture", "peaks", "sorts", "boxes")}
    _save(_Finder(network), torch.zeros(1, 1, 64, 64), "picture",
          ("peaks", "sorts", "boxes"), axes, path, about)  # fmt: skip


def save_close_up(network: CloseUpNetwork, path: Path, about: Mapping[str, str]) -> None:
    """`views` (N, 2, 48, 48) to `sorts` and `ink`."""
    axes = {name: {0: "N"} for name in ("views", "sorts", "ink")}
    _save(
        _CloseUp(network), torch.zeros(2, 2, 48, 48), "views", ("sorts", "ink"), axes, path, about
    )


def _save(
    network: nn.Module, example: Tensor, input_name: str, outputs: tuple[str, ...],
    axes: dict[str, dict[int, str]], path: Path, about: Mapping[str, str],
) -> None:  # fmt: skip
    with written_whole(path) as part:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # the new exporter needs a package
            torch.onnx.export(
                network.eval(), (example,), str(part), dynamo=False, input_names=[input_name],
                output_names=list(outputs), dynamic_axes=axes, opset_version=_OPSET,
            )  # fmt: skip
        model = onnx.load(str(part))
        _halve(model)
        helper.set_model_props(model, dict(about))
        onnx.checker.check_model(model, full_check=True)
        onnx.save(model, str(part))


def _halve(model: onnx.ModelProto) -> None:
    """Keep large weights in 16 bits, with a cast that a runtime does once."""
    graph = model.graph
    casts = []
    for constant in graph.initializer:
        values = numpy_helper.to_array(constant)
        if values.dtype != np.float32 or values.size < _WIDENED_FROM:
            continue
        name = constant.name
        constant.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}.half"))
        casts.append(helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT))
    graph.node.extend(casts)
    nodes = [*casts, *[node for node in graph.node if node not in casts]]
    del graph.node[:]
    graph.node.extend(nodes)
