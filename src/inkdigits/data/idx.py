"""IDX, the format of the four original MNIST files, gzipped or not.

In: paths. Out: arrays. The format: two zero bytes, a type byte (8 is uint8, 12 is int32), the
number of dimensions, each dimension as a big-endian uint32, then the values.
Source: yann.lecun.com/exdb/mnist, "FILE FORMATS FOR THE MNIST DATABASE".
"""

from __future__ import annotations

import gzip
import os
import re
import zlib
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from inkdigits.data.digits import Digits, DigitSets, check_labels
from inkdigits.errors import DataError
from inkdigits.files import is_folder
from inkdigits.spec import SIDE

IMAGES_MAGIC = 0x00000803  # uint8, 3 dimensions
LABELS_MAGIC = 0x00000801  # uint8, 1 dimension
QMNIST_MAGIC = 0x00000C02  # int32, 2 dimensions: QMNIST's labels, whose first column is the digit
_KINDS = {
    IMAGES_MAGIC: "images as uint8",
    LABELS_MAGIC: "labels as uint8",
    QMNIST_MAGIC: "labels as int32 in columns",
}
MAX_BYTES = 2_000_000_000  # 2.5 million digits
_MOST_COLUMNS = 64  # of QMNIST's labels, which have 8

FILES = {
    "train images": "train-images-idx3-ubyte",
    "train labels": "train-labels-idx1-ubyte",
    "test images": "t10k-images-idx3-ubyte",
    "test labels": "t10k-labels-idx1-ubyte",
}

# 7-Zip unpacks to train-images.idx3-ubyte; EMNIST and QMNIST put their own name before.
_NAME = re.compile(
    r"(?:(?P<set>emnist-[a-z]+|qmnist)-)?(?P<part>train|t10k|test)-(?P<what>images|labels)"
    r"[-.]idx[0-9]-(?:ubyte|int)(?P<packed>\.gz)?",
    re.IGNORECASE,
)
# Folders in which torchvision, EMNIST's archive and Keras keep such files.
_AROUND = re.compile(r"(?:e|q)?mnist|raw|gzip", re.IGNORECASE)
_DEEPEST = 3  # such folders in each other: DATA/MNIST/raw, and a folder named like a file
_OF_LETTERS = ("emnist-letters", "emnist-balanced", "emnist-byclass", "emnist-bymerge")

Roles = dict[str, Path]  # "train images" and so on


def read_idx(path: Path, *magics: int) -> NDArray[np.integer[Any]]:
    """The array in one IDX file: (N, 28, 28) uint8 for images, (N,) uint8 for labels.

    magics: which of IMAGES_MAGIC, LABELS_MAGIC and QMNIST_MAGIC it may have; of the last the
    array is (N, columns) int32. Raises DataError naming the file and the byte.
    """
    data = _read_bytes(path)
    n_dims = magics[0] & 0xFF
    header = 4 + 4 * n_dims
    if len(data) < header:
        raise DataError(
            f"{path}: ends at byte {len(data)}, inside the header of {header} bytes; "
            "fetch the file again"
        )
    found = int.from_bytes(data[:4], "big")
    if found not in magics:
        raise DataError(
            f"{path}: magic number at byte 0 is 0x{found:08x}, expected 0x{magics[0]:08x} "
            f"({_KINDS[magics[0]]}); is it another file?"
        )
    n_dims = found & 0xFF
    header = 4 + 4 * n_dims
    shape = tuple(np.frombuffer(data[:header].ljust(header, b"\0"), ">u4", n_dims, 4).tolist())
    if n_dims == 3 and shape[1:] != (SIDE, SIDE):
        raise DataError(
            f"{path}: byte 8 gives images of {shape[1]}x{shape[2]}, expected {SIDE}x{SIDE}"
        )
    if found == QMNIST_MAGIC and not 1 <= shape[1] <= _MOST_COLUMNS:
        raise DataError(f"{path}: byte 8 gives labels of {shape[1]:,} columns, expected 8")
    kind = np.dtype(">i4" if found == QMNIST_MAGIC else "u1")
    expected = header + kind.itemsize * int(np.prod(shape, dtype=np.int64))
    if len(data) < expected:
        raise DataError(
            f"{path}: truncated at byte {len(data):,}; {shape[0]:,} entries need {expected:,} bytes"
        )
    if len(data) > expected:
        raise DataError(
            f"{path}: {len(data) - expected:,} bytes too many after byte {expected:,}, "
            f"where its {shape[0]:,} entries end"
        )
    return np.frombuffer(data, kind, offset=header).reshape(shape)


def read_pair(images: Path, labels: Path, name: str) -> Digits:
    """One set from its images file and its labels file. Raises DataError."""
    pixels = read_idx(images, IMAGES_MAGIC).astype(np.uint8, copy=False)
    classes = read_idx(labels, LABELS_MAGIC, QMNIST_MAGIC)
    classes = classes[:, 0] if classes.ndim == 2 else classes
    if len(pixels) != len(classes):
        raise DataError(
            f"{images} holds {len(pixels):,} images but {labels} holds {len(classes):,} labels; "
            "every image needs exactly one"
        )
    check_labels(classes, str(labels))
    return Digits(pixels, classes.astype(np.uint8, copy=False), name, str(images.parent))


def find_files(folder: Path) -> Roles | None:
    """The four files by role, plain preferred over .gz, or None unless all four are there.

    Under any of the names they go by, also where each lies in a folder of its name.
    """
    found = _found_sets(folder).get("", {})
    return found if len(found) == len(FILES) else None


def read_folder(folder: Path, name: str = "") -> DigitSets | None:
    """Training and test set from a folder with the four files, or with a folder that has them.

    name: what to call the set, if not by its folder or files. MNIST's files go before EMNIST's and
    QMNIST's. None if there is not one of them. Raises DataError.
    """
    sets = _found_sets(folder)
    if not sets:
        return None
    whole = sorted(found for found, files in sets.items() if len(files) == len(FILES))
    readable = [found for found in whole if found not in _OF_LETTERS]
    if not readable:
        if whole:
            raise DataError(
                f"{folder}: holds {whole[0]}, which also holds letters; expected "
                "emnist-digits or emnist-mnist"
            )
        raise _incomplete(folder, *next(iter(sorted(sets.items()))))
    chosen = readable[0]
    files = sets[chosen]
    notices = []
    if len(whole) > 1:
        others = ", ".join(found or "mnist" for found in whole if found != chosen)
        notices.append(f"{folder} holds {others} too; {chosen or 'mnist'} is used.")
    name = name or chosen or folder.resolve().name
    train = read_pair(files["train images"], files["train labels"], f"{name} train")
    test = read_pair(files["test images"], files["test labels"], f"{name} test")
    if chosen.startswith("emnist"):
        train, test = _upright(train), _upright(test)
        notices.append("EMNIST's images lie on their side and mirrored: they were turned.")
    return DigitSets(train, test, name, " ".join(notices))


def is_idx_name(name: str) -> bool:
    """Whether a file of that name is one of a set's four."""
    return _NAME.fullmatch(name) is not None


def most_unpacked(packed: int) -> int:
    """How many bytes a file of `packed` bytes may unpack to: what unpacks to more is a bomb.

    Digits pack to a fifth; a hundredth is what blank pictures pack to.
    """
    return min(MAX_BYTES, max(100_000_000, 100 * packed))


def opened(path: Path) -> BinaryIO:
    """The file, open to read; unpacked if it starts as gzip does, whatever its name is.

    Raises OSError; reading from it OSError, EOFError and zlib.error.
    """
    file = path.open("rb")
    try:
        packed = file.peek(2)[:2] == b"\x1f\x8b"
    except BaseException:
        file.close()
        raise
    return cast(BinaryIO, gzip.GzipFile(fileobj=file)) if packed else file


def _found_sets(folder: Path) -> dict[str, Roles]:
    """The files in the folder by set ("" is MNIST) and role."""
    sets: dict[str, Roles] = {}
    packed: dict[str, Roles] = {}
    for path in _idx_files(folder, _DEEPEST):
        match = _NAME.fullmatch(path.name)
        if match is None:
            continue
        part = "train" if match["part"].lower() == "train" else "test"
        to = packed if match["packed"] else sets
        files = to.setdefault((match["set"] or "").lower(), {})
        files.setdefault(f"{part} {match['what'].lower()}", path)
    for name, files in packed.items():
        sets[name] = files | sets.get(name, {})
    return sets


def _idx_files(folder: Path, depth: int) -> list[Path]:
    """Files with such names, those of the folder itself first."""
    try:
        with os.scandir(folder) as entries:
            found = sorted((entry.name, is_folder(entry)) for entry in entries)
    except OSError as error:
        raise DataError(f"{folder}: cannot be listed: {error.strerror or error}") from error
    files = [folder / name for name, inside in found if not inside and is_idx_name(name)]
    for name, inside in found:
        if inside and depth and (is_idx_name(name) or _AROUND.fullmatch(name)):
            files += _idx_files(folder / name, depth - 1)
    return files


def _incomplete(folder: Path, name: str, files: Roles) -> DataError:
    missing = [role if name else file for role, file in FILES.items() if role not in files]
    there = ", ".join(path.name for path in files.values())
    return DataError(
        f"{folder}: holds {there} but not {', '.join(missing)} (plain or .gz); "
        "put all four into one folder"
    )


def _upright(digits: Digits) -> Digits:
    images = np.ascontiguousarray(digits.images.transpose(0, 2, 1))
    return Digits(images, digits.labels, digits.name, digits.source)


def _read_bytes(path: Path) -> bytes:
    """The file's bytes, unpacked."""
    try:
        most = most_unpacked(path.stat().st_size)
        with opened(path) as file:
            data = file.read(most + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read: {error}; fetch the file again") from error
    if len(data) > most:
        raise DataError(
            f"{path}: unpacks to over {most:,} bytes, more than digits do; fetch the file again"
        )
    return data
