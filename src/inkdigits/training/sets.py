"""Digits to train on, whatever one's own data looks like.

In: what a user writes after --data and --add. Out: DigitSets, in which the digit of every picture
was found and what is plainly wrong was put right or noted.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from inkdigits import data
from inkdigits.data import Digits, DigitSets
from inkdigits.data.folders import read_all_pictures
from inkdigits.data.listed import read_all_listed
from inkdigits.data.pictures import Looked
from inkdigits.data.sources import no_progress
from inkdigits.training.data_checks import checked
from inkdigits.training.pictures import frame

Advance = Callable[[str, int, int], None]  # (what is being done, done, total)


def load(source: str = "auto", advance: Advance = no_progress) -> DigitSets:
    """Training and test digits of `source`, which data.load describes.

    Of pictures that are no digit arrays the digit is found and cut out, as prediction does it; what
    became of them is in `looked`. Raises DataError, or MissingExtraError where a source's library
    is not installed.
    """
    return checked(data.load(source, advance, frame))


def load_added(folder: Path, advance: Advance = no_progress) -> tuple[Digits, Looked | None]:
    """A few digits of one's own, and what became of pictures in which they had to be found.

    folder: of pictures, named by their labels, in class folders or with a table; or the table.
    Raises DataError.
    """

    def read(done: int, total: int) -> None:
        advance("reading pictures", done, total)

    return read_all_listed(folder, frame, read) or read_all_pictures(folder, frame, read)
