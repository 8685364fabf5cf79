"""The notebooks in examples/: they run from end to end, and show what a reader was promised."""

import os
import re
import shutil
import struct
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from support import without_pictures

ROOT = Path(__file__).parent.parent
TRAIN, HAND, INSIDE = NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))


@pytest.fixture(scope="module")
def execute(sample, tmp_path_factory):
    """Runs a notebook in a folder like a clone, where MNIST has 1,250 digits; gives it back."""
    clone = tmp_path_factory.mktemp("clone")
    for name in ("examples", "docs"):
        shutil.copytree(ROOT / name, clone / name)
    mnist = clone / "mnist"
    mnist.mkdir()
    for part, digits in (("train", sample.train), ("t10k", sample.test)):
        images, labels = digits.images[::4], digits.labels[::4]  # which are in order of labels
        head = struct.pack(">4i", 0x803, len(images), 28, 28)
        (mnist / f"{part}-images-idx3-ubyte").write_bytes(head + images.tobytes())
        head = struct.pack(">2i", 0x801, len(labels))
        (mnist / f"{part}-labels-idx1-ubyte").write_bytes(head + labels.tobytes())
    kernel = os.environ | {
        "INKDIGITS_DATA": str(mnist),
        "IPYTHONDIR": str(clone / "ipython"),
        "JUPYTER_RUNTIME_DIR": str(clone / "runtime"),
        # As where an environment is activated: for "!inkdigits".
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])),
    }

    def execute(path, **changed):
        notebook = nbformat.read(path, 4)
        for old, new in changed.items():
            cells = [cell for cell in notebook.cells if f'"{old}"' in cell.source]
            assert cells
            for cell in cells:
                cell.source = cell.source.replace(f'"{old}"', f'"{new}"')
        where = {"metadata": {"path": str(clone / "examples")}}
        client = NotebookClient(notebook, timeout=200, kernel_name="python3", resources=where)
        return client.execute(env=kernel)

    return execute


def outputs(notebook):
    return [out for cell in notebook.cells if cell.cell_type == "code" for out in cell.outputs]


def pictures(cell):
    """How many a cell shows."""
    data = [out.get("data", {}) for out in cell.get("outputs", [])]
    drawn = sum(kind.startswith("image/") for one in data for kind in one)
    return drawn + sum(one.get("text/html", "").count("data:image/png") for one in data)


def printed(notebook):
    return "".join(out["text"] for out in outputs(notebook) if out.output_type == "stream")


def test_the_first_trains_and_shows_history_confusions_and_other_pictures(execute):
    found = execute(TRAIN)
    shown = {cell.source.split("\n")[-1]: pictures(cell) for cell in found.cells}
    assert shown["run"] == 2
    assert shown['report.plots["incorrect_predictions"]'] == 1
    assert shown['others.plots["correct_predictions"]'] == 1
    assert re.search(r"\d times a \d was read as \d", printed(found))
    assert "examples/7_ruled_paper.jpg" in printed(found)
    # Of the training one text is left, with the data's line and one for each epoch.
    (training,) = next(cell for cell in found.cells if "inkdigits.train" in cell.source).outputs
    lines = training["data"]["text/plain"].splitlines()
    assert lines[0].startswith("data: mnist")
    epochs = [line[:9] for line in lines if line.startswith("epoch")]
    assert epochs == [f"epoch {n}/5" for n in range(1, 6)]


def test_the_second_reads_the_hand_better_after_its_corrections(execute):
    found = execute(HAND, sample="mnist")
    text = printed(found)
    wrong, of = re.search(r"(\d+) of (\d+) digits were read wrongly", text).groups()
    before, after = map(float, re.search(r"second page:  ([\d.]+)% .* ([\d.]+)%", text).groups())
    misread, left = map(int, re.search(r"page: (\d+) before, (\d+) after", text).groups())
    assert (int(wrong) > 0, of) == (True, "100")
    assert before < after
    assert left < misread
    assert sum(map(pictures, found.cells)) == 5


def test_the_third_shows_filters_activations_what_mattered_and_mistakes(execute):
    found = execute(INSIDE)
    titles = [cell.source for cell in found.cells if pictures(cell)]
    for part in ("filters", "conv1", "conv3", "mattered", "explained", "incorrect", "calibration"):
        assert any(part in source for source in titles), part
    assert all(pictures(cell) <= 1 for cell in found.cells)
    assert "<Reading 0: 11.13%, no digit: not accepted>" in printed(found)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_kept_as_it_ran_from_top_to_bottom_and_small(path):
    notebook = nbformat.read(path, 4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert all("execution" not in cell.metadata for cell in code)
    assert not [out for out in outputs(notebook) if out.get("name") == "stderr"]
    assert path.stat().st_size < 400_000
    for out in outputs(notebook):  # whose pictures are in base64
        out["data"] = {k: v for k, v in out.get("data", {}).items() if not k.startswith("image/")}
    text, _ = without_pictures(nbformat.writes(notebook))
    assert not re.search(r'"[^"]*(/home/|/tmp/|/work/|/Users/|site-packages)', text)
