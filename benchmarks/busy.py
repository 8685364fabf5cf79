"""Seconds of an epoch of `flash`, alone and beside programs that keep a core busy.

    python benchmarks/busy.py                        # 3 epochs a cell
    python benchmarks/busy.py --n 5 --spins usual 10000 --images 12800

PyTorch's threads wait for each other in every operator: they spin, and sleep when they have spun
long enough. Each row is a value of GOMP_SPINCOUNT, or `usual` (the library's own), or `passive`
(OMP_WAIT_POLICY=passive: no spinning). The values take turns, each epoch in a process of its own.
Prints median (least to most) seconds and the loss, which no value may change.
"""

import argparse
import os
import statistics
import subprocess
import sys
from contextlib import ExitStack

from inkdigits import environment

EPOCH = """
import sys
import numpy as np
import torch
from inkdigits.data import load
from inkdigits.training.loop import train
from inkdigits.training.callbacks import Callback
from inkdigits.training.recipes import recipe
from inkdigits.training.state import fresh_state

torch.set_num_threads(int(sys.argv[1]))
row = recipe("flash").with_overrides({"validation_share": 0.0, "calibrate": False})
digits = load("mnist").train.take(np.arange(int(sys.argv[2])), "some")
state = train(digits, None, fresh_state(row, 0), Callback())
print(state.history[0].seconds, repr(state.history[0].loss), state.precision)
"""
SPINS = ("usual", "300", "1000", "3000", "10000", "30000", "100000", "passive")


def epoch(spins: str, threads: int, images: int) -> tuple[float, str, str]:
    """Seconds, loss and precision of one epoch."""
    set_here = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")
    environment = {name: value for name, value in os.environ.items() if name not in set_here}
    if spins == "passive":
        environment["OMP_WAIT_POLICY"] = "passive"
    elif spins != "usual":
        environment["GOMP_SPINCOUNT"] = spins
    done = subprocess.run(
        [sys.executable, "-c", EPOCH, str(threads), str(images)],
        env=environment, check=True, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    seconds, loss, precision = done.stdout.split()
    return float(seconds), loss, precision


def busy(stack: ExitStack) -> None:
    """Keep a core busy until the stack ends."""
    process = stack.enter_context(subprocess.Popen([sys.executable, "-c", "while True: pass"]))
    stack.callback(process.kill)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=3, help="epochs a cell")
    parser.add_argument("--beside", type=int, nargs="+", default=[0, 1, 2], help="busy programs")
    parser.add_argument("--spins", nargs="+", default=SPINS)
    parser.add_argument("--images", type=int, default=60_000, help="of MNIST's training set")
    parser.add_argument("--threads", type=int, default=environment.cores())
    args = parser.parse_args()
    seconds: dict[tuple[str, int], list[float]] = {}
    losses = set()
    for n in args.beside:
        with ExitStack() as stack:
            for _ in range(n):
                busy(stack)
            for _ in range(args.n):
                for spins in args.spins:
                    took, loss, precision = epoch(spins, args.threads, args.images)
                    seconds.setdefault((spins, n), []).append(took)
                    losses.add(f"{loss} in {precision}")
                    print(f"{n} beside, {spins}: {took:.1f} s", file=sys.stderr, flush=True)
    print(f"{environment.cpu_name()}, {args.threads} threads, {args.images:,} images, n = {args.n}")
    print("| spins | " + " | ".join(f"{n} beside, s" for n in args.beside) + " |")
    print("| --- |" + " --- |" * len(args.beside))
    for spins in args.spins:
        found = [seconds[spins, n] for n in args.beside]
        cells = [f"{statistics.median(s):.1f} ({min(s):.1f} to {max(s):.1f})" for s in found]
        print(f"| {spins} | {' | '.join(cells)} |")
    print(f"loss of the epoch: {', '.join(sorted(losses))}")


if __name__ == "__main__":
    main()
