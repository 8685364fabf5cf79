"""Pictures of digits as a network is to learn them: found and cut out as the reader does it.

In: labelled pictures of any size, format, colour and polarity. Out: the digit of each, or why it is
left out. What a network learns is then what it is shown later.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from inkdigits import environment
from inkdigits.data.pictures import Advance, Framed, Labelled, LeftOut
from inkdigits.errors import PictureError
from inkdigits.reading.finder import digit_array
from inkdigits.reading.parallel import name_of, read_files
from inkdigits.reading.reader import Reader, Reading

_SURE = 0.9  # confidence from which an answer contradicts a label
_EVERY = 100  # pictures from one call of advance to the next


def frame(pictures: Sequence[Labelled], advance: Advance) -> Iterator[Framed | LeftOut]:
    """The digit of each picture, in order: the shipped networks find it, on all cores.

    Left out is a picture that cannot be opened or has no digit, and one in which only another digit
    than its label was found among several, or nothing that is sure to be one. Kept is a picture
    that is read as another digit: it may be the handwriting to learn. `doubt` holds the reading.
    """
    reader = Reader()
    results = read_files((picture.file for picture in pictures), reader, environment.cores())
    for done, (picture, (_, result)) in enumerate(zip(pictures, results, strict=True), 1):
        if isinstance(result, PictureError):
            yield LeftOut(picture, str(result).removeprefix(f"{name_of(picture.file)}: "))
        else:
            yield _framed(picture, result, reader)
        if done % _EVERY == 0 or done == len(pictures):
            advance(done, len(pictures))


def _framed(picture: Labelled, reading: Reading, reader: Reader) -> Framed | LeftOut:
    other = reading.digit != picture.label or not reading.array.any()
    if other and reading.reason in ("blank", "no digit", "several digits"):
        array = _expected(picture, reader) if reading.reason == "no digit" else None
        if array is not None:
            return Framed(picture, _pixels(array))
        likeliest = f", the likeliest is {reading.digit}" if reading.array.any() else ""
        return LeftOut(picture, reading.reason + likeliest)
    sure = other and reading.accepted and reading.confidence >= _SURE
    doubt = f"reads {reading.digit}, {reading.confidence:.0%} sure" if sure else ""
    return Framed(picture, _pixels(reading.array), doubt)


def _expected(picture: Labelled, reader: Reader) -> NDArray[np.float32] | None:
    """The likeliest digit where none is sure, if it is the label's, such as a 1 like a sign."""
    try:
        array = digit_array(picture.file)
    except PictureError:
        return None
    return array if reader.probabilities(array[None]).argmax() == picture.label else None


def _pixels(array: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.asarray(np.rint(255 * array), np.uint8)
