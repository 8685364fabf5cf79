"""Every digit and sign in a picture, by two small networks: where it is, which, and its ink.

In: (H, W) float32 grey pictures in [0, 1]. Out: Found, one struct of arrays a picture. The finder
looks at the whole picture at several sizes; the close-up looks at each digit at one size, says
which it is, and gives its ink alone, without its neighbours and the lines of the paper.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from inkdigits import clock
from inkdigits.environment import give_back_memory
from inkdigits.errors import ModelError, PictureError
from inkdigits.picture import Picture, check_contrast, open_picture
from inkdigits.picture.place import place_all
from inkdigits.picture.small import SMALL, cuts_of
from inkdigits.picture.views import (
    BOX_UNIT,
    CLOSE,
    STRIDE,
    broad,
    close_up,
    frame_of,
    side_of,
    standardised,
)
from inkdigits.reading.model_file import runtime_words
from inkdigits.spec import N_CLASSES, OTHER, SIDE

FINDER_MODEL = Path(__file__).parent.parent / "models" / "finder.onnx"
CLOSE_UP_MODEL = FINDER_MODEL.with_name("closeup.onnx")
MOST_CANDIDATES = 3_000  # in one picture: their close-ups are 80 MB
_EDGE = 8  # pixels of nothing around a picture, at least
_MULTIPLE = 32  # of which the finder takes sides
_SIZES = (64, 128, 256, 512, 1024, 1536)  # longer sides that a picture is looked at in
_ALWAYS = 512  # up to this size, or the picture's own if that is smaller
_ENLARGED = 2.0  # times that a picture is enlarged at most
_FINE = 22.0  # pixels: where digits are smaller at the last size, a larger one is looked at
_SMALLEST, _LARGEST = 9.0, 96.0  # heights of a digit at a size that finds it
_LOG_SIZES = -4, 3  # of the ratio to BOX_UNIT: the network may give any number
_SEEN = 0.2  # heat from which a proposal is looked at
_FAINTEST = 0.15  # fainter ink is dropped: the close-up is unsure along edges
_EDGE_OF_INK = 0.5
_INKED = 0.3  # ink that a candidate has somewhere, or it is shown to no classifier
_AT_ONCE = 32  # close-ups; their activations stay in a core's cache
_PIXEL_SECONDS, _CLOSE_UP_SECONDS = 60e-9, 0.0005  # of each at the least
_SURE = 0.9  # close-up's probability under which a candidate is looked at again
_AGAIN = 1.08  # times a digit's height: the second view is not the first one's copy
_BROAD = 0.2  # of a digit's height: no candidate counts as smaller
_SAME, _WITHIN = 0.4, 0.65  # of two candidates: overlap over union, or over the smaller, to be one

Grey = NDArray[np.float32]


@dataclass(frozen=True)
class Found:
    """What was found in one picture; n digits and signs, surest first."""

    boxes: NDArray[np.float32]  # (n, 4) left, top, right, bottom, pixels
    units: NDArray[np.float32]  # (n,) height of a digit of the same line, pixels
    heat: NDArray[np.float32]  # (n,) how sure the finder is that there is one
    far: NDArray[np.float32]  # (n, 20) the finder's sorts, summing to 1
    close: NDArray[np.float32]  # (n, 21) the close-up's sorts and other, summing to 1
    inks: NDArray[np.float32]  # (n, 48, 48) ink of each in the square around it, 1 where it is

    def only(self, which: NDArray[np.int64] | NDArray[np.bool_]) -> Found:
        """Those candidates alone, in that order."""
        return Found(*(getattr(self, field.name)[which] for field in fields(self)))

    @classmethod
    def joined(cls, parts: Sequence[Found]) -> Found:
        """All candidates of several pictures."""
        return cls(*(
            np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(cls)
        ))  # fmt: skip

    def arrays(self) -> NDArray[np.float32]:
        """Each candidate's ink in MNIST's frame: (n, 28, 28) float32 in [0, 1]; 0 without ink."""
        found = np.zeros((len(self.inks), SIDE, SIDE), np.float32)
        inks = np.where(self.inks > _FAINTEST, self.inks, np.float32(0))
        inked = np.flatnonzero(inks.max((1, 2), initial=0) > _INKED)
        if len(inked):
            found[inked] = place_all(inks[inked])
        return found


class Finder:
    """The two networks, loaded. threads: cores that one picture may take."""

    def __init__(
        self, finder: Path = FINDER_MODEL, close_up: Path = CLOSE_UP_MODEL, threads: int = 1
    ) -> None:
        outputs = "peaks", "sorts", "boxes"
        self._finder = _session(finder, threads, "picture", outputs, keeps_memory=False)
        self._close_up = _session(close_up, threads, "views", ("sorts", "ink"), keeps_memory=True)
        self.metadata: dict[str, str] = self._finder.get_modelmeta().custom_metadata_map

    def find(self, grey: Grey) -> Found:
        """The digits and signs of one picture. grey: (H, W) float32 in [0, 1]."""
        proposals = _Proposals.none()
        longer, last, pixel_seconds = max(grey.shape), 0, _PIXEL_SECONDS
        for size in _SIZES:
            if size > longer * _ENLARGED and size > _SIZES[0]:
                break
            if size > min(_ALWAYS, longer) and not proposals.want_finer(last / longer):
                break
            area = grey.size * (size / longer) ** 2
            clock.check(area * pixel_seconds)
            if size == _SIZES[-1]:
                give_back_memory()  # what the sizes before took, and the picture before
            start = time.thread_time()
            proposals = proposals.with_(self._proposals(grey, size / longer))
            if size == _ALWAYS:  # as this machine is; smaller ones tell less
                pixel_seconds = (time.thread_time() - start) / area
            last = size
        if last == _SIZES[-1]:
            give_back_memory()  # 200 MB, which the next picture may need to be decoded
        found = self._looked_at(grey, proposals.apart())
        # Two candidates beside one digit may have turned out to frame the same ink. A point may lie
        # within the box of a digit that leans over it.
        sureness = found.heat * (1 - found.close[:, OTHER])
        return found.only(_apart(found.boxes, found.units, sureness, within=False))

    def _proposals(self, grey: Grey, share: float) -> _Proposals:
        """What the finder sees in the picture made that much larger."""
        h, w = (max(1, round(side * share)) for side in grey.shape)
        how = cv2.INTER_AREA if share < 1 else cv2.INTER_CUBIC
        shown = np.asarray(cv2.resize(grey, (w, h), interpolation=how), np.float32)
        canvas = np.zeros(
            tuple(-(-(n + 2 * _EDGE) // _MULTIPLE) * _MULTIPLE for n in (h, w)), np.float32
        )
        canvas[_EDGE : _EDGE + h, _EDGE : _EDGE + w] = standardised(shown)
        peaks, sorts, boxes = self._finder.run(None, {"picture": canvas[None, None]})
        _, rows, columns = at = np.nonzero(peaks[0] > _SEEN)
        x, y, width, height, unit = boxes[0][:, rows, columns]
        width, height, unit = (
            BOX_UNIT * np.exp(np.clip(v, *_LOG_SIZES)) for v in (width, height, unit)
        )
        x = (columns + 0.5 + x) * STRIDE - _EDGE
        y = (rows + 0.5 + y) * STRIDE - _EDGE
        logits = sorts[0][:, rows, columns].T
        # A peak among the digits' heat is a digit; among the signs', a sign.
        digit = at[0] == 0
        logits[digit, N_CLASSES:] = -np.inf
        logits[~digit, :N_CLASSES] = -np.inf
        ratio = np.array((w / grey.shape[1], h / grey.shape[0]), np.float32)
        corners = np.stack((x - width / 2, y - height / 2, x + width / 2, y + height / 2), 1)
        fits = (unit >= _SMALLEST) & (unit <= _LARGEST) & (x >= 0) & (x < w) & (y >= 0) & (y < h)
        found = _Proposals(
            (corners / np.tile(ratio, 2)).astype(np.float32), unit / ratio[1], peaks[0][at],
            _softmax(logits),
        )  # fmt: skip
        return found.only(fits)

    def _looked_at(self, grey: Grey, proposals: _Proposals) -> Found:
        """The close-up's answer for each proposal; where it is unsure, for two views."""
        boxes, close, inks = self._close_ups(grey, proposals.boxes, proposals.units)
        unsure = np.flatnonzero(close.max(1, initial=0) < _SURE)
        if len(unsure):
            # The ink is better framed now than the finder framed it.
            again = self._close_ups(grey, boxes[unsure], _AGAIN * proposals.units[unsure])
            both = np.sqrt(close[unsure] * again[1])
            close[unsure] = both / both.sum(1, keepdims=True)
        return Found(boxes, proposals.units, proposals.heat, proposals.far, close, inks)

    def _close_ups(
        self, grey: Grey, boxes: NDArray[np.float32], units: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """Of each box the ink's own box, the sorts (n, 21), and the ink (n, 48, 48)."""
        n = len(boxes)
        clock.check(n * _CLOSE_UP_SECONDS)
        views = np.empty((n, 2, CLOSE, CLOSE), np.float32)
        sides = np.empty(n, np.float32)
        for i, (box, unit) in enumerate(zip(boxes, units.tolist(), strict=True)):
            sides[i] = side = side_of(box, unit)
            views[i, 0], views[i, 1] = close_up(grey, box, side), frame_of(box, side)
        close, inks = np.empty((n, OTHER + 1), np.float32), np.empty((n, CLOSE, CLOSE), np.float32)
        for start in range(0, n, _AT_ONCE):
            clock.check()
            some = slice(start, start + _AT_ONCE)
            close[some], inks[some] = self._close_up.run(None, {"views": views[some]})
        return _around_ink(boxes, sides, inks), close, inks


@dataclass(frozen=True)
class _Proposals:
    """Candidates as the finder alone sees them, at one size or several."""

    boxes: NDArray[np.float32]
    units: NDArray[np.float32]
    heat: NDArray[np.float32]
    far: NDArray[np.float32]

    @classmethod
    def none(cls) -> _Proposals:
        empty = np.zeros(0, np.float32)
        return cls(np.zeros((0, 4), np.float32), empty, empty, np.zeros((0, OTHER), np.float32))

    def with_(self, more: _Proposals) -> _Proposals:
        return _Proposals(*(
            np.concatenate((getattr(self, name), getattr(more, name)))
            for name in ("boxes", "units", "heat", "far")
        ))  # fmt: skip

    def only(self, which: NDArray[np.bool_] | NDArray[np.int64]) -> _Proposals:
        return _Proposals(self.boxes[which], self.units[which], self.heat[which], self.far[which])

    def want_finer(self, share: float) -> bool:
        """Whether a larger size may show more: nothing is sure yet, or digits are small."""
        sure = self.heat > 0.5
        return not sure.any() or float(np.median(self.units[sure])) * share < _FINE

    def apart(self) -> _Proposals:
        """Of proposals that overlap the surest one; of all the surest MOST_CANDIDATES."""
        return self.only(_apart(self.boxes, self.units, self.heat))


def _apart(
    boxes: NDArray[np.float32],
    units: NDArray[np.float32],
    sureness: NDArray[np.float32],
    *,
    within: bool = True,
) -> NDArray[np.int64]:
    """The numbers of the boxes that are kept where of those that overlap only the surest is.

    within: whether a box that lies within a surer one goes too.
    """
    order = np.argsort(-sureness, kind="stable")[: 2 * MOST_CANDIDATES]
    framed = broad(boxes[order], _BROAD * units[order, None]).astype(np.float64)
    areas = np.prod(framed[:, 2:] - framed[:, :2], 1)
    kept: list[int] = []
    for i in range(len(order)):
        clock.check()
        if kept:
            low = np.maximum(framed[kept, :2], framed[i, :2])
            high = np.minimum(framed[kept, 2:], framed[i, 2:])
            common = np.prod(np.maximum(high - low, 0), 1)
            least = np.minimum(areas[kept], areas[i])
            same = common > _SAME * (areas[kept] + areas[i] - common)
            if (same | (within & (common > _WITHIN * least))).any():
                continue
        kept.append(i)
        if len(kept) == MOST_CANDIDATES:
            break
    return np.asarray(order[kept], np.int64)


def _around_ink(
    boxes: NDArray[np.float32], sides: NDArray[np.float32], inks: NDArray[np.float32]
) -> NDArray[np.float32]:
    """The boxes drawn close around the ink in their close-ups, where there is some."""
    found = boxes.copy()
    marked = inks > _EDGE_OF_INK
    inked = np.flatnonzero(np.any(marked, axis=(1, 2)))
    if not len(inked):
        return found
    pixel = sides[inked] / CLOSE
    for axis in (0, 1):  # across, down
        line = np.any(marked[inked], axis=1 + axis)
        first, after = line.argmax(1), CLOSE - line[:, ::-1].argmax(1)
        start = (boxes[inked, axis] + boxes[inked, axis + 2]) / 2 - sides[inked] / 2
        found[inked, axis] = start + first * pixel
        found[inked, axis + 2] = start + after * pixel
    return found


def _softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    powers = np.exp(logits - logits.max(1, keepdims=True, initial=-1e9))
    return np.asarray(powers / powers.sum(1, keepdims=True), np.float32)


def _session(
    path: Path, threads: int, input_name: str, outputs: tuple[str, ...], *, keeps_memory: bool
) -> ort.InferenceSession:
    """The file, loaded. Raises ModelError if it is missing, broken or another network."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    # An arena keeps for ever the most that any picture took: 200 MB of the finder, 30 of close-ups.
    options.enable_cpu_mem_arena = keeps_memory
    options.log_severity_level = 4  # its errors come as exceptions, once
    try:
        session = ort.InferenceSession(
            path.read_bytes(), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # ONNX Runtime's exceptions share no base but Exception
        raise ModelError(
            f"{path}: not a model that ONNX Runtime can load ({runtime_words(error)}); reinstall "
            "inkdigits"
        ) from error
    found = [value.name for value in session.get_inputs()]
    given = tuple(value.name for value in session.get_outputs())
    if found != [input_name] or given != outputs:
        raise ModelError(
            f"{path}: takes {', '.join(found)} and gives {', '.join(given)}, expected {input_name} "
            f"and {', '.join(outputs)}; reinstall inkdigits"
        )
    return session


def digit_array(picture: Picture) -> NDArray[np.float32]:
    """The (28, 28) float32 array of the digit in a picture of one digit, ink 1, paper 0.

    Of several candidates the one that is likeliest a digit. Raises PictureError if the picture
    cannot be decoded, is over a limit, or shows no digit.
    """
    grey = open_picture(picture).grey
    check_contrast(grey)
    if max(grey.shape) <= SMALL and (cut := cuts_of([grey])[0]) is not None:
        return cut.array
    found = shipped_finder().find(grey)
    likely = found.heat * found.close[:, :N_CLASSES].sum(1)
    if not len(likely):
        raise PictureError("no digit was found")
    (array,) = found.only(np.array([likely.argmax()])).arrays()
    return np.asarray(array, np.float32)


@cache
def shipped_finder() -> Finder:
    """The package's finder, loaded once in a process."""
    return Finder()
