"""USPS, digits from envelopes, as LIBSVM's page gives them.

In: a folder with usps.bz2 and usps.t.bz2. Out: DigitSets of 7,291 and 2,007 digits. A line is a
label (1 for digit 0) and 256 grey values from -1 (paper) to 1 (ink), 16x16, the digit fills them.
Each is placed into MNIST's frame.
Source: csie.ntu.edu.tw/~cjlin/libsvmtools/datasets, Hull 1994.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from inkdigits.data.digits import Digits, DigitSets
from inkdigits.errors import DataError, MissingExtraError
from inkdigits.picture.place import place_all

FILES = "usps.bz2", "usps.t.bz2"
_SIDE = 16  # pixels


def read_usps(folder: Path) -> DigitSets:
    """Training and test set. Raises DataError, MissingExtraError."""
    train, test = (
        _read(folder / file, f"usps {part}")
        for file, part in zip(FILES, ("train", "test"), strict=True)
    )
    return DigitSets(train, test, "usps", "USPS digits of 16x16 were placed into 28x28.")


def _read(path: Path, name: str) -> Digits:
    try:
        from sklearn.datasets import load_svmlight_file
    except ImportError as error:
        raise MissingExtraError(
            f"{path}: is read by scikit-learn: pip install 'inkdigits[train]'"
        ) from error
    try:
        values, labels = load_svmlight_file(str(path), n_features=_SIDE * _SIDE)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path}: cannot be read as LIBSVM's: {error}") from error
    ink = ((values.toarray().astype(np.float32) + 1) / 2).clip(0, 1)
    arrays = place_all(ink.reshape(-1, _SIDE, _SIDE))
    images = np.rint(255 * arrays).astype(np.uint8)
    return Digits(images, (labels - 1).astype(np.int64), name, str(path))
