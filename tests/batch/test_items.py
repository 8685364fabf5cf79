import io
import tarfile

import pytest

pytest.importorskip("ray", reason="needs ray: pip install 'inkdigits[batch]'")

import pyarrow as pa
import pyarrow.parquet as pq

from inkdigits.batch.items import Entry
from inkdigits.batch.source import Source, parts_of
from inkdigits.batch.storage import Location
from inkdigits.errors import ConfigError, PictureError


def tar(path, members):
    with tarfile.open(path, "w") as shard:
        for name, data in members.items():
            about = tarfile.TarInfo(name)
            about.size = len(data)
            shard.addfile(about, io.BytesIO(data))


def entries(source):
    return [source.entry(file.address)[0] for file in source.files() if not file.why]


def read(source):
    return [(item.name, item.data) for item in source.items(entries(source))]


def test_a_tables_rows_are_cut_across_its_row_groups(tmp_path):
    path = tmp_path / "t.parquet"
    data = [bytes([i]) for i in range(250)]
    pq.write_table(pa.table({"label": range(250), "image": data}), path, row_group_size=70)
    source = Source(str(tmp_path))
    parts = list(parts_of(entries(source), 100))
    assert parts == [
        [Entry(str(path), "table", 0, 100)],
        [Entry(str(path), "table", 100, 100)],
        [Entry(str(path), "table", 200, 50)],
    ]
    found = [[item[:2] for item in source.items(part)] for part in parts]
    assert [picture for part in found for picture in part] == [
        (f"{path}#{i}", data[i]) for i in range(250)
    ]


def test_the_column_may_be_a_struct_with_bytes_as_data_sets_have_it(tmp_path):
    pq.write_table(pa.table({"image": [{"bytes": b"x", "path": "x.png"}]}), tmp_path / "t.parquet")
    assert read(Source(str(tmp_path))) == [(f"{tmp_path}/t.parquet#0", b"x")]


def test_a_row_without_bytes_is_an_error(tmp_path):
    pq.write_table(pa.table({"image": pa.array([b"x", None])}), tmp_path / "t.parquet")
    error = read(Source(str(tmp_path)))[1][1]
    assert isinstance(error, PictureError)
    assert str(error) == "the row has no bytes, expected a picture's"


def test_a_table_says_which_columns_it_has(tmp_path):
    pq.write_table(pa.table({"a": [b"x"], "b": [b"x"]}), tmp_path / "t.parquet")
    with pytest.raises(
        ConfigError, match=r"has the columns a \(binary\), b \(binary\), expected one"
    ):
        entries(Source(str(tmp_path)))
    with pytest.raises(ConfigError, match=r"expected 'c' with bytes; .*: --column NAME"):
        entries(Source(str(tmp_path), "c"))
    assert len(entries(Source(str(tmp_path), "b"))) == 1


def test_a_shards_pictures_are_its_members(tmp_path):
    tar(tmp_path / "s.tar", {"1.png": b"one", "1.cls": b"7", "d/2.jpg": b"two"})
    assert read(Source(f"{tmp_path}/*.tar")) == [
        (f"{tmp_path}/s.tar#1.png", b"one"),
        (f"{tmp_path}/s.tar#d/2.jpg", b"two"),
    ]


def test_a_shard_that_breaks_off_is_an_error_after_what_could_be_read(tmp_path):
    path = tmp_path / "s.tar"
    tar(path, {"1.png": b"1" * 2000, "2.png": b"2" * 2000})
    path.write_bytes(path.read_bytes()[:4000])
    (name, data), (own, error) = read(Source(str(path)))
    assert (name, data) == (f"{path}#1.png", b"1" * 2000)
    assert own == str(path)
    assert "cannot be read: unexpected end of data" in str(error)


def test_a_broken_table_is_one_error(tmp_path):
    (tmp_path / "t.parquet").write_bytes(b"no table at all")
    ((path, error),) = read(Source(str(tmp_path)))
    assert path == f"{tmp_path}/t.parquet"
    assert "is not a readable Parquet file" in str(error)


def test_a_table_that_grew_shorter_gives_an_error_for_each_row_it_lost(tmp_path):
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"image": [b"1", b"2", b"3"]}), path)
    source = Source(str(path))
    listed = entries(source)
    pq.write_table(pa.table({"image": [b"1"]}), path)
    found = [item[:2] for item in source.items(listed)]
    assert [name for name, _ in found] == [f"{path}#{i}" for i in range(3)]
    assert found[0][1] == b"1"
    assert "the file ends before row 3" in str(found[2][1])


def varint(value):
    data = b""
    while value > 127:
        data += bytes([value & 127 | 128])
        value >>= 7
    return data + bytes([value])


def stated(path, rows, index):
    """Let a Parquet file of 123 rows state another number.

    index: which of the footer's numbers of rows: 0 the total, 1 the column's, -1 its row group's.
    Source: Thrift's compact protocol: a number is a zigzag varint behind a byte for its field.
    """
    data = path.read_bytes()
    size = int.from_bytes(data[-8:-4], "little")
    footer = data[-8 - size : -8]
    before = b"\x16" + varint(2 * 123)  # the next field, a 64-bit number
    parts = footer.split(before)
    index %= len(parts) - 1
    new = b"\x16" + varint(2 * rows if rows >= 0 else -2 * rows - 1)
    footer = before.join(parts[: index + 1]) + new + before.join(parts[index + 1 :])
    end = len(footer).to_bytes(4, "little") + b"PAR1"
    path.write_bytes(data[: -8 - size] + footer + end)


@pytest.mark.parametrize(
    ("rows", "index", "why"),
    [
        (-5, 0, "states -5 rows, and its row groups 123"),
        (0, 0, "states 0 rows, and its row groups 123"),
        (2**40, 0, "states 1,099,511,627,776 rows, and its row groups 123"),
        (10_000_000, 0, "states 10,000,000 rows, and its row groups 123"),
        (5, 1, "row group 0 states 123 rows, and 5 pictures"),
        (5, -1, "row group 0 states 5 rows, and 123 pictures"),
    ],
)
def test_a_table_whose_numbers_of_rows_differ_is_one_error(tmp_path, rows, index, why):
    """None of its pictures is lost without a row, and none is listed that it has not."""
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"image": [b"x"] * 123}), path)
    stated(path, rows, index)
    source = Source(str(path))
    assert list(parts_of(entries(source), 100)) == [[Entry(str(path), "broken")]]
    ((name, error),) = read(source)
    assert name == str(path)
    assert f"is not a readable Parquet file ({why}): repair it" in str(error)


def test_a_table_that_states_more_rows_than_it_has_bytes_is_one_error(tmp_path):
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"image": [b"x"] * 123}), path)
    for index in (-1, 1, 0):
        stated(path, 2**40, index)
    ((_, error),) = read(Source(str(path)))
    assert "states 1,099,511,627,776 rows, more than its" in str(error)


def test_a_table_without_a_row_has_no_picture(tmp_path):
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"image": pa.array([], pa.binary())}), path)
    assert entries(Source(str(path))) == [Entry(str(path), "table", 0, 0)]


def test_a_file_that_went_away_is_an_error(tmp_path):
    path = tmp_path / "1.png"
    (item,) = Source(str(tmp_path)).items([Entry(str(path), "picture")])
    assert str(item.data) == "cannot be read: No such file or directory"


def test_what_a_storage_library_raises_is_an_error_of_that_picture(monkeypatch):
    location = Location("memory://odd")
    location.files.pipe({"/odd/a.png": b"a", "/odd/b.png": b"b"})
    opened = type(location.files).open

    def fails(self, path, *options, **more):
        if path.endswith("a.png"):
            raise RuntimeError("throttled")
        return opened(self, path, *options, **more)

    monkeypatch.setattr(type(location.files), "open", fails)
    (_, error), (_, data) = read(Source("memory://odd"))
    assert (str(error), data) == ("cannot be read: throttled", b"b")


def test_a_column_that_is_plain_in_another_file_may_hold_the_pictures_here(tmp_path):
    """What is kept of the first file is null for the second, whatever is called so there."""
    pq.write_table(pa.table({"image": ["a.png"], "png": [b"a"]}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"image": [b"b"], "label": [7]}), tmp_path / "b.parquet")
    pq.write_table(pa.table({"image": [b"c"]}), tmp_path / "c.parquet")
    kept = pa.schema([("image", pa.string()), ("label", pa.int64())])
    found = Source(str(tmp_path)).items(entries(Source(str(tmp_path))), kept)
    assert [(item.data, item.kept.to_pylist()[0]) for item in found] == [
        (b"a", {"image": "a.png", "label": None}),
        (b"b", {"image": None, "label": 7}),
        (b"c", {"image": None, "label": None}),
    ]


def test_a_doubled_name_is_refused(tmp_path):
    for names in (["png", "png"], ["png", "x", "x"]):
        columns = [pa.array([b"x"]), *(pa.array([b"y"]) for _ in names[1:])]
        pq.write_table(pa.Table.from_arrays(columns, names), tmp_path / "t.parquet")
        said = rf"t.parquet has two columns named '{names[-1]}'; expected a name for each"
        with pytest.raises(ConfigError, match=said):
            entries(Source(str(tmp_path), "png"))


def test_pictures_may_be_a_dictionarys_values(tmp_path):
    table = {"image": pa.array([b"a", b"b", b"a"]).dictionary_encode(), "label": [1, 2, 3]}
    pq.write_table(pa.table(table), tmp_path / "t.parquet")
    assert [data for _, data in read(Source(str(tmp_path)))] == [b"a", b"b", b"a"]


def test_a_table_that_was_half_copied_is_read_when_it_is_whole(tmp_path):
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"image": [b"a", b"b"], "label": pa.array([1, 2], pa.int8())}), path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    source, kept = Source(str(path)), pa.schema([("label", pa.int64())])
    listed = entries(source)
    (item,) = source.items(listed, kept)
    assert "repair it, delete the parts that hold this row and start the same" in str(item.data)
    path.write_bytes(whole)
    found = source.items(listed, kept)
    assert [(item.name, item.data, item.kept.to_pylist()) for item in found] == [
        (f"{path}#0", b"a", [{"label": 1}]),
        (f"{path}#1", b"b", [{"label": 2}]),
    ]
    (item,) = source.items(listed, pa.schema([("hand", pa.string())]))
    assert str(item.data) == (
        "could not be read when it was listed, and its column 'label' is not in the rows: read it "
        "into a folder of its own"
    )


def test_a_table_whose_columns_changed_still_gives_its_pictures(tmp_path):
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"image": [b"a"], "label": ["seven"]}), path)
    kept = pa.schema([("label", pa.int64())])
    (item,) = Source(str(path)).items([Entry(str(path), "table", 0, 1)], kept)
    assert (item.data, item.kept.to_pylist()) == (b"a", [{"label": None}])


def test_two_members_of_one_name_are_two_pictures(tmp_path):
    with tarfile.open(tmp_path / "s.tar", "w") as shard:
        for data in (b"first", b"second"):
            about = tarfile.TarInfo("1.png")
            about.size = len(data)
            shard.addfile(about, io.BytesIO(data))
    name = f"{tmp_path}/s.tar#1.png"
    assert read(Source(str(tmp_path))) == [(name, b"first"), (name, b"second")]
