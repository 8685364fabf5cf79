import numpy as np
import pytest

from inkdigits.data.digits import DigitSets
from inkdigits.errors import ConfigError, TrainingError
from inkdigits.reading.reader import Reader
from inkdigits.runs import ensemble, run
from inkdigits.runs import folder as run_folder
from inkdigits.runs.result import EnsembleResult, read_result
from inkdigits.training.callbacks import Callback
from inkdigits.training.recipes import recipe
from support import short_ends


def nothing(*told):
    pass


@pytest.fixture(scope="module")
def small(sample):
    mixed = np.random.default_rng(0).permutation(1000)
    return DigitSets(
        sample.train.take(4 * mixed[:400], "train"), sample.test.take(mixed[:200], "test"), "small"
    )


@pytest.fixture(scope="module")
def runs(tmp_path_factory, small):
    """Two finished runs and one that has only begun."""
    folder = tmp_path_factory.mktemp("runs")
    row = recipe("flash").with_overrides({"epochs": 2, "batch_size": 64})
    with short_ends(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "load", lambda source, advance: small)
        for seed in range(3):
            settings = run_folder.RunSettings(recipe=row, data="sample", seed=seed, threads=1)
            run_folder.start_run(folder / f"seed{seed}", settings)
            if seed < 2:
                run.finish_run(folder / f"seed{seed}", Callback(), nothing, nothing)
    return folder


@pytest.fixture
def average(monkeypatch, small):
    monkeypatch.setattr(ensemble, "load", lambda source, advance: small)
    return lambda folders, out: ensemble.average(folders, out, nothing, nothing)


def test_an_ensemble_gives_the_mean_of_its_members(tmp_path, runs, small, average):
    result = average([runs / "seed0", runs / "seed1"], tmp_path / "both")
    images = small.test.images.astype(np.float32) / 255
    members = [Reader(runs / f"seed{seed}").probabilities(images) for seed in (0, 1)]
    found = Reader(tmp_path / "both").probabilities(images)
    assert np.abs(members[0] - members[1]).max() > 0.1  # or the mean would show nothing
    assert np.abs(found - (members[0] + members[1]) / 2).max() < 1e-6
    wanted = (((members[0] + members[1]) / 2).argmax(1) == small.test.labels).mean()
    assert result.scores.accuracy == pytest.approx(wanted)
    assert result.parameters == 2 * 30_490
    levels = [Reader(runs / f"seed{seed}").model.accept for seed in (0, 1)]
    stated = Reader(tmp_path / "both").model.metadata
    assert float(stated["inkdigits.accept"]) == pytest.approx(sum(levels) / 2, abs=1e-4)
    assert stated["inkdigits.nondigits"] == "none"
    taken = (found.max(1) >= float(stated["inkdigits.accept"])).mean()
    assert result.acceptance.accepted == pytest.approx(taken)
    assert read_result(tmp_path / "both", EnsembleResult) == result
    assert {file.name for file in (tmp_path / "both").iterdir()} == set(ensemble.FILES)


def test_an_ensemble_is_refused_where_it_would_mislead(tmp_path, runs, average):
    first, second, begun = (runs / f"seed{seed}" for seed in range(3))
    with pytest.raises(ConfigError, match="expected two or more, each named once"):
        average([first, runs / "." / "seed0"], tmp_path / "out")
    with pytest.raises(TrainingError, match="seed2 is not a finished run"):
        average([first, begun], tmp_path / "out")
    with pytest.raises(ConfigError, match="already exists and is not empty"):
        average([first, second], first)
    assert not (tmp_path / "out").exists()


def test_a_run_learns_from_an_ensemble(tmp_path, runs, small, average, monkeypatch):
    average([runs / "seed0", runs / "seed1"], tmp_path / "both")
    monkeypatch.setattr(run, "load", lambda source, advance: small)
    row = recipe("distilled").with_overrides({"epochs": 1, "batch_size": 64, "network": "tiny"})
    settings = run_folder.RunSettings(
        recipe=row, data="sample", seed=0, threads=1, teacher=str(tmp_path / "both")
    )
    told = []
    run_folder.start_run(tmp_path / "student", settings)
    with short_ends():
        result = run.finish_run(tmp_path / "student", Callback(), told.append, nothing)
    assert result.teacher == str(tmp_path / "both")
    assert any(line.startswith("teacher: ") for line in told)
    assert run_folder.read_settings(tmp_path / "student") == settings


@pytest.mark.parametrize(("name", "teacher"), [("distilled", None), ("fast", "runs/x")])
def test_a_teacher_and_a_share_of_its_answers_go_together(name, teacher):
    with pytest.raises(ConfigError, match="--teacher MODEL and a share over 0 go together"):
        run_folder.RunSettings(
            recipe=recipe(name), data="sample", seed=0, threads=1, teacher=teacher
        )
