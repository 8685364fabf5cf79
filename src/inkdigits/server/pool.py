"""Pictures of all requests, gathered into batches for a few worker processes.

In: Tasks. Out: Answers. Processes, not threads: small pictures are read in Python code, which one
process runs on one core; and a decoder that crashes takes a worker with it, not the service.

No picture waits long behind slow ones: each is first given a short time, and if that is not enough
it joins those that are slow, which one worker never takes. Where several came in one request, all
that are left of it join them. A request's pictures share what one request may take: a time, and
bytes of answers.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain

from inkdigits.environment import cores
from inkdigits.errors import ModelError, ProcessError
from inkdigits.picture.documents import document_kind
from inkdigits.reading.model import About
from inkdigits.server.limits import Limits
from inkdigits.server.uploads import Share
from inkdigits.server.worker import EndedError, Worker
from inkdigits.server.worker_main import Answer, Task, error_json

_BATCH = 16  # pictures: more gain nothing and keep the first of them waiting
_QUICK_ONES = 16  # batches of quick ones that go before one that is slow
_LARGE = 50_000  # bytes: such a picture takes as long as a batch and goes alone
_DEATHS = 2  # of workers that had a picture, the second time alone: then it is the picture
_PATIENCE = 1.0  # seconds until a worker that could not be started is tried again
_WALL_FACTOR = (
    2.0  # times a picture's computing time: a decoder that never looks at its clock is ended
)
_QUICK_WALL_SECONDS = 5.0  # seconds, the same for a first try

_log = logging.getLogger(__name__)

Requests = deque[deque["_Waiting"]]  # and what is left of each


class BusyError(Exception):
    """More pictures wait than the service holds."""


@dataclass(eq=False)
class _Request:
    """Pictures that came together, and what is left to them."""

    pictures: int
    seconds: float  # of a worker
    size: int  # bytes of answers
    share: Share
    read: int = 0  # pictures


@dataclass(eq=False)
class _Waiting:
    task: Task
    answer: asyncio.Future[Answer]
    request: _Request
    slow: bool
    deaths: int = 0  # of workers that had it


class Pool:
    """Worker processes with a bounded queue. Made before the one event loop that it is used from.

    model: as Reader takes it; self.model is what was loaded. workers: 0 is one more than there are
    cores. Raises ModelError, at once, if it cannot be loaded, OSError where no process can be
    started, and ProcessError where one ends before it has loaded it.
    """

    def __init__(self, model: str | None, limits: Limits, workers: int = 0) -> None:
        self._limits = limits
        self._model = model
        self._quick: Requests = deque()
        self._second: Requests = deque()  # each alone: the batch that it was in did not end well
        self._slow: Requests = deque()
        self._queues = (self._quick, self._second, self._slow)
        self._some = asyncio.Condition()
        self._free = 0
        self._away = 0  # workers that cannot be started now
        self._running: list[asyncio.Task[None]] = []
        self._workers: list[Worker] = []
        try:
            for _ in range(workers or cores() + 1):
                self._workers.append(self._started())
            self.model = asyncio.run(_all_ready(self._workers))
        except BaseException:
            self.close()
            raise

    @property
    def is_full(self) -> bool:
        """Whether one more picture would be refused."""
        return self._n_waiting >= self._limits.waiting

    @property
    def is_away(self) -> bool:
        """Whether no worker is there: none can be started now."""
        return self._away == len(self._workers)

    @property
    def _n_waiting(self) -> int:
        return sum(map(len, chain(*self._queues)))

    async def read(self, tasks: list[Task], share: Share) -> list[Answer]:
        """An Answer for each picture of a request, in order; they are held in its share.

        Raises BusyError if the queue has no room: the last quarter is for pictures that come alone.
        """
        room = self._limits.waiting if len(tasks) == 1 else self._limits.waiting * 3 // 4
        if self._n_waiting + len(tasks) > room:
            self._forget_given_up()
            if self._n_waiting + len(tasks) > room:
                raise BusyError
        loop = asyncio.get_running_loop()
        if not self._running:
            slots = range(len(self._workers))
            self._running = [loop.create_task(self._run(slot)) for slot in slots]
        request = _Request(len(tasks), self._limits.request_time, self._limits.answer, share)
        waiting = [_Waiting(task, loop.create_future(), request, _is_slow(task)) for task in tasks]
        for slow, queue in ((False, self._quick), (True, self._slow)):
            if some := deque(one for one in waiting if one.slow == slow):
                queue.append(some)
        await self._tell()
        return list(await asyncio.gather(*(one.answer for one in waiting)))

    def close(self) -> None:
        """End the workers."""
        for task in self._running:
            task.cancel()
        for worker in self._workers:
            worker.kill()
        for worker in self._workers:
            worker.close()

    def _started(self) -> Worker:
        return Worker(self._model, self._limits.pixels)

    async def _tell(self) -> None:
        async with self._some:
            self._some.notify_all()

    def _forget_given_up(self) -> None:
        """Take those out whose clients have gone."""
        for queue in self._queues:
            left = [deque(one for one in some if not one.answer.done()) for some in queue]
            queue.clear()
            queue.extend(some for some in left if some)

    async def _run(self, slot: int) -> None:
        """Keep the worker in that slot busy, whatever happens to it."""
        while True:
            try:
                await self._work(slot)
            except Exception as error:  # noqa: BLE001 - nobody awaits this; a worker less is said
                _log.error("a worker was lost (%r); trying again", error)
                await asyncio.sleep(_PATIENCE)

    async def _work(self, slot: int) -> None:
        takes_slow = slot > 0 or len(self._workers) == 1
        quick = 0  # batches of quick ones since the last slow one
        while True:
            if self._workers[slot].has_ended:  # while it was idle, through no fault of a picture
                await self._replace(slot)
            self._free += 1
            try:
                async with self._some:
                    batch = self._next_batch(takes_slow, quick >= _QUICK_ONES)
                    if not batch:
                        await self._some.wait()
                        continue
            finally:
                self._free -= 1
            quick = 0 if batch[0].slow else quick + 1
            start = time.monotonic()
            await self._read(slot, batch)
            if (request := batch[0].request).pictures > 1:  # then all of the batch are its
                request.seconds -= time.monotonic() - start
                if request.seconds <= 0:
                    seconds = self._limits.request_time
                    self._end(request, 413, f"the pictures of its request took over {seconds:g} s")

    async def _read(self, slot: int, batch: list[_Waiting]) -> None:
        slow = batch[0].slow
        seconds = self._limits.picture_time if slow else self._limits.quick_time
        wall = _WALL_FACTOR * seconds if slow else _QUICK_WALL_SECONDS
        worker = self._workers[slot]
        # Else it is not known whose pictures took the time.
        is_one_requests = len(batch) == 1 or batch[0].request.pictures > 1
        try:
            async with asyncio.timeout(wall):
                answers = await worker.read([one.task for one in batch], seconds, last=slow)
        except TimeoutError:
            if slow:
                words = f"picture: took over {wall:g} s to read; save it as a plain PNG"
                _refuse(batch[0], 422, words)
            else:
                await self._again(batch, slow=is_one_requests)
            await self._replace(slot)
        except EndedError:
            await self._again(batch, died=True)
            await self._replace(slot)
        except Exception as error:  # noqa: BLE001 - given to those who wait
            if len(batch) == 1:
                _fail(batch, error)
            else:
                await self._again(batch)
        else:
            unfinished = []
            for one, answer in zip(batch, answers, strict=True):
                if answer is None:
                    unfinished.append(one)
                else:
                    self._answer(one, answer)
            await self._again(unfinished, slow=is_one_requests)

    def _answer(self, one: _Waiting, answer: Answer) -> None:
        """Hand an answer to who awaits it, if there is room to hold it."""
        if one.answer.done():  # a client that has gone cancelled it
            return
        request, size = one.request, len(answer.json) + len(answer.png)
        request.size -= size
        if request.size < 0:
            most = self._limits.answer
            self._end(request, 413, f"the answers to its request take over {most:,} bytes", one)
        elif not request.share.take(size):
            self._end(request, 503, "busy: too much is being answered", one)
        else:
            request.read += 1
            one.answer.set_result(answer)

    def _end(self, request: _Request, status: int, why: str, *more: _Waiting) -> None:
        """Read no more pictures of a request."""
        waiting = (one for one in chain(*chain(*self._queues)) if one.request is request)
        message = (
            f"picture: not read: {why}; {request.read} of {request.pictures} were read, send the "
            "others in requests of their own"
        )
        for one in (*more, *waiting):
            _refuse(one, status, message)
        self._forget_given_up()

    def _next_batch(self, takes_slow: bool, others_turn: bool) -> list[_Waiting]:
        """The pictures that are next, or none.

        others_turn: second tries and slow ones go first, which wait for all new ones otherwise.
        """
        order = self._queues[: 3 if takes_slow else 2]
        for queue in reversed(order) if others_turn else order:
            if _first(queue):
                return self._first_tries() if queue is self._quick else [_taken(queue)]
        return []

    def _first_tries(self) -> list[_Waiting]:
        """The quick ones that are next, as many as leave work for other free workers.

        Of one request, or each alone in its own: none shares its time with a form's.
        """
        most = min(_BATCH, -(-sum(map(len, self._quick)) // self._free))
        batch: list[_Waiting] = []
        size = 0
        while len(batch) < most and (one := _first(self._quick)):
            size += len(one.task.picture)
            if batch and (size > _LARGE or not _may_go_together(batch[0], one)):
                break
            batch.append(self._quick[0].popleft())
        left = _first(self._quick)
        if left and left.request is batch[0].request:  # requests take turns
            self._quick.rotate(-1)
        return batch

    async def _again(
        self, batch: list[_Waiting], *, died: bool = False, slow: bool = False
    ) -> None:
        """Once more, each alone: the worker has ended, the time was up, or there was an error.

        slow: they took too long; now they have the time of the slow ones, and so have all that
        are left of their request.
        """
        left: deque[_Waiting] = deque()
        for one in batch:
            one.deaths += died
            if one.deaths == _DEATHS:
                message = "picture: its decoder crashed on it; save it again with another program"
                _refuse(one, 415, message)
            elif slow or one.slow:
                left.append(one)
            else:
                self._second.append(deque([one]))
        if left:
            self._slow_down(left)
        await self._tell()

    def _slow_down(self, some: deque[_Waiting]) -> None:
        """Put pictures of a request, and all others that are left of it, with the slow ones."""
        request = some[0].request
        for queue in self._queues:
            for others in queue:
                if others and others[0].request is request:
                    some.extend(others)
                    others.clear()
        for one in some:
            one.slow = True
        self._slow.append(some)

    async def _replace(self, slot: int) -> None:
        """Put another worker there; try until there is one."""
        self._workers[slot].close()
        self._away += 1
        try:
            while True:
                try:
                    self._workers[slot] = self._started()
                    await self._workers[slot].model()
                    return
                except (ModelError, EndedError, OSError) as error:
                    # The model file is gone, or memory or descriptors are.
                    self._workers[slot].close()
                    if self.is_away:  # nobody else reads: those who wait shall know
                        _fail(chain.from_iterable(chain(*self._queues)), error)
                        self._forget_given_up()
                    await asyncio.sleep(_PATIENCE)
        finally:
            self._away -= 1


def _first(queue: Requests) -> _Waiting | None:
    """The next picture that somebody awaits."""
    while queue:
        while queue[0]:
            if not queue[0][0].answer.done():
                return queue[0][0]
            queue[0].popleft()
        queue.popleft()
    return None


def _may_go_together(one: _Waiting, other: _Waiting) -> bool:
    """Whether two pictures may be in one batch."""
    return one.request is other.request or one.request.pictures == other.request.pictures == 1


def _taken(queue: Requests) -> _Waiting:
    """The first, out of the queue. Requests take turns: none waits for all pages of a document."""
    request = queue.popleft()
    one = request.popleft()
    if request:
        queue.append(request)
    return one


def _is_slow(task: Task) -> bool:
    """Whether it may take long before it looks at a clock: a document, or decoded in one go."""
    data = task.picture
    in_one_go = data[:4] == b"RIFF" or data[4:8] == b"ftyp" or document_kind(data) != ""
    return in_one_go or task.number > 0 or task.wants in ("count", "png")


def _refuse(one: _Waiting, status: int, message: str) -> None:
    if not one.answer.done():
        error = error_json(message, status, one.task.name, one.task.number)
        one.answer.set_result(Answer(status, error, "error"))


def _fail(batch: Iterable[_Waiting], error: Exception) -> None:
    for one in batch:
        if not one.answer.done():
            one.answer.set_exception(error)


async def _all_ready(workers: list[Worker]) -> About:
    try:
        models = [await worker.model() for worker in workers]
    except EndedError as error:
        raise ProcessError(
            "a worker process ended while it loaded its model; there may be too little memory"
        ) from error
    return models[0]
