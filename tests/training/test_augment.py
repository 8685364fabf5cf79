import pytest
import torch

from inkdigits.training.augment import augment
from inkdigits.training.recipes import recipe

STILL = {"rotate": 0, "scale": 0, "shear": 0, "shift": 0}


def dot(n=1):
    images = torch.zeros(n, 1, 28, 28)
    images[:, :, 13:15, 13:15] = 1
    return images


def moved(n=200, **ranges):
    row = recipe("fast").with_overrides({**STILL, **ranges})
    return augment(dot(n), row, torch.Generator().manual_seed(0))


def test_no_range_moves_nothing():
    assert torch.allclose(moved(n=2), dot(2), atol=1e-5)


def test_shift_stays_within_its_pixels_and_uses_them():
    images = moved(shift=3.0)
    columns = torch.arange(28.0)
    centres = (images.sum((1, 2)) * columns).sum(1) / images.sum((1, 2, 3))
    assert (centres - 13.5).abs().max().item() == pytest.approx(3, abs=0.1)
    assert (centres - 13.5).mean().abs().item() < 0.4


def test_scale_changes_the_area_within_its_share():
    image = torch.zeros(200, 1, 28, 28)
    image[:, :, 9:19, 9:19] = 1  # 100 pixels
    row = recipe("fast").with_overrides({**STILL, "scale": 0.2})
    areas = augment(image, row, torch.Generator().manual_seed(0)).sum((1, 2, 3))
    # 0.8 and 1.2 of each side: 64 and 144 pixels.
    assert 62 < areas.min().item() < 70
    assert 138 < areas.max().item() < 147


def test_rotation_by_a_right_angle_turns_a_bar():
    image = torch.zeros(400, 1, 28, 28)
    image[:, :, 12:16, 4:24] = 1
    row = recipe("fast").with_overrides({**STILL, "rotate": 90})
    turned = augment(image, row, torch.Generator().manual_seed(0))
    height = (turned.amax((1, 3)) > 0.5).sum(1)
    assert height.max().item() == 20
    assert height.min().item() == 4


def test_one_generator_state_gives_one_result():
    assert torch.equal(moved(rotate=10, shift=2), moved(rotate=10, shift=2))
