"""The grey that best parts a picture's pixels into two kinds.

In: grey values. Out: the cut between them.
"""

from __future__ import annotations

import numpy as np

from inkdigits.picture.scale import Grey


def otsu_threshold(values: Grey) -> float:
    """The cut that best parts `values` in [0, 1] into two classes.

    Source: Otsu 1979: maximises the variance between the classes, here over 256 bins.
    """
    counts, edges = np.histogram(values, 256, (0, 1))
    centres = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)
    above = below[-1] - below
    sums = np.cumsum(counts * centres)
    with np.errstate(divide="ignore", invalid="ignore"):
        gap = sums / below - (sums[-1] - sums) / above
    between = np.nan_to_num(below * above * gap**2)
    # Where a range of cuts is equally good, its middle.
    best = np.flatnonzero(between >= between.max() * (1 - 1e-12))
    return float(edges[1:][best].mean())
