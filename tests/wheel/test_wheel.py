import json
import os
import subprocess
from pathlib import Path

EXAMPLES = Path(__file__).parent.parent.parent / "examples"


def run(python, *args, cwd):
    # An interpreter of its own must not see this checkout.
    env = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    return subprocess.run(
        [str(Path(python).absolute()), *args],
        capture_output=True, text=True, timeout=120, check=False, cwd=cwd, env=env,
    )  # fmt: skip


def test_the_wheel_alone_reads_a_picture(wheel_python, tmp_path):
    picture = sorted(EXAMPLES.glob("*.jpg"))[0]
    done = run(wheel_python, "-m", "inkdigits", "predict", "--json", str(picture), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["digit"] == int(picture.name[0])


def test_the_wheel_brings_no_training_framework_and_says_how_to_get_one(wheel_python, tmp_path):
    listed = run(wheel_python, "-m", "pip", "list", "--format=json", cwd=tmp_path)
    names = {row["name"].lower() for row in json.loads(listed.stdout)}
    assert "inkdigits" in names
    assert not names & {"torch", "keras", "matplotlib", "scikit-learn", "pandas"}
    done = run(wheel_python, "-m", "inkdigits", "train", cwd=tmp_path)
    assert done.returncode == 1
    assert "pip install 'inkdigits[train]'" in done.stderr
