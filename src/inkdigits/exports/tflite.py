"""A model as .tflite, for phones and small boards.

In: an .onnx file of ours. Out: a file for LiteRT's interpreter: (1, 1, 28, 28) float32
in [0, 1] to (1, 10) probabilities. Converted by litert-torch, which fixes the batch: one digit.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from pathlib import Path

import litert_torch
import numpy as np
import torch
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from ai_edge_litert.tools import flatbuffer_utils
from numpy.typing import NDArray

from inkdigits.exports.pytorch import ABOUT, as_module
from inkdigits.files import written_whole
from inkdigits.spec import SIDE


def save_tflite(source: Path, path: Path, about: Mapping[str, str]) -> None:
    """Write the model in `source`, an .onnx file of ours, to `path`, whole or not at all.

    about: metadata, as JSON in the entry ABOUT of the file's. Raises what as_module does.
    """
    # It tells its progress on standard output, which is for results.
    with written_whole(path) as part, redirect_stdout(sys.stderr):
        one = torch.zeros(1, 1, SIDE, SIDE)
        litert_torch.convert(as_module(source), (one,)).export(str(part))
        model = flatbuffer_utils.read_model(str(part))
        entry = schema.MetadataT()
        entry.name, entry.buffer = ABOUT, len(model.buffers)
        text = schema.BufferT()
        text.data = np.frombuffer(json.dumps(dict(about)).encode(), np.uint8)
        model.buffers.append(text)
        model.metadata = [*(model.metadata or ()), entry]
        flatbuffer_utils.write_model(model, str(part))


def tflite_probabilities(path: Path, images: NDArray[np.float32]) -> NDArray[np.float32]:
    """What a saved model gives for images (N, 28, 28) in [0, 1]: (N, 10), read from disk."""
    model = Interpreter(str(path))
    model.allocate_tensors()
    (taken,), (given,) = model.get_input_details(), model.get_output_details()
    found = []
    for image in images:
        model.set_tensor(taken["index"], image[None, None])
        model.invoke()
        found.append(model.get_tensor(given["index"])[0])
    return np.stack(found)


def tflite_metadata(path: Path) -> dict[str, str]:
    """The metadata that save_tflite wrote."""
    model = flatbuffer_utils.read_model(str(path))
    names = [entry.name for entry in model.metadata]
    text = model.buffers[model.metadata[names.index(ABOUT.encode())].buffer].data
    found: dict[str, str] = json.loads(bytes(text))
    return found
