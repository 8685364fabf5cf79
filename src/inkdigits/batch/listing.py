"""The listing: which part of a job reads which files. Written once, and added to.

In: a source's files. Out: Parquet files with a row group for each part; what differs between a
listing and the files there now. Holds one part at a time, and a file's name of each listing.
"""

from __future__ import annotations

import heapq
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from inkdigits.batch.items import Entry
from inkdigits.batch.source import File, in_order
from inkdigits.batch.storage import Location

LISTING = "_inputs"  # begins the names; readers of a folder of Parquet files skip _
_ENTRIES = pa.schema(
    [
        ("address", pa.binary()),  # a local file's name may be any bytes
        ("kind", pa.string()),
        ("first", pa.int64()),
        ("n", pa.int64()),
    ]
)
_NAMED = 5  # files that are named, of any number


@dataclass
class Tally:
    """How many files there are of a kind, the first of them, and why, if they are skipped."""

    n: int = 0
    first: list[str] = field(default_factory=list)
    why: Counter[str] = field(default_factory=Counter)

    def add(self, file: File) -> None:
        """Count one more."""
        self.n += 1
        if len(self.first) < _NAMED:
            self.first.append(file.address)
        if file.why:
            self.why[file.why] += 1

    def __str__(self) -> str:
        more = [f"and {self.n - len(self.first):,} more"] if self.n > len(self.first) else []
        return ", ".join([*self.first, *more])


def listing_name(number: int) -> str:
    """The name of a job's first listing (0), or of what came later."""
    return f"{LISTING}-{number:03d}.parquet"


def write_listing(path: Path, parts: Iterable[list[Entry]]) -> int:
    """Write the parts to be read to a Parquet file, a row group for each; how many there are."""
    n = 0
    with pq.ParquetWriter(path, _ENTRIES, compression="zstd") as file:
        for part in parts:
            rows = [{**entry._asdict(), "address": os.fsencode(entry.address)} for entry in part]
            file.write_table(pa.Table.from_pylist(rows, _ENTRIES))
            n += 1
    return n


def read_part(listing: pq.ParquetFile, number: int) -> list[Entry]:
    """The entries of one of a listing's parts."""
    rows = listing.read_row_group(number).to_pylist()
    return [Entry(**{**row, "address": os.fsdecode(row["address"])}) for row in rows]


def compared(
    out: Location, listings: Iterable[str], files: Iterable[File]
) -> Iterator[tuple[File, bool, bool]]:
    """Each file that is listed or there now, once, in order; whether it is listed; whether there.

    files: those there now, in order.
    """
    sides: list[Iterator[tuple[list[str], int, str]]]
    sides = [((in_order(file.address), 0, file.why) for file in files)]
    for name in listings:
        # Shards stand before the files between which they were found.
        sides += [_addresses(out, name, shards) for shards in (True, False)]
    for names, group in groupby(heapq.merge(*sides), itemgetter(0)):
        those = list(group)
        listed, there = those[-1][1] == 1, those[0][1] == 0
        yield File("/".join(names), those[0][2]), listed, there


def _addresses(out: Location, name: str, shards: bool) -> Iterator[tuple[list[str], int, str]]:
    with out.open(name) as file:
        listing = pq.ParquetFile(file)
        for part in range(listing.num_row_groups):
            for entry in read_part(listing, part):
                if (entry.kind == "shard") == shards:
                    yield in_order(entry.address), 1, ""
