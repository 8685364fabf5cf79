"""How long one picture may keep its reader busy: a limit that the work itself looks at.

In: seconds of computing, of the thread that reads; so a busy machine refuses no more than an idle
one. Out: TooLongError, from within the work. A decoder that never looks ends only with its process.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from inkdigits.errors import TooLongError


class _Limit(threading.local):
    end = math.inf  # of the thread's own time
    seconds = math.inf  # that were given


_limit = _Limit()


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Let what is done within take that many seconds of computing; less within a shorter limit."""
    before = _limit.end, _limit.seconds
    end = time.thread_time() + seconds
    if end < _limit.end:
        _limit.end, _limit.seconds = end, seconds
    try:
        yield
    finally:
        _limit.end, _limit.seconds = before


def check(ahead: float = 0.0) -> None:
    """Raise TooLongError if the time is up. To be called between pieces of work.

    ahead: seconds that what comes next takes at the least. Where they are not left it is not begun.
    """
    if time.thread_time() + ahead > _limit.end:
        raise TooLongError(
            f"picture: takes over {_limit.seconds:g} s of computing to read; save it as a plain "
            "PNG or JPEG, or cut it into smaller pictures"
        )
