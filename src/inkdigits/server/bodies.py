"""A request's pictures: its body within the limits of size and time, and the parts of a form.

In: a request. Out: pictures as bytes, with their names. What is wrong with one is a RefusedError.
Nothing is written to a file, whatever its size.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from inkdigits.server.limits import Limits

_DISCARDED = 5  # times the limit: read and thrown away, so that the sender gets to see the answer
_FORM = "multipart/form-data"


class RefusedError(Exception):
    """A request that is answered with an error. The connection is closed where `closes`."""

    def __init__(self, status: int, message: str, *, closes: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.closes = closes


class Bodies:
    """Reads bodies; knows how many bytes of all requests are held."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._held = 0

    @contextmanager
    def held(self) -> Iterator[list[int]]:
        """Keeps count of one request's bytes until it is answered."""
        sizes: list[int] = []
        try:
            yield sizes
        finally:
            self._held -= sum(sizes)

    async def read(self, request: Request, sizes: list[int]) -> bytes:
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
                    if self._held + len(chunk) > limits.held:
                        raise RefusedError(503, "busy: too much is being uploaded", closes=True)
                    self._held += len(chunk)
                    sizes.append(len(chunk))
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
            raise RefusedError(400, "the body is empty, wanted a picture")
        return b"".join(chunks)

    async def pictures(self, request: Request, body: bytes) -> list[tuple[str, bytes]]:
        """(name, bytes) of each file in a multipart/form-data body. Raises RefusedError."""
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
                raise RefusedError(
                    413, f"over {self._limits.pictures} pictures in one request; send fewer"
                ) from error
            raise RefusedError(
                400, f"no multipart/form-data as it should be: {error.message}"
            ) from error
        if not files:
            raise RefusedError(400, "the form holds no file, wanted pictures as files")
        return files

    def _too_large(self) -> RefusedError:
        return RefusedError(
            413, f"the body is over {self._limits.body:,} bytes; scale it down", closes=True
        )


def is_form(request: Request) -> bool:
    """Whether the body is a form with files."""
    return _media_type(request) == _FORM


def check_is_picture(request: Request) -> None:
    """Raise RefusedError unless the request says that its body is a picture."""
    found = _media_type(request)
    if not found.startswith("image/"):
        raise RefusedError(
            415,
            f"the body's Content-Type is {found or 'missing'}, wanted image/png, image/jpeg or "
            f"another image type, or {_FORM} with pictures as files",
        )


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


class _InMemory(MultiPartParser):
    """Starlette's parser, which writes what is larger than this to a temporary file."""

    spool_max_size = 1 << 40


async def _once(body: bytes) -> AsyncGenerator[bytes, None]:
    yield body
