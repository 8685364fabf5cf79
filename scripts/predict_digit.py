"""The original project's prediction script: `python scripts/predict_digit.py photo.jpg`."""

import sys

from inkdigits.__main__ import main

sys.argv[1:1] = ["predict"]
main()
