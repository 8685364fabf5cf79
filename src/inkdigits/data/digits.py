"""The one value that every source of labelled digits gives.

In: arrays. Out: Digits (one set) and DigitSets (training and test). Checks them once, at birth.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from inkdigits.errors import DataError
from inkdigits.spec import N_CLASSES, SIDE

if TYPE_CHECKING:
    from inkdigits.data.pictures import Looked


@dataclass(frozen=True, eq=False)
class Digits:
    """Labelled digits of one set.

    images: (N, 28, 28) uint8, ink 255, paper 0. labels: (N,) uint8 in 0-9.
    name: "mnist train". source: where from, a path or an address. names: of each picture's file, ()
    of digits that lie in one file. positions: (N,) int64, of each among the source's, from 0.
    Raises DataError if the arrays do not fit that.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    name: str
    source: str
    names: tuple[str, ...] = ()
    positions: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))

    def __post_init__(self) -> None:
        images, labels = self.images, self.labels
        if images.ndim != 3 or images.shape[1:] != (SIDE, SIDE) or images.dtype != np.uint8:
            raise DataError(
                f"{self.source}: images are {images.dtype} {images.shape}, "
                f"expected uint8 (N, {SIDE}, {SIDE})"
            )
        if labels.shape != (len(images),):
            raise DataError(
                f"{self.source}: {len(images):,} images but labels of shape {labels.shape}; "
                "every image needs exactly one label"
            )
        if len(images) == 0:
            raise DataError(f"{self.source}: holds no digit, expected at least one")
        check_labels(labels, self.source)
        object.__setattr__(self, "labels", labels.astype(np.uint8))
        object.__setattr__(self, "name", _as_text(self.name))
        if not len(self.positions):
            object.__setattr__(self, "positions", np.arange(len(labels)))

    def __len__(self) -> int:
        return len(self.images)

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of pixels then labels: the same digits give the same sum from any source."""
        digest = hashlib.sha256(np.ascontiguousarray(self.images).data)
        digest.update(np.ascontiguousarray(self.labels).data)
        return digest.hexdigest()

    def take(self, index: NDArray[np.int64], name: str) -> Digits:
        """The digits at `index`, in that order, under another name."""
        names = tuple(self.names[i] for i in index) if self.names else ()
        return Digits(
            self.images[index], self.labels[index], name, self.source, names, self.positions[index]
        )


@dataclass(frozen=True, eq=False)
class DigitSets:
    """A training and a test set of one source.

    notice: what a reader of any number made from it must be told, or "" if there is nothing.
    nondigits: (M, 28, 28) uint8, ink 255: letters, scribbles and the like to learn to be unsure of.
    split: of a source without a test set of its own, the notice's sentence that one was split off.
    looked: what became of the pictures in which the digit had to be found, or None without any.
    """

    train: Digits
    test: Digits
    name: str
    notice: str = ""
    nondigits: NDArray[np.uint8] = field(
        default_factory=lambda: np.empty((0, SIDE, SIDE), np.uint8)
    )
    split: str = ""
    looked: Looked | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", _as_text(self.name))
        found = self.nondigits
        if found.ndim != 3 or found.shape[1:] != (SIDE, SIDE) or found.dtype != np.uint8:
            raise DataError(
                f"{self.name}: nondigits are {found.dtype} {found.shape}, "
                f"expected uint8 (M, {SIDE}, {SIDE})"
            )


def _as_text(name: str) -> str:
    """The name with escapes for bytes that are no text, as a folder may be called.

    Models and figures, which name their digits, take text alone.
    """
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def check_labels(labels: NDArray[np.integer[Any]], source: str) -> None:
    """Raise DataError naming the first label that is not a digit 0-9."""
    wrong = np.flatnonzero((labels < 0) | (labels >= N_CLASSES))
    if len(wrong):
        raise DataError(
            f"{source}: label {labels[wrong[0]]} at entry {wrong[0]:,} is not in 0-9"
            + (f" (and {len(wrong) - 1:,} more)" if len(wrong) > 1 else "")
        )
