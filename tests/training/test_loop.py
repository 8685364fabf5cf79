import dataclasses
import json

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from inkdigits import Reader
from inkdigits.errors import TrainingError
from inkdigits.training.batches import batch_size
from inkdigits.training.calibration import calibrate
from inkdigits.training.callbacks import Callback
from inkdigits.training.distillation import answered_views
from inkdigits.training.judge import as_tensors, evaluate, probabilities
from inkdigits.training.loop import train
from inkdigits.training.progress import Lines
from inkdigits.training.recipes import recipe
from inkdigits.training.state import VERSION, fresh_state, load_state, save_state, weights_of


@pytest.fixture(scope="module")
def digits(sample):
    """600 digits to train on, 200 to validate on."""
    mixed = np.random.default_rng(0).permutation(1000)  # the sample is sorted by class
    return sample.train.take(4 * mixed[:600], "train"), sample.test.take(mixed[:200], "held")


SHORT = recipe("fast").with_overrides({"epochs": 3, "batch_size": 64, "average_decay": 0.9})
ORIGINAL = recipe("original").with_overrides(  # with dropout, and a rate that falls
    {
        "epochs": 2,
        "network": "Conv(8), Norm(), Relu(), MaxPool(4), Flatten(), Dropout(0.5), Dense(10)",
    }
)


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("row", [SHORT, ORIGINAL], ids=["fast", "original"])
def test_one_seed_repeats_bit_for_bit_and_another_does_not(digits, row):
    runs = [train(*digits, fresh_state(row, seed), Callback()) for seed in (1, 1, 2)]
    first, again, other = (weights_of(run.evaluated) for run in runs)
    assert same(first, again)
    assert not same(first, other)


class StopAfter(Callback):
    """Ends the process's patience in the middle of an epoch, as kill -9 would."""

    def __init__(self, epoch):
        self._epoch = epoch

    def batch(self, state, done, total, loss, rate):
        if state.epoch == self._epoch and done > total // 2:
            raise KeyboardInterrupt


@pytest.mark.parametrize("row", [SHORT, ORIGINAL], ids=["fast", "original"])
def test_a_resumed_run_ends_with_an_unbroken_runs_weights(tmp_path, digits, row):
    whole = train(*digits, fresh_state(row, 5), Callback())
    checkpoint = tmp_path / "checkpoint.safetensors"
    with pytest.raises(KeyboardInterrupt):
        train(*digits, fresh_state(row, 5), StopAfter(1), checkpoint)
    state = load_state(checkpoint)
    assert state.epoch == 1
    resumed = train(*digits, state, Callback(), checkpoint)
    assert same(weights_of(resumed.evaluated), weights_of(whole.evaluated))
    assert same(resumed.best_accuracy, whole.best_accuracy)
    drop = {"seconds": 0.0, "images_per_second": 0.0}
    assert [dataclasses.replace(e, **drop) for e in resumed.history] == [
        dataclasses.replace(e, **drop) for e in whole.history
    ]


def test_a_loss_that_is_no_number_stops_the_run_with_the_last_checkpoint_kept(tmp_path, digits):
    checkpoint = tmp_path / "checkpoint.safetensors"

    class Poison(Callback):
        def epoch(self, row):
            with torch.no_grad():
                next(state.model.parameters()).fill_(float("nan"))

    state = fresh_state(SHORT, 0)
    with pytest.raises(TrainingError, match=r"the loss became nan in epoch 2.*--learning-rate"):
        train(*digits, state, Poison(), checkpoint)
    kept = load_state(checkpoint)
    assert kept.epoch == 1
    assert all(torch.isfinite(w).all() for w in weights_of(kept.model).values())


def test_the_kept_weights_are_those_of_the_lowest_validation_loss(digits):
    row = SHORT.with_overrides({"keep": "best_loss", "average_decay": 0.0, "calibrate": False})
    state = train(*digits, fresh_state(row, 0), Callback())
    loss, _ = evaluate(state.evaluated, *as_tensors(digits[1]))
    assert loss == pytest.approx(min(row.val_loss for row in state.history), rel=1e-6)


def test_early_stopping_ends_the_run_before_its_epochs(digits):
    row = SHORT.with_overrides(
        {"epochs": 50, "early_stopping": 1, "learning_rate": 0.1, "schedule": "constant"}
    )
    state = train(*digits, fresh_state(row, 0), Callback())
    losses = [row.val_loss for row in state.history]
    assert state.stopped
    assert len(losses) < 50
    assert losses[-1] >= min(losses[:-1])


def test_without_validation_all_images_are_trained_on_and_the_last_epoch_is_kept(digits):
    row = SHORT.with_overrides({"validation_share": 0.0})
    state = train(digits[0], None, fresh_state(row, 0), Callback())
    assert [row.val_loss for row in state.history] == [None] * 3


@pytest.mark.parametrize(("n", "size"), [(60_000, 256), (2_048, 256), (300, 37), (9, 2), (2, 2)])
def test_a_small_set_has_eight_steps_an_epoch(n, size):
    assert batch_size(recipe("fast"), n) == size


def test_one_image_is_too_few(digits):
    one = digits[0].take(np.arange(1), "one")
    with pytest.raises(
        TrainingError, match="found 1 training images beside those held out, expected 2 or"
    ):
        train(one, None, fresh_state(SHORT, 0), Callback())
    two = digits[0].take(np.arange(2), "two")
    assert len(train(two, None, fresh_state(SHORT, 0), Callback()).history) == 3


def test_it_learns_and_is_not_perfect(sample):
    row = recipe("flash").with_overrides({"epochs": 3, "batch_size": 64})
    state = train(sample.train, None, fresh_state(row, 0), Callback())
    images, labels = as_tensors(sample.test)
    _, accuracy = evaluate(state.evaluated, images, labels)
    assert 0.96 < accuracy < 1  # exactly 1 would mean a broken evaluation
    answers = probabilities(state.evaluated, images)
    assert answers.shape == (1000, 10)
    assert (answers.argmax(1) == labels.numpy()).mean() == pytest.approx(accuracy)


def test_calibration_finds_a_known_temperature_and_changes_no_answer(digits):
    state = train(*digits, fresh_state(SHORT, 0), Callback())  # calibrated at its end
    held = as_tensors(digits[1])
    before = probabilities(state.evaluated, held[0])
    with torch.no_grad():
        for tensor in state.evaluated[-1].parameters():
            tensor.mul_(2)
    # The logits are twice too large: the temperature that undoes it is 2.
    assert calibrate(state.evaluated, *held) == pytest.approx(2, rel=1e-3)
    after = probabilities(state.evaluated, held[0])
    assert np.abs(after - before).max() < 1e-3
    assert (after.argmax(1) == before.argmax(1)).all()


@pytest.mark.parametrize(
    ("data", "message"),
    [(b"", "not a readable checkpoint"), (b"\x10" * 100, "not a readable checkpoint")],
)
def test_a_broken_checkpoint_is_refused(tmp_path, data, message):
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(data)
    with pytest.raises(TrainingError, match=message):
        load_state(path)


@pytest.mark.parametrize(
    ("about", "message"),
    [("[" * 100_000, "recursion"), ('{"recipe": {"name": "x"}}', "missing"), ("[]", "indices")],
    ids=["deep", "lacks", "list"],
)
def test_a_checkpoint_that_says_what_none_of_ours_does_is_refused(tmp_path, about, message):
    path = tmp_path / "checkpoint.safetensors"
    tensors = {"model/0.weight": torch.zeros(1)}
    save_file(tensors, path, metadata={"inkdigits.state": VERSION, "about": about})
    with pytest.raises(TrainingError, match=f"not a readable checkpoint: .*{message}"):
        load_state(path)


def begun():
    """A state whose optimiser has begun."""
    state = fresh_state(SHORT, 0)
    for parameter in state.model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    state.optimizer.step()
    return state


@pytest.mark.parametrize(
    "damage",
    [{"epoch": "1"}, {"epoch": 7}, {"stopped": 1}, {"step": None}, {"seed": 0.5},
     {"history": [{"epoch": "x"}]}, {"stopping": {"patience": "3"}}, {"learnt_from": 5},
     {"plateau": {"patience": 1, "factor": "half"}},
     {"recipe": {**dataclasses.asdict(SHORT), "epochs": "3"}}],
    ids=lambda damage: next(iter(damage)),
)  # fmt: skip
def test_a_damaged_field_of_a_checkpoint_is_told(tmp_path, damage):
    path = tmp_path / "checkpoint.safetensors"
    save_state(begun(), path)
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    assert load_state(path).epoch == 0
    metadata["about"] = json.dumps({**json.loads(metadata["about"]), **damage})
    save_file(tensors, path, metadata)
    with pytest.raises(TrainingError, match="not a readable checkpoint"):
        load_state(path)


@pytest.mark.parametrize("group", ["model", "averaged", "best_loss"])
def test_a_damaged_weight_of_a_checkpoint_is_told(tmp_path, group):
    path = tmp_path / "checkpoint.safetensors"
    state = begun()
    state.best_loss = weights_of(state.model)
    save_state(state, path)
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    name = next(key for key in tensors if key.startswith(group) and key.endswith("bias"))
    save_file({**tensors, name: torch.zeros(1)}, path, metadata)
    with pytest.raises(TrainingError, match=r"not a readable checkpoint: .* is \(1,\), of \("):
        load_state(path)


def test_a_piped_run_prints_one_plain_line_an_epoch(digits, capsys):
    train(*digits, fresh_state(SHORT, 0), Lines(SHORT))
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert lines[2].startswith("epoch 3/3  loss ")
    assert "val acc " in lines[2]
    assert "img/s" in lines[2]
    assert "\r" not in "".join(lines)


def test_a_student_learns_its_teachers_answers_and_not_the_labels(digits):
    train_set, held = digits
    label_of = {image.tobytes(): label for image, label in zip(*as_arrays(train_set), strict=True)}

    def contrary(arrays):
        assert arrays.shape[1:] == (28, 28)
        assert arrays.dtype == np.float32
        return np.stack([np.eye(10, dtype=np.float32)[9 - label_of[a.tobytes()]] for a in arrays])

    still = {"rotate": 0.0, "scale": 0.0, "shear": 0.0, "shift": 0.0, "teacher_share": 1.0}
    row = SHORT.with_overrides({**still, "calibrate": False, "epochs": 6})
    state = train(train_set, None, fresh_state(row, 0), Callback(), teacher=contrary)
    images, labels = as_tensors(held)
    _, with_labels = evaluate(state.evaluated, images, labels)
    _, with_teacher = evaluate(state.evaluated, images, 9 - labels)
    assert with_teacher > 0.85
    assert with_labels < 0.05


def test_of_a_teacher_that_is_wrong_the_label_can_be_heeded(digits):
    """The teacher calls every digit from 5 on 9 - digit, and no label says so."""

    def half_contrary(arrays):
        sure = shipped.probabilities(arrays)
        return np.where(sure.argmax(1)[:, None] < 5, sure, sure[:, ::-1])

    shipped = Reader(threads=1)
    train_set, held = digits
    still = {"rotate": 0.0, "scale": 0.0, "shear": 0.0, "shift": 0.0, "teacher_share": 1.0}
    right = []
    for heeded in ("right", "always"):
        row = SHORT.with_overrides(
            {**still, "calibrate": False, "epochs": 6, "teacher_heeded": heeded}
        )
        state = train(train_set, None, fresh_state(row, 0), Callback(), teacher=half_contrary)
        right.append(evaluate(state.evaluated, *as_tensors(held))[1])
    assert right[0] > 0.85
    assert right[1] < 0.65


def test_a_teacher_is_asked_once_where_its_answers_to_copies_are_kept(digits):
    train_set, held = digits
    asked = []

    def contrary(arrays):
        asked.append(len(arrays))
        return shipped.probabilities(arrays)[:, ::-1].copy()  # 9 minus the digit

    shipped = Reader(threads=1)
    row = SHORT.with_overrides(
        {"teacher_share": 1.0, "teacher_views": 2, "calibrate": False, "epochs": 6}
    )
    state = train(train_set, None, fresh_state(row, 0), Callback(), teacher=contrary)
    assert sum(asked) == 2 * len(train_set)  # and not once an epoch
    images, labels = as_tensors(held)
    assert evaluate(state.evaluated, images, 9 - labels)[1] > 0.85


def test_views_are_moved_about_and_hold_what_the_teacher_saw():
    images = torch.zeros(1500, 1, 28, 28, dtype=torch.uint8)
    images[:, :, 10:18, 10:18] = 255
    seen = []

    def mean_of(arrays):
        seen.append(arrays)
        return np.repeat(arrays.mean((1, 2))[:, None], 10, 1)

    row = recipe("fast").with_overrides({"teacher_views": 3})
    views = answered_views(images, row, mean_of, torch.Generator().manual_seed(0))
    assert views.images.shape == (3, 1500, 1, 28, 28)
    assert views.answers.shape == (3, 1500, 10)
    kept = (views.images.flatten(0, 1)[:, 0].float() / 255).numpy()
    assert np.array_equal(np.concatenate(seen), kept)
    means = torch.from_numpy(kept).mean((1, 2)).view(3, 1500)
    assert torch.allclose(views.answers[..., 0], means)
    assert not torch.equal(views.images[0, 0], views.images[1, 0])
    assert not torch.equal(views.images[0, 0], views.images[0, 1])


def as_arrays(digits):
    return digits.images.astype(np.float32) / np.float32(255), digits.labels
