"""A trained network as .pt2, for programs that run PyTorch and have nothing of ours.

In: a Network row and its weights. Out: a file that `torch.export.load` opens without the code that
made it: (N, 1, 28, 28) float32 in [0, 1] to (N, 10) probabilities, N of 1 and more.
"""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from inkdigits.files import written_whole
from inkdigits.spec import SIDE
from inkdigits.training.models import build
from inkdigits.training.networks import Network
from inkdigits.training.state import load_weights

ABOUT = "inkdigits.json"  # the file in it that holds the metadata


def save_pt2(
    network: Network,
    weights: Mapping[str, NDArray[np.float32]],
    path: Path,
    about: Mapping[str, str],
) -> None:
    """Write the network to `path`, whole or not at all.

    weights: as save_onnx takes them. about: metadata, under ABOUT in the file.
    """
    # Two images: an axis of one is taken for a constant.
    example = torch.zeros(2, 1, SIDE, SIDE)
    batch = torch.export.Dim("N", min=1)
    program = torch.export.export(
        with_softmax(network, weights), (example,), dynamic_shapes=({0: batch},)
    )
    written = io.BytesIO()  # a full disk is no OSError to PyTorch
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.export.save(program, written, extra_files={ABOUT: json.dumps(dict(about))})
    with written_whole(path) as part:
        part.write_bytes(written.getvalue())


def with_softmax(network: Network, weights: Mapping[str, NDArray[np.float32]]) -> torch.nn.Module:
    """The network with its weights, giving probabilities, not to be trained on."""
    model = build(network)
    load_weights(model, {name: torch.from_numpy(array.copy()) for name, array in weights.items()})
    return torch.nn.Sequential(*model, torch.nn.Softmax(1)).eval()


def pt2_probabilities(path: Path, images: NDArray[np.float32]) -> NDArray[np.float32]:
    """What a saved program gives for images (N, 28, 28) in [0, 1]: (N, 10), read from disk."""
    program = torch.export.load(path).module()
    with torch.no_grad():
        found: NDArray[np.float32] = program(torch.from_numpy(images[:, None])).numpy()
    return found
