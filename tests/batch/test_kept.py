import pytest

pytest.importorskip("ray", reason="needs ray: pip install 'inkdigits[batch]'")

import pyarrow as pa
import pyarrow.parquet as pq

from inkdigits.batch.kept import NOTHING, joined
from inkdigits.batch.source import Source
from inkdigits.errors import ConfigError


def schema(**columns):
    return pa.schema(list(columns.items()))


def test_columns_are_joined_and_widened():
    one = joined(NOTHING, schema(label=pa.int32(), name=pa.string()), "1")
    both = joined(one, schema(label=pa.int64(), hand=pa.bool_()), "2")
    assert both == schema(label=pa.int64(), name=pa.string(), hand=pa.bool_())


def test_a_column_that_is_called_as_one_of_ours_is_kept_under_another_name():
    kept = joined(NOTHING, schema(text=pa.string(), label=pa.int8()), "1")
    assert kept == schema(source_text=pa.string(), label=pa.int8())


@pytest.mark.parametrize(
    ("one", "other", "why"),
    [
        (pa.int64(), pa.string(), "int64 vs string"),
        (pa.int64(), pa.float64(), "label is of whole numbers in one, of fractions in one"),
    ],
)
def test_types_that_no_type_holds_are_refused(one, other, why):
    with pytest.raises(ConfigError, match=rf"2.parquet: its columns .*{why}.*a folder of its own"):
        joined(joined(NOTHING, schema(label=one), "1"), schema(label=other), "2.parquet")


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
    kept = joined(schema(hand=pa.bool_(), label=pa.int64()), columns, str(path))
    items = list(source.items([entry._replace(first=68, n=40)], kept))
    assert [(item.name, item.data) for item in items] == [
        (f"{path}#{i}", bytes([i])) for i in range(68, 108)
    ]
    rows = [row for item in items for row in item.kept.to_pylist()]
    assert rows[0] == {"hand": None, "label": 68, "source_text": "t68"}
    assert rows[32] == {"hand": None, "label": None, "source_text": "t100"}
    assert {item.kept.schema for item in items} == {kept}
