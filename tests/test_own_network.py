"""Networks of a user's own from end to end: trained, stopped, continued, read with, exported."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from torch import nn

import inkdigits
from inkdigits.cli import cli
from inkdigits.errors import ConfigError, InkdigitsError, TrainingError
from inkdigits.export import export
from inkdigits.exports.int8 import save_int8
from inkdigits.exports.keras_file import load_keras
from inkdigits.reading.reader import Reader
from inkdigits.runs import ensemble
from inkdigits.runs import folder as run_folder
from inkdigits.runs.model_files import NO_KERAS
from inkdigits.training.callbacks import Callback
from inkdigits.training.networks import Conv, Dense, Flatten, MaxPool, Norm, Relu
from inkdigits.training.recipes import recipe
from inkdigits.training.state import fresh_state
from support import NET, few_digits, short_ends

ASKED = {"epochs": 2, "batch_size": 32, "threads": 1, "device": "cpu", "quiet": True,
         "precision": "float32", "validation_share": 0.2}  # fmt: skip


class Net(nn.Module):
    """A convolution, a ReLU or another activation, a linear layer."""

    def __init__(self, activation=torch.relu, filters=8):
        super().__init__()
        self.conv = nn.Conv2d(1, filters, 5, stride=2)
        self.dense = nn.Linear(filters * 12 * 12, 10)
        self.activation = activation

    def forward(self, images):
        value = self.activation(self.conv(images))
        return self.dense(nn.functional.dropout(value.flatten(1), 0.2, self.training))


def net(seed=0, **kind):
    torch.manual_seed(seed)
    return Net(**kind)


class Stop(Callback):
    """Ctrl-C in the second epoch."""

    def batch(self, state, done, total, loss, rate):
        if state.epoch == 1:
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def digits(tmp_path_factory, sample):
    """A folder with PNGs of 600 digits to train on and 200 to test with."""
    return few_digits(sample, 200, tmp_path_factory.mktemp("data") / "digits")


@pytest.fixture(autouse=True)
def soon():
    with short_ends():
        yield


@pytest.fixture(scope="module")
def trained(digits, tmp_path_factory):
    """A finished run of a module, and the module."""
    module = net()
    with short_ends():
        return inkdigits.train(
            digits, "flash", network=module, out=tmp_path_factory.mktemp("own") / "run", **ASKED
        ), module


def test_a_module_trains_reads_and_is_scored(trained, digits, seven):
    done, _ = trained
    assert done.accuracy > 0.5  # chance is 0.1
    # 8 filters of 25 and a bias each; 8 * 12 * 12 features, ten times, and ten biases.
    assert done.result.parameters == 8 * 26 + 1152 * 10 + 10
    assert done.result.recipe.network == "python:Net"
    assert done.evaluate(digits).accuracy == pytest.approx(done.accuracy)
    assert inkdigits.predict(seven, model=done).digit in range(10)
    command = done.result.command
    assert "--network FILE.py:Net" in command
    report = (done.folder / "report.html").read_text()
    assert NO_KERAS in report
    assert done.result.left_out == NO_KERAS
    assert not list(done.folder.glob("*.h5")) + list(done.folder.glob("*.keras"))
    assert (done.folder / "model.onnx").is_file()


def test_the_module_has_the_trained_weights_afterwards(trained, digits, sample):
    done, module = trained
    module.eval()
    images = torch.from_numpy(sample.test.images[:300].copy())[:, None].float() / 255
    with torch.no_grad():
        answers = module(images).argmax(1).numpy()
    found = Reader(done).probabilities(images[:, 0].numpy())
    assert (answers == found.argmax(1)).all()  # the temperature changes no answer
    assert not torch.equal(module.conv.weight, net().conv.weight)


def test_a_module_starts_with_its_own_weights(trained, digits, tmp_path):
    """Learning next to nothing: what comes out is what went in."""
    module = net(seed=4)
    before = module.conv.weight.clone()
    asked = {**ASKED, "learning_rate": 1e-9, "epochs": 1}
    inkdigits.train(digits, "flash", network=module, out=tmp_path / "run", seed=9, **asked)
    assert torch.allclose(module.conv.weight, before, atol=1e-6)


def test_a_module_is_exported_and_keras_says_why_not(trained, tmp_path):
    done, _ = trained
    found = {one.format for one in export(str(done.folder), tmp_path, ["onnx", "pt2"])}
    assert found == {"onnx", "pt2"}
    with pytest.raises(ConfigError, match=r"--format h5: .*Keras files hold one network of layers"):
        list(export(str(done.folder), tmp_path / "none", ["onnx", "h5"]))
    assert not (tmp_path / "none").exists()


def test_a_module_in_integers_reads_nearly_the_same(trained, tmp_path, sample):
    done, _ = trained
    arrays = sample.train.images[::40].astype(np.float32) / 255
    save_int8(done.model, tmp_path / "int8.onnx", arrays)
    some = sample.test.images[::5].astype(np.float32) / 255
    found, wanted = (Reader(m).probabilities(some) for m in (tmp_path / "int8.onnx", done.model))
    assert (found.argmax(1) == wanted.argmax(1)).mean() > 0.97


def test_without_formats_keras_is_left_out_of_a_modules(trained, tmp_path, monkeypatch):
    monkeypatch.setattr("inkdigits.export.USUAL", ("onnx", "keras", "h5"))
    done = CliRunner().invoke(cli, ["export", str(trained[0].folder), "--to", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert [path.name for path in tmp_path.iterdir()] == ["model.onnx"]


def stopped(digits, folder, module):
    with pytest.raises(KeyboardInterrupt):
        inkdigits.train(
            digits, "flash", network=module, out=folder, callbacks=[Stop()], **ASKED
        )  # fmt: skip


def test_a_stopped_module_goes_on_and_ends_as_an_unbroken_one(trained, digits, tmp_path):
    stopped(digits, tmp_path / "run", net())
    module = net(seed=7)  # the checkpoint has the weights
    done = inkdigits.train(resume=tmp_path / "run", network=module, quiet=True)
    assert done.result.scores == trained[0].result.scores
    assert torch.equal(module.conv.weight, trained[1].conv.weight)
    again = inkdigits.train(resume=tmp_path / "run", network=net(), quiet=True)  # only read
    assert again.result == done.result


def test_a_stopped_module_goes_on_with_the_same_network_alone(digits, tmp_path):
    folder = tmp_path / "run"
    stopped(digits, folder, net())
    for network, error, message in (
        (None, ConfigError, r"run: its network, python:Net, is a PyTorch module, whose code a run "
         r"folder does not hold; name it: .*--network FILE.py:NAME, or from Python"),
        (net(activation=torch.sigmoid), TrainingError, "the network's layers are not those that"),
        (net(filters=4), TrainingError, "holds other weights than the network python:Net has"),
        ("nano", ConfigError, "--network nano: the run continues with its own, python:Net"),
    ):  # fmt: skip
        with pytest.raises(error, match=message):
            inkdigits.train(resume=folder, network=network, quiet=True)
    with pytest.raises(ConfigError, match="epochs: resume continues with the run's own settings"):
        inkdigits.train(resume=folder, network=net(), epochs=3)
    done = CliRunner().invoke(cli, ["train", "--config", str(folder / "settings.toml")])
    assert "the network is python:Net, a PyTorch module, and no file of settings runs code" in str(
        done.exception
    )


def test_further_training_takes_the_module_again(trained, digits, tmp_path):
    done, _ = trained
    with pytest.raises(ConfigError, match="holds the weights of python:Net, a PyTorch module, and"):
        inkdigits.train(digits, start=done, quiet=True)
    with pytest.raises(ConfigError, match="holds the weights of python:Net"):
        inkdigits.train(digits, start=done, network="nano", quiet=True)
    asked = {**ASKED, "epochs": 1}
    further = inkdigits.train(
        digits, start=done, network=net(seed=5), out=tmp_path / "further", **asked
    )
    assert further.result.fine_tuning.start_accuracy > 0.5
    assert further.accuracy >= done.accuracy - 0.1
    with pytest.raises(InkdigitsError, match="holds other weights than the network 'python:Net'"):
        inkdigits.train(
            digits, start=done, network=net(filters=4), out=tmp_path / "other", **asked
        )  # fmt: skip
    assert not (tmp_path / "other").exists()


def test_modules_are_averaged_and_the_average_is_exported(trained, digits, tmp_path, sample):
    second = inkdigits.train(
        digits, "flash", network=net(3), out=tmp_path / "second", seed=1, **ASKED
    )
    folders = [trained[0].folder, second.folder]
    ensemble.average(folders, tmp_path / "both", lambda line: None, lambda *progress: None)
    arrays = sample.test.images[:50].astype(np.float32) / 255
    first, other = (Reader(folder).probabilities(arrays) for folder in folders)
    found = Reader(tmp_path / "both").probabilities(arrays)
    assert np.abs(found - (first + other) / 2).max() < 1e-6
    assert np.abs(first - other).max() > 0.05
    (done,) = export(str(tmp_path / "both"), tmp_path / "exported", ["pt2"])
    assert done.difference < 1e-5


def test_what_cannot_be_saved_is_told_before_the_data_are_read(tmp_path):
    for module, message in (
        (net(activation=torch.cos), "network Net uses cos, which the models of this program"),
        (nn.Sequential(nn.Flatten(), nn.Linear(784, 11)), r"gives \(3, 11\) for 3 images"),
        (Net, r"network is the class Net, expected a module made of it: network=Net\(\)"),
    ):
        with pytest.raises(ConfigError, match=message):
            inkdigits.train(
                tmp_path / "none", "flash", network=module, out=tmp_path / "run", quiet=True
            )
        assert not (tmp_path / "run").exists()


def test_layers_train_go_on_and_are_keras_files_too(digits, tmp_path, sample):
    network = inkdigits.Network(
        [Conv(8, 4, padding="same"), MaxPool(3), Relu(), Flatten(), Norm(), Dense(10)]
    )
    stopped(digits, tmp_path / "run", network)
    done = inkdigits.train(resume=tmp_path / "run", quiet=True)  # the folder holds the layers
    assert done.accuracy > 0.5
    assert done.result.left_out is None
    assert done.result.parameters == network.parameters
    assert done.result.recipe.network == str(network)
    assert max(done.result.export_max_difference.values()) < 1e-5
    # The Keras file is read back by its text; its features are in another order than PyTorch's.
    arrays = sample.test.images[:100].astype(np.float32) / 255
    loaded = load_keras(done.folder / "mnist_cnn_model.keras")
    assert loaded.network == network
    assert np.abs(loaded.probabilities(arrays) - Reader(done).probabilities(arrays)).max() < 1e-5
    weights = loaded.weights()
    assert weights["5.weight"].shape == (10, 8 * 9 * 9)
    asked = {**ASKED, "epochs": 1}
    further = inkdigits.train(digits, start=done, out=tmp_path / "further", **asked)
    assert further.result.recipe.network == str(network)
    with pytest.raises(ConfigError, match="network is wide, but the model to start from"):
        inkdigits.train(digits, start=done, network="wide")


def test_the_seed_decides_the_first_weights_of_layers():
    row = recipe("flash").with_overrides({"network": "Flatten(), Dense(10)"})
    first, again, other = (fresh_state(row, seed).model[1].weight for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "net.py"
    path.write_text(NET)
    return path


FLAGS = ["--recipe", "flash", "--epochs", "2", "--batch-size", "32", "--threads", "1",
         "--device", "cpu", "--precision", "float32"]  # fmt: skip


def test_the_command_takes_a_module_from_a_file_and_each_seed_draws_its_own(
    digits, tmp_path, file, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    args = ["train", "--data", str(digits), "--network", "net.py:Net", "--out", "study", *FLAGS]
    done = CliRunner().invoke(cli, [*args, "--seeds", "0-1"])
    assert done.exit_code == 0, done.output
    first, second = (
        json.loads(Path(f"study/flash/seed{seed}/result.json").read_text()) for seed in (0, 1)
    )
    assert first["parameters"] == 784 * 32 + 32 + 32 * 10 + 10
    assert first["scores"]["loss"] != second["scores"]["loss"]
    assert f"--network {file}:Net" in first["command"]
    settings = run_folder.read_settings(Path("study/flash/seed0"))
    assert settings.recipe.network == f"{file}:Net"


def test_a_stopped_module_of_a_file_is_named_again(digits, tmp_path, file, monkeypatch):
    monkeypatch.chdir(tmp_path)
    stopped(digits, tmp_path / "run", f"{file}:Net")
    refused = CliRunner().invoke(cli, ["train", "--resume", "run"])
    assert "--resume run --network FILE.py:NAME" in str(refused.exception)
    file.rename(tmp_path / "moved.py")
    done = CliRunner().invoke(cli, ["train", "--resume", "run", "--network", "moved.py:Net"])
    assert done.exit_code == 0, done.output
    assert run_folder.read_settings(Path("run")).recipe.network == f"{tmp_path}/moved.py:Net"


def test_python_under_torchrun_is_told_the_command(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ConfigError, match=r"torchrun -m inkdigits train, with --network FILE\.py"):
        inkdigits.train("sample", network=net())
