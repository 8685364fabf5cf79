"""Workers that end, cannot be started, overrun or are not needed; and the end of it all."""

import asyncio
import logging
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import active_children

import cv2
import numpy as np
import pytest
from bombs import page_of_digits, white_png

from inkdigits.errors import ModelError, ProcessError
from inkdigits.reading.model_file import SHIPPED_MODEL, ModelFile
from inkdigits.server import pool as pool_module
from inkdigits.server.limits import Limits
from inkdigits.server.pool import Pool
from inkdigits.server.worker import Worker
from inkdigits.server.worker_main import Task

from .serving import (
    EXAMPLES,
    PNG,
    all_gone,
    descendants,
    memory_mb,
    read_by,
    running,
    workers_of,
)

SEVEN = EXAMPLES[7].read_bytes()


@pytest.fixture
def small(monkeypatch):
    """A pool of one worker that is tried again soon; slow pictures have half a second."""
    monkeypatch.setattr(pool_module, "_PATIENCE", 0.05)
    monkeypatch.setattr(pool_module, "_WALL_FACTOR", 100.0)
    made = Pool(None, Limits(waiting=54, picture_time=0.5), workers=1)
    yield made
    made.close()


def test_a_worker_that_cannot_be_started_is_tried_again(small, monkeypatch, caplog):
    started, failures = small._started, [OSError(24, "Too many open files")] * 3

    def fails():
        if failures:
            raise failures.pop()
        return started()

    async def run():
        monkeypatch.setattr(small, "_started", fails)
        (worker,) = active_children()
        os.kill(worker.pid, signal.SIGKILL)
        worker.join()
        with pytest.raises(OSError, match="Too many open files"):
            await read_by(small, [Task(SEVEN)])
        away = small.is_away
        return away, (await _until_read(small)).status, small.is_away

    assert asyncio.run(run()) == (True, 200, False)


async def _until_read(pool):
    for _ in range(100):
        try:
            return (await read_by(pool, [Task(SEVEN)]))[0]
        except OSError:
            await asyncio.sleep(0.05)
    raise AssertionError("no worker came back")


def test_a_worker_that_ends_as_the_service_starts_is_one_clear_error(monkeypatch):
    def ended(*given):
        worker = Worker(*given)
        worker.kill()
        return worker

    monkeypatch.setattr(pool_module, "Worker", ended)
    with pytest.raises(ProcessError, match="ended while it loaded its model; there may be too lit"):
        Pool(None, Limits(), workers=1)
    assert not active_children()


def test_whatever_goes_wrong_in_the_pool_it_reads_on_and_says_so(small, monkeypatch, caplog):
    next_batch, faults = small._next_batch, [RuntimeError("a fault of ours")]

    def faulty(*given):
        if faults:
            raise faults.pop()
        return next_batch(*given)

    monkeypatch.setattr(small, "_next_batch", faulty)
    with caplog.at_level(logging.ERROR):
        (answer,) = asyncio.run(read_by(small, [Task(SEVEN)]))
    assert answer.status == 200
    assert "a worker was lost (RuntimeError('a fault of ours')); trying again" in caplog.text


def test_workers_that_were_killed_while_idle_are_no_pictures_fault():
    pool = Pool(None, Limits(), workers=3)

    async def run():
        await read_by(pool, [Task(SEVEN)])
        for worker in active_children():
            os.kill(worker.pid, signal.SIGKILL)
            worker.join()
        return (await read_by(pool, [Task(SEVEN)]))[0].status

    try:
        assert asyncio.run(run()) == 200
    finally:
        pool.close()


def test_what_takes_too_long_is_a_422_and_those_beside_it_are_read(small):
    page = page_of_digits()
    answers = asyncio.run(read_by(small, [Task(page, wants="page"), Task(SEVEN), Task(page)]))
    assert [answer.status for answer in answers] == [422, 200, 422]
    assert b"over 0.5 s of computing" in answers[0].json


def test_a_worker_that_never_looks_at_its_clock_is_ended(small, monkeypatch):
    monkeypatch.setattr(pool_module, "_QUICK_WALL_SECONDS", 0.5)
    (worker,) = active_children()

    async def run():
        os.kill(worker.pid, signal.SIGSTOP)
        return await read_by(small, [Task(SEVEN)])

    assert asyncio.run(run())[0].status == 200
    assert not worker.is_alive()


def test_a_good_picture_does_not_wait_for_slow_ones():
    pool = Pool(None, Limits(picture_time=30.0), workers=2)
    slow_task = Task(page_of_digits(), wants="count")

    async def run():
        slow = [asyncio.create_task(read_by(pool, [slow_task])) for _ in range(4)]
        await asyncio.sleep(0.1)
        (answer,) = await read_by(pool, [Task(SEVEN)])
        done = [task.done() for task in slow]
        for task in slow:
            task.cancel()
        return answer.status, done

    try:
        # The worker for slow ones stands still: whichever is done, the other one took it.
        os.kill(pool._workers[1]._process.pid, signal.SIGSTOP)
        assert asyncio.run(run()) == (200, [False] * 4)
    finally:
        pool.close()


def test_answers_that_nobody_awaits_are_not_computed(small, seven):
    task = Task(cv2.imencode(".png", seven)[1].tobytes())

    async def run():
        given_up = [asyncio.create_task(read_by(small, [task] * 10)) for _ in range(4)]
        await asyncio.sleep(0)
        for one in given_up:
            one.cancel()
        await asyncio.sleep(0)
        answers = await read_by(small, [task] * 40)  # as many as there is room for in forms
        return len(answers)

    assert asyncio.run(run()) == 40


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL, signal.SIGHUP])
def test_nothing_is_left_behind_after_a_signal(number):
    page = page_of_digits()
    with running() as service, ThreadPoolExecutor(2) as threads:
        jobs = [threads.submit(service.client.post, "/v1/read", content=page, headers=PNG)] * 2
        time.sleep(0.5)
        processes = [service.process.pid, *descendants(service.process.pid)]
        assert len(workers_of(service)) >= 2
        service.process.send_signal(number)
        assert all_gone(processes, 30)  # seconds; a quiet machine takes less than 2
        code = service.process.wait()
        [job.exception() for job in jobs]
    assert code == (0 if number in (signal.SIGTERM, signal.SIGINT) else -number)


def test_a_pool_starts_where_the_temporary_folder_has_a_long_name(tmp_path):
    folder = tmp_path / ("x" * 100)  # a socket's path there is over the system's 107 bytes
    folder.mkdir()
    code = (
        "from inkdigits.server.limits import Limits\nfrom inkdigits.server.pool import Pool\n"
        "pool = Pool(None, Limits(), workers=1)\nprint(pool.model.name)\npool.close()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "TMPDIR": str(folder)},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout.split()[:1], done.stderr) == (0, ["inkdigits"], "")


def test_the_workers_are_no_larger_after_many_bad_pictures(service):
    bad = white_png(3000, 3000, kept=0.5)

    def most():
        for _ in range(6):  # two for each worker
            assert service.client.post("/v1/read", content=bad, headers=PNG).status_code == 415
        return max(memory_mb(pid) for pid in workers_of(service))

    first = most()
    assert most() < first + 30


def test_a_model_that_gives_no_numbers_is_an_error():
    model = ModelFile(SHIPPED_MODEL, 1)

    class Broken:
        def run(self, names, given):
            return [np.full((1, 10), np.nan, np.float32)]

    model._session = Broken()
    with pytest.raises(ModelError, match="that are not numbers"):
        model.run(np.zeros((1, 28, 28), np.float32))


def test_a_full_disk_is_said_without_a_trace(tmp_path):
    limited = ["bash", "-c", 'ulimit -f 50; trap "" XFSZ; exec "$@"', "-", sys.executable, "-m"]
    serve = ["inkdigits", "serve", "--port", "0", "--keep", str(tmp_path / "kept.db")]
    with running(command=[*limited, *serve]) as service:
        small_ones = sorted(EXAMPLES, key=lambda path: path.stat().st_size)
        for path in small_ones:
            answer = service.client.post(
                "/v1/corrections?digit=7", content=path.read_bytes(), headers=PNG
            )
            if answer.status_code != 201:
                break
        assert path != small_ones[0]  # which was kept
        assert (answer.status_code, "could not be kept" in answer.text) == (507, True)
        service.stop()
        assert "Traceback" not in service.process.stderr.read()
