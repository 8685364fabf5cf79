"""What a user waits for, in whole processes.

    python benchmarks/user_times.py [--runs 11]

Prints medians with minimum and maximum. Needs MNIST for the 70,000 PNGs (some 280 MB on disk while
it runs, in a temporary folder).
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

EXAMPLES = Path(__file__).parent.parent / "examples"


def seconds(*command: str) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def report(what: str, found: list[float]) -> None:
    print(
        f"{what:<44} median {statistics.median(found):6.3f} s  "
        f"({min(found):.3f} to {max(found):.3f}, n = {len(found)})",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=11)
    args = parser.parse_args()
    python, small = sys.executable, str(EXAMPLES / "2_small_white_on_black.png")
    photo = str(EXAMPLES / "0_yellow_paper.jpg")
    for what, command in (
        ("inkdigits --version", ("--version",)),
        ("inkdigits predict, one 28x28 PNG", ("predict", small)),
        ("inkdigits predict, one 1200x900 photo", ("predict", photo)),
    ):
        # The first run fills the disk's cache.
        times = [seconds(python, "-m", "inkdigits", *command) for _ in range(args.runs + 1)]
        report(what, times[1:])
    with tempfile.TemporaryDirectory() as scratch:
        folder = f"{scratch}/digits"
        report(
            "inkdigits data export-png, 70,000 PNGs",
            [seconds(python, "-m", "inkdigits", "data", "export-png", folder)],
        )
        code = f"from inkdigits.data import load; load({folder!r})"
        report("load() of the 70,000 PNGs", [seconds(python, "-c", code) for _ in range(3)])


if __name__ == "__main__":
    main()
