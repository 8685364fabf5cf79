import json

import numpy as np
import pytest

from inkdigits.data.digits import DigitSets
from inkdigits.errors import ConfigError
from inkdigits.runs import folder as run_folder
from inkdigits.runs import run, study
from inkdigits.training.callbacks import Callback
from inkdigits.training.recipes import recipe
from support import short_ends


def nothing(*told):
    pass


@pytest.mark.parametrize(
    ("text", "seeds"), [("0-3", [0, 1, 2, 3]), ("5", [5]), ("0,2,7-8", [0, 2, 7, 8])]
)
def test_seeds_are_numbers_and_ranges(text, seeds):
    assert study.parse_seeds(text) == seeds


@pytest.mark.parametrize("text", ["", "a", "3-1", "0,0", "1-", "-1", "1-2-3", "0-99999999999"])
def test_bad_seeds_are_named(text):
    with pytest.raises(ConfigError, match="seeds is"):
        study.parse_seeds(text)


@pytest.fixture
def settings(monkeypatch, sample):
    mixed = np.random.default_rng(0).permutation(1000)
    small = DigitSets(
        sample.train.take(4 * mixed[:400], "train"), sample.test.take(mixed[:200], "test"), "small"
    )
    monkeypatch.setattr(run, "load", lambda source, advance: small)
    row = recipe("fast").with_overrides({"epochs": 1, "batch_size": 64, "network": "tiny"})
    with short_ends():
        yield run_folder.RunSettings(recipe=row, data="sample", seed=0, threads=1)


def test_a_study_runs_each_seed_once_and_sums_up(tmp_path, settings):
    told = []
    results = list(study.run_seeds(tmp_path, settings, [0], Callback(), told.append, nothing))
    assert [r.seed for r in results] == [0]
    again = list(study.run_seeds(tmp_path, settings, [0, 1], Callback(), told.append, nothing))
    assert again[0] == results[0]
    assert [r.seed for r in again] == [0, 1]
    assert sum("is finished already" in line for line in told) == 1
    (row,) = study.summarise(tmp_path)
    accuracies = np.array([100 * r.scores.accuracy for r in again])
    assert (row.recipe, row.n) == ("fast", 2)
    assert row.accuracy == pytest.approx(accuracies.mean())
    assert row.accuracy_sd == pytest.approx(accuracies.std(ddof=1))
    assert json.loads((tmp_path / study.SUMMARY).read_text())[0]["n"] == 2
    assert (tmp_path / study.PARETO).stat().st_size > 1000


def test_a_study_refuses_runs_made_with_other_settings(tmp_path, settings):
    run_folder.start_run(tmp_path / "fast" / "seed0", settings)
    other = run_folder.RunSettings(
        recipe=settings.recipe.with_overrides({"epochs": 2}), data="sample", seed=0, threads=1
    )
    with pytest.raises(ConfigError, match="was made with other settings"):
        list(study.run_seeds(tmp_path, other, [0], Callback(), nothing, nothing))
