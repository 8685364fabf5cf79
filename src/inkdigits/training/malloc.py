"""Freed memory kept by the process for its next step, not given back to the system.

In: nothing. Out: nothing; changes how this process's C library allocates.
"""

from __future__ import annotations

import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # glibc's mallopt, malloc.h
_NEVER = 2**31 - 1  # bytes: the most an int holds


def keep_freed_memory() -> None:
    """Tell glibc to keep what is freed; does nothing where there is no glibc.

    A step frees and takes the same tens of megabytes again. By default glibc gives blocks that
    large back at once, and the system clears every page again: a fifth of a step's time.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, _NEVER)
        mallopt(_TRIM_THRESHOLD, _NEVER)
