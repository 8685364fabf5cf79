"""Make the two models that the package ships, from the data to the .onnx files.

    python benchmarks/fetch_fonts.py FONTS
    python benchmarks/train_shipped.py OUT FONTS

Needs $INKDIGITS_DATA and, of $INKDIGITS_FIELD, the two sets whose licences allow training: hwd1000
(MIT) and optdigits32 (CC BY 4.0). Every second picture of them is trained on, the others are kept
for field.py. OUT gets the made data, the run folder, and says where the model is.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

ADDED = ("hwd1000", "optdigits32")
DATA = ("--digits", "50000", "--nondigits", "25000", "--seed", "1")
TRAINING = ("--recipe", "pictures", "--seed", "0", "--threads", "2")


def main() -> None:
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    out, fonts = Path(sys.argv[1]), sys.argv[2]
    out.mkdir(parents=True)
    field = Path(os.environ["INKDIGITS_FIELD"])
    add = []
    for name in ADDED:
        with np.load(field / name / "images.npz") as file:
            np.savez(out / f"{name}_even.npz", x=file["x"][::2], y=file["y"][::2])
        add += ["--add", str(out / f"{name}_even.npz")]
    inkdigits = [sys.executable, "-m", "inkdigits"]
    made, run = str(out / "made.npz"), str(out / "run")
    subprocess.run([*inkdigits, "data", "make", made, "--fonts", fonts, *DATA, *add], check=True)
    subprocess.run([*inkdigits, "train", "--data", made, "--out", run, *TRAINING], check=True)
    print(f"the model: {out / 'run' / 'model.onnx'}")


if __name__ == "__main__":
    main()
