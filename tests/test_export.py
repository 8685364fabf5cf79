"""A model in other formats, by the command that users run."""

import json
import zipfile
from dataclasses import replace

import cv2
import h5py
import numpy as np
import onnx
import pytest
import torch
from click.testing import CliRunner

from inkdigits.cli import cli
from inkdigits.errors import ModelError
from inkdigits.export import CHECKED_ON, FORMATS, export
from inkdigits.exports.pytorch import ABOUT, pt2_probabilities
from inkdigits.reading.model_file import SHIPPED_MODEL
from inkdigits.reading.reader import Reader
from inkdigits.spec import metadata


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported") / "new"
    done = CliRunner().invoke(cli, ["export", "--to", str(folder)])
    assert done.exit_code == 0, done.output
    return folder, done.stdout


@pytest.fixture(scope="module")
def arrays(sample):
    return sample.test.images[:200].astype(np.float32) / 255


def test_every_light_format_is_written_and_said(exported):
    folder, said = exported
    rows = [row for name, row in FORMATS.items() if name not in ("tflite", "web")]
    assert {path.name for path in folder.iterdir()} == {row.file for row in rows}
    for row in rows:
        assert f"{folder / row.file}  " in said
    assert said.count(f"{CHECKED_ON:,} digits read the same") == len(rows)


def test_every_format_carries_what_it_is_fed(exported):
    folder, _ = exported
    extra = {ABOUT: ""}
    torch.export.load(folder / "model.pt2", extra_files=extra)
    with zipfile.ZipFile(folder / "model.keras") as archive:
        keras = json.loads(archive.read("inkdigits.json"))
    with h5py.File(folder / "model.h5") as file:
        h5 = dict(file.attrs)
    found = {
        "model.onnx": Reader(folder / "model.onnx").model.metadata,
        "model-int8.onnx": Reader(folder / "model-int8.onnx").model.metadata,
        "model.keras": keras, "model.h5": h5, "model.pt2": json.loads(extra[ABOUT]),
    }  # fmt: skip
    for about in (*found.values(), Reader().model.metadata):
        assert metadata().items() <= about.items()
        assert about["inkdigits.accept"] == Reader().model.metadata["inkdigits.accept"]


def test_integers_are_a_quarter_of_the_size_and_read_the_same(exported, sample):
    folder, _ = exported
    path = folder / "model-int8.onnx"
    onnx.checker.check_model(str(path), full_check=True)
    assert path.stat().st_size < 0.3 * SHIPPED_MODEL.stat().st_size
    # Neither calibrated nor checked on.
    arrays = sample.train.images[1:2000:4].astype(np.float32) / 255
    found, wanted = (Reader(model).probabilities(arrays) for model in (path, SHIPPED_MODEL))
    assert (found.argmax(1) != wanted.argmax(1)).sum() <= 1
    assert np.abs(found - wanted).max() < 0.3


@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_a_keras_file_is_written_as_onnx(exported, tmp_path, arrays, ending):
    (found,) = export(str(exported[0] / f"model.{ending}"), tmp_path, ["onnx"])
    reader = Reader(found.path)
    wanted = Reader(SHIPPED_MODEL)
    assert np.abs(reader.probabilities(arrays) - wanted.probabilities(arrays)).max() < 1e-5
    assert reader.model.metadata == wanted.model.metadata


def test_a_tflite_model_reads_the_same_and_says_what_it_is_fed(tmp_path):
    pytest.importorskip("litert_torch", reason="needs litert-torch: pip install inkdigits[tflite]")
    from inkdigits.exports.tflite import tflite_metadata

    (found,) = export(None, tmp_path, ["tflite"])
    assert found.difference < 1e-5
    assert metadata().items() <= tflite_metadata(found.path).items()


def test_a_pytorch_program_takes_any_batch(exported, arrays):
    wanted = Reader(SHIPPED_MODEL).probabilities(arrays)
    for n in (1, 2, 7):
        found = pt2_probabilities(exported[0] / "model.pt2", arrays[:n])
        assert np.abs(found - wanted[:n]).max() < 1e-5


@pytest.mark.parametrize("n", [1, 7, 200])
def test_opencv_reads_the_shipped_model_with_the_same_result(arrays, n):
    network = cv2.dnn.readNetFromONNX(str(SHIPPED_MODEL))
    network.setInput(arrays[:n, None])
    assert np.abs(network.forward() - Reader(SHIPPED_MODEL).probabilities(arrays[:n])).max() < 1e-5


def test_a_file_that_reads_otherwise_is_not_kept(tmp_path, monkeypatch):
    row = FORMATS["onnx"]
    wrong = {"onnx": row.__class__(row.file, row.what, row.write, lambda path, arrays: np.roll(
        Reader(path).probabilities(arrays), 1, axis=1))}  # fmt: skip
    monkeypatch.setattr("inkdigits.export.FORMATS", wrong)
    with pytest.raises(ModelError, match="reads 1,000 of 1,000 digits differently"):
        list(export(None, tmp_path, ["onnx"]))
    assert not list(tmp_path.iterdir())


def test_integers_may_read_ten_digits_otherwise_and_a_refused_format_stops_no_other(
    tmp_path, monkeypatch
):
    def otherwise(n):
        def read(path, arrays):
            found = Reader(SHIPPED_MODEL).probabilities(arrays)
            found[:n] = np.roll(found[:n], 1, axis=1)
            return found

        return read

    for n in (10, 11):
        row = replace(FORMATS["onnx-int8"], read=otherwise(n), write=FORMATS["onnx"].write)
        monkeypatch.setitem(FORMATS, "onnx-int8", row)
        args = ["export", "--to", str(tmp_path / str(n)), "--format", "onnx-int8,onnx"]
        done = CliRunner().invoke(cli, args)
        assert (tmp_path / str(n) / "model.onnx").is_file()
        assert (tmp_path / str(n) / "model-int8.onnx").is_file() == (n == 10)
        if n == 10:
            assert "990 of 1,000 digits read the same" in done.stdout
        else:
            assert "reads 11 of 1,000 digits differently" in str(done.exception)
            assert "expected at most 10" in str(done.exception)


def test_an_unknown_format_is_refused_before_anything_is_written(tmp_path):
    args = ["export", "--to", str(tmp_path / "new"), "--format", "onnx,caffe"]
    done = CliRunner().invoke(cli, args)
    assert "--format 'caffe': expected some of onnx, onnx-int8, keras, h5, pt2, tflite, web" in str(
        done.exception
    )
    assert not (tmp_path / "new").exists()


def test_what_fails_its_check_leaves_the_earlier_export(tmp_path, monkeypatch):
    earlier = tmp_path / "model.onnx"
    earlier.write_bytes(b"the earlier one")

    def broken(path, arrays):
        raise ModelError(f"{path}: could not be checked")

    for read in (broken, lambda path, arrays: np.eye(10, dtype=np.float32)[[0] * len(arrays)]):
        monkeypatch.setitem(FORMATS, "onnx", replace(FORMATS["onnx"], read=read))
        with pytest.raises(ModelError, match=f"^{earlier}: "):
            list(export(None, tmp_path, ["onnx"]))
        assert [path.name for path in tmp_path.iterdir()] == ["model.onnx"]
        assert earlier.read_bytes() == b"the earlier one"
