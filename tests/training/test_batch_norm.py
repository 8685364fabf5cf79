import pytest
import torch
from torch import nn

from inkdigits.training.batch_norm import settle_norms


@pytest.fixture
def model():
    torch.manual_seed(0)
    return nn.Sequential(nn.BatchNorm2d(1), nn.Dropout(0.5), nn.Flatten(), nn.Linear(784, 10))


def test_the_statistics_become_those_of_the_images(model):
    images = torch.rand(3_000, 1, 28, 28) * 0.5 + 0.2
    settle_norms(model, images)
    # Evenly drawn from 0.2 to 0.7: mean 0.45, variance 0.5 ** 2 / 12.
    assert model[0].running_mean.item() == pytest.approx(0.45, abs=1e-3)
    assert model[0].running_var.item() == pytest.approx(0.25 / 12, abs=1e-4)


def test_nothing_else_changes(model):
    weights = model[3].weight.clone()
    settle_norms(model, torch.rand(10, 1, 28, 28))
    assert torch.equal(model[3].weight, weights)
    assert model[0].momentum == 0.1
    assert not any(module.training for module in model.modules())
