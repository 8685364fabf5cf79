"""MNIST's test set as people have digits, in PNG files, beside the same digits as arrays.

    python benchmarks/mnist_as_pictures.py [--model RUN_OR_ONNX]

Run it once for a finished model: nothing is chosen by the test set.
"""

import argparse

import numpy as np
from field import as_png

from inkdigits import Reader
from inkdigits.data import load
from inkdigits.errors import PictureError
from inkdigits.evaluation.scores import score


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model")
    args = parser.parse_args()
    reader = Reader(args.model)
    test = load("mnist").test
    nothing = (0.1,) * 10  # a picture that cannot be read
    pictures = [
        nothing if isinstance(found, PictureError) else found.probabilities
        for found in reader.predict_many(as_png(image) for image in test.images)
    ]
    arrays = [
        reading.probabilities for reading in reader.read_arrays(test.images / np.float32(255))
    ]
    for name, rows in (("arrays", arrays), ("PNG files", pictures)):
        found = score(test.labels, np.array(rows, np.float32), len(test))
        print(
            f"{name:<10} {found.accuracy:.2%} of {found.n:,}, cross-entropy {found.loss:.4f}, "
            f"calibration error {found.calibration_error:.2%}"
        )


if __name__ == "__main__":
    main()
