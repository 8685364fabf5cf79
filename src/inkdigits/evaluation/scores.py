"""What a network's answers on labelled digits amount to.

In: labels and probabilities. Out: Scores and Acceptance, all numbers a report shows. Knows nothing
of models.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from inkdigits.errors import DataError
from inkdigits.spec import CLASS_NAMES, N_CLASSES

ECE_BINS = 15  # Guo et al. 2017, "On Calibration of Modern Neural Networks"
N_CONFUSIONS = 10  # of the most common ones that are listed
_TINY = 1e-12  # a probability of 0 would make the loss infinite


@dataclass(frozen=True)
class Confusion:
    """How often one digit was read as another."""

    true: int
    read_as: int
    count: int


@dataclass(frozen=True)
class Scores:
    """Numbers over n images; accuracies and error in [0, 1], loss in nats."""

    n: int
    accuracy: float
    loss: float  # mean cross-entropy
    per_class: tuple[float | None, ...]  # share of each digit's images read right; None: no image
    per_class_n: tuple[int, ...]
    calibration_error: float  # expected, over ECE_BINS bins of equal width
    confusions: tuple[Confusion, ...]  # the most common, most common first
    matrix: tuple[tuple[int, ...], ...]  # [true][read as]
    report: str  # scikit-learn's classification report


@dataclass(frozen=True)
class Acceptance:
    """What a level of confidence lets through of labelled digits; shares in [0, 1]."""

    level: float  # confidence from which an answer is accepted
    accepted: float  # share of all digits
    accepted_of_right: float | None  # share of those read right; None: none is
    accepted_of_wrong: float | None  # share of those read wrongly; None: none is


def accepted_from(
    level: float, labels: NDArray[np.uint8], probabilities: NDArray[np.float32]
) -> Acceptance:
    """What is accepted of answers `probabilities` (N, 10) to digits that are `labels` (N,)."""
    taken = probabilities.max(1) >= level
    right = probabilities.argmax(1) == labels
    return Acceptance(
        level,
        float(taken.mean()),
        float(taken[right].mean()) if right.any() else None,
        float(taken[~right].mean()) if not right.all() else None,
    )


def score(labels: NDArray[np.uint8], probabilities: NDArray[np.float32], n_expected: int) -> Scores:
    """Scores of `probabilities` (N, 10), rows summing to 1, against `labels` (N,) in 0-9.

    n_expected: how many images the set has; each must have been scored exactly once.
    Raises DataError if the arrays do not cover exactly that many, or are not probabilities.
    """
    # Here: with scipy.stats it takes longer to load than all else of a command that fails at once.
    from sklearn.metrics import classification_report, confusion_matrix

    if labels.shape != (n_expected,) or probabilities.shape != (n_expected, N_CLASSES):
        raise DataError(
            f"scored labels {labels.shape} and probabilities {probabilities.shape}, "
            f"expected every one of {n_expected:,} images exactly once"
        )
    if not np.allclose(probabilities.sum(1), 1, atol=1e-4):
        raise DataError("rows of probabilities do not sum to 1; are they logits?")
    answers = probabilities.argmax(1)
    matrix = confusion_matrix(labels, answers, labels=range(N_CLASSES))
    if matrix.sum() != n_expected:
        raise DataError(f"the confusion matrix counts {matrix.sum():,} of {n_expected:,} images")
    counts = matrix.sum(1)
    truth = probabilities[np.arange(n_expected), labels].astype(np.float64)
    return Scores(
        n=n_expected,
        accuracy=float((answers == labels).mean()),
        loss=float(-np.log(np.maximum(truth, _TINY)).mean()),
        per_class=tuple(
            float(matrix[c, c] / counts[c]) if counts[c] else None for c in range(N_CLASSES)
        ),
        per_class_n=tuple(counts.tolist()),
        calibration_error=calibration_error(labels, probabilities),
        confusions=_most_confused(matrix),
        matrix=tuple(tuple(row) for row in matrix.tolist()),
        report=classification_report(
            labels,
            answers,
            labels=range(N_CLASSES),
            target_names=CLASS_NAMES,
            digits=4,
            zero_division=0,
        ),
    )


def calibration_error(
    labels: NDArray[np.uint8], probabilities: NDArray[np.float32], bins: int = ECE_BINS
) -> float:
    """Expected calibration error: mean |accuracy - confidence| over bins, weighted by their size.

    0 means that of the answers given with 90 % confidence, 90 % are right.
    Source: Naeini et al. 2015; bins of equal width as in Guo et al. 2017.
    """
    found = calibration_bins(labels, probabilities, bins)
    return sum(abs(b.right - b.confidence) for b in found) / len(labels)


class Bin(NamedTuple):
    """Answers of nearly the same confidence."""

    n: int
    right: int  # how many of them are
    confidence: float  # the sum of theirs


def calibration_bins(
    labels: NDArray[np.uint8], probabilities: NDArray[np.float32], bins: int = ECE_BINS
) -> list[Bin]:
    """The answers in `bins` bins of equal width, from a confidence of 0 to 1; some are empty."""
    confidence = probabilities.max(1)
    right = probabilities.argmax(1) == labels
    bin_of = np.minimum((confidence * bins).astype(int), bins - 1)
    return [
        Bin(
            int((bin_of == b).sum()),
            int(right[bin_of == b].sum()),
            float(confidence[bin_of == b].sum()),
        )
        for b in range(bins)
    ]


def _most_confused(matrix: NDArray[np.int64]) -> tuple[Confusion, ...]:
    wrong = matrix.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(wrong, axis=None, kind="stable")[::-1][:N_CONFUSIONS]
    found = (Confusion(*divmod(int(i), N_CLASSES), int(wrong.flat[i])) for i in order)
    return tuple(c for c in found if c.count)
