"""Scenes written to a folder: pictures, what stands in each, and a contact sheet to look at.

In: hands, a seed, how many. Out: NNNNNN.png, NNNNNN_ink.png (0 on paper, k + 1 on the ink of the
scene's item k), scenes.jsonl with a line for each picture, and contact.png.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from inkdigits.files import folder_written_whole
from inkdigits.spec import SORTS
from inkdigits.synthesis.hands import Hands, collected, joined
from inkdigits.synthesis.scenes import HEIGHT, WIDTH, Scene, scene

Advance = Callable[[int, int], None]  # (done, total)

LIST = "scenes.jsonl"
OWN = rf"({LIST}|contact\.png|[0-9]+(_ink)?\.png)"  # what such a folder holds
_HANDS, _CHUNK = 3_000, 100  # shapes: half a minute's work
_COLUMNS, _ON_CONTACT = 6, 48
_DIGIT, _SIGN, _PAPER = "#e11d48", "#9333ea", "#41597a"


def hands_of(
    images: NDArray[np.uint8],
    labels: NDArray[np.uint8],
    fonts: Sequence[Path],
    seed: int,
    advance: Advance = lambda *_: None,
) -> Hands:
    """Enough hands for scenes to look at. images: (N, 28, 28) uint8, ink 255. labels: (N,) 0-9."""
    parts = []
    for start in range(0, _HANDS, _CHUNK):
        parts.append(collected(images, labels, fonts, range(start, start + _CHUNK), seed))
        advance(start + _CHUNK, _HANDS)
    return joined(parts)


def write_scenes(
    hands: Hands, seed: int, count: int, folder: Path, advance: Advance = lambda *_: None
) -> None:
    """Write scenes 0 to count - 1 of that seed, all or nothing.

    Replaces a folder of scenes of that name; raises ConfigError where anything else has it.
    """
    with folder_written_whole(folder, LIST, OWN) as part:
        shown = []
        with (part / LIST).open("w", encoding="utf-8") as lines:
            for number in range(count):
                made = scene(hands, seed, number)
                name = f"{number:06d}"
                cv2.imwrite(str(part / f"{name}.png"), made.picture)
                cv2.imwrite(str(part / f"{name}_ink.png"), ink_map(made))
                lines.write(json.dumps(described(made, f"{name}.png"), ensure_ascii=False) + "\n")
                if number < _ON_CONTACT:
                    shown.append(made)
                advance(number + 1, count)
        contact_sheet(shown).save(part / "contact.png")


def described(made: Scene, name: str) -> dict[str, object]:
    """A scene's items as JSON values; boxes are left, top, right, bottom in pixels."""
    return {
        "file": name,
        "items": [
            {
                "sort": SORTS[sort],
                "box": [round(float(v), 1) for v in box],
                "line_height": round(float(unit), 1),
                "shown": round(float(share), 3),
            }
            for sort, box, unit, share in zip(
                made.sorts, made.boxes, made.units, made.shown, strict=True
            )
        ],
    }


def ink_map(made: Scene) -> NDArray[np.uint8]:
    """(H, W) uint8: k + 1 where item k's pen was, 0 elsewhere; where two cross, the later one."""
    height, width = made.picture.shape
    found = np.zeros((height, width), np.uint8)
    for number, item in enumerate(made.items):
        h, w = item.ink.shape
        x0, y0 = max(0, item.left), max(0, item.top)
        x1, y1 = min(width, item.left + w), min(height, item.top + h)
        inside = item.ink[y0 - item.top : y1 - item.top, x0 - item.left : x1 - item.left]
        found[y0:y1, x0:x1][inside > 127] = number + 1
    return found


def contact_sheet(scenes: list[Scene]) -> Image.Image:
    """The scenes side by side, a box and its sort on each item."""
    rows = max(1, -(-len(scenes) // _COLUMNS))
    sheet = Image.new("RGB", (_COLUMNS * (WIDTH + 4), rows * (HEIGHT + 4)), _PAPER)
    font = ImageFont.load_default(11)
    for number, made in enumerate(scenes):
        picture = Image.fromarray(made.picture).convert("RGB")
        pen = ImageDraw.Draw(picture)
        for box, sort in zip(made.boxes.tolist(), made.sorts.tolist(), strict=True):
            left, top, right, bottom = box
            colour = _DIGIT if SORTS[sort].isdigit() else _SIGN
            pen.rectangle((left, top, right - 1, bottom - 1), outline=colour)
            pen.text((left + 1, top - 1), SORTS[sort], fill="#0a8f2f", font=font)
        row, column = divmod(number, _COLUMNS)
        sheet.paste(picture, (column * (WIDTH + 4), row * (HEIGHT + 4)))
    return sheet
