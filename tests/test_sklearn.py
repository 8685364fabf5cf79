"""The scikit-learn classifier, as scikit-learn's own tools use it."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import check_estimator

from inkdigits.sklearn import DigitClassifier
from inkdigits.training.recipes import RECIPES


@pytest.fixture(scope="module")
def digits(sample):
    """600 digits of all classes, and 200 others: (n, 784) uint8 and labels."""
    chosen = np.random.default_rng(0).permutation(len(sample.train))[:800]
    pixels = sample.train.images[chosen].reshape(-1, 784)
    labels = sample.train.labels[chosen]
    return pixels[:600], labels[:600], pixels[600:], labels[600:]


@pytest.fixture(scope="module")
def fitted(digits):
    return DigitClassifier("flash", threads=1).fit(*digits[:2])


def test_it_learns_digits(fitted, digits):
    assert fitted.score(*digits[2:]) > 0.9
    rows = fitted.predict_proba(digits[2])
    assert rows.shape == (200, 10)
    assert np.allclose(rows.sum(1), 1)
    assert (fitted.classes_[rows.argmax(1)] == fitted.predict(digits[2])).all()


def test_the_same_digits_in_other_shapes_and_ranges_are_the_same(fitted, digits):
    x, y, more, _ = digits
    answers = fitted.predict_proba(more)
    assert (fitted.predict_proba(more.reshape(-1, 28, 28)) == answers).all()
    scaled = clone(fitted).fit(x / 255.0, y)
    assert np.allclose(scaled.predict_proba(more / 255.0), answers, atol=1e-6)


def test_it_keeps_what_it_learnt_when_pickled(fitted, digits):
    again = pickle.loads(pickle.dumps(fitted))
    assert (again.predict_proba(digits[2]) == fitted.predict_proba(digits[2])).all()


def test_classes_may_be_few_and_text(digits):
    x, y = digits[:2]
    some = np.isin(y, (3, 8))
    model = DigitClassifier("flash", threads=1).fit(x[some], y[some].astype(str))
    assert model.classes_.tolist() == ["3", "8"]
    assert model.predict_proba(x[some]).shape == (some.sum(), 2)
    assert model.score(x[some], y[some].astype(str)) > 0.95


def test_it_stands_in_a_pipeline_and_is_cross_validated(digits):
    x, y = digits[:2]
    steps = make_pipeline(FunctionTransformer(), DigitClassifier("flash", epochs=2, threads=1))
    assert cross_val_score(steps, x[:300], y[:300], cv=2).mean() > 0.3


@pytest.mark.parametrize(
    ("x", "y", "says"),
    [
        (np.zeros((4, 9)), [0, 1, 2, 3], "9 feature"),
        (np.full((4, 784), -1), [0, 1, 2, 3], "from -1"),
        (np.full((4, 784), 300), [0, 1, 2, 3], "expected 0 to 255"),
        (np.zeros((4, 784)), [0, 0, 0, 0], "one class"),
        (np.zeros((4, 784)), ["a", "b", "a", "b"], "expected digits 0 to 9"),
    ],
)
def test_what_it_cannot_learn_is_said(x, y, says):
    with pytest.raises(ValueError, match=says):
        DigitClassifier("flash").fit(x, y)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"seed": -1}, "seed is -1, expected a whole number from 0 to 9,223"),
        ({"seed": None}, "seed is None"),
        ({"threads": -1}, "threads is -1, expected a whole number from 1 to 1,024"),
        ({"threads": 1025}, "threads is 1025, expected a whole number from 1 to 1,024"),
        ({"learning_rate": "0.1"}, "learning_rate is '0.1', expected a number"),
    ],
)
def test_settings_that_cannot_be_are_said(digits, settings, says):
    with pytest.raises(ValueError, match=says):
        DigitClassifier("flash", **settings).fit(*digits[:2])


def test_pixels_on_another_scale_than_those_that_were_fitted_are_refused(fitted, digits):
    with pytest.raises(ValueError, match="those that were fitted go up to 255; expected both on"):
        fitted.predict(digits[2] / 255)
    assert fitted.predict(np.zeros((1, 784))).shape == (1,)


@pytest.mark.parametrize("recipe", ["pictures", "distilled"])
def test_recipes_that_need_more_than_digits_learn_from_digits(digits, recipe, monkeypatch):
    x, y = digits[:2]
    row = RECIPES[recipe].with_overrides({"network": "nano"})
    monkeypatch.setitem(RECIPES, recipe, row)
    model = DigitClassifier(recipe, epochs=1, threads=1).fit(x[:100], y[:100])
    assert model.n_iter_ == 1


def test_of_scikit_learns_checks_it_fails_only_those_that_show_it_no_digits():
    found = check_estimator(DigitClassifier("flash", threads=1), on_skip=None, on_fail=None)
    failed = [check for check in found if check["status"] == "failed"]
    for check in failed:
        said = str(check["exception"])
        assert "is expecting 784 features" in said or "expected digits 0 to 9" in said, check
    assert len(found) - len(failed) > 25
