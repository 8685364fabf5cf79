"""Which connected groups of strokes are the digit.

In: a mask of ink and how strong it is. Out: the mask of the digit alone.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from inkdigits.picture.scale import Grey
from inkdigits.picture.shapes import Mask, closed, connected

_EDGE_WEIGHT = np.array((1.0, 0.3, 0.05))  # of a group by how many sides of the frame it touches
_A_DIGIT, _A_HEIGHT = 0.25, 0.6  # of the largest group and the tallest: as good as a digit
_AMONG = 0.2  # share of a group's height and width that lies within the digit's
PART_OF_BEST = 0.12  # a group this share of the best one's weight belongs to the digit (a 5's bar)


def digit_group(mask: Mask, level: Grey) -> Mask:
    """The connected groups of `mask` that make up the digit.

    Groups are weighed by their ink and by how many sides of the frame they touch: a form's line,
    a shadow or a neighbour runs out of the picture, a digit does not.
    """
    labels, boxes, _ = connected(closed(mask) | mask)
    n = len(boxes)
    if n <= 1:
        return mask
    weights = group_weights(labels * mask, level, n)
    sides = sides_touched(labels, n)
    best = int(weights.argmax())
    # Where the digit itself keeps clear of the frame, what touches it is no part of it, unless it
    # lies among the digit's strokes: a 4 whose top was cut off.
    clear = sides <= sides[best]
    clear |= (sides == 1) & [_overlap(box, boxes[best]) >= _AMONG for box in boxes]
    kept = (weights >= PART_OF_BEST * weights[best]) & clear
    return chosen_of(labels, kept) & mask


def chosen_of(labels: NDArray[np.int32], kept: Mask) -> Mask:
    """Where the chosen groups are. labels: (H, W), 0 for none. kept: (n,), of the groups 1 to n."""
    return np.concatenate(([False], kept))[labels]


def group_weights(labels: NDArray[np.int32], level: Grey, n: int) -> NDArray[np.float64]:
    """How much of a digit each of the groups 1 to n is: its ink, less if it runs out of the frame.

    labels: (H, W), 0 for none. level: (H, W) float32, how strong the ink is.
    """
    # Squared: a soft, faint blot counts for less than a stroke of the same size.
    inks = np.bincount(labels.ravel(), np.square(level).ravel(), minlength=n + 1)[1:]
    return np.asarray(inks * _EDGE_WEIGHT[np.minimum(sides_touched(labels, n), 2)])


def _overlap(box: tuple[slice, slice], other: tuple[slice, slice]) -> float:
    """How much of `box` lies within `other`, as a share of its height or width, the lesser."""
    shares = (
        (min(a.stop, b.stop) - max(a.start, b.start)) / (a.stop - a.start)
        for a, b in zip(box, other, strict=True)
    )
    return float(min(shares))


def sides_touched(labels: NDArray[np.int32], n: int) -> NDArray[np.int64]:
    """How many of the picture's four sides each of the groups 1 to n reaches."""
    count = np.zeros(n + 1, np.int64)
    for edge in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        count[np.unique(edge)] += 1
    return count[1:]


def side_by_side(mask: Mask) -> bool:
    """Whether the strokes are two or more groups beside each other, each as good as a digit.

    mask: (H, W) bool of the ink. A 5's bar lies over its body, and a speck is small.
    """
    _, boxes, sizes = connected(mask)
    if len(boxes) < 2:
        return False
    boxes = [box for box, size in zip(boxes, sizes, strict=True) if size >= _A_DIGIT * sizes.max()]
    tall = max(rows.stop - rows.start for rows, _ in boxes)
    columns = sorted(
        (part.start, part.stop) for rows, part in boxes if rows.stop - rows.start > _A_HEIGHT * tall
    )
    return any(b[0] >= a[1] for a, b in pairwise(columns))
