"""Makes the ten pictures in this folder: real handwriting, put into pictures of ten kinds.

Makes docs/hand_1.jpg and docs/hand_2.jpg as well, the pages of 2_your_own_handwriting.ipynb, and
docs/sum.jpg, the photo of docs/how_it_reads.md.

    python examples/make_examples.py FOLDER_OF_HWD1000

The digits are one writer's, drawn on a tablet (niklashenning/hwd-1000-dataset, MIT). What is
around them (paper, light, blur, lines, formats) is made here, with a fixed seed.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

HERE = Path(__file__).parent
PAGES = HERE.parent / "docs"
RNG = np.random.default_rng(7)


def strokes(pixels: np.ndarray, side: int) -> np.ndarray:
    """A 28x28 drawing (dark on white) as crisp ink of `side` pixels, 0 to 1."""
    ink = 1 - pixels / 255
    large = np.asarray(Image.fromarray(ink).resize((side, side), Image.Resampling.BICUBIC))
    return 1 / (1 + np.exp(-14 * (ndimage.gaussian_filter(large, side / 120) - 0.45)))


def paper(height: int, width: int, colour: tuple[int, int, int], grain: float) -> np.ndarray:
    """Paper with fibres: (H, W, 3) in [0, 1]."""
    fibres = ndimage.gaussian_filter(RNG.standard_normal((height, width)), 1.2)
    return np.array(colour) / 255 * (1 + grain * fibres / fibres.std())[..., None]


def light(height: int, width: int, darkest: float) -> np.ndarray:
    """Light that falls off to one corner, with a soft shadow's edge across."""
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    edge = 1 / (1 + np.exp(-25 * (x + 0.4 * y - 0.75)))
    return (darkest + (1 - darkest) * (0.75 + 0.25 * (x + y) / 2) * (0.7 + 0.3 * edge))[..., None]


def photo(ink, height, width, colour, pen, place, darkest=0.45, grain=0.02, ruled=0):
    """A photo of ink on paper, with uneven light, a little blur and sensor noise."""
    page = paper(height, width, colour, grain)
    if ruled:
        page[ruled // 2 :: ruled] *= (0.75, 0.85, 1.0)
        page[ruled // 2 + 1 :: ruled] *= (0.75, 0.85, 1.0)
    mask = np.zeros((height, width, 1))
    top, left = place
    mask[top : top + len(ink), left : left + ink.shape[1], 0] = ink
    # Real pens press unevenly.
    mask *= 0.8 + 0.2 * ndimage.gaussian_filter(RNG.random((height, width)), 9)[..., None]
    page = page * (1 - mask) + np.array(pen) / 255 * mask
    page = ndimage.gaussian_filter(page * light(height, width, darkest), (1.2, 1.2, 0))
    page += RNG.normal(0, 0.012, page.shape)
    return Image.fromarray((np.clip(page, 0, 1) * 255).astype(np.uint8))


def make(x: np.ndarray, y: np.ndarray) -> None:
    """Write the ten pictures; digits are taken in the order the set has them."""
    digit = {d: x[np.flatnonzero(y == d)[3 + d]] for d in range(10)}

    yellow, white, blue, black = (238, 214, 130), (236, 236, 230), (35, 50, 150), (25, 25, 30)
    photo(strokes(digit[0], 420), 900, 1200, yellow, blue, (240, 420)).save(
        HERE / "0_yellow_paper.jpg", quality=82
    )

    cell = np.full((150, 190), 248.0)
    cell[10:130, 35:155] -= 215 * strokes(digit[1], 120)
    cell[143:147], cell[:, 183:187], cell[:, 2:4] = 30, 30, 60
    cell += RNG.normal(0, 3, cell.shape)
    Image.fromarray(np.clip(cell, 0, 255).astype(np.uint8)).save(HERE / "1_form_cell.png")

    Image.fromarray(255 - digit[2]).save(HERE / "2_small_white_on_black.png")

    alpha = (255 * strokes(digit[3], 300)).astype(np.uint8)
    red = np.dstack([np.full_like(alpha, 200), np.zeros_like(alpha), np.zeros_like(alpha), alpha])
    Image.fromarray(red).save(HERE / "3_red_on_transparent.png")

    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side; the camera says how to turn it
    upright = photo(strokes(digit[4], 380), 1000, 800, white, black, (260, 220), darkest=0.6)
    upright.transpose(Image.Transpose.ROTATE_90).save(
        HERE / "4_photo_on_its_side.jpg", exif=exif, quality=85
    )

    deep = 60_000 - 45_000 * strokes(digit[5], 256)
    Image.fromarray(deep.astype(np.uint16)).save(HERE / "5_sixteen_bit_scan.png")

    photo(
        strokes(digit[6], 360), 700, 900, (190, 190, 186), (125, 125, 128), (150, 260), 0.7, 0.03
    ).save(HERE / "6_pencil_on_grey_paper.jpg", quality=75)

    photo(strokes(digit[7], 300), 800, 1000, white, blue, (240, 380), 0.6, 0.015, ruled=95).save(
        HERE / "7_ruled_paper.jpg", quality=85
    )

    on_screen = np.array((255, 245, 230)) + strokes(digit[8], 320)[..., None] * (-255, -125, -60)
    Image.fromarray(np.clip(on_screen, 0, 255).astype(np.uint8)).quantize(32).save(
        HERE / "8_drawing.gif"
    )

    canvas = np.zeros((600, 800), np.uint8)
    canvas[470:540, 90:160] = (255 * strokes(digit[9], 70)).astype(np.uint8)
    Image.fromarray(canvas).save(HERE / "9_tiny_in_a_corner.png")


def climbing(ink: np.ndarray) -> np.ndarray:
    """The ink with its level strokes climbing to the right at 29 degrees, nothing around it."""
    side = len(ink)
    high = np.pad(ink, ((side, side), (0, 0)))
    sheared = ndimage.affine_transform(high, [[1, 0.55], [0, 1]], [-0.55 * side / 2, 0], order=1)
    rows, columns = (np.flatnonzero(sheared.max(axis) > 0.2) for axis in (1, 0))
    return sheared[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def make_page(x: np.ndarray, y: np.ndarray, path: Path) -> None:
    """A photo of ten lines of ten digits in a steep hand."""
    order = np.random.default_rng(1).permutation(np.repeat(np.arange(10), 10))
    ink = np.zeros((1000, 1000))
    for place, digit in enumerate(order):
        drawn = x[np.flatnonzero(y == digit)[np.sum(order[:place] == digit)]]
        patch = climbing(strokes(drawn, 70))
        row, column = divmod(place, 10)
        height, width = patch.shape
        top = 95 + 90 * row - height // 2 + int(RNG.integers(-5, 6))
        left = 95 + 90 * column - width // 2 + int(RNG.integers(-7, 8))
        there = ink[top : top + height, left : left + width]
        np.maximum(there, patch, out=there)
    white, blue = (236, 236, 230), (35, 50, 150)
    photo(ink, 1000, 1000, white, blue, (0, 0), 0.55, 0.015).save(path, quality=70)


def make_sum(x: np.ndarray, y: np.ndarray, path: Path) -> None:
    """A photo of a sum on ruled paper, and a number below it whose digits nearly touch."""
    drawings = {str(d): iter(x[np.flatnonzero(y == d)[20:]]) for d in range(10)}
    ink = np.zeros((380, 840))
    for first, base, gap, signs in ((60, 172, 24, "27+15=42"), (210, 316, 4, "3806")):
        left = first
        for sign in signs:
            patch = strokes(next(drawings[sign]) if sign.isdigit() else drawn(sign), 120)
            rows, columns = (np.flatnonzero(patch.max(axis) > 0.2) for axis in (1, 0))
            patch = patch[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
            bottom = base if sign.isdigit() else base - 28
            there = ink[bottom - len(patch) : bottom, left : left + len(columns)]
            np.maximum(there, patch, out=there)
            left += len(columns) + gap
    yellow, blue = (240, 232, 196), (35, 50, 150)
    photo(ink, 380, 840, yellow, blue, (0, 0), 0.5, 0.012, ruled=72).save(path, quality=80)


def drawn(sign: str) -> np.ndarray:
    """A plus or an equals sign as the set has digits: (28, 28), dark on white."""
    lines = {"+": ((80, 145, 200, 135), (140, 80, 135, 200)), "=": ((80, 115, 200, 105),
             (80, 175, 200, 165))}  # fmt: skip
    image = Image.new("L", (280, 280), 255)
    for line in lines[sign]:
        ImageDraw.Draw(image).line(line, 0, 18)
    return np.asarray(image.resize((28, 28), Image.Resampling.BOX))


if __name__ == "__main__":
    with np.load(Path(sys.argv[1]) / "images.npz") as arrays:
        x, y = arrays["x"], arrays["y"]
    make(x, y)
    # The package's networks have learnt every second drawing: the page that is learnt has those.
    make_page(x[::2], y[::2], PAGES / "hand_1.jpg")
    make_page(x[1::2], y[1::2], PAGES / "hand_2.jpg")
    make_sum(x[1::2], y[1::2], PAGES / "sum.jpg")
