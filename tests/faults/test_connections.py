"""Every state of a connection has a limit and an end; whoever attacks, others are served."""

import json
import os
import sys
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from inkdigits.errors import ConfigError
from inkdigits.server.serve import bound

from .serving import EXAMPLES, PNG, answer, connected, memory_mb, one_answer, running

GET = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


# The service's connections, around an application that answers late or much.
OTHER = """
import asyncio, sys
from inkdigits.server.limits import Limits
from inkdigits.server.serve import bound, serve
async def app(scope, receive, send):
    await asyncio.sleep({late})
    await send({{"type": "http.response.start", "status": 200}})
    await send({{"type": "http.response.body", "body": bytes({size})}})
listening = bound("127.0.0.1", 0)
said = "serves http://127.0.0.1:%d" % listening.getsockname()[1]
serve(app, listening, Limits({limits}), lambda: print(said, file=sys.stderr, flush=True))
"""


def other(limits, late=0.0, size=0):
    code = OTHER.format(limits=limits, late=late, size=size)
    return running(command=[sys.executable, "-c", code])


def is_served(service):
    return service.client.post("/v1/predict", content=EXAMPLES[2].read_bytes(), headers=PNG)


def refused(data):
    """Status and JSON of an answer that is the last one of its connection."""
    head, _, body = data.partition(b"\r\n\r\n")
    assert b"Connection: close" in head
    return int(head.split()[1]), json.loads(body)["error"]


def test_a_head_has_a_limit_in_all_and_in_each_of_its_parts(service):
    endless = b"x" * 10_000_000
    many = b"".join(b"a%d: b\r\n" % i for i in range(200_000))
    for sent in (
        b"GET /" + endless,
        b"GET / HTTP/1.1\r\nHost: localhost\r\nlong: " + endless,
        b"GET / HTTP/1.1\r\nHost: localhost\r\n" + many + b"\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nlong: " + endless[:200_000] + b"\r\n\r\n",
    ):
        before = memory_mb(service.process.pid)
        with connected(service) as sock:
            with suppress(ConnectionError):  # it hung up
                sock.sendall(sent)
            found = answer(sock)
        if found:  # else the reset came before it
            assert refused(found) == (
                431, "the request's line and headers are over 32,000 bytes; send fewer"
            )  # fmt: skip
        assert memory_mb(service.process.pid) - before < 20
    assert is_served(service).status_code == 200


@pytest.mark.parametrize(
    "sent",
    [
        b"Transfer-Encoding: chunked\r\n\r\nno size\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nno trailer\r\n\r\n",
    ],
)
def test_a_body_that_is_no_http_has_an_answer(service, sent):
    start = b"POST /v1/read HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n"
    with connected(service) as sock:
        sock.sendall(start + sent)
        assert refused(answer(sock)) == (400, "this is not an HTTP/1.1 request")


def test_what_follows_a_request_does_not_answer_it():
    """The request is whole and worked on; what follows it ends the connection."""
    with other("", late=1.0) as service, connected(service) as sock:
        sock.sendall(GET + b"no request\r\n\r\n")
        assert b" 400 " not in answer(sock)


def test_trailers_and_chunks_count_as_heads_do(service):
    start = (
        b"POST /v1/read HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n"
    )
    for more in (b"1;" + b"e" * 300_000, b"0\r\nlong: " + b"t" * 300_000):
        with connected(service) as sock:
            sock.settimeout(15)  # a body has twice that
            with suppress(ConnectionError):
                sock.sendall(start + more)
            found = answer(sock)
        if found:  # else the reset came before it
            assert refused(found)[0] == 431
    assert is_served(service).status_code == 200


def test_a_lone_line_end_after_an_answer_keeps_no_connection(hasty):
    with connected(hasty) as sock:
        sock.sendall(GET)
        assert one_answer(sock).startswith(b"HTTP/1.1 200")
        start = time.monotonic()
        sock.sendall(b"\r\n")
        assert answer(sock) == b""
        assert time.monotonic() - start < 10  # it was for ever


def test_half_a_head_ends_however_it_goes_on(hasty):
    with connected(hasty) as sock:
        start, end = time.monotonic(), None
        try:
            for byte in GET[:-4] * 20:
                sock.sendall(bytes((byte,)))
                time.sleep(0.05)
        except ConnectionError:
            end = time.monotonic()
        assert end is not None
        assert end - start < 10


def test_those_that_have_waited_longest_make_room_for_others(hasty):
    with ExitStack() as opened:
        idle = [opened.enter_context(connected(hasty)) for _ in range(30)]
        assert is_served(hasty).status_code == 200
        assert answer(idle[0]) == b""


def test_a_client_that_takes_no_answer_is_cut_off():
    """It has one, of more bytes than all buffers on the way."""
    with other("write_time=1.0, headers_time=600.0", size=50_000_000) as wordy:
        opened = Path(f"/proc/{wordy.process.pid}/fd")
        if not opened.exists():
            pytest.skip("needs Linux's list of open files")
        before = len(os.listdir(opened))
        with connected(wordy) as sock:
            sock.sendall(GET)
            for more in (1, 0):  # it is there, and then no longer
                late = time.monotonic() + 20
                while len(os.listdir(opened)) != before + more:
                    assert time.monotonic() < late, f"not seen: {before} files and {more}"
                    time.sleep(0.01)


def test_a_request_that_was_sent_before_the_first_answer_has_its_time():
    with other("headers_time=0.5", late=1.5) as late, connected(late) as sock:
        sock.sendall(GET + GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        assert answer(sock).count(b"HTTP/1.1 200") == 2


def test_too_many_requests_before_the_first_answer_are_refused(service):
    with connected(service) as sock:
        sock.sendall(GET * 2000)
        found = answer(sock)
    assert found.count(b"HTTP/1.1 200") <= 18
    assert is_served(service).status_code == 200


def test_an_answer_whose_body_is_not_read_is_the_last_of_its_connection(service):
    head = b"POST /nothing HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n"
    with connected(service) as sock:
        start = time.monotonic()
        sock.sendall(head + b"x")
        found = answer(sock)
        assert found.startswith(b"HTTP/1.1 404")
        assert b"connection: close" in found
        assert time.monotonic() - start < 10
    with connected(service) as sock:  # one that comes in time is thrown away
        sock.sendall(
            head + b"x" * 1_000_000 + GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
        )
        first, _, second = answer(sock).partition(b"HTTP/1.1 200")
        assert first.startswith(b"HTTP/1.1 404")
        assert b"alive" in second


def test_an_offer_of_another_protocol_is_declined_and_the_body_read(service):
    body = EXAMPLES[2].read_bytes()
    offer = (
        b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n"
        b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
        b"Content-Length: %d\r\n\r\n" % len(body)
    )  # as curl --http2
    for parts in ([offer + body], [offer[:100], offer[100:], body[:50], body[50:]]):
        with connected(service) as sock:
            for part in parts:
                sock.sendall(part)
                time.sleep(0.05)
            found = one_answer(sock)
            assert found.startswith(b"HTTP/1.1 200")
            assert b'"digit":2' in found
            sock.sendall(GET)
            assert one_answer(sock).startswith(b"HTTP/1.1 200")
    with connected(service) as sock:
        sock.sendall(b"CONNECT other.example:443 HTTP/1.1\r\nHost: other.example\r\n\r\n")
        assert refused(answer(sock)) == (405, "this server is not a proxy")


def test_a_host_that_is_no_name_is_said():
    with pytest.raises(ConfigError, match=r"cannot listen on a\.\.b, port 0: "):
        bound("a..b", 0)
