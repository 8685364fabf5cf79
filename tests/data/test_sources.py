import bz2
import gzip
import hashlib
import http.server
import shutil
import struct
import sys
import threading
import time
import zipfile

import numpy as np
import pytest
import requests

from inkdigits.data import download, load, usps
from inkdigits.data.arrays import one_hot, scaled
from inkdigits.data.digits import Digits
from inkdigits.data.sources import as_source
from inkdigits.data.split import split_test, split_validation
from inkdigits.errors import DataError, MissingExtraError


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.delenv("INKDIGITS_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "inkdigits" / "mnist"


@pytest.fixture
def homeless(monkeypatch):
    """A user without a home, as containers start programs."""

    def unknown(number):
        raise KeyError(number)

    for name in ("HOME", "XDG_CACHE_HOME", "INKDIGITS_DATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", unknown)


def test_who_has_no_home_gets_the_sample(homeless):
    with pytest.raises(DataError, match="this user has no home; set HOME or XDG_CACHE_HOME"):
        load("mnist")
    sets = load("auto")
    assert len(sets.train) == 4000
    assert "MNIST is not available: there is no folder to keep downloads in" in sets.notice


def no_network(url, **kwargs):
    raise requests.ConnectionError("no network in tests")


def test_the_sample_is_mlxtends_digits():
    sets = load("sample")  # the sums as its own function reads its file
    assert (len(sets.train), sets.train.sha256[:12]) == (4000, "6dd834b936ca")
    assert (len(sets.test), sets.test.sha256[:12]) == (1000, "74cd9498e81f")


def test_the_sample_is_4000_and_1000_real_digits_every_class_in_proportion(sample):
    assert (len(sample.train), len(sample.test)) == (4000, 1000)
    assert np.bincount(sample.test.labels).tolist() == [100] * 10
    assert "no number made from them can be compared" in sample.notice


def test_auto_falls_back_to_the_sample_and_says_why(empty_cache, monkeypatch):
    monkeypatch.setattr(requests, "get", no_network)
    sets = load("auto")
    assert sets.name == "sample"
    assert "MNIST is not available" in sets.notice
    assert "no network in tests" in sets.notice


def test_mnist_without_network_says_what_to_do(empty_cache, monkeypatch):
    monkeypatch.setattr(requests, "get", no_network)
    with pytest.raises(DataError, match=r"put it into .*mnist, or use --data sample"):
        load("mnist")


@pytest.mark.parametrize("name", ["emnist", "qmnist", "usps"])
def test_a_named_set_without_network_says_what_to_do(empty_cache, monkeypatch, name):
    monkeypatch.setattr(requests, "get", no_network)
    with pytest.raises(DataError, match=rf"no network in tests.*put it into .*{name}, or use"):
        load(name)


def test_an_address_that_never_answers_is_given_up_in_time(tmp_path, monkeypatch):
    # What a network that drops everything looks like: the call neither fails nor returns.
    monkeypatch.setattr(download, "WAIT_S", 0.2)
    hold = threading.Event()
    monkeypatch.setattr(requests, "get", lambda *a, **k: hold.wait(30))
    remote = download.Remote("file", "0" * 64, 10, ("https://mirror.invalid/",))
    start = time.monotonic()
    with pytest.raises(DataError, match=r"no answer within 0\.2 s"):
        download.fetched(remote, tmp_path, lambda done, total: None)
    assert time.monotonic() - start < 5
    hold.set()


def test_all_addresses_are_https_and_none_makes_one_wait_for_fifteen_seconds():
    for remotes in download.SETS.values():
        for remote in remotes:
            assert len(remote.sha256) == 64
            assert len(remote.bases) * download.WAIT_S < 15
            assert all(base.startswith("https://") for base in remote.bases)


@pytest.fixture
def served(tmp_path):
    """A web server on loopback, its folder, and the paths it was asked for."""
    folder, asked = tmp_path / "served", []
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=str(folder))

        def do_GET(self):
            asked.append(self.path)
            if self.path.startswith("/moved/"):
                self.send_response(302)
                self.send_header("Location", self.path.removeprefix("/moved"))
                self.end_headers()
                return
            super().do_GET()

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/", folder, asked
    server.shutdown()


def remote_of(data, address, most=None):
    digest = hashlib.sha256(data).hexdigest()
    return download.Remote("file.gz", digest, most or len(data), (address,))


def test_a_download_is_checked_kept_and_used_again_offline(tmp_path, served, monkeypatch):
    address, folder, asked = served
    data = bytes(range(256)) * 1000
    (folder / "file.gz").write_bytes(data)
    seen = []
    remote = remote_of(data, address)
    path = download.fetched(remote, tmp_path / "cache", lambda *progress: seen.append(progress))
    assert path.read_bytes() == data
    assert seen[-1] == (256_000, 256_000)
    assert [p.name for p in (tmp_path / "cache").iterdir()] == ["file.gz"]
    download.fetched(remote, tmp_path / "cache", lambda done, total: None)
    assert asked == ["/file.gz"]


def test_the_second_address_is_asked_where_the_first_has_nothing(tmp_path, served):
    address, folder, asked = served
    (folder / "file.gz").write_bytes(b"data")
    remote = remote_of(b"data", address)._replace(bases=(f"{address}no/", address))
    download.fetched(remote, tmp_path / "cache", lambda done, total: None)
    assert asked == ["/no/file.gz", "/file.gz"]


def test_a_half_file_in_the_cache_is_fetched_again(tmp_path, served):
    address, folder, _ = served
    (folder / "file.gz").write_bytes(b"whole")
    (tmp_path / "file.gz").write_bytes(b"who")
    download.fetched(remote_of(b"whole", address), tmp_path, lambda done, total: None)
    assert (tmp_path / "file.gz").read_bytes() == b"whole"


@pytest.mark.parametrize(
    ("sent", "way", "message"),
    [
        (b"other", "", "SHA256 hash of downloaded file"),
        (b"digits", "moved/", "SHA256 hash of downloaded file"),
        (b"digits" * 50_000, "", "sends more than the 6 bytes expected"),
    ],
    ids=["changed", "redirect", "endless"],
)
def test_what_is_not_the_original_is_refused_and_not_kept(tmp_path, served, sent, way, message):
    """A redirect is not followed: it could lead away from https."""
    address, folder, _ = served
    (folder / "file.gz").write_bytes(sent)
    remote = remote_of(b"digits", address + way)
    with pytest.raises(DataError, match=message):
        download.fetched(remote, tmp_path / "cache", lambda done, total: None)
    assert list((tmp_path / "cache").iterdir()) == []


def test_without_pooch_the_command_that_installs_it_is_named(empty_cache, monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'inkdigits\[train\]'"):
        load("qmnist")


def test_of_emnists_archive_its_digits_are_kept(empty_cache, served, monkeypatch):
    address, folder, _ = served
    images = np.arange(1568, dtype=np.uint8).reshape(2, 28, 28)
    with zipfile.ZipFile(folder / "gzip.zip", "w") as archive:
        for part in ("train", "test"):
            pixels = struct.pack(">IIII", 0x803, 2, 28, 28) + images.tobytes()
            name = f"gzip/emnist-digits-{part}"
            archive.writestr(f"{name}-images-idx3-ubyte.gz", gzip.compress(pixels))
            labels = gzip.compress(struct.pack(">II", 0x801, 2) + b"\3\4")
            archive.writestr(f"{name}-labels-idx1-ubyte.gz", labels)
    data = (folder / "gzip.zip").read_bytes()
    remote = remote_of(data, address)._replace(name="gzip.zip")
    monkeypatch.setitem(download.SETS, "emnist", (remote,))
    sets = load("emnist")
    assert np.array_equal(sets.train.images, images.transpose(0, 2, 1))
    assert (sets.name, sets.test.labels.tolist()) == ("emnist", [3, 4])
    assert not (empty_cache.parent / "emnist" / "gzip.zip").exists()
    monkeypatch.setattr(requests, "get", no_network)
    assert load("emnist").train.sha256 == sets.train.sha256


def test_usps_digits_are_placed_as_mnists(tmp_path):
    """A bar of 4x16 in the middle of 16x16: 20 high in 28x28, so 5 wide."""
    bar = np.full((16, 16), -1.0)
    bar[:, 6:10] = 1
    line = " ".join(f"{i}:{v:g}" for i, v in enumerate(bar.ravel(), 1))
    for file in usps.FILES:
        (tmp_path / file).write_bytes(bz2.compress(f"2 {line}\n10 {line}\n".encode()))
    sets = usps.read_usps(tmp_path)
    assert sets.train.labels.tolist() == [1, 9]
    rows, columns = np.nonzero(sets.test.images[0] > 127)
    assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == (20, 5)
    (tmp_path / "usps.bz2").write_bytes(b"BZh9 and no more")
    with pytest.raises(DataError, match="cannot be read as LIBSVM's"):
        usps.read_usps(tmp_path)


def test_a_changed_file_is_refused(tmp_path, mnist_folder, monkeypatch):
    for path in mnist_folder.glob("*.gz"):
        shutil.copyfile(path, tmp_path / path.name)
    changed = tmp_path / "t10k-labels-idx1-ubyte.gz"
    changed.write_bytes(changed.read_bytes()[:-1] + b"!")
    monkeypatch.setenv("INKDIGITS_DATA", str(tmp_path))
    with pytest.raises(DataError, match=r"t10k-labels.*SHA-256 is .* the original's is f7ae60f9"):
        load("mnist")


def test_an_environment_that_points_nowhere_is_an_error_that_names_it(monkeypatch, tmp_path):
    monkeypatch.setenv("INKDIGITS_DATA", str(tmp_path))
    with pytest.raises(DataError, match=r"\$INKDIGITS_DATA is .*does not hold the four MNIST"):
        load("mnist")


@pytest.mark.parametrize("source", ["no/such/folder", "README.md"])
def test_what_is_no_source_is_told_what_would_be(source):
    with pytest.raises(
        DataError, match=r"--data takes mnist, qmnist|a file must be \.csv, \.npz or"
    ):
        load(source)


def test_validation_is_a_stratified_tenth_that_depends_on_the_seed_alone(sample):
    rest, held = split_validation(sample.train, 0.1, seed=3)
    assert (len(rest), len(held)) == (3600, 400)
    assert np.bincount(held.labels).tolist() == [40] * 10
    again = split_validation(sample.train, 0.1, seed=3)
    other = split_validation(sample.train, 0.1, seed=4)
    assert held.sha256 == again[1].sha256
    assert held.sha256 != other[1].sha256
    # No digit in both parts: together they are the training set.
    together = np.concatenate([rest.images, held.images]).reshape(4000, -1).astype(np.int64)
    assert together.sum() == sample.train.images.astype(np.int64).sum()


def of_labels(labels):
    images = np.zeros((len(labels), 28, 28), np.uint8)
    images[:, 14, 14] = np.arange(len(labels))
    return Digits(images, np.array(labels, np.uint8), "few", "few")


def test_where_a_class_has_one_digit_it_is_learnt_and_others_are_split_off():
    sets = split_test(of_labels([3, 5, 5, 5, 8, 8]))
    # A fifth of six is one; it cannot be the only 3.
    assert (len(sets.train), len(sets.test)) == (5, 1)
    assert set(sets.train.labels.tolist()) == {3, 5, 8}
    assert sets.test.labels[0] in (5, 8)
    assert sets.test.sha256 == split_test(of_labels([3, 5, 5, 5, 8, 8])).test.sha256


@pytest.mark.parametrize(
    ("counts", "shares"),
    [
        # A fifth of 3 and of 4 is nearest to 1, of 2 to none: of those as many as a fifth of all.
        ([4] * 10, [1] * 10),
        ([3] * 10, [1] * 10),
        ([2] * 10, [1] * 4 + [0] * 6),
        ([1] + [10] * 9, [0] + [2] * 9),
        ([100, 1, 2, 0, 0, 0, 0, 0, 0, 0], [20, 0, 1, 0, 0, 0, 0, 0, 0, 0]),  # of 103, 21
    ],
)
def test_of_few_digits_each_class_gives_its_share(counts, shares):
    sets = split_test(of_labels(np.repeat(np.arange(10), counts)))
    assert np.bincount(sets.test.labels, minlength=10).tolist() == shares
    assert (np.bincount(sets.train.labels, minlength=10) > 0).tolist() == [n > 0 for n in counts]


def test_parts_know_what_their_digits_are_called_and_where_they_stood():
    digits = of_labels(np.arange(50) % 10)
    named = Digits(digits.images, digits.labels, "few", "few", tuple(f"{i}.png" for i in range(50)))
    sets = split_test(named)
    for part in (sets.train, sets.test):
        # Each image has its number for a pixel.
        assert part.positions.tolist() == part.images[:, 14, 14].tolist()
        assert part.names == tuple(f"{i}.png" for i in part.positions)


def test_an_empty_name_is_not_the_folder_one_stands_in():
    with pytest.raises(DataError, match="is an empty text, expected a name or a path"):
        load("")


def test_a_path_that_cannot_be_looked_at_is_told(tmp_path):
    with pytest.raises(DataError, match="cannot be read: File name too long"):
        load(str(tmp_path / ("x" * 300)))


@pytest.mark.parametrize("data", [None, b"mnist", np.zeros((3, 28, 28)), (np.zeros(3), [1, 2, 3])])
def test_data_that_are_no_name_are_told_how_arrays_are_read(data):
    with pytest.raises(DataError, match=r"of type \w+, expected a name .*: np\.savez\(\"digits"):
        as_source(data)


def test_what_cannot_be_split_is_said_with_counts():
    with pytest.raises(DataError, match=r"keep every class: digits per class 0-9 are \[0, 1, 1, 0"):
        split_test(of_labels([1, 2]))


def test_arrays_are_scaled_with_a_channel_axis_and_one_hot():
    images = np.full((2, 28, 28), 255, np.uint8)
    images[1] = 51
    assert scaled(images).shape == (2, 28, 28, 1)
    assert scaled(images, "first").shape == (2, 1, 28, 28)
    assert scaled(images)[1].max() == pytest.approx(0.2)
    assert one_hot(np.array([3], np.uint8)).tolist() == [[0, 0, 0, 1, 0, 0, 0, 0, 0, 0]]
