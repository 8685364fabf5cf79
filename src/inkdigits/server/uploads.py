"""A request's pictures: its body within the limits of size and time, as it is, in a form or JSON.

In: a request. Out: pictures as bytes, with their names. What is wrong with one is a RefusedError.
Nothing is written to a file, whatever its size.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager

from python_multipart.multipart import parse_options_header
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from inkdigits.server.limits import Limits

_DISCARDED = 5  # times the limit: read and thrown away, so that the sender gets to see the answer
_FORM, _JSON = "multipart/form-data", "application/json"
_PDF = "application/pdf"
_CHARSETS = (b"utf-8", b"utf8", b"us-ascii")
_BRACKETS = 2  # that a body of JSON may open
_COMMAS = 8  # for each picture of the limit; a data URL has one, too
_OTHER_JSON = 'the JSON is not as expected: {"picture": BASE64} or {"pictures": [BASE64]}'


class RefusedError(Exception):
    """A request that is answered with an error. The connection is closed where `closes`."""

    def __init__(self, status: int, message: str, *, closes: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.closes = closes


class Room:
    """Bytes that all requests together may hold."""

    def __init__(self, size: int) -> None:
        self._left = size

    @contextmanager
    def share(self) -> Iterator[Share]:
        """One request's, until it is answered."""
        share = Share(self)
        try:
            yield share
        finally:
            self._left += share.size

    def take(self, size: int) -> bool:
        """Whether so much is there, which then is taken."""
        if size > self._left:
            return False
        self._left -= size
        return True


class Share:
    """Bytes that one request holds, of its body and of its answers."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self.size = 0

    def take(self, size: int) -> bool:
        """Hold so much more, if there is room."""
        has_room = self._room.take(size)
        self.size += size * has_room
        return has_room


class Uploads:
    """Reads bodies."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits

    async def read(self, request: Request, share: Share) -> bytes:
        """The request's body. Raises RefusedError: empty, too large, too slow, no room."""
        limits = self._limits
        chunks: list[bytes] = []
        try:
            async with asyncio.timeout(limits.body_time):
                declared = int(request.headers.get("content-length") or 0)
                if declared > _DISCARDED * limits.body:
                    raise self._too_large()
                size = 0
                async for chunk in request.stream():
                    size += len(chunk)
                    if size > _DISCARDED * limits.body:
                        raise self._too_large()
                    if size > limits.body or declared > limits.body:
                        continue
                    if not share.take(len(chunk)):
                        raise RefusedError(503, "busy: too much is being uploaded", closes=True)
                    chunks.append(chunk)
        except TimeoutError as error:
            raise RefusedError(
                408,
                f"the body was not here after {limits.body_time:g} s; send smaller pictures",
                closes=True,
            ) from error
        except ClientDisconnect as error:
            raise RefusedError(400, "the sender has gone", closes=True) from error
        if size > limits.body:
            raise self._too_large()
        if not size:
            raise RefusedError(400, "the body is empty, expected a picture")
        return b"".join(chunks)

    async def pictures(self, request: Request, body: bytes) -> list[tuple[str, bytes]] | bytes:
        """The picture's bytes if the body holds one alone, or (name, bytes) of each of several.

        A form always holds several, JSON where it says `pictures`. Raises RefusedError.
        """
        kind = _media_type(request)
        if kind == _FORM:
            return await self._of_form(request, body)
        return self._of_json(body) if kind == _JSON else body

    def _of_json(self, body: bytes) -> list[tuple[str, bytes]] | bytes:
        # Looked at before it is parsed: 10 MB of empty lists take a second, and 400 MB.
        if body.count(b"[") + body.count(b"{") > _BRACKETS:
            raise RefusedError(422, _OTHER_JSON)
        if body.count(b",") > _COMMAS * self._limits.pictures:
            raise self.too_many()
        try:
            found = json.loads(body)
        except ValueError as error:
            raise RefusedError(400, f"the body is not JSON: {error}") from error
        if isinstance(found, dict) and found.keys() == {"picture"}:
            return _from_base64(found["picture"])
        if not isinstance(found, dict) or found.keys() != {"pictures"}:
            raise RefusedError(422, _OTHER_JSON)
        pictures = found["pictures"]
        if not isinstance(pictures, list) or not pictures:
            raise RefusedError(422, "pictures is not a list of pictures in base64")
        if len(pictures) > self._limits.pictures:
            raise self.too_many()
        return [(str(i), _from_base64(picture)) for i, picture in enumerate(pictures)]

    async def _of_form(self, request: Request, body: bytes) -> list[tuple[str, bytes]]:
        # Starlette decodes names with any codec of Python's: of some 200 kB take seconds.
        charset = parse_options_header(request.headers["content-type"])[1].get(b"charset", b"utf-8")
        if charset.lower() not in _CHARSETS:
            shown = charset.decode("latin-1")
            raise RefusedError(400, f"the form's charset is {shown!r}, expected utf-8 or none")
        parser = _InMemory(request.headers, _once(body), max_files=self._limits.pictures)
        try:
            form = await parser.parse()
            files = [
                (value.filename or field, await value.read())
                for field, value in form.multi_items()
                if isinstance(value, UploadFile)
            ]
            await form.close()
        except MultiPartException as error:
            if error.message.startswith("Too many files"):
                raise self.too_many() from error
            raise RefusedError(400, f"not valid multipart/form-data: {error.message}") from error
        if not files:
            raise RefusedError(400, "the form holds no file, expected pictures as files")
        return files

    def too_many(self) -> RefusedError:
        """The error for more pictures and pages than one request may hold."""
        return RefusedError(
            413, f"over {self._limits.pictures} pictures or pages in one request; send fewer"
        )

    def _too_large(self) -> RefusedError:
        return RefusedError(
            413, f"the body is over {self._limits.body:,} bytes; scale it down", closes=True
        )


def check_is_picture(request: Request) -> None:
    """Raise RefusedError unless the request declares its body as a picture."""
    if not _media_type(request).startswith("image/"):
        raise _other_kind(request)


def check_is_document(request: Request) -> None:
    """The same, where it may be a PDF."""
    if _media_type(request) != _PDF:
        check_is_picture(request)


def check_has_pictures(request: Request, *, pdf: bool) -> None:
    """The same, where a form or JSON may hold several. pdf: whether it may be a PDF."""
    if _media_type(request) not in (_FORM, _JSON, *([_PDF] if pdf else [])):
        check_is_picture(request)


def _other_kind(request: Request) -> RefusedError:
    return RefusedError(
        415,
        f"the body's Content-Type is {_media_type(request) or 'missing'}, expected image/png, "
        f"image/jpeg or another image type, or {_FORM} or {_JSON} with pictures",
    )


def _from_base64(text: object) -> bytes:
    """The bytes of a base64 text or a base64 data URL. Raises RefusedError."""
    if not isinstance(text, str):
        raise RefusedError(422, f"a picture is {type(text).__name__} in JSON, expected base64 text")
    if text.startswith("data:"):
        head, comma, text = text.partition(",")
        if not comma or not head.endswith(";base64"):
            raise RefusedError(422, "a data URL is not as expected: data:image/png;base64,...")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise RefusedError(422, f"a picture is not base64: {error}") from error


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


class _InMemory(MultiPartParser):
    """Starlette's parser, which writes what is larger than this to a temporary file."""

    spool_max_size = 1 << 40


async def _once(body: bytes) -> AsyncGenerator[bytes, None]:
    yield body
