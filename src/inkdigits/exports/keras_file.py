"""A .keras or .h5 file of ours, read back: its weights, and nothing else of it.

In: a path. Out: the network's row, a Keras model of it with the file's weights, the metadata. Keras
would build whatever layers a file names, and so run code that it names. Here the network is built
from its own row, and only arrays come from the file.
"""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from inkdigits.errors import ConfigError, ModelError
from inkdigits.exports.keras import ABOUT, empty_keras, quiet, weights_of_keras
from inkdigits.reading.model_check import MAX_MODEL_BYTES
from inkdigits.spec import check_metadata
from inkdigits.training.networks import NETWORKS, Network, network_named

_WEIGHTS = "model.weights.h5"  # what Keras calls them in its archive


@dataclass(frozen=True)
class KerasFile:
    """A loaded Keras file."""

    model: Any  # keras.Sequential
    network: Network
    metadata: dict[str, str]

    def weights(self) -> dict[str, NDArray[np.float32]]:
        """The weights in PyTorch's layout, as every other export takes them."""
        return weights_of_keras(self.network, self.model)

    def probabilities(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """What Keras gives for images (N, 28, 28) in [0, 1]: (N, 10)."""
        found: NDArray[np.float32] = self.model.predict(images[..., None], verbose=0)
        return found


def load_keras(path: Path) -> KerasFile:
    """The model in a .keras or .h5 file that this program wrote.

    Raises ModelError if the file is missing, broken or huge, or its metadata are not ours.
    """
    try:
        metadata = _metadata(path)
    # h5py and zipfile fail on broken files in many ways: OSError, ValueError, RuntimeError,
    # KeyError, BadZipFile, NotImplementedError, zlib.error. To a user they are one.
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(f"{path}: not a readable Keras file: {error}") from error
    check_metadata(metadata, str(path))
    try:
        name = json.loads(metadata["inkdigits.recipe"])["network"]
        if not isinstance(name, str):
            raise TypeError(f"network is {name!r:.80}")
        network = network_named(name)
    except (ConfigError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ModelError(
            f"{path}: does not name a network of this program ({error}); expected one of "
            f"{', '.join(NETWORKS)}, or layers"
        ) from error
    model = empty_keras(network, "inkdigits")
    try:
        with quiet():
            model.load_weights(path)
    except Exception as error:  # Keras's, h5py's and zipfile's share no base but Exception
        raise ModelError(
            f"{path}: does not hold the weights of the network {name!r}, as its metadata say: "
            f"{error}"
        ) from error
    return KerasFile(model, network, metadata)


def _metadata(path: Path) -> dict[str, str]:
    """The file's metadata; empty if it is not ours. Its arrays are counted first."""
    size = path.stat().st_size
    if path.suffix == ".h5":
        _check_size(path, size)
        with h5py.File(path) as file:
            _check_size(path, _unpacked(file))
            # Keras's own entries stand beside ours.
            return {name: str(v) for name, v in file.attrs.items() if name.startswith("inkdigits.")}
    with zipfile.ZipFile(path) as archive:
        _check_size(path, sum(member.file_size for member in archive.infolist()))
        with h5py.File(io.BytesIO(archive.read(_WEIGHTS))) as file:
            _check_size(path, _unpacked(file))
        found = json.loads(archive.read(ABOUT)) if ABOUT in archive.namelist() else {}
    if not isinstance(found, dict):
        raise ModelError(f"{path}: {ABOUT} holds a {type(found).__name__}, expected metadata")
    return {str(name): str(value) for name, value in found.items()}


def _unpacked(file: h5py.File) -> int:
    """Bytes of all arrays in an HDF5 file; a file of some kilobytes may state terabytes."""
    sizes: list[int] = []

    def add(name: str, entry: Any) -> None:
        if isinstance(entry, h5py.Dataset):
            sizes.append(entry.nbytes)

    file.visititems(add)
    return sum(sizes)


def _check_size(path: Path, size: int) -> None:
    if size > MAX_MODEL_BYTES:
        raise ModelError(
            f"{path}: is or unpacks to {size:,} bytes, over the limit of {MAX_MODEL_BYTES:,}; "
            "this program's models are under 10 MB"
        )
