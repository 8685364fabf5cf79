"""What tests of several folders share."""

import io
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from inkdigits.data.digits import DigitSets
from inkdigits.data.folders import write_png_folder

NET = """
from torch import nn
class Net(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Flatten(), nn.Linear(784, 32), nn.ReLU(), nn.Linear(32, 10))
"""  # a user's file: --network FILE.py:Net

# For tests of names that are no text, or hold letters of any script: of bytes that are no UTF-8.
names_in_utf_8 = pytest.mark.skipif(
    sys.platform != "linux" or sys.getfilesystemencoding() != "utf-8",
    reason="needs Linux and file names in UTF-8 (LC_ALL=C.UTF-8)",
)


def encoded(
    picture: Image.Image | NDArray[np.uint8], kind: str = "PNG", **options: object
) -> bytes:
    """The bytes of a file of that format. options: as PIL's `save` takes them."""
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


@contextmanager
def short_ends() -> Iterator[None]:
    """Within it runs draw nothing, and choose their threshold by 20 images without a digit."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("inkdigits.runs.run._draw", lambda *_: None)
        patch.setattr("inkdigits.training.threshold.N_NONDIGITS", 20)
        yield


def without_pictures(html: str) -> tuple[str, int]:
    """The page without its pictures' data URLs, and how many there were.

    Base64 may spell any word by chance, "http" or "/tmp/", so a page is looked at without it.
    """
    return re.subn(r"data:image/png;base64,[A-Za-z0-9+/=]+", "", html)


def few_digits(sample: DigitSets, n: int, folder: Path) -> Path:
    """The folder, with PNGs of 3 n digits of the sample to train on and n to test with."""
    mixed = np.random.default_rng(0).permutation(1000)
    train = sample.train.take(4 * mixed[: 3 * n], "train")
    write_png_folder(DigitSets(train, sample.test.take(mixed[:n], "test"), "few"), folder)
    return folder
