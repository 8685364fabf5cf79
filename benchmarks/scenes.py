"""Where the picture path finds the digit: made scenes of what lies around digits, a row each.

    python benchmarks/scenes.py [--model RUN_OR_ONNX] [--errors FOLDER] [--write] [SCENE ...]

Needs $INKDIGITS_FIELD: the digits are every second one of hwd1000, those that no model was
trained on and that are easy to read, so that what is wrong is mostly finding. The first table has
the eighteen scenes of version 0.1.0, the second the kinds of pictures that it failed on (see
scene_kinds.py). In two of these, an empty cell and digits far apart, right is to accept nothing.
The counts of the seed that RESULTS.md quotes were seen while the reader was made; another --seed
gives pictures that were not.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import tables
from field import as_png, write_errors
from pictures import (
    Digit,
    Random,
    anywhere,
    as_pixels,
    drawings,
    grained,
    page,
    sized,
    write,
)
from PIL import Image, ImageDraw, ImageFont
from scene_kinds import KINDS, NOTHING
from scipy import ndimage

from inkdigits import PictureError, Reader
from inkdigits.synthesis.photos import cell_around

N = 60  # pictures a scene
FONT = "DejaVuSans.ttf"  # Matplotlib's; Pillow looks for it where it is installed
Scene = Callable[[Digit, Random], np.ndarray]


def small_in_28(digit: Digit, random: Random) -> np.ndarray:
    paper = page(28, 28, 255)
    anywhere(paper, digit, int(random.integers(12, 22)), random, 1)
    return 255 - paper


def grainy_28(digit: Digit, random: Random) -> np.ndarray:
    light = digit(28) * random.uniform(120, 200) + random.uniform(10, 60)
    return grained(light, random, 12)


def shaded_small(digit: Digit, random: Random) -> np.ndarray:
    """A photo of paper in sloping light, made as small as a drawing."""
    side = int(random.integers(28, 41))
    y, x = np.mgrid[0:side, 0:side] / side - 0.5
    angle = random.uniform(0, 2 * np.pi)
    slope = 1 + random.uniform(0.15, 0.45) * (x * np.cos(angle) + y * np.sin(angle))
    paper = random.uniform(150, 220) * slope
    write(paper, digit(side), 0, 0, random.uniform(0.45, 0.85))
    return grained(paper, random, 2)


def shadow_on_small(digit: Digit, random: Random) -> np.ndarray:
    """The same with a shadow's soft edge across it."""
    side = int(random.integers(28, 41))
    y, x = np.mgrid[0:side, 0:side] / side - 0.5
    angle = random.uniform(0, 2 * np.pi)
    across = x * np.cos(angle) + y * np.sin(angle) - random.uniform(-0.3, 0.3)
    shadow = random.uniform(0.2, 0.45) / (1 + np.exp(-across / 0.06))
    paper = random.uniform(170, 230) * (1 - shadow)
    write(paper, digit(side), 0, 0, random.uniform(0.45, 0.85))
    return grained(paper, random, 2)


def black_bars(digit: Digit, random: Random) -> np.ndarray:
    bar = int(random.integers(80, 250))
    paper = page(900 - 2 * bar, 600, 225)
    anywhere(paper, digit, int(random.integers(150, 400)), random)
    return np.pad(grained(paper, random), ((bar, bar), (0, 0)))


def printed_text(digit: Digit, random: Random) -> np.ndarray:
    image = Image.fromarray(np.full((500, 700), 235, np.uint8))
    font = ImageFont.truetype(FONT, int(random.integers(14, 26)))
    at = (int(random.integers(10, 200)), int(random.integers(5, 40)))
    ImageDraw.Draw(image).text(at, "Please write one digit here:", fill=40, font=font)
    paper = np.asarray(image, np.float32).copy()
    anywhere(paper[90:], digit, int(random.integers(120, 300)), random)
    return grained(paper, random, 2)


def canvas_border(digit: Digit, random: Random) -> np.ndarray:
    side = int(random.integers(100, 400))
    paper = page(side, side, 255)
    anywhere(paper, digit, int(side * random.uniform(0.4, 0.9)), random, 1)
    thick = int(random.integers(1, 5))
    paper[:thick] = paper[-thick:] = paper[:, :thick] = paper[:, -thick:] = 0
    return paper


def phone_screen(digit: Digit, random: Random) -> np.ndarray:
    """A drawing program: a dark bar above, two buttons below."""
    paper = page(640, 360, 255)
    anywhere(paper[70:540], digit, int(random.integers(120, 300)), random, 1)
    paper[:60], paper[-90:] = random.uniform(40, 120), random.uniform(150, 230)
    paper[-70:-20, 20:160] = paper[-70:-20, 200:340] = 60
    return paper


def punched_paper(digit: Digit, random: Random) -> np.ndarray:
    """Ruled, with a margin's line and three holes, darker to one side."""
    paper = page(600, 800, 232) * np.linspace(1, random.uniform(0.6, 0.95), 800)
    for row in range(int(random.integers(0, 40)), 600, 44):
        paper[row : row + 2] *= 0.82
    margin = int(random.integers(60, 160))
    paper[:, margin : margin + 3] *= 0.7
    y, x = np.mgrid[0:600, 0:800]
    for row in range(60, 600, 180):
        paper[np.hypot(y - row, x - 25) < 14] = 60
    size, opacity = int(random.integers(80, 250)), random.uniform(0.5, 0.9)
    anywhere(paper[20:580, margin + 10 : 790], digit, size, random, opacity)
    return grained(paper, random)


def a_finger(digit: Digit, random: Random) -> np.ndarray:
    paper = page(600, 800, 225)
    anywhere(paper[:, :560], digit, int(random.integers(120, 300)), random, 0.85)
    y, x = np.mgrid[0:600, 0:800]
    finger = ((x - 820) / 220) ** 2 + ((y - random.integers(200, 600)) / 70) ** 2 < 1
    coloured = np.repeat(paper[..., None], 3, 2)
    coloured[finger] = (190, 140, 115)
    coloured = (
        grained(coloured, random) * np.linspace(random.uniform(0.7, 1), 1, 600)[:, None, None]
    )
    return ndimage.gaussian_filter(coloured, (1.5, 1.5, 0))


def fills_the_frame(digit: Digit, random: Random) -> np.ndarray:
    side = int(random.integers(60, 300))
    return 255 * (1 - ndimage.grey_dilation(digit(side), (side // 10, side // 10)))


def light_colours(digit: Digit, random: Random) -> np.ndarray:
    inks = ((255, 255, 0), (255, 160, 0), (0, 255, 255), (255, 120, 120), (120, 255, 120))
    return _two_colours(digit, random, inks[random.integers(5)], (255, 255, 255))


def dark_colours(digit: Digit, random: Random) -> np.ndarray:
    inks = ((0, 0, 255), (120, 0, 0), (60, 0, 120), (0, 60, 0))
    return _two_colours(digit, random, inks[random.integers(4)], (0, 0, 0))


def colours_of_one_lightness(digit: Digit, random: Random) -> np.ndarray:
    pairs = (
        ((200, 60, 60), (60, 130, 60)), ((60, 60, 220), (140, 40, 60)),
        ((230, 120, 30), (90, 160, 220)),
    )  # fmt: skip
    return _two_colours(digit, random, *pairs[random.integers(3)])


def _two_colours(digit: Digit, random: Random, ink: tuple, paper: tuple) -> np.ndarray:
    cover = digit(int(random.integers(40, 300)))[..., None]
    return np.array(paper) * (1 - cover) + np.array(ink) * cover


def hard_shadow(digit: Digit, random: Random) -> np.ndarray:
    paper = page(500, 700, 215)
    anywhere(paper[10:490, 10:690], digit, int(random.integers(100, 260)), random, 0.8)
    y, x = np.mgrid[0:500, 0:700]
    angle = random.uniform(0, 2 * np.pi)
    side = (x - 350) * np.cos(angle) + (y - 250) * np.sin(angle)
    paper[side > random.uniform(-100, 100)] *= random.uniform(0.35, 0.7)
    return ndimage.gaussian_filter(grained(paper, random), 2)


def faint_pencil(digit: Digit, random: Random) -> np.ndarray:
    paper = grained(page(500, 600, 200), random, 5)
    opacity = random.uniform(0.12, 0.25)
    anywhere(paper[10:490, 10:590], digit, int(random.integers(150, 350)), random, opacity)
    return ndimage.gaussian_filter(paper, 1)


def tiny_in_large(digit: Digit, random: Random) -> np.ndarray:
    paper = grained(page(1500, 2000, 240), random)
    anywhere(paper[100:1400, 100:1900], digit, int(random.integers(60, 110)), random, 0.85)
    return paper


def forms_cell(digit: Digit, random: Random) -> np.ndarray:
    """A printed cell around the digit, of which sides may be missing."""
    height, width = (int(n) for n in random.integers(200, 700, 2))
    size = int(min(height, width) * random.uniform(0.3, 0.7))
    paper, ink = page(height, width, 1), page(height, width, 0)
    y, x = (int(random.integers(0, side - size + 1)) for side in (height, width))
    ink[y : y + size, x : x + size] = digit(size)
    cell_around(ink > 0.5, size, paper[..., None], random)
    return grained(random.uniform(170, 235) * paper * (1 - random.uniform(0.5, 0.9) * ink), random)


SCENES: dict[str, Scene] = {scene.__name__.replace("_", " "): scene for scene in (
    small_in_28, grainy_28, shaded_small, shadow_on_small, fills_the_frame, light_colours,
    dark_colours, colours_of_one_lightness, canvas_border, phone_screen, black_bars, printed_text,
    punched_paper, forms_cell, faint_pencil, hard_shadow, a_finger, tiny_in_large,
)}  # fmt: skip


def pictures(name: str, seed: int) -> tuple[list[bytes], np.ndarray]:
    """A scene's pictures as PNG files' bytes, and their labels."""
    images, labels = drawings()
    made, true = [], []
    for number in range(N):
        i = number * 7 % len(images)
        if name in SCENES:
            random = np.random.default_rng([seed, list(SCENES).index(name), number])
            pixels, label = SCENES[name](sized(images[i]), random), int(labels[i])
        else:
            random = np.random.default_rng([seed, 100 + list(KINDS).index(name), number])
            pixels, label = KINDS[name]((images, labels), number, random)
        made.append(as_png(as_pixels(pixels)))
        true.append(label)
    return made, np.array(true)


def score(reader: Reader, name: str, seed: int, errors: Path | None) -> tuple[int, int]:
    """How many of a scene's pictures are read right, and of these how many are accepted."""
    made, labels = pictures(name, seed)
    found = list(reader.predict_many(made))
    digits = np.array([-2 if isinstance(f, PictureError) else f.digit for f in found])
    taken = np.array([not isinstance(f, PictureError) and f.accepted for f in found])
    right = np.where(labels == NOTHING, ~taken & (digits != -2), digits == labels)
    if errors:
        errors.mkdir(parents=True, exist_ok=True)
        wrong = [(made[i], int(labels[i]), f"{digits[i]}") for i in np.flatnonzero(~right)]
        write_errors(errors / f"{name}.png", wrong)
    return right.sum(), (right & (taken | (labels == NOTHING))).sum()


def main() -> None:
    parser = tables.parser(__doc__)
    names = ", ".join([*SCENES, *KINDS])
    parser.add_argument("scenes", nargs="*", help=f"of {names}; all if none is named")
    parser.add_argument("--model")
    parser.add_argument("--seed", type=int, default=20_262)
    parser.add_argument("--errors", type=Path)
    args = parser.parse_args()
    reader = Reader(args.model)
    for title, kinds in (("scenes", SCENES), ("later-scenes", KINDS)):
        names = [name for name in kinds if name in args.scenes or not args.scenes]
        if not names:
            continue
        table = tables.Table(title, "scene", f"right, of {N}", "and accepted")
        total = np.zeros(2, int)
        for name in names:
            counts = score(reader, name, args.seed, args.errors)
            total += counts
            table.row(name, *counts)
        table.row(f"all, of {N * len(names):,}", *(f"{count:,}" for count in total))
        if args.write and len(names) == len(kinds):
            table.write()


if __name__ == "__main__":
    main()
