"""Seeded, stratified splits: the same digits in, the same split out, every class in proportion."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inkdigits.data.digits import Digits, DigitSets
from inkdigits.errors import DataError
from inkdigits.spec import N_CLASSES

TEST_SHARE = 0.2  # of a source that comes without a test set
SPLIT_SEED = 20_251  # fixed: a source without a test set always splits the same way


def stratified_indices(
    labels: NDArray[np.uint8], share: float, seed: int, source: str
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices of the (1 - share) part and of the `share` part, both in rising order.

    share: in (0, 1). Every class is in both parts. Where there are too few digits for that, each
    is in the first, and as many as can be in both. Raises DataError if no class has two digits.
    """
    from sklearn.model_selection import train_test_split

    try:
        rest, part = train_test_split(
            np.arange(len(labels)), test_size=share, random_state=seed, stratify=labels
        )
    except ValueError as error:
        part = _spared(labels, share, seed)
        if not len(part):
            counts = np.bincount(labels, minlength=N_CLASSES).tolist()
            raise DataError(
                f"{source}: cannot split off {share:.0%} and keep every class: digits per class "
                f"0-9 are {counts}; add digits, or split them into train/ and test/ yourself"
            ) from error
        rest = np.setdiff1d(np.arange(len(labels)), part)
    return np.sort(rest), np.sort(part)


def _spared(labels: NDArray[np.uint8], share: float, seed: int) -> NDArray[np.int64]:
    """Indices of about that share of each class, at least one in all; a digit of each is left."""
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    counts = np.bincount(labels, minlength=N_CLASSES)
    most = np.maximum(counts - 1, 0)
    wanted = share * counts
    taken = np.minimum(np.floor(wanted + 0.5).astype(np.int64), most)
    while taken.sum() < max(1, round(share * len(labels))) and (taken < most).any():
        taken[np.where(taken < most, wanted - taken, -np.inf).argmax()] += 1
    return np.concatenate([shuffled[labels[shuffled] == c][:n] for c, n in enumerate(taken)])


def split_test(digits: Digits, share: float = TEST_SHARE) -> DigitSets:
    """A set without a test part as training and test sets, by a fixed seed."""
    train, test = stratified_indices(digits.labels, share, SPLIT_SEED, digits.source)
    said = f"The test set is {share:.0%} of {digits.source}, split off with a fixed seed."
    return DigitSets(
        digits.take(train, f"{digits.name} train"),
        digits.take(test, f"{digits.name} test"),
        digits.name,
        said,
        split=said,
    )


def split_validation(digits: Digits, share: float, seed: int) -> tuple[Digits, Digits]:
    """Training and validation part of a training set, stratified, by `seed`. Raises DataError."""
    train, validation = stratified_indices(digits.labels, share, seed, digits.source)
    return digits.take(train, digits.name), digits.take(validation, f"{digits.name} validation")
