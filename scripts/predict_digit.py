"""The original project's prediction script: `python scripts/predict_digit.py photo.jpg`."""

import sys

from inkdigits.cli import main

sys.argv[1:1] = ["predict"]
main()
