"""Pictures such as people have, made from strokes that are known: photos and drawings.

In: (112, 112) strokes (`handwriting`) and a random generator. Out: PIL images. What paper, light, a
camera and a file format do to a digit is drawn at random for each picture: pen and pencil, ruled
and squared paper, shadows, slanted views, blur, noise, JPEG; brushes, colours and transparent
grounds for drawings. Nothing here knows how pictures are read.
"""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from inkdigits.synthesis.handwriting import LARGE, Strokes

Array = NDArray[np.float32]

_INKS = {  # colour of a full stroke on white paper, in [0, 1], and how often it is met
    "black pen": ((0.08, 0.08, 0.10), 0.35),
    "blue pen": ((0.10, 0.16, 0.55), 0.30),
    "pencil": ((0.42, 0.42, 0.44), 0.20),
    "red pen": ((0.75, 0.12, 0.15), 0.08),
    "green pen": ((0.08, 0.45, 0.22), 0.07),
}
_PAPERS = (  # colour in [0, 1]
    (0.97, 0.97, 0.96), (0.93, 0.92, 0.90), (0.96, 0.93, 0.80), (0.95, 0.90, 0.60),
    (0.80, 0.80, 0.80), (0.76, 0.66, 0.52), (0.86, 0.90, 0.96),
)  # fmt: skip


def photographed(strokes: Strokes, random: np.random.Generator) -> Image.Image:
    """A photo or scan of the strokes written on paper, 160 to 800 pixels wide, RGB.

    strokes: (112, 112) float32, ink 1; without ink the page is blank.
    """
    width = int(random.integers(160, 800))
    height = int(width * random.uniform(0.6, 1.4))
    size = min(width, height) * random.uniform(0.2, 0.8)  # of the digit's frame
    canvas = _on_canvas(strokes, height, width, size, random)
    ink_name = random.choice(list(_INKS), p=[share for _, share in _INKS.values()])
    ink = np.array(_INKS[ink_name][0]) + random.normal(0, 0.03, 3)
    paper = np.array(_PAPERS[random.integers(len(_PAPERS))]) + random.normal(0, 0.02, 3)
    if random.random() < 0.05:  # a blackboard
        ink, paper = np.array((0.9, 0.9, 0.88)), np.array((0.15, 0.2, 0.18))
    page = np.ones((height, width, 3), np.float32) * paper.astype(np.float32)
    if random.random() < 0.4:
        _rule(page, size, random)
    if random.random() < 0.15:
        cell_around(canvas > 0.5, size, page, random)
    fine = np.float32(random.normal(0, random.uniform(0, 0.02)))
    page += fine * _grain(height, width, 2, random)[..., None]
    page += np.float32(random.uniform(0, 0.03)) * _grain(height, width, 12, random)[..., None]
    opacity: Array | float = random.uniform(0.75, 1.0)
    if ink_name == "pencil":
        opacity = random.uniform(0.55, 0.95) + 0.25 * _grain(height, width, 1, random)
    cover = np.clip(canvas * opacity, 0, 1).astype(np.float32)[..., None]
    page = page * (1 - cover) + ink.astype(np.float32) * cover
    page *= _light(height, width, random)[..., None]
    page = ndimage.gaussian_filter(page, (*[random.uniform(0, 0.012) * size] * 2, 0))
    contrast = np.float32(random.uniform(0.75, 1.1))
    page = (page - np.float32(0.5)) * contrast + np.float32(0.5 + random.uniform(-0.12, 0.05))
    page += random.standard_normal(page.shape, np.float32) * np.float32(random.uniform(0, 0.025))
    image = Image.fromarray(np.rint(255 * np.clip(page, 0, 1)).astype(np.uint8))
    return _as_jpeg(image, int(random.integers(25, 96)))


def drawn(strokes: Strokes, random: np.random.Generator) -> Image.Image:
    """The strokes drawn on a screen or stored small: any size, colour, position, ground; RGB(A).

    strokes: (112, 112) float32, ink 1.
    """
    side = int(random.choice((16, 20, 28, 28, 32, 48, 64, 100, 200, 280, 400)))
    smallest = 0.25 if side >= 48 else 0.75 if side >= 28 else 0.95
    size = side * random.uniform(smallest, 1.0)
    canvas = _on_canvas(strokes, side, side, size, random)
    dark_ground = random.random() < 0.5
    paper = np.full(3, 0.0 if dark_ground else 1.0)
    ink = np.full(3, 1.0 if dark_ground else 0.0)
    if random.random() < 0.3:
        ink = np.clip(ink + random.uniform(-0.6, 0.6, 3), 0, 1)
    if random.random() < 0.15:
        paper = np.clip(paper + random.uniform(-0.25, 0.25, 3), 0, 1)
    if random.random() < 0.5:
        canvas = (canvas > 0.5).astype(np.float32)  # no soft edges
    if random.random() < 0.15:
        alpha = np.rint(255 * canvas).astype(np.uint8)[..., None]
        colour = np.broadcast_to(np.rint(255 * ink).astype(np.uint8), (*canvas.shape, 3))
        return Image.fromarray(np.concatenate([colour, alpha], 2))
    cover = canvas[..., None]
    page = np.rint(255 * (paper * (1 - cover) + ink * cover)).astype(np.uint8)
    image = Image.fromarray(page)
    return _as_jpeg(image, 75) if random.random() < 0.15 else image


def _on_canvas(
    digit: Array, height: int, width: int, size: float, random: np.random.Generator
) -> Array:
    """The digit's frame `size` pixels high somewhere on a canvas, seen at a slant."""
    angle = np.radians(random.normal(0, 6))
    stretch = np.exp(random.normal(0, 0.08))
    share = LARGE / size
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = share * turn @ np.array([[1, 0.0], [random.normal(0, 0.12), stretch]])
    if not digit.any():
        return np.zeros((height, width), np.float32)
    rows, columns = np.flatnonzero(digit.any(1)), np.flatnonzero(digit.any(0))
    half = size * max(rows[-1] - rows[0], columns[-1] - columns[0]) / LARGE / 2 * 1.15
    centre = np.array(
        [
            random.uniform(min(half, n / 2), max(n - half, n / 2)) * 0.6 + n / 2 * 0.4
            for n in (height, width)
        ]
    )
    middle = np.array([(rows[0] + rows[-1]) / 2, (columns[0] + columns[-1]) / 2])
    # Smoothed first where it shrinks, or thin strokes would fall between samples.
    smooth = ndimage.gaussian_filter(digit, max(0.0, 0.4 * (share - 1)))
    found = ndimage.affine_transform(
        smooth, matrix, middle - matrix @ centre, (height, width), order=1
    )
    return np.asarray(found / max(float(found.max()), 1e-6), np.float32)


def _rule(page: Array, size: float, random: np.random.Generator) -> None:
    """Ruled or squared lines, fainter than most ink."""
    gap = size * random.uniform(0.35, 1.3)
    colour = np.array(((0.6, 0.7, 0.9), (0.65, 0.65, 0.65), (0.9, 0.6, 0.6))[random.integers(3)])
    cover = random.uniform(0.25, 0.8)
    thick = max(1, round(size * random.uniform(0.005, 0.02)))
    for axis in (0, 1) if random.random() < 0.4 else (0,):
        view = page if axis == 0 else page.transpose(1, 0, 2)
        for at in np.arange(random.uniform(0, gap), len(view), gap):
            part = view[int(at) : int(at) + thick]
            part *= np.float32(1 - cover)
            part += (cover * colour).astype(np.float32)


def cell_around(
    digit: NDArray[np.bool_], size: float, page: Array, random: np.random.Generator
) -> None:
    """Print a form's cell around the digit on `page`, in place; sides may be missing.

    digit: (H, W) bool, none where the page is blank. size: of its frame, pixels. page: (H, W, 1 or
    3) float32, paper at most 1.
    """
    rows, columns = np.flatnonzero(digit.any(1)), np.flatnonzero(digit.any(0))
    if not len(rows):
        return
    colour = np.float32(random.uniform(0.05, 0.6))
    thick = max(1, round(size * random.uniform(0.005, 0.04)))
    top, bottom, left, right = (
        int(edge + sign * (thick + size * random.uniform(0.05, 0.5)))
        for edge, sign in ((rows[0], -1), (rows[-1], 1), (columns[0], -1), (columns[-1], 1))
    )
    across = slice(max(0, left), max(0, right))
    down = slice(max(0, top), max(0, bottom))
    for y, x in (
        (slice(top, top + thick), across), (slice(bottom - thick, bottom), across),
        (down, slice(left, left + thick)), (down, slice(right - thick, right)),
    ):  # fmt: skip
        inside = all(0 <= part.start < n for part, n in zip((y, x), page.shape, strict=False))
        if inside and random.random() < 0.85:
            page[y, x] = colour


def _grain(height: int, width: int, scale: int, random: np.random.Generator) -> Array:
    """Smooth noise with a standard deviation near 1, features `scale` pixels wide."""
    coarse = random.normal(0, 1, (height // scale + 2, width // scale + 2)).astype(np.float32)
    image = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(image, np.float32)


def _light(height: int, width: int, random: np.random.Generator) -> Array:
    """How bright the light is at each pixel: a slope, a lamp's pool, at times a shadow's edge."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) / np.float32(max(height, width))
    angle = random.uniform(0, 2 * np.pi)
    light = 1 - random.uniform(0, 0.35) * (
        0.5 + (x - 0.5) * np.cos(angle) + (y - 0.5) * np.sin(angle)
    )
    if random.random() < 0.35:  # a hand's or a phone's shadow
        angle, at = random.uniform(0, 2 * np.pi), random.uniform(-0.3, 0.3)
        side = (x - 0.5) * np.cos(angle) + (y - 0.5) * np.sin(angle) - at
        side = side + 0.1 * np.sin(random.uniform(2, 8) * (x - y))
        soft = random.uniform(0.005, 0.15)
        light = light * (
            1 - random.uniform(0.15, 0.5) / (1 + np.exp(np.clip(-side / soft, -50, 50)))
        )
    return np.asarray(light, np.float32)


def _as_jpeg(image: Image.Image, quality: int) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return Image.open(file)
