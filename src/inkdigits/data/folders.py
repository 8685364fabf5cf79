"""Labelled pictures in folders, found and written.

In: a folder with `train/` and `test/` (also `training/` and `testing/`), or without the two. Each
part holds `{label}_{name}.png`, or class folders `0/` to `9/`, in which there may be folders;
other endings of pictures are as good. Out: Digits. And back: every digit as a PNG.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inkdigits.data.digits import Digits, DigitSets
from inkdigits.data.pictures import Frame, Labelled, LeftOut, Looked, read_pictures, together
from inkdigits.data.split import split_test
from inkdigits.errors import DataError
from inkdigits.files import is_folder, is_lost, new_folder
from inkdigits.picture.open import SUFFIXES
from inkdigits.spec import CLASS_NAMES

Advance = Callable[[int, int], None]  # (done, total), called now and then

_NAME = re.compile(r"([0-9])_(.+)\.[^.]+")
_PARTS = {
    "train": ("train", "training", "trainingset"),
    "test": ("test", "testing", "testset"),
}  # names of folders, in lower case
ENDINGS = SUFFIXES - {".pdf"}
_DEEPEST = 3  # folders of one folder that are gone into, as archives unpack; and of a class


_NAMED = 5  # folders that a note names


def no_progress(done: int, total: int) -> None:
    """Show nothing."""


def read_picture_folder(
    folder: Path, frame: Frame, advance: Advance = no_progress
) -> DigitSets | None:
    """Training and test set from a folder of pictures; with no test set, a fifth is split off.

    None if there is no labelled picture in it. Raises DataError that names the file: a name without
    a label, only one of the two parts, no digit in any picture.
    """
    folder = inner(folder)
    parts = {part: subfolder for part in _PARTS if (subfolder := part_of(folder, part)) is not None}
    files = {part: found for part, subfolder in parts.items() if (found := _pictures(subfolder))}
    name = folder.resolve().name
    if len(files) == len(_PARTS):
        train = _labelled(files["train"])
        if all(label < 0 for _, label in files["test"]):  # as competitions give them
            sets = one_set(train, name, str(parts["train"]), frame, advance)
            note = f"{parts['test']} has no labels and is skipped."
            return replace(sets, notice=f"{note} {sets.notice}")
        sources = str(parts["train"]), str(parts["test"])
        sets = two_sets(train, _labelled(files["test"]), name, sources, frame, advance)
        return replace(sets, notice=_notice(sets.notice, _passed_over(folder, *parts.values())))
    for part in files:
        other = "test" if part == "train" else "train"
        raise DataError(
            f"{folder}: {part}/ holds digits but {other}/ holds none; add it, or point "
            f"--data at {parts[part]} to have a test set split off"
        )
    here = _pictures(folder)
    if all(label < 0 for _, label in here):
        return None  # or they stand beside what is meant
    sets = one_set(_labelled(here), name, str(folder), frame, advance)
    return replace(sets, notice=_notice(sets.notice, _passed_over(folder)))


def one_set(
    pictures: Sequence[Labelled],
    name: str,
    source: str,
    frame: Frame,
    advance: Advance,
    left_out: Sequence[LeftOut] = (),
) -> DigitSets:
    """Labelled pictures as training and test sets, split by a fixed seed. Raises DataError.

    left_out: what the source has beside them, as read_pictures takes it.
    """
    digits, looked = read_pictures(pictures, name, source, frame, advance, left_out)
    try:
        sets = split_test(digits)
    except DataError as error:
        if looked is None:
            raise
        raise DataError(f"{error}. {looked}") from error  # too few, where many were left out
    return replace(sets, notice=_notice(sets.notice, looked), looked=looked)


def two_sets(
    train: Sequence[Labelled],
    test: Sequence[Labelled],
    name: str,
    sources: tuple[str, str],
    frame: Frame,
    advance: Advance,
    left_out: tuple[Sequence[LeftOut], Sequence[LeftOut]] = ((), ()),
) -> DigitSets:
    """Labelled pictures of a training and of a test set. Raises DataError.

    left_out: what each has beside them, as read_pictures takes it.
    """
    total = len(train) + len(test)
    learnt, looked = read_pictures(
        train, f"{name} train", sources[0], frame, lambda done, _: advance(done, total), left_out[0]
    )
    scored, looked_too = read_pictures(
        test, f"{name} test", sources[1], frame,
        lambda done, _: advance(len(train) + done, total), left_out[1],
    )  # fmt: skip
    both = together(looked, looked_too)
    return DigitSets(learnt, scored, name, _notice(both), looked=both)


def read_all_pictures(
    folder: Path, frame: Frame, advance: Advance = no_progress
) -> tuple[Digits, Looked | None]:
    """Every digit of a folder of pictures as one set: any number, any classes, nothing split off.

    The folder holds `{label}_{name}.png` or class folders. Raises DataError if it is not there,
    has no picture, or has train/ and test/ (whose test digits must not be trained on), and as
    read_picture_folder does for a wrong file.
    """
    if not folder.is_dir():
        found = "is not a folder" if folder.exists() else "does not exist"
        raise DataError(
            f"{folder}: {found}; expected a folder of pictures with their labels, or a table "
            "file,label of them"
        )
    folder = inner(folder)
    for part in _PARTS:
        subfolder = part_of(folder, part)
        if subfolder is not None and _pictures(subfolder):
            raise DataError(
                f"{folder}: holds {subfolder.name}/, expected digits that may all be trained on; "
                f"name the part to learn: {subfolder}"
            )
    here = _pictures(folder)
    if not here:
        raise DataError(
            f"{folder}: no picture found; expected names like 7_00042.png, or class folders 0/ to "
            "9/ with pictures"
        )
    return read_pictures(_labelled(here), folder.resolve().name, str(folder), frame, advance)


def write_png_folder(sets: DigitSets, folder: Path, advance: Advance = no_progress) -> int:
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
        raise DataError(f"{folder}: already exists and is not empty; name a new folder")
    try:
        with new_folder(folder.absolute()) as part:
            for name, image in files:
                (part / name).parent.mkdir(parents=True, exist_ok=True)
                # Level 1: twice as fast as Pillow's 6 here, files 4 % larger.
                Image.fromarray(image).save(part / name, compress_level=1)
            if folder.exists():
                folder.rmdir()
            part.rename(folder)
    except OSError as error:
        raise DataError(f"{folder}: cannot be written: {error}") from error


def inner(folder: Path, *, is_part: bool = False) -> Path:
    """The folder itself, or the one folder that is all there is in it, as archives unpack.

    is_part: a folder in it that is called as a part is none.
    """
    for _ in range(_DEEPEST):
        entries = _entries(folder)
        if len(entries) != 1 or not is_folder(entries[0]):
            break
        name = entries[0].name
        is_parts = not is_part and any(name.lower() in names for names in _PARTS.values())
        if name in CLASS_NAMES or is_parts:
            break
        folder = folder / name
    return folder


def part_of(folder: Path, part: str) -> Path | None:
    """The folder in `folder` that holds the part "train" or "test", whatever it is called."""
    named = {entry.name.lower(): entry.name for entry in _entries(folder) if is_folder(entry)}
    names = [named[name] for name in _PARTS[part] if name in named]
    return inner(folder / names[0], is_part=True) if names else None


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """What is in the folder but for what systems hide in it. Raises DataError."""
    try:
        with os.scandir(folder) as entries:
            return [e for e in entries if not e.name.startswith(".") and e.name != "__MACOSX"]
    except OSError as error:
        raise DataError(f"{folder}: cannot be listed: {error.strerror or error}") from error


_Found = tuple[str, int]  # path, label; -1 where the name has none


def _pictures(folder: Path) -> list[_Found]:
    """Each picture below `folder`, in class folders by class and name, else by index and name."""
    entries = _entries(folder)
    classes = sorted(e.name for e in entries if e.name in CLASS_NAMES and is_folder(e))
    if classes:
        return [(entry.path, int(name)) for name in classes for entry in _of_class(folder / name)]
    found = []
    for entry in _files(entries):
        match = _NAME.fullmatch(entry.name)
        # By index, so that what was exported comes back in the order it had.
        index = int(match[2]) if match and match[2].isascii() and match[2].isdigit() else -1
        found.append((index, entry.name, entry.path, int(match[1]) if match else -1))
    return [(path, label) for _, _, path, label in sorted(found)]


def _of_class(folder: Path, depth: int = _DEEPEST) -> Iterator[os.DirEntry[str]]:
    """The pictures of a class folder by name, behind them those of each folder in it."""
    entries = sorted(_entries(folder), key=lambda entry: entry.name)
    yield from _files(entries)
    for entry in entries:
        if depth and entry.is_dir(follow_symlinks=False):  # a link may lead to another class
            yield from _of_class(folder / entry.name, depth - 1)


def _passed_over(folder: Path, *parts: Path) -> str:
    """A note on folders that are neither classes nor parts; "" if there are none.

    parts: those that were read; without any, classes were.
    """
    known = {part.relative_to(folder).parts[0] for part in parts} or {*CLASS_NAMES}
    others = sorted(e.name for e in _entries(folder) if is_folder(e) and e.name not in known)
    if not others:
        return ""
    expected = "train/ and test/" if parts else "class folders 0/ to 9/"
    names = ", ".join(f"{name}/" for name in others[:_NAMED])
    more = ", ..." if len(others) > _NAMED else ""
    return f"Skipped in {folder}: {names}{more}; expected {expected}."


def _files(entries: Iterable[os.DirEntry[str]]) -> Iterator[os.DirEntry[str]]:
    for entry in entries:
        if os.path.splitext(entry.name)[1].lower() in ENDINGS:
            with suppress(OSError):  # links in a circle
                if entry.is_file() or is_lost(entry):  # reading says that it is not there
                    yield entry


def _labelled(files: list[_Found]) -> list[Labelled]:
    for path, label in files:
        if label < 0:
            raise DataError(
                f"{path}: name has no label; expected LABEL_NAME.png, like 7_00042.png, or class "
                "folders 0/ to 9/"
            )
    return [Labelled(path, path, label) for path, label in files]


def _notice(*parts: object) -> str:
    return " ".join(str(part) for part in parts if part)
