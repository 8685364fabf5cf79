"""A service for these tests, and what talks to it below HTTP."""

import re
import socket
import sys
import time
from pathlib import Path

from tests.server.conftest import EXAMPLES, PNG, TOKEN, read_by, running

__all__ = ["EXAMPLES", "PNG", "TOKEN", "read_by", "running"]

# The service with other limits, which no flag gives.
_OTHERWISE = """
import functools, sys
from inkdigits.cli import main
from inkdigits.server import limits
limits.Limits = functools.partial(limits.Limits, **{given!r})
sys.argv = ["inkdigits", "serve", "--port", "0"]
main()
"""


def running_with(**given):
    """As `running`, with those of the Limits."""
    return running(command=[sys.executable, "-c", _OTHERWISE.format(given=given)])


def connected(service):
    host, port = service.address.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=30)


def answer(sock):
    """All that comes until the other side closes; an end by a reset is an end."""
    data = b""
    try:
        while part := sock.recv(1 << 16):
            data += part
    except ConnectionError:
        pass
    return data


def one_answer(sock):
    """The next one, whole; it may come in parts, and the connection stays open."""
    data = b""
    while not (head := re.search(rb"(?is)content-length: (\d+).*?\r\n\r\n", data)) or (
        len(data) < head.end() + int(head[1])
    ):
        part = sock.recv(1 << 16)
        assert part, f"closed after {data!r}"
        data += part
    return data


def descendants(pid):
    """Process ids of all below that one."""
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        yield int(child)
        yield from descendants(int(child))


def workers_of(service):
    """Of the processes below it those that have the networks."""
    return [pid for pid in descendants(service.process.pid) if memory_mb(pid) > 60]


def memory_mb(pid, kind="VmRSS"):
    found = re.search(rf"{kind}:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1000 if found else 0


def all_gone(pids, seconds):
    """Whether none of them runs after that time at the latest."""
    late = time.monotonic() + seconds
    while any(_runs(pid) for pid in pids):
        if time.monotonic() > late:
            return False
        time.sleep(0.02)
    return True


def _runs(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
