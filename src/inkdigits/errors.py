"""What can go wrong, as types a caller can tell apart.

Every message says what was found, what was expected and what to do next. Libraries raise these
`from` the cause; only the command line and the server catch them.
"""

from __future__ import annotations

from typing import TypeVar


class InkdigitsError(Exception):
    """Base of every error this package raises on purpose."""


class ConfigError(InkdigitsError):
    """A setting is impossible or unknown; raised before any data is read."""


class DataError(InkdigitsError):
    """Labelled digits cannot be read: names the file and the byte, line or entry."""


class TrainingError(InkdigitsError):
    """Training cannot continue, or a run folder cannot be resumed."""


class ModelError(InkdigitsError):
    """A model file is missing, broken, or made for another kind of input."""


class PictureError(InkdigitsError):
    """A picture cannot be decoded, is over a limit, or holds no ink."""


class NotAPictureError(PictureError):
    """What was given is empty, broken, or no picture of a format that is read."""


class TooLongError(PictureError):
    """Reading a picture takes more computing than it may."""


class CorrectionsError(InkdigitsError):
    """Corrections cannot be kept or read: no such file, not one of ours, a full disk."""


class BatchError(InkdigitsError):
    """A job of many pictures cannot continue: no cluster, no room, a worker that cannot write."""


class ProcessError(InkdigitsError):
    """Worker processes cannot be started, or end at what they were given."""


class MissingExtraError(InkdigitsError):
    """A library from an optional extra is not installed; the message names the command."""


_E = TypeVar("_E", bound=BaseException)


def without_frames(error: _E) -> _E:
    """The error, fit to be kept: its frames and its causes' hold a picture's pixels until it goes.

    What the causes said stands in its message.
    """
    error.__traceback__ = error.__cause__ = error.__context__ = None
    return error
