import keras
import numpy as np
import onnx
import pytest
import torch

from inkdigits.exports.keras import build_keras, keras_probabilities, save_keras
from inkdigits.exports.onnx import save_onnx
from inkdigits.reading.reader import Reader
from inkdigits.training.judge import probabilities
from inkdigits.training.models import build
from inkdigits.training.networks import NETWORKS
from inkdigits.training.state import weights_of


@pytest.fixture(scope="module", params=NETWORKS)
def trained(request, sample):
    """Each network with statistics that are not their start values, and what it answers."""
    torch.manual_seed(3)
    network = NETWORKS[request.param]
    model = build(network).train()
    images = torch.from_numpy(sample.test.images[::4][:, None].copy())
    with torch.no_grad():
        for _ in range(3):
            model(images.float() / 255)
    weights = {name: tensor.numpy() for name, tensor in weights_of(model).items()}
    return network, weights, images[:, 0].numpy(), probabilities(model, images)


def test_onnx_answers_as_pytorch_for_any_batch(tmp_path, trained):
    network, weights, images, wanted = trained
    save_onnx(network, weights, tmp_path / "model.onnx", {"made.by": "a test"})
    onnx.checker.check_model(str(tmp_path / "model.onnx"), full_check=True)
    reader = Reader(tmp_path / "model.onnx")
    assert reader.model.metadata["made.by"] == "a test"
    arrays = images.astype(np.float32) / 255
    for n in (1, 7, len(arrays)):
        assert np.abs(reader.probabilities(arrays[:n]) - wanted[:n]).max() < 1e-5


@pytest.mark.parametrize("ending", [".keras", ".h5"])
def test_keras_answers_as_pytorch_from_the_file(tmp_path, trained, ending):
    network, weights, images, wanted = trained
    path = tmp_path / f"model{ending}"
    save_keras(build_keras(network, weights, "net"), path, {"made.by": "a test"})
    arrays = images.astype(np.float32) / np.float32(255)
    assert np.abs(keras_probabilities(path, arrays) - wanted).max() < 1e-5
    model = keras.models.load_model(path)
    assert model.count_params() == network.parameters
    assert model.input_shape == (None, 28, 28, 1)


def test_the_original_in_keras_has_the_original_projects_layers():
    network = NETWORKS["original"]
    weights = {name: tensor.numpy() for name, tensor in weights_of(build(network)).items()}
    model = build_keras(network, weights, "net")
    kinds = [type(layer).__name__ for layer in model.layers]
    block = ["Conv2D", "ReLU", "BatchNormalization"]
    dense = ["Dense", "ReLU", "BatchNormalization", "Dropout"]
    pooled = ["MaxPooling2D", "Dropout"]
    assert kinds == (
        block * 2 + pooled + block * 2 + pooled + block + pooled + ["Flatten"] + dense * 2
    ) + ["Dense"]
    assert model.layers[-1].activation.__name__ == "softmax"
