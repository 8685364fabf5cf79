"""A run's model in the files of its folder, each read back and compared with PyTorch.

In: a trained State. Out: model.onnx, and of a network of layers the Keras files. A network of a
user's own is written once before it is trained, so that nothing is found out an hour late.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from numpy.typing import NDArray

from inkdigits.errors import ConfigError, ModelError
from inkdigits.exports.module import nodes_of, sha256_of
from inkdigits.exports.onnx import save_nodes, save_onnx
from inkdigits.reading.model_file import RUN_MODEL, ModelFile
from inkdigits.spec import SIDE, metadata
from inkdigits.training.judge import probabilities
from inkdigits.training.models import build
from inkdigits.training.networks import NETWORKS, network_named
from inkdigits.training.own import Own
from inkdigits.training.state import State, Weights, weights_of

CHECKED = 256  # test images every exported file is compared on
_MAX_DIFFERENCE = 1e-5  # of a probability, exported file against PyTorch
_MAX_OF_OWN = 1e-4  # of a network of a user's own, which may have many more layers

NO_KERAS = (
    "No Keras files were written: the network is a PyTorch module, and they hold only networks "
    "of layers (inkdigits.Network)."
)


def tried(name: str, own: Own | None) -> str | None:
    """Write and read a user's network before it is trained; the SHA-256 of what a module does.

    name: what the recipe calls it; a row of the table is not tried. Raises ConfigError if its model
    could not be written, would not be read, or would answer otherwise.
    """
    if own is None and name in NETWORKS:
        return None
    nodes = nodes_of(own) if own is not None else None
    with TemporaryDirectory() as folder:
        path = Path(folder) / RUN_MODEL
        if nodes is not None:
            save_nodes(*nodes, path, {})
        else:
            network = network_named(name)
            save_onnx(network, _arrays(weights_of(build(network))), path, {})
        try:
            model = ModelFile(path, threads=1)
        except ModelError as error:
            said = str(error).removeprefix(f"{path}").strip(": ").partition(";")[0]
            raise ConfigError(f"the network's model could not be read: it {said}") from error
        if own is None or nodes is None:
            return None
        images = (255 * torch.rand(8, 1, SIDE, SIDE)).to(torch.uint8)
        arrays = images[:, 0].numpy().astype(np.float32) / np.float32(255)
        difference = float(np.abs(model.run(arrays) - probabilities(own, images)).max())
    if not difference <= _MAX_OF_OWN:
        raise ConfigError(
            f"the saved model differs from the module by {difference:.2g} in a probability, "
            f"expected at most {_MAX_OF_OWN:g}; this module cannot be saved as a model"
        )
    return sha256_of(nodes)


def write_models(
    folder: Path,
    name: str,
    state: State,
    images: NDArray[np.uint8],
    answers: NDArray[np.float32],
    about: Mapping[str, str],
) -> dict[str, float]:
    """Write the model in every format; give each file's greatest difference from PyTorch.

    name: what the recipe calls the network. images: (n, 28, 28) uint8. answers: (n, 10), PyTorch's.
    Raises ModelError for a file that answers otherwise, which is removed.
    """
    model = state.evaluated
    arrays = images.astype(np.float32) / np.float32(255)
    if isinstance(model, Own):
        save_nodes(*nodes_of(model), folder / RUN_MODEL, about)
        found = {}
    else:
        weights = _arrays(weights_of(model))
        save_onnx(network_named(name), weights, folder / RUN_MODEL, about)
        found = _write_keras(folder, name, weights, state.best_accuracy, arrays, about)
    found = {RUN_MODEL: ModelFile(folder / RUN_MODEL, threads=0).run(arrays), **found}
    differences = {file: float(np.abs(values - answers).max()) for file, values in found.items()}
    most = _MAX_DIFFERENCE if name in NETWORKS else _MAX_OF_OWN
    for file, difference in differences.items():
        if not difference <= most:
            (folder / file).unlink()
            raise ModelError(
                f"{file} differs from PyTorch by {difference:.2g} in a probability, expected "
                f"at most {most:g}; it was removed"
            )
    return differences


def _write_keras(
    folder: Path,
    name: str,
    weights: dict[str, NDArray[np.float32]],
    best: Weights | None,
    arrays: NDArray[np.float32],
    about: Mapping[str, str],
) -> dict[str, NDArray[np.float32]]:
    # Keras takes seconds to import; a run that fails before this need not wait for it.
    from inkdigits.exports.keras import build_keras, keras_probabilities, save_keras

    network, about = network_named(name), {**about, **metadata()}
    final = build_keras(network, weights, "mnist_cnn")
    files = ("mnist_cnn_model.keras", "mnist_cnn_model.h5")
    for file in files:
        save_keras(final, folder / file, about)
    at_best = _arrays(best) if best is not None else weights
    save_keras(build_keras(network, at_best, "best_mnist"), folder / "best_mnist_model.h5", about)
    return {file: keras_probabilities(folder / file, arrays) for file in files}


def _arrays(weights: Weights) -> dict[str, NDArray[np.float32]]:
    return {name: tensor.numpy() for name, tensor in weights.items()}
