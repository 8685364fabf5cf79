"""A finished model in other formats, each checked against it before it is kept.

In: a model and the names of formats. Out: files in a folder, and how far each differs.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
from numpy.typing import NDArray

from inkdigits.data import load
from inkdigits.errors import ConfigError, ModelError
from inkdigits.exports.onnx import load_onnx, save_onnx
from inkdigits.files import final_names, put_in_place, written_whole
from inkdigits.reading.model import Model
from inkdigits.reading.model_file import RUN_MODEL, is_keras, model_path
from inkdigits.training.networks import is_module, network_named

Array = NDArray[np.float32]

USUAL = ("onnx", "onnx-int8", "keras", "h5", "pt2")  # tflite needs a gigabyte, and web npm
KERAS = ("keras", "h5")
NO_KERAS = (
    "Keras files hold one network of layers (inkdigits.Network), no PyTorch module and no "
    "ensemble; expected onnx, onnx-int8, pt2, tflite or web"
)
CALIBRATED_ON = 1_000  # training digits of the package's sample
CHECKED_ON = 1_000  # its test digits: none of them was calibrated on


@dataclass(frozen=True)
class Exported:
    """One file, or folder of files, written and checked."""

    format: str
    path: Path
    difference: float  # the largest, in a probability, from the source
    differ: int  # digits of CHECKED_ON that are read differently

    @property
    def size(self) -> int:
        """Bytes, of all its files."""
        files = self.path.rglob("*") if self.path.is_dir() else (self.path,)
        return sum(file.stat().st_size for file in files if file.is_file())


@dataclass(frozen=True)
class Format:
    """How a format is written and read back."""

    file: str  # or folder
    what: str
    write: Callable[[Model, Path], None]
    read: Callable[[Path, Array], Array]
    check: Callable[[Path], None] | None = None  # raises ConfigError where something is in the way
    most: int = 0  # digits of CHECKED_ON that may be read differently


def export(
    model: str | None, folder: Path, formats: Sequence[str] | None = None
) -> Iterator[Exported]:
    """Write the model in each format to `folder`; yields each when it is there.

    model: as Reader takes it, or a Keras file of ours; None is the shipped one. formats: None is
    USUAL, of a PyTorch module those that are no Keras's. A file that reads any of 1,000 digits
    differently than the source, in 8-bit integers more than ten, is not kept; ModelError says so
    when the other formats have been written. Raises ConfigError for an unknown format, and for one
    that has no place for the model, before anything is written.
    """
    formats, chosen = formats or USUAL, formats is not None
    unknown = [name for name in formats if name not in FORMATS]
    if unknown:
        raise ConfigError(f"--format {unknown[0]!r}: expected some of {', '.join(FORMATS)}")
    with _onnx_of(model) as path:
        source = Model(path, threads=0)  # of the shipped two the one that answers where it matters
        if not in_layers(source.metadata):
            if chosen and (wrong := [name for name in formats if name in KERAS]):
                raise ConfigError(f"--format {wrong[0]}: {path}: {NO_KERAS}")
            formats = [name for name in formats if name not in KERAS]
        yield from _written(source, folder, formats)


def in_layers(about: Mapping[str, str]) -> bool:
    """Whether a model's network is a row of layers, by the model's metadata."""
    try:
        name = json.loads(about["inkdigits.recipe"])["network"]
    except (KeyError, ValueError, TypeError, RecursionError):
        return False  # an ensemble
    return isinstance(name, str) and not is_module(name)


def _written(source: Model, folder: Path, formats: Sequence[str]) -> Iterator[Exported]:
    arrays = load("sample").test.images[:CHECKED_ON].astype(np.float32) / np.float32(255)
    expected = source.run(arrays)
    errors: list[ModelError] = []
    for name in formats:
        try:
            yield _one(name, folder, source, arrays, expected)
        except ModelError as error:  # the others are of use without it
            errors.append(error)
    if errors:
        raise ModelError("; ".join(map(str, errors))) from errors[0]


def _one(name: str, folder: Path, source: Model, arrays: Array, expected: Array) -> Exported:
    """Write one format, and keep it if it reads the arrays as `expected` has it."""
    row = FORMATS[name]
    path = folder / row.file
    if row.check is not None:
        row.check(path)
    folder.mkdir(parents=True, exist_ok=True)
    # What was exported before stays until the new one has been checked.
    with TemporaryDirectory(prefix=f".{row.file}.", dir=folder) as temporary:
        part = Path(temporary) / row.file
        with final_names(part, path):
            row.write(source, part)
        try:
            found = row.read(part, arrays)
        except ModelError as error:
            raise ModelError(str(error).replace(str(part), str(path))) from error
        differ = int((found.argmax(1) != expected.argmax(1)).sum())
        difference = float(np.abs(found - expected).max())
        if differ > row.most or not np.isfinite(difference):
            raise ModelError(
                f"{path}: reads {differ:,} of {len(arrays):,} digits differently than "
                f"{source.path}, expected {f'at most {row.most}' if row.most else 'none'}; it was "
                "not kept"
            )
        put_in_place(part, path)
    return Exported(name, path, difference, differ)


def _check_web(path: Path) -> None:
    from inkdigits.exports.web import check_folder

    check_folder(path)


@contextmanager
def _onnx_of(model: str | None) -> Iterator[Path]:
    """The model's .onnx file; one of a Keras file is there for the time being."""
    if not is_keras(model):
        yield model_path(model)
        return
    from inkdigits.exports.keras_file import load_keras

    found = load_keras(Path(model))
    with TemporaryDirectory() as folder:
        path = Path(folder) / RUN_MODEL
        save_onnx(found.network, found.weights(), path, found.metadata)
        yield path


def _write_onnx(source: Model, path: Path) -> None:
    onnx.checker.check_model(str(source.path), full_check=True)
    with written_whole(path) as part:
        shutil.copyfile(source.path, part)


def _write_int8(source: Model, path: Path) -> None:
    from inkdigits.exports.int8 import save_int8

    images = load("sample").train.images
    # Every so many: they may be in order of their digits.
    chosen = images[:: len(images) // CALIBRATED_ON][:CALIBRATED_ON]
    save_int8(source.path, path, chosen.astype(np.float32) / np.float32(255))


def _write_keras(source: Model, path: Path) -> None:
    from inkdigits.exports.keras import build_keras, save_keras

    network, weights = load_onnx(source.path)
    save_keras(build_keras(network_named(network), weights, "inkdigits"), path, source.metadata)


def _write_pt2(source: Model, path: Path) -> None:
    from inkdigits.exports.pytorch import save_pt2

    save_pt2(source.path, path, source.metadata)


def _write_tflite(source: Model, path: Path) -> None:
    from inkdigits.exports.tflite import save_tflite

    save_tflite(source.path, path, source.metadata)


def _write_web(source: Model, path: Path) -> None:
    from inkdigits.exports.web import save_web

    save_web(source.path, path, source.metadata)


def _read_onnx(path: Path, arrays: Array) -> Array:
    return Model(path, threads=0).run(arrays)


def _read_keras(path: Path, arrays: Array) -> Array:
    from inkdigits.exports.keras import keras_probabilities

    return keras_probabilities(path, arrays)


def _read_pt2(path: Path, arrays: Array) -> Array:
    from inkdigits.exports.pytorch import pt2_probabilities

    return pt2_probabilities(path, arrays)


def _read_tflite(path: Path, arrays: Array) -> Array:
    from inkdigits.exports.tflite import tflite_probabilities

    return tflite_probabilities(path, arrays)


def _read_web(path: Path, arrays: Array) -> Array:
    from inkdigits.exports.web import web_probabilities

    return web_probabilities(path, arrays)


FORMATS = {
    "onnx": Format("model.onnx", "ONNX, for any runtime", _write_onnx, _read_onnx),
    # Integers round: digits of which a model is hardly sure may tip over.
    "onnx-int8": Format(
        "model-int8.onnx", "ONNX in 8-bit integers", _write_int8, _read_onnx, most=10
    ),
    "keras": Format("model.keras", "Keras 3", _write_keras, _read_keras),
    "h5": Format("model.h5", "Keras 2 and 3, HDF5", _write_keras, _read_keras),
    "pt2": Format("model.pt2", "PyTorch, torch.export", _write_pt2, _read_pt2),
    "tflite": Format("model.tflite", "LiteRT, for phones", _write_tflite, _read_tflite),
    "web": Format("web", "a page that reads in the browser", _write_web, _read_web, _check_web),
}
