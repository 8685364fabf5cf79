"""Labelled pictures to labelled digits.

In: picture files, each with its label. Out: Digits, and what became of each picture. An 8-bit grey
PNG of 28x28, white on black, is a digit already and goes in as it is. In any other picture the
digit is found by what the caller gives for that: this package knows no network.
"""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import compress
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inkdigits import environment
from inkdigits.counts import counted
from inkdigits.data.digits import Digits
from inkdigits.errors import DataError
from inkdigits.picture.grey_png import grey_png
from inkdigits.processes import in_order
from inkdigits.spec import SIDE

_CHUNK = 2_000  # files a worker reads at a time: 1.6 MB of pixels, about 0.1 s
_POOL_FROM = 4_000  # below this many files starting workers costs more than it saves
_DARK = 64  # of 255: paper of a digit array is darker. MNIST's is 0
_NAMED = 3  # pictures that an error or a note names
_LARGEST = 1 << 16  # bytes: no PNG of 28x28 grey pixels is larger
# How a PNG of 28x28 pixels of 8-bit grey begins: signature, length and name of IHDR, its values.
_HEADER = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII2B", 13, b"IHDR", SIDE, SIDE, 8, 0)

Advance = Callable[[int, int], None]  # (done, total), called now and then


class Labelled(NamedTuple):
    """A picture that shows one digit."""

    name: str  # what to call it: its path, or where in a file it stands
    file: str | bytes  # its path, or its bytes
    label: int  # 0-9


class Framed(NamedTuple):
    """A picture in which a digit was found."""

    picture: Labelled
    array: NDArray[np.uint8]  # (28, 28), ink 255
    doubt: str = ""  # why it may be another digit; empty if it may not


class LeftOut(NamedTuple):
    """A picture that is not learnt. Its label is -1 where a table gives it none."""

    picture: Labelled
    reason: str


# Finds the digit in each picture, in order.
Frame = Callable[[Sequence[Labelled], Advance], Iterator[Framed | LeftOut]]


class Looked(NamedTuple):
    """What became of pictures in which the digit had to be found."""

    framed: tuple[Framed, ...]
    left_out: tuple[LeftOut, ...]

    def __str__(self) -> str:
        doubted = [(one.picture.name, one.doubt) for one in self.framed if one.doubt]
        left_out = [(one.picture.name, one.reason) for one in self.left_out]
        parts = []
        if self.framed:
            parts.append(f"The digit was found in {counted(len(self.framed), 'picture')}.")
        if left_out:
            were = "was" if len(left_out) == 1 else "were"
            parts.append(f"{len(left_out):,} {were} left out: {_named(left_out)}.")
        if doubted:
            parts.append(
                f"In {len(doubted):,} the shipped model is sure of another digit: "
                f"{_named(doubted)}."
            )
        return " ".join(parts)


def _named(pictures: Sequence[tuple[str, str]]) -> str:
    """The first of them, each with what is odd about it."""
    first = ", ".join(f"{name} ({why})" for name, why in pictures[:_NAMED])
    more = len(pictures) - _NAMED
    return first + (f" and {more:,} more" if more > 0 else "")


def together(*looked: Looked | None) -> Looked | None:
    """What became of all of them; None if there is nothing to report."""
    some = [one for one in looked if one is not None]
    if not some:
        return None
    return Looked(
        tuple(framed for one in some for framed in one.framed),
        tuple(left for one in some for left in one.left_out),
    )


def only_arrays(pictures: Sequence[Labelled], advance: Advance) -> Iterator[Framed | LeftOut]:
    """A Frame that finds nothing: for those who have digit arrays alone. Raises DataError."""
    raise DataError(
        f"{pictures[0].name}: is not a {SIDE}x{SIDE} PNG of 8-bit grey, white on black; load it by "
        "inkdigits.training.sets, which finds the digit in any picture"
    )


def read_pictures(
    pictures: Sequence[Labelled],
    name: str,
    source: str,
    frame: Frame,
    advance: Advance,
    left_out: Sequence[LeftOut] = (),
) -> tuple[Digits, Looked | None]:
    """The digits of labelled pictures, in order, and what became of those that `frame` was given.

    left_out: what the source lists and cannot be learnt, to be told with them. Raises DataError if
    no digit is left, and what `frame` does.
    """
    images = np.zeros((len(pictures), SIDE, SIDE), np.uint8)
    plain = np.zeros(len(pictures), bool)
    at = 0
    for arrays, are_digits in _map_chunks([picture.file for picture in pictures]):
        part = slice(at, at + len(arrays))
        images[part], plain[part] = arrays, are_digits
        at += len(arrays)
        if plain.all():
            advance(at, len(pictures))
    labels = np.array([picture.label for picture in pictures], np.uint8)
    names = [picture.name for picture in pictures]
    if plain.all() and not left_out:
        return Digits(images, labels, name, source, tuple(names)), None
    kept, framed, left = plain.copy(), [], list(left_out)
    others = np.flatnonzero(~plain).tolist()
    results = frame([pictures[i] for i in others], advance) if others else iter(())
    for i, found in zip(others, results, strict=True):
        if isinstance(found, LeftOut):
            left.append(found)
        else:
            images[i], kept[i] = found.array, True
            framed.append(found)
    if not kept.any():
        named = "; ".join(f"{one.picture.name}: {one.reason}" for one in left[:_NAMED])
        raise DataError(
            f"{source}: a digit was found in none of its {counted(len(left), 'picture')} "
            f"({named}); expected a picture of one digit in each file"
        )
    looked = Looked(tuple(framed), tuple(left))
    digits = Digits(images[kept], labels[kept], name, source, tuple(compress(names, kept)))
    return digits, looked


_Chunk = tuple[NDArray[np.uint8], NDArray[np.bool_]]


def _map_chunks(files: Sequence[str | bytes]) -> Iterator[_Chunk]:
    """_read_chunk's results for all files, in order; on all cores where there are enough."""
    chunks = [files[i : i + _CHUNK] for i in range(0, len(files), _CHUNK)]
    if len(files) < _POOL_FROM or environment.cores() < 2:
        yield from map(_read_chunk, chunks)
        return
    yield from in_order(chunks, _begun, (), environment.cores(), share=1)


def _begun() -> Callable[[Iterable[Sequence[str | bytes]]], Iterator[_Chunk]]:
    """What a worker process does with chunks."""
    return lambda chunks: map(_read_chunk, chunks)


def _read_chunk(files: Sequence[str | bytes]) -> _Chunk:
    """(N, 28, 28) arrays of the files, and which of them are digit arrays; the others are 0."""
    images = np.zeros((len(files), SIDE, SIDE), np.uint8)
    plain = np.zeros(len(files), bool)
    for i, file in enumerate(files):
        array = _digit_array(file)
        if array is not None:
            images[i], plain[i] = array, True
    return images, plain


def _digit_array(file: str | bytes) -> NDArray[np.uint8] | None:
    """The (28, 28) pixels of a file that is a digit array already; None for any other."""
    try:
        if isinstance(file, str):
            # A large file is not a digit array: the finder looks for its digit.
            if not file.lower().endswith(".png") or os.path.getsize(file) > _LARGEST:
                return None
            with open(file, "rb", buffering=0) as opened:
                data = opened.read()
        else:
            data = file
    except (OSError, ValueError):  # ValueError: a NUL in the name
        return None  # said where its digit is looked for
    if not data.startswith(_HEADER):
        return None
    pixels = grey_png(data, SIDE)
    if pixels is None:  # it has more to it than pixels, or is damaged
        try:
            with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
                pixels = np.asarray(image)
        # Pillow fails on broken files in many ways: OSError, SyntaxError, ValueError, struct.error,
        # zlib.error, DecompressionBombError. Looking for the digit raises the error.
        except Exception:  # noqa: BLE001
            return None
    border = np.concatenate((pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]))
    return pixels if np.median(border) < _DARK else None
