"""One .onnx file of ours: found, checked, loaded and run.

In: a path. Out: probabilities of digit arrays. Runs on ONNX Runtime.
"""

from __future__ import annotations

import re
from os import PathLike
from pathlib import Path
from typing import TypeGuard

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from inkdigits.environment import cores
from inkdigits.errors import ModelError
from inkdigits.reading.model_check import read_model_file
from inkdigits.spec import INPUT_NAME, N_CLASSES, OUTPUT_NAME, SIDE, check_metadata

RUN_MODEL = "model.onnx"  # what a run folder calls it
SHIPPED_MODEL = Path(__file__).parent.parent / "models" / "digits.onnx"
# What reads in its place: a network of a twentieth of its work, for most digits, and for the others
# the shipped model itself in 8-bit integers.
FIRST_MODEL = SHIPPED_MODEL.with_name("first.onnx")
SECOND_MODEL = SHIPPED_MODEL.with_name("second.onnx")
_KERAS = (".keras", ".h5")
_ROUNDING = 1e-3  # of a sum of probabilities
_AT_ONCE = 128  # arrays; their activations stay in a core's cache


class ModelFile:
    """A loaded model.

    threads: how many parts of a large batch are read at the same time; 0 is one for each core.
    Raises ModelError if the file is broken, or made for another kind of input.
    """

    def __init__(self, path: Path, threads: int) -> None:
        self.path, self._threads = path, threads or cores()
        options = ort.SessionOptions()
        # Two threads within each operator of so small a network wait for each other half the time.
        options.intra_op_num_threads = 1
        options.log_severity_level = 4  # its errors come as exceptions, once
        # Its own format has not been looked at.
        options.add_session_config_entry("session.load_model_format", "ONNX")
        data = read_model_file(path)
        try:
            self._session = ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])
            self.metadata: dict[str, str] = self._session.get_modelmeta().custom_metadata_map
            self._check()
        except ModelError:
            raise
        # ONNX Runtime's exceptions share no base but Exception; names may be no UTF-8.
        except Exception as error:
            raise ModelError(
                f"{path}: not a model ONNX Runtime can load: {runtime_words(error)}; export it "
                "again, or update onnxruntime"
            ) from error

    def run(self, arrays: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N, 10) float32 probabilities of (N, 28, 28) float32 digit arrays in [0, 1].

        Raises ModelError if the model cannot be run on them: memory is short, say.
        """
        found = np.empty((len(arrays), N_CLASSES), np.float32)

        def answer(start: int) -> None:
            some = slice(start, start + _AT_ONCE)
            (found[some],) = self._session.run([OUTPUT_NAME], {INPUT_NAME: arrays[some, None]})

        starts = range(0, len(arrays), _AT_ONCE)
        try:
            if min(len(starts), self._threads) > 1:
                from concurrent.futures import ThreadPoolExecutor

                with ThreadPoolExecutor(self._threads) as pool:
                    list(pool.map(answer, starts))
            else:
                for start in starts:
                    answer(start)
        except Exception as error:
            raise ModelError(f"{self.path}: ONNX Runtime cannot run it: {error}") from error
        if not np.isfinite(found).all():
            raise ModelError(
                f"{self.path} gives values that are not numbers (NaN or infinite), expected "
                "probabilities; its training failed: train it again"
            )
        return found

    def _check(self) -> None:
        check_metadata(self.metadata, str(self.path))
        takes = [(i.name, i.shape[1:], i.type) for i in self._session.get_inputs()]
        gives = [(o.name, o.shape[1:], o.type) for o in self._session.get_outputs()]
        kind = "tensor(float)"
        expected = ([(INPUT_NAME, [1, SIDE, SIDE], kind)], [(OUTPUT_NAME, [N_CLASSES], kind)])
        if (takes, gives) != expected:
            raise ModelError(
                f"{self.path} takes {takes} and gives {gives}, expected {expected[0]} and "
                f"{expected[1]}; export it again: inkdigits train"
            )
        answer = self.run(np.zeros((1, SIDE, SIDE), np.float32))[0]
        if not (answer.min() >= 0 and abs(float(answer.sum()) - 1) < _ROUNDING):
            raise ModelError(
                f"{self.path} answers {answer.tolist()}, expected ten probabilities that sum to 1; "
                "export it again: inkdigits train"
            )


def model_path(model: str | PathLike[str] | None) -> Path:
    """The .onnx file that `model` names: a file, a run folder, or None for the shipped model.

    Raises ModelError if there is none.
    """
    path = SHIPPED_MODEL if model is None else Path(model)
    if path.is_dir():
        path = path / RUN_MODEL
    if is_keras(path):
        raise ModelError(f"{path}: is a Keras file, expected an .onnx file; {_onnx_of(path)}")
    if not path.is_file():
        raise ModelError(
            f"{path}: no such model; expected an .onnx file or a run folder with {RUN_MODEL}"
        )
    return path


def is_keras(model: str | PathLike[str] | None) -> TypeGuard[str | PathLike[str]]:
    """Whether `model` names a Keras file, by its ending."""
    return model is not None and Path(model).suffix in _KERAS and Path(model).is_file()


def runtime_words(error: Exception) -> str:
    """ONNX Runtime's words, without the place in its source that stands before them."""
    text = str(error).replace("\\n", " ").strip()
    text = re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ", "", text)
    return re.sub(r"^/\S+\.(cc|h):\d+ .*?\) (?=[A-Z])", "", text)


def _onnx_of(keras_file: Path) -> str:
    """Where the .onnx file of a Keras file is, or how it is made."""
    for beside in (keras_file.with_suffix(".onnx"), keras_file.with_name(RUN_MODEL)):
        if beside.is_file():
            return f"the one beside it is {beside}"
    return f"write one: inkdigits export {keras_file} --to FOLDER --format onnx"
