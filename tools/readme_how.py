"""Draws the pictures of docs/how_it_reads.md: what the reader makes of docs/sum.jpg, step by step.

python tools/readme_how.py
"""

from pathlib import Path

import cv2
import numpy as np
import onnxruntime as ort
from PIL import Image, ImageDraw, ImageFont

from inkdigits import Page, Reader
from inkdigits.picture import open_picture
from inkdigits.picture.views import STRIDE, close_up, side_of, standardised
from inkdigits.reading.finder import FINDER_MODEL, Finder, Found
from inkdigits.spec import SORTS

ROOT = Path(__file__).parent.parent
PHOTO = ROOT / "docs" / "sum.jpg"
SHARE = 0.6  # of its size at which the finder is shown the photo here; it looks at several
SEEN = 0.2  # heat from which it looks at a proposal
DIGITS, SIGNS = (29, 111, 216), (124, 58, 237)
SIDE, GAP, LABELS = 56, 4, 84  # pixels of the close-ups' figure


def heat(grey: np.ndarray) -> Image.Image:
    """The picture with a dot where the finder sees the middle of a digit or sign, by how sure."""
    height, width = (32 * round(SHARE * side / 32) for side in grey.shape)
    shown = cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA)
    session = ort.InferenceSession(FINDER_MODEL, providers=["CPUExecutionProvider"])
    (peaks,) = session.run(["peaks"], {"picture": standardised(shown)[None, None]})
    pale = Image.fromarray((160 + 95 * grey).astype(np.uint8)).convert("RGB")
    pen = ImageDraw.Draw(pale)
    for kind, row, column in np.argwhere(peaks[0] > SEEN):
        at = ((column + 0.5) * STRIDE / SHARE, (row + 0.5) * STRIDE / SHARE)
        radius = 10 * float(peaks[0, kind, row, column])
        pen.circle(at, radius, fill=(DIGITS, SIGNS)[kind])
    return pale


def boxes(grey: np.ndarray, found: Found) -> Image.Image:
    """The grey picture with a box around each candidate that was found."""
    image = Image.fromarray((255 * grey).astype(np.uint8)).convert("RGB")
    pen = ImageDraw.Draw(image)
    for box, sorts in zip(found.boxes.tolist(), found.far, strict=True):
        pen.rectangle(box, outline=DIGITS if SORTS[sorts.argmax()].isdigit() else SIGNS, width=3)
    return image


def close_ups(grey: np.ndarray, found: Found, page: Page) -> Image.Image:
    """A column for each digit: its surroundings, its ink, the 28x28 array, and the answer."""
    columns = [
        int(np.abs(found.boxes - box).sum(1).argmin()) for box in page.digits.boxes
    ]  # in reading order
    rows = ("close-up", "its ink", "28x28", "read", "sure")
    width = LABELS + len(columns) * (SIDE + GAP)
    figure = Image.new("RGB", (width, 3 * (SIDE + GAP) + 52), "white")
    pen, font = ImageDraw.Draw(figure), ImageFont.load_default(15)
    tops = [*(row * (SIDE + GAP) for row in range(3)), 3 * (SIDE + GAP) + 2, 3 * (SIDE + GAP) + 26]
    for name, top, height in zip(rows, tops, (SIDE, SIDE, SIDE, 22, 22), strict=True):
        pen.text((0, top + height / 2), name, "#555555", font, anchor="lm")
    for k, i in enumerate(columns):
        left = LABELS + k * (SIDE + GAP)
        view = close_up(grey, found.boxes[i], side_of(found.boxes[i], float(found.units[i])))
        view = (view - view.min()) / (view.max() - view.min())
        for top, shown in zip(tops, (view, found.inks[i], page.digits.arrays[k]), strict=False):
            pixels = Image.fromarray((255 * shown).clip(0, 255).astype(np.uint8))
            figure.paste(pixels.resize((SIDE, SIDE), Image.Resampling.NEAREST), (left, top))
        answer, sure = page.digits.digits[k], page.digits.confidence[k]
        middle = left + SIDE / 2
        pen.text((middle, tops[3] + 11), str(answer), DIGITS, ImageFont.load_default(22), "mm")
        pen.text((middle, tops[4] + 11), f"{sure:.0%}", "#555555", font, "mm")
    return figure


def main() -> None:
    grey = open_picture(PHOTO).grey
    page = Reader().read(PHOTO)
    found = Finder().find(grey)
    print(page.text)
    close_ups(grey, found, page).save(ROOT / "docs" / "how_ink.png", optimize=True)
    figures = {"heat": heat(grey), "boxes": boxes(grey, found), "page": page.draw(PHOTO)}
    for name, figure in figures.items():
        small = figure.resize((560, 560 * figure.height // figure.width), Image.Resampling.LANCZOS)
        small.save(ROOT / "docs" / f"how_{name}.jpg", quality=80)


if __name__ == "__main__":
    main()
