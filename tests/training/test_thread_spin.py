import os
import subprocess
import sys

import pytest

from inkdigits.training.thread_spin import SPINS, spin_briefly


@pytest.fixture
def unset(monkeypatch):
    monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)


def test_threads_spin_briefly(unset):
    spin_briefly()
    assert os.environ.pop("GOMP_SPINCOUNT") == SPINS


@pytest.mark.parametrize(
    ("name", "value"), [("GOMP_SPINCOUNT", "7"), ("OMP_WAIT_POLICY", "active")]
)
def test_what_the_user_has_said_stands(unset, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    before = dict(os.environ)
    spin_briefly()
    assert dict(os.environ) == before


def test_train_says_so_before_pytorch_is_loaded(unset, tmp_path):
    """PyTorch's library reads it when it is loaded, and never again."""
    (tmp_path / "torch.py").write_text(
        "import os\nraise OSError('spins ' + os.environ.get('GOMP_SPINCOUNT', 'as usual'))"
    )
    done = subprocess.run(
        [sys.executable, "-m", "inkdigits", "train", "--data", "sample"],
        capture_output=True, text=True, check=False, timeout=60, cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path[1:]])},
    )  # fmt: skip
    assert done.stderr == f"error: spins {SPINS}\n"
