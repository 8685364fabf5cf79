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


def test_a_model_knows_nondigits_unless_it_says_none_or_accepts_everything():
    assert spec.knows_nondigits({"inkdigits.accept": "0.7"}, "a.onnx")
    assert not spec.knows_nondigits(
        {"inkdigits.accept": "0.7", "inkdigits.nondigits": "none"}, "a.onnx"
    )
    assert not spec.knows_nondigits({"inkdigits.accept": "0.0000"}, "a.onnx")
    assert not spec.knows_nondigits({}, "a.onnx")
    with pytest.raises(ModelError, match=r"a\.onnx states inkdigits\.accept is 'x'"):
        spec.knows_nondigits({"inkdigits.accept": "x"}, "a.onnx")
