"""Pictures that end the process that reads them: found, and passed over.

A decoder that crashes or runs out of memory raises nothing; its worker is gone, and the next one
would go the same way. So beside the parts stands how often a part was begun. From the third time on
its pictures are read one by one, and one at which two workers ended is an error.
"""

from __future__ import annotations

import json
from collections import Counter
from contextlib import suppress

from inkdigits.batch.storage import Place

BEGUN = "_begun-"  # begins the names of the files that say so
_HASTY = 2  # starts in which pictures are read many at once
_ENOUGH = 2  # workers that end at a picture; one may have been killed there by chance


class Attempt:
    """One start at a part. out: the folder of the parts. OSError where it cannot be written."""

    def __init__(self, out: Place, part: int) -> None:
        self._out, self._name = out, f"{BEGUN}{part:07d}.json"
        self._starts, self._ended = 0, Counter[int]()
        with suppress(FileNotFoundError):
            with out.open(self._name) as file:
                kept = json.load(file)
            self._starts = kept["starts"]
            self._ended.update(
                kept["ended"] if kept["at"] is None else [*kept["ended"], kept["at"]]
            )
        self._starts += 1
        self._keep(None)

    @property
    def careful(self) -> bool:
        """Whether pictures are to be read one by one, each after `at`."""
        return self._starts > _HASTY

    def at(self, picture: int) -> bool:
        """Note that a picture of the part is read next; False if it is one to pass over."""
        if self._ended[picture] >= _ENOUGH:
            return False
        self._keep(picture)
        return True

    def done(self) -> None:
        """The part is written."""
        self._out.remove(self._name)

    def _keep(self, picture: int | None) -> None:
        kept = {"starts": self._starts, "ended": list(self._ended.elements()), "at": picture}
        with self._out.writing(self._name) as path:
            path.write_text(json.dumps(kept), encoding="utf-8")
