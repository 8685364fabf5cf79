"""A finding network of an .onnx file, as one that can be trained further.

In: what `exports.finding` wrote, and some pictures. Out: a network that answers as the file does.
Exporting folds each batch normalisation into the convolution before it. Here it is taken out again:
its statistics are those of the pictures, and its scale and shift undo them.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor, nn

from inkdigits.errors import ModelError
from inkdigits.training.finding.loop import Kind, network_of

_Weights = tuple[NDArray[np.float32], NDArray[np.float32] | None]


@torch.no_grad()
def network_from(kind: Kind, path: Path, pictures: Tensor) -> nn.Module:
    """The file's network. pictures: a batch as training shows them.

    Raises ModelError if the file holds another network.
    """
    network = network_of(kind).eval()
    called: list[nn.Module] = []
    known = (nn.Conv2d, nn.Linear, nn.BatchNorm2d)
    hooks = [
        module.register_forward_hook(lambda module, _in, _out: called.append(module))
        for module in network.modules()
        if isinstance(module, known)
    ]
    network(pictures[:1])
    for hook in hooks:
        hook.remove()
    layers = [module for module in called if isinstance(module, nn.Conv2d | nn.Linear)]
    stored = _stored(path)
    if [tuple(layer.weight.shape) for layer in layers] != [w.shape for w, _ in stored]:
        raise ModelError(f"{path}: holds another network than {type(network).__name__}")
    norms = {
        before: after for before, after in pairwise(called) if isinstance(after, nn.BatchNorm2d)
    }
    for layer, (weight, bias) in zip(layers, stored, strict=True):
        layer.weight.copy_(torch.from_numpy(weight.copy()))
        if bias is None:
            continue
        shift = torch.from_numpy(bias.copy())
        if layer.bias is not None:
            layer.bias.copy_(shift)
        else:  # a batch normalisation that does nothing but add
            norm = norms[layer]
            norm.running_var.fill_(1 - norm.eps)  # type: ignore[union-attr]
            norm.bias.copy_(shift)
    _take_out(network, list(norms.values()), pictures)
    return network


def _stored(path: Path) -> list[_Weights]:
    """The weights and biases of the file's layers, in the order in which they are called."""
    graph = onnx.load(str(path)).graph
    values = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    for node in graph.node:
        if node.op_type in ("Cast", "Identity") and node.input[0] in values:
            values[node.output[0]] = values[node.input[0]].astype(np.float32)
    return [
        (values[node.input[1]], values[node.input[2]] if len(node.input) > 2 else None)
        for node in graph.node
        if node.op_type in ("Conv", "Gemm")
    ]


def _take_out(network: nn.Module, norms: list[nn.BatchNorm2d], pictures: Tensor) -> None:
    found: dict[nn.Module, tuple[Tensor, Tensor]] = {}

    def seen(module: nn.Module, given: tuple[Tensor, ...], _: Tensor) -> None:
        found[module] = given[0].mean((0, 2, 3)), given[0].var((0, 2, 3))

    hooks = [norm.register_forward_hook(seen) for norm in norms]
    network(pictures)
    for hook in hooks:
        hook.remove()
    for norm in norms:
        mean, variance = found[norm]
        norm.running_mean.copy_(mean)  # type: ignore[union-attr]
        norm.running_var.copy_(variance)  # type: ignore[union-attr]
        norm.weight.copy_((variance + norm.eps).sqrt())
        norm.bias.add_(mean)
