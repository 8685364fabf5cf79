"""The service: which address does what.

In: HTTP requests. Out: JSON, and the page. Pictures are read by the pool's workers; nothing of a
picture is logged, written or fetched.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from inkdigits.errors import CorrectionsError
from inkdigits.picture.documents import PDF, document_kind, page_names
from inkdigits.server.corrections import Change, Corrections, Kept
from inkdigits.server.docs_page import as_page
from inkdigits.server.hosts import Hosts
from inkdigits.server.limits import Limits
from inkdigits.server.metrics import Metrics
from inkdigits.server.middleware import Guard
from inkdigits.server.openapi import NO_DIGIT, description
from inkdigits.server.pool import BusyError, Pool
from inkdigits.server.uploads import (
    RefusedError,
    Room,
    Share,
    Uploads,
    check_has_pictures,
    check_is_document,
    check_is_picture,
)
from inkdigits.server.worker_main import Answer, Task, Wanted, error_json
from inkdigits.spec import ACCEPT, CLASS_NAMES
from inkdigits.version import __version__

PAGE = Path(__file__).parent.parent / "web" / "page"
_JSON = "application/json"
_LONG = 1 << 16  # bytes of an answer that may be on its way for a while
_UNDOABLE = 1_000  # corrections that may be taken back: the last ones
_SWITCHES = {"true": True, "1": True, "false": False, "0": False}


def create_app(
    pool: Pool,
    limits: Limits,
    corrections: Corrections | None = None,
    token: str | None = None,
    origins: tuple[str, ...] = (),
    hosts: tuple[str, ...] = (),
) -> ASGIApp:
    """The service.

    corrections: where they are kept; None keeps none. token: what callers must show.
    origins: of other sites whose pages may call it; none may otherwise. hosts: names that it is
    called by, beside addresses in digits and this machine's own.
    """
    service = _Service(pool, limits, corrections)
    routes = [
        Route("/v1/read", service.read, methods=["POST"]),
        Route("/v1/predict", service.predict, methods=["POST"]),
        Route("/v1/page", service.page_as_png, methods=["POST"]),
        Route("/v1/model", service.model),
        Route("/v1/corrections", service.correct_or_not, methods=["POST", "DELETE"]),
        Route("/healthz", service.health),
        Route("/readyz", service.ready),
        Route("/metrics", service.metrics_page),
        Route("/openapi.json", service.description),
        Route("/docs", service.docs),
        Route("/", service.page),
    ]
    paths = frozenset(route.path for route in routes)
    files = Mount("/page", StaticFiles(directory=PAGE))
    handlers: dict[type[Exception] | int, Callable[[Request, Exception], Awaitable[Response]]] = {
        RefusedError: service.refused, BusyError: service.busy, CorrectionsError: _not_kept,
        HTTPException: _http_error, Exception: _failed,
    }  # fmt: skip
    inner = Starlette(routes=[*routes, files], exception_handlers=handlers)
    # Around Starlette, not in it: its answer to a fault of ours has the headers too.
    guarded: ASGIApp = Guard(inner, service.metrics, paths, token, Hosts(hosts, origins))
    if not origins:
        return guarded
    # Outermost: a browser asks whether it may call without showing the token.
    return CORSMiddleware(
        guarded, allow_origins=list(origins), allow_methods=["GET", "POST", "DELETE"],
        allow_headers=["Authorization", "Content-Type"],
    )  # fmt: skip


class _Service:
    def __init__(self, pool: Pool, limits: Limits, corrections: Corrections | None) -> None:
        self._pool = pool
        self._most = limits.pictures
        self._again = {"Retry-After": str(limits.retry_after)}
        self._corrections = corrections
        self._undo: dict[str, Change] = {}  # the last corrections, by what takes them back
        self._uploads = Uploads(limits)
        self._room = Room(limits.held)
        self._description = json.dumps(description(limits), ensure_ascii=False)
        self.metrics = Metrics()

    async def read(self, request: Request) -> Response:
        """All digits and numbers in one picture, or in each of several or of a document's pages."""
        task = Task(
            b"", wants="page", array=_switch(request, "array"), saliency=_whole(request, "saliency")
        )
        return await self._answered(request, task, b"pages")

    async def predict(self, request: Request) -> Response:
        """The digit in one picture, or in each of several."""
        saliency = 0 if _switch(request, "saliency") else None
        task = Task(b"", array=_switch(request, "array"), saliency=saliency)
        return await self._answered(request, task, b"readings")

    async def _answered(self, request: Request, task: Task, several: bytes) -> Response:
        """What the task asks for of the request's picture, or of each in a list of that name."""
        check_has_pictures(request, pdf=task.wants == "page")
        with ExitStack() as until_answered:
            share = until_answered.enter_context(self._room.share())
            body = await self._uploads.read(request, share)
            pictures = await self._uploads.pictures(request, body)
            is_one = isinstance(pictures, bytes)
            named = [("", pictures)] if isinstance(pictures, bytes) else pictures
            tasks = [task._replace(picture=data, name=name) for name, data in named]
            if task.wants == "page":
                tasks = await self._by_page(request, tasks, share)
            answers = await self._read(request, tasks, share)
            self.metrics.count(answers)
            first = answers[0]
            if is_one and len(answers) == 1 and (not tasks[0].number or first.status != 200):
                parts, status = [first.json], first.status
            else:
                listed = [part for answer in answers for part in (b",", answer.json)][1:]
                parts, status = [b'{"' + several + b'":[', *listed, b"]}"], 200
            if sum(map(len, parts)) > _LONG:
                return _Long(parts, status, until_answered.pop_all())
            return Response(b"".join(parts), status, media_type=_JSON)

    async def _read(self, request: Request, tasks: list[Task], share: Share) -> list[Answer]:
        """The pool's answers, if somebody awaits them until they are there. Its body is read."""
        reading = asyncio.ensure_future(self._pool.read(tasks, share))
        gone = asyncio.ensure_future(_gone(request))
        try:
            await asyncio.wait((reading, gone), return_when=asyncio.FIRST_COMPLETED)
            if not reading.done():
                raise RefusedError(400, "the sender has gone", closes=True)
            return reading.result()
        finally:
            reading.cancel()
            gone.cancel()

    async def _by_page(self, request: Request, tasks: list[Task], share: Share) -> list[Task]:
        """A Task for each page of those that are documents. A TIFF of one page is a picture."""
        kinds = [document_kind(task.picture) for task in tasks]
        asked = [
            Task(task.picture, wants="count", most=self._most + 1)
            for task, kind in zip(tasks, kinds, strict=True)
            if kind
        ]
        # By the workers, as all that decodes.
        counted = iter(await self._read(request, asked, share) if asked else ())
        found: list[Task] = []
        for task, kind in zip(tasks, kinds, strict=True):
            count = next(counted).pages if kind else 1
            if count == 1 and kind != PDF:
                found.append(task)
            elif len(found) + count <= self._most:
                names = page_names(task.name, count) if task.name else [""] * count
                found += [
                    task._replace(name=name, number=number) for number, name in enumerate(names, 1)
                ]
            else:
                raise self._uploads.too_many()
        return found

    async def page_as_png(self, request: Request) -> Response:
        """One page of a document as a picture, for browsers that cannot show the document."""
        number = _whole(request, "page")
        if number is None:
            number = 1
        if not 1 <= number <= self._most:
            raise RefusedError(422, f"page is {number}, expected 1 to {self._most}")
        check_is_document(request)
        with self._room.share() as share:
            body = await self._uploads.read(request, share)
            task = Task(body, wants="png", number=number)
            (answer,) = await self._read(request, [task], share)
        if answer.status != 200:
            return Response(answer.json, answer.status, media_type=_JSON)
        return Response(answer.png, media_type="image/png")

    async def correct_or_not(self, request: Request) -> Response:
        """Keep a correction, or forget one."""
        return await (
            self.correct(request) if request.method == "POST" else self.take_back(request)
        )

    async def correct(self, request: Request) -> Response:
        """Keep what a picture shows where it was read wrong."""
        if self._corrections is None:
            raise RefusedError(
                404, "this server keeps no corrections; start it with --keep FILE.db"
            )
        digit = _given(request, "digit") or ""
        if digit not in (*CLASS_NAMES, NO_DIGIT):
            raise RefusedError(
                422, f"digit is {digit!r}, expected 0 to 9 or {NO_DIGIT}: /v1/corrections?digit=7"
            )
        index = _whole(request, "place")
        # Never a form: another site's page may send one without being asked whether it may.
        check_is_picture(request)
        with self._room.share() as share:
            body = await self._uploads.read(request, share)
            wants: Wanted = "digit" if index is None else "page"
            task = Task(body, wants=wants, keep=index or 0)
            (answer,) = await self._read(request, [task], share)
            self.metrics.count([answer])
            if answer.status != 200:
                return Response(answer.json, answer.status, media_type=_JSON)
            said = json.loads(answer.json)
            kept = Kept(
                None if digit == NO_DIGIT else int(digit), body, answer.image, said["digit"],
                said["confidence"], said["reason"] or None, self._pool.model.identity, index or 0,
            )  # fmt: skip
            change, total = await self._corrections.keep(kept)
        undo = secrets.token_urlsafe(16)
        self._undo[undo] = change
        if len(self._undo) > _UNDOABLE:
            del self._undo[next(iter(self._undo))]
        return _json({"id": change.id, "kept": total, "undo": undo}, 201)

    async def take_back(self, request: Request) -> Response:
        """Take back a correction that was kept a while ago."""
        undo = _given(request, "undo") or ""
        change = self._undo.pop(undo, None)  # at once: a second request for it may come meanwhile
        if self._corrections is None or change is None:
            raise RefusedError(404, "no correction with this undo token")
        try:
            total = await self._corrections.take_back(change)
        except CorrectionsError:
            self._undo[undo] = change
            raise
        if total is None:
            raise RefusedError(404, "that digit was corrected again; undo the last correction")
        return _json({"id": change.id, "kept": total})

    async def model(self, request: Request) -> Response:
        """What reads."""
        model = self._pool.model
        return _json(
            {
                "name": model.name,
                "identity": model.identity,
                "files": model.files,
                "accept": float(model.metadata.get(ACCEPT, 0)),
                "metadata": model.metadata,
                "inkdigits": __version__,
                "keeps_corrections": self._corrections is not None,
            }
        )

    async def health(self, request: Request) -> Response:
        """Whether the service runs."""
        return _json({"status": "alive"})

    async def ready(self, request: Request) -> Response:
        """Whether it takes more pictures."""
        if self._pool.is_away:
            return _error("no worker process can be started; see its log", 503, self._again)
        if self._pool.is_full:
            return await self.busy(request, BusyError())
        return _json({"status": "ready"})

    async def metrics_page(self, request: Request) -> Response:
        """Counts, in Prometheus' text format."""
        found = generate_latest(self.metrics.registry)
        return Response(found, headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def description(self, request: Request) -> Response:
        """The OpenAPI description."""
        return Response(self._description, media_type=_JSON)

    async def docs(self, request: Request) -> Response:
        """The description, for people."""
        return Response(as_page(json.loads(self._description)), media_type="text/html")

    async def page(self, request: Request) -> Response:
        """The page to draw on."""
        return FileResponse(PAGE / "index.html")

    async def busy(self, request: Request, error: Exception) -> Response:
        """The queue is full."""
        self.metrics.refused.inc()
        words = "busy: too many pictures wait to be read; try again soon"
        return _error(words, 503, self._again)

    async def refused(self, request: Request, error: Exception) -> Response:
        """Something is wrong with the request, or there is no room for its body."""
        assert isinstance(error, RefusedError)
        headers = {"Connection": "close"} if error.closes else {}
        return _error(
            str(error), error.status, headers | (self._again if error.status == 503 else {})
        )


class _Long(Response):
    """An answer in parts, each sent when the client has taken the one before.

    held: what is given back when all is taken.
    """

    media_type = _JSON

    def __init__(self, parts: Sequence[bytes], status: int, held: ExitStack) -> None:
        super().__init__(status_code=status, headers={"Content-Length": str(sum(map(len, parts)))})
        self._parts, self._held = parts, held

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._held:
            start = {"type": "http.response.start", "status": self.status_code}
            await send(start | {"headers": self.raw_headers})
            for part in self._parts:
                await send({"type": "http.response.body", "body": part, "more_body": True})
            # Nothing is sent before there is room for it.
            await send({"type": "http.response.body", "body": b""})


async def _gone(request: Request) -> None:
    """Returns when the sender has gone; after its body nothing else comes."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _given(request: Request, name: str) -> str | None:
    """A parameter of the query, or None where it is not given."""
    given = request.query_params.getlist(name)
    if len(given) > 1:
        raise RefusedError(422, f"{name} is given {len(given)} times, expected once")
    return given[0] if given else None


def _switch(request: Request, name: str) -> bool:
    given = _given(request, name)
    if given is None:
        return False
    if given not in _SWITCHES:
        raise RefusedError(422, f"{name} is {given!r}, expected true or false")
    return _SWITCHES[given]


def _whole(request: Request, name: str) -> int | None:
    """A parameter that counts digits or pages, or None where it is not given."""
    given = _given(request, name)
    if given is None:
        return None
    if not (given.isascii() and given.isdigit() and len(given) < 6):
        raise RefusedError(422, f"{name} is {given!r}, expected a whole number below 100000")
    return int(given)


def _json(value: object, status: int = 200) -> Response:
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return Response(text, status, media_type=_JSON)


def _error(message: str, status: int, headers: dict[str, str] | None = None) -> Response:
    return Response(error_json(message, status), status, headers, _JSON)


async def _not_kept(request: Request, error: Exception) -> Response:
    return _error(str(error), 507)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    message = f"{request.method} {request.url.path}: {error.detail}; see /docs"
    return _error(message, error.status_code, dict(error.headers or {}))


async def _failed(request: Request, error: Exception) -> Response:
    return _error("internal server error; see its log", 500)
