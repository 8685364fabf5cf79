"""The rules are Keras's: its own callbacks are fed the same losses and must decide the same."""

import keras
import numpy as np
import pytest

from inkdigits.training.early_stopping import EarlyStopping, Plateau


def test_stops_after_the_patience_is_used_up():
    watch = EarlyStopping(patience=2)
    assert [watch.should_stop(loss) for loss in (1.0, 0.9, 0.95, 0.91)] == [False] * 3 + [True]


def test_a_new_best_starts_the_wait_again():
    watch = EarlyStopping(patience=2)
    assert not any(watch.should_stop(loss) for loss in (1.0, 1.1, 0.9, 1.0, 0.8, 0.9))


def test_patience_zero_never_stops():
    watch = EarlyStopping(patience=0)
    assert not any(watch.should_stop(loss) for loss in range(100))


def test_the_rate_is_halved_after_three_epochs_without_a_gain():
    watch = Plateau(patience=3, factor=0.5)
    found = [watch.multiplier_after(loss) for loss in (1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0)]
    assert found == [1, 1, 1, 0.5, 0.5, 0.5, 0.25]


def test_a_gain_under_a_ten_thousandth_is_none():
    watch = Plateau(patience=1, factor=0.5)
    assert [watch.multiplier_after(loss) for loss in (1.0, 0.99995, 0.9)] == [1, 0.5, 0.5]


class Optimizer:
    def __init__(self):
        self.learning_rate = 1.0


class Model:
    """As much of a Keras model as its callbacks touch."""

    def __init__(self):
        self.stop_training = False
        self.optimizer = Optimizer()

    def get_weights(self):
        return []

    def set_weights(self, weights):
        pass


@pytest.mark.parametrize("seed", range(20))
def test_decides_as_kerass_callbacks_do(seed):
    rng = np.random.default_rng(seed)
    losses = (0.1 + 0.02 * rng.standard_normal(40)).tolist()
    model = Model()
    stopping = keras.callbacks.EarlyStopping("val_loss", patience=5)
    plateau = keras.callbacks.ReduceLROnPlateau("val_loss", factor=0.5, patience=3, verbose=0)
    ours = EarlyStopping(5), Plateau(3, 0.5)
    for callback in (stopping, plateau):
        callback.set_model(model)
        callback.on_train_begin()
    for epoch, loss in enumerate(losses):
        for callback in (stopping, plateau):
            callback.on_epoch_end(epoch, {"val_loss": loss})
        assert ours[0].should_stop(loss) == model.stop_training
        assert ours[1].multiplier_after(loss) == pytest.approx(float(model.optimizer.learning_rate))
        if model.stop_training:
            break
