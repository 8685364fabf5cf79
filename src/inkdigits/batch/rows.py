"""Pages as the rows of a table: one for each picture, its columns built from the pages' arrays.

In: Pages and errors, and what each keeps of its source. Out: an Arrow table, of one schema for a
whole job. Knows nothing of files.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from inkdigits.errors import PictureError
from inkdigits.reading.page import Page
from inkdigits.spec import N_CLASSES
from inkdigits.version import __version__

_BOX = [(side, pa.float32()) for side in ("left", "top", "right", "bottom")]  # pixels, upright
_NUMBER = pa.struct(
    [
        ("text", pa.string()),
        ("confidence", pa.float32()),
        ("accepted", pa.bool_()),
        *_BOX,
        ("line", pa.int32()),
    ]
)
_DIGIT = pa.struct(
    [
        ("digit", pa.int8()),
        ("confidence", pa.float32()),
        ("probabilities", pa.list_(pa.float32())),  # ten
        ("accepted", pa.bool_()),
        ("reason", pa.string()),
        *_BOX,
        ("line", pa.int32()),
        ("number", pa.int32()),
    ]
)
OWN = pa.schema(
    [
        pa.field("path", pa.string(), nullable=False),
        ("text", pa.string()),  # this and all to `turned` are null where `error` is not
        ("numbers", pa.list_(_NUMBER)),
        ("digits", pa.list_(_DIGIT)),
        ("digit", pa.int8()),  # where there is exactly one; else null, and confidence too
        ("confidence", pa.float32()),
        ("accepted", pa.bool_()),  # there are digits, and all numbers are accepted
        ("reason", pa.string()),  # "" where accepted; else blank or unsure
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("turned", pa.int16()),
        ("error", pa.string()),
    ]
)
IDENTITY = b"inkdigits.model"  # the Reader's, in the metadata of each file


class Row(NamedTuple):
    """A picture that was read."""

    path: str
    found: Page | PictureError
    kept: pa.RecordBatch | None  # one row; None is nulls


def schema_of(kept: pa.Schema, identity: str) -> pa.Schema:
    """The schema of a job's rows: our columns, then those kept of its source.

    kept: no name of it is one of ours. identity: of the Reader. The metadata lets pandas give whole
    numbers and booleans as its nullable types: as floats and objects, nulls would make them others.
    """
    schema = pa.schema([*OWN, *kept])
    pandas = {
        "index_columns": [],
        "column_indexes": [],
        "columns": [
            {
                "name": field.name,
                "field_name": field.name,
                "pandas_type": str(field.type),
                "numpy_type": _nullable(field.type),
                "metadata": None,
            }
            for field in schema
            if pa.types.is_integer(field.type) or pa.types.is_boolean(field.type)
        ],
        "creator": {"library": "inkdigits", "version": __version__},
        "pandas_version": None,
    }
    metadata = {b"pandas": json.dumps(pandas), IDENTITY: identity, b"inkdigits": __version__}
    return schema.with_metadata(metadata)


def kept_in(schema: pa.Schema) -> pa.Schema:
    """The columns of a job's schema that are kept of its source."""
    return pa.schema(list(schema)[len(OWN) :])


def table_of(rows: Sequence[Row], schema: pa.Schema) -> pa.Table:
    """A table of that schema, from schema_of, with the rows in order."""
    pages = [row.found if isinstance(row.found, Page) else None for row in rows]
    columns = [
        pa.array([as_text(row.path) for row in rows], pa.string()),
        _each(pages, lambda page: page.text, pa.string()),
        _numbers(pages),
        _digits(pages),
        _each(pages, lambda page: _only(page.digits.digits), pa.int8()),
        _each(pages, lambda page: _only(page.digits.confidence), pa.float32()),
        _each(pages, _accepted, pa.bool_()),
        _each(pages, _reason, pa.string()),
        _each(pages, lambda page: page.width, pa.int32()),
        _each(pages, lambda page: page.height, pa.int32()),
        _each(pages, lambda page: page.turned, pa.int16()),
        pa.array(
            [None if isinstance(row.found, Page) else _said(row.found) for row in rows],
            pa.string(),
        ),
    ]
    kept = kept_in(schema)
    if len(kept):
        nulls = pa.RecordBatch.from_arrays([pa.nulls(1, field.type) for field in kept], schema=kept)
        given = [nulls if row.kept is None else row.kept for row in rows]
        columns += pa.Table.from_batches(given, kept).combine_chunks().columns
    return pa.Table.from_arrays(columns, schema=schema)


def as_text(name: str) -> str:
    """A file's name as UTF-8 holds it: a byte that is none is written as \\xff."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def shortened(text: str, most: int = 500) -> str:
    """A text of others, such as an error's, in `most` characters: its beginning."""
    return text if len(text) <= most else f"{text[: most - 3]}..."


def _said(error: PictureError) -> str:
    return as_text(shortened(str(error)))


def _nullable(kind: pa.DataType) -> str:
    """What pandas calls its type for an Arrow type and nulls: Int8, UInt32, boolean."""
    if pa.types.is_boolean(kind):
        return "boolean"
    return str(kind).replace("uint", "UInt").replace("int", "Int")


def _each(
    pages: Sequence[Page | None], value: Callable[[Page], Any], kind: pa.DataType
) -> pa.Array:
    return pa.array([None if page is None else value(page) for page in pages], kind)


def _only(values: NDArray[Any]) -> Any:
    return values[0].item() if len(values) == 1 else None


def _accepted(page: Page) -> bool:
    return bool(page.numbers) and all(number.accepted for number in page.numbers)


def _reason(page: Page) -> str:
    return page.reason or ("" if _accepted(page) else "unsure")


def _numbers(pages: Sequence[Page | None]) -> pa.Array:
    numbers = [number for page in pages if page for number in page.numbers]
    columns = [
        pa.array([number.text for number in numbers], pa.string()),
        pa.array([number.confidence for number in numbers], pa.float32()),
        pa.array([number.accepted for number in numbers], pa.bool_()),
        *(pa.array([number.box[side] for number in numbers], pa.float32()) for side in range(4)),
        pa.array([number.line for number in numbers], pa.int32()),
    ]
    return _lists(columns, [None if page is None else len(page.numbers) for page in pages], _NUMBER)


def _digits(pages: Sequence[Page | None]) -> pa.Array:
    all_of = [page.digits for page in pages if page]
    boxes = np.concatenate([np.zeros((0, 4), np.float32), *(some.boxes for some in all_of)])
    ten = np.concatenate(
        [np.zeros((0, N_CLASSES), np.float32), *(some.probabilities for some in all_of)]
    )

    def flat(name: str, kind: pa.DataType) -> pa.Array:
        # Lists, because Arrow takes no NumPy texts; of one digit they are as fast.
        return pa.array([value for some in all_of for value in getattr(some, name).tolist()], kind)

    ends = np.arange(0, ten.size + 1, N_CLASSES, dtype=np.int32)
    columns = [
        flat("digits", pa.int8()),
        flat("confidence", pa.float32()),
        pa.ListArray.from_arrays(pa.array(ends), pa.array(ten.ravel(), pa.float32())),
        flat("accepted", pa.bool_()),
        flat("reason", pa.string()),
        *(pa.array(np.ascontiguousarray(side), pa.float32()) for side in boxes.T),
        flat("line", pa.int32()),
        flat("number", pa.int32()),
    ]
    return _lists(columns, [None if page is None else len(page.digits) for page in pages], _DIGIT)


def _lists(columns: list[pa.Array], counts: list[int | None], kind: pa.DataType) -> pa.Array:
    """Lists of structs from the columns of all structs, in turn; None is a missing list."""
    start, offsets = 0, []
    for count in counts:
        offsets.append(None if count is None else start)
        start += count or 0
    structs = pa.StructArray.from_arrays(columns, fields=list(kind))
    return pa.ListArray.from_arrays(pa.array([*offsets, start], pa.int32()), structs)
