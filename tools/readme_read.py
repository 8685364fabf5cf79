"""The page in README.md: a made table of marks, and the same with a box on each digit.

    python tools/readme_read.py docs/marks.jpg docs/read.png

Needs $INKDIGITS_FIELD for hwd1000's digits (MIT), those that no model was trained on.
"""

import os
import sys
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from inkdigits import Reader

ROWS = (("10", "9", "8.5", "27.5"), ("7", "10", "9", "26"), ("4", "8", "6.5", "18.5"),
        ("10", "10", "10", "30"), ("9", "3", "7", "19"))  # fmt: skip
CELL, LEFT, TOP = (200, 110), 60, 50  # pixels


def page(random: np.random.Generator) -> np.ndarray:
    """The table on squared paper, photographed in sloping light."""
    with np.load(Path(os.environ["INKDIGITS_FIELD"]) / "hwd1000" / "images.npz") as file:
        images, labels = 255 - file["x"][1::2], file["y"][1::2]
    sheet = np.full((TOP * 2 + CELL[1] * len(ROWS), LEFT * 2 + CELL[0] * 4), 235, np.float32)
    sheet[::22], sheet[:, ::22] = 205, 205
    for i in range(len(ROWS) + 1):
        y = TOP + i * CELL[1]
        sheet[y : y + 3, LEFT : LEFT + CELL[0] * 4] = 120
    for i in range(5):
        x = LEFT + i * CELL[0]
        sheet[TOP : TOP + CELL[1] * len(ROWS), x : x + 3] = 120
    for i, row in enumerate(ROWS):
        for j, text in enumerate(row):
            x = LEFT + j * CELL[0] + int(random.integers(25, 50))
            y = TOP + i * CELL[1] + int(random.integers(15, 30))
            for sign in text:
                if sign == ".":
                    cv2.circle(sheet, (x + 6, y + 62), 4, 60.0, -1)
                    x += 16
                    continue
                image = images[random.choice(np.flatnonzero(labels == int(sign)))]
                columns = np.flatnonzero(image.max(0) > 60)
                rows = np.flatnonzero(image.max(1) > 60)
                part = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
                size = (max(8, round(part.shape[1] * 66 / part.shape[0])), 66)
                ink = cv2.resize(part, size, interpolation=cv2.INTER_CUBIC) / np.float32(255)
                view = sheet[y : y + size[1], x : x + size[0]]
                view *= 1 - 0.75 * ink.clip(0, 1)
                x += size[0] + 8
    height, width = sheet.shape
    light = np.linspace(1.0, 0.72, width) * np.linspace(1, 0.9, height)[:, None]
    return np.clip(sheet * light + random.normal(0, 3, sheet.shape), 0, 255).astype(np.uint8)


def main() -> None:
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    picture, out = sys.argv[1:]
    Image.fromarray(page(np.random.default_rng(4))).save(picture, quality=80)
    read = Reader().read(picture)
    print(read.text)
    for row in read.table():
        print(row)
    drawn = read.draw(picture)
    drawn.resize((drawn.width * 3 // 4, drawn.height * 3 // 4), Image.Resampling.LANCZOS).quantize(
        128
    ).save(out, optimize=True)


if __name__ == "__main__":
    main()
