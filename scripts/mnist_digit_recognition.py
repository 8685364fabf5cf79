"""The original project's main script: train its network, evaluate, draw, save."""

import sys

from inkdigits.__main__ import main

sys.argv[1:1] = ["train", "--recipe", "original"]
main()
