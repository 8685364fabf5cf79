"""Pictures in, digits out: the Reader that the command line, the server and programs use.

In: pictures (path, bytes, PIL image or array) or digit arrays. Out: Readings. Runs on ONNX
Runtime; never imports a training framework.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inkdigits.errors import PictureError
from inkdigits.model_file import FIRST_MODEL, SECOND_MODEL, ModelFile, model_path
from inkdigits.picture import MAX_PIXELS, Look, Picture, Seen, cut_out, look_at
from inkdigits.picture.nudge import nudged
from inkdigits.spec import N_CLASSES, SIDE, accept_from, clear_from

_CLEAR = 0.98  # confidence from which one look is enough: some 95 in 100 digits
_NO_DIGIT = 0.4  # confidence under which nothing speaks for any digit; 0.1 is the least there is
BATCH = 64  # pictures that read_many gathers; their crops and activations stay under 60 MB


@dataclass(frozen=True)
class Reading:
    """What was read in one picture."""

    digit: int  # 0-9
    confidence: float  # the digit's probability, in [0, 1]
    probabilities: tuple[float, ...]  # of 0-9, summing to 1
    accepted: bool = True  # False: `digit` is the best guess at something that may be no digit
    reason: str = ""  # why not: blank, several digits, no digit, unsure
    box: tuple[int, int, int, int] | None = None  # of the ink: left, top, right, bottom, in pixels

    def to_dict(self) -> dict[str, object]:
        """Plain values for JSON."""
        return {
            "digit": self.digit,
            "confidence": round(self.confidence, 6),
            "probabilities": [round(p, 6) for p in self.probabilities],
            "accepted": self.accepted,
            "reason": self.reason,
            "box": self.box,
        }

    def top(self, k: int) -> list[tuple[int, float]]:
        """The k most probable digits with their probabilities, most probable first."""
        order = sorted(range(N_CLASSES), key=self.probabilities.__getitem__, reverse=True)
        return [(d, self.probabilities[d]) for d in order[:k]]


class Reader:
    """One loaded model. Make it once and keep it: loading costs more than reading.

    model: an .onnx file of ours, or a run folder; None is the model shipped with the package.
    threads: how many parts of a large batch of arrays are read at the same time; 0 is one for each
    core.
    max_pixels: a picture that has more is a PictureError, before it is decoded.
    Raises ModelError if the model is missing, broken, or made for another kind of input.
    """

    def __init__(
        self,
        model: str | Path | None = None,
        threads: int = 0,
        max_pixels: int = MAX_PIXELS,
    ) -> None:
        self.model = model
        self.path = model_path(model)
        # The shipped model comes with two that read as it does, faster.
        self._first = ModelFile(FIRST_MODEL, threads) if model is None else None
        self._model = ModelFile(SECOND_MODEL if model is None else self.path, threads)
        self.metadata = self._model.metadata
        self._clear = clear_from(self._first.metadata, str(FIRST_MODEL)) if self._first else 1.0
        self._max_pixels = max_pixels
        self._accept = accept_from(self.metadata, str(self._model.path))

    def read(self, picture: Picture) -> Reading:
        """The digit in one picture.

        picture: a path, a file's bytes, a PIL image, or a uint8, uint16, bool or float array
        (H, W), (H, W, 3) or (H, W, 4). Raises PictureError.
        """
        return self.look(picture)[1]

    def look(self, picture: Picture) -> tuple[Seen, Reading]:
        """What was seen in one picture, and the digit. Takes and raises what `read` does."""
        (result,) = self.look_many([picture])
        if isinstance(result, PictureError):
            raise result
        return result

    def read_many(
        self, pictures: Iterable[Picture], batch: int = BATCH
    ) -> Iterator[Reading | PictureError]:
        """A Reading for each picture, in order; a PictureError stands where one cannot be read.

        Streams: holds at most `batch` pictures at a time.
        """
        for result in self.look_many(pictures, batch):
            yield result if isinstance(result, PictureError) else result[1]

    def look_many(
        self, pictures: Iterable[Picture], batch: int = BATCH
    ) -> Iterator[tuple[Seen, Reading] | PictureError]:
        """As read_many, and what was seen in each picture."""
        remaining = iter(pictures)
        while chunk := list(islice(remaining, batch)):
            looks = look_at(chunk, self._max_pixels)
            read = iter(self._read_looks([look for look in looks if isinstance(look, Look)]))
            for look in looks:
                yield next(read) if isinstance(look, Look) else look

    def read_arrays(self, arrays: NDArray[np.float32]) -> list[Reading]:
        """A Reading for each digit array. arrays: (N, 28, 28) float32 in [0, 1], ink 1, paper 0."""
        rows = self.probabilities(arrays)
        return self._readings(rows, [None] * len(rows))

    def read_seen(self, seen: Sequence[Seen]) -> list[Reading]:
        """A Reading for each picture that has been looked at, with its box."""
        if not seen:
            return []
        return self._readings(self.probabilities(np.stack([one.array for one in seen])), seen)

    def probabilities(self, arrays: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N, 10) float32 probabilities of (N, 28, 28) float32 digit arrays in [0, 1].

        Raises PictureError if the arrays are of another shape or range, ModelError if the model
        cannot be run on them: memory is short, say.
        """
        values = np.asarray(arrays, np.float32)
        if values.ndim != 3 or values.shape[1:] != (SIDE, SIDE):
            raise PictureError(f"arrays are {values.shape}, wanted (N, {SIDE}, {SIDE})")
        if values.size and not (values.min() >= 0 and values.max() <= 1):
            raise PictureError(
                f"arrays run from {values.min():g} to {values.max():g}, wanted 0 (paper) to 1 "
                "(ink); divide 8-bit pixels by 255"
            )
        if self._first is None:
            return self._model.run(values)
        found = self._first.run(values)
        unclear = np.flatnonzero(found.max(1, initial=0) < self._clear)
        if len(unclear):
            found[unclear] = self._model.run(values[unclear])
        return found

    def _read_looks(self, looks: list[Look]) -> list[tuple[Seen, Reading]]:
        """What is read of each, and of what is not clear what a closer look gives.

        The mean over small nudges parts digits from what is none better than one answer does.
        A model that accepts everything doubts nothing.
        """
        found = list(
            zip(
                [look.seen for look in looks],
                self.read_seen([look.seen for look in looks]),
                strict=True,
            )
        )
        unclear = [
            i
            for i, (seen, reading) in enumerate(found)
            if self._accept and not seen.blank and reading.confidence < _CLEAR
        ]
        for i, reading in zip(unclear, self._nudged([looks[i].seen for i in unclear]), strict=True):
            found[i] = self._surest(looks[i], reading)
        return found

    def _surest(self, look: Look, reading: Reading) -> tuple[Seen, Reading]:
        """The surest look at a picture; reading: the first one's.

        If that is doubtful, the same is looked at with fainter strokes. Where the place itself is
        doubtful, the digit may lie in one of the others.
        """
        seen, crops = look
        looks = [(seen, reading)]
        # Of several digits each would be read as the only one, but for all of them in another way.
        others = [crop for crop in crops[1:] if crop.whole or not seen.several]
        for crop in (crops[0], *others):
            if any(reading.accepted for _, reading in looks):
                break
            try:
                again = cut_out(crop, faint=crop is crops[0])
            except PictureError:
                continue
            if crop is crops[0] or not again.blank:
                looks.append((again, self._nudged([again])[0]))
        return max(looks, key=lambda seen_and_read: seen_and_read[1].confidence)

    def _nudged(self, seen: list[Seen]) -> list[Reading]:
        if not seen:
            return []
        arrays = nudged(np.stack([one.array for one in seen]))
        rows = self.probabilities(arrays.reshape(-1, SIDE, SIDE))
        return self._readings(rows.reshape(*arrays.shape[:2], N_CLASSES).mean(1), seen)

    def _readings(
        self, rows: NDArray[np.float32], seen: Sequence[Seen] | Sequence[None]
    ) -> list[Reading]:
        found = zip(rows.argmax(1).tolist(), rows.max(1).tolist(), rows.tolist(), seen, strict=True)
        readings = []
        for digit, confidence, row, one in found:
            reason = self._reason(confidence, one)
            box = one.box if one is not None else None
            readings.append(Reading(digit, confidence, tuple(row), not reason, reason, box))
        return readings

    def _reason(self, confidence: float, seen: Seen | None) -> str:
        """Why a reading is doubtful; nothing if it is accepted."""
        if seen is not None and seen.blank:
            return "blank"
        if confidence >= self._accept:
            return ""
        if seen is not None and seen.several:
            return "several digits"
        return "no digit" if confidence < _NO_DIGIT else "unsure"
