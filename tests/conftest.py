"""What every test may use: digits with no network, and the real sets where they are."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from inkdigits.training.waiting import spin_briefly

os.environ.setdefault("KERAS_BACKEND", "torch")  # before anything imports Keras
spin_briefly()  # before anything imports PyTorch: several processes test on the same cores

ROOT = Path(__file__).parent.parent

# Only the environments that run these groups have what they need; make has a target for each.
collect_ignore = ["in_tensorflow", "wheel"]


@pytest.fixture(scope="session")
def mnist_folder() -> Path:
    """The folder with the four MNIST files, or a skip."""
    given = os.environ.get("INKDIGITS_DATA")
    if not given:
        pytest.skip("INKDIGITS_DATA does not point at the four MNIST files")
    return Path(given)


@pytest.fixture(scope="session")
def field_folder() -> Path:
    """The folder with other people's handwriting, or a skip."""
    given = os.environ.get("INKDIGITS_FIELD")
    if not given:
        pytest.skip("INKDIGITS_FIELD does not point at the field sets")
    return Path(given)


@pytest.fixture(scope="session")
def sample():
    """5,000 real MNIST digits that come with a library: no network, no files of ours."""
    from inkdigits.data import load

    return load("sample")


# Not for the whole session: while Playwright runs, asyncio.run fails in other tests.
@pytest.fixture(scope="module")
def browser():
    """Chromium, or a skip."""
    # Where a test has no use for it Playwright need not be installed.
    from drawn import CHROMIUM, chromium

    if CHROMIUM is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    with chromium() as started:
        yield started


@pytest.fixture
def seven() -> np.ndarray:
    """A 7 as a (28, 28) uint8 array, ink 255: a bar on top and a slanted stem."""
    array = np.zeros((28, 28), np.uint8)
    array[4:7, 8:20] = 255
    for row in range(7, 24):
        left = 18 - (row - 7) // 2
        array[row, left : left + 3] = 255
    return array
