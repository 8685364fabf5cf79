"""IDX, the format of the four original MNIST files, gzipped or not.

In: paths. Out: arrays. The format: two zero bytes, a type byte (8 is uint8), the number of
dimensions, each dimension as a big-endian uint32, then the values.
Source: yann.lecun.com/exdb/mnist, "FILE FORMATS FOR THE MNIST DATABASE".
"""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inkdigits.data.digits import Digits, DigitSets, check_labels
from inkdigits.errors import DataError
from inkdigits.spec import SIDE

IMAGES_MAGIC = 0x00000803  # uint8, 3 dimensions
LABELS_MAGIC = 0x00000801  # uint8, 1 dimension
MAX_BYTES = 2_000_000_000  # 2.5 million digits

FILES = {
    "train images": "train-images-idx3-ubyte",
    "train labels": "train-labels-idx1-ubyte",
    "test images": "t10k-images-idx3-ubyte",
    "test labels": "t10k-labels-idx1-ubyte",
}


def read_idx(path: Path, magic: int) -> NDArray[np.uint8]:
    """The array in one IDX file: (N, 28, 28) for images, (N,) for labels, uint8.

    magic: IMAGES_MAGIC or LABELS_MAGIC. Raises DataError naming the file and the byte.
    """
    data = _read_bytes(path)
    n_dims = magic & 0xFF
    header = 4 + 4 * n_dims
    if len(data) < header:
        raise DataError(
            f"{path}: ends at byte {len(data)}, inside the header of {header} bytes; "
            "fetch the file again"
        )
    found = int.from_bytes(data[:4], "big")
    if found != magic:
        raise DataError(
            f"{path}: magic number at byte 0 is 0x{found:08x}, wanted 0x{magic:08x} "
            f"({'images' if n_dims == 3 else 'labels'} as uint8); is it another file?"
        )
    shape = tuple(np.frombuffer(data, ">u4", n_dims, offset=4).tolist())
    if n_dims == 3 and shape[1:] != (SIDE, SIDE):
        raise DataError(
            f"{path}: byte 8 says images of {shape[1]}x{shape[2]}, wanted {SIDE}x{SIDE}"
        )
    wanted = header + int(np.prod(shape, dtype=np.int64))
    if len(data) < wanted:
        raise DataError(
            f"{path}: truncated at byte {len(data):,}; {shape[0]:,} entries need {wanted:,} bytes"
        )
    if len(data) > wanted:
        raise DataError(
            f"{path}: {len(data) - wanted:,} bytes too many after byte {wanted:,}, "
            f"where its {shape[0]:,} entries end"
        )
    return np.frombuffer(data, np.uint8, offset=header).reshape(shape)


def read_pair(images: Path, labels: Path, name: str) -> Digits:
    """One set from its images file and its labels file. Raises DataError."""
    pixels, classes = read_idx(images, IMAGES_MAGIC), read_idx(labels, LABELS_MAGIC)
    if len(pixels) != len(classes):
        raise DataError(
            f"{images} holds {len(pixels):,} images but {labels} holds {len(classes):,} labels; "
            "every image needs exactly one"
        )
    check_labels(classes, str(labels))
    return Digits(pixels, classes, name, str(images.parent))


def find_files(folder: Path) -> dict[str, Path] | None:
    """The four files by role, plain preferred over .gz, or None unless all four are there."""
    found = {}
    for role, name in FILES.items():
        here = [p for p in (folder / name, folder / f"{name}.gz") if p.is_file()]
        if not here:
            return None
        found[role] = here[0]
    return found


def read_folder(folder: Path, name: str) -> DigitSets:
    """Training and test set from a folder with the four files. Raises DataError."""
    files = find_files(folder)
    if files is None:
        wanted = ", ".join(FILES.values())
        raise DataError(f"{folder}: wanted {wanted} (each plain or .gz), not all of them are there")
    return DigitSets(
        read_pair(files["train images"], files["train labels"], f"{name} train"),
        read_pair(files["test images"], files["test labels"], f"{name} test"),
        name,
    )


def most_unpacked(packed: int) -> int:
    """How many bytes a file of `packed` bytes may unpack to: what unpacks to more is a bomb.

    Digits pack to a fifth; a hundredth is what blank pictures pack to.
    """
    return min(MAX_BYTES, max(100_000_000, 100 * packed))


def _read_bytes(path: Path) -> bytes:
    """The file's bytes, unpacked if it starts as gzip does, whatever its name says."""
    try:
        most = most_unpacked(path.stat().st_size)
        with path.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            data = (gzip.GzipFile(fileobj=raw) if packed else raw).read(most + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read: {error}; fetch the file again") from error
    if len(data) > most:
        raise DataError(
            f"{path}: unpacks to over {most:,} bytes, more than digits do; fetch the file again"
        )
    return data
