"""What happens at the limits, with a pool that does as it is told."""

import asyncio
import json
from contextlib import suppress

import pytest

from inkdigits.reading.model import About
from inkdigits.server.app import create_app
from inkdigits.server.limits import Limits
from inkdigits.server.pool import BusyError
from inkdigits.server.worker_main import Answer


class FakePool:
    model = About("a.onnx", "0" * 64, 1, {})
    is_full = is_away = False

    async def read(self, tasks, share):
        body = b'{"digit":3,"confidence":0.9,"reason":null}'
        return [Answer(200, body, "accepted") for _ in tasks]


class FullPool(FakePool):
    is_full = True

    async def read(self, tasks, share):
        raise BusyError


class BrokenPool(FakePool):
    async def read(self, tasks, share):
        raise RuntimeError("secret words")


def scope_of(address, headers=(), method="POST", kind=b"image/png"):
    path, _, query = address.partition("?")
    return {
        "type": "http", "method": method, "path": path, "raw_path": path.encode(),
        "query_string": query.encode(), "http_version": "1.1", "scheme": "http", "root_path": "",
        "headers": [(b"content-type", kind), *headers], "server": ("x", 1),
    }  # fmt: skip


def call(app, address="/v1/predict", chunks=(b"picture",), ends=True, **request):
    """One request by hand: the status, headers and body of the answer. request: of scope_of."""
    sent = []
    parts = list(chunks)

    async def receive():
        if parts:
            body = parts.pop(0)
            return {"type": "http.request", "body": body, "more_body": bool(parts) or not ends}
        await asyncio.sleep(60)

    async def send(message):
        sent.append(message)

    async def run():
        with suppress(RuntimeError):  # what the server logs
            await app(scope_of(address, **request), receive, send)

    asyncio.run(run())
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], headers, b"".join(m.get("body", b"") for m in sent)


@pytest.mark.parametrize(("path", "method"), [("/v1/predict", "POST"), ("/readyz", "GET")])
def test_a_full_queue_is_503_and_says_when_to_come_again(path, method):
    app = create_app(FullPool(), Limits(retry_after=3))
    status, headers, body = call(app, path, method=method)
    assert (status, headers["retry-after"]) == (503, "3")
    assert "too many pictures wait" in json.loads(body)["error"]


def test_a_slow_sender_is_cut_off():
    app = create_app(FakePool(), Limits(body_time=0.05))
    status, headers, body = call(app, ends=False)
    assert (status, headers["connection"]) == (408, "close")
    assert "after 0.05 s" in json.loads(body)["error"]


def test_what_all_requests_hold_is_bounded_and_given_back():
    app = create_app(FakePool(), Limits(held=10, retry_after=3))
    status, headers, _ = call(app, chunks=(b"12345", b"123456"))
    assert (status, headers["retry-after"], headers["connection"]) == (503, "3", "close")
    for _ in range(5):
        assert call(app, chunks=(b"12345", b"12345"))[0] == 200


def test_a_long_answer_is_held_until_it_is_taken():
    class Wordy(FakePool):
        async def read(self, tasks, share):
            answer = Answer(200, b'"' + b"x" * 70_000 + b'"', "accepted")
            return [answer for _ in tasks if share.take(len(answer.json))]

    app, taken, meanwhile = create_app(Wordy(), Limits(held=100_000)), [], []
    bodies = [b"picture"]

    async def receive():
        if not bodies:
            await asyncio.sleep(60)
        return {"type": "http.request", "body": bodies.pop(), "more_body": False}

    async def send(message):
        if len(taken) == 1:
            meanwhile.append(await asyncio.to_thread(call, app, chunks=(b"12345" * 6000,)))
        taken.append(message)

    asyncio.run(app(scope_of("/v1/predict"), receive, send))
    assert meanwhile[0][0] == 503
    assert dict(taken[0]["headers"])[b"content-length"] == b"70002"
    assert sum(len(message.get("body", b"")) for message in taken) == 70_002
    assert taken[-1] == {"type": "http.response.body", "body": b""}
    assert call(app, chunks=(b"12345" * 5000,))[0] == 200  # all is given back


def test_a_body_with_no_stated_length_is_cut_off_at_the_limit():
    app = create_app(FakePool(), Limits(body=10))
    assert call(app, chunks=(b"12345",) * 2)[0] == 200
    assert call(app, chunks=(b"12345",) * 3)[0] == 413
    assert call(app, chunks=(b"12345",) * 99)[0] == 413


def test_a_fault_of_ours_shows_no_trace():
    status, headers, body = call(create_app(BrokenPool(), Limits()))
    assert status == 500
    assert b"secret words" not in body
    assert b"Traceback" not in body
    assert json.loads(body)["status"] == 500
    assert headers["x-content-type-options"] == "nosniff"


def test_a_sender_that_has_gone_awaits_no_answer():
    class Slow(FakePool):
        given_up = False

        async def read(self, tasks, share):
            try:
                await asyncio.sleep(60)
            finally:
                self.given_up = True

    pool, sent = Slow(), []
    messages = [{"type": "http.request", "body": b"picture"}, {"type": "http.disconnect"}]

    async def receive():
        return messages.pop(0)

    async def send(message):
        sent.append(message)

    asyncio.run(create_app(pool, Limits())(scope_of("/v1/predict"), receive, send))
    assert pool.given_up
    assert sent[0]["status"] == 400
