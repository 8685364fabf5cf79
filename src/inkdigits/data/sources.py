"""From what a user writes after --data to labelled digits.

In: "auto", "mnist", "sample", or the path of a folder or file. Out: DigitSets.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from inkdigits.data import download, folders, idx, tables
from inkdigits.data.digits import DigitSets
from inkdigits.data.sample import load_sample
from inkdigits.errors import DataError

Advance = Callable[[str, int, int], None]  # (what is being done, done, total)
NAMED = ("auto", "mnist", "sample")  # sources that are no path


def _no_progress(what: str, done: int, total: int) -> None:
    """Show nothing."""


def load(source: str = "auto", advance: Advance = _no_progress) -> DigitSets:
    """Training and test digits of `source`.

    source: "mnist" (the environment's folder, the cache, or a download), "sample" (5,000 digits,
    offline), "auto" (mnist, and where that cannot be had sample with a notice), or a path.
    advance: told of progress where reading takes more than a second.
    Raises DataError, or MissingExtraError where a source's library is not installed.
    """
    if source == "sample":
        return load_sample()
    if source == "mnist":
        return _load_mnist(advance)
    if source == "auto":
        try:
            return _load_mnist(advance)
        except DataError as error:
            sample = load_sample()
            return replace(sample, notice=f"{sample.notice} MNIST could not be had: {error}")
    return _load_path(Path(source), advance)


def _load_mnist(advance: Advance) -> DigitSets:
    folder = download.mnist_folder(lambda done, total: advance("downloading MNIST", done, total))
    return idx.read_folder(folder, "mnist")


def _load_path(path: Path, advance: Advance) -> DigitSets:
    """Sets from a path, its kind told by what is there."""
    if path.is_file():
        if path.suffix == ".csv":
            return tables.read_csv_sets(path)
        if path.suffix == ".npz":
            return tables.read_npz(path)
        raise DataError(f"{path}: ends in {path.suffix!r}; a file must be .csv or .npz")
    if not path.is_dir():
        raise DataError(
            f"{path}: is not there; --data takes mnist, sample, auto, a folder of IDX files or "
            "PNGs, a .csv or a .npz"
        )
    if any((path / name).exists() or (path / f"{name}.gz").exists() for name in idx.FILES.values()):
        return idx.read_folder(path, path.resolve().name)
    if (path / "train.csv").is_file():
        return tables.read_csv_sets(path)
    return folders.read_png_folder(path, lambda done, total: advance("reading PNGs", done, total))
