"""What reads digit arrays, as one value: a model file, or the cascade that the package comes with.

In: a path, a run folder or nothing. Out: a Model, which names every file that answers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from os import PathLike, fspath
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from inkdigits.reading.finder import CLOSE_UP_MODEL, FINDER_MODEL
from inkdigits.reading.model_file import (
    FIRST_MODEL,
    SECOND_MODEL,
    SHIPPED_MODEL,
    ModelFile,
    model_path,
)
from inkdigits.spec import accept_from, clear_from, knows_nondigits
from inkdigits.version import __version__


class About(NamedTuple):
    """What a model is: plain values, for whoever names what answered."""

    name: str  # of the program for the shipped model, else of the file
    identity: str  # one SHA-256 for all files, in hexadecimal: the same value, the same answers
    files: dict[str, str]  # SHA-256 of each, by name
    metadata: dict[str, str]


class Model:
    """The networks that read digit arrays, loaded.

    model: an .onnx file of ours, a run folder, or a Run; None is the shipped model, a cascade: a
    small network reads most digits, a careful one those that the first is not clear about.
    threads: as ModelFile takes it. Raises ModelError.
    """

    def __init__(self, model: str | PathLike[str] | None, threads: int) -> None:
        self.source = None if model is None else fspath(model)  # as it was asked for
        self.path = model_path(model)  # the one file that holds what it learnt
        self._first = ModelFile(FIRST_MODEL, threads) if model is None else None
        self._last = ModelFile(SECOND_MODEL if model is None else self.path, threads)
        self.metadata = self._last.metadata
        self._clear = clear_from(self._first.metadata, str(FIRST_MODEL)) if self._first else 1.0
        # The confidence from which its answers are accepted, in [0, 1].
        self.accept = accept_from(self.metadata, str(self._last.path))
        # A model that was shown digits alone may be sure of a letter, too.
        self.knows_nondigits = knows_nondigits(self.metadata, str(self._last.path))

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that answer for a picture: those of the digits, then those that find them.

        Beside a model that was trained on digits alone the package's own stand between them.
        """
        first = (self._first.path,) if self._first else ()
        shipped = () if self.knows_nondigits else (FIRST_MODEL, SECOND_MODEL)
        return (*first, self._last.path, *shipped, FINDER_MODEL, CLOSE_UP_MODEL)

    @cached_property
    def about(self) -> About:
        """Its name, its files' SHA-256 as they are now, and its metadata."""
        return about(self.path, self.files, self.metadata)

    def run(self, arrays: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N, 10) float32 probabilities of (N, 28, 28) float32 digit arrays in [0, 1].

        Raises ModelError if a network cannot be run on them: memory is short, say.
        """
        if self._first is None:
            return self._last.run(arrays)
        found = self._first.run(arrays)
        unclear = np.flatnonzero(found.max(1, initial=0) < self._clear)
        if len(unclear):
            found[unclear] = self._last.run(arrays[unclear])
        return found


def about(path: Path, files: Sequence[Path], metadata: Mapping[str, str]) -> About:
    """What a model at `path` is, whose answers come from all those files together."""
    name = f"inkdigits {__version__}" if path == SHIPPED_MODEL else path.name
    digests = [_digest(file) for file in files]
    by_name = {file.name: digest.hex() for file, digest in zip(files, digests, strict=True)}
    return About(name, _joined(digests), by_name, dict(metadata))


def identity_of(file: Path) -> str:
    """What About calls the identity, of a model of one file."""
    return _joined([_digest(file)])


def _digest(file: Path) -> bytes:
    return hashlib.sha256(file.read_bytes()).digest()


def _joined(digests: Iterable[bytes]) -> str:
    return hashlib.sha256(b"".join(digests)).hexdigest()
