"""Pictures of all requests, gathered into batches for a few worker processes.

In: Tasks. Out: Answers. Processes, not threads: small pictures are read in Python code, which one
process runs on one core; and a decoder that crashes takes a worker with it, not the service.
"""

from __future__ import annotations

import asyncio
from collections import deque
from concurrent.futures import Executor, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_all_start_methods, get_context
from typing import NamedTuple

from inkdigits.errors import ModelError
from inkdigits.machine import cores
from inkdigits.server import work
from inkdigits.server.limits import Limits
from inkdigits.server.work import Answer, Task

_BATCH = 16  # pictures: more gain nothing and keep the first of them waiting
_LARGE = 50_000  # bytes: such a picture takes as long as a batch and goes alone


class BusyError(Exception):
    """More pictures wait than the service holds."""


class _Waiting(NamedTuple):
    task: Task
    answer: asyncio.Future[Answer]


class Pool:
    """Worker processes with a bounded queue. Use it from one event loop.

    model: as Reader takes it. Raises ModelError, at once, if that cannot be loaded.
    """

    def __init__(self, model: str | None, limits: Limits, workers: int = 0) -> None:
        self._limits = limits
        self._model = model
        self._workers = workers or cores()
        self._free = self._workers
        self._waiting: deque[_Waiting] = deque()
        self._running: set[asyncio.Task[None]] = set()
        self._one_alone = asyncio.Lock()
        self._executor = self._started(self._workers)
        # One question for each worker starts them all now.
        asked = [self._executor.submit(work.loaded) for _ in range(self._workers)]
        try:
            self.model = asked[0].result()
        except ModelError:
            self.close()
            raise

    @property
    def is_full(self) -> bool:
        """Whether one more picture would be refused."""
        return len(self._waiting) >= self._limits.waiting

    async def read(self, tasks: list[Task]) -> list[Answer]:
        """An Answer for each picture, in order. Raises BusyError if the queue has no room."""
        if len(self._waiting) + len(tasks) > self._limits.waiting:
            raise BusyError
        loop = asyncio.get_running_loop()
        waiting = [_Waiting(task, loop.create_future()) for task in tasks]
        self._waiting.extend(waiting)
        self._hand_out()
        return [await one.answer for one in waiting]

    def close(self) -> None:
        """End the workers."""
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _started(self, workers: int) -> Executor:
        # A fork of a process that runs an event loop and threads may hang.
        method = "forkserver" if "forkserver" in get_all_start_methods() else "spawn"
        context = get_context(method)
        if method == "forkserver":
            context.set_forkserver_preload([work.__name__])
        arguments = (self._model, self._limits.pixels)
        return ProcessPoolExecutor(workers, context, work.start, arguments)

    def _hand_out(self) -> None:
        while self._free and self._waiting:
            batch = self._next_batch()
            self._free -= 1
            running = asyncio.get_running_loop().create_task(self._run(batch))
            self._running.add(running)
            running.add_done_callback(self._running.discard)

    def _next_batch(self) -> list[_Waiting]:
        """The pictures that have waited longest, as many as leave work for other free workers."""
        most = min(_BATCH, -(-len(self._waiting) // self._free))
        batch = [self._waiting.popleft()]
        size = len(batch[0].task.picture)
        while len(batch) < most and self._waiting:
            size += len(self._waiting[0].task.picture)
            if size > _LARGE:
                break
            batch.append(self._waiting.popleft())
        return batch

    async def _run(self, batch: list[_Waiting]) -> None:
        try:
            answers = await self._read(batch)
        except Exception as error:  # noqa: BLE001 - given to those who wait
            for one in batch:
                if not one.answer.done():
                    one.answer.set_exception(error)
        else:
            for one, answer in zip(batch, answers, strict=True):
                if not one.answer.done():  # a client that has gone cancelled it
                    one.answer.set_result(answer)
        finally:
            self._free += 1
            self._hand_out()

    async def _read(self, batch: list[_Waiting]) -> list[Answer]:
        executor = self._executor
        try:
            return await self._in(executor, [one.task for one in batch])
        except BrokenProcessPool:
            if executor is self._executor:
                self._executor = self._started(self._workers)
                executor.shutdown(wait=False)
            # Some picture crashed its decoder, or the system killed a worker.
            return [await self._alone(one.task) for one in batch]

    async def _alone(self, task: Task) -> Answer:
        """A picture in a worker of its own: if that breaks too, it is the picture."""
        async with self._one_alone:
            executor = self._started(1)
            try:
                return (await self._in(executor, [task]))[0]
            except BrokenProcessPool:
                message = "picture: its decoder crashed on it; save it anew with another program"
                return Answer(415, work.error_json(message, 415, task.name), "error")
            finally:
                executor.shutdown(wait=False)

    async def _in(self, executor: Executor, tasks: list[Task]) -> list[Answer]:
        return await asyncio.get_running_loop().run_in_executor(executor, work.read, tasks)
