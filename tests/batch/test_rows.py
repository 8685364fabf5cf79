from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("ray", reason="needs ray: pip install 'inkdigits[batch]'")

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from inkdigits.batch.kept import NOTHING
from inkdigits.batch.rows import IDENTITY, OWN, Row, as_text, kept_in, schema_of, table_of
from inkdigits.errors import PictureError
from inkdigits.reading.page import Candidates, page_of
from inkdigits.spec import SORTS

KEPT = pa.schema([("label", pa.int64()), ("hand", pa.string())])


def page(text, accepted=True, turned=0):
    """A page with the text in one line: each sign 10 pixels wide, 20 high, 15 from the last."""
    n = len(text)
    boxes = np.array([(15 * i, 4, 15 * i + 10, 24) for i in range(n)], np.float32).reshape(-1, 4)
    sorts = np.array([SORTS.index(sign) for sign in text], np.int64)
    ten = np.full((n, 10), 0.01, np.float32)
    ten[np.arange(n), np.minimum(sorts, 9)] = 0.91
    candidates = Candidates(
        boxes, np.full(n, 20, np.float32), sorts, np.full(n, 0.5, np.float32), ten,
        np.full(n, accepted), np.full(n, "" if accepted else "unsure"),
        np.zeros((n, 28, 28), np.float32), np.zeros(n, np.float32),
    )  # fmt: skip
    return page_of(candidates, 200, 30, turned)


def rows(*found):
    table = table_of(
        [Row(f"{i}.png", one, None) for i, one in enumerate(found)], schema_of(NOTHING, "id")
    )
    table.validate(full=True)
    return table.to_pylist()


def test_a_row_holds_text_numbers_and_digits():
    (row,) = rows(page("12", turned=90))
    assert (row["path"], row["text"], row["error"]) == ("0.png", "12", None)
    assert (row["width"], row["height"], row["turned"]) == (200, 30, 90)
    assert row["numbers"] == [
        {
            "text": "12", "confidence": 0.25, "accepted": True,
            "left": 0, "top": 4, "right": 25, "bottom": 24, "line": 0,
        }
    ]  # fmt: skip
    first, second = row["digits"]
    assert second["probabilities"] == pytest.approx([0.01, 0.01, 0.91, *[0.01] * 7])
    del first["probabilities"]
    assert first == {
        "digit": 1, "confidence": 0.5, "accepted": True, "reason": "",
        "left": 0, "top": 4, "right": 10, "bottom": 24, "line": 0, "number": 0,
    }  # fmt: skip


def test_values_stand_with_their_own_page():
    found = rows(page("12"), PictureError("broken"), page(""), page("345"))
    assert [row["text"] for row in found] == ["12", None, "", "345"]
    assert [row["numbers"] and [n["text"] for n in row["numbers"]] for row in found] == [
        ["12"], None, [], ["345"],
    ]  # fmt: skip
    assert [row["digits"] and [d["digit"] for d in row["digits"]] for row in found] == [
        [1, 2], None, [], [3, 4, 5],
    ]  # fmt: skip
    assert [row["error"] for row in found] == [None, "broken", None, None]


def test_a_picture_of_one_digit_has_its_digit_beside_the_lists():
    found = rows(page("7"), page("12"), page(""), PictureError("x"), page("8", accepted=False))
    assert [(row["digit"], row["confidence"], row["accepted"], row["reason"]) for row in found] == [
        (7, 0.5, True, ""),
        (None, None, True, ""),
        (None, None, False, "blank"),
        (None, None, None, None),
        (8, 0.5, False, "unsure"),
    ]


def test_a_page_is_accepted_where_all_its_numbers_are():
    (row,) = rows(page("12", accepted=False))
    assert (row["accepted"], row["reason"]) == (False, "unsure")


def test_what_is_kept_stands_with_its_row_and_others_have_null():
    batch = pa.RecordBatch.from_pylist([{"label": 5, "hand": "a"}, {"label": 6}], KEPT)
    given = [
        Row("a.png", page("1"), None),
        Row("t#0", page("2"), batch.slice(0, 1)),
        Row("t#1", PictureError("x"), batch.slice(1, 1)),
    ]
    table = table_of(given, schema_of(KEPT, "id"))
    assert table.schema.names == [*OWN.names, "label", "hand"]
    assert table["label"].to_pylist() == [None, 5, 6]
    assert table["hand"].to_pylist() == [None, "a", None]
    assert kept_in(table.schema) == KEPT


def test_pandas_gives_nullable_whole_numbers_and_booleans(tmp_path):
    schema = schema_of(KEPT, "id")
    found = [Row("a", page("7"), None), Row("b", PictureError("x"), None)]
    for i in range(2):
        pq.write_table(table_of(found, schema), tmp_path / f"part-{i}.parquet")
    (tmp_path / "_passed_over.txt").write_text("c.txt")
    frame = pd.read_parquet(tmp_path)
    types = {name: str(kind) for name, kind in frame.dtypes.items()}
    assert {name: types[name] for name in ("digit", "accepted", "width", "turned", "label")} == {
        "digit": "Int8", "accepted": "boolean", "width": "Int32", "turned": "Int16",
        "label": "Int64",
    }  # fmt: skip
    assert frame[frame["accepted"].fillna(False)]["digit"].tolist() == [7, 7]
    assert frame["digits"][0][0]["digit"] == 7
    assert frame["digit"].isna().tolist() == [False, True] * 2


def test_a_file_says_which_model_read_it():
    assert schema_of(KEPT, "0123").metadata[IDENTITY] == b"0123"


def test_every_column_stands_in_the_document():
    document = (Path(__file__).parents[2] / "docs" / "batch.md").read_text(encoding="utf-8")
    cells = [line.split("|")[1] for line in document.splitlines() if line.startswith("| ")]
    named = {name.strip() for cell in cells for name in cell.split(",")}
    assert set(OWN.names) <= named
    for column in ("numbers", "digits"):
        (line,) = (line for line in document.splitlines() if line.startswith(f"| {column} |"))
        fields = {name.split(" ")[0] for name in line.split("a list: ")[1].split(", ")}
        assert fields == {field.name for field in OWN.field(column).type.value_type}


def test_a_byte_that_is_no_text_is_written_so():
    assert as_text("a\udcff.png") == "a\\xff.png"


def test_an_error_is_told_in_500_characters():
    (row,) = rows(PictureError("x" * 497 + "yz..." + "a picture's bytes"))
    assert row["error"] == "x" * 497 + "..."
    assert rows(PictureError("x" * 500))[0]["error"] == "x" * 500
