"""The pool by itself, with real worker processes."""

import asyncio
import json
import os
import shutil
import signal
from multiprocessing import active_children

import pytest

from inkdigits.errors import ModelError
from inkdigits.reading.model_file import SHIPPED_MODEL
from inkdigits.server.limits import Limits
from inkdigits.server.pool import BusyError, Pool
from inkdigits.server.work import Task
from support import encoded


@pytest.fixture
def seven_png(seven):
    return encoded(seven)


@pytest.fixture
def model(tmp_path):
    return shutil.copy(SHIPPED_MODEL, tmp_path / "model.onnx")


@pytest.fixture
def pool(model):
    pool = Pool(str(model), Limits(waiting=40), workers=1)
    yield pool
    pool.close()


def test_answers_come_in_the_order_of_the_pictures(pool, seven_png):
    names = [f"picture {i}" for i in range(40)]  # more than one batch
    answers = asyncio.run(pool.read([Task(seven_png, name) for name in names]))
    read = [json.loads(answer.json) for answer in answers]
    assert [one["name"] for one in read] == names
    assert {one["digit"] for one in read} == {7}


def test_no_picture_waits_for_all_pages_of_anothers_document(pool, seven_png):
    async def run():
        pages = [Task(seven_png, number=page + 1) for page in range(30)]
        document = asyncio.create_task(pool.read(pages))
        await asyncio.sleep(0)
        picture = asyncio.create_task(pool.read([Task(seven_png)]))
        done, _ = await asyncio.wait([document, picture], return_when=asyncio.FIRST_COMPLETED)
        await document
        return done == {picture}

    assert asyncio.run(run())


def test_more_than_the_queue_holds_is_refused_at_once(pool, seven_png):
    with pytest.raises(BusyError):
        asyncio.run(pool.read([Task(seven_png)] * 41))


def test_one_that_has_given_up_costs_the_others_nothing(pool, seven_png):
    async def run():
        gone = asyncio.create_task(pool.read([Task(seven_png)] * 3))
        kept = asyncio.create_task(pool.read([Task(seven_png)] * 3))
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
            await pool.read([Task(seven_png)])
        os.rename(f"{model}.away", model)
        return await pool.read([Task(seven_png)])

    assert asyncio.run(run())[0].status == 200


def test_no_worker_outlives_the_pool(model):
    pool = Pool(str(model), Limits(), workers=2)
    assert len(active_children()) == 2
    pool.close()
    assert not active_children()
