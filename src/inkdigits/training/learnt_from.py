"""What a run learns from, by SHA-256: a run continues only with the same.

In: digits and model files. Out: a sum for each, which the checkpoint keeps.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from inkdigits.data import Digits, DigitSets
from inkdigits.errors import TrainingError
from inkdigits.reading.model import identity_of
from inkdigits.reading.model_file import model_path

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

    start, teacher: a run folder or an .onnx file. network: the SHA-256 of what a user's module
    does. Raises ModelError if there is no such model.
    """
    found = {"train": sets.train.sha256, "test": sets.test.sha256}
    if len(sets.nondigits):
        found["nondigits"] = hashlib.sha256(sets.nondigits.tobytes()).hexdigest()
    if added is not None:
        found["added"] = added.sha256
    for part, model in (("start", start), ("teacher", teacher)):
        if model is not None:
            found[part] = identity_of(model_path(model))
    if network is not None:
        found["network"] = network
    return found


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
