"""Draws docs/readings.png: each picture of examples/, what the network saw, what it read.

python tools/readme_picture.py
"""

from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image, ImageOps

from inkdigits import Reader
from inkdigits.picture.open import SUFFIXES

ROOT = Path(__file__).parent.parent


def main() -> None:
    files = [f for f in sorted((ROOT / "examples").iterdir()) if f.suffix in SUFFIXES]
    reader = Reader()
    figure = Figure(figsize=(12, 4.3), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    for cell, file in zip(figure.subfigures(2, 5).flat, files, strict=True):
        left, right = cell.subplots(1, 2, width_ratios=(1.5, 1))
        with Image.open(file) as image:
            shown = ImageOps.exif_transpose(image)
            if shown.mode.startswith("I;16"):
                shown = shown.point(lambda v: v / 257).convert("L")
            left.imshow(shown.convert("RGBA"))
        reading = reader.predict(file)
        right.imshow(reading.array, cmap="gray", vmin=0, vmax=1)
        cell.suptitle(f"{reading.digit}   {reading.confidence:.1%}", fontweight="bold")
        kind = file.stem[2:].replace("_", " ")
        left.set_xlabel(kind, fontsize=8)
        right.set_xlabel("as read", fontsize=8)
        for axes in (left, right):
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_color("#cccccc")
    figure.savefig(ROOT / "docs" / "readings.png", dpi=100)


if __name__ == "__main__":
    main()
