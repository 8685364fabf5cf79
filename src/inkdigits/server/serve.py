"""Runs the service: uvicorn, with an end to connections that never say what they want.

In: an application, an address. Out: a running server, until SIGTERM or Ctrl-C.
"""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from inkdigits.errors import ConfigError
from inkdigits.server.limits import Limits


def bound(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises ConfigError."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(1024)
    except OSError as error:
        raise ConfigError(f"cannot listen on {host}, port {port}: {error}") from error
    return listening


def serve(
    app: ASGIApp, listening: socket.socket, limits: Limits, started: Callable[[], None]
) -> None:
    """Serve until SIGTERM or SIGINT, then finish what is in flight. started: called when ready."""

    class Timed(_Timed):
        headers_time = limits.headers_time

    config = uvicorn.Config(
        app, http=Timed, ws="none", lifespan="off", log_level="warning", access_log=False,
        proxy_headers=False, server_header=False, timeout_graceful_shutdown=int(limits.drain_time),
    )  # fmt: skip
    server = _Server(config, started)
    # uvicorn raises the signal again when it has drained; that shall not end the process then.
    before = {number: signal.signal(number, _ignored) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        server.run([listening])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _ignored(number: int, frame: object) -> None:
    pass


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._started_call = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._started_call()


class _Timed(HttpToolsProtocol):
    """Closes a connection whose first request's headers are not here in time.

    uvicorn ends idle connections after an answer; before the first one it waits for ever.
    """

    headers_time: float
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._timer = self.loop.call_later(self.headers_time, self._too_late)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self._timer is None:
            self._timer = self.loop.call_later(self.headers_time, self._too_late)

    def on_headers_complete(self) -> None:
        self._stop_timer()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_late(self) -> None:
        self.transport.close()
