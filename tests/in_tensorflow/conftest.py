"""Run by `make test-tensorflow`, in an environment with TensorFlow and without inkdigits."""

from pathlib import Path

import pytest


def pytest_addoption(parser):
    parser.addoption("--runs", type=Path, help="what make_runs.py wrote")


def pytest_generate_tests(metafunc):
    if "run" in metafunc.fixturenames:
        runs = sorted(p for p in metafunc.config.getoption("--runs").iterdir() if p.is_dir())
        metafunc.parametrize("run", runs, ids=[p.name for p in runs])


@pytest.fixture(autouse=True)
def _tensorflow():
    import keras

    assert keras.backend.backend() == "tensorflow"
