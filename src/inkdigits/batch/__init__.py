"""Millions of pictures, on one machine or many: listed once, read in parts, each part kept whole.

In: a folder, a glob, Parquet files or tar shards, local or at any address fsspec knows. Out:
Parquet files. Ray Data runs the workers; the Reader reads. Never imports a training framework.
"""

import ray  # noqa: F401  first, so that it is what a missing extra is named by

from inkdigits.batch.listing import Tally
from inkdigits.batch.plan import PART_SIZE, Job
from inkdigits.batch.run import Summary, read_all
from inkdigits.batch.source import Source

__all__ = ["PART_SIZE", "Job", "Source", "Summary", "Tally", "read_all"]
