import json

import keras
import numpy as np
import pytest

FILES = ("mnist_cnn_model.keras", "mnist_cnn_model.h5")


@pytest.fixture
def wanted(run):
    arrays = np.load(run / "wanted.npz")
    return {name: arrays[name] for name in arrays.files}


@pytest.mark.parametrize("name", FILES)
def test_keras_on_tensorflow_loads_it_and_gives_the_same_accuracy_and_probabilities(
    run, name, wanted, recwarn
):
    model = keras.models.load_model(run / name)  # no custom objects
    images = wanted["images"].astype(np.float32)[..., None] / 255
    found = model.predict(images, verbose=0)
    assert np.abs(found[:256] - wanted["probabilities"][:256]).max() <= 1e-5
    accuracy = float((found.argmax(1) == wanted["labels"]).mean())
    assert [str(w.message) for w in recwarn if "optimizer" in str(w.message)] == []
    assert accuracy == json.loads((run / "wanted.json").read_text())["accuracy"]


def test_the_best_checkpoint_loads_and_answers_as_pytorch(run, wanted):
    model = keras.models.load_model(run / "best_mnist_model.h5")
    found = model.predict(wanted["images"].astype(np.float32)[..., None] / 255, verbose=0)
    assert np.abs(found[:256] - wanted["best_probabilities"][:256]).max() <= 1e-5
    assert (found.argmax(1) == wanted["labels"]).mean() > 0.8


def test_it_can_be_trained_on(run, wanted):
    model = keras.models.load_model(run / "mnist_cnn_model.keras")
    images = wanted["images"][:64].astype(np.float32)[..., None] / 255
    truth = keras.utils.to_categorical(wanted["labels"][:64], 10)
    history = model.fit(images, truth, epochs=1, batch_size=32, verbose=0)
    assert np.isfinite(history.history["loss"][0])
