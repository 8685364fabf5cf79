"""What happens at the limits, with a pool that does as it is told."""

import asyncio
import json
from contextlib import suppress

import pytest

from inkdigits.reading.model import About
from inkdigits.server.app import create_app
from inkdigits.server.limits import Limits
from inkdigits.server.pool import BusyError
from inkdigits.server.work import Answer


class FakePool:
    model = About("a.onnx", "0" * 64, 1, {})
    is_full = is_away = False

    async def read(self, tasks):
        return [Answer(200, b"{}", "accepted") for _ in tasks]


class FullPool(FakePool):
    is_full = True

    async def read(self, tasks):
        raise BusyError


class BrokenPool(FakePool):
    async def read(self, tasks):
        raise RuntimeError("secret words")


def scope_of(path, headers=(), method="POST"):
    return {
        "type": "http", "method": method, "path": path, "raw_path": path.encode(),
        "query_string": b"", "http_version": "1.1", "scheme": "http", "root_path": "",
        "headers": [(b"content-type", b"image/png"), *headers], "server": ("x", 1),
    }  # fmt: skip


def call(app, path="/v1/predict", chunks=(b"picture",), ends=True, headers=(), method="POST"):
    """One request by hand: the status, headers and body of the answer."""
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
            await app(scope_of(path, headers, method), receive, send)

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

        async def read(self, tasks):
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
