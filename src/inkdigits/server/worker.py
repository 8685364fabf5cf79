"""One worker process and the pipe to it.

In: batches of Tasks. Out: their Answers. A pipe that the event loop reads itself: to hand pictures
over through an executor's threads took longer than to read them.
"""

from __future__ import annotations

import asyncio
import pickle
import socket
from typing import Any

from inkdigits.processes import context, start
from inkdigits.reading.model import About
from inkdigits.server import worker_main
from inkdigits.server.worker_main import HEADER, Answer, Task

_CHUNK = 1 << 18  # bytes that are taken from a pipe at a time


class EndedError(Exception):
    """The worker process has ended."""


class Worker:
    """A process that reads batches, one at a time. It loads its model while this goes on."""

    def __init__(self, model: str | None, max_pixels: int) -> None:
        self._pipe, there = socket.socketpair()
        try:
            self._process = context(worker_main.__name__).Process(
                target=worker_main.run, args=(there, model, max_pixels)
            )
            start(self._process, whole=False)
        except BaseException:
            self._pipe.close()
            raise
        finally:
            there.close()
        self._pipe.setblocking(False)

    async def model(self) -> About:
        """What it has loaded; to be asked once, first. Raises ModelError, or EndedError."""
        about: About = await self._answer()
        return about

    @property
    def has_ended(self) -> bool:
        """Whether the process is gone, as its end of the pipe tells: to ask for it takes longer."""
        try:
            return not self._pipe.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            return True

    async def read(self, tasks: list[Task], seconds: float, *, last: bool) -> list[Answer | None]:
        """An Answer for each picture, in order. Raises what reading raised, or EndedError.

        seconds: of computing, of all together. last: what takes longer is an error; else None.
        """
        message = worker_main.packed((tasks, seconds, last))
        try:
            await asyncio.get_running_loop().sock_sendall(self._pipe, message)
        except OSError as error:
            raise EndedError from error
        answers: list[Answer | None] = await self._answer()
        return answers

    def kill(self) -> None:
        """End the process, whatever it does: it keeps nothing."""
        self._process.kill()

    def close(self) -> None:
        """The same, and wait until it has."""
        self._pipe.close()
        self.kill()
        self._process.join()

    async def _answer(self) -> Any:
        loop = asyncio.get_running_loop()
        data = bytearray()
        size = HEADER.size
        while len(data) < size:
            try:
                part = await loop.sock_recv(self._pipe, _CHUNK)
            except OSError as error:
                raise EndedError from error
            if not part:
                raise EndedError
            data += part
            if size == HEADER.size <= len(data):
                size += HEADER.unpack_from(data)[0]
        found = pickle.loads(memoryview(data)[HEADER.size :])
        if isinstance(found, Exception):
            raise found
        return found
