"""Where a training step's milliseconds go, and how far the step is from the machine's peak.

    python benchmarks/step_profile.py [RECIPE ...] [--write]

Prints, for each recipe's network, batch and precision, the share of each kind of work in a step
(forward, backward and Adam on one batch that is already there) and what fetching and augmenting the
batch adds. The peak is a plain matrix multiply of 2048 x 2048 in the same precision.
"""

import sys
import time

import torch
import torch.nn.functional as F
from tables import Table, parser
from torch import nn
from torch.profiler import ProfilerActivity, profile

from inkdigits.training.augment import augment
from inkdigits.training.device import CPU
from inkdigits.training.judge import floats
from inkdigits.training.malloc import keep_freed_memory
from inkdigits.training.models import build
from inkdigits.training.networks import NETWORKS
from inkdigits.training.precision import used_precision
from inkdigits.training.recipes import recipe

STEPS = 60
KINDS = {  # first match counts
    "convolution, backward": ("convolution_backward",),
    "convolution, forward": ("mkldnn_convolution", "conv"),
    "pooling": ("max_pool", "fill_", "zero_"),
    "batch normalisation": ("batch_norm",),
    "optimiser": ("Optimizer", "_fused_adam"),
    "dense": ("addmm", "aten::mm"),
    "ReLU": ("threshold", "clamp", "relu"),
    "copies and casts": ("copy_", "_to_copy", "contiguous"),
}


def peak_gflops(dtype: torch.dtype) -> float:
    a = torch.randn(2048, 2048).to(dtype)
    best = 0.0
    for _ in range(12):
        start = time.perf_counter()
        a @ a
        best = max(best, 2 * 2048**3 / (time.perf_counter() - start) / 1e9)
    return best


def multiply_adds(model: nn.Module) -> int:
    """Of one image, forward."""
    count = 0

    def add(module, inputs, output):
        nonlocal count
        per_output = module.weight[0].numel()
        count += output[0].numel() * per_output

    hooks = [
        m.register_forward_hook(add)
        for m in model.modules()
        if isinstance(m, nn.Conv2d | nn.Linear)
    ]
    model.eval()(torch.zeros(1, 1, 28, 28))
    for hook in hooks:
        hook.remove()
    return count


def main() -> None:
    keep_freed_memory()
    args = parser(__doc__)
    args.add_argument("recipes", nargs="*", default=["fast", "original"])
    given = args.parse_args()
    table = Table(
        "step-profile", "recipe", "batch", "precision", "threads", "step, ms", "images a second",
        "augmenting, ms", "GFLOP/s", "of a matrix product's", "convolutions", "pooling",
    )  # fmt: skip
    for name in given.recipes:
        row = recipe(name)
        torch.manual_seed(0)
        model = build(NETWORKS[row.network])
        work = 6 * multiply_adds(model)  # operations: 2 each, forward and twice that backward
        model.train()
        optimizer = torch.optim.AdamW(model.parameters(), 1e-3, fused=True)
        images = torch.randint(0, 256, (row.batch_size, 1, 28, 28), dtype=torch.uint8)
        labels = torch.randint(0, 10, (row.batch_size,))
        batch = floats(images)
        precision = used_precision(row, CPU)
        low = precision == "bfloat16"

        def step(model=model, batch=batch, labels=labels, optimizer=optimizer, low=low):
            with torch.autocast("cpu", torch.bfloat16, enabled=low):
                logits = model(batch)
            F.cross_entropy(logits.float(), labels).backward()
            optimizer.step()
            optimizer.zero_grad()

        generator = torch.Generator().manual_seed(0)
        fetch = timed(lambda images=images: floats(images))
        moved = timed(lambda batch=batch, row=row, g=generator: augment(batch, row, g))
        seconds = timed(step)
        with profile(activities=[ProfilerActivity.CPU]) as found:
            for _ in range(STEPS):
                step()
        spent: dict[str, float] = {}
        for event in found.key_averages():
            kind = next(
                (k for k, parts in KINDS.items() if any(p in event.key for p in parts)), "rest"
            )
            spent[kind] = spent.get(kind, 0) + event.self_cpu_time_total
        total = sum(spent.values())
        peak = peak_gflops(torch.bfloat16 if low else torch.float32)
        rate = work * row.batch_size / seconds / 1e9
        shares = {kind: f"{value / total:.0%}" for kind, value in spent.items()}
        convolutions = sum(spent.get(f"convolution, {way}", 0) for way in ("forward", "backward"))
        table.row(
            f"`{name}`", row.batch_size, precision, torch.get_num_threads(),
            f"{1000 * seconds:.1f}", f"{row.batch_size / seconds:,.0f}",
            f"{1000 * moved * row.augments:.1f}", f"{rate:,.0f}", f"{rate / peak:.0%}",
            f"{convolutions / total:.0%}", shares.get("pooling", "-"),
        )  # fmt: skip
        print(shares, f"fetching {1000 * fetch:.2f} ms", file=sys.stderr)
    if given.write:
        table.write()


def timed(call) -> float:
    """Median seconds of a call, after a warm-up."""
    times = []
    for _ in range(STEPS + 5):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return sorted(times[5:])[STEPS // 2]


if __name__ == "__main__":
    main()
