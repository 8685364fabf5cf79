"""A trained network as .keras and .h5, for anyone who has Keras and nothing of ours.

In: a Network row and its weights. Out: files that `keras.models.load_model` opens on TensorFlow,
JAX or PyTorch with no custom objects: (N, 28, 28, 1) float32 in [0, 1] to (N, 10) probabilities.
"""

from __future__ import annotations

import json
import logging
import os
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from inkdigits.files import written_whole
from inkdigits.spec import INPUT_NAME, SIDE
from inkdigits.training.networks import (
    Conv,
    Dense,
    Dropout,
    Flatten,
    MaxPool,
    Network,
    Norm,
    Relu,
)

# Keras takes its back end from the environment on first import; ours is installed already.
os.environ["KERAS_BACKEND"] = os.environ.get("KERAS_BACKEND") or "torch"

import keras

Arrays = Mapping[str, NDArray[np.float32]]

ABOUT = "inkdigits.json"
_PARTS = ("weight", "bias", "running_mean", "running_var")  # in Keras's order


def build_keras(network: Network, weights: Arrays, name: str) -> Any:
    """The network as a compiled keras.Sequential holding `weights`.

    weights: "{layer index}.{weight|bias|running_mean|running_var}" in PyTorch's layout: Conv
    (out, in, H, W), Dense (out, in) over channels-first features.
    """
    model = empty_keras(network, name)
    arrays: list[NDArray[np.float32]] = []
    channels = 0  # whose pixels the features are, from a Flatten to the Dense behind it
    for index, (layer, shape) in enumerate(zip(network.layers, network.shapes, strict=False)):
        own = {part: weights[f"{index}.{part}"] for part in _PARTS if f"{index}.{part}" in weights}
        match layer:
            case Conv():
                own["weight"] = own["weight"].transpose(2, 3, 1, 0)
            case Flatten():
                channels = shape[0]
            case Norm():
                own = {part: _channels_last(array, channels) for part, array in own.items()}
            case Dense():
                own["weight"] = _channels_last(own["weight"], channels).T
                channels = 0
        arrays.extend(own.values())
    model.set_weights(arrays)
    return model


def empty_keras(network: Network, name: str) -> Any:
    """The network as a compiled keras.Sequential with weights of Keras's choice."""
    layers: list[Any] = [keras.Input((SIDE, SIDE, 1), name=INPUT_NAME)]
    last = len(network.layers) - 1
    for index, layer in enumerate(network.layers):
        match layer:
            case Conv(filters, kernel, padding, bias):
                layers.append(keras.layers.Conv2D(filters, kernel, padding=padding, use_bias=bias))
            case Norm(epsilon, momentum):
                layers.append(keras.layers.BatchNormalization(epsilon=epsilon, momentum=momentum))
            case Relu():
                layers.append(keras.layers.ReLU())
            case MaxPool(size):
                layers.append(keras.layers.MaxPooling2D(size))
            case Dropout(rate):
                layers.append(keras.layers.Dropout(rate))
            case Flatten():
                layers.append(keras.layers.Flatten())
            case Dense(units):
                activation = "softmax" if index == last else None
                layers.append(keras.layers.Dense(units, activation=activation))
    model = keras.Sequential(layers, name=name)
    model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
    # Empty slots for Adam: without them every loader warns that they are missing.
    model.optimizer.build(model.trainable_variables)
    # On PyTorch Keras writes down a class of that back end, which TensorFlow cannot import.
    compiled = model.get_compile_config()
    compiled["optimizer"].update(module="keras.optimizers", registered_name=None)
    model.get_compile_config = lambda: compiled
    return model


def weights_of_keras(network: Network, model: Any) -> dict[str, NDArray[np.float32]]:
    """What `build_keras` was given: the weights of a model that it built, in PyTorch's layout."""
    values = iter(model.get_weights())
    found: dict[str, NDArray[np.float32]] = {}
    channels = 0
    for index, (layer, shape) in enumerate(zip(network.layers, network.shapes, strict=False)):
        match layer:
            case Conv(bias=bias):
                found[f"{index}.weight"] = next(values).transpose(3, 2, 0, 1)
                if bias:
                    found[f"{index}.bias"] = next(values)
            case Flatten():
                channels = shape[0]
            case Norm():
                for part in _PARTS:
                    found[f"{index}.{part}"] = _channels_first(next(values), channels)
            case Dense():
                found[f"{index}.weight"] = _channels_first(next(values).T, channels)
                found[f"{index}.bias"] = next(values)
                channels = 0
    return found


def _channels_first(values: NDArray[np.float32], channels: int) -> NDArray[np.float32]:
    """Values (..., H * W * C) of features as (..., C * H * W); unchanged with channels 0."""
    if not channels:
        return values
    pixels = values.reshape(*values.shape[:-1], -1, channels)
    return pixels.swapaxes(-1, -2).reshape(values.shape)


def _channels_last(values: NDArray[np.float32], channels: int) -> NDArray[np.float32]:
    """Values (..., C * H * W) of features as (..., H * W * C); unchanged with channels 0."""
    if not channels:
        return values
    pixels = values.reshape(*values.shape[:-1], channels, -1)
    return pixels.swapaxes(-1, -2).reshape(values.shape)


def save_keras(model: Any, path: Path, about: Mapping[str, str]) -> None:
    """Write a Keras model to `path` (.keras or .h5), whole or not at all.

    about: metadata, which Keras itself has no place for: in .h5 attributes of the file, in .keras
    the entry ABOUT of the archive that it is. Keras leaves both alone.
    """
    with written_whole(path) as part, quiet():
        if path.suffix == ".h5":
            with _InMemory() as file:
                model.save(file)
                file.attrs.update(about)
                file.flush()
                part.write_bytes(file.id.get_file_image())
        else:
            model.save(part)
            with zipfile.ZipFile(part, "a") as archive:
                archive.writestr(ABOUT, json.dumps(dict(about)))


class _InMemory(h5py.File):  # type: ignore[misc]
    """An HDF5 file that is on no disk: on a full one HDF5's library crashes the process."""

    def __init__(self) -> None:
        super().__init__("model.h5", "w", driver="core", backing_store=False)

    def __str__(self) -> str:
        return "model.h5"  # by whose ending Keras knows the format


def keras_probabilities(path: Path, images: NDArray[np.float32]) -> NDArray[np.float32]:
    """What a saved model gives for images (N, 28, 28) in [0, 1]: (N, 10), read back from disk."""
    with quiet():
        model = keras.models.load_model(path, compile=False)
        found: NDArray[np.float32] = model.predict(images[..., None], verbose=0)
    return found


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Keras from telling users of .h5 that it is a legacy format: they asked for it."""
    logger = logging.getLogger("absl")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
