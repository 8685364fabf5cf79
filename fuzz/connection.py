"""The service's end of a connection, with no socket and no worker: bytes in, answers out.

In: what a client sends. Out: nothing, or an error where an answer is none that the service may
give. The requests, limits and addresses are the service's own; pictures are not read.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any, ClassVar

import uvicorn
from uvicorn.server import ServerState

from inkdigits.reading.model import About
from inkdigits.server import serve
from inkdigits.server.app import create_app
from inkdigits.server.limits import Limits
from inkdigits.server.uploads import Share
from inkdigits.server.worker_main import Answer, Task

_LIMITS = Limits()
_TURNS = 100  # of the loop, in which what a request sets off has begun
_PATIENCE = 5.0  # seconds for what was begun to end
_MOST_ANSWERS = 50_000_000  # bytes
_FINE = {b"503"}  # of the 5xx: busy


class _NoPool:
    """Answers as if each picture were read."""

    model = About("none", "0" * 64, {}, {})
    is_full = is_away = False

    async def read(self, tasks: list[Task], share: Share) -> list[Answer]:
        return [Answer(200, b"{}", "accepted") for _ in tasks]


class _Protocol(serve._Limited):
    limits = _LIMITS
    most = _LIMITS.connections
    unfinished: ClassVar[dict[Any, None]] = {}


class _Transport(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()
        self.closed = False

    def write(self, data: Any) -> None:
        self.written += data

    def close(self) -> None:
        self.closed = True

    abort = close

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


_config = uvicorn.Config(
    create_app(_NoPool(), _LIMITS), http=_Protocol, ws="none", lifespan="off",  # type: ignore[arg-type]
    log_config=None, access_log=False, server_header=False,
)  # fmt: skip
_config.load()


def answers_to(data: bytes) -> bytes:
    """All that is written to a client that sends the data in two parts and then goes.

    Raises ValueError where an answer is a fault of the service's, or something is left behind, and
    what the protocol raises.
    """
    return asyncio.run(_answers(data))


async def _answers(data: bytes) -> bytes:
    loop, faults = asyncio.get_running_loop(), []
    loop.set_exception_handler(lambda _, context: faults.append(context))
    state = ServerState()
    protocol, transport = _Protocol(_config, state, {}, loop), _Transport()
    protocol.connection_made(transport)
    for part in (data[: len(data) // 2], data[len(data) // 2 :]):
        if not transport.closed:
            protocol.data_received(part)
        for _ in range(_TURNS):
            await asyncio.sleep(0)
    late = loop.time() + _PATIENCE
    while state.tasks and protocol not in _Protocol.unfinished and loop.time() < late:
        await asyncio.sleep(0.001)  # a file is read by a thread
    protocol.connection_lost(None)
    while state.tasks and loop.time() < late:
        await asyncio.sleep(0.001)
    found = bytes(transport.written)
    if faults or state.tasks or _Protocol.unfinished or state.connections:
        raise ValueError(f"left behind: {faults}, {state.tasks}, {_Protocol.unfinished}")
    faulty = set(re.findall(rb"HTTP/1\.1 (5\d\d) ", found)) - _FINE
    if faulty:
        raise ValueError(f"answered with {faulty}")
    if len(found) > _MOST_ANSWERS:
        raise ValueError(f"answered with {len(found):,} bytes")
    return found
