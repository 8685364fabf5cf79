"""What a worker process does: pictures in, JSON answers out.

In: Tasks. Out: Answers. Holds the one Reader of its process. Knows nothing of HTTP but which status
a picture's fault is.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import threading
from multiprocessing import connection, parent_process
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from inkdigits.errors import ModelError, NotAPictureError, PictureError
from inkdigits.picture import Seen
from inkdigits.reader import Reader, Reading

_DIGITS_AFTER_POINT = 4  # of arrays in JSON: finer than the 255 greys they come from


class Task(NamedTuple):
    """One picture to be read."""

    picture: bytes  # a file's bytes
    name: str = ""  # what the answer calls it; nothing if it is the only one
    array: bool = False  # answer with the 28x28 array
    saliency: bool = False  # answer with what mattered in it
    keep: bool = False  # give the array's bytes as well, to be kept with a correction


class Answer(NamedTuple):
    """What is answered for one picture."""

    status: int
    json: bytes  # an object
    outcome: str  # accepted, a Reading's reason for doubt, or error
    array: bytes = b""  # (28, 28) float32, little-endian, if it is to be kept


class Model(NamedTuple):
    """What a worker has loaded."""

    name: str
    sha256: str
    size: int  # bytes
    metadata: dict[str, str]


_loaded: list[Reader | ModelError] = []  # one, once `start` has run


def start(model: str | None, max_pixels: int) -> None:
    """Load the model; runs once in each worker process. `loaded` says what was wrong with it."""
    # The parent decides when workers end: Ctrl-C and a service manager's SIGTERM go to all.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        _loaded.append(Reader(model, threads=1, max_pixels=max_pixels))
    except ModelError as error:  # raised here it would break the pool and be lost
        _loaded.append(error)


def loaded() -> Model:
    """The model that this worker has. Raises ModelError if it could not be loaded."""
    reader = _reader()
    data = reader.path.read_bytes()
    return Model(reader.path.name, hashlib.sha256(data).hexdigest(), len(data), reader.metadata)


def read(tasks: list[Task]) -> list[Answer]:
    """An Answer for each picture, in order."""
    looks = _reader().look_many(task.picture for task in tasks)
    return [_answer(task, look) for task, look in zip(tasks, looks, strict=True)]


def error_json(message: str, status: int, name: str = "") -> bytes:
    """The body of every answer that is an error."""
    named = {"name": name} if name else {}
    return _json({**named, "error": message, "status": status})


def _reader() -> Reader:
    found = _loaded[0]
    if isinstance(found, ModelError):
        raise found
    return found


def _answer(task: Task, look: tuple[Seen, Reading] | PictureError) -> Answer:
    if isinstance(look, PictureError):
        status = 415 if isinstance(look, NotAPictureError) else 422
        return Answer(status, error_json(str(look), status, task.name), "error")
    seen, reading = look
    answer: dict[str, object] = {"name": task.name} if task.name else {}
    answer |= reading.to_dict()
    if task.array:
        answer["array"] = _rows(seen.array)
    if task.saliency:
        from inkdigits.explain import occlusion

        answer["saliency"] = _rows(occlusion(_reader(), seen.array, reading.digit))
    kept = seen.array.astype("<f4").tobytes() if task.keep else b""
    return Answer(200, _json(answer), reading.reason or "accepted", kept)


def _rows(array: NDArray[np.float32]) -> list[list[float]]:
    return [[round(value, _DIGITS_AFTER_POINT) for value in row] for row in array.tolist()]


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _end_with_parent() -> None:
    """End this process when the service's has ended, however it did."""
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
