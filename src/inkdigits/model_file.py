"""One .onnx file of ours: found, checked, loaded and run.

In: a path. Out: probabilities of digit arrays. Runs on ONNX Runtime.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from inkdigits.errors import ModelError
from inkdigits.spec import INPUT_NAME, N_CLASSES, OUTPUT_NAME, SIDE, check_metadata

RUN_MODEL = "model.onnx"  # what a run folder calls it
SHIPPED_MODEL = Path(__file__).parent / "models" / "digits.onnx"
FIRST_MODEL = SHIPPED_MODEL.with_name("first.onnx")  # a twentieth of its work, for most digits
MAX_MODEL_BYTES = 100_000_000
_AT_ONCE = 256  # arrays; their activations stay in the processor's caches


class ModelFile:
    """A loaded model.

    threads: of ONNX Runtime; 0 lets it take every core.
    Raises ModelError if the file is broken, or made for another kind of input.
    """

    def __init__(self, path: Path, threads: int) -> None:
        self.path = path
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 4  # its errors come as exceptions, once
        try:
            self._session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        # ONNX Runtime's exceptions share no base but Exception.
        except Exception as error:
            raise ModelError(f"{path}: not a model ONNX Runtime can load: {error}") from error
        self.metadata: dict[str, str] = self._session.get_modelmeta().custom_metadata_map
        self._check()

    def run(self, arrays: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N, 10) float32 probabilities of (N, 28, 28) float32 digit arrays in [0, 1]."""
        found = np.empty((len(arrays), N_CLASSES), np.float32)
        for start in range(0, len(arrays), _AT_ONCE):
            some = slice(start, start + _AT_ONCE)
            (found[some],) = self._session.run([OUTPUT_NAME], {INPUT_NAME: arrays[some, None]})
        return found

    def _check(self) -> None:
        check_metadata(self.metadata, str(self.path))
        takes = [(i.name, i.shape[1:], i.type) for i in self._session.get_inputs()]
        gives = [(o.name, o.shape[1:], o.type) for o in self._session.get_outputs()]
        kind = "tensor(float)"
        wanted = ([(INPUT_NAME, [1, SIDE, SIDE], kind)], [(OUTPUT_NAME, [N_CLASSES], kind)])
        if (takes, gives) != wanted:
            raise ModelError(
                f"{self.path} takes {takes} and gives {gives}, this program feeds {wanted[0]} and "
                f"wants {wanted[1]}; export it again: inkdigits train"
            )


def model_path(model: str | Path | None) -> Path:
    """The .onnx file that `model` names: a file, a run folder, or None for the shipped model.

    Raises ModelError if there is none, or it is far too large to be ours.
    """
    path = SHIPPED_MODEL if model is None else Path(model)
    if path.is_dir():
        path = path / RUN_MODEL
    if not path.is_file():
        raise ModelError(
            f"{path}: no such model; --model takes an .onnx file or a run folder with {RUN_MODEL}"
        )
    size = path.stat().st_size
    if size > MAX_MODEL_BYTES:
        raise ModelError(
            f"{path}: is {size:,} bytes, over the limit of {MAX_MODEL_BYTES:,}; "
            "this program's models are under 10 MB"
        )
    return path
