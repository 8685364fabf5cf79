"""What rows keep of a table: its other columns, with names and types that all of a job share.

In: the schemas of tables. Out: one schema; the rows of each table in it.
"""

from __future__ import annotations

import pyarrow as pa

from inkdigits.batch.rows import OWN
from inkdigits.errors import ConfigError

NOTHING = pa.schema([])
_PREFIX = "source_"


def joined(kept: pa.Schema, columns: pa.Schema, address: str) -> pa.Schema:
    """What is kept of the tables before, and of one more with such columns.

    A column that is called as one of ours is kept as source_NAME. Types are widened where all
    values stay what they are (int32 to int64). Raises ConfigError where there is no such type.
    """
    more = pa.schema([pa.field(_kept_as(field.name), field.type) for field in columns])
    try:
        wider = pa.unify_schemas([kept, more], promote_options="permissive")
    except pa.ArrowException as error:
        raise _unfit(address, str(error)) from error
    for field in [*kept, *more]:
        if pa.types.is_integer(field.type) and pa.types.is_floating(wider.field(field.name).type):
            raise _unfit(address, f"{field.name} is of whole numbers in one, of fractions in one")
    return wider


def kept_of(columns: pa.Schema, kept: pa.Schema) -> list[str]:
    """The names of a table's columns that are kept."""
    return [name for name in columns.names if kept.get_field_index(_kept_as(name)) >= 0]


def kept_rows(batch: pa.RecordBatch, kept: pa.Schema) -> pa.RecordBatch:
    """The rows of a table with the columns of `kept`, null where the table lacks one.

    Raises pa.ArrowInvalid where a column is of another type than when it was listed.
    """
    there = {
        _kept_as(name): column
        for name, column in zip(batch.schema.names, batch.columns, strict=True)
    }
    return pa.RecordBatch.from_arrays(
        [
            there[field.name].cast(field.type)
            if field.name in there
            else pa.nulls(batch.num_rows, field.type)
            for field in kept
        ],
        schema=kept,
    )


def _kept_as(name: str) -> str:
    return f"{_PREFIX}{name}" if name in OWN.names else name


def _unfit(address: str, why: str) -> ConfigError:
    return ConfigError(
        f"{address}: its columns do not fit those of the other Parquet files ({why}); a column of "
        "the rows has one type: read this file into a folder of its own"
    )
