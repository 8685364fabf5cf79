import numpy as np
import pytest
import torch

from inkdigits.data.digits import Digits
from inkdigits.errors import ModelError
from inkdigits.exports.onnx import load_onnx
from inkdigits.reading.model_file import SHIPPED_MODEL
from inkdigits.training.callbacks import Callback
from inkdigits.training.finetune import is_chance, keep_added, keep_better, start_from
from inkdigits.training.judge import as_tensors, evaluate
from inkdigits.training.loop import train
from inkdigits.training.recipes import recipe
from inkdigits.training.state import fresh_state, weights_of


@pytest.fixture(scope="module")
def shipped():
    network, arrays = load_onnx(SHIPPED_MODEL)
    return network, {name: torch.tensor(array) for name, array in arrays.items()}


@pytest.fixture(scope="module")
def mirrored(sample):
    """A new hand: digits written as in a mirror, 400 to train on and 300 to validate on."""
    mixed = np.random.default_rng(0).permutation(1000)
    parts = (sample.train.take(4 * mixed[:400], "train"), sample.test.take(mixed[:300], "held"))
    return [
        Digits(np.ascontiguousarray(d.images[:, :, ::-1]), d.labels, d.name, d.source)
        for d in parts
    ]


def row(network, **overrides):
    return recipe("finetune").with_overrides({"network": network, "epochs": 4, **overrides})


def test_going_on_from_the_shipped_model_learns_a_new_hand(shipped, mirrored):
    network, weights = shipped
    state = fresh_state(row(network), 0)
    start_from(state, weights, "shipped")
    state = train(*mirrored, state, Callback())
    found = keep_better(state, weights, as_tensors(mirrored[1]))
    assert found.kept == 1
    assert found.start_accuracy < 0.8
    assert found.end_accuracy > found.start_accuracy + 0.1
    _, accuracy = evaluate(state.evaluated, *as_tensors(mirrored[1]))
    assert accuracy == found.end_accuracy


def test_what_makes_it_worse_is_thrown_away(shipped, mirrored):
    network, weights = shipped
    wrong = Digits(mirrored[0].images, 9 - mirrored[0].labels, "wrong labels", "")
    state = fresh_state(row(network, learning_rate=0.1), 0)
    start_from(state, weights, "shipped")
    state = train(wrong, mirrored[1], state, Callback())
    found = keep_better(state, weights, as_tensors(mirrored[1]))
    assert found.kept == 0
    kept = weights_of(state.evaluated)
    assert all(torch.equal(kept[name], weights[name]) for name in weights)


def test_another_networks_weights_are_refused(shipped):
    state = fresh_state(recipe("original"), 0)
    with pytest.raises(ModelError, match="holds other weights than the network 'original' has"):
        start_from(state, shipped[1], "shipped")


def test_a_file_that_is_no_model_is_refused(tmp_path):
    (tmp_path / "a.onnx").write_bytes(b"nothing of the kind")
    with pytest.raises(ModelError, match=r"a\.onnx"):
        load_onnx(tmp_path / "a.onnx")


def of_digit(digits, label, n, called=None):
    index = np.flatnonzero(digits.labels == label)[:n]
    taken = digits.take(index, f"{label}s")
    labels = np.full(n, label if called is None else called)
    return Digits(taken.images, labels, taken.name, taken.source)


@pytest.fixture(scope="module")
def judged(shipped):
    """keep_added of a state that reads 3 in everything: its last layer adds that much to a 3."""
    network, weights = shipped
    bias = [name for name in weights if name.endswith("bias")][-1]

    def judge(held, added, more=1e3):
        state = fresh_state(row(network), 0)
        start_from(state, {**weights, bias: weights[bias] + more * torch.eye(10)[3]}, "threes")
        found = keep_added(state, weights, as_tensors(held), as_tensors(added))
        kept = weights_of(state.evaluated)[bias] - weights[bias]
        assert torch.allclose(kept, found.kept * more * torch.eye(10)[3], atol=1e-4)
        return found

    return judge


def test_half_of_the_way_is_kept_while_the_validation_set_is_read_as_well(judged, sample):
    threes, sevens_called_three = of_digit(sample.test, 3, 50), of_digit(sample.test, 7, 5, 3)
    found = judged(threes, sevens_called_three)
    assert (found.start_added, found.end_added, found.kept) == (0, 1, 0.5)


def test_from_a_start_that_is_clearly_worse_all_of_the_way_is_kept(shipped, sample):
    network, weights = shipped
    bias = [name for name in weights if name.endswith("bias")][-1]
    threes_alone = {**weights, bias: weights[bias] + 1e3 * torch.eye(10)[3]}
    state = fresh_state(row(network), 0)
    start_from(state, weights, "shipped")  # what was learnt
    held = as_tensors(sample.test.take(np.arange(100), "held"))
    found = keep_added(state, threes_alone, held, as_tensors(of_digit(sample.test, 7, 5)))
    assert (found.start_added, found.end_added, found.kept) == (0, 1, 1)
    assert found.start_accuracy < 0.2
    assert found.end_accuracy > 0.9
    assert torch.equal(weights_of(state.evaluated)[bias], weights[bias])
    assert str(found) == (
        "added digits: 0% right before, 100% after; validation: "
        f"{found.start_accuracy:.2%} before, {found.end_accuracy:.2%} after; "
        "kept 100% of the way from the start to what was trained"
    )


def test_what_is_kept_goes_back_until_the_validation_set_is_read_as_well(judged, shipped, sample):
    """Of two 7s the held one needs more to be read as a 3 than the added one."""
    network, weights = shipped
    state = fresh_state(row(network), 0)
    start_from(state, weights, "shipped")
    sevens = of_digit(sample.test, 7, 90)
    with torch.no_grad():
        logits = state.evaluated.eval()(as_tensors(sevens)[0].float() / 255)
    margins = (logits[:, 7] - logits[:, 3]).numpy()
    low, high = margins.argmin(), margins.argmax()
    assert margins[low] < 0.75 * margins[high]
    added = Digits(sevens.images[[low]], np.array([3]), "added", "")
    # 0.3 of this is less than the held one needs and more than the added one; 0.4 is not.
    found = judged(sevens.take(np.array([high]), "held"), added, 2.7 * float(margins[high]))
    assert (found.start_accuracy, found.end_accuracy, found.kept) == (1, 1, 0.3)
    assert (found.start_added, found.end_added) == (0, 1)


@pytest.mark.parametrize(("before", "most"), [(0, 1), (1, 3), (6, 10), (10, 15), (100, 114)])
def test_errors_are_chance_up_to_the_square_root_of_both_counts_more(before, most):
    assert is_chance(before, before)
    assert is_chance(before, most)
    assert not is_chance(before, most + 1)


def test_where_a_mistake_stays_all_the_way_the_furthest_mixture_is_kept(judged, sample):
    """A 7 among the held-out 3s is read as 3 everywhere on the way: 1 mistake where there was 0."""
    index = [
        *np.flatnonzero(sample.test.labels == 3)[:50],
        np.flatnonzero(sample.test.labels == 7)[0],
    ]
    found = judged(sample.test.take(np.array(index), "held"), of_digit(sample.test, 7, 5, 3))
    assert (found.start_accuracy, found.kept) == (1, 0.5)
    assert found.end_accuracy == pytest.approx(50 / 51)


def test_added_digits_count_for_nothing_where_the_validation_set_is_read_worse(judged, sample):
    found = judged(sample.test, of_digit(sample.test, 7, 5, 3))
    assert (found.start_added, found.end_added, found.kept) == (0, 1, 0)
    assert found.end_accuracy < 0.2


def test_added_digits_that_are_read_worse_are_not_learnt(judged, sample):
    found = judged(of_digit(sample.test, 3, 50), of_digit(sample.test, 7, 5))
    assert (found.start_added, found.end_added, found.kept) == (1, 0, 0)
