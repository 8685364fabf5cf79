"""Work on many things shared out to worker processes, and answered in order.

In: things and what is to be done with them. Out: an answer for each. A worker gives back what it
has not begun after a quarter of a second, so that none waits behind slow ones and the first answers
come soon. It ends with the process that started it, however that ends. Needs no semaphores: some
containers have no /dev/shm.

The service starts its workers so too, and hands work to them by itself (server/pool): it answers
whoever is ready first, and its loop may not wait. A batch's workers are Ray's (batch/attempts).
"""

from __future__ import annotations

import os
import signal
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar, cast

from inkdigits.errors import ProcessError

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

_SECONDS = 0.25  # that a worker works before it gives back the rest of its share
_AHEAD = 3  # shares a worker that are taken before the first is answered
_GATHERING = 0.1  # seconds that gathering a share takes, if the things come slowly
_DEATHS = 2  # of workers at one thing, the second time alone: then it is the thing
_LONGEST_FOLDER = 72  # bytes of the temporary one; with the name of a socket there 104 at most
_WATCHING = 0.5  # seconds from one look for a launcher to the next
_STARTS = 3  # of workers in a row that end before they are ready
_STARTING = threading.Lock()  # a worker at a time

T = TypeVar("T")
R = TypeVar("R")
# What a worker does with things: takes each as it is needed, gives an answer for each, in order.
Work = Callable[[Iterator[Any]], Iterable[Any]]


def in_order(
    things: Iterable[T],
    begin: Callable[..., Work],
    given: tuple[Any, ...],
    processes: int,
    *,
    share: int,
    lost: Callable[[T], R] | None = None,
) -> Generator[R]:
    """An answer for each thing, in order, by that many worker processes.

    begin: called in each worker with `given`; gives what is done there. share: things that a worker
    is handed at a time, at most. Things are taken as they are needed, some shares ahead. lost:
    gives the answer for a thing that ends the workers that have it, as a decoder's crash does.
    Raises what the work raises, and ProcessError where a worker cannot be started, or is lost and
    there is no `lost`.
    """
    team = _Team(begin, given, processes, lost)
    left, ended = iter(things), False
    try:
        while True:
            if not ended and team.has_room:
                some = _some(left, share)
                ended = not some
                team.add(some)
            elif team.is_done:
                return
            yield from team.answers(wait=ended or not team.has_room)
    finally:
        team.end()


def prepare(module: str) -> None:
    """Start what forks the workers, which imports that module for them, and do not wait for it."""
    if context(module).get_start_method() == "forkserver":
        from multiprocessing import forkserver

        forkserver.ensure_running()


def context(module: str) -> Any:
    """How processes are started here: by fork of one that has only imported that module."""
    from multiprocessing import get_all_start_methods, get_context
    from tempfile import gettempdir

    # A fork of a process that holds ONNX Runtime's or PyTorch's threads may hang. One that forks
    # for this one listens at a path, and those of sockets are short.
    short = len(os.fsencode(gettempdir())) < _LONGEST_FOLDER
    if not short or "forkserver" not in get_all_start_methods():
        return get_context("spawn")
    found: Any = get_context("forkserver")
    found.set_forkserver_preload([module])
    return found


def start(process: Any, *, whole: bool) -> None:
    """Start a process of `context`. whole: with the program's own script, or without it.

    Python has each process run the script from its first line, for names that may be in it. Ours
    need none, and one that trains or reads at its first line would begin again in every worker.
    """
    from multiprocessing import spawn

    def without_script(name: str) -> dict[str, Any]:
        found = prepared(name)
        return {k: v for k, v in found.items() if name != process.name or k[:9] != "init_main"}

    with _STARTING:
        prepared = spawn.get_preparation_data
        spawn.get_preparation_data = prepared if whole else without_script
        try:
            process.start()
        finally:
            spawn.get_preparation_data = prepared


def end_with_parent() -> None:
    """Let this process, started by one of `context`, end within a moment of the one that did.

    Also where that was killed, and whatever this one is at. Ctrl-C goes to both and is the parent's
    to answer.
    """
    from multiprocessing import parent_process

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: Any) -> None:
    parent.join()
    os._exit(1)


def end_with_launcher() -> None:
    """Let this process end within a second of the program that started it, such as torchrun.

    That ends its workers, but not where it is killed.
    """
    threading.Thread(target=_end_without, args=(os.getppid(),), daemon=True).start()


def _end_without(launcher: int) -> None:
    while os.getppid() == launcher:
        time.sleep(_WATCHING)
    os._exit(1)


def _some(things: Iterator[T], most: int) -> list[T]:
    """The next things; fewer than `most`, but one, where they come slowly."""
    some: list[T] = []
    late = time.monotonic() + _GATHERING
    for thing in things:
        some.append(thing)
        if len(some) == most or time.monotonic() > late:
            break
    return some


@dataclass(eq=False)
class _Share:
    """Things that a worker is handed together."""

    things: list[Any]
    answers: list[Any] = field(default_factory=list)
    deaths: int = 0  # of workers that had it


class _Team:
    """The workers, a thread that talks to each, and what they are at."""

    def __init__(
        self,
        begin: Callable[..., Work],
        given: tuple[Any, ...],
        n: int,
        lost: Callable[[Any], Any] | None,
    ) -> None:
        self._begin, self._given, self._n, self._lost = begin, given, n, lost
        self._changed = threading.Condition()  # guards what follows
        self._order: deque[_Share] = deque()  # all that is not answered for yet
        self._waiting: deque[_Share] = deque()  # of these, what no worker has
        self._workers: list[Any] = []  # processes
        self._trouble: BaseException | None = None
        self._ended = False
        self._context = context(begin.__module__)
        for _ in range(n):
            threading.Thread(target=self._talk, daemon=True).start()

    @property
    def has_room(self) -> bool:
        """Whether more things should be taken now."""
        return len(self._order) < _AHEAD * self._n

    @property
    def is_done(self) -> bool:
        """Whether all that was added is answered."""
        return not self._order

    def add(self, things: list[Any]) -> None:
        """Have these worked on."""
        if things:
            with self._changed:
                share = _Share(things)
                self._order.append(share)
                self._waiting.append(share)
                self._changed.notify_all()

    def answers(self, *, wait: bool) -> list[Any]:
        """The next answers in order; none where they are not there yet, and `wait` is false."""
        found: list[Any] = []
        with self._changed:
            while wait and self._order and not self._order[0].answers and not self._trouble:
                self._changed.wait()
            if self._trouble:
                raise self._trouble
            while self._order and self._order[0].answers:
                found += self._order.popleft().answers
        return found

    def end(self) -> None:
        """End the workers, whatever they are at."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()
            for process in self._workers:
                process.kill()
        for process in self._workers:
            process.join()

    def _talk(self) -> None:
        """Keep a worker busy; put another in its place when it ends."""
        starts = 0
        try:
            while self._has_work():
                if starts == _STARTS:
                    raise _not_started(f"{_STARTS} ended before they were ready")
                pipe = self._started()
                with pipe:
                    starts = 0 if self._served(pipe) else starts + 1
        except BaseException as error:  # noqa: BLE001 - raised where the answers are waited for
            with self._changed:
                self._trouble = self._trouble or error
                self._changed.notify_all()

    def _has_work(self) -> bool:
        """Whether things are waiting, as soon as that is so; False at the end."""
        with self._changed:
            while not (self._ended or self._waiting):
                self._changed.wait()
            return not self._ended

    def _started(self) -> Connection:
        """The pipe to a new worker; one that is closed at the other end if there is none."""
        ours, theirs = self._context.Pipe()
        with theirs, self._changed:
            if not self._ended:
                process = self._context.Process(
                    target=_work, args=(theirs, self._begin, self._given), daemon=True
                )
                try:
                    start(process, whole=self._begin.__module__ == "__main__")
                except (OSError, EOFError) as error:
                    raise _not_started(str(error)) from error
                self._workers.append(process)
        return cast("Connection", ours)

    def _served(self, pipe: Connection) -> bool:
        """Hand shares to a worker until there are no more, or it ends; whether it was ready."""
        if self._said(pipe) is None:
            return False
        while share := self._next():
            answers = self._said(pipe, share.things)
            if answers is None:
                self._again(share)
                break
            self._put(share, answers)
        return True

    def _said(self, pipe: Connection, things: list[Any] | None = None) -> list[Any] | None:
        """What a worker answers, handed things or not; None if it ends. Raises what it raised."""
        try:
            if things is not None:
                pipe.send(things)
            answers, error = pipe.recv()
        except (EOFError, OSError):
            return None
        if error is not None:
            raise error
        return cast("list[Any]", answers)

    def _next(self) -> _Share | None:
        """The share that is next, waited for; None at the end."""
        while self._has_work():
            with self._changed:
                if self._waiting:
                    return self._waiting.popleft()
        return None

    def _put(self, share: _Share, answers: list[Any]) -> None:
        """Keep a worker's answers; the rest of the things goes to whoever is free."""
        with self._changed:
            rest = share.things[len(answers) :]
            share.things, share.answers = share.things[: len(answers)], answers
            # Where others have nothing to do, a part for each.
            size = max(1, len(rest) if self._waiting else -(-len(rest) // self._n))
            for start in reversed(range(0, len(rest), size)):
                self._split(share, _Share(rest[start : start + size], deaths=share.deaths))
            self._changed.notify_all()

    def _again(self, share: _Share) -> None:
        """A worker ended that had these things: again, by halves, until one of them is found."""
        with self._changed:
            if self._ended:
                return
            share.deaths += 1
            middle = len(share.things) // 2
            if middle:
                half = _Share(share.things[middle:], deaths=share.deaths)
                share.things = share.things[:middle]
                self._split(share, half)
                self._waiting.appendleft(share)
            elif share.deaths < _DEATHS:
                self._waiting.appendleft(share)
            elif self._lost is None:
                raise ProcessError(
                    "a worker process ended twice on the same work, perhaps because memory was "
                    "short; close other programs and start again"
                )
            else:
                share.answers = [self._lost(share.things[0])]
            self._changed.notify_all()

    def _split(self, share: _Share, rest: _Share) -> None:
        self._order.insert(self._order.index(share) + 1, rest)
        self._waiting.appendleft(rest)


def _not_started(why: str) -> ProcessError:
    return ProcessError(
        f"worker processes cannot be started ({why}); free memory, or allow more processes, and "
        "start again"
    )


def _work(pipe: Connection, begin: Callable[..., Work], given: tuple[Any, ...]) -> None:
    """All that a worker does, until its pipe ends."""
    end_with_parent()
    try:
        work = begin(*given)
        pipe.send(([], None))
        while True:
            things = pipe.recv()
            pipe.send((list(work(_until_late(things))), None))
    except EOFError:
        return
    except Exception as error:  # noqa: BLE001 - raised where the answers are waited for
        pipe.send(([], _sendable(error)))


def _until_late(things: list[Any]) -> Iterator[Any]:
    late = time.monotonic() + _SECONDS
    for thing in things:
        yield thing
        if time.monotonic() > late:
            return


def _sendable(error: Exception) -> Exception:
    error.add_note(f"in a worker process:\n{traceback.format_exc()}")
    try:
        from pickle import dumps, loads

        loads(dumps(error))
    except Exception:  # noqa: BLE001 - an error of a library that cannot be sent
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
