"""The pool by itself, with real worker processes."""

import asyncio
import json
import os
import shutil
import signal
from multiprocessing import active_children

import pytest
from PIL import Image

from inkdigits.errors import ModelError
from inkdigits.reading.model_file import SHIPPED_MODEL
from inkdigits.server import pool as pool_module
from inkdigits.server.limits import Limits
from inkdigits.server.pool import BusyError, Pool
from inkdigits.server.worker_main import Answer, Task
from support import encoded

from .conftest import read_by


@pytest.fixture
def seven_png(seven):
    return encoded(seven)


@pytest.fixture
def model(tmp_path):
    return shutil.copy(SHIPPED_MODEL, tmp_path / "model.onnx")


@pytest.fixture
def pool(model):
    pool = Pool(str(model), Limits(waiting=54), workers=1)
    yield pool
    pool.close()


def test_answers_come_in_the_order_of_the_pictures(pool, seven_png):
    names = [f"picture {i}" for i in range(40)]  # more than one batch
    answers = asyncio.run(read_by(pool, [Task(seven_png, name) for name in names]))
    found = [json.loads(answer.json) for answer in answers]
    assert [one["name"] for one in found] == names
    assert {one["digit"] for one in found} == {7}


def test_no_picture_waits_for_all_pages_of_anothers_document(pool, seven_png):
    async def run():
        pages = [Task(seven_png, number=page + 1) for page in range(30)]
        document = asyncio.create_task(read_by(pool, pages))
        await asyncio.sleep(0)
        picture = asyncio.create_task(read_by(pool, [Task(seven_png)]))
        done, _ = await asyncio.wait([document, picture], return_when=asyncio.FIRST_COMPLETED)
        await document
        return done == {picture}

    assert asyncio.run(run())


def test_the_last_quarter_of_the_queue_is_for_pictures_that_come_alone(pool, monkeypatch):
    async def works_never(place):
        await asyncio.Event().wait()

    async def run():
        form = asyncio.create_task(read_by(pool, [Task(b"")] * 40))  # three quarters of 54
        await asyncio.sleep(0)
        with pytest.raises(BusyError):
            await read_by(pool, [Task(b"")] * 2)
        alone = [asyncio.create_task(read_by(pool, [Task(b"")])) for _ in range(14)]
        await asyncio.sleep(0)
        with pytest.raises(BusyError):
            await read_by(pool, [Task(b"")])
        return [task.done() for task in (form, *alone)]

    monkeypatch.setattr(pool, "_work", works_never)
    assert asyncio.run(run()) == [False] * 15


def test_one_that_has_given_up_costs_the_others_nothing(pool, seven_png):
    async def run():
        gone = asyncio.create_task(read_by(pool, [Task(seven_png)] * 3))
        kept = asyncio.create_task(read_by(pool, [Task(seven_png)] * 3))
        await asyncio.sleep(0)
        gone.cancel()
        return await kept

    assert [answer.status for answer in asyncio.run(run())] == [200] * 3


def test_a_model_that_has_gone_is_said_and_read_again_once_it_is_back(pool, model, seven_png):
    async def run():
        (worker,) = active_children()
        os.rename(model, f"{model}.away")
        os.kill(worker.pid, signal.SIGKILL)
        with pytest.raises(ModelError, match="no such model"):
            await read_by(pool, [Task(seven_png)])
        os.rename(f"{model}.away", model)
        return await read_by(pool, [Task(seven_png)])

    assert asyncio.run(run())[0].status == 200


def test_no_worker_outlives_the_pool(model):
    pool = Pool(str(model), Limits(), workers=2)
    assert len(active_children()) == 2
    pool.close()
    assert not active_children()


def test_the_pages_of_a_request_share_its_time(model, seven):
    page = Image.fromarray(seven)
    file = encoded(page, "TIFF", save_all=True, append_images=[page, page])
    pool = Pool(str(model), Limits(request_time=0), workers=1)
    try:
        tasks = [Task(file, number=page) for page in (1, 2, 3)]
        answers = asyncio.run(read_by(pool, tasks))
    finally:
        pool.close()
    assert [answer.status for answer in answers] == [200, 413, 413]
    assert json.loads(answers[2].json) == {
        "page": 3, "status": 413,
        "error": "picture: not read: the pictures of its request took over 0 s; 1 of 3 were read, "
        "send the others in requests of their own",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("most", "room", "status", "says"),
    [(250, 10_000, 413, "the answers to its request take over 250 bytes; 1 of 3 were read"),
     (10_000, 250, 503, "busy: too much is being answered; 1 of 3 were read")],
)  # fmt: skip
def test_the_answers_to_a_request_are_bounded(model, seven_png, most, room, status, says):
    pool = Pool(str(model), Limits(answer=most), workers=1)
    try:
        answers = asyncio.run(
            read_by(pool, [Task(seven_png)] * 3, room)
        )  # of 100 to 250 bytes each
    finally:
        pool.close()
    assert [answer.status for answer in answers] == [200, status, status]
    assert says in json.loads(answers[1].json)["error"]


def test_a_form_of_slow_pictures_has_one_quick_try_and_shares_it_with_no_other(monkeypatch):
    tried = []

    class Told:
        """A worker for which pictures of that name take long."""

        has_ended = False

        def __init__(self, model, max_pixels): ...

        async def model(self): ...

        def kill(self): ...

        def close(self): ...

        async def read(self, tasks, seconds, *, last):
            tried.append([task.name for task in tasks])
            await asyncio.sleep(0)
            done = Answer(200, b"{}", "accepted")
            return [done if last or task.name != "slow" else None for task in tasks]

    async def run():
        form = asyncio.create_task(read_by(pool, [Task(b"", "slow")] * 40))
        await asyncio.sleep(0)
        await asyncio.gather(*(read_by(pool, [Task(b"", "quick")]) for _ in range(3)))
        await form

    monkeypatch.setattr(pool_module, "Worker", Told)
    pool = Pool(None, Limits(), workers=1)
    asyncio.run(run())
    assert tried == [["slow"] * 16, ["quick"] * 3, *[["slow"]] * 40]
