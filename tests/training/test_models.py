import pytest
import torch
from torch import nn

from inkdigits.training.models import build, parameter_count
from inkdigits.training.networks import NETWORKS, Dense, Flatten, Network, Relu

KNOWN = {
    "original": 471_018, "nano": 13_330, "tiny": 30_490, "compact": 62_658, "wide": 242_810,
    "wider": 453_706, "deep": 839_722,
}  # fmt: skip


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_has_its_known_parameters_and_gives_ten_logits(name):
    model = build(NETWORKS[name]).eval()
    assert parameter_count(model) == NETWORKS[name].parameters == KNOWN[name]
    assert model(torch.zeros(3, 1, 28, 28)).shape == (3, 10)


def test_the_original_has_471018_parameters_by_hand():
    convs = (1 * 32 + 32 * 32 + 32 * 64 + 64 * 64 + 64 * 128) * 9 + 32 + 32 + 64 + 64 + 128
    norms = 4 * (32 + 32 + 64 + 64 + 128 + 256 + 128)
    # 28 pixels pooled three times are 3: 3 * 3 * 128 = 1152 features.
    dense = 1152 * 256 + 256 + 256 * 128 + 128 + 128 * 10 + 10
    assert NETWORKS["original"].parameters == convs + norms + dense == 471_018


def test_the_original_has_kerass_defaults():
    torch.manual_seed(0)
    model = build(NETWORKS["original"])
    norms = [m for m in model if isinstance(m, nn.BatchNorm2d | nn.BatchNorm1d)]
    assert len(norms) == 7
    assert {(m.eps, round(m.momentum, 6)) for m in norms} == {(1e-3, 0.01)}
    convs = [m for m in model if isinstance(m, nn.Conv2d)]
    assert all(m.bias is not None and not m.bias.any() for m in convs)
    # Glorot uniform: limit sqrt(6 / (fan_in + fan_out)).
    limit = (6 / (9 * (64 + 128))) ** 0.5
    assert convs[4].weight.abs().max().item() == pytest.approx(limit, rel=1e-3)
    kinds = [type(m).__name__ for m in model][:8]
    assert kinds == ["Conv2d", "ReLU", "BatchNorm2d"] * 2 + ["MaxPool2d", "Dropout"]
    assert [m.p for m in model if isinstance(m, nn.Dropout)] == [0.25] * 3 + [0.5] * 2


def test_relus_behind_one_another_can_be_learnt():
    model = build(Network([Relu(), Relu(), Flatten(), Relu(), Dense(10)]))
    images = torch.rand(3, 1, 28, 28, requires_grad=True)
    model(images * 2).sum().backward()  # writing over what a ReLU gave would raise here
    assert images.grad is not None
