"""Scenes to what the two networks are to answer.

In: Scenes. Out: arrays for a batch, as `networks` describes them.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.picture.views import (
    BOX_UNIT,
    CLOSE,
    STRIDE,
    broad,
    close_up,
    frame_of,
    side_of,
    standardised,
)
from inkdigits.spec import N_CLASSES, OTHER
from inkdigits.synthesis.scenes import HEIGHT, WIDTH, Scene
from inkdigits.training.finding.networks import BOXES, HEATS

Array = NDArray[np.float32]

# Heights of a digit, pixels: those between are found, what is outside the next two is left to other
# scales, and what lies between the pairs is neither taught nor punished.
_SMALLEST, _LARGEST = 9.0, 88.0
_TOO_SMALL, _TOO_LARGE = 7.0, 112.0
_HALF_SHOWN, _SHOWN = 0.35, 0.72  # shares of the ink within the picture, likewise
_NOT_SAME = 0.3  # overlap over union under which a made box frames something else
_SAME, _OPEN = 0.45, 0.25  # and from which a found one is a scene's digit, under which it is none


class Maps(NamedTuple):
    """The finder's target for one scene; (h, w) is the canvas over STRIDE."""

    heat: Array  # (2, h, w): 1 at the centres of digits, of signs, falling off around them
    sorts: NDArray[np.int64]  # (h, w): of the nearest centre; -1 away from any
    boxes: Array  # (5, h, w)
    judged: Array  # (h, w): 0 where the heat is not judged


def on_canvas(scene: Scene, random: np.random.Generator) -> tuple[Array, int, int]:
    """The standardised picture somewhere on a canvas of 0, (192, 256); and its left and top."""
    canvas = np.zeros((HEIGHT, WIDTH), np.float32)
    h, w = scene.picture.shape
    left, top = int(random.integers(0, WIDTH - w + 1)), int(random.integers(0, HEIGHT - h + 1))
    canvas[top : top + h, left : left + w] = standardised(_grey(scene))
    return canvas, left, top


def maps_of(scene: Scene, left: int, top: int) -> Maps:
    """What the finder is to answer for a scene whose picture lies there on the canvas."""
    h, w = HEIGHT // STRIDE, WIDTH // STRIDE
    heat = np.zeros((HEATS, h, w), np.float32)
    sorts = np.full((h, w), -1, np.int64)
    boxes = np.zeros((BOXES, h, w), np.float32)
    judged = np.ones((h, w), np.float32)
    closest = np.zeros((h, w), np.float32)
    for box, sort, unit, shown in zip(
        (scene.boxes + np.array((left, top) * 2, np.float32)) / STRIDE,
        scene.sorts.tolist(), scene.units.tolist(), scene.shown.tolist(), strict=True,
    ):  # fmt: skip
        x0, y0, x1, y1 = box.tolist()
        if unit < _TOO_SMALL or unit > _TOO_LARGE or shown < _HALF_SHOWN:
            continue
        if unit < _SMALLEST or unit > _LARGEST or shown < _SHOWN:
            judged[int(y0) : int(y1) + 1, int(x0) : int(x1) + 1] = 0
            continue
        wide, high = x1 - x0, y1 - y0
        x, y = (x0 + x1) / 2 - 0.5, (y0 + y1) / 2 - 0.5
        # A stroke's box is thin: its centre is no surer across it than a digit's is.
        sx = max(0.6, wide / 7, 0.35 * high / 7)
        sy = max(0.6, high / 7, 0.35 * wide / 7)
        rows = slice(max(0, int(y - 4 * sy)), int(y + 4 * sy) + 2)
        columns = slice(max(0, int(x - 4 * sx)), int(x + 4 * sx) + 2)
        part = heat[0, rows, columns]
        if not part.size:
            continue
        dy = np.arange(rows.start, rows.start + part.shape[0], dtype=np.float32)[:, None] - y
        dx = np.arange(columns.start, columns.start + part.shape[1], dtype=np.float32) - x
        bump = np.exp(-(dx**2) / (2 * sx * sx) - dy**2 / (2 * sy * sy)).astype(np.float32)
        middle = min(max(round(y), 0), h - 1), min(max(round(x), 0), w - 1)
        kind = 0 if sort < N_CLASSES else 1
        np.maximum(heat[kind, rows, columns], bump, out=heat[kind, rows, columns])
        heat[kind][middle] = 1
        near = (bump > 0.5) & (bump >= closest[rows, columns])
        near[middle[0] - rows.start, middle[1] - columns.start] = True
        closest[rows, columns][near] = bump[near]
        sorts[rows, columns][near] = sort
        sizes = np.log(np.array((wide, high, unit / STRIDE)) * STRIDE / BOX_UNIT)
        ones = np.ones_like(bump)
        for i, values in enumerate((-dx * ones, -dy * ones, *(size * ones for size in sizes))):
            boxes[i, rows, columns][near] = values[near]
    return Maps(heat, sorts, boxes, judged)


class CloseUps(NamedTuple):
    """The close-up network's examples of one scene."""

    views: Array  # (n, 2, 48, 48)
    sorts: NDArray[np.int64]  # (n,)
    inks: Array  # (n, 48, 48) in [0, 1]


def close_ups_of(scene: Scene, random: np.random.Generator, most: int = 8) -> CloseUps:
    """Digits and signs as a finder frames them, some worse than others, and what is none."""
    grey = _grey(scene)
    whole = np.flatnonzero((scene.shown > _SHOWN) & (scene.units > _TOO_SMALL))
    chosen = random.permutation(whole)[:most].tolist()
    views, sorts, inks = [], [], []
    for i in chosen:
        box, unit = scene.boxes[i], float(scene.units[i])
        moved = _moved(box, unit, random)
        side = side_of(moved, unit * np.exp(random.normal(0, 0.08)))
        views.append(np.stack((close_up(grey, moved, side), frame_of(moved, side))))
        sorts.append(int(scene.sorts[i]))
        inks.append(_ink(scene, i, moved, side))
    # Grain has no end of spots that a finder may take for something.
    n_mistaken = len(chosen) // 3 if chosen else 4 if not len(scene.others) else 1
    for box, unit in _mistaken(scene, random, max(1, n_mistaken)):
        side = side_of(box, unit)
        views.append(np.stack((close_up(grey, box, side), frame_of(box, side))))
        sorts.append(OTHER)
        inks.append(np.zeros((CLOSE, CLOSE), np.float32))
    if not views:
        empty = np.zeros((0, 2, CLOSE, CLOSE), np.float32)
        return CloseUps(empty, np.zeros(0, np.int64), empty[:, 0])
    return CloseUps(np.stack(views).astype(np.float32), np.array(sorts), np.stack(inks))


def _grey(scene: Scene) -> Array:
    return np.asarray(scene.picture / np.float32(255), np.float32)


def _moved(box: Array, unit: float, random: np.random.Generator) -> Array:
    """The box as a finder may give it."""
    loose = float(random.choice((0.03, 0.07)))
    centre, size = (box[:2] + box[2:]) / 2, box[2:] - box[:2]
    centre = centre + random.normal(0, loose, 2) * np.maximum(size, 0.4 * unit)
    size = size * np.exp(random.normal(0, 1.5 * loose, 2)) + random.normal(0, 0.5, 2)
    size = np.maximum(size, 1.5)
    return np.concatenate((centre - size / 2, centre + size / 2)).astype(np.float32)


def _ink(scene: Scene, i: int, box: Array, side: float) -> Array:
    """The item's own ink in the close-up around `box`."""
    item = scene.items[i]
    share = CLOSE / side
    x, y = (box[:2] + box[2:]) / 2
    left, top = item.left - (x - side / 2), item.top - (y - side / 2)
    ink = item.ink
    if share < 0.5:  # so that no pixel is skipped
        ink = np.asarray(
            cv2.resize(ink, None, fx=2 * share, fy=2 * share, interpolation=cv2.INTER_AREA),
            np.uint8,
        )
    rx, ry = item.ink.shape[1] / ink.shape[1], item.ink.shape[0] / ink.shape[0]
    matrix = np.array(
        [
            [share * rx, 0, share * (left + 0.5 * rx) - 0.5],
            [0, share * ry, share * (top + 0.5 * ry) - 0.5],
        ]
    )
    found = cv2.warpAffine(ink, matrix, (CLOSE, CLOSE), flags=cv2.INTER_LINEAR)
    shown = np.asarray(found / np.float32(255), np.float32)
    # What lies outside the picture was not seen.
    h, w = scene.picture.shape
    x0, y0 = (0 - (x - side / 2)) * share, (0 - (y - side / 2)) * share
    x1, y1 = x0 + w * share, y0 + h * share
    shown[: max(0, round(y0))], shown[:, : max(0, round(x0))] = 0, 0
    shown[max(0, round(y1)) :], shown[:, max(0, round(x1)) :] = 0, 0
    return shown


def _mistaken(scene: Scene, random: np.random.Generator, n: int) -> list[tuple[Array, float]]:
    """Frames that hold no one digit or sign: letters, two at once, a part, anything."""
    h, w = scene.picture.shape
    found: list[tuple[Array, float]] = []
    if len(scene.others):
        for i in random.integers(len(scene.others), size=n).tolist():
            box = scene.others[i]
            unit = float(max(box[3] - box[1], 0.6 * (box[2] - box[0])))
            centre = (box[:2] + box[2:]) / 2
            if unit > 5 and 0 <= centre[0] < w and 0 <= centre[1] < h and _apart(scene, box):
                found.append((_moved(box, unit, random), unit))
    for _ in range(n):
        unit = float(np.exp(random.uniform(np.log(10), np.log(max(11, 0.8 * h)))))
        size = unit * np.array((random.uniform(0.3, 1.0), random.uniform(0.8, 1.1)))
        if len(scene.boxes) and random.random() < 0.7:  # beside a digit, or over two
            near = scene.boxes[int(random.integers(len(scene.boxes)))]
            unit = float(near[3] - near[1]) * random.uniform(0.6, 1.8)
            size = unit * np.array((random.uniform(0.4, 1.2), 1.0))
            centre = (near[:2] + near[2:]) / 2 + random.normal(0, 0.8, 2) * (near[2:] - near[:2])
        else:
            centre = np.array((random.uniform(0, w), random.uniform(0, h)))
        box = np.concatenate((centre - size / 2, centre + size / 2)).astype(np.float32)
        if unit > 8 and 0 <= centre[0] < w and 0 <= centre[1] < h and _apart(scene, box):
            found.append((box, unit))
    return found[: n + 1]


def _apart(scene: Scene, box: Array) -> bool:
    """Whether the box frames none of the scene's digits or signs, not even badly."""
    return not len(scene.boxes) or bool(overlaps(box[None], scene.boxes).max() < _NOT_SAME)


def true_sorts(made: Scene, boxes: NDArray[np.float32]) -> NDArray[np.int64]:
    """Of each box the sort it frames, OTHER where it frames none, -1 where that is open."""
    truth = np.full(len(boxes), OTHER, np.int64)
    if not len(made.boxes):
        return truth
    overlap = overlaps(boxes, made.boxes)
    best = overlap.argmax(1)
    most = overlap.max(1)
    truth[most >= _OPEN] = -1
    same = most >= _SAME
    truth[same] = np.where(made.shown[best] >= _SHOWN, made.sorts[best], -1)[same]
    return truth


def overlaps(boxes: Array, others: Array) -> Array:
    """Overlap over union of each box with each other: (n, m) of (n, 4) and (m, 4).

    Thin boxes count as broader: `views.broad`.
    """
    a, b = broad(boxes)[:, None], broad(others)[None]
    low, high = np.maximum(a[..., :2], b[..., :2]), np.minimum(a[..., 2:], b[..., 2:])
    common = np.prod(np.maximum(high - low, 0), 2)
    areas = [np.prod(c[..., 2:] - c[..., :2], 2) for c in (a, b)]
    return np.asarray(common / np.maximum(areas[0] + areas[1] - common, 1e-6), np.float32)
