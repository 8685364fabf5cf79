import dataclasses

import pytest

from inkdigits.errors import ConfigError
from inkdigits.training.recipes import FIELDS, RECIPES, Recipe, recipe
from inkdigits.training.schedule import rate_share


def test_the_original_has_the_original_projects_settings():
    original = recipe("original")
    assert (original.epochs, original.batch_size, original.learning_rate) == (30, 128, 1e-3)
    assert (original.beta1, original.beta2, original.epsilon) == (0.9, 0.999, 1e-7)
    assert (original.early_stopping, original.plateau, original.plateau_factor) == (5, 3, 0.5)
    assert original.keep == "best_loss"
    assert not original.augments


def test_every_field_has_its_meaning_and_its_values():
    assert FIELDS.keys() == {field.name for field in dataclasses.fields(Recipe)} - {"name"}
    assert all(field.meaning for field in FIELDS.values())
    assert {name for name, one in FIELDS.items() if not one.values} == {"network", "calibrate"}
    assert FIELDS["shift"].values == "0 to 14 pixels"
    assert FIELDS["keep"].values == "last, best_loss"


def test_fast_is_there_and_augments():
    assert recipe("fast").augments


def test_an_unknown_recipe_is_told_the_known_ones():
    with pytest.raises(ConfigError, match="no recipe 'slow'; expected original, flash, fast"):
        recipe("slow")


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("epochs", 0, "epochs is 0, expected 1 to 10,000"),
        ("batch_size", 1, "batch_size is 1, expected 2 to 60,000"),
        ("learning_rate", 0, "learning_rate is 0.0, expected over 0"),
        ("learning_rate", float("nan"), "learning_rate is nan"),
        ("learning_rate", float("inf"), "learning_rate is inf"),
        ("validation_share", 1.0, "validation_share is 1.0"),
        (
            "network",
            "huge",
            "network is 'huge', expected one of original, nano, tiny, compact, wide, wider, deep",
        ),
        ("schedule", "steps", "schedule is 'steps', expected one of constant, one_cycle"),
        ("precision", "int8", "precision is 'int8', expected one of float32, bfloat16"),
        ("colour", 1, "no setting 'colour'; there are "),
    ],
)
def test_a_bad_setting_is_named_with_what_it_may_be(field, value, message):
    with pytest.raises(ConfigError, match=message):
        recipe("fast").with_overrides({field: value})


@pytest.mark.parametrize("field", ["early_stopping", "plateau"])
def test_watching_a_validation_loss_needs_a_validation_set(field):
    with pytest.raises(ConfigError, match=f"{field} is 2 but validation_share is 0"):
        recipe("fast").with_overrides({field: 2, "validation_share": 0.0})


def test_keeping_the_best_epoch_needs_a_validation_set():
    with pytest.raises(ConfigError, match="no epoch can be called best"):
        recipe("fast").with_overrides({"keep": "best_loss", "validation_share": 0.0})


@pytest.mark.parametrize("name", RECIPES)
def test_every_field_of_every_recipe_can_be_set_again(name):
    row = recipe(name)
    assert row.with_overrides(dataclasses.asdict(row)) == row


def test_one_cycle_rises_to_the_peak_and_falls_to_nothing():
    row = recipe("fast").with_overrides({"warmup_share": 0.25})
    shares = [rate_share(row, step, 100) for step in range(100)]
    assert shares[0] == pytest.approx(0.04)
    assert shares[25] == pytest.approx(1)
    assert max(shares) == shares[25]
    # Half-way down the cosine: step 25 + 37.5.
    assert (shares[62] + shares[63]) / 2 == pytest.approx(0.5, abs=1e-3)
    assert 0 < shares[99] < 0.001


def test_a_constant_rate_is_constant():
    assert {rate_share(recipe("original"), step, 10) for step in range(10)} == {1.0}
