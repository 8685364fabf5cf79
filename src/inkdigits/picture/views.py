"""What the two finding networks are shown of a picture: all of it standardised, and close-ups.

In: (H, W) float32 grey in [0, 1]. Out: float32 arrays with mean 0 and standard deviation 1.
Training, Python's reader and the browser's make them in the same way.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.float32]

STRIDE = 4  # picture pixels per cell of the finder's maps
BOX_UNIT = 24.0  # pixels: the finder gives sizes as the logarithm of their ratio to this
CLOSE = 48  # pixels: a close-up's side
_AROUND = 1.5  # a close-up's side over the longer side of what it frames
_LEAST = 0.75  # of a digit's height: a point is shown with its surroundings
_ASIDE = 1e-3  # pixels: many edges of frames are halves, and rounding errors would decide
_FLAT = 0.02  # added to a standard deviation, so that grain on even paper stays small


def standardised(grey: Grey) -> Grey:
    """The picture with mean 0 and standard deviation near 1; (H, W) float32."""
    return np.asarray((grey - grey.mean()) / (grey.std() + np.float32(_FLAT)), np.float32)


def side_of(box: NDArray[np.float32], unit: float) -> float:
    """The side of the square that a close-up of `box` shows, in pixels.

    box: left, top, right, bottom. unit: height of a digit of its line.
    """
    return float(_AROUND * max(box[2] - box[0], box[3] - box[1], _LEAST * unit))


def close_up(grey: Grey, box: NDArray[np.float32], side: float) -> Grey:
    """The square of that side around the box's middle: (48, 48), 0 outside the picture."""
    x, y = float(box[0] + box[2]) / 2, float(box[1] + box[3]) / 2
    left, top = x - side / 2, y - side / 2
    # Only what is needed, so that a page is not smoothed once for each of its digits.
    x0, y0 = max(0, int(left) - 2), max(0, int(top) - 2)
    x1, y1 = min(grey.shape[1], int(left + side) + 3), min(grey.shape[0], int(top + side) + 3)
    if x1 <= x0 or y1 <= y0:
        return np.zeros((CLOSE, CLOSE), np.float32)
    part = grey[y0:y1, x0:x1]
    left, top, share = left - x0, top - y0, CLOSE / side
    if share < 0.5:  # so that no pixel is skipped
        w, h = max(1, round(part.shape[1] * 2 * share)), max(1, round(part.shape[0] * 2 * share))
        small = cv2.resize(part, (w, h), interpolation=cv2.INTER_AREA)
    else:
        small = part
    rx, ry = part.shape[1] / small.shape[1], part.shape[0] / small.shape[0]
    matrix = np.array(
        [
            [share * rx, 0, share * (0.5 * rx - left) - 0.5],
            [0, share * ry, share * (0.5 * ry - top) - 0.5],
        ]
    )
    size = (CLOSE, CLOSE)
    found = cv2.warpAffine(
        small, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    inside = np.zeros((CLOSE, CLOSE), bool)
    a, b = max(0, round(-top * share)), max(0, round(-left * share))
    c, d = round((part.shape[0] - top) * share), round((part.shape[1] - left) * share)
    inside[a : max(a, c), b : max(b, d)] = True
    if not inside.any():
        return np.zeros(size, np.float32)
    seen = found[inside]
    levelled = (found - seen.mean()) / (seen.std() + np.float32(_FLAT))
    return np.where(inside, levelled, np.float32(0))


def broad(boxes: NDArray[np.float32], least: NDArray[np.float32] | float = 0.0) -> NDArray[Any]:
    """Thin boxes made at least half as broad as they are long: a pixel beside a 1 is still it.

    boxes: (n, 4) left, top, right, bottom. least: no side is shorter, pixels, of each (n, 1).
    """
    middle, size = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    half = np.maximum(size, np.maximum(size[:, ::-1] / 2, least)) / 2
    return np.concatenate((middle - half, middle + half), 1)


def frame_of(box: NDArray[np.float32], side: float) -> Grey:
    """1 inside the box, 0 outside, as it lies in its close-up: (48, 48) float32."""
    share = CLOSE / side
    half_w, half_h = float(box[2] - box[0]) / 2 * share, float(box[3] - box[1]) / 2 * share
    frame = np.zeros((CLOSE, CLOSE), np.float32)
    middle = CLOSE / 2 + _ASIDE
    frame[
        max(0, round(middle - half_h)) : max(1, round(middle + half_h)),
        max(0, round(middle - half_w)) : max(1, round(middle + half_w)),
    ] = 1
    return frame
