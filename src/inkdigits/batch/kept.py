"""What rows keep of a table: its other columns, with names and types that all of a job share.

In: the schemas of tables. Out: one schema; the rows of each table in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pyarrow as pa

from inkdigits.batch.rows import OWN, shortened
from inkdigits.errors import ConfigError

NOTHING = pa.schema([])
_PREFIX = "source_"
_UNITS = ("s", "ms", "us", "ns")  # of a time of day, which fits in each; a date and time does not
# What is in a type, and how much it holds of that: at least as much of each number holds the other.
_ROOM: tuple[tuple[str, Callable[..., bool], Callable[..., tuple[int, ...]]], ...] = (
    ("whole", pa.types.is_signed_integer, lambda kind: (kind.bit_width - 1, 1)),  # 1: minus
    ("whole", pa.types.is_unsigned_integer, lambda kind: (kind.bit_width, 0)),
    ("float", pa.types.is_floating, lambda kind: (kind.bit_width,)),
    ("decimal", pa.types.is_decimal, lambda kind: (kind.precision - kind.scale, kind.scale)),
    ("date", pa.types.is_date, lambda kind: (kind.bit_width,)),
    ("time", pa.types.is_time, lambda kind: (_UNITS.index(kind.unit),)),
    ("text", pa.types.is_string, lambda _: (0,)),
    ("text", pa.types.is_large_string, lambda _: (1,)),
    ("bytes", pa.types.is_binary, lambda _: (0,)),
    ("bytes", pa.types.is_large_binary, lambda _: (1,)),
    # A fixed size is held by the same size, and by lists of any.
    ("list", pa.types.is_fixed_size_list, lambda kind: (-kind.list_size, kind.list_size)),
    ("list", pa.types.is_list, lambda _: (0, 2**31)),
    ("list", pa.types.is_large_list, lambda _: (0, 2**63)),
)


class Columns:
    """The columns that the rows of a new job keep, joined table by table. schema: those so far."""

    def __init__(self) -> None:
        self.schema = NOTHING
        # Of a column, its types and a file of each; types that programs add cannot be hashed.
        self._given: dict[str, list[tuple[pa.DataType, str]]] = {}

    def add(self, columns: pa.Schema, address: str) -> None:
        """Keep a table's columns as well.

        A column that is called as one of ours is kept as source_NAME. A type is widened where the
        wider one holds every value of both (int32 to int64). Raises ConfigError where there is no
        such type, and where two columns of the table would have one name.
        """
        _check_names(columns, address)
        for name, field in _as_kept(columns):
            given = self._given.setdefault(field.name, [])
            if any(field.type.equals(kind) for kind, _ in given):
                continue
            index = self.schema.get_field_index(field.name)
            if index < 0:
                self.schema = self.schema.append(field)
            else:
                before = self.schema.field(index)
                wider = _wider(before.type, field.type)
                if wider is None:
                    those = [*given, (before.type, "the files before it")]
                    raise _unfit(address, name, field.type, those)
                self.schema = self.schema.set(index, before.with_type(wider))
            given.append((field.type, address))


def misfit(columns: pa.Schema, kept: pa.Schema, address: str) -> str:
    """Why rows that keep `kept` cannot hold all of a table's columns; "" where they can.

    Raises ConfigError where two columns of the table would have one name.
    """
    _check_names(columns, address)
    for name, field in _as_kept(columns):
        index = kept.get_field_index(field.name)
        if index < 0:
            return f"its column {name!r} is not in the rows"
        there = kept.field(index).type
        if not _fits(there, field.type):
            return f"its column {name!r} is {_said(field.type)}, in the rows it is {_said(there)}"
    return ""


def kept_of(columns: pa.Schema, kept: pa.Schema) -> list[str]:
    """The names of a table's columns that are kept."""
    return [name for name in columns.names if kept.get_field_index(_kept_as(name)) >= 0]


def kept_rows(batch: pa.RecordBatch, kept: pa.Schema) -> pa.RecordBatch:
    """The rows of a table with the columns of `kept`, null where the table lacks one.

    Null is also a column whose values are of another type than when the table was listed.
    """
    there = {
        _kept_as(name): column
        for name, column in zip(batch.schema.names, batch.columns, strict=True)
    }
    nulls = pa.nulls(batch.num_rows)
    return pa.RecordBatch.from_arrays(
        [_cast(there.get(field.name, nulls), field.type) for field in kept], schema=kept
    )


def _cast(column: pa.Array, kind: pa.DataType) -> pa.Array:
    if column.type.equals(kind):
        return column
    try:
        return column.cast(kind)
    except pa.ArrowException:  # the file was replaced: its pictures are worth more than a value
        return pa.nulls(len(column), kind)


def _as_kept(columns: pa.Schema) -> Iterator[tuple[str, pa.Field]]:
    """The name of each column, and its field in the rows: null there for pictures of no table."""
    for field in columns:
        kept = pa.field(_kept_as(field.name), _roomy(field.type), metadata=field.metadata)
        yield field.name, kept


def _kept_as(name: str) -> str:
    return f"{_PREFIX}{name}" if name in OWN.names else name


def _roomy(kind: pa.DataType) -> pa.DataType:
    """The same type, where dictionaries may have as many values as all files have together."""
    if pa.types.is_dictionary(kind):
        return pa.dictionary(pa.int32(), kind.value_type, kind.ordered)
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_roomy(field.type)) for field in kind])
    if pa.types.is_list(kind):
        return pa.list_(kind.value_field.with_type(_roomy(kind.value_type)))
    return kind


def _wider(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    """The type that holds every value of two; None if there is none."""
    schemas = [pa.schema([("", kind)]) for kind in (one, other)]
    try:
        (wider,) = pa.unify_schemas(schemas, promote_options="permissive").types
    except pa.ArrowException:
        return None
    # Arrow joins int64 and uint64 to int64, decimals and doubles to doubles, ms and ns to ns.
    return wider if _fits(wider, one) and _fits(wider, other) else None


def _fits(wide: pa.DataType, narrow: pa.DataType) -> bool:
    """Whether every value of a type can become one of another without a loss."""
    if wide.equals(narrow):
        return True
    try:
        pa.nulls(1, narrow).cast(wide)
    except (pa.ArrowException, NotImplementedError):
        return False
    return _holds(wide, narrow)


def _holds(wide: pa.DataType, narrow: pa.DataType) -> bool:
    """Whether every value of a type is a value of another, of the same kind."""
    both = wide, narrow
    if wide.equals(narrow) or pa.types.is_null(narrow):
        return True
    if all(map(pa.types.is_struct, both)):
        at = [wide.get_field_index(field.name) for field in narrow]
        return min(at, default=0) >= 0 and all(
            _holds(wide.field(i).type, field.type) for i, field in zip(at, narrow, strict=True)
        )
    if all(map(pa.types.is_map, both)):
        keys = _holds(wide.key_type, narrow.key_type)
        return keys and _holds(wide.item_type, narrow.item_type)
    (kind, room), (other, needed) = map(_room, both)
    return (
        kind == other != ""
        and all(has >= needs for has, needs in zip(room, needed, strict=True))
        and (kind != "list" or _holds(wide.value_type, narrow.value_type))
    )


def _room(kind: pa.DataType) -> tuple[str, tuple[int, ...]]:
    """What is in a type, and how much it holds of that; "" where only the same type holds it."""
    for name, is_such, room in _ROOM:
        if is_such(kind):
            return name, room(kind)
    return "", ()


def _check_names(columns: pa.Schema, address: str) -> None:
    """Raise ConfigError where two columns would be kept under one name."""
    for name in columns.names:
        if _kept_as(name) != name and _kept_as(name) in columns.names:
            raise ConfigError(
                f"{address} has the columns {name!r} and {_kept_as(name)!r}, which would both be "
                f"{_kept_as(name)!r} in the rows; expected one of them: write the file again with "
                "another name"
            )


def _unfit(
    address: str, name: str, kind: pa.DataType, those: list[tuple[pa.DataType, str]]
) -> ConfigError:
    """those: the types that the column has had so far, and a file of each."""
    other, whence = next(one for one in those if one is those[-1] or _wider(one[0], kind) is None)
    return ConfigError(
        f"{address}: its column {name!r} is {_said(kind)}, in {whence} it is {_said(other)}; no "
        "type holds every value of both; expected one type in all files: write one of the two "
        "again with the other's type, or read them into folders of their own"
    )


def _said(kind: pa.DataType) -> str:
    return shortened(str(kind), 100)
