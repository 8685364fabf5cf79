import os
from itertools import count
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from inkdigits.errors import PictureError
from inkdigits.reading import parallel as many
from inkdigits.reading.parallel import read_files
from inkdigits.reading.reader import Reader


@pytest.fixture(scope="module")
def reader():
    return Reader()


@pytest.fixture(scope="module")
def files(tmp_path_factory, sample):
    """40 digits as PNGs, and one that is no picture."""
    folder = tmp_path_factory.mktemp("many")
    for i, array in enumerate(sample.test.images[:40]):
        Image.fromarray(array).save(folder / f"{i:02d}.png")
    (folder / "20.png").write_bytes(b"no picture")
    return [str(path) for path in sorted(folder.glob("*.png"))]


def test_a_folder_that_may_not_be_listed_is_an_error_of_its_own(tmp_path, reader, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)  # as for anybody but root
    closed = str(tmp_path / "closed")
    os.mkdir(closed)
    ((name, error),) = read_files([closed], reader, 1)
    assert name == closed
    assert str(error) == f"{closed}: is a folder that may not be listed; change its rights"


@pytest.fixture
def in_processes(monkeypatch):
    """Two processes from the first file on, five files at a time."""
    monkeypatch.setattr(many, "_PATIENCE", 0.0)
    monkeypatch.setattr(many, "_PREPARING", -1.0)
    monkeypatch.setattr(many, "CHUNK", 5)


def results(names, reader, processes):
    """What is read in the files; each stands with its own name."""
    pairs = list(read_files(iter(names), reader, processes))
    assert [name for name, _ in pairs] == names
    return [result for _, result in pairs]


def same(found, wanted):
    if isinstance(wanted, PictureError):
        return isinstance(found, PictureError) and str(found) == str(wanted)
    close = np.allclose(found.probabilities, wanted.probabilities, atol=1e-5)
    return close and (found.digit, found.accepted) == (wanted.digit, wanted.accepted)


@pytest.mark.parametrize("n", [0, 16, 41])
def test_one_process_reads_as_the_reader_does(files, reader, n):
    wanted = list(reader.predict_many(files[:n]))
    found = results(files[:n], reader, 1)
    assert all(map(same, found, wanted))
    assert len(found) == len(wanted) == min(n, 40)


@pytest.mark.usefixtures("in_processes")
def test_two_processes_give_the_same_in_the_same_order(files, reader):
    wanted = list(reader.predict_many(files))
    found = results(files, reader, 2)
    assert len(found) == len(wanted) == 40
    assert all(map(same, found, wanted))
    assert sum(isinstance(result, PictureError) for result in found) == 1


def test_this_process_reads_on_while_the_others_are_prepared(files, reader, monkeypatch):
    monkeypatch.setattr(many, "_PATIENCE", 0.0)
    monkeypatch.setattr(many, "_PREPARING", 2.5)
    monkeypatch.setattr(many, "time", SimpleNamespace(monotonic=count().__next__))  # 0 at the start
    alone, given = [], reader.predict_many
    monkeypatch.setattr(reader, "predict_many", lambda names: alone.extend(names) or given(names))
    found = results(files * 30, reader, 2)
    assert len(found) == 1200
    assert all(map(same, found[-40:], given(files)))
    assert alone == (files * 30)[:32]  # 16 each at 1 and at 2


@pytest.mark.usefixtures("in_processes")
def test_names_are_taken_a_little_ahead_only(files, reader):
    taken = []
    endless = (taken.append(i) or files[i % 20] for i in range(10**9))
    found = read_files(endless, reader, 2)
    for _ in range(7):
        next(found)
    found.close()
    assert len(taken) <= 7 + 5 * (3 * 2 + 1)


class Deadly(str):
    """A name that ends the process to which it is handed, as a decoder's crash would."""

    __slots__ = ()

    def __reduce__(self):
        return os._exit, (1,)


@pytest.mark.usefixtures("in_processes")
def test_a_picture_that_ends_its_process_is_one_error(files, reader):
    names = [Deadly(name) if i in (7, 8) else name for i, name in enumerate(files)]
    found = results(names, reader, 2)
    wanted = list(reader.predict_many(files))
    for i, (one, other) in enumerate(zip(found, wanted, strict=True)):
        if i in (7, 8):
            assert str(one) == f"{files[i]}: the worker process crashed while reading it; skip it"
        else:
            assert same(one, other)
