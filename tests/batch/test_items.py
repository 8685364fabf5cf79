import io
import tarfile

import pytest

pytest.importorskip("ray", reason="needs ray: pip install 'inkdigits[batch]'")

import pyarrow as pa
import pyarrow.parquet as pq

from inkdigits.batch.items import Entry
from inkdigits.batch.source import Source, parts_of
from inkdigits.batch.storage import Place
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
    assert str(error) == "the row holds no bytes, wanted a picture's"


def test_a_table_says_which_columns_it_has(tmp_path):
    pq.write_table(pa.table({"a": [b"x"], "b": [b"x"]}), tmp_path / "t.parquet")
    with pytest.raises(
        ConfigError, match=r"has the columns a \(binary\), b \(binary\), wanted one"
    ):
        entries(Source(str(tmp_path)))
    with pytest.raises(ConfigError, match=r"wanted 'c' with bytes; .*: --column NAME"):
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
    assert "is no Parquet file that can be read" in str(error)


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


def test_a_file_that_went_away_is_an_error(tmp_path):
    path = tmp_path / "1.png"
    (item,) = Source(str(tmp_path)).items([Entry(str(path), "picture")])
    assert str(item.data) == "cannot be read: No such file or directory"


def test_what_a_storage_library_raises_is_an_error_of_that_picture(monkeypatch):
    place = Place("memory://odd")
    place.files.pipe({"/odd/a.png": b"a", "/odd/b.png": b"b"})
    opened = type(place.files).open

    def fails(self, path, *options, **more):
        if path.endswith("a.png"):
            raise RuntimeError("throttled")
        return opened(self, path, *options, **more)

    monkeypatch.setattr(type(place.files), "open", fails)
    (_, error), (_, data) = read(Source("memory://odd"))
    assert (str(error), data) == ("cannot be read: throttled", b"b")
