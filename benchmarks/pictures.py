"""What made pictures are made of: digits that no shipped model was trained on, paper, ink.

In: MNIST's held-out training digits, or drawings of hwd1000. Out: ink as float32, 1 where it is
full, and what is written with it. Knows nothing of the package's own training scenes.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from inkdigits.data import load

HELD_OUT = 50_000  # the first of MNIST's training digits that are kept for measuring
Random = np.random.Generator
Digit = Callable[[int], np.ndarray]  # of a size: (size, size) float32, ink 1


def held_out() -> tuple[np.ndarray, np.ndarray]:
    """10,000 digits (n, 28, 28) uint8, ink 255, and their labels (n,) int."""
    train = load("mnist").train
    return train.images[HELD_OUT:], train.labels[HELD_OUT:].astype(int)


def drawings() -> tuple[np.ndarray, np.ndarray]:
    """500 drawings (n, 28, 28) uint8, ink 255, and their labels: hwd1000's every second one."""
    with np.load(Path(os.environ["INKDIGITS_FIELD"]) / "hwd1000" / "images.npz") as file:
        return 255 - file["x"][1::2], file["y"][1::2].astype(int)


def sized(image: np.ndarray) -> Digit:
    """The digit at any size, frame and all. image: (n, n) uint8, ink 255."""

    def digit(size: int) -> np.ndarray:
        how = Image.Resampling.BICUBIC if size > len(image) else Image.Resampling.LANCZOS
        return np.asarray(Image.fromarray(image).resize((size, size), how), np.float32) / 255

    return digit


def cut_out(image: np.ndarray) -> np.ndarray:
    """The part of the image that holds ink: what OpenCV's boundingRect gives."""
    rows, columns = np.flatnonzero(image.any(1)), np.flatnonzero(image.any(0))
    return image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def enlarged(image: np.ndarray, times: float) -> np.ndarray:
    """Bicubic. image: (h, w) uint8. Gives uint8."""
    size = [max(1, round(times * side)) for side in image.shape[::-1]]
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC))


def in_a_row(images: Sequence[np.ndarray], gap: int, margin: int) -> np.ndarray:
    """Dark digits on white, `gap` pixels from ink to ink, `margin` pixels around. uint8."""
    cut = [cut_out(image) for image in images]
    height = max(len(one) for one in cut)
    width = sum(one.shape[1] for one in cut) + gap * (len(cut) - 1)
    paper = np.zeros((height + 2 * margin, width + 2 * margin), np.uint8)
    x = margin
    for one in cut:
        y = margin + (height - len(one)) // 2
        paper[y : y + len(one), x : x + one.shape[1]] = one
        x += one.shape[1] + gap
    return 255 - paper


def small_string(images: np.ndarray) -> np.ndarray:
    """Eight digits, 20 pixels high, on 250x60."""
    paper = np.full((60, 250), 235, np.float32)
    for i, image in enumerate(images):
        paper[16:44, 10 + 29 * i : 38 + 29 * i] -= 0.8 * image
    return as_pixels(paper)


def large_page(images: np.ndarray) -> np.ndarray:
    """Six rows of ten digits, 150 pixels high, on 4000x3000 of light paper with some grain."""
    paper = np.random.default_rng(0).normal(228, 4, (3000, 4000))
    for i, image in enumerate(images):
        y, x = 250 + 430 * (i // 10), 250 + 360 * (i % 10)
        paper[y : y + 210, x : x + 210] -= 0.75 * enlarged(image, 7.5)
    return as_pixels(paper)


def page(height: int, width: int, grey: float) -> np.ndarray:
    return np.full((height, width), grey, np.float32)


def write(paper: np.ndarray, ink: np.ndarray, y: int, x: int, opacity: float = 0.9) -> None:
    """Dark ink on the paper; its corner at (y, x)."""
    height, width = ink.shape
    paper[y : y + height, x : x + width] *= 1 - opacity * ink


def anywhere(paper: np.ndarray, digit: Digit, size: int, random: Random, opacity=0.9) -> None:
    y, x = (int(random.integers(0, side - size + 1)) for side in paper.shape)
    write(paper, digit(size), y, x, opacity)


def grained(paper: np.ndarray, random: Random, sd: float = 3) -> np.ndarray:
    return paper + random.normal(0, sd, paper.shape)


def as_pixels(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
