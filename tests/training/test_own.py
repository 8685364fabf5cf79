"""PyTorch modules of a user's own: what cannot be trained is told in words, before it is tried."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from inkdigits.errors import ConfigError
from inkdigits.training.networks import Network
from inkdigits.training.own import load_back, loaded, prepared


class Does(nn.Module):
    """A linear layer, and what a function makes of its (N, 10)."""

    def __init__(self, then=lambda logits, module: logits, taken=784):
        super().__init__()
        self.dense = nn.Linear(taken, 10)
        self.then = then

    def forward(self, images):
        return self.then(self.dense(images.view(images.shape[0], -1)), self)


class Frozen(Does):
    def __init__(self):
        super().__init__()
        self.requires_grad_(False)


class Aside(Does):
    """Half of its parameters are of no use."""

    def __init__(self):
        super().__init__()
        self.aside = nn.Linear(3, 3)


class Whole(nn.Module):
    def __init__(self, dense):
        super().__init__()
        self.dense = dense

    def forward(self, images):
        return self.dense(images)


class InPlace(nn.Module):
    def forward(self, images):
        return images.mul_(2)


class Keeps(Does):
    """Its answers move from call to call."""

    def __init__(self):
        super().__init__()
        self.calls = 0

    def forward(self, images):
        self.calls += 1
        return super().forward(images) + self.calls * torch.arange(10)


def ends(logits, module):
    raise SystemExit(3)


def without_gradients(logits, module):
    return logits.detach()


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (nn.Linear, "network is the class Linear, expected a module made of it: network=Linear()"),
        (torch.jit.trace(nn.Flatten(), torch.rand(2, 1, 28, 28)), "is a TorchScript module"),
        (7, "network is of type int, expected an inkdigits.Network, a torch.nn.Module"),
        (nn.Sequential(nn.Linear(784, 10)), "it takes (N, 784): network=nn.Sequential("
         "nn.Flatten(), network)"),
        (nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(2704, 10)),
         "it takes (N, 3, 28, 28): network=nn.Sequential(nn.Conv2d(1, 3, 1), network)"),
        (Does(taken=100), "network Does cannot take (N, 1, 28, 28) float32 images: RuntimeError"),
        (Does(lambda logits, _: logits.softmax(1)), "gives probabilities, rows that sum to 1; "
         "expected logits: leave the softmax at its end out"),
        (Does(lambda logits, _: logits[:, :9]), "gives (3, 9) for 3 images, expected (3, 10) "
         "logits; a digit is one of 10, and its last layer gives 9"),
        (Does(lambda logits, _: (logits, logits)), "gives a tuple, expected a tensor"),
        (Does(lambda logits, _: logits.squeeze()), "gives (10,) for 1 image, expected (1, 10) "
         "logits; is it squeeze() without a dim?"),
        (Does(lambda logits, _: logits / 0), "expected finite float32 logits"),
        (Does(lambda logits, _: logits.argmax(1, keepdim=True).expand(-1, 10)),
         "of type torch.int64, expected finite float32 logits"),
        (Does(lambda logits, _: F.dropout(logits, 0.5)), "answers the same images differently "
         "each time, though eval() was called; is it F.dropout(x) without training=self.training"),
        (Keeps(), "or something that it keeps from one call to the next?"),
        (nn.Sequential(InPlace(), nn.Flatten(), nn.Linear(784, 10)), "network Sequential changes "
         "the images that it is given; expected new tensors: x = x * 2 in the place of x.mul_(2)"),
        (Does(ends), "cannot take (N, 1, 28, 28) float32 images: SystemExit: 3"),
        (Does(lambda logits, _: logits - logits.mean(0)), "answers an image differently alone"),
        (Does(without_gradients), "network Does cannot be trained: RuntimeError: element 0 of"),
        (Frozen(), "has no parameter to train: all of its parameters are frozen"),
        (Whole(nn.Flatten()), "gives (3, 784) for 3 images"),
        (nn.Sequential(nn.Flatten(), nn.AdaptiveAvgPool1d(10)), "no parameter to train: it has "
         "none"),
    ],
)  # fmt: skip
def test_what_cannot_be_trained_is_told_and_what_to_change(module, message):
    with pytest.raises(ConfigError) as error:
        prepared(module, 0)
    assert message in str(error.value)


def test_a_parameter_without_a_gradient_is_refused_among_several_workers_alone():
    prepared(Aside(), 0)
    with pytest.raises(
        ConfigError, match=r"no gradient reaches aside\.weight, and several workers"
    ):
        prepared(Aside(), 0, n_workers=2)


def test_a_module_is_copied_as_it_is_and_left_as_it_was():
    module = nn.Sequential(nn.Flatten(), nn.Linear(784, 10), nn.BatchNorm1d(10)).double()
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    own = prepared(module, 0)
    assert all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())
    assert torch.equal(own.network[1].weight, module[1].weight.float())
    with torch.no_grad():
        own.network[1].weight.fill_(0.5)
    load_back(own, module)
    assert module[1].weight.dtype == torch.float64
    assert (module[1].weight == 0.5).all()


@pytest.mark.parametrize("wrapped", [torch.compile, nn.DataParallel])
def test_what_wraps_a_module_is_taken_off(wrapped):
    module = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    own = prepared(wrapped(module), 0)
    assert [name for name, _ in own.network.named_parameters()] == ["1.weight", "1.bias"]
    with torch.no_grad():
        own.network[1].bias.fill_(0.25)
    load_back(own, wrapped(module))
    assert (module[1].bias == 0.25).all()


def test_lazy_layers_are_drawn_from_the_seed_and_log_softmax_is_logits():
    def lazy():
        return nn.Sequential(nn.Flatten(), nn.LazyLinear(10), nn.LogSoftmax(1))

    first, again, other = (prepared(lazy(), seed).network[1].weight for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_batch_in_channels_last_reaches_a_module_that_calls_view():
    module = nn.Sequential(nn.Conv2d(1, 4, 3), Does(taken=4 * 26 * 26))
    images = torch.rand(2, 1, 28, 28).to(memory_format=torch.channels_last)
    assert prepared(module, 0)(images).shape == (2, 10)


@pytest.fixture
def file(tmp_path):
    (tmp_path / "beside.py").write_text("UNITS = 10\n")
    path = tmp_path / "net.py"
    path.write_text(
        "from __future__ import annotations\n"
        "from dataclasses import dataclass\n"
        "from torch import nn\n"
        "from beside import UNITS\n"
        "import inkdigits\n"
        "from inkdigits.training.networks import Dense, Flatten\n"
        "class Net(nn.Sequential):\n"
        "    def __init__(self):\n"
        "        super().__init__(nn.Flatten(), nn.Linear(784, UNITS))\n"
        "@dataclass\n"
        "class Settings:\n"
        "    units: int = UNITS\n"
        "made = Net()\n"
        "layers = inkdigits.Network([Flatten(), Dense(10)])\n"
        "number = 7\n"
        "def broken():\n"
        "    raise KeyError('no such key')\n"
    )
    return path


def test_a_network_is_taken_from_a_file_and_what_beside_it_lies(file):
    one, same, other = (loaded(f"{file}:Net", seed)[1].weight for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert isinstance(loaded(f"{file}:made", 0), nn.Module)
    assert isinstance(loaded(f"{file}:layers", 0), Network)


def test_a_script_that_ends_the_program_is_told(tmp_path):
    path = tmp_path / "script.py"
    path.write_text("import sys\nfrom torch import nn\nNet = nn.Identity\nsys.exit()\n")
    with pytest.raises(ConfigError, match=r"it ended the program by sys\.exit; expected a file"):
        loaded(f"{path}:Net", 0)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none.py:Net", "there is no file none.py; expected FILE.py:NAME"),
        ("python:Net", "there is no file python; expected FILE.py:NAME, or from Python network="),
        ("{file}:number", "found number to be int, expected a torch.nn.Module"),
        ("{file}:missing", "found missing to be NoneType, expected a torch.nn.Module"),
        ("{file}:broken", "net.py cannot be run: KeyError: 'no such key'"),
    ],
)
def test_a_file_without_the_network_is_told(file, name, message):
    with pytest.raises(ConfigError) as error:
        loaded(name.format(file=file), 0)
    assert message in str(error.value)
