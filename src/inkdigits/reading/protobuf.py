"""Protocol buffers as they lie in a file: numbered fields, their meaning left to the caller.

In: bytes. Out: fields. Stricter than the format: what is read in two ways by two readers is an
error. Knows nothing of models; imports nothing.
Source: protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

from collections.abc import Iterator

# A whole number; the bytes of a text, of a message or of packed numbers; None for a float.
Value = int | memoryview | None

_VARINT, _LENGTH = 0, 2  # wire types
_FLOAT_BYTES = {1: 8, 5: 4}  # of the other two
_MAX_VARINT = 10  # bytes: 64 bits, seven in each
_MAX_PACKED = 1_000  # bytes of packed whole numbers


def fields(message: Value) -> Iterator[tuple[int, Value]]:
    """Number and value of each field of a message, in order. Raises ValueError if it is none."""
    if not isinstance(message, memoryview):
        raise ValueError("a number where a message belongs")
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, kind = key >> 3, key & 7
        value: Value = None
        if kind == _VARINT:
            value, at = _varint(message, at)
        elif kind == _LENGTH:
            length, at = _varint(message, at)
            value = message[at : at + length]
            at += length
        elif kind in _FLOAT_BYTES:
            at += _FLOAT_BYTES[kind]
        else:
            raise ValueError(f"wire type {kind}")
        if at > len(message):
            raise ValueError("cut off")
        yield number, value


def text(value: Value) -> str:
    """A field's text. Raises ValueError if it is none."""
    if not isinstance(value, memoryview):
        raise ValueError("a number where a text belongs")
    return bytes(value).decode()


def integers(value: Value) -> list[int]:
    """A field's whole numbers, of 64 bits with a sign: one, or several packed into one field."""
    if value is None:
        raise ValueError("a float where a whole number belongs")
    if isinstance(value, int):
        found = [value]
    else:
        if len(value) > _MAX_PACKED:
            raise ValueError(f"{len(value):,} bytes of whole numbers in one field")
        found, at = [], 0
        while at < len(value):
            number, at = _varint(value, at)
            found.append(number)
    return [number - (1 << 64) if number >> 63 else number for number in found]


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """The number at that offset, and the offset after it."""
    value = 0
    for i, byte in enumerate(message[at : at + _MAX_VARINT]):
        value |= (byte & 0x7F) << (7 * i)
        if byte < 0x80 and value >> 64 == 0:
            return value, at + i + 1
    raise ValueError("no number")
