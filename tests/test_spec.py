import pytest

from inkdigits import spec
from inkdigits.errors import ModelError


def test_own_metadata_are_accepted():
    spec.check_metadata({**spec.metadata(), "anything": "else"}, "model.onnx")


def test_missing_metadata_are_refused_with_the_key():
    with pytest.raises(ModelError, match=r"model\.onnx has no metadata entry 'inkdigits\.spec'"):
        spec.check_metadata({}, "model.onnx")


def test_other_normalisation_is_refused_with_both_values():
    found = {**spec.metadata(), "inkdigits.mean": "0.1307"}
    with pytest.raises(
        ModelError, match=r"inkdigits\.mean is '0\.1307', this program feeds '0\.0'"
    ):
        spec.check_metadata(found, "model.onnx")
