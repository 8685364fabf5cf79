"""What trains: the processor or a GPU.

In: a setting's word. Out: PyTorch's device. Random numbers are drawn on the processor for every
device, so that weights start alike and images are moved about alike on all of them.
"""

from __future__ import annotations

import torch

from inkdigits.errors import ConfigError
from inkdigits.training.workers import Workers

CPU = torch.device("cpu")


def chosen(device: str, workers: Workers = Workers()) -> torch.device:  # noqa: B008  frozen
    """The device that `cpu`, `cuda`, `mps` or `auto` names; each worker takes a GPU of its own.

    auto: a CUDA GPU if there is one, else the processor. Where there are more workers than GPUs,
    they share. Raises ConfigError if there is no such GPU.
    """
    if device == "cpu" or (device == "auto" and not torch.cuda.is_available()):
        return CPU
    if device == "mps":
        if not torch.backends.mps.is_available():
            raise _missing("Apple GPU", device)
        return torch.device("mps")
    if not torch.cuda.is_available():
        raise _missing("CUDA GPU", device)
    return torch.device("cuda", workers.local_rank % torch.cuda.device_count())


def name_of(device: torch.device) -> str:
    """What a result calls the device: "cpu", "mps", or "cuda" and the GPU's name."""
    if device.type != "cuda":
        return device.type
    return f"cuda: {torch.cuda.get_device_name(device)}"


def _missing(what: str, device: str) -> ConfigError:
    return ConfigError(
        f"device is {device}, but PyTorch {torch.__version__} finds no {what}, expected one; "
        "leave --device out, or set it to cpu"
    )
