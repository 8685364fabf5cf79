"""What a run learns from, by SHA-256: a run continues only with the same.

In: digits and models. Out: a sum for each, which the checkpoint keeps.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from inkdigits.data import Digits, DigitSets
from inkdigits.errors import TrainingError

# Part: (what it is in words, how it is named)
_PARTS = {
    "train": ("training digits", "--data PATH"),
    "test": ("test digits", "--data PATH"),
    "nondigits": ("non-digits", "--data PATH"),
    "added": ("added digits", "--add PATH"),
    "start": ("weights to start from", "--from PATH"),
    "teacher": ("teacher's weights", "--teacher PATH"),
    "network": ("network's layers", "--network FILE.py:NAME, or from Python network=MODULE"),
}


def sums(
    sets: DigitSets,
    added: Digits | None,
    start: str | None,
    teacher: str | None,
    network: str | None = None,
) -> dict[str, str]:
    """The SHA-256 of each part that a run learns from, in hexadecimal.

    start, teacher: the identity of that model's file. network: the SHA-256 of what a user's module
    does.
    """
    found = {"train": sets.train.sha256, "test": sets.test.sha256}
    if len(sets.nondigits):
        found["nondigits"] = hashlib.sha256(sets.nondigits.tobytes()).hexdigest()
    if added is not None:
        found["added"] = added.sha256
    others = {"start": start, "teacher": teacher, "network": network}
    return found | {part: sha256 for part, sha256 in others.items() if sha256 is not None}


def refuse_other(before: Mapping[str, str], now: Mapping[str, str], folder: Path) -> None:
    """Raise TrainingError if a run in `folder` that learnt from `before` would continue with `now`.

    An empty `before` is of a checkpoint that does not say.
    """
    for part, (words, flag) in _PARTS.items():
        if before and before.get(part) != now.get(part):
            raise TrainingError(
                f"{folder}: the {words} are not those that the run was started with: SHA-256 is "
                f"{now.get(part, 'none')}, expected {before.get(part, 'none')}; name the right "
                f"ones: inkdigits train --resume {folder} {flag}"
            )
