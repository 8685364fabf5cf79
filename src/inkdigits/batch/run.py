"""A job of any size: listed once, then read in parts by Ray Data's workers.

In: a Job. Out: Parquet files in its folder, and a Summary. The folder's manifest says what the job
is; a part is a file or is not there. So whatever dies, and whenever, the same job started again
reads what is missing, and every picture stands in the output once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import ray.data
from numpy.typing import NDArray

from inkdigits.batch.attempts import BEGUN
from inkdigits.batch.cluster import GO_ON, ray_for
from inkdigits.batch.listing import Tally
from inkdigits.batch.parts import Counts, Worker
from inkdigits.batch.plan import Job, Plan, changes, plan_of
from inkdigits.batch.rows import shortened
from inkdigits.batch.source import Source
from inkdigits.batch.storage import Location
from inkdigits.errors import BatchError, InkdigitsError
from inkdigits.reading.reader import Reader

_MOST_BLOCKS = 4096  # Ray keeps books on each; more parts share one


@dataclass(frozen=True)
class Summary:
    """What is in the output now, and what is not."""

    pictures: int
    failed: int  # rows with an error
    doubtful: int  # read, but not accepted
    there: int  # of the pictures, how many had been read before this start
    parts: int  # files
    passed_over: Tally = field(default_factory=Tally)  # files of the source that are not pictures
    added: Tally = field(default_factory=Tally)  # files that this start listed
    # Looked for where all had been read before, and with add_new:
    came_later: Tally = field(default_factory=Tally)  # files that are in no part
    gone: Tally = field(default_factory=Tally)  # files that are in a part, and no longer there


def read_all(job: Job, progress: Callable[[int, int], None] = lambda done, total: None) -> Summary:
    """Read every picture of a job into Parquet files; continue where an earlier start stopped.

    Columns: those of rows.OWN, then the other columns of a Parquet source. progress: told how many
    parts are done, of how many. Raises ConfigError if the source holds nothing or the folder holds
    another job, ModelError, and BatchError if Ray cannot start or a worker cannot write.
    """
    out, location = Location(job.out), Location(job.source.address)
    source = replace(job.source, address=location.named(location.path))
    with ExitStack() as stack:
        try:
            check_lock = stack.enter_context(out.locked())
            plan = plan_of(job, source, out, Reader(job.model, threads=1))
        except InkdigitsError:
            raise
        except Exception as error:  # fsspec's libraries raise their own
            why = f"{type(error).__name__}: {shortened(str(error))}"
            raise BatchError(
                f"{job.source.address} cannot be listed into {job.out} ({why}); fix that"
            ) from error

        def told(done: int, total: int) -> None:
            check_lock()
            progress(done, total)

        counts = _read(job, source, out, plan, told)
        check_lock()
        out.sweep(BEGUN)
    came_later, gone = Tally(), plan.gone
    if not plan.fresh and counts.there == counts.pictures:
        came_later, gone = changes(source, out, plan)
    return Summary(*counts, plan.parts, plan.passed_over, plan.added, came_later, gone)


def _read(
    job: Job, source: Source, out: Location, plan: Plan, progress: Callable[[int, int], None]
) -> Counts:
    """Have all parts read that are not there. Raises BatchError."""
    total = np.zeros(len(Counts._fields), np.int64)
    done = 0
    with ray_for(job.address, job.workers) as workers:
        numbers = ray.data.from_items(
            list(range(plan.parts)), override_num_blocks=max(1, min(plan.parts, _MOST_BLOCKS))
        )
        counts = numbers.map_batches(
            _Actor,
            batch_size=1,
            compute=ray.data.ActorPoolStrategy(
                size=max(1, min(workers, plan.parts)), max_tasks_in_flight_per_actor=2
            ),
            num_cpus=1,
            fn_constructor_args=(out, source, plan.listings),
        )
        for batch in counts.iter_batches(batch_size=None, prefetch_batches=0):
            if trouble := next(filter(None, batch["trouble"]), ""):
                raise BatchError(f"{trouble}; {GO_ON}")
            total += [batch[name].sum() for name in Counts._fields]
            done += len(batch["there"])
            progress(done, plan.parts)
    return Counts(*total.tolist())


class _Actor:
    """What Ray keeps a process for. Trouble is handed over: Ray would bury it in its own."""

    def __init__(self, out: Location, source: Source, listings: Sequence[tuple[str, int]]) -> None:
        self._given = out, source, listings
        self._worker: Worker | None = None

    def __call__(self, batch: dict[str, NDArray[np.int64]]) -> dict[str, NDArray[Any]]:
        (part,) = batch["item"].tolist()
        trouble, counts = "", Counts(0, 0, 0, 0)
        try:
            self._worker = self._worker or Worker(*self._given)
            counts = self._worker.read(part)
        except InkdigitsError as error:
            trouble = str(error)
        except Exception as error:  # noqa: BLE001 - raised again where the job was started
            trouble = f"part {part}: {type(error).__name__}: {shortened(str(error))}"
        columns = {name: np.array([value]) for name, value in counts._asdict().items()}
        return {**columns, "trouble": np.array([trouble], object)}
