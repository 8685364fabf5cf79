"""What a worker process does: pictures in, JSON answers out.

In: Tasks. Out: Answers. Holds the one Reader of its process. Knows nothing of HTTP but which status
a picture's fault is.
"""

from __future__ import annotations

import hashlib
import json
import pickle
import signal
import socket
import struct
from contextlib import suppress
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits.errors import ModelError, NotAPictureError, PictureError
from inkdigits.reader import Reader, Reading, Seen

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


HEADER = struct.Struct("<Q")  # before each message: how many bytes it has


def run(pipe: socket.socket, model: str | None, max_pixels: int) -> None:
    """All that a worker does: say what it has loaded, then answer batches until the pipe ends.

    Answers with the error, in place of what was asked for, where there is one.
    """
    # The parent decides when workers end: Ctrl-C and a service manager's SIGTERM go to all.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    cv2.setNumThreads(1)  # there is a worker for each core
    with pipe, pipe.makefile("rb") as received, suppress(ConnectionError):
        try:
            reader = Reader(model, threads=1, max_pixels=max_pixels)
            pipe.sendall(packed(_described(reader)))
        except ModelError as error:
            pipe.sendall(packed(error))
            return
        while len(header := received.read(HEADER.size)) == HEADER.size:
            (size,) = HEADER.unpack(header)
            if len(message := received.read(size)) < size:
                return  # the parent has been killed
            try:
                answers: object = read(reader, pickle.loads(message))
            except Exception as error:  # noqa: BLE001 - the parent raises it
                answers = error
            pipe.sendall(packed(answers))


def packed(message: object) -> bytes:
    """A message as it goes through the pipe."""
    data = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    return HEADER.pack(len(data)) + data


def read(reader: Reader, tasks: list[Task]) -> list[Answer]:
    """An Answer for each picture, in order."""
    looks = reader.look_many(task.picture for task in tasks)
    return [_answer(reader, task, look) for task, look in zip(tasks, looks, strict=True)]


def error_json(message: str, status: int, name: str = "") -> bytes:
    """The body of every answer that is an error."""
    named = {"name": name} if name else {}
    return _json({**named, "error": message, "status": status})


def _described(reader: Reader) -> Model:
    data = reader.path.read_bytes()
    return Model(reader.path.name, hashlib.sha256(data).hexdigest(), len(data), reader.metadata)


def _answer(reader: Reader, task: Task, look: tuple[Seen, Reading] | PictureError) -> Answer:
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

        answer["saliency"] = _rows(occlusion(reader, seen.array, reading.digit))
    kept = seen.array.astype("<f4").tobytes() if task.keep else b""
    return Answer(200, _json(answer), reading.reason or "accepted", kept)


def _rows(array: NDArray[np.float32]) -> list[list[float]]:
    return [[round(value, _DIGITS_AFTER_POINT) for value in row] for row in array.tolist()]


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
