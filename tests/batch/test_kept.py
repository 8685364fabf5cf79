import datetime
import re
from decimal import Decimal

import pytest

pytest.importorskip("ray", reason="needs ray: pip install 'inkdigits[batch]'")

import pyarrow as pa
import pyarrow.parquet as pq

from inkdigits.batch.kept import NOTHING, Columns, kept_rows, misfit
from inkdigits.batch.rows import Row, schema_of, table_of
from inkdigits.batch.source import Source
from inkdigits.errors import ConfigError, PictureError

TEXT_TO_INT8 = pa.map_(pa.string(), pa.int8())
TEXT_TO_INT64 = pa.map_(pa.string(), pa.int64())
CATEGORY = pa.dictionary(pa.int8(), pa.string())


def schema(**columns):
    return pa.schema(list(columns.items()))


def joined(*tables):
    """What is kept of tables, whose files are called 1.parquet, 2.parquet and so on."""
    columns = Columns()
    for number, table in enumerate(tables, 1):
        columns.add(table, f"{number}.parquet")
    return columns.schema


def of_type(*kinds):
    return [schema(label=kind) for kind in kinds]


def test_columns_are_joined_and_widened():
    one = schema(label=pa.int32(), name=pa.string())
    both = joined(one, schema(label=pa.int64(), hand=pa.bool_()))
    assert both == schema(label=pa.int64(), name=pa.string(), hand=pa.bool_())


def test_a_column_that_is_called_as_one_of_ours_is_kept_under_another_name():
    kept = joined(schema(text=pa.string(), label=pa.int8()))
    assert kept == schema(source_text=pa.string(), label=pa.int8())


@pytest.mark.parametrize(
    ("values", "one", "other", "wider"),
    [
        ([-128, 127], pa.int8(), pa.uint8(), pa.int16()),
        ([-(2**63), 2**63 - 1], pa.int64(), pa.uint32(), pa.int64()),
        ([2**32 - 1], pa.uint32(), pa.int32(), pa.int64()),
        ([65504.0], pa.float16(), pa.float32(), pa.float32()),
        ([Decimal("9.99")], pa.decimal128(3, 2), pa.decimal128(6, 1), pa.decimal128(7, 2)),
        ([datetime.date.max], pa.date32(), pa.date64(), pa.date64()),
        ([datetime.time(23, 59, 59)], pa.time32("s"), pa.time64("ns"), pa.time64("ns")),
        (["a"], pa.string(), pa.large_string(), pa.large_string()),
        ([None], pa.null(), pa.timestamp("ns"), pa.timestamp("ns")),
        ([[-(2**31)], []], pa.list_(pa.int32()), pa.list_(pa.int64()), pa.list_(pa.int64())),
        ([[1, 2]], pa.list_(pa.int8(), 2), pa.list_(pa.int8(), 3), pa.list_(pa.int8())),
        ([[("k", -128)]], TEXT_TO_INT8, TEXT_TO_INT64, TEXT_TO_INT64),
    ],
)
def test_a_wider_type_holds_every_value(values, one, other, wider):
    array = pa.array(values, one)
    for kept in (joined(*of_type(one, other)), joined(*of_type(other, one))):
        assert kept == schema(label=wider)
        row = kept_rows(pa.record_batch([array], ["label"]), kept)
        assert row["label"].to_pylist() == array.to_pylist()


def test_structs_have_the_fields_of_both():
    more = pa.struct([("b", pa.string()), ("a", pa.int32())])
    kept = joined(*of_type(pa.struct([("a", pa.int64())]), more))
    row = pa.record_batch([pa.array([{"b": "x", "a": 1}], more)], ["label"])
    assert kept == schema(label=pa.struct([("a", pa.int64()), ("b", pa.string())]))
    assert kept_rows(row, kept)["label"].to_pylist() == [{"a": 1, "b": "x"}]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (pa.int64(), pa.string()),
        (pa.int64(), pa.uint64()),
        (pa.int64(), pa.float64()),
        (pa.decimal128(3, 2), pa.int64()),
        (pa.decimal128(3, 2), pa.float64()),
        (pa.timestamp("ms"), pa.timestamp("ns")),
        (pa.list_(pa.int64()), pa.list_(pa.float64())),
        (pa.struct([("a", pa.int64())]), pa.struct([("a", pa.float64())])),
        (TEXT_TO_INT64, pa.map_(pa.string(), pa.float64())),
    ],
)
def test_types_that_no_type_holds_are_refused(one, other):
    """Arrow joins all of these but the first, and loses values or fails where there are such."""
    said = re.escape(f"2.parquet: its column 'label' is {other}, in 1.parquet it is {one}; no type")
    with pytest.raises(ConfigError, match=f"{said}.* with the other's type, or .* of their own"):
        joined(*of_type(one, other))
    with pytest.raises(ConfigError, match="no type holds every value of both"):
        joined(*of_type(other, one))


def test_the_file_is_named_whose_type_does_not_fit():
    with pytest.raises(ConfigError, match=r"4.parquet: .* is uint64, in 2.parquet it is int8;"):
        joined(*of_type(pa.uint8(), pa.int8(), pa.uint16(), pa.uint64()))


def test_two_columns_that_would_have_one_name_are_refused():
    columns = schema(path=pa.string(), source_path=pa.string())
    said = r"1.parquet has the columns 'path' and 'source_path', which would both be 'source_path'"
    with pytest.raises(ConfigError, match=said):
        joined(columns)
    with pytest.raises(ConfigError, match=said):
        misfit(columns, NOTHING, "1.parquet")


def test_what_came_later_fits_where_the_rows_hold_all_its_values():
    kept = schema(label=pa.int64(), hand=pa.list_(pa.int8(), 2), name=pa.null())
    assert misfit(schema(label=pa.uint32()), kept, "z") == ""
    assert misfit(schema(), kept, "z") == ""
    assert misfit(schema(label=pa.uint64()), kept, "z") == (
        "its column 'label' is uint64, in the rows it is int64"
    )
    assert misfit(schema(hand=pa.list_(pa.int8(), 3)), kept, "z") != ""
    assert misfit(schema(name=pa.string()), kept, "z") != ""
    assert misfit(schema(page=pa.int8()), kept, "z") == "its column 'page' is not in the rows"


def test_categories_of_many_files_have_room():
    """100 of each file fit in a byte's 127, 200 of both do not."""
    categories = [[f"{i}" for i in range(k, k + 100)] for k in (0, 100)]
    tables = [
        pa.record_batch([pa.array(some).dictionary_encode().cast(CATEGORY)], ["hand"])
        for some in categories
    ]
    kept = joined(*(table.schema for table in tables))
    rows = [
        Row("a.png", PictureError("x"), kept_rows(table, kept).slice(i, 1))
        for table in tables
        for i in range(100)
    ]
    found = table_of(rows, schema_of(kept, "id"))["hand"].to_pylist()
    assert found == [*categories[0], *categories[1]]


class _Inches(pa.ExtensionType):
    """A type that a program adds. Arrow gives it no hash."""

    def __init__(self):
        super().__init__(pa.int64(), "inkdigits.tests.inches")

    def __arrow_ext_serialize__(self):
        return b""


def test_types_that_a_program_adds_are_kept():
    assert joined(*of_type(_Inches(), _Inches())) == schema(label=_Inches())


def test_a_value_that_is_of_another_type_by_now_is_null():
    now = pa.record_batch([["seven"], [8]], ["label", "line"])
    rows = kept_rows(now, schema(label=pa.int64(), line=pa.int64()))
    assert rows.to_pylist() == [{"label": None, "line": 8}]


def test_a_tables_columns_but_the_pictures_come_with_its_rows(tmp_path):
    path = tmp_path / "t.parquet"
    table = {
        "image": [{"bytes": bytes([i]), "path": "x"} for i in range(150)],
        "mask": [b"m"] * 150,  # may be pictures, too
        "label": pa.array([None if i == 100 else i for i in range(150)], pa.int16()),
        "text": [f"t{i}" for i in range(150)],
    }
    pq.write_table(pa.table(table), path, row_group_size=70)
    source = Source(str(path), "image")
    entry, columns = source.entry(str(path))
    assert columns == schema(label=pa.int16(), text=pa.string())
    kept = joined(schema(hand=pa.bool_(), label=pa.int64()), columns)
    items = list(source.items([entry._replace(first=68, n=40)], kept))
    assert [(item.name, item.data) for item in items] == [
        (f"{path}#{i}", bytes([i])) for i in range(68, 108)
    ]
    rows = [row for item in items for row in item.kept.to_pylist()]
    assert rows[0] == {"hand": None, "label": 68, "source_text": "t68"}
    assert rows[32] == {"hand": None, "label": None, "source_text": "t100"}
    assert {item.kept.schema for item in items} == {kept}
