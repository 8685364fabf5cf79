"""What would train a useless model, noticed before training.

In: DigitSets. Out: the same digits, put right where it is plain how, with a note on all that was
noticed: pixels that end at 1, light paper, images on their side, labels of other images, missing
classes, test images that are trained on. The shipped model is the judge: it reads a sample. Digits
that it reads as they are labelled stay as they are, bit for bit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from inkdigits.counts import counted
from inkdigits.data import Digits, DigitSets
from inkdigits.errors import DataError
from inkdigits.reading.reader import Reader
from inkdigits.spec import CLASS_NAMES, N_CLASSES

_SAMPLE = 300  # digits of each set that are read
_FAINT = 64  # of 255: ink of a whole set that is fainter was counted on another scale
_LIGHT = 128  # of 255: a mean border that is paper's of black on white
_WELL = 0.9  # share that is read as labelled, from which nothing else is tried
# A set is put another way up only where that is clear: many more are then read as labelled.
_FEWEST, _SHARE = 10, 0.3  # more digits than as they lie: so many, and that share of the sample
_FEWEST_LIGHT = 3  # for light paper: its border speaks as well
_SURE = 0.9  # confidence of an answer that counts against a label
_FEW_SURE = 50  # such answers under which labels are not called wrong
_CLEAR_DIGITS = 0.6  # share of sure answers, from which the images are digits as we write them
_WRONG = 0.3  # share that is read as labelled, under which labels are of other images
_ONE_RULE = 0.8  # share of the sample that one rule for all labels explains
_TOLD, _TOLD_SHARE = 5, 0.02  # sure answers against labels, from which they are told of
_BLOCK = 10_000  # images that are hashed at a time

_SCALED = "Pixels ended at {most}: they were scaled to 255."


class _Sample(NamedTuple):
    """Some digits of a set."""

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    positions: NDArray[np.int64]  # in the set


def checked(sets: DigitSets) -> DigitSets:
    """The sets, put right where it is plain how; what was noticed stands in their notice.

    Raises DataError where the labels are plainly not those of the images, or all is blank.
    """
    judge = _Judge()
    train, test, others = sets.train.images, sets.test.images, sets.nondigits
    notes = []
    if scaled := _scaled(train, sets.train.source):
        others = _times(others, scaled)
        train = _times(train, scaled)
        notes.append(_SCALED.format(most=round(255 / scaled)))
    test = _times(test, _scaled(test, sets.test.source))

    turned = judge.dark_paper(train, sets.train.labels)
    turned_test = judge.dark_paper(test, sets.test.labels, follow=bool(turned.any()))
    if n := int(turned.sum() + turned_test.sum()):
        notes.append(_inverted_note(n))
        others = _inverted(others, _light(others))
    train, test = _inverted(train, turned), _inverted(test, turned_test)
    if left := int(_light(train).sum() + _light(test).sum()):
        have = "has" if left == 1 else "have"
        notes.append(
            f"{counted(left, 'image')} {have} light paper; networks learn white digits on black."
        )

    on_side = judge.on_its_side(train, sets.train.labels, False)
    if on_side:
        train, others = _upright(train), _upright(others)
    test_on_side = judge.on_its_side(test, sets.test.labels, on_side)
    if test_on_side:
        test = _upright(test)
    if on_side or test_on_side:
        which = "The" if on_side and test_on_side else "The training" if on_side else "The test"
        notes.append(
            f"{which} images lay on their side and mirrored, as EMNIST's: they were turned."
        )

    checked_sets = replace(
        sets,
        train=_with(sets.train, train),
        test=_with(sets.test, test),
        nondigits=others,
    )
    notes += judge.labels(checked_sets.train)
    notes += _missing(checked_sets)
    notes += in_both(checked_sets.train, checked_sets.test)
    return replace(checked_sets, notice=" ".join(filter(None, (sets.notice, *notes))))


def readable(images: NDArray[np.uint8], source: str) -> tuple[NDArray[np.uint8], list[str]]:
    """Digits without labels as networks take them, and what was changed: only what needs no judge.

    images: (N, 28, 28) uint8. Raises DataError if all is blank.
    """
    notes = []
    if factor := _scaled(images, source):
        images = _times(images, factor)
        notes.append(_SCALED.format(most=round(255 / factor)))
    if n := int(_light(images).sum()):
        images = _inverted(images, _light(images))
        notes.append(_inverted_note(n))
    return images, notes


class _Judge:
    """The shipped model, that reads samples."""

    def __init__(self) -> None:
        self._reader = Reader()

    def dark_paper(
        self, images: NDArray[np.uint8], labels: NDArray[np.uint8], follow: bool = False
    ) -> NDArray[np.bool_]:
        """Which images are black on white and better inverted.

        follow: those of the training set were; no evidence is needed then.
        """
        light = _light(images)
        if not light.any() or follow:
            return light
        sample = _sample(images[light], labels[light])
        gain = self._right_either_way(255 - sample.images, sample) - self._right_either_way(
            sample.images, sample
        )
        clear = gain >= max(_FEWEST_LIGHT, _SHARE * len(sample.labels))
        return light if clear else np.zeros_like(light)

    def on_its_side(
        self, images: NDArray[np.uint8], labels: NDArray[np.uint8], usual: bool
    ) -> bool:
        """Whether the images are mirrored about the diagonal, as EMNIST's.

        usual: what is taken where the evidence is thin.
        """
        sample = _sample(images, labels)
        usually = _upright(sample.images) if usual else sample.images
        right = self._right(usually, sample)
        if right >= _WELL * len(sample.labels):
            return usual
        gain = self._right(_upright(usually), sample) - right
        return usual != (gain >= max(_FEWEST, _SHARE * len(sample.labels)))

    def labels(self, digits: Digits) -> Iterator[str]:
        """What is to be said of the labels. Raises DataError where they are plainly wrong."""
        sample = _sample(digits.images, digits.labels)
        rows = self._rows(sample.images)
        read, sure = rows.argmax(1), rows.max(1) >= _SURE
        n, n_sure = len(read), int(sure.sum())
        against = sure & (read != sample.labels)
        right = float((read == sample.labels).mean())
        if n_sure >= _FEW_SURE and right < _WRONG:
            if rule := _rule(
                read[sure], sample.labels[sure], sample.positions[sure], digits.labels
            ):
                raise DataError(f"{digits.source}: {rule}; put the labels right")
            if n_sure >= _CLEAR_DIGITS * n:
                raise DataError(
                    f"{digits.source}: the shipped model is sure of {n_sure / n:.0%} of a sample "
                    f"of {n:,} digits, but reads {right:.0%} as they are labelled; are images and "
                    "labels in the same order?"
                )
        if n >= _FEW_SURE and right < _WRONG:
            yield (
                f"The shipped model reads {right:.0%} of a sample of {n:,} as they are labelled: "
                "are these digits 0-9, white on black?"
            )
        elif against.sum() >= max(_TOLD, _TOLD_SHARE * n):
            yield (
                f"The shipped model is sure that {against.mean():.0%} of a sample of {n:,} are "
                "other digits than their labels say."
            )

    def _right_either_way(self, images: NDArray[np.uint8], sample: _Sample) -> int:
        """How many are right, the images as they are or turned, whichever are more."""
        return max(self._right(images, sample), self._right(_upright(images), sample))

    def _right(self, images: NDArray[np.uint8], sample: _Sample) -> int:
        return int((self._rows(images).argmax(1) == sample.labels).sum())

    def _rows(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        return self._reader.probabilities(images.astype(np.float32) / np.float32(255))


def _rule(
    read: NDArray[np.int64],
    labels: NDArray[np.uint8],
    index: NDArray[np.int64],
    all_labels: NDArray[np.uint8],
) -> str:
    """The one rule by which most labels are wrong, in words; "" if there is none."""
    for step in (1, -1):
        moved = np.roll(all_labels, step)[index]
        if (moved == read).mean() >= _ONE_RULE:
            where = "the one before" if step == 1 else "the one after"
            return f"each image's label stands at {where}"
    counts = np.zeros((N_CLASSES, N_CLASSES), np.int64)
    np.add.at(counts, (labels, read), 1)
    known = np.flatnonzero(counts.sum(1))
    meant = counts[known].argmax(1)
    if len(known) < 3 or len(set(meant.tolist())) < len(known):
        return ""
    if counts[known, meant].sum() < _ONE_RULE * len(read):
        return ""
    pairs = ", ".join(f"{label} on {digit}s" for label, digit in zip(known, meant, strict=True))
    return f"labels are mixed up: the shipped model finds {pairs}"


def _sample(images: NDArray[np.uint8], labels: NDArray[np.uint8]) -> _Sample:
    """At most _SAMPLE of them, always the same."""
    index = np.arange(len(labels))
    if len(index) > _SAMPLE:
        index = np.sort(np.random.default_rng(0).choice(index, _SAMPLE, replace=False))
    return _Sample(images[index], labels[index], index)


def _scaled(images: NDArray[np.uint8], source: str) -> float:
    """By what the pixels are to be multiplied; 0 if they go up to 255."""
    most = int(images.max())
    if not most:
        raise DataError(f"{source}: every pixel is 0, expected ink of up to 255")
    return 255 / most if most < _FAINT else 0


def _times(images: NDArray[np.uint8], factor: float) -> NDArray[np.uint8]:
    if not factor or not len(images):
        return images
    return np.asarray(np.rint(images * factor).clip(0, 255), np.uint8)


def _light(images: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which images have light paper, as their first and last row show."""
    if not len(images):
        return np.zeros(0, bool)
    return np.asarray((images[:, 0].mean(1) + images[:, -1].mean(1)) / 2 >= _LIGHT)


def _inverted(images: NDArray[np.uint8], which: NDArray[np.bool_]) -> NDArray[np.uint8]:
    if not which.any():
        return images
    return np.where(which[:, None, None], 255 - images, images)


def _inverted_note(n: int) -> str:
    were = "was black on white: it was" if n == 1 else "were black on white: they were"
    return f"{counted(n, 'image')} {were} inverted."


def _upright(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(images.transpose(0, 2, 1))


def _with(digits: Digits, images: NDArray[np.uint8]) -> Digits:
    return digits if images is digits.images else replace(digits, images=images)


def _missing(sets: DigitSets) -> Iterator[str]:
    for digits, what, so in (
        (sets.train, "training", "a model cannot learn the others"),
        (sets.test, "test", "its score does not cover the others"),
    ):
        here = np.bincount(digits.labels, minlength=N_CLASSES) > 0
        if not here.all():
            names = ", ".join(CLASS_NAMES[i] for i in np.flatnonzero(here))
            yield f"Of the digits 0-9 the {what} set has only {names}: {so}."


def in_both(train: Digits, test: Digits) -> Iterator[str]:
    """How many test images are trained on; nothing if none is."""
    known = {code for block in _hashes(train.images) for code in block}
    both = sum(code in known for block in _hashes(test.images) for code in block)
    if both:
        yield (
            f"{both:,} of the {counted(len(test), 'test image')} "
            f"{'is' if both == 1 else 'are'} in the training set, too: the score is too high."
        )


def _hashes(images: NDArray[np.uint8]) -> Iterator[list[int]]:
    """64 bits for each image, block by block."""
    flat = np.ascontiguousarray(images).reshape(len(images), -1)
    for start in range(0, len(flat), _BLOCK):
        block = flat[start : start + _BLOCK]
        yield [hash(row) for row in block.view(f"V{block.shape[1]}").ravel().tolist()]
