"""A few digits of one's own among the training images of a large set.

In: a training set and a folder of PNGs. Out: one training set in which the few are seen often
enough to be learnt. This module leaves validation and test sets alone.
"""

from __future__ import annotations

import numpy as np

from inkdigits.data.digits import Digits

ADDED_SHARE = 0.1  # of the mixed set; docs/LOG.md has what other shares gave


def times_added(n_train: int, n_added: int, share: float = ADDED_SHARE) -> int:
    """How often each added digit has to stand in the mixed set to make up `share` of it.

    share: in (0, 1). At least once: where many are added, they are more than the share.
    """
    return max(1, round(share / (1 - share) * n_train / n_added))


def mixed(train: Digits, added: Digits, times: int) -> Digits:
    """`train`, and behind it all of `added`, `times` times over; each epoch shuffles them."""
    return Digits(
        np.concatenate([train.images, *[added.images] * times]),
        np.concatenate([train.labels, *[added.labels] * times]),
        f"{train.name} and {added.name}",
        train.source,
    )
