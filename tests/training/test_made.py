from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
import torch

from inkdigits.data import load
from inkdigits.data.npz import write_npz
from inkdigits.errors import ConfigError, DataError, TrainingError
from inkdigits.reading.finder import digit_array
from inkdigits.training.callbacks import Callback
from inkdigits.training.judge import as_tensors, probabilities
from inkdigits.training.loop import train
from inkdigits.training.made import REPEATS, made_from
from inkdigits.training.recipes import recipe
from inkdigits.training.state import fresh_state


def nothing(done, total):
    pass


@pytest.fixture(scope="module")
def made(sample):
    return made_from(sample, 40, 100, 7, nothing)


def test_made_digits_follow_the_sources_and_the_test_set_stays(sample, made):
    n = len(sample.train)
    assert np.array_equal(made.train.images[:n], sample.train.images)
    assert n + 36 <= len(made.train) <= n + 40  # a few show no ink
    assert made.test.sha256 == sample.test.sha256
    assert 92 <= len(made.nondigits) <= 100
    # Framed as MNIST is: the longer side of the ink is 20 pixels, give or take the soft edge.
    sides = [max(np.ptp(np.nonzero(image)[0]), np.ptp(np.nonzero(image)[1])) + 1
             for image in made.train.images[n:]]  # fmt: skip
    assert 18 <= np.percentile(sides, 5) <= np.percentile(sides, 95) <= 20


def test_a_made_digit_depends_on_seed_and_number_alone(sample, made):
    fewer = made_from(sample, 12, 8, 7, nothing)
    n = len(sample.train)
    assert np.array_equal(fewer.train.images[n:], made.train.images[n : len(fewer.train)])
    assert np.array_equal(fewer.nondigits, made.nondigits[: len(fewer.nondigits)])
    assert len(fewer.nondigits) >= 6
    other = made_from(sample, 0, 8, 8, nothing)
    assert not np.array_equal(other.nondigits, fewer.nondigits)


def test_a_made_set_comes_back_from_its_file(tmp_path, made):
    write_npz(made, tmp_path / "made.npz")
    back = load(str(tmp_path / "made.npz"))
    assert back.train.sha256 == made.train.sha256
    assert back.test.sha256 == made.test.sha256
    assert np.array_equal(back.nondigits, made.nondigits)


def test_added_pictures_stand_in_it_as_the_picture_path_gives_them(tmp_path, sample, seven):
    large = np.full((2, 90, 80), 240, np.uint8)
    large[:, 20:76, 12:68] -= np.kron(seven, np.ones((2, 2), np.uint8)) // 2
    np.savez(tmp_path / "more.npz", x=large, y=np.array([7, 7]))
    made = made_from(sample, 0, 0, 0, nothing, [tmp_path / "more.npz"])
    n = len(sample.train)
    assert len(made.train) == n + 2 * REPEATS
    assert (made.train.labels[n:] == 7).all()
    assert np.array_equal(made.train.images[-1], np.rint(255 * digit_array(large[0])))


def test_fonts_digits_are_made_too(tmp_path, sample, made):
    font = Path(mpl.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    (tmp_path / "one.ttf").write_bytes(font.read_bytes())
    found = made_from(sample, 40, 20, 7, nothing, fonts=tmp_path)
    n = len(sample.train)
    assert 36 <= len(found.train) - n <= 40
    # The same seed and number, but three of ten digits and most letters are of the font.
    assert not np.array_equal(found.train.images[n : n + 30], made.train.images[n : n + 30])
    assert not np.array_equal(found.nondigits[:15], made.nondigits[:15])


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": np.zeros((2, 9, 9), np.uint8)}, "has no y; it holds x, expected x, y"),
        (
            {"x": np.zeros((2, 9, 9), np.uint8), "y": np.zeros(3, int)},
            r"x is \(2, 9, 9\) and y \(3,\), expected pictures",
        ),
        ({"x": np.zeros((1, 9, 9), np.uint8), "y": np.array([10])}, "label 10 at entry 0"),
    ],
)
def test_added_pictures_that_do_not_fit_are_refused(tmp_path, sample, arrays, message):
    np.savez(tmp_path / "more.npz", **arrays)
    with pytest.raises(DataError, match=message):
        made_from(sample, 0, 0, 0, nothing, [tmp_path / "more.npz"])


def test_numbers_below_zero_are_refused(sample):
    with pytest.raises(ConfigError, match="expected 0 or more"):
        made_from(sample, -1, 0, 0, nothing)


ROW = recipe("flash").with_overrides({"epochs": 6, "batch_size": 64, "calibrate": False})


def test_a_network_learns_to_be_unsure_of_non_digits(made):
    mixed = np.random.default_rng(0).permutation(len(made.train))
    train_set, held = (made.train.take(i, "") for i in (mixed[:2000], mixed[2000:2500]))
    fresh = made.nondigits[60:][:, None]
    sure = {}
    for share in (0.0, 0.25):
        row = ROW.with_overrides({"nondigit_share": share})
        state = train(
            train_set, None, fresh_state(row, 0), Callback(), nondigits=made.nondigits[:60]
        )
        sure[share] = [
            float((probabilities(state.evaluated, x).max(1) > 0.9).mean())
            for x in (as_tensors(held)[0], torch.from_numpy(fresh))
        ]
    assert sure[0.25][0] > 0.6  # digits
    assert sure[0.25][1] < 0.5 * sure[0.0][1]  # non-digits it has not seen


def test_a_share_of_non_digits_needs_some(made):
    with pytest.raises(TrainingError, match="the data hold no non-digits"):
        train(
            made.train,
            None,
            fresh_state(ROW.with_overrides({"nondigit_share": 0.25}), 0),
            Callback(),
        )
