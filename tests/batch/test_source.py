import os
import sys

import pytest

pytest.importorskip("ray", reason="needs ray: pip install 'inkdigits[batch]'")

from inkdigits.batch.items import Entry
from inkdigits.batch.source import Source, in_order, parts_of
from inkdigits.batch.storage import Location
from inkdigits.errors import ConfigError


def entries(source):
    return [source.entry(file.address)[0] for file in source.files() if not file.why]


def read(source):
    return [(item.name, item.data) for item in source.items(entries(source))]


def test_a_folder_is_listed_by_name_with_what_is_below_and_nothing_but_pictures(tmp_path):
    for name in ("b.png", "a.JPG", "notes.txt", "below/c.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    assert read(Source(str(tmp_path))) == [
        (f"{tmp_path}/a.JPG", b"a.JPG"),
        (f"{tmp_path}/b.png", b"b.png"),
        (f"{tmp_path}/below/c.png", b"below/c.png"),
    ]


def test_a_glob_takes_what_it_matches(tmp_path):
    for name in ("1.png", "2.png", "3.gif"):
        (tmp_path / name).write_bytes(b"x")
    found = [entry.address for entry in entries(Source(f"{tmp_path}/*.png"))]
    assert found == [f"{tmp_path}/1.png", f"{tmp_path}/2.png"]


def test_an_address_of_another_protocol_is_listed_and_opened():
    files = Location("memory://scans").files
    files.pipe({"/scans/a.png": b"a", "/scans/below/b.png": b"b", "/scans/c.txt": b"c"})
    wanted = [("memory:///scans/a.png", b"a"), ("memory:///scans/below/b.png", b"b")]
    found = [
        (path.replace("memory:///", "memory://"), d) for path, d in read(Source("memory://scans"))
    ]
    assert found == [(path.replace("memory:///", "memory://"), data) for path, data in wanted]


def test_a_file_elsewhere_is_moved_into_place_when_it_is_whole():
    location = Location("memory://out")

    def write_half():
        with location.writing("half") as path:
            path.write_bytes(b"ha")
            raise OSError("full")

    with pytest.raises(OSError, match="full"):
        write_half()
    with location.writing("whole") as path:
        path.write_bytes(b"whole")
    assert [name.rsplit("/", 1)[1] for name in location.files.ls("/out", detail=False)] == ["whole"]


def test_a_part_goes_over_several_files_and_a_shard_is_one_of_its_own():
    entries = [Entry("a", "picture"), Entry("s.tar", "shard", 0, 0), Entry("t", "table", 0, 3)]
    assert list(parts_of(entries, 3)) == [
        [Entry("s.tar", "shard", 0, 0)],
        [Entry("a", "picture"), Entry("t", "table", 0, 2)],
        [Entry("t", "table", 2, 1)],
    ]


def test_a_source_that_is_not_there_says_so(tmp_path):
    with pytest.raises(ConfigError, match="no such file or folder; quote a glob"):
        entries(Source(f"{tmp_path}/missing"))


def test_what_is_passed_over_is_told_with_its_reason(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pypdfium2", None)
    for name in ("a.png", "b.txt", "c.PDF", "d", ".DS_Store", ".e.png", "f/g.JSON"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "h.png").symlink_to(tmp_path / "nothing")
    (tmp_path / "i").symlink_to(tmp_path / "f")
    found = {os.path.relpath(path, tmp_path): why for path, why in Source(str(tmp_path)).files()}
    assert found == {
        ".e.png": "",
        "a.png": "",
        "b.txt": ".txt",
        "c.PDF": ".pdf (to read those: pip install 'inkdigits[files]')",
        "d": "no ending",
        "f/g.JSON": ".json",
        "h.png": "no file",
        "i": "link to a folder",
    }


def test_files_come_in_one_order_whatever_lists_them(tmp_path):
    """Of names alone "a-b" is before "a/b"; by folders it is after it."""
    for name in ("a-b.png", "a/z.png", "a/b/c.png", "B.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    wanted = ["B.png", "a/b/c.png", "a/z.png", "a-b.png"]
    for address in (str(tmp_path), f"{tmp_path}/**"):
        found = [file.address for file in Source(address).files()]
        assert [os.path.relpath(path, tmp_path) for path in found] == wanted
        assert found == sorted(found, key=in_order)


def test_a_folder_apart_is_not_found(tmp_path):
    for name in ("a.png", "out/b.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = Source(f"{tmp_path}/**").files(apart=f"{tmp_path}/out")
    assert [file.address for file in found] == [f"{tmp_path}/a.png"]


def test_an_unknown_protocol_names_what_is_expected():
    with pytest.raises(
        ConfigError, match=r"nosuch://x: cannot be opened: .*; expected a local path"
    ):
        Location("nosuch://x")


def test_colons_in_a_name_are_part_of_it(tmp_path):
    (tmp_path / "e::f").mkdir()
    for name in ("C::D.png", "e::f/~x::file.png", "http:y.png"):
        (tmp_path / name).write_bytes(name.encode())
    assert read(Source(str(tmp_path))) == [
        (f"{tmp_path}/{name}", name.encode())
        for name in ("C::D.png", "e::f/~x::file.png", "http:y.png")
    ]
    assert len(entries(Source(f"{tmp_path}/e::f"))) == 1
    Location("memory://colons").files.pipe({"/colons/C::D.png": b"elsewhere"})
    assert [data for _, data in read(Source("memory://colons"))] == [b"elsewhere"]


def test_a_chain_of_protocols_is_followed():
    location = Location("simplecache::memory://chained/a.png")
    assert (type(location.files).__name__, location.path) == (
        "SimpleCacheFileSystem",
        "/chained/a.png",
    )
    with pytest.raises(
        ConfigError, match=r"zip://a::b.zip: cannot be opened: .*; expected a local"
    ):
        Location("zip://a::b.zip")


def test_a_folder_apart_is_not_found_through_a_link(tmp_path):
    for name in ("x/a.png", "x/o/part.parquet", "x/o2/b.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "y").symlink_to(tmp_path / "x")
    for source, apart in (("y", "x/o"), ("x", "y/o"), ("y", "y/o")):
        files = Source(f"{tmp_path}/{source}/**").files(apart=f"{tmp_path}/{apart}")
        assert [os.path.relpath(file.address, tmp_path / source) for file in files] == [
            "a.png",
            "o2/b.png",
        ]
