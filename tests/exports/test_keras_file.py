"""A Keras file of ours, read back; what is none, refused."""

import json
import zipfile

import h5py
import numpy as np
import pytest
import torch

from inkdigits.errors import ModelError
from inkdigits.exports.keras import ABOUT, build_keras, save_keras
from inkdigits.exports.keras_file import load_keras
from inkdigits.spec import metadata
from inkdigits.training.models import build
from inkdigits.training.networks import NETWORKS
from inkdigits.training.state import weights_of


def about(network):
    return {**metadata(), "inkdigits.recipe": json.dumps({"network": network})}


@pytest.fixture(scope="module", params=["original", "nano"])
def saved(request, tmp_path_factory):
    torch.manual_seed(5)
    network = NETWORKS[request.param]
    weights = {name: tensor.numpy() for name, tensor in weights_of(build(network)).items()}
    folder = tmp_path_factory.mktemp("saved")
    for ending in ("keras", "h5"):
        path = folder / f"model.{ending}"
        save_keras(build_keras(network, weights, "net"), path, about(request.param))
    return folder, network, weights


@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_the_weights_come_back_to_the_last_bit(saved, ending):
    folder, network, weights = saved
    found = load_keras(folder / f"model.{ending}")
    assert found.network is network
    assert found.metadata.items() >= metadata().items()
    back = found.weights()
    assert set(back) == set(weights)
    assert all(np.array_equal(back[name], weights[name]) for name in weights)


@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_a_file_without_our_metadata_is_refused(saved, tmp_path, ending):
    _, network, weights = saved
    path = tmp_path / f"foreign.{ending}"
    save_keras(build_keras(network, weights, "net"), path, {})
    with pytest.raises(ModelError, match=r"foreign.*has no metadata entry 'inkdigits\.spec'"):
        load_keras(path)


def test_a_network_that_is_none_of_ours_is_refused(saved, tmp_path):
    _, network, weights = saved
    for name, said in (("other", "'other'"), (3, "3"), ([], r"\[\]")):
        path = tmp_path / "model.keras"
        save_keras(build_keras(network, weights, "net"), path, about(name))
        with pytest.raises(ModelError, match=rf"{said}.*expected one of original, nano"):
            load_keras(path)


@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_weights_of_another_network_are_refused(saved, tmp_path, ending):
    _, network, weights = saved
    path = tmp_path / f"model.{ending}"
    save_keras(build_keras(network, weights, "net"), path, about("wide"))
    with pytest.raises(ModelError, match="does not hold the weights of the network 'wide'"):
        load_keras(path)


@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_what_is_no_keras_file_is_refused(tmp_path, ending):
    path = tmp_path / f"model.{ending}"
    for data in (b"", b"no model", b"PK\x03\x04 half an archive", b"\x89HDF\r\n\x1a\n half a file"):
        path.write_bytes(data)
        with pytest.raises(ModelError, match="not a readable Keras file"):
            load_keras(path)
    with pytest.raises(ModelError, match="not a readable Keras file"):
        load_keras(tmp_path / f"none.{ending}")


def test_arrays_that_would_fill_the_memory_are_not_read(tmp_path):
    """A dataset of 400 MB that takes some kilobytes on disk."""
    path = tmp_path / "model.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("x", (10_000, 10_000), "f4", chunks=(100, 100), compression="gzip")
    assert path.stat().st_size < 100_000
    with pytest.raises(ModelError, match="400,000,000 bytes, over the limit of 100,000,000"):
        load_keras(path)
    with zipfile.ZipFile(tmp_path / "model.keras", "w") as archive:
        archive.write(path, "model.weights.h5")
        archive.writestr(ABOUT, "{}")
    with pytest.raises(ModelError, match="over the limit of 100,000,000"):
        load_keras(tmp_path / "model.keras")


def test_no_layer_that_a_file_names_is_built(saved, tmp_path):
    """Its own list of layers is not looked at: it could name any code."""
    folder, _, weights = saved
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(folder / "model.keras") as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            new.writestr(name, "{}" if name == "config.json" else old.read(name))
    back = load_keras(path).weights()
    assert all(np.array_equal(back[name], weights[name]) for name in weights)
