"""Reads a folder of pictures with digit-recognizer-py: what peers.py measures against.

Runs in an environment of its own, without inkdigits: python peer_digit_recognizer.py FOLDER.
Reads FOLDER's *.png in order of their names. Prints one line of JSON.
"""

import json
import sys
import time
from pathlib import Path

from digit_recognizer import DigitRecognizer


def main() -> None:
    recognizer = DigitRecognizer(device="cpu")
    files = sorted(Path(sys.argv[1]).glob("*.png"))
    start = time.perf_counter()
    digits = [recognizer.predict(file) for file in files]
    print(json.dumps({"digits": digits, "seconds": time.perf_counter() - start}))


if __name__ == "__main__":
    main()
