"""Threads that share a Reader leave the program around them as it was."""

import threading
import warnings

from PIL import Image

from inkdigits.picture import decode
from support import encoded


def test_threads_that_decode_at_the_same_time_leave_warnings_switched_on(monkeypatch):
    """The first begins, the second begins, the first ends, the second ends."""
    file = encoded(Image.new("L", (30, 30), 255))
    opened = decode._image
    inside = [threading.Event(), threading.Event()]
    may_go_on = [threading.Event(), threading.Event()]

    def slowly(*args):
        number = int(threading.current_thread().name)
        inside[number].set()
        assert may_go_on[number].wait(60)
        warnings.warn("as Pillow does", stacklevel=1)
        return opened(*args)

    monkeypatch.setattr(decode, "_image", slowly)
    given = (file, "a", 10_000)
    threads = [threading.Thread(target=decode.from_file, args=given, name=n) for n in "01"]
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        before = list(warnings.filters)
        for thread, event in zip(threads, inside, strict=True):
            thread.start()
            assert event.wait(60)
        for thread, event in zip(threads, may_go_on, strict=True):
            event.set()
            thread.join()
        assert warnings.filters == before
        warnings.warn("the program's own", stacklevel=1)
    assert [str(one.message) for one in told] == ["the program's own"]
