"""Kinds of pictures that version 0.1.0's picture rules failed on, drawn anew for scenes.py.

In: drawings that no model was trained on, a picture's number and a random generator. Out: pixels
and the label: a digit, or NOTHING where `predict` should accept none. None of these generators is
used in training.
"""

from collections.abc import Callable

import numpy as np
from pictures import Random, anywhere, cut_out, enlarged, grained, page, sized, write
from PIL import Image, ImageDraw
from scipy import ndimage

NOTHING = -1
Drawings = tuple[np.ndarray, np.ndarray]  # (n, 28, 28) uint8 with ink 255, labels
Made = tuple[np.ndarray, int]
Strokes = tuple[tuple[tuple[float, float], ...], ...]  # points (x, y) in a box of height 1

FINE = 4  # times the size that lines are drawn at, for soft edges
_LOOP = tuple((0.3 - 0.3 * np.sin(a), 0.27 - 0.27 * np.cos(a)) for a in np.linspace(-1.5, 4.7, 25))
STEMS: tuple[tuple[int, Strokes], ...] = (
    (1, (((0, 0.25), (0.3, 0), (0.3, 1)), ((0, 1), (0.6, 1)))),
    (1, (((0.05, 0.2), (0.3, 0), (0.3, 1)),)),
    (4, (((0.3, 0), (0, 0.6), (0.65, 0.6)), ((0.48, 0.2), (0.48, 1)))),
    (4, (((0, 0), (0, 0.55), (0.6, 0.55)), ((0.6, 0), (0.6, 1)))),
    (7, (((0, 0.03), (0.55, 0), (0.4, 1)),)),
    (7, (((0, 0), (0.6, 0), (0.6, 1)),)),
    (9, (_LOOP, ((0.6, 0.1), (0.58, 1)))),
    (2, (((0.02, 0.2), (0.3, 0), (0.55, 0.22), (0, 1), (0.65, 1)),)),
)
# A seven-segment display's corners: left and right; top, middle, bottom.
_A, _B, _C, _D, _E, _F = (0, 0), (0.6, 0), (0, 0.5), (0.6, 0.5), (0, 1), (0.6, 1)
STRAIGHT: tuple[tuple[int, Strokes], ...] = (
    (0, ((_A, _B, _F, _E, _A),)),
    (2, ((_A, _B, _D, _C, _E, _F),)),
    (3, ((_A, _B, _F, _E), (_C, _D))),
    (4, ((_A, _C, _D), (_B, _F))),
    (5, ((_B, _A, _C, _D, _F, _E),)),
    (6, ((_B, _A, _E, _F, _D, _C),)),
    (7, ((_A, _B, _F),)),
    (8, ((_A, _B, _F, _E, _A), (_C, _D))),
    (9, ((_D, _C, _A, _B, _F),)),
)


def drawn(
    shape: tuple[int, int], strokes: Strokes, y: float, x: float, size: float, pen: float
) -> np.ndarray:
    """Ink of the strokes, their box's corner at (y, x), `size` pixels high. shape: (h, w)."""
    layer = Image.new("L", (FINE * shape[1], FINE * shape[0]))
    draw = ImageDraw.Draw(layer)
    for stroke in strokes:
        points = [(FINE * (x + size * a), FINE * (y + size * b)) for a, b in stroke]
        draw.line(points, 255, max(1, round(FINE * pen)), "curve")
    small = layer.resize(shape[::-1], Image.Resampling.BOX)
    return np.asarray(small, np.float32) / 255


def by_hand(strokes: Strokes, random: Random, miss: float) -> Strokes:
    """The same with a slant, another width, and every point missed by a little."""
    wide, slant = random.uniform(0.8, 1.3), random.normal(0, 0.05)
    return tuple(
        tuple(
            (wide * a + slant * (1 - b) + random.normal(0, miss), b + random.normal(0, miss))
            for a, b in stroke
        )
        for stroke in strokes
    )


def thin_stem(_: Drawings, number: int, random: Random) -> Made:
    """Lines of one to three pixels; the stem or base nearly spans the picture."""
    label, strokes = STEMS[number % len(STEMS)]
    height = int(random.integers(120, 500))
    width = int(height * random.uniform(0.7, 0.95))
    size = height * random.uniform(0.78, 0.92)
    y = random.uniform(0.25, 0.75) * (height - size)
    x = random.uniform(0.25, 0.6) * (width - 0.65 * size)
    strokes = by_hand(strokes, random, 0.006)
    ink = drawn((height, width), strokes, y, x, size, random.uniform(1, 3.2))
    return 255 * (1 - random.uniform(0.7, 1) * ink), label


def lighter_stroke(drawings: Drawings, number: int, random: Random) -> Made:
    """A part of the digit, on one side of a line through it, was drawn with less pressure."""
    image, label = _nth(drawings, number)
    size = int(random.integers(60, 300))
    ink = sized(image)(size)
    y, x = np.mgrid[0:size, 0:size] / size - 0.5
    angle = random.uniform(0, 2 * np.pi)
    part = x * np.cos(angle) + y * np.sin(angle) > random.uniform(-0.05, 0.15)
    ink = ink * np.where(part, random.uniform(0.2, 0.45), 1)
    paper = page(int(1.3 * size), int(1.3 * size), random.uniform(200, 255))
    write(paper, ink, int(0.15 * size), int(0.15 * size), random.uniform(0.8, 0.95))
    return grained(paper, random, 1), label


def straight_strokes(_: Drawings, number: int, random: Random) -> Made:
    """Digits as on a display, by hand."""
    label, strokes = STRAIGHT[number % len(STRAIGHT)]
    side = int(random.integers(60, 400))
    size = side * random.uniform(0.5, 0.8)
    y, x = random.uniform(0.3, 0.7) * (side - size), random.uniform(0.3, 0.7) * (side - 0.7 * size)
    pen = size * random.uniform(0.03, 0.12)
    ink = drawn((side, side), by_hand(strokes, random, 0.02), y, x, size, max(1.0, pen))
    return 255 * (1 - random.uniform(0.8, 1) * ink), label


def slashed_zero(drawings: Drawings, number: int, random: Random) -> Made:
    """A drawn zero with a stroke of about the same pen across it."""
    images, labels = drawings
    image = images[np.flatnonzero(labels == 0)[number % (labels == 0).sum()]]
    size = int(random.integers(60, 250))
    ink = enlarged(cut_out(image), size / 20).astype(np.float32) / 255
    height, width = ink.shape
    margin = int(0.35 * height)
    paper = np.pad(ink, margin)
    over = random.uniform(-0.05, 0.25)  # how far the stroke goes beyond the zero
    ends = ((0.85 + over, -over), (0.15 - over, 1 + over))
    slash = tuple((a * width / height, b) for a, b in ends)
    pen = height * random.uniform(0.06, 0.12)
    line = drawn(paper.shape, (slash,), margin, margin, height, pen)
    return 255 * (1 - 0.95 * np.maximum(paper, line)), 0


def cut_tight(drawings: Drawings, number: int, random: Random) -> Made:
    """Cut along the outline without a margin, 25 to 100 pixels high, dark or light."""
    image, label = _nth(drawings, number)
    ink = cut_out(image)
    ink = enlarged(ink, int(random.integers(25, 101)) / len(ink)).astype(np.float32)
    return (255 - ink if random.random() < 0.5 else ink), label


def coarse_paper(drawings: Drawings, number: int, random: Random) -> Made:
    """Yellow paper whose grain the ink stands out of by only a few times."""
    image, label = _nth(drawings, number)
    side = int(random.integers(120, 320))
    cover = page(side, side, 1)
    anywhere(cover, sized(image), int(side * random.uniform(0.5, 0.85)), random, 1)
    grain = ndimage.gaussian_filter(random.normal(0, 1, (side, side)), random.uniform(0, 1.2))
    sd = random.uniform(9, 16)
    grain *= sd / grain.std()
    paper = np.array((1.0, 0.93, 0.62)) * random.uniform(170, 220)
    dark = np.array((1.0, 1.0, 0.7)) * sd * random.uniform(4, 7)
    return paper - dark * (1 - cover[..., None]) + grain[..., None], label


def empty_cell(_: Drawings, number: int, random: Random) -> Made:
    """Paper with the rest of a cell's border along one to three sides, and no digit."""
    height, width = (int(n) for n in random.integers(40, 300, 2))
    paper, shade = page(height, width, random.uniform(200, 250)), random.uniform(20, 120)
    sides = random.permutation(4)[: 1 + number % 3]
    for side in sides:
        turned = np.rot90(paper, side)  # a view: what is written there stands on the paper
        away = int(random.integers(0, max(2, len(turned) // 25)))
        thick = int(random.integers(1, max(3, len(turned) // 16)))
        turned[away : away + thick] = shade
    return ndimage.gaussian_filter(grained(paper, random, 3), random.uniform(0, 0.8)), NOTHING


def far_apart(drawings: Drawings, number: int, random: Random) -> Made:
    """Two digits one to six times their height apart."""
    size = int(random.integers(25, 120))
    gap = int(size * random.uniform(1, 6))
    paper = page(int(1.6 * size), 2 * size + gap + size, random.uniform(200, 255))
    for place, i in enumerate((number, number + 31)):
        image, _ = _nth(drawings, i)
        y = int(random.integers(0, int(0.6 * size)))
        write(paper, sized(image)(size), y, size // 2 + place * (size + gap))
    return grained(paper, random, 1), NOTHING


def _nth(drawings: Drawings, number: int) -> tuple[np.ndarray, int]:
    """The drawing for a picture: sixty of them in order hold as many of each digit."""
    images, labels = drawings
    i = number * len(images) // 60 % len(images)
    return images[i], int(labels[i])


KINDS: dict[str, Callable[[Drawings, int, Random], Made]] = {
    kind.__name__.replace("_", " "): kind for kind in (
        thin_stem, lighter_stroke, straight_strokes, slashed_zero, cut_tight, coarse_paper,
        empty_cell, far_apart,
    )
}  # fmt: skip
