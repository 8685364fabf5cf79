import dataclasses

import numpy as np
import pytest
import torch

from inkdigits.errors import ConfigError
from inkdigits.training.callbacks import Callback
from inkdigits.training.device import CPU, chosen
from inkdigits.training.judge import as_tensors, probabilities
from inkdigits.training.loop import train
from inkdigits.training.recipes import recipe
from inkdigits.training.state import fresh_state, load_state, weights_of
from inkdigits.training.workers import Workers

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")


def test_auto_is_the_processor_where_there_is_no_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert chosen("auto") == chosen("cpu") == CPU


def test_a_gpu_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    for device, what in (("cuda", "CUDA GPU"), ("mps", "Apple GPU")):
        with pytest.raises(ConfigError, match=f"device is {device}, .* finds no {what}, expected"):
            chosen(device)


def test_each_worker_of_a_machine_takes_the_next_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    found = [chosen("auto", Workers(rank, 6, rank % 3)) for rank in range(6)]
    assert [device.index for device in found] == [0, 1, 0, 0, 1, 0]
    assert chosen("cpu", Workers(1, 2, 1)) == CPU


@needs_gpu
def test_a_gpu_trains_as_well_and_the_processor_goes_on(tmp_path, sample):
    mixed = np.random.default_rng(0).permutation(1000)
    digits = sample.train.take(4 * mixed[:600], "train"), sample.test.take(mixed[:200], "held")
    row = recipe("fast").with_overrides({"epochs": 3, "batch_size": 64, "precision": "float32"})
    on_cpu = train(*digits, fresh_state(row, 0), Callback())
    state = fresh_state(row, 0, torch.device("cuda"))
    before = weights_of(fresh_state(row, 0).model)
    assert all(
        torch.equal(before[name], tensor) for name, tensor in weights_of(state.model).items()
    )
    checkpoint = tmp_path / "checkpoint.safetensors"

    class StopAfterOne(Callback):
        def epoch(self, row):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(*digits, state, StopAfterOne(), checkpoint)
    resumed = train(*digits, load_state(checkpoint), Callback(), checkpoint)
    on_gpu = train(*digits, load_state(checkpoint, torch.device("cuda")), Callback(), checkpoint)
    images, _ = as_tensors(digits[1])
    answers = [probabilities(run.evaluated, images) for run in (on_cpu, resumed, on_gpu)]
    for other in answers[1:]:
        assert (other.argmax(1) == answers[0].argmax(1)).mean() > 0.95
    rows = [[dataclasses.asdict(e)["loss"] for e in run.history] for run in (on_cpu, on_gpu)]
    assert rows[0] == pytest.approx(rows[1], rel=0.05)
