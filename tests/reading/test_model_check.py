"""A model is a program: what ours do not do is refused before a runtime gets it."""

import time
from itertools import pairwise

import numpy as np
import onnx
import pytest
from onnx import TensorProto, external_data_helper, helper, numpy_helper

from inkdigits.errors import ModelError
from inkdigits.exports.onnx import load_onnx
from inkdigits.reading.model_check import read_model_file
from inkdigits.reading.model_file import SHIPPED_MODEL
from inkdigits.reading.reader import Reader
from inkdigits.spec import INPUT_NAME, OUTPUT_NAME, metadata

FLAT = helper.make_node("Flatten", [INPUT_NAME], ["flat"])
LOGITS = helper.make_node("Gemm", ["flat", "weights"], ["logits"])
END = helper.make_node("Softmax", ["logits"], [OUTPUT_NAME], axis=1)
WEIGHTS = numpy_helper.from_array(np.zeros((784, 10), np.float32), "weights")


def constant(name, values, kind=np.float32):
    return numpy_helper.from_array(np.array(values, kind), name)


def model_of(nodes, constants=(), functions=()):
    """A model that says it is ours."""
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(INPUT_NAME, TensorProto.FLOAT, ["N", 1, 28, 28])],
        [helper.make_tensor_value_info(OUTPUT_NAME, TensorProto.FLOAT, ["N", 10])],
        [WEIGHTS, *constants],
    )
    imports = [helper.make_opsetid("", 13), helper.make_opsetid("others", 1)]
    model = helper.make_model(graph, opset_imports=imports, functions=functions)
    model.ir_version = 8
    helper.set_model_props(model, metadata())
    return model


def written(folder, model):
    path = folder / "model.onnx"
    path.write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
    return path


def test_a_plain_model_is_read(tmp_path):
    path = written(tmp_path, model_of([FLAT, LOGITS, END]))
    assert read_model_file(path) == path.read_bytes()
    assert Reader(path).read_arrays(np.zeros((1, 28, 28)))[0].confidence == pytest.approx(0.1)


def loop():
    """Two to the 62nd times the same addition."""
    value = helper.make_tensor_value_info
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["go_on"]),
            helper.make_node("Add", ["x", "x"], ["y"]),
        ],
        "body",
        [value("i", TensorProto.INT64, []), value("go", TensorProto.BOOL, []),
         value("x", TensorProto.FLOAT, None)],
        [value("go_on", TensorProto.BOOL, []), value("y", TensorProto.FLOAT, None)],
    )  # fmt: skip
    turning = helper.make_node("Loop", ["times", "yes", "flat"], ["turned"], body=body)
    constants = [constant("times", 2**62, np.int64), constant("yes", True, np.bool_)]
    return model_of([FLAT, turning, LOGITS, END], constants)


def with_conv(**settings):
    node = helper.make_node("Conv", [INPUT_NAME, "kernel"], ["large"], **settings)
    return model_of([node, FLAT, LOGITS, END], [constant("kernel", np.zeros((1, 1, 1, 1)))])


def spread():
    """A column and a row make a square."""
    node = helper.make_node("Mean", ["column", "row"], ["square"])
    column, row = np.zeros((30_000, 1)), np.zeros((1, 30_000))
    return model_of([node, FLAT, LOGITS, END], [constant("column", column), constant("row", row)])


def product():
    node = helper.make_node("Gemm", ["column", "row"], ["square"])
    column, row = np.zeros((30_000, 1)), np.zeros((1, 30_000))
    return model_of([node, FLAT, LOGITS, END], [constant("column", column), constant("row", row)])


def squared():
    """Takes memory by the square of how many digits there are."""
    node = helper.make_node("Gemm", ["flat", "flat"], ["square"], transB=1)
    return model_of([FLAT, node, LOGITS, END])


def filled():
    node = helper.make_node("ConstantOfShape", ["size"], ["filled"])
    return model_of([node, FLAT, LOGITS, END], [constant("size", [2_000, 1_000, 1_000], np.int64)])


def against_one_another():
    """Takes memory by the square of how many digits there are: (N, 1, 1, 1) and (N, 1)."""
    whole = helper.make_node("GlobalAveragePool", [INPUT_NAME], ["mean"])
    flat = helper.make_node("Flatten", ["mean"], ["row"], axis=1)
    node = helper.make_node("Add", ["mean", "row"], ["square"])
    return model_of([whole, flat, node, FLAT, LOGITS, END])


def spread_by_a_sum():
    node = helper.make_node("Add", ["flat", "column"], ["table"])
    return model_of([FLAT, node, LOGITS, END], [constant("column", np.zeros((30_000, 1)))])


def reshaped(*shape, kind=np.int64):
    node = helper.make_node("Reshape", ["flat", "shape"], ["other"])
    return model_of([FLAT, node, LOGITS, END], [constant("shape", shape, kind)])


def joined(axis):
    node = helper.make_node("Concat", ["flat", "flat"], ["both"], axis=axis)
    return model_of([FLAT, node, LOGITS, END])


def sparse():
    model = model_of([FLAT, LOGITS, END])
    one = model.graph.sparse_initializer.add()
    one.values.CopyFrom(constant("z", [1.0]))
    one.indices.CopyFrom(constant("i", [0], np.int64))
    one.dims.extend([1 << 40])
    return model


def function():
    node = helper.make_node("Identity", ["x"], ["y"])
    opset = [helper.make_opsetid("", 13)]
    return model_of(
        [FLAT, LOGITS, END],
        functions=[helper.make_function("", "Relu", ["x"], ["y"], [node], opset)],
    )


def custom():
    return model_of([FLAT, LOGITS, helper.make_node("Relu", ["flat"], ["x"], domain="others"), END])


def twice():
    return model_of([FLAT, LOGITS, END], [constant("weights", [0])])


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (loop(), r"an operator's setting has field 6, which no model of ours has"),
        (filled(), "uses the operator 'ConstantOfShape', which no model of this program uses"),
        (spread(), "uses Mean as no model of this program does"),
        (product(), "takes over 5,000,000 values"),
        (squared(), "uses Gemm as no model of this program does"),
        (against_one_another(), "uses Add as no model of this program does"),
        (spread_by_a_sum(), "takes over 5,000,000 values"),
        (reshaped(1, -1), "uses Reshape as no model of this program does"),  # all digits as one
        (reshaped(0, -1), "uses Reshape as no model of this program does"),
        (reshaped(0, 1 << 40), "takes over 5,000,000 values"),
        (reshaped(0, 784, kind=np.int32), "uses Reshape as no model of this program does"),
        (joined(0), "uses Concat as no model of this program does"),
        (with_conv(pads=[20_000] * 4), "takes over 5,000,000 values"),
        (with_conv(pads=[-1] * 4), "uses Conv as no model of this program does"),
        (with_conv(auto_pad="SAME_UPPER"), "sets an operator's 'auto_pad' to 'SAME_UPPER'"),
        (with_conv(strides=[0, 0]), "uses Conv as no model of this program does"),
        (sparse(), r"its graph has field 15, which no model of ours has"),
        (function(), r"the model has field 25, which no model of ours has"),
        (custom(), "uses operators of 'others', expected ONNX's own"),
        (twice(), "holds 'weights' twice"),
        (model_of([]), "holds no operator"),
        (b"\x08\x01" * 600_000, "holds over 500,000 parts"),
        (b"", "holds no operator"),
        (b"GIF89a", r"not an ONNX file, or a damaged one \(wire type 7\)"),
        (b"\x3a\xff\xff\xff\xff\x7f", r"not an ONNX file, or a damaged one \(cut off\)"),
        (b"\x08" + b"\xff" * 20, r"not an ONNX file, or a damaged one \(no number\)"),
    ],
    ids=[
        "loop", "filled", "spread", "product", "squared", "against", "sum",
        "one", "rest", "large", "kind", "joined", "padded", "negative", "auto_pad",
        "strides", "sparse", "function", "custom", "twice", "no operator", "parts", "empty",
        "wire type", "cut off", "number",
    ],
)  # fmt: skip
def test_what_none_of_our_models_does_is_refused(tmp_path, model, message):
    start = time.perf_counter()
    with pytest.raises(ModelError, match=message) as caught:
        Reader(written(tmp_path, model))
    assert "model.onnx" in str(caught.value)
    assert "inkdigits train" in str(caught.value)
    assert time.perf_counter() - start < 5


def test_a_model_as_large_as_none_of_ours_is_refused_unread(tmp_path):
    large = tmp_path / "large.onnx"
    with large.open("wb") as file:
        file.truncate(500_000_000)  # a hole: it takes no space on disk
    for read in (Reader, load_onnx):
        with pytest.raises(ModelError, match="is 500,000,000 bytes, over the limit of 100,000,000"):
            read(large)


@pytest.mark.parametrize("place", ["../weights.bin", "/weights.bin", "weights.bin"])
def test_a_model_that_reads_other_files_is_refused(tmp_path, place):
    model = onnx.load(str(SHIPPED_MODEL))
    weights = next(w for w in model.graph.initializer if w.name == "layer16.weight")
    (tmp_path / "models").mkdir()
    for folder in (tmp_path, tmp_path / "models"):
        (folder / "weights.bin").write_bytes(weights.raw_data)
    there = str(tmp_path / "weights.bin") if place.startswith("/") else place
    external_data_helper.set_external_data(weights, there, 0, len(weights.raw_data))
    weights.ClearField("raw_data")
    path = written(tmp_path / "models", model)
    for read in (Reader, load_onnx):
        with pytest.raises(ModelError, match="keeps its weights in other files"):
            read(path)


def test_more_operators_or_inputs_than_a_runtime_plans_soon_are_refused(tmp_path):
    """The mean of one value 200,000 times, and 30,000 operators in a row that do nothing."""
    names = ["logits", *map(str, range(30_000))]
    chain = [helper.make_node("Relu", [a], [b]) for a, b in pairwise(names)]
    for nodes in ([helper.make_node("Mean", ["logits"] * 200_000, ["mean"])], chain):
        with pytest.raises(ModelError, match="has over 20,000 inputs of operators"):
            read_model_file(written(tmp_path, model_of([FLAT, LOGITS, *nodes, END])))


def test_a_mean_of_as_many_members_as_a_study_has_is_read(tmp_path):
    mean = helper.make_node("Mean", ["logits"] * 100, ["mean"])
    end = helper.make_node("Softmax", ["mean"], [OUTPUT_NAME], axis=1)
    read_model_file(written(tmp_path, model_of([FLAT, LOGITS, mean, end])))


def test_a_model_whose_answers_are_no_numbers_with_ink_is_an_error(tmp_path, seven):
    """Of a blank array they are: infinite times nothing is none, and adds up to none with ink."""
    weights = np.zeros((784, 10), np.float32)
    weights[:, 0] = 3e38
    large = numpy_helper.from_array(weights, "large")
    nodes = [FLAT, helper.make_node("Gemm", ["flat", "large"], ["logits"]), END]
    reader = Reader(written(tmp_path, model_of(nodes, [large])))
    with pytest.raises(ModelError, match="gives values that are not numbers"):
        reader.read_arrays((seven / 255).astype(np.float32)[None])
