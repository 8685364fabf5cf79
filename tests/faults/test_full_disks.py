"""A full disk is an error with the file's name, and leaves no half file.

The system's limit on the size of a file stands for it: a program sees no difference.
"""

import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from inkdigits.data.digits import DigitSets
from inkdigits.data.npz import write_npz

pytest.importorskip("torch")
resource = pytest.importorskip("resource")

LIMIT = 20_000  # bytes: each of the files is larger


@contextmanager
def full_disk():
    """No file of this process may grow over the limit; set back at the end."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_each_file_that_a_full_disk_ends_is_named_and_none_is_left(tmp_path, monkeypatch, sample):
    from inkdigits.exports.keras import build_keras, save_keras
    from inkdigits.exports.onnx import save_onnx
    from inkdigits.exports.pytorch import save_pt2
    from inkdigits.training.networks import NETWORKS
    from inkdigits.training.recipes import RECIPES
    from inkdigits.training.state import fresh_state, save_state, weights_of

    state, network = fresh_state(RECIPES["flash"], 0), NETWORKS[RECIPES["flash"].network]
    weights = {name: tensor.numpy() for name, tensor in weights_of(state.model).items()}
    keras = build_keras(network, weights, "flash")
    monkeypatch.chdir(tmp_path)
    save_onnx(network, weights, Path("source"), {})
    for name, write in {
        "checkpoint.safetensors": lambda path: save_state(state, path),
        "model.h5": lambda path: save_keras(keras, path, {}),
        "model.keras": lambda path: save_keras(keras, path, {}),
        "model.onnx": lambda path: save_onnx(network, weights, path, {}),
        "model.pt2": lambda path: save_pt2(Path("source"), path, {}),
        "digits.npz": lambda path: write_npz(sample, path),
    }.items():
        with full_disk(), pytest.raises(OSError, match=f"^.Errno 27. File too large: '{name}'$"):
            write(Path(name))
        assert [path.name for path in tmp_path.iterdir()] == ["source"]


def test_a_training_that_a_full_disk_ends_says_so(tmp_path, sample):
    few = np.arange(300)
    sets = DigitSets(sample.train.take(few, "train"), sample.test.take(few, "test"), "few")
    write_npz(sets, tmp_path / "few.npz")
    folder = tmp_path / "run"
    command = [
        sys.executable, "-m", "inkdigits", "train", "--data", tmp_path / "few.npz", "--recipe",
        "flash", "--epochs", "1", "--batch-size", "64", "--out", folder,
    ]  # fmt: skip
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, LIMIT)),
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        f"error: {folder}/checkpoint.safetensors: File too large; make room: what was "
        "written before is whole"
    )
    assert not folder.exists()
