"""Shapes in masks: connected components, and how deep each pixel lies in them.

In: (H, W) masks. Out: labels and distances. OpenCV does the work: it is loaded in a tenth of the
time that scipy.ndimage takes, and some five times as fast.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.float32]
Mask = NDArray[np.bool_]
Box = tuple[slice, slice]  # rows, columns


class Groups(NamedTuple):
    """Connected groups of a mask's pixels."""

    labels: NDArray[np.int32]  # (H, W): 0 for none, else the group's number from 1 on
    boxes: list[Box]  # around each
    sizes: NDArray[np.int64]  # (n,), pixels


def connected(mask: Mask, *, corners: bool = True) -> Groups:
    """The groups of a mask; corners: whether pixels that touch at a corner only are joined."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(
        _bytes(mask), connectivity=8 if corners else 4, ltype=cv2.CV_32S
    )
    boxes = [
        (slice(top, top + height), slice(left, left + width))
        for left, top, width, height, _ in stats[1:].tolist()
    ]
    return Groups(np.asarray(labels), boxes, stats[1:, cv2.CC_STAT_AREA].astype(np.int64))


def connected_in_each(masks: NDArray[np.bool_]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """The groups of a stack of masks, none of which reaches from one mask into another.

    masks: (N, H, W). Returns labels, (N, H, W), numbered from 1 on through the stack, and for each
    group the mask that it is in, (n,).
    """
    n, height, width = masks.shape
    # One below the other, with an empty row between.
    column = np.zeros((n, height + 1, width), np.uint8)
    column[:, :height] = masks
    _, labels, stats, _ = cv2.connectedComponentsWithStats(
        column.reshape(-1, width), connectivity=8, ltype=cv2.CV_32S
    )
    owners = stats[1:, cv2.CC_STAT_TOP] // (height + 1)
    return np.asarray(labels.reshape(column.shape)[:, :height], np.int32), owners.astype(np.int64)


def depths(mask: Mask) -> Grey:
    """Each pixel's distance to the nearest one outside the mask; 0 outside it. (H, W) float32."""
    return np.asarray(cv2.distanceTransform(_bytes(mask), cv2.DIST_L2, cv2.DIST_MASK_PRECISE))


def _bytes(mask: Mask) -> NDArray[np.uint8]:
    return np.ascontiguousarray(mask).view(np.uint8)
