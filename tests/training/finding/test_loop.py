import json

import pytest
import torch

from inkdigits.synthesis.hands import collected
from inkdigits.training.finding import loop
from inkdigits.training.finding.loop import FindingRecipe, mean_network, rate, train


@pytest.fixture(scope="module")
def hands(sample):
    return collected(sample.train.images, sample.train.labels, (), range(80), seed=3)


def test_the_rate_warms_stays_and_falls():
    assert rate(0) == 0.05
    assert rate(0.2) == 1
    assert rate(1) == pytest.approx(0.01)
    assert rate(0.5) > rate(0.8) > rate(0.95)


@pytest.mark.parametrize("kind", ["finder", "closeup"])
def test_a_training_that_was_stopped_ends_where_one_that_was_not_does(
    kind, hands, tmp_path, monkeypatch
):
    """Four steps at once, and two and two: the same weights. Dropout's draws are set aside."""
    monkeypatch.setattr(torch.nn.Dropout, "forward", lambda self, x: x)
    whole = FindingRecipe(kind=kind, scenes=8, batch=2, validation_scenes=2)
    train(whole, hands, hands, tmp_path / "whole", workers=0)

    class StopError(Exception):
        pass

    monkeypatch.setattr(loop, "_SAVE_EVERY", -1.0)
    steps = loop.losses_of

    def stopping(*args):
        if len((tmp_path / "parts" / loop.LOG).read_text().splitlines() if (
            tmp_path / "parts" / loop.LOG).exists() else []) == 2:  # fmt: skip
            raise StopError
        return steps(*args)

    monkeypatch.setattr(loop, "losses_of", stopping)
    with pytest.raises(StopError):
        train(whole, hands, hands, tmp_path / "parts", workers=0)
    monkeypatch.setattr(loop, "losses_of", steps)
    assert mean_network(kind, tmp_path / "parts")[1] == 4
    train(whole, hands, hands, tmp_path / "parts", workers=0)
    one, two = (mean_network(kind, tmp_path / name) for name in ("whole", "parts"))
    assert one[1] == two[1] == 8
    for a, b in zip(one[0].state_dict().values(), two[0].state_dict().values(), strict=True):
        assert torch.allclose(a, b, atol=1e-6)
    lines = (tmp_path / "parts" / loop.LOG).read_text().splitlines()
    assert [json.loads(line)["scenes"] for line in lines] == [2, 4, 6, 8]
