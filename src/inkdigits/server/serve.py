"""Runs the service: uvicorn, with a limit and an end to every state that a connection may be in.

In: an application, an address. Out: a running server, until SIGTERM or Ctrl-C.
"""

from __future__ import annotations

import asyncio
import json
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import httptools
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from inkdigits.errors import ConfigError
from inkdigits.server.limits import Limits

_PIPELINED = 16  # requests of a connection that may wait for the answer to the one before
_KEPT_FILES = 100  # descriptors that are not connections
_UPGRADE = (b"upgrade", b"connection", b"http2-settings")  # headers that offer another protocol


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
    except (OSError, UnicodeError) as error:  # of a name with an empty part
        raise ConfigError(f"cannot listen on {host}, port {port}: {error}") from error
    return listening


def serve(
    app: ASGIApp, listening: socket.socket, limits: Limits, started: Callable[[], None]
) -> None:
    """Serve until SIGTERM or SIGINT, then finish what is in flight. started: called when ready."""

    class Limited(_Limited):
        pass

    Limited.limits = limits
    Limited.most = min(limits.connections, _free_files())
    Limited.unfinished = {}
    config = uvicorn.Config(
        app, http=Limited, ws="none", lifespan="off", log_level="error", access_log=False,
        proxy_headers=False, server_header=False, timeout_graceful_shutdown=limits.drain_time,
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


def _free_files() -> int:
    """How many connections this process may have open."""
    try:
        import resource
    except ImportError:  # Windows
        return 1 << 31
    return max(1, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - _KEPT_FILES)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._started_call = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._started_call()


class _RefusedError(Exception):
    """A request that is refused, whatever follows."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class _Limited(HttpToolsProtocol):
    """uvicorn's protocol, with an end to what a client may send, and to how long it may take.

    uvicorn ends idle connections after an answer, if nothing at all comes; it waits for ever for a
    first request, for the rest of a head, and for a client to take its answer.
    """

    limits: Limits
    most: int  # connections
    unfinished: dict[_Limited, None]  # those whose request is not here yet, the oldest first
    _timer: asyncio.TimerHandle | None = None  # until the next request's head is here
    _write_timer: asyncio.TimerHandle | None = None
    _head = 0  # bytes of this request's line and headers, and of trailers
    _loose = 0  # bytes that came and were no part of a body
    _offer = b""  # the head of a request that offers to switch to another protocol

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        if len(self.connections) > self.most:
            # Who has waited longest with half a request: an honest client is not slow.
            victim = next(iter(self.unfinished), None)
            if victim is None:
                self._refuse(_RefusedError(503, "busy: too many connections; try again soon"))
                return
            del self.unfinished[victim]
            victim.transport.abort()
        self._await_head()

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        self._loose += len(data)
        try:
            self._feed(data)
            if self._loose > self.limits.head:
                raise _RefusedError(431, _too_long(self.limits))
        except httptools.HttpParserError as error:
            cause = error.__context__
            refused = cause if isinstance(cause, _RefusedError) else None
            self._refuse(refused or _RefusedError(400, "this is not an HTTP/1.1 request"))
        except _RefusedError as error:
            self._refuse(error)

    def _feed(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as offered:
            # Ignoring the offer declines it; the parser took the body for the other protocol's.
            head, self._offer = self._offer, b""
            self.parser = httptools.HttpRequestParser(self)
            self._feed(head + data[offered.args[0] :])

    def on_message_begin(self) -> None:
        if len(self.pipeline) >= _PIPELINED:
            raise _RefusedError(429, f"over {_PIPELINED} requests wait for their turn")
        super().on_message_begin()
        self._head = self._loose = 0
        self.unfinished[self] = None

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        # A header costs more than its bytes, as HTTP/2 counts it. Source: RFC 9113, 6.5.2
        self._count(len(name) + len(value) + 32)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if self.parser.get_method() == b"CONNECT":
            raise _RefusedError(405, "this server is not a proxy")
        if self.parser.should_upgrade():
            self._offer = b"%s %s HTTP/1.1\r\n" % (self.parser.get_method(), self.url)
            kept = [(name, value) for name, value in self.headers if name not in _UPGRADE]
            self._offer += b"".join(b"%s: %s\r\n" % one for one in kept) + b"\r\n"
            return
        self._stop_timer()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._loose = 0
        if not self._offer:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if self._offer:
            return
        self._loose = 0
        self.unfinished.pop(self, None)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.cycle.response_complete:  # else another request was sent before, and is worked on
            self._await_head()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._write_timer = self.loop.call_later(self.limits.write_time, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        self.unfinished.pop(self, None)
        self.resume_writing()
        super().connection_lost(exc)

    def _count(self, size: int) -> None:
        self._head += size
        if self._head > self.limits.head:
            raise _RefusedError(431, _too_long(self.limits))

    def _await_head(self) -> None:
        self._stop_timer()
        self.unfinished.pop(self, None)  # it is the youngest now
        self.unfinished[self] = None
        self._timer = self.loop.call_later(self.limits.headers_time, self._close)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _close(self) -> None:
        """Close the connection, at once if the client does not take what is written."""
        self.transport.close()
        self._timer = self.loop.call_later(self.limits.write_time, self.transport.abort)

    def _refuse(self, error: _RefusedError) -> None:
        """Answer without the application, and read no more."""
        self.parser = httptools.HttpRequestParser(self)
        if self._may_answer():
            body = json.dumps({"error": str(error), "status": error.status}).encode()
            self.transport.write(
                b"HTTP/1.1 %d Refused\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"
                b"Connection: close\r\n\r\n%s" % (error.status, len(body), body)
            )
        with suppress(RuntimeError):  # it may be paused already
            self.transport.pause_reading()
        self._stop_timer()
        self._close()

    def _may_answer(self) -> bool:
        """Whether what is refused is what the client has no answer to yet, the only one."""
        if self.cycle is None or self.cycle.response_complete:
            return True
        if self.pipeline or self.cycle.response_started or not self.cycle.more_body:
            return False
        # The application still waits for the rest of this body; whatever it says is not sent.
        self.cycle.disconnected = True
        self.cycle.message_event.set()
        return True


def _too_long(limits: Limits) -> str:
    return f"the request's line and headers are over {limits.head:,} bytes; send fewer"
