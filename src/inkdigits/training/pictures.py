"""Pictures of digits as a network is to learn them: found and cut out as the reader does it.

In: labelled pictures of any size, format, colour and polarity. Out: the digit of each, or why it is
left out. What a network learns is then what it is shown later.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from inkdigits import machine
from inkdigits.data.pictures import Advance, Framed, Labelled, LeftOut
from inkdigits.errors import PictureError
from inkdigits.many import read_files
from inkdigits.reader import Reader, Reading, Seen

_SURE = 0.9  # confidence from which an answer speaks against a label
_EVERY = 100  # pictures from one call of advance to the next


def frame(pictures: Sequence[Labelled], advance: Advance) -> Iterator[Framed | LeftOut]:
    """The digit of each picture, in order: the shipped networks find it, on all cores.

    Left out is a picture that cannot be opened or has no digit, and one in which only another digit
    than its label was found among several, or nothing that is sure to be one. Kept is a picture
    that is read as another digit: it may be the handwriting to learn. Its doubt then says so.
    """
    results = read_files((picture.file for picture in pictures), Reader(), machine.cores(), "look")
    for done, (picture, (_, result)) in enumerate(zip(pictures, results, strict=True), 1):
        yield (
            _left_out(picture, result)
            if isinstance(result, PictureError)
            else _framed(picture, *result)
        )
        if done % _EVERY == 0 or done == len(pictures):
            advance(done, len(pictures))


def _left_out(picture: Labelled, error: PictureError) -> LeftOut:
    return LeftOut(picture, str(error).removeprefix(f"{picture.file!s}: "))


def _framed(picture: Labelled, seen: Seen, reading: Reading) -> Framed | LeftOut:
    if not seen.array.any():
        return LeftOut(picture, reading.reason or "no digit")
    other = reading.digit != picture.label
    if other and reading.reason in ("no digit", "several digits"):
        return LeftOut(picture, f"{reading.reason}, the likeliest is {reading.digit}")
    sure = other and reading.accepted and reading.confidence >= _SURE
    doubt = f"reads {reading.digit}, {reading.confidence:.0%} sure" if sure else ""
    return Framed(picture, np.rint(255 * seen.array).astype(np.uint8), doubt)
