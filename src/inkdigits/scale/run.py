"""A job of any size: listed once, then read in parts by Ray Data's workers.

In: a Job. Out: Parquet files in its folder, and a Summary. The folder's manifest says what the job
is; a part is a file or is not there. So whatever dies, and whenever, the same job started again
reads what is missing, and every picture stands in the output once.
"""

from __future__ import annotations

import hashlib
import json
import posixpath
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import ray.data
from numpy.typing import NDArray

from inkdigits.errors import ConfigError, InkdigitsError, ScaleError
from inkdigits.reader import Reader
from inkdigits.scale.attempts import BEGUN
from inkdigits.scale.cluster import GO_ON, ray_for
from inkdigits.scale.parts import LISTING, MODEL, Counts, Worker, write_listing
from inkdigits.scale.source import Source, parts_of
from inkdigits.scale.storage import Place
from inkdigits.version import __version__

MANIFEST = "_manifest.json"
PART_SIZE = 2000  # pictures: some seconds of a core, which is what a worker's death costs
_FORMAT = 1  # of the manifest and of what lies beside it
_MOST_BLOCKS = 4096  # Ray keeps books on each; more parts share one


@dataclass(frozen=True, kw_only=True)
class Job:
    """What to read, where to, and by whom."""

    source: Source
    out: str  # a folder, local or at an address; other than a new one only to go on
    model: str | None = None  # an .onnx file or a run folder; None is the shipped model
    part_size: int | None = None  # pictures in an output file; None: 2,000, or what was begun with
    workers: int | None = None  # processes of one core; None: all of the machine or cluster
    address: str | None = None  # of a Ray cluster's head: host:port or auto; None starts Ray here

    def __post_init__(self) -> None:
        for name in ("part_size", "workers"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ConfigError(f"{name} is {value}, wanted 1 or more")
        if not re.fullmatch(r"auto|[^/]+:\d+", self.address or "auto"):
            raise ConfigError(
                f"address is {self.address!r}, wanted a Ray cluster's: host:port of its head, or "
                "auto on one of its machines"
            )


@dataclass(frozen=True)
class Summary:
    """What is in the output now."""

    pictures: int
    failed: int  # rows with an error
    doubtful: int  # read, but not accepted
    there: int  # of the pictures, how many had been read before this start
    parts: int  # files


def read_all(job: Job, progress: Callable[[int, int], None] = lambda done, total: None) -> Summary:
    """Read every picture of a job into Parquet files; go on where an earlier start stopped.

    Columns: path (string), digit (int8), confidence (float32), probabilities (ten float32),
    accepted (bool), reason and error (string); null where there is none. progress: told how many
    parts are done, of how many. Raises ConfigError if the source holds nothing or the folder holds
    another job, ModelError, and ScaleError if Ray cannot start or a worker cannot write.
    """
    out, place = Place(job.out), Place(job.source.address)
    source = replace(job.source, address=place.named(place.path))
    model = Reader(job.model, threads=1).path.read_bytes()
    try:
        parts = _begun(job, source, out, model)
    except OSError as error:
        raise ScaleError(f"{job.out}: cannot be listed into: {error}; mend that") from error
    total = np.zeros(len(Counts._fields), np.int64)
    done = 0
    with ray_for(job.address, job.workers) as workers:
        numbers = ray.data.from_items(
            list(range(parts)), override_num_blocks=max(1, min(parts, _MOST_BLOCKS))
        )
        counts = numbers.map_batches(
            _Actor,
            batch_size=1,
            compute=ray.data.ActorPoolStrategy(
                size=max(1, min(workers, parts)), max_tasks_in_flight_per_actor=2
            ),
            num_cpus=1,
            fn_constructor_args=(out, source),
        )
        for batch in counts.iter_batches(batch_size=None, prefetch_batches=0):
            if trouble := next(filter(None, batch["trouble"]), ""):
                raise ScaleError(f"{trouble}; {GO_ON}")
            total += [batch[name].sum() for name in Counts._fields]
            done += len(batch["there"])
            progress(done, parts)
    out.sweep(BEGUN)
    pictures, failed, doubtful, there = total.tolist()
    return Summary(pictures, failed, doubtful, there, parts)


class _Actor:
    """What Ray keeps a process for. Trouble is handed over: Ray would bury it in its own."""

    def __init__(self, out: Place, source: Source) -> None:
        self._given = out, source
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
            trouble = f"part {part}: {type(error).__name__}: {error}"
        columns = {name: np.array([value]) for name, value in counts._asdict().items()}
        return {**columns, "trouble": np.array([trouble], object)}


def _begun(job: Job, source: Source, out: Place, model: bytes) -> int:
    """How many parts the job has, by its manifest; the first start lists them and writes it."""
    sha256 = hashlib.sha256(model).hexdigest()
    given = {"format": _FORMAT, "source": source.address, "column": source.column, "model": sha256}
    if job.part_size is not None:
        given["part_size"] = job.part_size
    if out.has(MANIFEST):
        with out.open(MANIFEST) as file:
            manifest = json.load(file)
        for name, value in given.items():
            if manifest.get(name) != value:
                raise ConfigError(
                    f"{job.out} was begun with {name} {manifest.get(name)!r}, this is {value!r}; "
                    "go on with what it was begun with, or name another folder"
                )
        return int(manifest["parts"])
    _check_new(job, source, out)
    size = job.part_size or PART_SIZE
    with out.writing(LISTING) as path:
        parts = write_listing(path, parts_of(source.entries(), size))
    with out.writing(MODEL) as path:
        path.write_bytes(model)
    # What the parts need is there before the manifest that says so.
    made = {**given, "part_size": size, "parts": parts, "inkdigits": __version__}
    with out.writing(MANIFEST) as path:
        path.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
    return parts


def _check_new(job: Job, source: Source, out: Place) -> None:
    folder = out.named(out.path)
    if f"{folder}/".startswith(f"{source.address.rstrip('/')}/"):
        raise ConfigError(
            f"{job.out} lies in {job.source.address}: its files would be read as input; name a "
            "folder elsewhere"
        )
    if not out.files.exists(out.path):
        return
    if not out.files.isdir(out.path):
        raise ConfigError(f"{job.out}: is a file, wanted a folder to write Parquet files to")
    names = {posixpath.basename(path) for path in out.files.ls(out.path, detail=False)}
    other = sorted(name for name in names if not name.startswith((".", LISTING, MODEL)))
    if other:
        raise ConfigError(
            f"{job.out} holds {other[0]} and no {MANIFEST}: it is no job that could go on; name a "
            "new or empty folder"
        )
