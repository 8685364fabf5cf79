"""A number with its noun, as a sentence has it: "1 epoch", "12,000 digits".

In: a count and a noun. Out: text.
"""

from __future__ import annotations


def counted(n: int, noun: str) -> str:
    """The number and the noun, which has an s behind it unless the number is 1."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"
