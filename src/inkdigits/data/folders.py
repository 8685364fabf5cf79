"""Labelled digits as PNG files, in and out.

In: a folder with `train/` and `test/` of `{label}_{index}.png`, the same without the two, or a
tree of class folders `0/` to `9/`. Out: Digits. And back: every digit as a PNG.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inkdigits.data.digits import Digits, DigitSets
from inkdigits.data.split import split_test
from inkdigits.errors import DataError
from inkdigits.spec import CLASS_NAMES, SIDE

Advance = Callable[[int, int], None]  # (done, total), called now and then

_NAME = re.compile(r"([0-9])_([0-9]+)\.png")
_CHUNK = 2_000  # files a worker reads at a time: 1.6 MB of pixels, about 0.1 s
_POOL_FROM = 4_000  # below this many files starting workers costs more than it saves


def _no_progress(done: int, total: int) -> None:
    """Show nothing."""


def looks_like_png_folder(folder: Path) -> bool:
    """Whether the folder holds PNGs in one of the three layouts."""
    return any(_png_files(part) for part in (folder, folder / "train", folder / "test"))


def read_png_folder(folder: Path, advance: Advance = _no_progress) -> DigitSets:
    """Training and test set from a folder of PNGs; with no test set, a fifth is split off.

    Raises DataError that names the file: another size or mode, a name without a label, no file.
    """
    parts = {part: _png_files(folder / part) for part in ("train", "test")}
    if parts["train"] and parts["test"]:
        total = sum(map(len, parts.values()))
        train = _read(parts["train"], folder / "train", f"{folder.name} train", advance, 0, total)
        test = _read(
            parts["test"], folder / "test", f"{folder.name} test", advance, len(train), total
        )
        return DigitSets(train, test, folder.name)
    for part in ("train", "test"):
        if parts[part]:
            other = "test" if part == "train" else "train"
            raise DataError(
                f"{folder}: {part}/ holds digits but {other}/ holds none; add it, or point "
                f"--data at {folder / part} to have a test set split off"
            )
    files = _png_files(folder)
    if not files:
        raise DataError(
            f"{folder}: no digit found; wanted train/ and test/ with names like 7_00042.png, "
            "or class folders 0/ to 9/"
        )
    return split_test(_read(files, folder, folder.name, advance, 0, len(files)))


def read_all_pngs(folder: Path, advance: Advance = _no_progress) -> Digits:
    """Every digit of a folder of PNGs as one set: any number, any classes, nothing split off.

    The folder holds `{label}_{index}.png` or class folders. Raises DataError if it is not there,
    has no PNG, or has train/ and test/ (whose test digits must not be trained on), and as
    read_png_folder does for a wrong file.
    """
    if not folder.is_dir():
        raise DataError(
            f"{folder}: is no folder; wanted one of PNGs, as inkdigits data corrections --to writes"
        )
    for part in ("train", "test"):
        if _png_files(folder / part):
            raise DataError(
                f"{folder}: holds {part}/, wanted digits that may all be trained on; "
                f"name the part to learn: {folder / part}"
            )
    files = _png_files(folder)
    if not files:
        raise DataError(
            f"{folder}: no digit found; wanted names like 7_00042.png, or class folders 0/ to 9/"
        )
    return _read(files, folder, folder.resolve().name, advance, 0, len(files))


def write_png_folder(sets: DigitSets, folder: Path, advance: Advance = _no_progress) -> int:
    """Write every digit to `folder`/{train,test}/{label}_{index}.png; return how many.

    The folder appears whole or not at all. Raises DataError if it is there and not empty.
    """
    total = len(sets.train) + len(sets.test)

    def files() -> Iterator[tuple[str, NDArray[np.uint8]]]:
        done = 0
        for side, digits in (("train", sets.train), ("test", sets.test)):
            for i, (image, label) in enumerate(zip(digits.images, digits.labels, strict=True)):
                yield f"{side}/{label}_{i:05d}.png", image
                done += 1
                if done % 500 == 0 or done == total:
                    advance(done, total)

    write_png_files(folder, files())
    return total


def write_png_files(folder: Path, files: Iterable[tuple[str, NDArray[np.uint8]]]) -> None:
    """Write each (name, (H, W) uint8 image) into `folder`.

    The folder appears whole or not at all. Raises DataError if it is there and not empty.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"{folder}: is there already and not empty; name a new folder")
    part = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    try:
        for name, image in files:
            (part / name).parent.mkdir(parents=True, exist_ok=True)
            # Level 1: twice as fast as Pillow's 6 here, files 4 % larger.
            Image.fromarray(image).save(part / name, compress_level=1)
        if folder.exists():
            folder.rmdir()
        part.rename(folder)
    except OSError as error:
        raise DataError(f"{folder}: cannot be written: {error}") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _png_files(folder: Path) -> list[tuple[str, int]]:
    """(path, label) of each PNG below `folder`, by index and then name; label -1 where unknown."""
    if not folder.is_dir():
        return []
    classes = [folder / c for c in CLASS_NAMES if (folder / c).is_dir()]
    if classes:
        return [
            (entry.path, int(c.name))
            for c in classes
            for entry in sorted(_pngs(c), key=lambda e: e.name)
        ]
    found = []
    for entry in _pngs(folder):
        match = _NAME.fullmatch(entry.name)
        label, index = (int(match[1]), int(match[2])) if match else (-1, -1)
        found.append((index, entry.name, entry.path, label))
    # By index, so that what was exported comes back in the order it had.
    return [(path, label) for _, _, path, label in sorted(found)]


def _pngs(folder: Path) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        yield from (e for e in entries if e.name.lower().endswith(".png") and e.is_file())


def _read(
    files: list[tuple[str, int]], folder: Path, name: str, advance: Advance, done: int, total: int
) -> Digits:
    for path, label in files:
        if label < 0:
            raise DataError(f"{path}: name has no label; wanted LABEL_INDEX.png, like 7_00042.png")
    paths = [path for path, _ in files]
    images = np.empty((len(paths), SIDE, SIDE), np.uint8)
    chunks = [paths[i : i + _CHUNK] for i in range(0, len(paths), _CHUNK)]
    at = 0
    for block in _map_chunks(chunks, len(paths)):
        images[at : at + len(block)] = block
        at += len(block)
        advance(done + at, total)
    return Digits(images, np.array([label for _, label in files]), name, str(folder))


def _map_chunks(chunks: list[list[str]], n_files: int) -> Iterator[NDArray[np.uint8]]:
    """Each chunk's pixels, in order; on all cores where there are enough files."""
    workers = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    if n_files < _POOL_FROM or (workers or 1) < 2:
        yield from map(_read_chunk, chunks)
        return
    # forkserver: a fork of a process that holds PyTorch's threads may hang.
    pool = ProcessPoolExecutor(workers, mp_context=get_context("forkserver"))
    try:
        waiting = [pool.submit(_read_chunk, c) for c in chunks]
        for job in waiting:
            yield job.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _read_chunk(paths: list[str]) -> NDArray[np.uint8]:
    images = np.empty((len(paths), SIDE, SIDE), np.uint8)
    for i, path in enumerate(paths):
        images[i] = _read_png(path)
    return images


def _read_png(path: str) -> NDArray[np.uint8]:
    try:
        with Image.open(path, formats=("PNG",)) as image:
            if image.size != (SIDE, SIDE) or image.mode != "L":
                width, height = image.size
                raise DataError(
                    f"{path}: is {width}x{height} of mode {image.mode}, "
                    f"wanted {SIDE}x{SIDE} of mode L (8-bit grey)"
                )
            return np.asarray(image)
    except DataError:
        raise
    # Pillow fails on broken files in many ways: OSError, SyntaxError, ValueError, struct.error,
    # zlib.error, DecompressionBombError. To a user they are one.
    except Exception as error:
        raise DataError(f"{path}: not a readable PNG: {error}") from error
