"""The networks of this package as a scikit-learn classifier.

In: digits as rows of 784 pixels, as fetch_openml("mnist_784") gives them, and their labels. Out: an
estimator for cross_val_score, Pipeline, GridSearchCV and pickle.
"""

from __future__ import annotations

import numbers
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from inkdigits.data import Digits
from inkdigits.environment import training_threads
from inkdigits.spec import CLASS_NAMES, N_PIXELS, SIDE
from inkdigits.training.recipes import DEFAULT, Recipe, recipe
from inkdigits.training.thread_spin import spin_briefly

_STEPS = 150  # that a training has at least: for small sets the epochs are repeated


class DigitClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # without types
    """A convolutional network trained by one of the package's recipes.

    recipe: its name, as `inkdigits recipes` lists them. epochs, batch_size, learning_rate: None is
    the recipe's own, of small sets more epochs of smaller batches. seed: the same seed and digits
    give the same network, with the same number of threads on the same machine. threads: None is
    OMP_NUM_THREADS, or one for each core.

    X is (n, 784), or (n, 28, 28), in reading order: ink light on dark paper as in MNIST, pixels 0
    to 255, or 0 to 1 where the pixels that are fitted have no value over 1. y holds the digits 0 to
    9, at least two of them, as numbers or text.
    """

    def __init__(
        self,
        recipe: str = DEFAULT,
        epochs: int | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        seed: int = 0,
        threads: int | None = None,
    ) -> None:
        self.recipe = recipe
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.seed = seed
        self.threads = threads

    def fit(self, X: ArrayLike, y: ArrayLike) -> DigitClassifier:
        """Train on X and y; nothing is held out. Raises ValueError and ConfigError."""
        spin_briefly()  # before PyTorch is loaded
        import torch

        from inkdigits.training.callbacks import Callback
        from inkdigits.training.loop import TRAINING_LOCK, train
        from inkdigits.training.state import fresh_state

        for name, least, most in (("seed", 0, 2**63 - 1), ("threads", 1, 1024)):
            value = getattr(self, name)
            whole = isinstance(value, numbers.Integral) and least <= int(value) <= most
            if not whole and not (name == "threads" and value is None):
                raise ValueError(
                    f"{name} is {value!r:.80}, expected a whole number from {least} to {most:,}"
                )
        for name in ("epochs", "batch_size", "learning_rate"):
            value = getattr(self, name)
            kind = numbers.Real if name == "learning_rate" else numbers.Integral
            if value is not None and (isinstance(value, bool) or not isinstance(value, kind)):
                raise ValueError(f"{name} is {value!r:.80}, expected a number")
        pixels, labels = validate_data(self, _flat(X), y, dtype=np.float32)
        check_classification_targets(labels)
        self.classes_ = np.unique(labels)
        self._digits = np.array([_digit_of(label) for label in self.classes_], np.uint8)
        if len(self.classes_) < 2:
            raise ValueError(f"y has one class, {self.classes_[0]}; expected two or more digits")
        self._white = 255.0 if pixels.max() > 1 else 1.0
        known = self._digits[np.searchsorted(self.classes_, labels)]
        digits = Digits(self._images(pixels), known, "X", "X")
        given = {
            name: value
            for name in ("epochs", "batch_size", "learning_rate")
            if (value := getattr(self, name)) is not None
        }
        row = recipe(self.recipe).with_overrides({
            "validation_share": 0.0, "early_stopping": 0, "plateau": 0, "keep": "last",
            "calibrate": False, "nondigit_share": 0.0, "teacher_share": 0.0, **given,
        })  # fmt: skip
        if self.epochs is None:
            row = row.with_overrides({"epochs": _epochs(len(digits), row)})
        with TRAINING_LOCK:
            before = torch.get_num_threads()
            torch.set_num_threads(self.threads or training_threads())
            try:
                state = train(digits, None, fresh_state(row, int(self.seed)), Callback())
            finally:
                torch.set_num_threads(before)
        self.network_ = state.evaluated
        self.n_iter_ = state.epoch
        return self

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """(n, `len(classes_)`) probabilities, each row summing to 1."""
        import torch

        from inkdigits.training.judge import probabilities

        check_is_fitted(self, "network_")
        pixels = validate_data(self, _flat(X), dtype=np.float32, reset=False)
        rows = probabilities(self.network_, torch.from_numpy(self._images(pixels))[:, None])
        chosen = rows[:, self._digits].astype(np.float64) + 1e-12
        return cast("NDArray[np.float64]", chosen / chosen.sum(1, keepdims=True))

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """(n,) the likeliest class of each digit."""
        found = self.predict_proba(X).argmax(1)  # raises the error if nothing was fitted
        return cast("NDArray[Any]", self.classes_[found])

    def __sklearn_tags__(self) -> Tags:
        """What scikit-learn should know of it."""
        tags: Tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = True
        tags.input_tags.three_d_array = True
        return tags

    def _images(self, pixels: NDArray[np.float32]) -> NDArray[np.uint8]:
        """(n, 28, 28) of the pixels. Raises ValueError."""
        if pixels.shape[1] != N_PIXELS:
            raise ValueError(
                f"X has {pixels.shape[1]} feature(s), but DigitClassifier is expecting {N_PIXELS} "
                f"features as input: the {SIDE}x{SIDE} pixels of a digit"
            )
        low, high = float(pixels.min()), float(pixels.max())
        if low < 0 or high > self._white:
            raise ValueError(
                f"X has pixels from {low:g} to {high:g}, expected 0 to {self._white:g}; leave out "
                "what scales them otherwise"
            )
        if self._white > 1 and 0 < high <= 1 and (pixels != np.floor(pixels)).any():
            raise ValueError(
                f"X has pixels from {low:g} to {high:g}, but those that were fitted go up to "
                f"{self._white:g}; expected both on one scale"
            )
        scaled = np.rint(pixels * np.float32(255 / self._white))
        images: NDArray[np.uint8] = scaled.astype(np.uint8).reshape(-1, SIDE, SIDE)
        return images


def _flat(X: ArrayLike) -> ArrayLike:
    """(n, 28, 28) as (n, 784); anything else as it is."""
    shape = np.asarray(X).shape
    return np.reshape(X, (-1, N_PIXELS)) if shape[1:] == (SIDE, SIDE) else X


def _digit_of(label: Any) -> int:
    """The digit that a class stands for. Raises ValueError."""
    text = str(label.item() if isinstance(label, np.generic) else label).removesuffix(".0")
    if text not in CLASS_NAMES:
        raise ValueError(f"y has the class {text!r}, expected digits 0 to 9")
    return int(text)


def _epochs(n: int, row: Recipe) -> int:
    """Epochs for n digits: a recipe's are too few steps where those are few."""
    from inkdigits.training.batches import batch_size

    steps = row.epochs * max(1, n // batch_size(row, n))
    return row.epochs * max(1, -(-_STEPS // steps))
