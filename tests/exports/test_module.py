"""PyTorch modules as ONNX: the same answers, or an error that names what hinders."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from inkdigits.errors import ConfigError
from inkdigits.exports.module import nodes_of, sha256_of
from inkdigits.exports.onnx import load_onnx, save_nodes
from inkdigits.exports.pytorch import pt2_probabilities, save_pt2
from inkdigits.reading.model_file import ModelFile
from inkdigits.training.own import prepared
from inkdigits.training.state import weights_of

RECIPE = {"inkdigits.recipe": '{"network": "python:Net"}'}


class Residual(nn.Module):
    """Two ways that meet again, weights of its own, and a buffer that is not saved."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(1, 8, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(8, affine=False)
        self.second = nn.Conv2d(8, 8, (2, 3), padding="same", dilation=2, groups=2)
        self.gain = nn.Parameter(torch.full((8, 1, 1), 0.7))
        self.out = nn.Parameter(torch.linspace(-1, 1, 80).reshape(8, 10))
        self.register_buffer("mean", torch.tensor(0.13), persistent=False)

    def forward(self, images):
        value = F.elu(self.norm(self.first((images - self.mean) / 0.31)))
        value = value + torch.tanh(self.second(value)) * self.gain
        value = F.max_pool2d(value, 3, 2, 1, ceil_mode=True)
        return value.mean((2, 3)) @ self.out + torch.tensor(0.5)


class Modern(nn.Module):
    """Activations of all kinds, in place and not, and two kinds of pooling side by side."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(1, 6, 5, stride=2, padding=2, padding_mode="zeros")
        self.norm = nn.BatchNorm2d(6)
        self.dense = nn.Linear(24, 10)
        self.last = nn.Linear(10, 10, bias=False)
        self.drop = nn.Dropout(0.5)
        self.squeeze = nn.Linear(6, 6)
        self.slope = nn.PReLU()

    def forward(self, images):
        value = F.relu_(self.norm(self.first(images.view(-1, 1, 28, 28))))
        value = F.silu(value) - F.hardswish(value) + F.gelu(value) * F.relu6(value)
        value = value + F.hardsigmoid(value) + F.leaky_relu(value, 0.2) + torch.clamp(value, max=1)
        gates = torch.sigmoid(self.squeeze(F.adaptive_avg_pool2d(value, 1).squeeze(-1).squeeze(-1)))
        value = self.slope(value * gates.view(-1, 6, 1, 1) - 0.5)
        sides = [F.avg_pool2d(value, 3, 2, 1), F.max_pool2d(value, 2)]
        value = torch.cat([F.adaptive_avg_pool2d(one, 1) for one in sides], 1)
        value = torch.cat([value, F.adaptive_max_pool2d(torch.sigmoid(torch.cat(sides, 1)), 1)], 1)
        value = self.drop(F.hardtanh(self.dense(value.flatten(1))))
        return F.log_softmax(self.last(value), dim=1)


def lenet():
    return nn.Sequential(
        nn.Conv2d(1, 6, 5), nn.ReLU(inplace=True), nn.AvgPool2d(2), nn.Conv2d(6, 16, 5), nn.Tanh(),
        nn.MaxPool2d(2), nn.Flatten(), nn.LazyLinear(84), nn.Dropout(0.2), nn.Linear(84, 10),
    )  # fmt: skip


@pytest.mark.parametrize("module", [Residual, Modern, lenet])
def test_onnx_and_pt2_answer_as_the_module_for_any_batch(tmp_path, module):
    torch.manual_seed(0)
    own = prepared(module(), 0)
    own.train()
    with torch.no_grad():
        own(torch.rand(64, 1, 28, 28))  # statistics that are not their start values
    own.temperature.fill_(1.7)
    own.eval()
    save_nodes(*nodes_of(own), tmp_path / "model.onnx", RECIPE)
    save_pt2(tmp_path / "model.onnx", tmp_path / "model.pt2", {})
    images = torch.rand(130, 1, 28, 28)
    with torch.no_grad():
        wanted = torch.softmax(own.network(images) / 1.7, 1).numpy()
    assert np.ptp(wanted, 0).max() > 1e-3  # or equal answers would show nothing
    arrays = images[:, 0].numpy()
    model = ModelFile(tmp_path / "model.onnx", threads=1)
    for n in (1, 7, 130):
        assert np.abs(model.run(arrays[:n]) - wanted[:n]).max() < 1e-5
        assert np.abs(pt2_probabilities(tmp_path / "model.pt2", arrays[:n]) - wanted[:n]).max() < (
            1e-5
        )


@pytest.mark.parametrize("module", [Modern, lenet])
def test_weights_keep_their_names_in_the_module(tmp_path, module):
    own = prepared(module(), 0)
    save_nodes(*nodes_of(own), tmp_path / "model.onnx", RECIPE)
    network, arrays = load_onnx(tmp_path / "model.onnx")
    assert network == "python:Net"
    weights = weights_of(own)
    assert arrays.keys() == weights.keys()
    assert all(np.array_equal(arrays[name], weights[name].numpy()) for name in weights)


def test_what_a_module_does_has_one_sum_whatever_its_weights_are():
    first, again, other = lenet(), lenet(), lenet()
    other[4] = nn.Sigmoid()
    sums = [sha256_of(nodes_of(prepared(m, seed))) for seed, m in enumerate((first, again, other))]
    assert sums[0] == sums[1] != sums[2]


class Does(nn.Module):
    """Something, and a linear layer after it."""

    def __init__(self, what):
        super().__init__()
        self.dense = nn.Linear(784, 10)
        self.what = what

    def forward(self, images):
        return self.dense(self.what(images).flatten(1))


def branches(images):
    return images if images.sum() > 100 else images + 1


@pytest.mark.parametrize(
    ("what", "message"),
    [
        (torch.cos, "network Does uses cos, which the models of this program do not hold; "
         "expected some of batch_norm, conv2d, linear,"),
        (lambda images: images.transpose(2, 3), "uses transpose"),
        (lambda images: F.gelu(images, approximate="tanh"), "uses gelu with approximate=tanh"),
        (lambda images: torch.cat([images[:, :, 9:], images[:, :, :9]], 2), "uses slice of a part"),
        (lambda images: F.pad(images, (1, 1, 1, 1))[:, :, 1:29, 1:29], "uses pad"),
        (branches, "cannot be saved as a model: torch.export raises"),
    ],
    ids=["operator", "transposed", "setting", "part", "padded", "branch"],
)  # fmt: skip
def test_what_has_no_place_in_a_model_is_named(what, message):
    with pytest.raises(ConfigError) as error:
        nodes_of(prepared(Does(what), 0))
    assert message in str(error.value)
