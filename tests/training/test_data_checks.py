import dataclasses

import numpy as np
import pytest

from inkdigits.data import Digits, DigitSets, load
from inkdigits.errors import DataError
from inkdigits.training.data_checks import checked, readable


@pytest.fixture(scope="module")
def some(sample):
    """400 and 100 digits as they should be."""
    every = np.arange(0, 4000, 10)
    return DigitSets(
        sample.train.take(every, "train"), sample.test.take(np.arange(0, 1000, 10), "test"), "some"
    )


def of(sets, images=lambda x: x, labels=lambda y: y):
    """The sets with other images or labels."""

    def changed(digits):
        return Digits(images(digits.images), labels(digits.labels), digits.name, digits.source)

    return dataclasses.replace(sets, train=changed(sets.train), test=changed(sets.test))


def few(sets, n):
    return dataclasses.replace(
        sets, train=sets.train.take(np.arange(n), "few"), test=sets.test.take(np.arange(n), "few")
    )


def sideways(images):
    return np.ascontiguousarray(images.transpose(0, 2, 1))


def test_mnist_comes_out_as_it_is(mnist_folder):
    sets = load(str(mnist_folder))
    found = checked(sets)
    assert found.train is sets.train
    assert found.test is sets.test
    assert found.notice == ""


@pytest.mark.parametrize("n", [10, 100])
def test_a_few_digits_as_they_should_be_come_out_as_they_are(some, n):
    sets = few(some, n)
    found = checked(sets)
    assert (found.train, found.test) == (sets.train, sets.test)


@pytest.mark.parametrize(
    ("change", "note"),
    [
        (lambda x: 255 - x, "500 images were black on white: they were inverted."),
        (sideways, "The images lay on their side and mirrored, as EMNIST's: they were turned."),
    ],
    ids=["inverted", "sideways"],
)
def test_what_the_model_reads_only_so_is_turned(some, change, note):
    found = checked(of(some, change))
    assert found.notice == note
    assert found.train.sha256 == some.train.sha256
    assert found.test.sha256 == some.test.sha256


def test_both_at_once_are_put_right(some):
    found = checked(of(some, lambda x: 255 - sideways(x)))
    assert found.train.sha256 == some.train.sha256


@pytest.mark.parametrize("most", [1, 16])
def test_pixels_that_end_early_are_scaled(some, most):
    def faint(images):
        return (images >= 128).astype(np.uint8) * np.uint8(most)

    found = checked(of(some, faint))
    assert found.notice == f"Pixels ended at {most}: they were scaled to 255."
    assert np.array_equal(found.train.images, np.where(some.train.images >= 128, 255, 0))
    assert found.test.images.max() == 255


def test_only_the_images_on_light_paper_are_inverted(some):
    half = of(some, lambda x: np.where(np.arange(len(x))[:, None, None] % 2, 255 - x, x))
    found = checked(half)
    assert found.notice == "250 images were black on white: they were inverted."
    assert found.train.sha256 == some.train.sha256


def test_a_test_set_alone_may_be_turned(some):
    found = checked(dataclasses.replace(some, test=of(some, sideways).test))
    assert found.notice.startswith("The test images lay on their side")
    assert (found.train, found.test.sha256) == (some.train, some.test.sha256)


def test_nondigits_are_turned_with_the_digits(some):
    other = np.zeros((1, 28, 28), np.uint8)
    other[0, 5, 20] = 255
    sets = dataclasses.replace(of(some, lambda x: 255 - sideways(x)), nondigits=255 - other)
    assert np.array_equal(checked(sets).nondigits, sideways(other))


def test_on_thin_evidence_nothing_is_turned(some):
    sets = few(of(some, sideways), 5)
    assert checked(sets).train is sets.train
    sets = of(few(some, 2), lambda x: 255 - x)
    found = checked(sets)
    assert found.train is sets.train
    assert "4 images have light paper; networks learn white digits on black." in found.notice


def test_images_that_are_no_digits_stay_as_they_are(some):
    def noise(images):
        return np.random.default_rng(0).integers(0, 256, images.shape).astype(np.uint8)

    sets = of(some, noise)
    found = checked(sets)
    assert found.train is sets.train
    assert "as they are labelled: are these digits 0-9, white on black?" in found.notice


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (lambda y: (y + 1) % 10, r"mixed up: the shipped model finds 0 on 9s, 1 on 0s, 2 on 1s"),
        (lambda y: np.roll(y, 1), r"each image's label stands at the one after; put the labels"),
        (lambda y: np.roll(y, -1), r"each image's label stands at the one before; put"),
        (
            lambda y: np.random.default_rng(1).permutation(y),
            r"is sure of [0-9]+% of a sample of 300 digits, but reads [0-9]+% as they are labelled",
        ),
    ],
    ids=["shifted", "one late", "one early", "shuffled"],
)
def test_labels_of_other_images_are_an_error(sample, labels, message):
    # In random order: neighbours of a sorted set have the same label.
    order = np.random.default_rng(0).permutation(400)
    train = sample.train.take(order * 10, "train")
    sets = DigitSets(train, sample.test, "wrong")
    with pytest.raises(DataError, match=message):
        checked(of(sets, labels=labels))


def test_a_share_of_wrong_labels_is_told(some):
    def some_wrong(labels):
        return np.where(np.arange(len(labels)) % 10 == 0, (labels + 5) % 10, labels)

    found = checked(of(some, labels=some_wrong))
    # A tenth of them, give or take what a sample of 300 of 400 does.
    assert found.notice in [
        f"The shipped model is sure that {n}% of a sample of 300 are other digits than their "
        "labels say."
        for n in (9, 10, 11)
    ]


def test_missing_classes_are_told(some):
    low = np.flatnonzero(some.train.labels < 4)
    found = checked(dataclasses.replace(some, train=some.train.take(low, "low")))
    assert found.notice == "Of the digits 0-9 the training set has only 0, 1, 2, 3: " + (
        "a model cannot learn the others."
    )


def test_test_images_that_are_trained_on_are_counted(some):
    both = np.concatenate([some.test.images, some.train.images[:7]])
    labels = np.concatenate([some.test.labels, some.train.labels[:7]])
    sets = dataclasses.replace(some, test=Digits(both, labels, "test", "test"))
    assert checked(sets).notice == (
        "7 of the 107 test images are in the training set, too: the score is too high."
    )


def test_blank_images_are_refused(some):
    with pytest.raises(DataError, match="every pixel is 0, expected ink of up to 255"):
        checked(of(some, np.zeros_like))


def test_digits_without_labels_are_inverted_and_scaled_alone(some):
    images, notes = readable(255 - some.test.images, "test.csv")
    assert np.array_equal(images, some.test.images)
    assert notes == ["100 images were black on white: they were inverted."]
    images, notes = readable(some.test.images // 255, "test.csv")
    assert images.max() == 255
    assert notes == ["Pixels ended at 1: they were scaled to 255."]
    assert readable(some.test.images, "test.csv")[1] == []
