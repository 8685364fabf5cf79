"""The description has every status that the service answers with, and no other."""

import json

import pytest

from inkdigits.errors import CorrectionsError
from inkdigits.server.app import create_app
from inkdigits.server.corrections import Change
from inkdigits.server.limits import Limits
from inkdigits.server.openapi import description

from .test_limits import FakePool, FullPool, call

OPERATIONS = [
    (path, method) for path, ways in description(Limits())["paths"].items() for method in ways
]
# Told on the wire, whatever is asked for: before the request is one of an address's.
BY_THE_PROTOCOL = {429, 431, 503}


class Corrections:
    """As many as one likes, or none."""

    fails = False

    async def keep(self, kept):
        if self.fails:
            raise CorrectionsError("the disk is full")
        return Change(1, "", 0, 3, None), 1

    async def take_back(self, change):
        if self.fails:
            raise CorrectionsError("the disk is full")
        return 0


def given(pool=FakePool, corrections=None, **limits):
    return create_app(pool(), Limits(body_time=0.05, **limits), corrections)


def good(path, method):
    """An address that answers well, if there is a correction: the last is taken back."""
    return path + ("?digit=3" if (path, method) == ("/v1/corrections", "post") else "")


def answers_of(path, method):
    """The statuses of requests that go well, and of those that do not."""
    kept, asked = Corrections(), good(path, method)

    def status(app, asked=asked, **more):
        return call(app, asked, method=method.upper(), **more)[0]

    def taken_back():
        body = json.loads(call(keeps, "/v1/corrections?digit=3")[2])
        return asked + f"?undo={body['undo']}"

    keeps = given(corrections=kept)
    undone = method == "delete"
    yield status(keeps, taken_back() if undone else asked)
    yield status(create_app(FakePool(), Limits(), token="secret"))
    yield status(keeps, headers=[(b"origin", b"http://other.example")])
    yield status(keeps, headers=[(b"host", b"other.example")])
    yield status(given())
    yield status(given(FullPool))
    last = taken_back() if undone else asked
    kept.fails = True
    yield status(keeps, last)
    if method == "post":
        yield status(keeps, chunks=(b"",))
        yield status(keeps, ends=False)
        yield status(given(corrections=kept, body=3))
        yield status(keeps, kind=b"text/plain")
        yield status(keeps, path + "?digit=x&array=x&saliency=x&page=x")


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_it_has_the_statuses_that_are_answered(path, method):
    found = set(answers_of(path, method)) | BY_THE_PROTOCOL
    told = description(Limits())["paths"][path][method]["responses"]
    assert sorted(map(int, told)) == sorted(found)
