"""What the service takes, holds and waits for.

Plain numbers, checked nowhere else: a request over one of them gets the status beside it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Times are in seconds, sizes in bytes."""

    body: int = 10_000_000  # of one request: 413
    pixels: int = 40_000_000  # of one picture, before it is decoded: 422
    pictures: int = 64  # of one request: 413
    waiting: int = 256  # pictures of all requests that no worker has yet: 503
    held: int = 256_000_000  # of bodies of all requests that are being received or read: 503
    headers_time: float = 10.0  # until a request's headers are here: the connection is closed
    body_time: float = 30.0  # until its body is: 408
    drain_time: float = 10.0  # for what is in flight when the service is told to stop
    retry_after: int = 1  # what a 503 says
