import time
from contextlib import suppress

import IPython.display
import pytest
import torch

from inkdigits.training.callbacks import Callback
from inkdigits.training.progress import Bar, Cell, steps_of
from inkdigits.training.recipes import RECIPES
from inkdigits.training.state import Epoch, fresh_state


class Handle:
    """What IPython gives for an output: writes down each state of it."""

    def __init__(self):
        self.states = []

    def update(self, data, raw):
        self.states.append(data["text/plain"])


@pytest.fixture
def handle(monkeypatch):
    handle = Handle()
    monkeypatch.setattr(IPython.display, "display", lambda data, raw, display_id: handle)
    return handle


@pytest.fixture
def clock(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def row(epoch):
    return Epoch(
        epoch=epoch, loss=0.5, accuracy=0.75, val_loss=None, val_accuracy=None,
        learning_rate=0.01, seconds=8.0, images_per_second=1000.0,
    )  # fmt: skip


def test_a_cell_says_what_is_being_done_and_keeps_the_epochs(handle, clock):
    recipe = RECIPES["flash"].with_overrides({"epochs": 2})
    state = fresh_state(recipe, 0, torch.device("cpu"), "float32")
    with Cell(recipe) as cell:
        cell.phase("reading the data")
        for done in range(100, 8_100, 100):  # 0.1 s for each, an epoch takes 8
            clock[0] += 0.1
            cell.batch(state, done, 8_000, 0.5, 1000.0)
        cell.epoch(row(1))
        cell.phase("drawing")
    line = "epoch 1/2  loss 0.5000  acc 75.00%  rate 0.01  1,000 img/s  8.0 s"
    assert handle.states[0] == "reading the data ..."
    half = f"epoch 1/2 [{'#' * 6:<24}] loss 0.5000  1,000 img/s  12 s left"  # of the first of two
    assert half in handle.states
    assert handle.states[-3:] == [line, f"{line}\ndrawing ...", line]
    assert 20 < len(handle.states) <= 4 + 8 / 0.2  # not one for each batch


def test_an_error_leaves_the_epochs(handle):
    with suppress(OSError), Cell(RECIPES["flash"]) as cell:
        cell.epoch(row(1))
        cell.phase("drawing")
        raise OSError
    assert handle.states[-1].startswith("epoch 1/1  loss")
    assert "drawing" not in handle.states[-1]


def test_a_phase_that_counts_says_how_far_it_is():
    told = []
    callback = Callback()
    callback.phase = told.append
    advance = steps_of(callback)
    advance("downloading MNIST", 34, 100)
    advance("downloading MNIST", 0, 0)
    assert told == ["downloading MNIST, 34%", "downloading MNIST, 0%"]


def test_a_line_above_the_bar_stands_as_it_was_said(capsys):
    line = f"note: {'mine/' * 30}:cat: [red].png"
    with Bar(RECIPES["flash"]) as bar:
        bar.say(line)
    assert line in capsys.readouterr().err.splitlines()
