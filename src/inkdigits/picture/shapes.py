"""Shapes in masks and in grey pictures: connected groups, and filters that grow, shrink and blur.

In: (H, W) masks or grey values. Out: the same of the same size. OpenCV does the work: it is loaded
in a tenth of the time that scipy.ndimage takes, and some five times as fast.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.float32]
Mask = NDArray[np.bool_]
Box = tuple[slice, slice]  # rows, columns

_CROSS = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], np.uint8)
_TAIL = 4  # standard deviations of a blur that are counted


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


def boxes_of(labels: NDArray[np.int32], n: int) -> list[Box]:
    """The box around each of the labels 1 to n, all of which must be there."""
    rows, columns = np.nonzero(labels)
    numbers = labels[rows, columns] - 1
    boxes = []
    for places, size in ((rows, labels.shape[0]), (columns, labels.shape[1])):
        first, last = np.full(n, size), np.zeros(n, np.intp)
        np.minimum.at(first, numbers, places)
        np.maximum.at(last, numbers, places)
        boxes.append([slice(a, b + 1) for a, b in zip(first.tolist(), last.tolist(), strict=True)])
    return list(zip(*boxes, strict=True))


def grown(mask: Mask, height: int, width: int) -> Mask:
    """The mask dilated by a rectangle, whose sides are made odd."""
    return cv2.dilate(_bytes(mask), np.ones((height | 1, width | 1), np.uint8)).view(bool)


def opened(values: NDArray[Any], height: int, width: int) -> NDArray[Any]:
    """What a rectangle of that size fits into; the picture's edge is carried on outside.

    Of grey values their grey opening: the minimum under the rectangle, then the maximum.
    """
    rectangle = np.ones((height, width), np.uint8)
    given = values.view(np.uint8) if values.dtype == np.bool_ else values
    y, x = height // 2, width // 2
    least = cv2.erode(given, rectangle, anchor=(x, y), borderType=cv2.BORDER_REPLICATE)
    # The other middle of an even side: what was kept stays where it was.
    back = width - 1 - x, height - 1 - y
    found = cv2.dilate(least, rectangle, anchor=back, borderType=cv2.BORDER_REPLICATE)
    return found.view(values.dtype)


def closed(mask: Mask) -> Mask:
    """The mask with its gaps of a pixel or two filled, none of them at the picture's edge."""
    square = np.ones((3, 3), np.uint8)
    filled = cv2.dilate(_bytes(mask), square)
    return cv2.erode(filled, square, borderType=cv2.BORDER_CONSTANT, borderValue=(0.0,)).view(bool)


def spread(mask: Mask, steps: int) -> Mask:
    """The mask and what is within so many steps of it, up, down or to a side."""
    return cv2.dilate(_bytes(mask), _CROSS, iterations=steps).view(bool)


def shrunk(mask: Mask, steps: int) -> Mask:
    """What is further than so many steps inside the mask, which goes on outside the picture."""
    return cv2.erode(_bytes(mask), _CROSS, iterations=steps).view(bool)


def blurred(grey: Grey, sd: float, edge: int = cv2.BORDER_REFLECT) -> Grey:
    """The picture blurred by a normal curve of that standard deviation, in pixels."""
    side = 2 * int(_TAIL * sd + 0.5) + 1
    return np.asarray(cv2.GaussianBlur(grey, (side, side), sd, borderType=edge))


def depths(mask: Mask) -> Grey:
    """Each pixel's distance to the nearest one outside the mask; 0 outside it. (H, W) float32."""
    return np.asarray(cv2.distanceTransform(_bytes(mask), cv2.DIST_L2, cv2.DIST_MASK_PRECISE))


def carried_on(grey: Grey, known: Mask) -> Grey:
    """`grey` where it is known, and elsewhere the value of the nearest pixel where it is."""
    _, nearest = cv2.distanceTransformWithLabels(
        _bytes(~known), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    values = np.zeros(int(nearest.max()) + 1, np.float32)
    values[nearest[known]] = grey[known]
    return np.asarray(values[nearest])


def _bytes(mask: Mask) -> NDArray[np.uint8]:
    return np.ascontiguousarray(mask).view(np.uint8)
