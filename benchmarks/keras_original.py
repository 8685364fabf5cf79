"""The original project's network and training, in Keras: what against_keras.py measures against.

Runs in an environment with TensorFlow and without inkdigits: python keras_original.py FILE EPOCHS.
FILE is an .npz of {train,held,test}_{x,y}. Prints one line of JSON.
"""

import json
import os
import sys
import time

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from keras import layers


def network() -> keras.Model:
    def conv(filters: int) -> list[layers.Layer]:
        return [
            layers.Conv2D(filters, 3, padding="same", activation="relu"),
            layers.BatchNormalization(),
        ]

    def dense(units: int) -> list[layers.Layer]:
        return [
            layers.Dense(units, activation="relu"),
            layers.BatchNormalization(),
            layers.Dropout(0.5),
        ]

    def end() -> list[layers.Layer]:
        return [layers.MaxPooling2D(), layers.Dropout(0.25)]

    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            *conv(32), *conv(32), *end(),
            *conv(64), *conv(64), *end(),
            *conv(128), *end(),
            layers.Flatten(), *dense(256), *dense(128), layers.Dense(10, activation="softmax"),
        ]
    )  # fmt: skip


def main() -> None:
    keras.utils.set_random_seed(0)
    with np.load(sys.argv[1]) as file:
        sets = {
            part: (file[f"{part}_x"][..., None].astype(np.float32) / 255, file[f"{part}_y"])
            for part in ("train", "held", "test")
        }
    model = network()
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    start = time.perf_counter()
    history = model.fit(
        *sets["train"],
        batch_size=128,
        epochs=int(sys.argv[2]),
        validation_data=sets["held"],
        callbacks=[
            keras.callbacks.EarlyStopping(patience=5, restore_best_weights=True),
            keras.callbacks.ReduceLROnPlateau(factor=0.5, patience=3),
        ],
        verbose=2,
    )
    seconds = time.perf_counter() - start
    loss, accuracy = model.evaluate(*sets["test"], batch_size=1000, verbose=0)
    found = {"accuracy": accuracy, "loss": loss, "seconds": seconds}
    print(json.dumps({**found, "epochs": len(history.epoch), "parameters": model.count_params()}))


if __name__ == "__main__":
    main()
