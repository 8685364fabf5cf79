"""Tesseract's answers for pictures, as JSON lines: digits alone, a line of writing a line.

    apt-get install tesseract-ocr
    python benchmarks/read_numbers.py strings --files |
        xargs python benchmarks/peer_tesseract.py --string > answers.jsonl
    python benchmarks/read_numbers.py strings --lines answers.jsonl

One thread, a whitelist of digits, and for pages the mode that finds blocks of text by itself
(--psm 3); --string: each picture is one line (--psm 7). Tesseract is given each picture upright,
by the camera's mark, and as its documents advise: dark on light, transparency on white, with paper
around it, and a string resized to 64 pixels, in which digits are about 32 pixels high: of 32, 48
and 64 the height at which most strings were read. Version 5.
"""

import argparse
import json
import os
import subprocess
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image, ImageOps

STRING = 64  # pixels: the height that a picture of one line is resized to
PAPER = 16  # pixels added on each side


def prepared(path: str, string: bool) -> Image.Image:
    """Grey, dark on light, with paper around it."""
    clear = ImageOps.exif_transpose(Image.open(path)).convert("RGBA")
    grey = Image.alpha_composite(Image.new("RGBA", clear.size, "white"), clear).convert("L")
    if np.median(np.asarray(grey)) < 128:
        grey = ImageOps.invert(grey)
    if string:
        grey = grey.resize((max(1, round(grey.width * STRING / grey.height)), STRING))
    return ImageOps.expand(grey, PAPER, round(float(np.median(np.asarray(grey)))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pictures", nargs="+")
    parser.add_argument("--string", action="store_true")
    args = parser.parse_args()
    with TemporaryDirectory() as folder:
        file = Path(folder) / "picture.png"
        command = ["tesseract", file, "stdout", "--psm", "7" if args.string else "3",
                   "-c", "tessedit_char_whitelist=0123456789"]  # fmt: skip
        for path in args.pictures:
            prepared(path, args.string).save(file)
            start = time.perf_counter()
            done = subprocess.run(
                command, check=True, capture_output=True, text=True,
                env={**os.environ, "OMP_THREAD_LIMIT": "1"},
            )  # fmt: skip
            seconds = time.perf_counter() - start
            text = "\n".join(line.strip() for line in done.stdout.splitlines() if line.strip())
            print(json.dumps({"file": path, "text": text, "seconds": seconds}), flush=True)


if __name__ == "__main__":
    main()
