"""Digits and numbers drawn on the page of `inkdigits serve`, by pointer events in Chromium.

For the tests of the page, served and exported, its times (page.py) and its picture in the README
(readme_page.py).
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip

# Strokes of the ten digits, in shares of the sheet's sides.
STROKES = {
    0: [[(0.5, 0.2), (0.36, 0.3), (0.32, 0.5), (0.38, 0.72), (0.5, 0.8), (0.63, 0.7),
         (0.68, 0.5), (0.64, 0.3), (0.5, 0.2)]],
    1: [[(0.52, 0.2), (0.5, 0.5), (0.48, 0.8)]],
    2: [[(0.34, 0.33), (0.42, 0.22), (0.56, 0.21), (0.63, 0.32), (0.58, 0.46), (0.45, 0.62),
         (0.33, 0.78), (0.5, 0.77), (0.68, 0.78)]],
    3: [[(0.36, 0.25), (0.5, 0.2), (0.62, 0.28), (0.58, 0.42), (0.46, 0.48), (0.6, 0.54),
         (0.65, 0.67), (0.54, 0.79), (0.36, 0.75)]],
    4: [[(0.4, 0.2), (0.36, 0.36), (0.32, 0.53), (0.5, 0.54), (0.7, 0.52)],
        [(0.62, 0.25), (0.6, 0.5), (0.58, 0.82)]],
    5: [[(0.64, 0.22), (0.4, 0.22), (0.37, 0.45), (0.52, 0.44), (0.63, 0.55), (0.6, 0.72),
         (0.47, 0.8), (0.34, 0.75)]],
    6: [[(0.58, 0.2), (0.44, 0.36), (0.36, 0.58), (0.4, 0.75), (0.53, 0.8), (0.63, 0.7),
         (0.6, 0.56), (0.47, 0.54), (0.38, 0.64)]],
    7: [[(0.32, 0.24), (0.5, 0.23), (0.68, 0.23), (0.58, 0.45), (0.5, 0.62), (0.45, 0.8)]],
    8: [[(0.6, 0.28), (0.48, 0.2), (0.38, 0.3), (0.48, 0.45), (0.62, 0.6), (0.6, 0.75),
         (0.48, 0.8), (0.38, 0.7), (0.45, 0.55), (0.58, 0.42), (0.6, 0.28)]],
    9: [[(0.62, 0.3), (0.5, 0.21), (0.38, 0.3), (0.4, 0.45), (0.52, 0.49), (0.62, 0.36),
         (0.62, 0.3), (0.61, 0.55), (0.57, 0.82)]],
}  # fmt: skip

SIGNS = {
    ".": [[(0.5, 0.78), (0.51, 0.79)]],
    "-": [[(0.3, 0.5), (0.7, 0.5)]],
    "+": [[(0.3, 0.5), (0.7, 0.5)], [(0.5, 0.32), (0.5, 0.68)]],
    "=": [[(0.3, 0.43), (0.7, 0.43)], [(0.3, 0.57), (0.7, 0.57)]],
}

# What is drawn, and where on the sheet: left, top and size as `written` takes them.
NUMBERS = [
    ("10", 0.2, 0.25, 0.5),
    ("42", 0.2, 0.2, 0.55),
    ("71", 0.1, 0.1, 0.5),
    ("11", 0.2, 0.2, 0.5),
    ("3.5", 0.05, 0.2, 0.45),
    ("-5", 0.1, 0.2, 0.5),
    ("2024", 0.0, 0.3, 0.4),
    ("12+3=15", -0.05, 0.35, 0.24),
    ("4\n17\n208", 0.2, 0.05, 0.34),
]
PEN = "12"  # the width that numbers are drawn with


def written(text: str, left: float, top: float, size: float) -> list[list[tuple[float, float]]]:
    """The strokes of lines of digits and signs. size: of the square that each is drawn in."""
    strokes = []
    for row, line in enumerate(text.split("\n")):
        for column, sign in enumerate(line):
            x, y = left + 0.6 * size * column, top + 0.85 * size * row
            drawn = SIGNS[sign] if sign in SIGNS else STROKES[int(sign)]
            strokes += [[(x + size * a, y + size * b) for a, b in stroke] for stroke in drawn]
    return strokes


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        # It puts a socket into the temporary folder, whose own path may be too long for one.
        env = {**os.environ, "TMPDIR": "/tmp"}
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS, env=env)
        yield browser
        browser.close()


def draw(
    page: Page, strokes: list[list[tuple[float, float]]], steps: int = 1, rest_ms: float = 0
) -> None:
    """Draw with the mouse. steps: its moves from point to point. rest_ms: after each of them."""
    sheet = page.locator("#canvas").bounding_box()
    assert sheet is not None
    for stroke in strokes:
        first, *others = [
            (sheet["x"] + x * sheet["width"], sheet["y"] + y * sheet["height"]) for x, y in stroke
        ]
        page.mouse.move(*first)
        page.mouse.down()
        here = first
        for there in others:
            for step in range(1, steps + 1):
                share = step / steps
                page.mouse.move(*(a + share * (b - a) for a, b in zip(here, there, strict=True)))
                if rest_ms:
                    page.wait_for_timeout(rest_ms)
            here = there
        page.mouse.up()
