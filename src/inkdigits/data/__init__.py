"""Where labelled digits come from: IDX, CSV, NPZ, Parquet, picture folders, MNIST, or its sample.

`load("auto")` gives DigitSets. Imports only numpy, OpenCV and Pillow until a source needs more.
"""

from __future__ import annotations

from inkdigits.data.digits import Digits, DigitSets
from inkdigits.data.sources import load

__all__ = ["DigitSets", "Digits", "load"]
