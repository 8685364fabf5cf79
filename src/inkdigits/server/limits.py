"""What the service takes, holds and waits for.

Plain numbers, checked nowhere else. What goes over one of them ends as the line says: with a
status, or with the connection closed.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Times are in seconds, sizes in bytes."""

    body: int = 10_000_000  # of one request: 413
    pixels: int = 40_000_000  # of one picture, before it is decoded: 422
    pictures: int = 64  # of one request: 413
    waiting: int = 256  # pictures of all requests that no worker has yet: 503; forms have 3/4 of it
    quick_time: float = 0.25  # of computing, of a first try of small pictures; then others go first
    picture_time: float = 10.0  # of computing, of one picture: 422
    request_time: float = 60.0  # of a worker, for all pictures of one request: 413 for the rest
    answer: int = 32_000_000  # of the answers to all pictures of one request: 413 for the rest
    held: int = 192_000_000  # of bodies and answers of all requests: 503
    connections: int = 512  # the one that has waited longest with half a request is closed, or 503
    head: int = 32_000  # of a request's line and headers: 431
    headers_time: float = 10.0  # until a request's headers are here: the connection is closed
    write_time: float = 30.0  # until a client has taken what is written: it is closed, too
    body_time: float = 30.0  # until a request's body is here: 408
    drain_time: int = 1  # for requests in flight when the service is told to stop: then 503
    retry_after: int = 1  # what a 503 says
