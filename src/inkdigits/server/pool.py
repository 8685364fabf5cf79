"""Pictures of all requests, gathered into batches for a few worker processes.

In: Tasks. Out: Answers. Processes, not threads: small pictures are read in Python code, which one
process runs on one core; and a decoder that crashes takes a worker with it, not the service.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain

from inkdigits.errors import ModelError
from inkdigits.machine import cores
from inkdigits.server.limits import Limits
from inkdigits.server.work import Answer, Model, Task, error_json
from inkdigits.server.worker import EndedError, Worker

_BATCH = 16  # pictures: more gain nothing and keep the first of them waiting
_LARGE = 50_000  # bytes: such a picture takes as long as a batch and goes alone
_DEATHS = 2  # of workers that had a picture, the second time alone: then it is the picture


class BusyError(Exception):
    """More pictures wait than the service holds."""


@dataclass(eq=False)
class _Waiting:
    task: Task
    answer: asyncio.Future[Answer]
    deaths: int = 0  # of workers that had it


class Pool:
    """Worker processes with a bounded queue. Made before the one event loop that it is used from.

    model: as Reader takes it; self.model is what was loaded. Raises ModelError, at once, if that
    cannot be done.
    """

    def __init__(self, model: str | None, limits: Limits, workers: int = 0) -> None:
        self._limits = limits
        self._model = model
        self._waiting: deque[deque[_Waiting]] = deque()  # requests, and what is left of each
        self._some = asyncio.Event()
        self._free = 0
        self._running: list[asyncio.Task[None]] = []
        self._workers = [self._started() for _ in range(workers or cores())]
        try:
            self.model = asyncio.run(_all_ready(self._workers))
        except BaseException:
            self.close()
            raise

    @property
    def is_full(self) -> bool:
        """Whether one more picture would be refused."""
        return self._n_waiting >= self._limits.waiting

    @property
    def _n_waiting(self) -> int:
        return sum(map(len, self._waiting))

    async def read(self, tasks: list[Task]) -> list[Answer]:
        """An Answer for each picture, in order. Raises BusyError if the queue has no room."""
        if self._n_waiting + len(tasks) > self._limits.waiting:
            raise BusyError
        loop = asyncio.get_running_loop()
        if not self._running:
            places = range(len(self._workers))
            self._running = [loop.create_task(self._run(place)) for place in places]
        answers = [loop.create_future() for _ in tasks]
        self._waiting.append(deque(map(_Waiting, tasks, answers)))
        self._some.set()
        return list(await asyncio.gather(*answers)) if len(answers) > 1 else [await answers[0]]

    def close(self) -> None:
        """End the workers."""
        for worker in self._workers:
            worker.close()

    def _started(self) -> Worker:
        return Worker(self._model, self._limits.pixels)

    async def _run(self, place: int) -> None:
        """Keep the worker at that place busy, and put another there when it ends."""
        while True:
            self._free += 1
            while not self._waiting:
                self._some.clear()
                await self._some.wait()
            batch = self._next_batch()
            self._free -= 1
            try:
                answers = await self._workers[place].read([one.task for one in batch])
            except EndedError:
                self._again(batch)
                await self._replace(place)
            except Exception as error:  # noqa: BLE001 - given to those who wait
                _fail(batch, error)
            else:
                for one, answer in zip(batch, answers, strict=True):
                    if not one.answer.done():  # a client that has gone cancelled it
                        one.answer.set_result(answer)

    def _next_batch(self) -> list[_Waiting]:
        """The pictures that are next, as many as leave work for other free workers."""
        most = min(_BATCH, -(-self._n_waiting // self._free))
        batch = [self._next()]
        size = _size(batch[0].task)
        while len(batch) < most and self._waiting and not batch[0].deaths:
            one = self._waiting[0][0]
            size += _size(one.task)
            if size > _LARGE or one.deaths:
                break
            batch.append(self._next())
        return batch

    def _next(self) -> _Waiting:
        """The next picture. Requests take turns: none waits for all pages of another's document."""
        request = self._waiting.popleft()
        one = request.popleft()
        if request:
            self._waiting.append(request)
        return one

    def _again(self, batch: list[_Waiting]) -> None:
        """Some picture crashed its decoder, or the system killed the worker: once more, alone."""
        for one in reversed(batch):
            one.deaths += 1
            if one.deaths < _DEATHS:
                self._waiting.appendleft(deque([one]))
            elif not one.answer.done():
                message = "picture: its decoder crashed on it; save it anew with another program"
                error = error_json(message, 415, one.task.name, one.task.number)
                one.answer.set_result(Answer(415, error, "error"))
        self._some.set()

    async def _replace(self, place: int) -> None:
        self._workers[place].close()
        while True:
            self._workers[place] = self._started()
            try:
                await self._workers[place].model()
            except (ModelError, EndedError) as error:
                # The model file is gone, or memory is: those who wait shall know.
                _fail(chain.from_iterable(self._waiting), error)
                self._waiting.clear()
                self._some.clear()
                self._workers[place].close()
                await self._some.wait()
            else:
                return


def _size(task: Task) -> int:
    """Bytes of a picture; what a page of a document takes is not to be told from its bytes."""
    return _LARGE if task.number or task.wants == "count" else len(task.picture)


def _fail(batch: Iterable[_Waiting], error: Exception) -> None:
    for one in batch:
        if not one.answer.done():
            one.answer.set_exception(error)


async def _all_ready(workers: list[Worker]) -> Model:
    models = [await worker.model() for worker in workers]
    return models[0]
