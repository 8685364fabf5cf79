"""What a finished network has learnt, and what it makes of a digit.

In: a model of ours, and digit arrays. Out: arrays by layer, to look at.
"""

from __future__ import annotations

from os import PathLike

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from inkdigits.exports.onnx import load_onnx
from inkdigits.reading.model_file import model_path
from inkdigits.training.models import build
from inkdigits.training.networks import NETWORKS
from inkdigits.training.state import load_weights

Array = NDArray[np.float32]
Model = str | PathLike[str] | None


def filters(model: Model = None) -> dict[str, Array]:
    """Each convolution's filters, (filters, inputs, height, width) float32: conv1, conv2, ...

    model: as Reader takes it; None is the shipped one. Those of conv1 have one input, the digit.
    Raises ModelError.
    """
    return {
        name: layer.weight.detach().numpy().copy(order="C")
        for name, (layer, _) in _convolutions(_loaded(model)).items()
    }


def activations(arrays: Array, model: Model = None) -> dict[str, Array]:
    """What each convolution's filters find, (n, filters, height, width) float32, 0 where nothing.

    That is after the layer's ReLU. arrays: (n, 28, 28) float32 in [0, 1], ink 1, paper 0. model: as
    for `filters`. Raises ModelError.
    """
    network = _loaded(model)
    found, values = {}, torch.from_numpy(np.asarray(arrays, np.float32))[:, None]
    ends = {end: name for name, (_, end) in _convolutions(network).items()}
    with torch.inference_mode():
        for index, layer in enumerate(network):
            values = layer(values)
            if index in ends:
                found[ends[index]] = values.numpy().copy(order="C")
    return found


def _convolutions(network: nn.Sequential) -> dict[str, tuple[nn.Conv2d, int]]:
    """Each with the index of the ReLU that ends its layer."""
    found: dict[str, tuple[nn.Conv2d, int]] = {}
    last: nn.Conv2d | None = None
    for index, layer in enumerate(network):
        if isinstance(layer, nn.Conv2d):
            last = layer
        elif isinstance(layer, nn.ReLU) and last is not None:
            found[f"conv{len(found) + 1}"] = last, index
            last = None
    return found


def _loaded(model: Model) -> nn.Sequential:
    name, weights = load_onnx(model_path(model))
    network = build(NETWORKS[name])
    load_weights(network, {key: torch.tensor(array) for key, array in weights.items()})
    return network.eval()
