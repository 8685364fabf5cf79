"""What holds for every request: headers for safety, who may call, and what is counted.

In: an ASGI application. Out: the same application, guarded.
"""

from __future__ import annotations

import asyncio
import hmac
import time
from contextlib import suppress

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from inkdigits.server.hosts import Hosts
from inkdigits.server.metrics import Metrics
from inkdigits.server.worker_main import error_json

# The page loads its own files, shows pictures that it made itself, and calls this server: no more.
CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = [
    (b"content-security-policy", CONTENT_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
]
_DISCARD_TIME = 2.0  # seconds for a body that nobody reads to end
_GUARDED = ("/v1/", "/metrics")  # what takes the token; the page and its files hold no secret


class Body:
    """A request's body. What nobody has read of it is thrown away before the answer is sent.

    A sender that is answered while it sends may never see the answer.
    """

    def __init__(self, receive: Receive, headers: Headers) -> None:
        self._receive = receive
        stated = headers.get("content-length", "0")
        self._has_ended = stated == "0" and "transfer-encoding" not in headers
        # Who asks whether to send it has not begun.
        self._is_coming = "expect" not in headers

    async def receive(self) -> Message:
        """As given, noting the end."""
        self._is_coming = True
        message = await self._receive()
        self._has_ended |= not message.get("more_body", False)
        return message

    async def discarded(self) -> bool:
        """Whether all has come, within a while; if not, the connection is of no more use."""
        if self._is_coming:
            with suppress(TimeoutError):
                async with asyncio.timeout(_DISCARD_TIME):
                    while not self._has_ended:
                        await self.receive()
        return self._has_ended


class Guard:
    """The application, with headers, names, token and counts.

    paths: those that are counted by name; any other is counted as "other".
    """

    def __init__(
        self,
        app: ASGIApp,
        metrics: Metrics,
        paths: frozenset[str],
        token: str | None,
        hosts: Hosts,
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._paths = paths
        self._token = token
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"] if scope["path"] in self._paths else "other"
        start = time.perf_counter()
        status = 0
        headers = Headers(scope=scope)
        body = Body(receive, headers)

        async def guarded_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], *_HEADERS]
                if not await body.discarded():
                    message["headers"].append((b"connection", b"close"))
            await send(message)

        try:
            if refusal := self._hosts.refusal(headers):
                await _error(*refusal)(scope, body.receive, guarded_send)
            elif self._may(scope):
                await self._app(scope, body.receive, guarded_send)
            else:
                message = "this server requires its token: Authorization: Bearer TOKEN"
                answer = _error(401, message, {"WWW-Authenticate": "Bearer"})
                await answer(scope, body.receive, guarded_send)
        except asyncio.CancelledError:  # the server is told to stop
            if not status:
                again = {"Retry-After": "1", "Connection": "close"}
                await _error(503, "this server is shutting down", again)(
                    scope, body.receive, guarded_send
                )
        finally:
            status = status or 500
            self._metrics.requests.labels(path, status).inc()
            self._metrics.seconds.labels(path).observe(time.perf_counter() - start)

    def _may(self, scope: Scope) -> bool:
        if self._token is None or not scope["path"].startswith(_GUARDED):
            return True
        kind, _, given = Headers(scope=scope).get("authorization", "").partition(" ")
        known = hmac.compare_digest(given.strip().encode(), self._token.encode())
        return kind.lower() == "bearer" and known


def _error(status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    return Response(error_json(message, status), status, headers, "application/json")
