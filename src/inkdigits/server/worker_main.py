"""What a worker process does: pictures in, JSON answers out.

In: Tasks. Out: Answers. Holds the one Reader of its process. Knows nothing of HTTP but which status
a picture's fault is.
"""

from __future__ import annotations

import json
import pickle
import signal
import socket
import struct
from contextlib import suppress
from typing import Any, Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from inkdigits import clock
from inkdigits.errors import ModelError, NotAPictureError, PictureError, TooLongError
from inkdigits.picture.documents import DocumentPage, count_pages
from inkdigits.picture.open import open_picture
from inkdigits.processes import end_with_parent
from inkdigits.reading.page import Page
from inkdigits.reading.reader import Reader, Reading

# Bytes of data: a picture that takes more is an error. What is only reserved counts as well, so
# this is twice what the largest pictures take.
_MEMORY = 1_200_000_000
_DIGITS_AFTER_POINT = 4  # of arrays in JSON: finer than the 255 greys they come from


# A Reading of one digit, a Page of all that is shown, how many pages a document has, or one of its
# pages as a PNG.
Wanted = Literal["digit", "page", "count", "png"]


class Task(NamedTuple):
    """One picture to be read."""

    picture: bytes  # a file's bytes
    name: str = ""  # what the answer calls it; nothing if it is the only one
    wants: Wanted = "digit"
    number: int = 0  # which page of a document: 1 is the first; 0 for a picture of its own
    most: int = 0  # pages that are counted
    array: bool = False  # answer with each digit's 28x28 array
    saliency: int | None = None  # which of its digits to answer with what mattered in
    keep: int | None = None  # which digit alone is asked for, with its array's bytes: a correction


class Answer(NamedTuple):
    """What is answered for one picture."""

    status: int
    json: bytes  # an object
    outcome: str  # accepted, a Reading's reason, or error
    image: bytes = b""  # (28, 28) uint8, ink 255, if it is to be kept
    png: bytes = b""  # a document's page, if asked for
    pages: int = 1  # how many a document has, if asked for


HEADER = struct.Struct("<Q")  # before each message: how many bytes it has


def run(pipe: socket.socket, model: str | None, max_pixels: int) -> None:
    """All that a worker does: report what it has loaded, then answer batches until the pipe ends.

    Answers with the error, in place of what was asked for, where there is one.
    """
    # The parent decides when workers end: Ctrl-C and a service manager's SIGTERM go to all.
    end_with_parent()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _limit_memory()
    cv2.setNumThreads(1)  # there is a worker for each core
    with pipe, pipe.makefile("rb") as received, suppress(ConnectionError):
        try:
            reader = Reader(model, threads=1, max_pixels=max_pixels)
            pipe.sendall(packed(reader.model.about))
        except ModelError as error:
            pipe.sendall(packed(error))
            return
        while len(header := received.read(HEADER.size)) == HEADER.size:
            (size,) = HEADER.unpack(header)
            if len(message := received.read(size)) < size:
                return  # the parent has been killed
            try:
                tasks, seconds, last = pickle.loads(message)
                answers = packed(read(reader, tasks, seconds, last, max_pixels))
                del tasks
            except Exception as error:  # noqa: BLE001 - the parent raises it
                answers = packed(error)  # at once: to keep it would keep what its frames hold
            del message
            pipe.sendall(answers)


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    with suppress(ValueError, OSError):  # a lower limit is set already
        resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY, _MEMORY))


def packed(message: object) -> bytes:
    """A message as it goes through the pipe."""
    data = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    return HEADER.pack(len(data)) + data


def read(
    reader: Reader, tasks: list[Task], seconds: float, last: bool, max_pixels: int
) -> list[Answer | None]:
    """An Answer for each picture, in order.

    seconds: of computing, of all together. last: what takes longer is an error; else None.
    """
    pages = reader.read_many(_picture(task) for task in tasks if task.wants == "page")
    readings = reader.predict_many(_picture(task) for task in tasks if task.wants == "digit")
    answers: list[Answer | None] = []
    with clock.at_most(seconds):
        for task in tasks:
            try:
                if task.wants == "count":
                    count = count_pages(task.picture, task.most)
                    answers.append(Answer(200, b"", "", pages=count))
                elif task.wants == "png":
                    answers.append(_png(task, max_pixels))
                else:
                    found = next(pages if task.wants == "page" else readings)
                    if isinstance(found, PictureError):
                        raise found
                    answers.append(_answer(reader, task, found))
            except PictureError as error:
                late = isinstance(error, TooLongError) and not last
                answers.append(None if late else _error(task, error))
    return answers


def error_json(message: str, status: int, name: str = "", number: int = 0) -> bytes:
    """The body of every answer that is an error. name, number: of the picture, and of its page."""
    return _json({**_named(name, number), "error": message, "status": status})


def _answer(reader: Reader, task: Task, found: Page | Reading) -> Answer:
    answer = _named(task.name, task.number)
    if isinstance(found, Page):
        return _page(reader, task, found, answer)
    answer |= found.to_dict()
    if task.array:
        answer["array"] = _rows(found.array)
    if task.saliency is not None:
        answer["saliency"] = _mattered(reader, found.array, found.digit)
    kept = b"" if task.keep is None else _image(found.array)
    return Answer(200, _json(answer), found.reason or "accepted", kept)


def _picture(task: Task) -> bytes | DocumentPage:
    return DocumentPage(task.picture, task.number) if task.number else task.picture


def _named(name: str, number: int) -> dict[str, Any]:
    return ({"name": name} if name else {}) | ({"page": number} if number else {})


def _error(task: Task, error: PictureError) -> Answer:
    status = 415 if isinstance(error, NotAPictureError) else 422
    return Answer(status, error_json(str(error), status, task.name, task.number), "error")


def _png(task: Task, max_pixels: int) -> Answer:
    """A picture's grey values as the reader has them: read again, it has the same digits."""
    grey = open_picture(_picture(task), max_pixels).grey
    _, png = cv2.imencode(".png", np.rint(grey * 255).astype(np.uint8))
    return Answer(200, b"", "", png=png.tobytes())


def _page(reader: Reader, task: Task, page: Page, answer: dict[str, Any]) -> Answer:
    answer |= page.to_dict()
    if task.array:
        for digit, array in zip(answer["digits"], page.digits.arrays, strict=True):
            digit["array"] = _rows(array)
    for name, index in (("saliency", task.saliency), ("place", task.keep)):
        if index is not None and index >= len(page.digits):
            message = f"{name} is {index}, and the picture has {len(page.digits)} digits"
            return Answer(422, error_json(message, 422, task.name, task.number), "error")
    if task.keep is not None:
        digit = answer["digits"][task.keep]
        kept = _image(page.digits.arrays[task.keep])
        return Answer(200, _json(digit), digit["reason"] or "accepted", kept)
    if task.saliency is not None:
        chosen = answer["digits"][task.saliency]
        array = page.digits.arrays[task.saliency]
        chosen["saliency"] = _mattered(reader, array, chosen["digit"])
    sure = bool(page.digits.accepted.all())
    return Answer(200, _json(answer), page.reason or ("accepted" if sure else "unsure"))


def _mattered(reader: Reader, array: NDArray[np.float32], digit: int) -> list[list[float]]:
    from inkdigits.reading.explain import occlusion

    return _rows(occlusion(reader, array, digit))


def _rows(array: NDArray[np.float32]) -> list[list[float]]:
    return [[round(value, _DIGITS_AFTER_POINT) for value in row] for row in array.tolist()]


def _image(array: NDArray[np.float32]) -> bytes:
    """(28, 28) uint8, ink 255, as training sees it."""
    return np.rint(255 * array).astype(np.uint8).tobytes()


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
