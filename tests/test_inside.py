import numpy as np
import pytest

from inkdigits import Reader
from inkdigits.errors import ModelError
from inkdigits.exports.onnx import load_onnx
from inkdigits.inside import activations, filters
from inkdigits.reading.model_file import SHIPPED_MODEL


def test_filters_are_the_weights_of_the_convolutions():
    found = filters()
    # The network `wide`: four convolutions of 48, 96, 96 and 128 filters.
    assert {name: values.shape for name, values in found.items()} == {
        "conv1": (48, 1, 5, 5), "conv2": (96, 48, 3, 3), "conv3": (96, 96, 3, 3),
        "conv4": (128, 96, 3, 3),
    }  # fmt: skip
    assert (found["conv1"] == load_onnx(SHIPPED_MODEL)[1]["0.weight"]).all()


def test_the_last_activations_lead_to_the_models_answers(sample):
    arrays = sample.test.images[::250].astype(np.float32) / 255
    found = activations(arrays)
    assert {name: values.shape for name, values in found.items()} == {
        "conv1": (4, 48, 12, 12), "conv2": (4, 96, 10, 10), "conv3": (4, 96, 4, 4),
        "conv4": (4, 128, 2, 2),
    }  # fmt: skip
    assert all(values.min() == 0 for values in found.values())
    weights = load_onnx(SHIPPED_MODEL)[1]
    *_, bias, weight = sorted((key for key in weights), key=lambda key: int(key.split(".")[0]))
    bias, weight = sorted((bias, weight))
    logits = found["conv4"].reshape(4, -1) @ weights[weight].T + weights[bias]
    powers = np.exp(logits - logits.max(1, keepdims=True))
    expected = Reader(SHIPPED_MODEL).probabilities(arrays)
    assert powers / powers.sum(1, keepdims=True) == pytest.approx(expected, abs=1e-5)


def test_a_file_that_is_no_model_is_refused(tmp_path):
    (tmp_path / "none.onnx").write_bytes(b"none")
    with pytest.raises(ModelError):
        filters(tmp_path / "none.onnx")
