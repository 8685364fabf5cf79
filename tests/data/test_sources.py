import hashlib
import http.server
import shutil
import threading
import time

import numpy as np
import pytest

from inkdigits.data import download, load
from inkdigits.data.arrays import one_hot, scaled
from inkdigits.data.digits import Digits
from inkdigits.data.split import split_test, split_validation
from inkdigits.errors import DataError


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.delenv("INKDIGITS_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "inkdigits" / "mnist"


def no_network(url):
    raise OSError("no network in tests")


def test_the_sample_is_4000_and_1000_real_digits_every_class_in_proportion(sample):
    assert (len(sample.train), len(sample.test)) == (4000, 1000)
    assert np.bincount(sample.test.labels).tolist() == [100] * 10
    assert "no number made from them can be compared" in sample.notice


def test_auto_falls_back_to_the_sample_and_says_why(empty_cache, monkeypatch):
    monkeypatch.setattr(download, "_open", no_network)
    sets = load("auto")
    assert sets.name == "sample"
    assert "MNIST could not be had" in sets.notice
    assert "no network in tests" in sets.notice


def test_mnist_without_network_says_what_to_do(empty_cache, monkeypatch):
    monkeypatch.setattr(download, "_open", no_network)
    with pytest.raises(DataError, match="set INKDIGITS_DATA to it, or use --data sample"):
        load("mnist")


def test_a_mirror_that_never_answers_is_given_up_in_time(monkeypatch):
    # What a network that drops everything looks like: the call neither fails nor returns.
    monkeypatch.setattr(download, "WAIT_S", 0.2)
    hold = threading.Event()
    monkeypatch.setattr(
        download.urllib.request.OpenerDirector, "open", lambda *a, **k: hold.wait(30)
    )
    start = time.monotonic()
    with pytest.raises(TimeoutError, match=r"no answer within 0\.2 s"):
        download._open("https://mirror.invalid/file")
    assert time.monotonic() - start < 5
    hold.set()


def test_two_mirrors_of_no_answer_stay_under_fifteen_seconds():
    assert len(download.MIRRORS) >= 2
    assert len(download.MIRRORS) * download.WAIT_S < 15
    assert all(mirror.startswith("https://") for mirror in download.MIRRORS)


def test_a_redirect_away_from_https_is_refused():
    handler = download._HttpsOnly()
    with pytest.raises(OSError, match="which is not https"):
        handler.redirect_request(None, None, 302, "Found", {}, "http://mirror.invalid/")


@pytest.fixture
def mirror(mnist_folder):
    """A web server on loopback with the real files, to download from."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=str(mnist_folder))

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()


def test_a_download_is_checked_kept_and_used_again_offline(empty_cache, mirror, monkeypatch):
    seen = []
    folder = download.mnist_folder(
        lambda done, total: seen.append((done, total)), ("https://127.0.0.1:1/", mirror)
    )
    assert folder == empty_cache
    assert (9_912_422, 9_912_422) in seen
    assert sorted(p.name for p in folder.iterdir()) == sorted(download.SHA256)
    monkeypatch.setattr(download, "_open", no_network)
    assert len(load("mnist").train) == 60_000


def test_a_half_file_in_the_cache_is_fetched_again(empty_cache, mirror):
    quiet = (lambda done, total: None, (mirror,))
    download.mnist_folder(*quiet)
    half = empty_cache / "t10k-images-idx3-ubyte.gz"
    half.write_bytes(half.read_bytes()[:1000])
    download.mnist_folder(*quiet)
    assert hashlib.sha256(half.read_bytes()).hexdigest() == download.SHA256[half.name]


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
        DataError, match=r"--data takes mnist, sample|a file must be \.csv, \.npz or"
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
