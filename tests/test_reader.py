import subprocess
import sys

import numpy as np
import onnx
import pytest

import inkdigits
from inkdigits.errors import ModelError, PictureError
from inkdigits.reader import SHIPPED_MODEL, Reader


@pytest.fixture(scope="module")
def reader():
    return Reader()


def test_the_shipped_model_is_small_and_reads_real_digits(reader, sample):
    assert SHIPPED_MODEL.stat().st_size <= 1_000_000
    readings = reader.read_arrays(sample.test.images.astype(np.float32) / 255)
    right = np.mean(
        [r.digit == label for r, label in zip(readings, sample.test.labels, strict=True)]
    )
    # The sample is part of MNIST's training set, which the model has seen.
    assert right > 0.995


def test_a_reading_is_a_distribution_with_its_peak(reader, seven):
    reading = reader.read(seven)
    assert reading.digit == 7
    assert sum(reading.probabilities) == pytest.approx(1, abs=1e-5)
    assert reading.confidence == max(reading.probabilities)
    assert reading.top(3)[0] == (7, reading.confidence)
    assert set(reading.to_dict()) == {"digit", "confidence", "probabilities"}


def test_the_picture_path_reads_mnist_as_the_array_path_does(reader, sample):
    arrays = reader.read_arrays(sample.test.images.astype(np.float32) / 255)
    pictures = list(reader.read_many(sample.test.images))
    same = np.mean([a.digit == p.digit for a, p in zip(arrays, pictures, strict=True)])
    assert same > 0.997


def test_read_many_keeps_the_order_and_reads_on_after_a_bad_picture(reader, seven):
    blank = np.zeros((50, 50), np.uint8)
    found = list(reader.read_many([seven, blank, b"no picture", seven], batch=2))
    assert [f.digit for f in (found[0], found[3])] == [7, 7]
    assert all(isinstance(f, PictureError) for f in found[1:3])


def test_read_uses_the_shipped_model(seven):
    assert inkdigits.read(seven).digit == 7


def test_arrays_of_another_range_or_shape_are_refused(reader):
    with pytest.raises(PictureError, match="divide 8-bit pixels by 255"):
        reader.probabilities(np.full((1, 28, 28), 255, np.float32))
    with pytest.raises(PictureError, match=r"arrays are \(28, 28\), wanted \(N, 28, 28\)"):
        reader.probabilities(np.zeros((28, 28), np.float32))
    with pytest.raises(PictureError, match="wanted 0"):
        reader.probabilities(np.full((1, 28, 28), np.nan, np.float32))


def test_a_model_that_is_not_ours_is_refused(tmp_path):
    with pytest.raises(ModelError, match="no such model"):
        Reader(tmp_path / "none.onnx")
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no model")
    with pytest.raises(ModelError, match="not a model ONNX Runtime can load"):
        Reader(broken)
    foreign = onnx.load(str(SHIPPED_MODEL))
    del foreign.metadata_props[:]
    onnx.save(foreign, str(tmp_path / "foreign.onnx"))
    with pytest.raises(ModelError, match=r"has no metadata entry 'inkdigits\.spec'"):
        Reader(tmp_path / "foreign.onnx")


def test_a_model_of_another_size_is_refused(tmp_path):
    other = onnx.load(str(SHIPPED_MODEL))
    other.graph.input[0].type.tensor_type.shape.dim[2].dim_value = 32
    other.graph.input[0].type.tensor_type.shape.dim[3].dim_value = 32
    onnx.save(other, str(tmp_path / "other.onnx"))
    with pytest.raises(ModelError):
        Reader(tmp_path / "other.onnx")


def test_reading_imports_no_training_framework():
    code = (
        "import sys, inkdigits; inkdigits.Reader();"
        "heavy = {'torch', 'keras', 'matplotlib', 'sklearn', 'pandas', 'onnx', 'rich'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
