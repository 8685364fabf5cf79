"""A training set made of digits that are known, as pictures of them come out of the picture path.

In: DigitSets. Out: DigitSets with the source's own training digits, made ones behind them, its test
set unchanged, and non-digits. Made digits are written in another hand; most of them then become a
photo, a drawing or a part of a scene, in which the picture path finds them again: networks learn
from what it leaves behind. A picture in which it finds nothing is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from inkdigits import environment
from inkdigits.data import Digits, DigitSets
from inkdigits.data.npz import read_npz_pictures
from inkdigits.errors import ConfigError, PictureError
from inkdigits.picture.place import place
from inkdigits.processes import in_order
from inkdigits.reading.finder import digit_array, shipped_finder
from inkdigits.spec import N_CLASSES, OTHER, SIDE
from inkdigits.synthesis.fonts import font_files, glyph
from inkdigits.synthesis.hands import Hands, collected
from inkdigits.synthesis.handwriting import Strokes, rewritten, rewritten_shape, warped
from inkdigits.synthesis.nondigits import nondigit
from inkdigits.synthesis.photos import drawn, photographed
from inkdigits.synthesis.scenes import scene
from inkdigits.training.finding.targets import true_sorts

Advance = Callable[[int, int], None]  # (done, total)

_SCENE = 0.45  # share of what is made that is looked for in scenes
_TOGETHER = 4  # candidates taken from a scene
_PHOTO, _DRAWING = 0.3, 0.3  # shares of the others; the rest is framed as it was written
_OF_FONTS = 0.3  # share of the made digits that are a font's, where there are some
_HAIRLINE = 0.3  # pixels of 28: the thinnest line of a drawing
REPEATS = 4  # of added pictures, so that a thousand count among ten thousands
_CHUNK = 240  # digits a worker makes at a time, a few seconds; a multiple of _TOGETHER
_HANDS = 150  # shapes that the scenes of each such chunk are written with


def made_from(
    sets: DigitSets,
    n_digits: int,
    n_nondigits: int,
    seed: int,
    advance: Advance,
    added: Sequence[Path] = (),
    fonts: Path | None = None,
) -> DigitSets:
    """`sets` with `n_digits` made digits behind the training set and `n_nondigits` non-digits.

    Each is a function of the seed and its number, whatever the number of cores. added: .npz files
    of labelled pictures of any size, x (N, H, W) uint8 and y (N,) 0-9; as the picture path gives
    them they stand behind the others, REPEATS times, and digits are made of them as well.
    fonts: a folder of handwriting fonts, whose digits and letters are then made into pictures too.
    Raises ConfigError, or DataError if an added file or a font cannot be read.
    """
    if n_digits < 0 or n_nondigits < 0 or seed < 0:
        raise ConfigError(
            f"asked for {n_digits} digits, {n_nondigits} non-digits, seed {seed}; "
            "expected 0 or more of each"
        )
    jobs: list[_Job] = [
        (what, seed, range(start, min(start + _CHUNK, n)))
        for what, n in ((_digits, n_digits), (_nondigits, n_nondigits))
        for start in range(0, n, _CHUNK)
    ]
    more = [_added(path) for path in added]
    made: list[_Made] = more * REPEATS
    others: list[NDArray[np.uint8]] = [sets.nondigits]
    train = sets.train
    pool_images = np.concatenate([train.images, *(arrays for arrays, _ in made)])
    pool_labels = np.concatenate([train.labels, *(labels for _, labels in made)])
    hands = font_files(fonts) if fonts is not None else ()
    results: Iterator[_Made] = in_order(
        jobs, _begun, (pool_images, pool_labels, hands), environment.cores(), share=1
    )
    for done, ((what, _, _), (arrays, labels)) in enumerate(zip(jobs, results, strict=True), 1):
        if what is _digits:
            made.append((arrays, labels))
        else:
            others.append(arrays)
        advance(done, len(jobs))
    images = np.concatenate([train.images, *(arrays for arrays, _ in made)])
    labels = np.concatenate([train.labels, *(labels for _, labels in made)])
    name = f"{train.name} and {len(images) - len(train):,} made from it"
    return DigitSets(
        Digits(images, labels, name, train.source),
        sets.test,
        sets.name,
        sets.notice,
        np.concatenate(others),
    )


def _added(path: Path) -> _Made:
    pictures, labels = read_npz_pictures(path)
    arrays, known = [], []
    for picture, label in zip(pictures, labels, strict=True):
        try:
            arrays.append(digit_array(picture))
        except PictureError:
            continue
        known.append(label)
    return _pixels(arrays), np.array(known, np.uint8)


_Made = tuple[NDArray[np.uint8], NDArray[np.uint8]]
_Job = tuple[Callable[[int, range], _Made], int, range]
_Source = tuple[NDArray[np.uint8], NDArray[np.uint8], tuple[Path, ...]]
_source: _Source  # of this worker: digits, their labels, fonts


def _begun(*source: Any) -> Callable[[Iterable[_Job]], Iterator[_Made]]:
    """What a worker process does with jobs."""
    global _source  # noqa: PLW0603  a worker's copy of what all its jobs need
    _source = cast(_Source, source)
    return lambda jobs: (what(seed, numbers) for what, seed, numbers in jobs)


def _strokes(random: np.random.Generator, thinnest: float = 1.0) -> tuple[Strokes, int]:
    """One of the source's digits, or a font's, in another hand, and which it is."""
    images, labels, fonts = _source
    if fonts and random.random() < _OF_FONTS:
        label = int(random.integers(N_CLASSES))
        shape = glyph(fonts[random.integers(len(fonts))], str(label))
        bent = warped(shape.astype(np.float32), random) > 0.5
        return rewritten_shape(bent, label, random, thinnest), label
    chosen = int(random.integers(len(images)))
    label = int(labels[chosen])
    return rewritten(images[chosen], label, random, thinnest), label


def _of_a_scene(
    hands: Hands, seed: int, number: int, random: np.random.Generator, *, digits: bool
) -> list[tuple[NDArray[np.float32], int]]:
    """Digits that are found in a scene, or what is found and is none; and their sorts.

    Up to _TOGETHER of them, in any order: looking through a scene takes longer than making it.
    """
    made = scene(hands, seed, number)
    found = shipped_finder().find(made.picture.astype(np.float32) / np.float32(255))
    sorts = true_sorts(made, found.boxes)
    wanted = (sorts >= 0) & (sorts < N_CLASSES) if digits else sorts == OTHER
    chosen = random.permutation(np.flatnonzero(wanted))[:_TOGETHER]
    arrays = found.only(chosen).arrays()
    return [(a, int(s)) for a, s in zip(arrays, sorts[chosen], strict=True) if a.any()]


class _Scenes:
    """What the scenes of some numbers give, a scene for each _TOGETHER of them."""

    def __init__(self, seed: int, numbers: range, *, digits: bool) -> None:
        first = numbers.start // _CHUNK * _HANDS
        self._hands = collected(*_source, range(first, first + _HANDS), seed)
        self._seed, self._digits = seed, digits
        self._at, self._left = -1, list[tuple[NDArray[np.float32], int]]()

    def next(self, number: int) -> tuple[NDArray[np.float32], int] | None:
        """One that no earlier number got, or None where the number's scene has no more."""
        if number // _TOGETHER != self._at:
            self._at = number // _TOGETHER
            random = np.random.default_rng([self._seed, 2 + self._digits, self._at])
            self._left = []
            if random.random() < _SCENE:
                self._left = _of_a_scene(
                    self._hands, self._seed, self._at, random, digits=self._digits
                )
        return self._left.pop() if self._left else None


def _digits(seed: int, numbers: range) -> _Made:
    scenes = _Scenes(seed, numbers, digits=True)
    arrays, made = [], []
    for number in numbers:
        random = np.random.default_rng([seed, 0, number])
        kind = random.random()
        try:
            if found := scenes.next(number):
                array, label = found
            elif kind < _PHOTO:
                strokes, label = _strokes(random)
                array = digit_array(photographed(strokes, random))
            elif kind < _PHOTO + _DRAWING:
                strokes, label = _strokes(random, _HAIRLINE)
                array = digit_array(drawn(strokes, random))
            else:
                strokes, label = _strokes(random)
                array = place(strokes)
        except PictureError:
            continue
        arrays.append(array)
        made.append(label)
    return _pixels(arrays), np.array(made, np.uint8)


def _nondigits(seed: int, numbers: range) -> _Made:
    images, labels, fonts = _source
    scenes = _Scenes(seed, numbers, digits=False)
    arrays = []
    for number in numbers:
        random = np.random.default_rng([seed, 1, number])
        if found := scenes.next(number):
            arrays.append(found[0])
            continue
        kind = random.random()
        strokes = nondigit(images, labels, random, fonts)
        try:
            # A blank page has its grain and shades, and something is found in them; of a sign in
            # two parts a picture shows the one that looks more like a digit.
            if kind < _PHOTO or not strokes.any():
                arrays.append(digit_array(photographed(strokes, random)))
            elif kind < _PHOTO + _DRAWING:
                arrays.append(digit_array(drawn(strokes, random)))
            else:
                arrays.append(place(strokes))
        except PictureError:
            continue
    return _pixels(arrays), np.empty(0, np.uint8)


def _pixels(arrays: list[NDArray[np.float32]]) -> NDArray[np.uint8]:
    if not arrays:
        return np.empty((0, SIDE, SIDE), np.uint8)
    return np.rint(255 * np.stack(arrays)).astype(np.uint8)
