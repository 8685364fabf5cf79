"""MNIST's test set as people have digits, in PNG files, beside the same digits as arrays.

    python benchmarks/mnist_as_pictures.py [--model RUN_OR_ONNX] [--write]

Run it once for a finished model: nothing is chosen by the test set.
"""

import numpy as np
import tables
from field import as_png

from inkdigits import Reader
from inkdigits.data import load
from inkdigits.errors import PictureError
from inkdigits.evaluation.scores import score


def main() -> None:
    parser = tables.parser(__doc__)
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
    table = tables.Table(
        "mnist-as-pictures", "given as", "n", "right, %", "cross-entropy", "calibration error, %"
    )
    for name, rows in (("arrays", arrays), ("PNG files", pictures)):
        found = score(test.labels, np.array(rows, np.float32), len(test))
        table.row(
            name, f"{found.n:,}", f"{100 * found.accuracy:.2f}", f"{found.loss:.4f}",
            f"{100 * found.calibration_error:.2f}",
        )  # fmt: skip
    if args.write:
        table.write()


if __name__ == "__main__":
    main()
