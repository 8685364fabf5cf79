"""What reads other people's files here, and how it may fail.

In: any bytes. Out: nothing, or an error of the one class that the row allows. Anything else is a
finding: another exception, a process that dies, a hang, a blow-up of memory.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from inkdigits import environment
from inkdigits.data import folders, idx, npz, tables
from inkdigits.errors import (
    ConfigError,
    CorrectionsError,
    DataError,
    InkdigitsError,
    ModelError,
    PictureError,
    TrainingError,
)
from inkdigits.exports.onnx import load_onnx
from inkdigits.reading import reader
from inkdigits.runs import folder as run_folder
from inkdigits.runs import result, settings
from inkdigits.server import corrections
from inkdigits.synthesis import fonts
from inkdigits.training import pictures
from inkdigits.training.state import load_state

CORPUS = Path(__file__).parent / "corpus"
MAX_SECONDS = 5  # of the processor, that one input may take
MAX_MB = 500

_shipped = reader.Reader(threads=1)


@dataclass(frozen=True)
class Target:
    """One way in for other people's files."""

    name: str  # of its folder in the corpus
    file: str  # what an input is called on disk
    read: Callable[[Path], object]
    error: type[InkdigitsError]  # the only one that it may raise

    def seeds(self) -> list[Path]:
        """The files of its corpus."""
        return sorted((CORPUS / self.name).iterdir())


def check(target: Target, data: bytes, folder: Path) -> None:
    """Give `data` to the target, in an empty folder. Raises what it should not have raised."""
    path = folder / target.file
    path.write_bytes(data)
    with suppress(OSError):  # Linux sets the peak back; elsewhere only a new one is seen
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before, start = environment.peak_memory_mb(), time.process_time()
    with suppress(target.error):
        target.read(path)
    grown = environment.peak_memory_mb() - before
    took = time.process_time() - start
    if took > MAX_SECONDS:
        raise TimeoutError(f"{took:.1f} s for an input of {len(data):,} bytes")
    if grown > MAX_MB:
        raise MemoryError(f"{grown:,} MB for an input of {len(data):,} bytes")


def _read_idx(path: Path) -> None:
    kind = idx.LABELS_MAGIC if path.read_bytes()[3:4] == b"\x01" else idx.IMAGES_MAGIC
    idx.read_idx(path, kind)


def _read_labelled(path: Path) -> None:
    folders.read_all_pictures(path.parent, pictures.frame)


def _read_picture(path: Path) -> None:
    reading = _shipped.predict(path.read_bytes())
    if not (0 <= reading.confidence <= 1 and reading.box):
        raise ValueError(f"{reading}")


def _read_model(path: Path) -> None:
    with suppress(ModelError):
        load_onnx(path)
    reader.Reader(path, threads=1).read_arrays(np.zeros((3, 28, 28), np.float32))


def _read_font(path: Path) -> None:
    fonts._font.cache_clear()
    fonts.font_files(path.parent)


def _read_requests(path: Path) -> None:
    from connection import answers_to

    answers_to(path.read_bytes())


def _read_corrections(path: Path) -> None:
    out = path.parent / "out"
    try:
        with suppress(CorrectionsError):
            corrections.write_corrections(path, out)
        if {file.name for file in path.parent.iterdir()} > {path.name, out.name}:
            raise ValueError("written outside the folder")
    finally:
        shutil.rmtree(out, ignore_errors=True)
    for row in corrections.read_corrections(path):
        str(row)


TARGETS = {
    target.name: target
    for target in (
        Target("picture", "picture", _read_picture, PictureError),
        Target("model", "model.onnx", _read_model, ModelError),
        Target("idx", "train-images-idx3-ubyte", _read_idx, DataError),
        Target("csv", "train.csv", lambda path: tables.read_csv(path, "it"), DataError),
        Target("npz", "digits.npz", npz.read_npz, DataError),
        Target("npz-pictures", "more.npz", npz.read_npz_pictures, DataError),
        Target("png", "7_00001.png", _read_labelled, DataError),
        Target("font", "font.ttf", _read_font, DataError),
        Target("corrections", "kept.db", _read_corrections, CorrectionsError),
        Target("http", "requests", _read_requests, InkdigitsError),
        Target(
            "settings", run_folder.SETTINGS, lambda p: run_folder.read_settings(p.parent),
            TrainingError,
        ),
        Target("config", "run.toml", settings.read_config, ConfigError),
        Target(
            "result", run_folder.RESULT,
            lambda p: result.read_result(p.parent, result.RunResult), TrainingError,
        ),
        Target("checkpoint", run_folder.CHECKPOINT, load_state, TrainingError),
    )
}  # fmt: skip
