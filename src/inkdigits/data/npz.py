"""Labelled digits as NPZ files, as Keras and scikit-learn's users save them.

In: a path. Out: DigitSets. The arrays are x_train, y_train, x_test and y_test, or go by another of
the names in _NAMES. Pixels are 0 to 255 or, as floats, 0 to 1; labels 0 to 9 or one-hot.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkdigits.counts import extent
from inkdigits.data.digits import Digits, DigitSets, check_labels
from inkdigits.data.idx import most_unpacked
from inkdigits.data.split import split_test
from inkdigits.errors import DataError
from inkdigits.files import written_whole
from inkdigits.spec import CLASS_NAMES, N_CLASSES, N_PIXELS, SIDE

_NAMES = {  # in lower case
    "x_train": ("x_train", "train_images", "train_x", "images_train"),
    "y_train": ("y_train", "train_labels", "train_y", "labels_train"),
    "x_test": ("x_test", "test_images", "test_x", "images_test"),
    "y_test": ("y_test", "test_labels", "test_y", "labels_test"),
}
_ALONE = {"x": ("x", "images", "data"), "y": ("y", "labels", "target")}
_MORE = "nondigits"  # optional: non-digits, to learn to reject


def read_npz(path: Path) -> DigitSets:
    """Training and test set from one NPZ file; with x and y alone a test set is split off.

    Raises DataError.
    """
    names = _names_in(path)
    here = {key: _called(names, known) for key, known in _NAMES.items()}
    alone = {key: _called(names, known) for key, known in _ALONE.items()}
    if all(alone.values()) and not any(here.values()):
        images, labels = _arrays(path, tuple(alone.values()))
        return split_test(_digits(images, labels, path, alone["x"], alone["y"], path.stem))
    if not any(here.values()):
        raise DataError(
            f"{path}: holds {', '.join(sorted(names)[:6]) or 'nothing':.200}; expected x and y (or "
            "images and labels, or data and target), or x_train, y_train, x_test and y_test"
        )
    expected = tuple(name or key for key, name in here.items())
    x_train, y_train, x_test, y_test, *others = _arrays(path, expected, _MORE)
    return DigitSets(
        _digits(x_train, y_train, path, expected[0], expected[1], f"{path.stem} train"),
        _digits(x_test, y_test, path, expected[2], expected[3], f"{path.stem} test"),
        path.stem,
        nondigits=others[0] if others else np.empty((0, SIDE, SIDE), np.uint8),
    )


def read_npz_pictures(path: Path) -> tuple[NDArray[Any], NDArray[Any]]:
    """Pictures of any size, (N, H, W) or (N, H, W, C), and their labels (N,), from `x` and `y`.

    Raises DataError.
    """
    pictures, labels = _arrays(path, ("x", "y"))
    if labels.dtype.kind not in "iu":
        raise DataError(f"{path}: y is {labels.dtype}, expected whole numbers 0-9")
    if pictures.ndim not in (3, 4) or labels.shape != pictures.shape[:1]:
        raise DataError(
            f"{path}: x is {pictures.shape} and y {labels.shape}, expected pictures (N, H, W) and "
            "a label (N,) for each"
        )
    check_labels(labels, str(path))
    return pictures, labels


def write_npz(sets: DigitSets, path: Path) -> None:
    """Write the sets as read_npz reads them, whole or not at all."""
    with written_whole(path) as part:
        np.savez_compressed(
            part,
            x_train=sets.train.images, y_train=sets.train.labels,
            x_test=sets.test.images, y_test=sets.test.labels,
            nondigits=sets.nondigits,
        )  # fmt: skip


def _called(names: list[str], known: tuple[str, ...]) -> str:
    """Which of the file's arrays goes by one of the known names; "" if none does."""
    return next((name for name in names if name.lower() in known), "")


def _digits(
    images: NDArray[Any], labels: NDArray[Any], path: Path, x: str, y: str, name: str
) -> Digits:
    return Digits(_pixels(images, path, x), _classes(labels, path, y), name, f"{path}:{x}")


def _pixels(images: NDArray[Any], path: Path, key: str) -> NDArray[np.uint8]:
    """Images as (N, 28, 28) uint8. Raises DataError for another shape or range."""
    flat = images.ndim == 2 and images.shape[1] == N_PIXELS
    one_channel = images.ndim == 4 and images.shape[1:] in ((SIDE, SIDE, 1), (1, SIDE, SIDE))
    if not flat and not one_channel and images.shape[1:] != (SIDE, SIDE):
        raise DataError(
            f"{path}: {key} is {images.dtype} {images.shape}, expected (N, {SIDE}, {SIDE}) or "
            f"(N, {N_PIXELS}); pictures of another size are read from files in class folders"
        )
    if images.dtype.kind not in "buif":
        raise DataError(f"{path}: {key} is {images.dtype}, expected numbers 0-255 or 0.0-1.0")
    images = images.reshape(-1, SIDE, SIDE)
    if images.dtype == np.uint8:
        return images
    low, high = (images.min(), images.max()) if images.size else (0, 0)
    if images.dtype.kind == "b":
        return images.astype(np.uint8) * np.uint8(255)
    if images.dtype.kind == "f" and low >= 0 and high <= 1:
        return np.asarray(np.rint(images * 255), np.uint8)
    if not (low >= 0 and high <= 255):  # NaN fails both
        raise DataError(
            f"{path}: {key} holds {extent(images)}, expected 0 to 255, or floats 0 to 1; "
            "undo what was subtracted or divided"
        )
    return np.asarray(np.rint(images), np.uint8)


def _classes(labels: NDArray[Any], path: Path, key: str) -> NDArray[Any]:
    """Labels as (N,) whole numbers. Raises DataError for what is neither those nor one-hot."""
    if labels.dtype.kind == "U" and np.isin(labels, CLASS_NAMES).all():  # as OpenML has them
        labels = labels.astype(np.int64)
    if labels.dtype.kind not in "buif":
        raise DataError(f"{path}: {key} is {labels.dtype}, expected whole numbers 0-9")
    if labels.ndim == 2 and labels.shape[1] == N_CLASSES:
        one_hot = np.isin(labels, (0, 1)).all() and (labels.sum(1) == 1).all()
        if not one_hot:
            raise DataError(f"{path}: {key} is {labels.shape}, expected one 1 in each row")
        return np.asarray(labels.argmax(1))
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.dtype.kind == "f":
        if not (labels == np.floor(labels)).all():
            raise DataError(f"{path}: {key} has fractions, expected whole numbers 0-9")
        labels = labels.clip(-1, N_CLASSES).astype(np.int64)
    return labels.astype(np.int64) if labels.dtype.kind == "b" else labels


def _names_in(path: Path) -> list[str]:
    try:
        with zipfile.ZipFile(path) as archive:
            return [name.removesuffix(".npy") for name in archive.namelist()]
    except Exception as error:  # a damaged archive fails in many ways, see _arrays
        raise _unreadable(path, error) from error


def _arrays(path: Path, expected: tuple[str, ...], *more: str) -> list[NDArray[Any]]:
    """The arrays of those names in an NPZ file, and of `more` those that are there."""
    try:
        packed = path.stat().st_size
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
        if unpacked > most_unpacked(packed):
            raise DataError(
                f"{path}: is {packed:,} bytes that unpack to {unpacked:,}, "
                f"expected at most {most_unpacked(packed):,}"
            )
        with np.load(path, allow_pickle=False) as arrays:
            missing = [key for key in expected if key not in arrays]
            if missing:
                raise DataError(
                    f"{path}: has no {', '.join(missing)}; it holds {', '.join(arrays.files)}, "
                    f"expected {', '.join(expected)}"
                )
            return [_array(arrays, key, path) for key in (*expected, *more) if key in arrays]
    except DataError:
        raise
    # A damaged archive fails in many ways: BadZipFile, zlib.error, NotImplementedError (packed in
    # another way), RuntimeError (a password), MemoryError (an array that declares a huge size).
    except Exception as error:
        raise _unreadable(path, error) from error


def _array(arrays: Any, key: str, path: Path) -> NDArray[Any]:
    """One array. Raises DataError for one of Python objects, which only pickle would read."""
    try:
        found: NDArray[Any] = arrays[key]
    except ValueError as error:
        if "allow_pickle" not in str(error):
            raise
        raise DataError(
            f"{path}: {key} holds Python objects, expected numbers; save {key}.astype(int) or "
            "np.stack of them"
        ) from error
    if not isinstance(found, np.ndarray):  # numpy gives the bytes of what does not begin as one
        raise DataError(f"{path}: {key} is not an array; save it by np.savez")
    return found


def _unreadable(path: Path, error: Exception) -> DataError:
    return DataError(f"{path}: not a readable NPZ file: {str(error) or type(error).__name__}")
