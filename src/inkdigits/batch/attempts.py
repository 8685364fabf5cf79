"""Pictures that end the process that reads them: found, and skipped.

A decoder that crashes or runs out of memory raises nothing; its worker is gone, and the next one
would go the same way. So beside the parts stands how often a part was begun. From the third time on
its pictures are read one by one, and one at which two workers ended is an error.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any, cast

from inkdigits.batch.storage import Location
from inkdigits.errors import BatchError

BEGUN = "_begun-"  # begins the names of the files that say so
_HASTY = 2  # starts in which pictures are read many at once
_MOST_IDLE = 3  # workers in a row that end before they read one
_ENOUGH = 2  # workers that end at a picture; one may have been killed there by chance


class Attempt:
    """One start at a part. out: the folder of the parts.

    Raises BatchError where too many ended before they read anything, and OSError where it cannot be
    written.
    """

    def __init__(self, out: Location, part: int) -> None:
        self._out, self._name = out, f"{BEGUN}{part:07d}.json"
        self._starts, self._idle, self._ended = 0, 0, Counter[int]()
        kept = self._kept()
        if kept is not None:
            self._starts, self._idle = kept["starts"], kept["idle"]
            self._ended.update(kept["ended"])
            if kept["at"] is not None:
                self._ended[kept["at"]] += 1
                self._idle = 0
            elif self.careful:
                self._idle += 1
        if self._idle >= _MOST_IDLE:
            self.done()
            raise BatchError(
                f"part {part}: {self._starts} worker processes ended at it, the last {_MOST_IDLE} "
                "before they read a picture: too little memory, or an installation that crashes"
            )
        self._starts += 1
        self._keep(None)

    def _kept(self) -> dict[str, Any] | None:
        """What the start before has written; None if there was none, or it is damaged."""
        try:
            with self._out.open(self._name) as file:
                kept = json.load(file)
            numbers = [kept["starts"], kept["idle"], *kept["ended"], kept["at"] or 0]
        except (FileNotFoundError, LookupError, TypeError, ValueError):
            return None
        return cast("dict[str, Any]", kept) if all(isinstance(n, int) for n in numbers) else None

    @property
    def careful(self) -> bool:
        """Whether pictures are to be read one by one, each after `at`."""
        return self._starts > _HASTY

    def at(self, picture: int) -> bool:
        """Note that a picture of the part is read next; False if it is to be skipped."""
        if self._ended[picture] >= _ENOUGH:
            return False
        self._keep(picture)
        return True

    def done(self) -> None:
        """The part is written."""
        self._out.remove(self._name)

    def _keep(self, picture: int | None) -> None:
        kept = {
            "starts": self._starts,
            "idle": self._idle,
            "ended": list(self._ended.elements()),
            "at": picture,
        }
        with self._out.writing(self._name) as path:
            path.write_text(json.dumps(kept), encoding="utf-8")
