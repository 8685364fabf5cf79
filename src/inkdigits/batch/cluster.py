"""Ray for one job: started on this machine, or joined where it runs.

In: an address or none. Out: how many workers there may be. Knows nothing of pictures.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import gettempdir

import ray
import ray.data
from ray.exceptions import RayError

from inkdigits.environment import cores
from inkdigits.errors import BatchError

GO_ON = "what was read is kept: fix that and start the same command again"
_OBJECT_STORE = 200_000_000  # bytes; part numbers and counts go through it, never a picture
_HINTS = {  # by Ray's message
    "No module named": "the cluster's machines all need pip install 'inkdigits[batch]'",
    "Failed to connect": "a cluster with a token is joined with RAY_AUTH_MODE=token",
}
# Ray's sockets lie 68 bytes below the temporary folder, and a socket's path has 107 at most.
_LONGEST_FOLDER, _SHORT_FOLDER = 39, "/tmp"
_PATIENCE = 10  # seconds that a cluster's head has to answer


@contextmanager
def ray_for(address: str | None, workers: int | None) -> Iterator[int]:
    """How many workers the job shall have: those asked for, or one for each core.

    A Ray that already runs in this process stays afterwards. Raises BatchError for what Ray raises.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # Ray restarts a worker that ends; a user needs no message about it.
    os.environ.setdefault("RAY_enable_output_error_log_if_still_retry", "0")
    for name in ("RAY_TMPDIR", "TMPDIR"):
        if os.environ.get(name) == "":  # which Ray takes for the current folder
            del os.environ[name]
    if len(os.fsencode(gettempdir())) > _LONGEST_FOLDER and os.path.isdir(_SHORT_FOLDER):
        os.environ.setdefault("RAY_TMPDIR", _SHORT_FOLDER)
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)  # or it tells of each step
    mine = not ray.is_initialized()
    on_sigterm = signal.getsignal(signal.SIGTERM)
    try:
        if mine and address:
            _check_answer(address)
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
        elif mine:
            ray.init(
                address="local",
                num_cpus=workers or cores(),
                include_dashboard=False,
                object_store_memory=_OBJECT_STORE,
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, on_sigterm)  # Ray has put its own there, which exits
        ray.data.DataContext.get_current().enable_progress_bars = False
        yield workers or int(ray.cluster_resources().get("CPU", 1))  # type: ignore[no-untyped-call]
    except (RayError, ConnectionError) as error:
        cause = _cause(error)
        hints = [hint for said, hint in _HINTS.items() if said in cause]
        raise BatchError("; ".join([f"Ray: {cause}", *hints, GO_ON])) from error
    finally:
        if mine:
            ray.shutdown()


def _check_answer(address: str) -> None:
    """ConnectionError where nothing listens: Ray would wait for it without end."""
    if address == "auto":
        return
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), _PATIENCE).close()
    except OSError as error:
        raise ConnectionError(f"nothing answers at {address} ({error})") from error


def _cause(error: BaseException) -> str:
    """The first cause, in one line: Ray wraps what a worker raised in its own."""
    while (cause := getattr(error, "cause", None)) is not None:
        error = cause
    return (str(error).strip() or type(error).__name__).splitlines()[-1]
