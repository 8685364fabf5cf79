"""Numbers in a sentence: "1 epoch", "12,000 digits", "0 to 255".

In: a count and a noun, or an array. Out: text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray


def counted(n: int, noun: str) -> str:
    """The number and the noun, which has an s behind it unless the number is 1."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def extent(values: NDArray[Any]) -> str:
    """The least and the greatest of an array that is not empty; NaN where it holds one."""
    low, high = values.min(), values.max()
    return "NaN" if low != low else f"{low:g} to {high:g}"  # noqa: PLR0124  true of NaN alone
