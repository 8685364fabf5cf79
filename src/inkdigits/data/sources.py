"""From what a user writes after --data to labelled digits.

In: "auto", "mnist", "sample" and others, or the path of a folder or file. Out: DigitSets.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from os import PathLike, fspath
from pathlib import Path

from inkdigits.data import download, folders, idx, listed, npz, parquet, tables, usps
from inkdigits.data.digits import DigitSets
from inkdigits.data.pictures import Frame, only_arrays
from inkdigits.data.sample import load_sample
from inkdigits.errors import DataError
from inkdigits.files import whole_files

Advance = Callable[[str, int, int], None]  # (what is being done, done, total)
NAMED = ("auto", "mnist", "emnist", "qmnist", "usps", "sample")  # sources that are not paths

_EMPTY = "data is an empty text, expected a name or a path"  # of a shell's variable, say
_ARCHIVES = (".zip", ".tar", ".tgz", ".tar.gz", ".7z", ".rar")
_LISTED = 5  # entries of a folder that an error names


def no_progress(what: str, done: int, total: int) -> None:
    """Show nothing."""


def load(
    source: str = "auto", advance: Advance = no_progress, frame: Frame = only_arrays
) -> DigitSets:
    """Training and test digits of `source`, as they stand there.

    source: "mnist" (the environment's folder, the cache, or a download), "emnist", "qmnist" or
    "usps" (the cache or a download), "sample" (5,000 digits, offline), "auto" (mnist, and where
    that cannot be had sample with a notice), or a path.
    advance: told of progress where reading takes more than a second.
    frame: finds the digit in pictures that are not digit arrays; inkdigits.training.sets.load has
    one, and looks at what comes of it.
    Raises DataError, or MissingExtraError where a source's library is not installed.
    """
    if not source:
        raise DataError(_EMPTY)
    if source == "sample":
        return load_sample()
    if source in download.SETS:
        return _load_named(source, advance)
    if source == "auto":
        try:
            return _load_named("mnist", advance)
        except DataError as error:
            sample = load_sample()
            return replace(sample, notice=f"{sample.notice} MNIST is not available: {error}")
    try:
        return _load_path(Path(source), frame, advance)
    except OSError as error:  # no permission, a name that is too long, a disk that has gone
        if error.filename is None:
            raise
        raise DataError(f"{error.filename}: cannot be read: {error.strerror or error}") from error


def as_source(data: object) -> str:
    """What was given as data from Python, as `load` takes it. Raises DataError."""
    if isinstance(data, PathLike):
        data = fspath(data)
    if not isinstance(data, str):
        raise DataError(
            f"data is of type {type(data).__name__}, expected a name or a path; arrays are read "
            'from a file: np.savez("digits.npz", x=images, y=labels)'
        )
    if not data:
        raise DataError(_EMPTY)
    return data


def _load_named(name: str, advance: Advance) -> DigitSets:
    what = f"downloading {name.upper()}"
    folder = download.set_folder(name, lambda done, total: advance(what, done, total))
    if name == "usps":
        return usps.read_usps(folder)
    sets = idx.read_folder(folder, name)
    if sets is None:
        raise DataError(f"{folder}: its files are gone; try again")
    return sets


def _load_path(path: Path, frame: Frame, advance: Advance) -> DigitSets:
    """Sets from a path, its kind by what is there."""

    def read(done: int, total: int) -> None:
        advance("reading pictures", done, total)

    if path.is_file():
        return _load_file(path, frame, read)
    if not path.is_dir():
        what = "is neither a file nor a folder" if path.exists() else "does not exist"
        raise DataError(
            f"{path}: {what}; --data takes {', '.join(download.SETS)}, sample, auto, a "
            "folder of IDX files, tables or pictures, a .csv, .npz or .parquet"
        )
    if sets := idx.read_folder(path):
        return sets
    folder = folders.inner(path)
    files = sorted(p for p in whole_files(folder) if p.suffix == ".npz")
    if len(files) > 1:
        names = ", ".join(file.name for file in files)
        raise DataError(f"{folder}: holds several NPZ files ({names}); name one of them")
    found = (
        npz.read_npz(files[0])
        if files
        else parquet.read_parquet_folder(folder, frame, read)
        # A table's labels of pictures count before their names.
        or listed.read_list_folder(folder, frame, read)
        or folders.read_picture_folder(folder, frame, read)
        # Last: beside pictures a table may list anything.
        or tables.read_csv_folder(folder)
    )
    if found is None:
        here = sorted(entry.name for entry in folder.iterdir())
        raise DataError(
            f"{folder}: no digit found in {', '.join(here[:_LISTED]) or 'an empty folder'}"
            f"{', ...' if len(here) > _LISTED else ''}; expected train/ and test/ with pictures "
            "named like 7_00042.png, class folders 0/ to 9/ with pictures, pictures with a table "
            "file,label, the four IDX files, or CSV, NPZ or Parquet files"
        )
    return found


def _load_file(path: Path, frame: Frame, read: folders.Advance) -> DigitSets:
    name = path.name.lower()
    if listed.is_list(path):
        return listed.read_list_file(path, frame, read)
    if tables.is_csv(path):
        return tables.read_csv_file(path)
    if name.endswith(".npz"):
        return npz.read_npz(path)
    if name.endswith(".parquet"):
        return parquet.read_parquet_file(path, frame, read)
    if idx.is_idx_name(path.name):
        raise DataError(f"{path}: is one of a set's four files; name their folder: {path.parent}")
    if name.endswith(_ARCHIVES):
        raise DataError(f"{path}: is an archive; unpack it and name the folder")
    raise DataError(
        f"{path}: ends in {path.suffix!r}; a file must be .csv, .npz or .parquet, and pictures lie "
        "in a folder"
    )
