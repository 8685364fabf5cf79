"""Pictures in, digits out: the Reader that the command line, the server and programs use.

In: pictures or digit arrays. Out: Pages, and Readings of pictures of one digit. Runs on ONNX
Runtime; never imports a training framework.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from numbers import Real
from os import PathLike
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from inkdigits import clock
from inkdigits.clock import at_most
from inkdigits.counts import extent
from inkdigits.errors import ConfigError, PictureError, without_frames
from inkdigits.picture import MAX_PIXELS, Opened, Picture, check_contrast, open_picture
from inkdigits.picture.small import SMALL, Cut, cuts_of
from inkdigits.reading.combine import Combination, lowered
from inkdigits.reading.finder import FINDER_MODEL, shipped_finder
from inkdigits.reading.model import Model
from inkdigits.reading.page import Candidates, Page, page_of
from inkdigits.spec import N_CLASSES, OTHER, SIDE, SORTS, accept_from

_CLEAR = 0.98  # confidence from which a small picture needs no finder, if its model states none
_NO_DIGIT = 0.4  # confidence under which nothing speaks for any digit; 0.1 is the least there is
_NOTHING = 0.97  # probability of nothing from which a candidate is paper's grain
# A page is turned only on clear evidence: many digits read as digits upside down.
_LYING = 0.5  # share of the candidates, as sure as each is, under which a page may lie on its side
_UPRIGHT = 0.85  # share that the turned page must have
_GAIN = 1.15  # and times as much evidence as it had lying
_FEW = 4  # candidates under which a page is not turned
_MANY = 800  # candidates over which it is not: a dense page of letters would be read four times
_PIXELS_AT_ONCE = 4_000_000  # of opened pictures, in 32-bit floats
BATCH = 64  # pictures that are gathered; their crops and activations stay under 60 MB

MAX_SECONDS = 60.0  # of computing that a picture may take to be opened, found in and turned, each

_T = TypeVar("_T")


def _paper() -> NDArray[np.float32]:
    return np.zeros((SIDE, SIDE), np.float32)


@dataclass(frozen=True, repr=False)
class Reading:
    """What was read in one picture of one digit."""

    digit: int  #: 0-9
    confidence: float  #: probability that the picture shows this digit, in [0, 1]
    probabilities: tuple[float, ...]  #: of 0-9 if it shows one, summing to 1
    accepted: bool = True  #: False: `digit` is the best guess at something that may be no digit
    reason: str = ""  #: why not: blank, several digits, no digit, unsure
    box: tuple[int, int, int, int] | None = None  #: of the ink: left, top, right, bottom, in pixels
    #: (28, 28) float32, ink 1, paper 0: the digit as the classifier saw it; paper where none is.
    array: NDArray[np.float32] = field(default_factory=_paper, compare=False)

    def __repr__(self) -> str:
        doubt = "" if self.accepted else f", {self.reason}: not accepted"
        return f"<Reading {self.digit}: {self.confidence:.2%}{doubt}>"

    def _repr_html_(self) -> str:
        """What a notebook shows of it: the answer, and a bar for each digit."""
        rows = "".join(
            f"<tr><td>{digit}</td><td><div style='background:#1d6fd8;height:0.8em;"
            f"width:{100 * share:.1f}px'></div></td><td>{share:.2%}</td></tr>"
            for digit, share in enumerate(self.probabilities)
        )
        doubt = "" if self.accepted else f" <em>not accepted: {self.reason}</em>"
        return f"<b>{self.digit}</b> {self.confidence:.2%}{doubt}<table>{rows}</table>"

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
        """The k most probable digits, each with the probability that the picture shows it."""
        order = sorted(range(N_CLASSES), key=self.probabilities.__getitem__, reverse=True)
        share = self.confidence / max(self.probabilities[order[0]], 1e-9)
        return [(d, self.probabilities[d] * share) for d in order[:k]]


class Reader:
    """One loaded model. Make it once and keep it: loading costs more than reading.

    model: an .onnx file of ours, a run folder, or a Run; None is the model shipped with the
    package. The networks that find digits are always the package's own.
    threads: how many parts of a large batch of arrays are read at the same time; 0 is one for each
    core.
    max_pixels: a picture that has more is a PictureError, before it is decoded.
    max_seconds: of computing; a picture that takes more is a PictureError (a TooLongError).
    Raises ModelError if the model is missing, broken, or made for another kind of input, and
    ConfigError for a limit that is no number above 0.
    """

    def __init__(
        self,
        model: str | PathLike[str] | None = None,
        threads: int = 0,
        max_pixels: int = MAX_PIXELS,
        max_seconds: float = MAX_SECONDS,
    ) -> None:
        _check_limit("max_pixels", max_pixels)
        _check_limit("max_seconds", max_seconds)
        self.model = Model(model, threads)
        self._max_pixels = max_pixels
        self._max_seconds = max_seconds
        self._threads = threads
        self._found_by: _FoundBy | None = None  # loaded when a picture needs it
        self._shipped: Model | None = None  # the same

    def read(self, picture: Picture) -> Page:
        """Every digit and number in one picture.

        picture: a path, a file's bytes or object, a PIL image, or pixels: uint8, bool, uint16,
        whole numbers to 255 or floats in [0, 1], (H, W), (H, W, 3) or (H, W, 4). Raises
        PictureError.
        """
        (result,) = self.read_many([picture])
        return _or_raise(result)

    def read_many(
        self, pictures: Iterable[Picture], batch: int = BATCH
    ) -> Iterator[Page | PictureError]:
        """A Page for each picture, in order; a PictureError stands where one cannot be read.

        Streams: holds at most `batch` pictures at a time.
        """
        for searched in self._searched(pictures, batch, blank_too=True):
            yield searched if isinstance(searched, PictureError) else self._page(searched)

    def predict(self, picture: Picture) -> Reading:
        """The digit in a picture of one digit. Takes and raises what `read` does."""
        (result,) = self.predict_many([picture])
        return _or_raise(result)

    def predict_many(
        self, pictures: Iterable[Picture], batch: int = BATCH
    ) -> Iterator[Reading | PictureError]:
        """A Reading for each picture, as read_many gives Pages."""
        for searched in self._searched(pictures, batch):
            yield searched if isinstance(searched, PictureError) else _only(searched)

    def read_arrays(self, arrays: NDArray[np.float32]) -> list[Reading]:
        """A Reading for each digit array. arrays: (N, 28, 28) float32 in [0, 1], ink 1, paper 0."""
        values = _checked(arrays)
        rows = self.model.run(values)
        readings = []
        for digit, confidence, row, array in zip(
            rows.argmax(1).tolist(), rows.max(1).tolist(), rows.tolist(), values, strict=True
        ):
            reason = _reason(confidence, self.model.accept)
            readings.append(Reading(digit, confidence, tuple(row), not reason, reason, None, array))
        return readings

    def probabilities(self, arrays: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N, 10) float32 probabilities of (N, 28, 28) float32 digit arrays in [0, 1].

        Raises PictureError if the arrays are of another shape or range, ModelError if the model
        cannot be run on them: memory is short, say.
        """
        return self.model.run(_checked(arrays))

    def _searched(
        self, pictures: Iterable[Picture], batch: int, *, blank_too: bool = False
    ) -> Iterator[_Searched | PictureError]:
        """Each picture opened, and what stands in it; at most `batch` are gathered, fewer if large.

        blank_too: a picture of one colour is not an error but empty. Raises ConfigError.
        """
        if isinstance(pictures, str | bytes):
            raise ConfigError(
                f"pictures is {pictures[:100]!r}, expected several; read and predict take one"
            )
        if batch < 1:
            raise ConfigError(f"batch is {batch}, expected 1 or more")
        opened: list[Opened | PictureError] = []
        held = 0
        for picture in pictures:
            try:
                clock.check()  # where all these together have a time, and it is up
                with at_most(self._max_seconds):
                    one = open_picture(picture, self._max_pixels)
                if not blank_too:
                    check_contrast(one.grey)
                opened.append(one)
                held += one.grey.size
            except PictureError as error:
                opened.append(without_frames(error))
            if held > _PIXELS_AT_ONCE or len(opened) == batch:
                yield from self._known(opened)
                opened, held = [], 0
        yield from self._known(opened)

    def _known(self, opened: Sequence[Opened | PictureError]) -> Iterator[_Searched | PictureError]:
        """What stands in opened pictures."""
        plain = self._plain(opened)
        for i, found in enumerate(opened):
            if isinstance(found, PictureError):
                yield found
            elif i in plain:
                yield _Searched(found, plain[i])
            else:
                yield self._candidates_in(found)

    def _plain(self, opened: Sequence[Opened | PictureError]) -> dict[int, Candidates]:
        """What stands in the small pictures that show one digit so plainly that all is said."""
        small = [
            (i, one.grey)
            for i, one in enumerate(opened)
            if isinstance(one, Opened) and max(one.grey.shape) <= SMALL
        ]
        if not small:
            return {}
        cuts = [(i, cut) for (i, _), cut in zip(small, cuts_of([g for _, g in small]), strict=True)]
        known = [(i, cut) for i, cut in cuts if cut is not None]
        if not known:
            return {}
        arrays = np.stack([cut.array for _, cut in known])
        rows = self.probabilities(arrays)
        sure = rows.max(1) >= (self.model.accept or _CLEAR)
        if not self.model.knows_nondigits:
            self._shipped = self._shipped or Model(None, self._threads)
            sure &= self._shipped.run(arrays).max(1) >= self._shipped.accept
        return {
            i: _one_candidate(known[n][1], rows[n]) for n, (i, _) in enumerate(known) if sure[n]
        }

    def _candidates_in(self, opened: Opened) -> _Searched | PictureError:
        try:
            with at_most(self._max_seconds):
                return _Searched(opened, self._find(*opened))
        except PictureError as error:
            return without_frames(error)

    def _page(self, searched: _Searched) -> Page | PictureError:
        try:
            with at_most(self._max_seconds):
                turned, (opened, candidates) = self._upright(searched)
        except PictureError as error:
            return without_frames(error)
        return page_of(candidates, opened.width, opened.height, turned)

    def _find(self, grey: NDArray[np.float32], width: int, height: int) -> Candidates:
        """What stands in a picture of that size, of which `grey` may be a smaller copy."""
        if self._found_by is None:
            self._found_by = _FoundBy()
        by = self._found_by
        found = by.finder.find(grey)
        arrays = found.arrays()
        classified = self.probabilities(arrays)
        rows = by.combination.combined(found, classified)
        sorts = rows[:, :OTHER].argmax(1) if len(rows) else np.zeros(0, np.int64)
        likely = rows[np.arange(len(rows)), sorts]
        ten = rows[:, :N_CLASSES]
        held = lowered(likely, classified.max(1, initial=0), self.model.accept)
        sure = np.where(sorts < N_CLASSES, held, likely)
        reasons = [
            ("no digit" if other > _NO_DIGIT else "unsure") if one < by.accept else ""
            for one, other in zip(sure.tolist(), rows[:, OTHER].tolist(), strict=True)
        ]
        ratio = np.array((width / grey.shape[1], height / grey.shape[0]) * 2, np.float32)
        edges = np.array((width, height) * 2, np.float32)
        return Candidates(
            np.clip(found.boxes * ratio, 0, edges), found.units * ratio[1], sorts,
            sure,
            ten / np.maximum(ten.sum(1, keepdims=True), np.float32(1e-9)),
            np.array([not reason for reason in reasons], bool),
            np.array(reasons, np.str_), arrays, rows[:, OTHER],
        )  # fmt: skip

    def _upright(self, searched: _Searched) -> tuple[int, _Searched]:
        """The picture as its writing stands, and by how many degrees clockwise it was turned.

        Only where it is read badly as it lies: a page on its side, without EXIF to say so.
        """
        (grey, width, height), candidates = searched
        best = 0, searched
        if not _may_lie(candidates):
            return best
        for quarters, size in ((1, (height, width)), (2, (width, height)), (3, (height, width))):
            turned = Opened(np.ascontiguousarray(np.rot90(grey, -quarters)), *size)
            found = self._find(*turned)
            if stands(found, candidates) and _evidence(found) > _evidence(best[1].candidates):
                best = 90 * quarters, _Searched(turned, found)
        return best


def stands(turned: Candidates, lying: Candidates) -> bool:
    """Whether a page turned so is clearly upright, against the same page as it lies."""
    return (
        _may_lie(lying)
        and _share(turned) >= _UPRIGHT
        and _evidence(turned) >= _GAIN * _evidence(lying)
    )


class _Searched(NamedTuple):
    """A picture, and what stands in it."""

    opened: Opened
    candidates: Candidates


class _FoundBy:
    """The networks that find digits, and their metadata."""

    def __init__(self) -> None:
        self.finder = shipped_finder()
        metadata = self.finder.metadata
        self.combination = Combination.from_metadata(metadata, str(FINDER_MODEL))
        self.accept = accept_from(metadata, str(FINDER_MODEL))


def _only(searched: _Searched) -> Reading:
    """The Reading of a picture that should show one digit."""
    opened, candidates = searched
    candidates = candidates.only(np.flatnonzero(candidates.other < _NOTHING))
    guesses = np.flatnonzero(candidates.sorts < N_CLASSES)
    digits = guesses[candidates.other[guesses] < 0.5]
    if not len(guesses):
        even = (1 / N_CLASSES,) * N_CLASSES
        specks = np.isin(candidates.sorts, (SORTS.index("."), SORTS.index(",")))
        reason = "blank" if specks.all() else "no digit"
        return Reading(0, 0.0, even, False, reason, (0, 0, opened.width, opened.height))
    surest = int(guesses[candidates.confidence[guesses].argmax()])
    left, top, right, bottom = (round(v) for v in candidates.boxes[surest].tolist())
    reason = "several digits" if len(digits) > 1 else str(candidates.reason[surest])
    if not len(digits):
        reason = "no digit"
    return Reading(
        int(candidates.sorts[surest]), float(candidates.confidence[surest]),
        tuple(candidates.probabilities[surest].tolist()), not reason, reason,
        (left, top, max(right, left + 1), max(bottom, top + 1)),
        candidates.arrays[surest].copy(),  # not the picture's others with it
    )  # fmt: skip


def _one_candidate(cut: Cut, row: NDArray[np.float32]) -> Candidates:
    box = np.array([cut.box], np.float32)
    return Candidates(
        box, box[:, 3] - box[:, 1], np.array([row.argmax()]), np.array([row.max()], np.float32),
        row[None], np.array([True]), np.array([""]), cut.array[None], np.zeros(1, np.float32),
    )  # fmt: skip


def _evidence(candidates: Candidates) -> float:
    """How many digits and signs a page holds, each counted as it is sure."""
    return float(candidates.likely().confidence.sum())


def _may_lie(candidates: Candidates) -> bool:
    return _FEW <= len(candidates.sorts) <= _MANY and _share(candidates) < _LYING


def _share(candidates: Candidates) -> float:
    """The evidence for each candidate."""
    return _evidence(candidates) / max(1, len(candidates.sorts))


def _checked(arrays: NDArray[np.float32]) -> NDArray[np.float32]:
    """Digit arrays, if they are what a classifier takes. Raises PictureError."""
    try:
        values = np.asarray(arrays, np.float32)
    except (TypeError, ValueError) as error:
        raise PictureError(
            f"{type(arrays).__name__} is not an array, expected (N, {SIDE}, {SIDE}) ({error})"
        ) from error
    if values.ndim != 3 or values.shape[1:] != (SIDE, SIDE):
        raise PictureError(f"arrays are {values.shape}, expected (N, {SIDE}, {SIDE})")
    if values.size and not (values.min() >= 0 and values.max() <= 1):
        raise PictureError(
            f"arrays hold {extent(values)}, expected 0 (paper) to 1 (ink); divide 8-bit pixels "
            "by 255"
        )
    return values


def _reason(confidence: float, accept: float) -> str:
    """Why an answer is not accepted; empty if it is."""
    if confidence >= accept:
        return ""
    return "no digit" if confidence < _NO_DIGIT else "unsure"


def _check_limit(name: str, limit: object) -> None:
    if not (isinstance(limit, Real) and float(limit) > 0):
        raise ConfigError(f"{name} is {limit!r}, expected a number above 0")


def _or_raise(result: _T | PictureError) -> _T:
    if isinstance(result, PictureError):
        raise result
    return result
