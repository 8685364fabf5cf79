"""The original project's reading, in Keras on TensorFlow: what runtime.py measures against.

Runs in an environment with TensorFlow and without inkdigits.

    python keras_predict.py MODEL.keras PICTURE
    python keras_predict.py MODEL.keras ARRAYS.npy

The first reads one picture and ends, as the original does. The second reads (N, 28, 28) arrays and
prints a line for each batch size: the size, and digits a second.
"""

import os
import sys
import time

os.environ["KERAS_BACKEND"] = "tensorflow"  # whatever the caller has
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

BATCHES = (32, 256, 1024)  # the first is Keras's default
RUNS = 3


def one(model: keras.Model, path: str) -> None:
    grey = tf.io.decode_image(tf.io.read_file(path), channels=1, expand_animations=False)
    array = np.asarray(tf.image.resize(grey, (28, 28)))[None] / 255
    answer = model.predict(array, verbose=0)[0]
    print(answer.argmax(), answer.max())


def many(model: keras.Model, path: str) -> None:
    arrays = np.load(path)[..., None]
    for batch in BATCHES:
        model.predict(arrays[: 2 * batch], batch_size=batch, verbose=0)
        for _ in range(RUNS):
            start = time.perf_counter()
            model.predict(arrays, batch_size=batch, verbose=0)
            print(batch, len(arrays) / (time.perf_counter() - start), flush=True)


def main() -> None:
    model = keras.models.load_model(sys.argv[1])
    (many if sys.argv[2].endswith(".npy") else one)(model, sys.argv[2])


if __name__ == "__main__":
    main()
