"""In which precision a step computes: the recipe's, or the faster one of two.

In: a recipe and a device. Out: "float32" or "bfloat16", of convolutions and products. What was
found to be faster is kept with the machine, so that a seed still gives one result there.
"""

from __future__ import annotations

import copy
import json
import time
from contextlib import suppress
from typing import Literal, cast

import torch
import torch.nn.functional as F
from torch import nn

from inkdigits.data.download import cache_folder
from inkdigits.environment import cpu_name
from inkdigits.errors import DataError
from inkdigits.files import write_text
from inkdigits.spec import N_CLASSES, SIDE
from inkdigits.training.models import build
from inkdigits.training.networks import network_named
from inkdigits.training.recipes import Recipe

Used = Literal["float32", "bfloat16"]
USED: tuple[Used, ...] = ("float32", "bfloat16")

KEPT = "precision.json"  # in the cache folder
_ROUNDS = 4  # each a step in either precision; the first is not counted
_CLEAR = 1.05  # bfloat16 has to be this much faster, or a near tie would be decided by noise


def used_precision(recipe: Recipe, device: torch.device, own: nn.Module | None = None) -> Used:
    """The precision a recipe computes in on `device`; own: a user's module in its network's place.

    `fastest` times some steps of the recipe's network in both, once: the answer is kept in the
    cache folder for this processor or GPU, PyTorch and network. Flags do not tell: of processors
    with bfloat16 instructions, some are slower with them than without. A user's module is timed
    each time: its name does not say what is in it.
    """
    if recipe.precision != "fastest":
        return recipe.precision
    if not _computes_bfloat16(device):
        return "float32"
    if own is not None:
        return _faster_of_own(recipe, device, own)
    key = f"{_name(device)}, torch {torch.__version__}, network {recipe.network}"
    kept = _read()
    if kept.get(key) not in USED:
        kept[key] = _faster(recipe, device, build(network_named(recipe.network)))
        _keep(kept)
    return cast("Used", kept[key])


def _computes_bfloat16(device: torch.device) -> bool:
    """Whether the device has bfloat16 instructions.

    Processors without them work it out in software, at a tenth of the speed of float32 (compact
    network, AMD Zen 3); AVX-512 alone is not enough.
    """
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return device.type == "cpu" and bool(torch.cpu._is_avx512_bf16_supported())


def _faster_of_own(recipe: Recipe, device: torch.device, own: nn.Module) -> Used:
    try:
        return _faster(recipe, device, copy.deepcopy(own))
    except RuntimeError:  # it mixes bfloat16 with float32, which operators refuse
        return "float32"


def _faster(recipe: Recipe, device: torch.device, network: nn.Module) -> Used:
    """The precision in which a step takes less time; they take turns, and the quickest counts.

    A processor is asked for one thread's own seconds: other programs would decide who wins.
    """
    network = network.to(device)
    optimizer = torch.optim.AdamW(network.parameters(), recipe.learning_rate, fused=True)
    images = torch.rand(recipe.batch_size, 1, SIDE, SIDE, device=device)
    images = images.to(memory_format=torch.channels_last)
    truth = torch.full((recipe.batch_size, N_CLASSES), 1 / N_CLASSES, device=device)
    seconds: dict[Used, list[float]] = {precision: [] for precision in USED}
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    for _ in range(_ROUNDS):
        for precision, taken in seconds.items():
            start = _now(device)
            with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16"):
                logits = network(images)
            optimizer.zero_grad()
            F.cross_entropy(logits.float(), truth).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            taken.append(_now(device) - start)
    torch.set_num_threads(threads)
    # The first step of each compiles what it needs.
    float32, bfloat16 = (min(seconds[precision][1:]) for precision in USED)
    return "bfloat16" if bfloat16 * _CLEAR < float32 else "float32"


def _now(device: torch.device) -> float:
    if device.type == "cpu":
        return time.thread_time()
    torch.cuda.synchronize(device)
    return time.perf_counter()


def _name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    # Virtual machines call processors with and without AMX alike.
    return cpu_name() + (" with AMX" if torch.cpu._is_amx_tile_supported() else "")


def _read() -> dict[str, str]:
    """What was found on this machine so far; nothing where that cannot be read."""
    try:
        found = json.loads((cache_folder() / KEPT).read_text(encoding="utf-8"))
    except (DataError, OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _keep(found: dict[str, str]) -> None:
    # A cache that cannot be written costs a second at every start.
    with suppress(DataError, OSError):
        write_text(cache_folder() / KEPT, json.dumps(found, indent=1) + "\n")
