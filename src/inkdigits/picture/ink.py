"""Find the digit's ink in a grey picture.

In: (H, W) float32 grey values. Out: (H, W) float32 ink, 1 where the pen was, 0 on paper and on
what does not belong to the digit. The steps: which of dark and light is ink; take off the uneven
ground; cut at a threshold; keep the group of strokes that is the digit.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from inkdigits.errors import PictureError

Grey = NDArray[np.float32]

MIN_CONTRAST = 0.04  # of black to white; fainter than pencil on grey paper, above JPEG's noise
_SMALL = 40  # pixels: up to this a picture is a drawn or cut-out digit on an even ground
_EVEN, _EVEN_SHARE = 0.03, 0.5  # ground is even if half the picture is this close to its value
_GROUND_SIDE = 100  # pixels of the copy on which an uneven ground is estimated
_GROUND_WINDOW = 0.2  # of that side: wider than a pen's stroke, narrower than a shadow
_PAPER_SHARE, _INK_SHARE = 20, 99.7  # percentiles of the picture taken as paper and as full ink
_CUT = 0.9  # of Otsu's threshold: strokes' soft edges belong to them
_EDGE_WEIGHT = (1.0, 0.3, 0.05)  # of a group by how many sides of the frame it touches
_PART_OF_BEST = 0.12  # a group this share of the best one's weight belongs to the digit (a 5's bar)
_LINE_ZONE = 0.15  # share of the picture, from each edge, where a form's line may lie
_LINE_SHARE = 0.85  # of a row or column that is ink: longer than a stroke of a digit in its cell
_TIGHT = 0.15  # share of ink from which a picture is a digit cut out closely, not a cell
_EIGHT = np.ones((3, 3), bool)  # pixels that touch at a corner are joined
_FULL_INK = 80  # percentile of the ink's values that becomes 1


def find_ink(grey: Grey) -> Grey:
    """The digit's ink, 0 elsewhere, levelled so that the strokes reach 1.

    grey: (H, W) float32 in [0, 1]. Raises PictureError if the picture holds no contrast.
    """
    low, high = np.percentile(grey, (0.1, 99.9)) if grey.size > 4000 else (grey.min(), grey.max())
    if high - low < MIN_CONTRAST:
        raise PictureError(
            f"all one colour (contrast {high - low:.1%}, wanted at least {MIN_CONTRAST:.0%}): "
            "no ink to read"
        )
    ground = ground_value(grey)
    ink, ground = (1 - grey, 1 - ground) if ink_is_dark(grey, ground) else (grey, ground)
    even = np.mean(np.abs(ink - ground) < _EVEN) >= _EVEN_SHARE
    ink = ink - (ground if even or max(grey.shape) <= _SMALL else _uneven_ground(ink))
    level = np.clip(ink, 0, None)
    # A picture of 28x28 with a clean ground is a digit array already: nothing to cut away.
    paper, full = np.percentile(level, (_PAPER_SHARE, _INK_SHARE))
    if full - paper <= 0:
        paper, full = 0.0, float(level.max())
    if full <= 0:
        raise PictureError("no ink stands out from the ground")
    level = np.clip((level - paper) / (full - paper), 0, 1).astype(np.float32)
    mask = level > _CUT * otsu_threshold(level)
    if max(grey.shape) > _SMALL:
        mask = _without_form_lines(mask)
    chosen = _digit_group(mask)
    if max(grey.shape) <= _SMALL:
        chosen = _grown(chosen, level)
    ink = np.where(chosen, level, np.float32(0))
    strong = np.percentile(ink[chosen], _FULL_INK)
    levelled: Grey = np.clip(ink / max(float(strong), 1e-6), 0, 1).astype(np.float32)
    return levelled


def ink_is_dark(grey: Grey, ground: float) -> bool:
    """Whether the ink is darker than its ground: the picture then reaches further to that side.

    grey: (H, W) float32 in [0, 1]. ground: the paper's value, as ground_value gives it.
    """
    low, high = np.percentile(grey, (0.5, 99.5))
    return bool(ground - low > high - ground)


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


def ground_value(grey: Grey) -> float:
    """The grey of most of the paper, in [0, 1]. grey: (H, W) float32 in [0, 1].

    The border is mostly ground; in a larger picture a form's lines may run along it, so there the
    middle one of three guesses counts: the border, a ring further in, the whole picture.
    """
    border = _border_median(grey)
    inset = max(1, min(grey.shape) // 10)
    if max(grey.shape) <= _SMALL or min(grey.shape) <= 2 * inset:
        return border
    ring = _border_median(grey[inset:-inset, inset:-inset])
    return float(np.median(np.array((border, ring, np.median(grey)))))


def _border_median(values: Grey) -> float:
    edges = (values[0], values[-1], values[:, 0], values[:, -1])
    return float(np.median(np.concatenate(edges)))


def _uneven_ground(ink: Grey) -> Grey:
    """The paper's own value at each pixel, where ink is the higher one.

    A grey opening (minimum, then maximum filter) wider than a stroke takes strokes off and leaves
    shadows where they are, edges and all; it runs on a small, smoothed copy.
    Source: the top-hat transform, Meyer 1979; Gonzalez & Woods, Digital Image Processing, 9.8.
    """
    share = min(1.0, _GROUND_SIDE / max(ink.shape))
    small = ndimage.zoom(ink, share, order=1, grid_mode=True, mode="nearest")
    smooth = ndimage.gaussian_filter(small, 1, mode="nearest")
    window = max(3, round(_GROUND_WINDOW * max(small.shape)))
    ground = ndimage.grey_opening(smooth, (window, window), mode="nearest")
    ground = ndimage.gaussian_filter(ground, 1, mode="nearest")
    factors = (ink.shape[0] / small.shape[0], ink.shape[1] / small.shape[1])
    full = ndimage.zoom(ground, factors, order=1, grid_mode=True, mode="nearest")
    return np.asarray(full[: ink.shape[0], : ink.shape[1]], np.float32)


def _without_form_lines(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """`mask` without the rows and columns near the frame that are ink nearly all along.

    A cell's lines run along its edges; where a digit touches one, the two are a single group and
    weighing groups cannot part them. A digit cut out closely has strokes along its edges too: it
    is told by its share of ink, and stays as it is. So does a mask of which nothing else is left.
    """
    if mask.mean() > _TIGHT:
        return mask
    cleared = mask.copy()
    # Rows, then columns: two views of one array.
    for lines, along in ((cleared, mask.mean(1)), (cleared.T, mask.mean(0))):
        depth = max(1, round(_LINE_ZONE * len(lines)))
        found = np.flatnonzero(along > _LINE_SHARE)
        for i in found[(found < depth) | (found >= len(lines) - depth)]:
            lines[max(0, i - 1) : i + 2] = False  # and its soft edge
    return cleared if cleared.any() else mask


def _digit_group(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The connected groups of `mask` that make up the digit.

    Groups are weighed by size and by how many sides of the frame they touch: a form's line, a
    shadow or a neighbour runs out of the picture, a digit does not.
    """
    near = max(mask.shape) > _SMALL
    joined = ndimage.binary_closing(mask, _EIGHT, border_value=0) | mask if near else mask
    labels, n = ndimage.label(joined, _EIGHT)
    if n <= 1:
        return mask
    sizes = np.bincount(labels[mask], minlength=n + 1)[1:].astype(np.float64)
    if not near:
        return np.isin(labels, np.flatnonzero(sizes >= _PART_OF_BEST * sizes.max()) + 1) & mask
    sides = np.array([_sides_touched(box, mask.shape) for box in ndimage.find_objects(labels)])
    weights = sizes * np.array(_EDGE_WEIGHT)[np.minimum(sides, 2)]
    best = int(weights.argmax())
    # Where the digit itself keeps clear of the frame, whatever touches it is no part of it.
    kept = (weights >= _PART_OF_BEST * weights[best]) & (sides <= sides[best])
    return np.isin(labels, np.flatnonzero(kept) + 1) & mask


def _sides_touched(box: tuple[slice, ...], shape: tuple[int, ...]) -> int:
    """How many of the picture's four sides a group's box reaches."""
    return sum((part.start == 0) + (part.stop == n) for part, n in zip(box, shape, strict=True))


def _grown(chosen: NDArray[np.bool_], level: Grey) -> NDArray[np.bool_]:
    """The chosen strokes with their soft edges: all ink joined to them. Clean grounds only."""
    return np.asarray(ndimage.binary_propagation(chosen, _EIGHT, mask=level > 0.02))
