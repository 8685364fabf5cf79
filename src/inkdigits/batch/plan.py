"""What a job is: started, continued, added to. Its folder's manifest keeps it.

In: a Job and its folder. Out: a Plan, which is in the manifest. What the parts need lies in the
folder before the manifest names it: so a start that is killed here leaves nothing that is in force.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from inkdigits.batch.items import Entry
from inkdigits.batch.kept import Columns, misfit
from inkdigits.batch.listing import LISTING, Tally, compared, listing_name, write_listing
from inkdigits.batch.rows import as_text, kept_in, schema_of, shortened
from inkdigits.batch.source import SHARDS, TABLES, Source, parts_of
from inkdigits.batch.storage import Location, real
from inkdigits.errors import ConfigError
from inkdigits.picture.open import SUFFIXES
from inkdigits.reading.reader import Reader
from inkdigits.text_line import shown
from inkdigits.version import __version__

MANIFEST = "_manifest.json"
SCHEMA = "_schema.parquet"  # no rows, and the schema of all parts
MODEL = "_model.onnx"  # what the parts are read with; not there for the shipped model
PASSED_OVER = "_passed_over.txt"  # a line for each such file
PART_SIZE = 2000  # pictures: some seconds of a core, which is what a worker's death costs
_FORMAT = 2  # of the manifest and of what lies beside it


@dataclass(frozen=True, kw_only=True)
class Job:
    """What to read, where to, and by whom."""

    source: Source
    out: str  # a folder, local or at an address; an existing one only to continue
    model: str | None = None  # an .onnx file or a run folder; None is the shipped model
    part_size: int | None = None  # pictures in an output file; None: 2,000, or what was begun with
    workers: int | None = None  # processes of one core; None: all of the machine or cluster
    address: str | None = None  # of a Ray cluster's head: host:port or auto; None starts Ray here
    add_new: bool = False  # read the files as well that came after the job was begun

    def __post_init__(self) -> None:
        for name in ("part_size", "workers"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ConfigError(f"{name} is {value}, expected 1 or more")
        if not re.fullmatch(r"auto|[^/]+:\d+", self.address or "auto"):
            raise ConfigError(
                f"address is {self.address!r}, expected a Ray cluster's: host:port of its head, or "
                "auto on one of its machines"
            )


@dataclass(frozen=True)
class Plan:
    """A job as it is read."""

    part_size: int
    listings: tuple[tuple[str, int], ...] = ()  # files, and how many parts each lists
    passed_over: Tally = field(default_factory=Tally)
    fresh: bool = True  # this start listed the source
    added: Tally = field(default_factory=Tally)  # came later, and are listed now
    gone: Tally = field(default_factory=Tally)  # are listed, and not there now; known where fresh

    @property
    def parts(self) -> int:
        """How many there are."""
        return sum(n for _, n in self.listings)


def plan_of(job: Job, source: Source, out: Location, reader: Reader) -> Plan:
    """The plan in the folder's manifest; the first start lists the source and writes it.

    source: the job's, at an address that all workers can open. Raises ConfigError if the source
    holds nothing, or the folder holds another job, and OSError.
    """
    given = {
        "source": source.address,
        "column": source.column,
        "model": reader.model.about.identity,
    }
    if out.has(MANIFEST):
        manifest = _manifest_in(job, out)
        _check_same(job, given, manifest)
        plan = _plan_in(manifest)
        if not job.add_new:
            return plan
        plan, _ = _listed(source, out, plan, _kept(out))
    else:
        plan = _begun(job, source, out, reader)
    with out.writing(MANIFEST) as path:
        path.write_text(json.dumps(_manifest_of(plan, given), indent=1) + "\n", encoding="utf-8")
    return plan


def changes(source: Source, out: Location, plan: Plan) -> tuple[Tally, Tally]:
    """The files that came after they were listed, and those that are gone since."""
    came, gone = Tally(), Tally()
    files = source.files(out.named(out.path))
    for file, listed, there in compared(out, _names(plan), files):
        if listed and not there:
            gone.add(file)
        elif there and not listed and not file.why:
            came.add(file)
    return came, gone


def _begun(job: Job, source: Source, out: Location, reader: Reader) -> Plan:
    """The plan of a first start, and all that the parts need but the manifest."""
    _check_new(job, source, out)
    new = not out.files.exists(out.path)
    try:
        plan, kept = _listed(source, out, Plan(job.part_size or PART_SIZE))
    except ConfigError:
        if new:
            with suppress(OSError):
                out.files.rmdir(out.path)
        raise
    with out.writing(SCHEMA) as path:
        # Not of an empty table: Arrow makes none with tensors.
        pq.ParquetWriter(path, schema_of(kept, reader.model.about.identity)).close()
    if job.model is None:
        out.remove(MODEL)  # of a start that was killed here
    else:
        with out.writing(MODEL) as path:
            path.write_bytes(reader.model.path.read_bytes())
    return plan


def _listed(
    source: Source, out: Location, before: Plan, kept: pa.Schema | None = None
) -> tuple[Plan, pa.Schema]:
    """The plan with the files that it does not list yet, and the columns that rows keep.

    kept: those columns, where rows are there already. Writes the files that the plan names. Raises
    ConfigError where a file does not fit.
    """
    columns = Columns()
    passed_over, added, gone = Tally(), Tally(), Tally()
    name = listing_name(len(before.listings))

    with (
        out.writing(PASSED_OVER) as passed_path,
        out.writing(name) as path,
        open(passed_path, "w", encoding="utf-8") as lines,
    ):

        def entries() -> Iterator[Entry]:
            files = source.files(out.named(out.path))
            for file, listed, there in compared(out, _names(before), files):
                if not there:
                    gone.add(file)
                elif file.why:
                    passed_over.add(file)
                    lines.write(f"{shown(as_text(file.address))}\t{shown(file.why)}\n")
                elif not listed:
                    added.add(file)
                    entry, more = source.entry(file.address)
                    if kept is None:
                        columns.add(more, file.address)
                    elif why := misfit(more, kept, file.address):
                        raise ConfigError(
                            f"{file.address} came later and does not fit: {why}; no file was "
                            "added: move it elsewhere and start again, and read it into a folder "
                            "of its own"
                        )
                    yield entry

        parts = write_listing(path, parts_of(entries(), before.part_size))
        if not before.listings and not parts:
            raise _nothing(source, passed_over)
    if not passed_over.n:
        out.remove(PASSED_OVER)
    if not parts:
        out.remove(name)
    listings = (*before.listings, (name, parts)) if parts else before.listings
    plan = Plan(before.part_size, listings, passed_over, True, added, gone)
    return plan, columns.schema if kept is None else kept


def _names(plan: Plan) -> list[str]:
    return [name for name, _ in plan.listings]


def _kept(out: Location) -> pa.Schema:
    with out.open(SCHEMA) as file:
        return kept_in(pq.read_schema(file))


def _manifest_of(plan: Plan, given: dict[str, str]) -> dict[str, object]:
    return {
        "format": _FORMAT,
        **given,
        "part_size": plan.part_size,
        "listings": [{"file": name, "parts": parts} for name, parts in plan.listings],
        "passed_over": vars(plan.passed_over),
        "inkdigits": __version__,
    }


def _manifest_in(job: Job, out: Location) -> dict[str, Any]:
    """The folder's manifest. Raises ConfigError where it is damaged, or of another version."""
    with out.open(MANIFEST) as file:
        text = file.read()
    try:
        manifest: dict[str, Any] = json.loads(text)
        ours = manifest["format"] == _FORMAT
        if ours:
            _plan_in(manifest)
            for name in ("source", "column", "model", "inkdigits"):
                _text(manifest[name])
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise ConfigError(
            f"{job.out}/{MANIFEST} is damaged ({type(error).__name__}: {shortened(str(error))}); "
            "expected what the first start wrote there: put back a copy of it, or read into a new "
            "folder"
        ) from error
    if not ours:
        raise ConfigError(
            f"{job.out} was written by inkdigits {manifest.get('inkdigits', 'of another version')}"
            ", whose rows have other columns than this version's; name a new folder, or continue "
            "with that version"
        )
    return manifest


def _plan_in(manifest: dict[str, Any]) -> Plan:
    """Raises LookupError, TypeError or ValueError where the manifest is damaged."""
    passed = manifest["passed_over"]
    return Plan(
        _whole(manifest["part_size"], least=1),
        tuple((_text(one["file"]), _whole(one["parts"])) for one in manifest["listings"]),
        Tally(
            _whole(passed["n"]),
            list(map(_text, passed["first"])),
            Counter({_text(why): _whole(n) for why, n in passed["why"].items()}),
        ),
        fresh=False,
    )


def _whole(value: object, least: int = 0) -> int:
    if not isinstance(value, int) or value < least:
        raise ValueError(f"{value!r} where a whole number from {least} is expected")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} where a text is expected")
    return value


def _check_same(job: Job, given: dict[str, str], manifest: dict[str, Any]) -> None:
    """Raise ConfigError where the folder is of another job than this."""
    if manifest["model"] != given["model"]:
        raise ConfigError(
            f"{job.out} was started with a model of the identity {manifest['model'][:12]}, by "
            f"inkdigits {manifest['inkdigits']}; this is {given['model'][:12]}, by {__version__}; "
            "continue with the same --model and version, or name another folder"
        )
    expected: dict[str, object] = {**given}
    if job.part_size is not None:
        expected["part_size"] = job.part_size
    for name, value in expected.items():
        if manifest[name] != value:
            raise ConfigError(
                f"{job.out} was started with {name} {manifest[name]!r}, this is {value!r}; "
                "continue with what it was started with, or name another folder"
            )


def _check_new(job: Job, source: Source, out: Location) -> None:
    """Raise ConfigError where the job cannot begin in its folder."""
    if f"{real(out)}/".startswith(f"{real(Location(source.address)).rstrip('/')}/"):
        raise ConfigError(
            f"{job.out} lies in {job.source.address}: its files would be read as input; name a "
            "folder elsewhere"
        )
    if not out.files.exists(out.path):
        return
    if not out.files.isdir(out.path):
        raise ConfigError(f"{job.out}: is a file, expected a folder to write Parquet files to")
    names = {posixpath.basename(path) for path in out.files.ls(out.path, detail=False)}
    ours = (".", LISTING, MODEL, SCHEMA, PASSED_OVER)  # what a start killed while listing left
    other = sorted(name for name in names if not name.startswith(ours))
    if other:
        raise ConfigError(
            f"{job.out} holds {other[0]} and no {MANIFEST}: it is not a job to continue; name "
            "a new or empty folder"
        )


def _nothing(source: Source, passed_over: Tally) -> ConfigError:
    also = f"; skipped: {passed_over}" if passed_over.n else ""
    return ConfigError(
        f"{source.address}: no picture in it; expected a folder, a glob or a file with "
        f"{', '.join(sorted(SUFFIXES))}, {', '.join(TABLES)} or {', '.join(SHARDS)}{also}"
    )
