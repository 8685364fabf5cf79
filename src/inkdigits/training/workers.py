"""Several processes training one network: what each needs to know, and what they exchange.

Started by torchrun, which sets RANK, WORLD_SIZE and LOCAL_WORLD_SIZE; with none of them set there
is one worker and nothing here does anything. PyTorch's own engine (gloo) moves the gradients.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from inkdigits.errors import ConfigError, TrainingError
from inkdigits.processes import end_with_launcher

_PATIENCE = timedelta(minutes=10)  # the others wait this long while the first evaluates

T = TypeVar("T")


@dataclass(frozen=True)
class Workers:
    """Which of the workers this process is. Only the first (rank 0) writes and reports."""

    rank: int = 0
    count: int = 1
    local_rank: int = 0  # among those of this machine

    @property
    def is_first(self) -> bool:
        """Whether this process is the one that writes and reports."""
        return self.rank == 0

    def share(self, index: Tensor) -> Tensor:
        """This worker's part of a batch's indices; all parts together are the batch."""
        return index[self.rank :: self.count]

    def wrapped(self, model: nn.Module) -> nn.Module:
        """The model, its gradients averaged over the workers in every backward pass."""
        return DistributedDataParallel(model) if self.count > 1 else model

    def from_first(self, value: T) -> T:
        """The first worker's `value`, on every worker."""
        if self.count == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box, src=0)
        return box[0]


def started_workers() -> int:
    """How many workers torchrun started; 1 where it did not. Raises ConfigError."""
    text = os.environ.get("WORLD_SIZE") or "1"  # some launchers leave it empty
    if not re.fullmatch("[1-9][0-9]{0,5}", text):
        raise ConfigError(
            f"$WORLD_SIZE is {text!r:.80}, expected a number, as torchrun sets it; unset it"
        )
    return int(text)


@contextmanager
def joined() -> Iterator[Workers]:
    """Join the workers torchrun started, if it did, and leave them at the end.

    Raises TrainingError if another worker is lost; the last checkpoint is then whole. Raises
    ConfigError where variables are set as if torchrun had started it.
    """
    count = started_workers()
    if count == 1:
        yield Workers()
        return
    end_with_launcher()
    try:
        dist.init_process_group("gloo", timeout=_PATIENCE)
        local_rank = int(os.environ.get("LOCAL_RANK") or "0")
    except ValueError as error:
        raise ConfigError(
            f"$WORLD_SIZE is {count}, and torchrun did not start this ({error}); start it with "
            "torchrun, or unset WORLD_SIZE"
        ) from error
    workers = Workers(dist.get_rank(), dist.get_world_size(), local_rank)
    try:
        yield workers
    except RuntimeError as error:
        # Gloo knows a lost peer only by its closed connection.
        raise TrainingError(
            f"worker {workers.rank} of {workers.count} lost the others "
            f"({str(error).splitlines()[0]}); the last checkpoint is whole: "
            "continue with --resume and the run folder"
        ) from error
    finally:
        # After an error the others are gone, and leaving in good order would wait for them.
        if dist.is_initialized():
            dist.destroy_process_group()
