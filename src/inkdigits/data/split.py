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

    share: in (0, 1). Raises DataError if a class is too small to be in both parts.
    """
    from sklearn.model_selection import train_test_split

    try:
        rest, part = train_test_split(
            np.arange(len(labels)), test_size=share, random_state=seed, stratify=labels
        )
    except ValueError as error:
        counts = np.bincount(labels, minlength=N_CLASSES).tolist()
        raise DataError(
            f"{source}: cannot split off {share:.0%} with every class in both parts: digits per "
            f"class 0-9 are {counts}; add digits, or split them into train/ and test/ yourself"
        ) from error
    return np.sort(rest), np.sort(part)


def split_test(digits: Digits, share: float = TEST_SHARE) -> DigitSets:
    """A set without a test part as training and test sets, by a fixed seed."""
    train, test = stratified_indices(digits.labels, share, SPLIT_SEED, digits.source)
    return DigitSets(
        digits.take(train, f"{digits.name} train"),
        digits.take(test, f"{digits.name} test"),
        digits.name,
        f"The test set is {share:.0%} of {digits.source}, split off with a fixed seed.",
        split=True,
    )


def split_validation(digits: Digits, share: float, seed: int) -> tuple[Digits, Digits]:
    """Training and validation part of a training set, stratified, by `seed`. Raises DataError."""
    train, validation = stratified_indices(digits.labels, share, seed, digits.source)
    return digits.take(train, digits.name), digits.take(validation, f"{digits.name} validation")
