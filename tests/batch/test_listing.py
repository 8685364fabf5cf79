import pytest

pytest.importorskip("ray", reason="needs ray: pip install 'inkdigits[batch]'")

from inkdigits.batch.items import Entry
from inkdigits.batch.listing import Tally, compared, listing_name, write_listing
from inkdigits.batch.source import File, parts_of
from inkdigits.batch.storage import Location


def test_two_listings_are_compared_with_what_is_there(tmp_path):
    """A shard is listed before the files around it, a table in two parts."""
    first = [Entry("/a/1.png", "picture"), Entry("/a/2.tar", "shard", 0, 0)]
    first += [Entry("/a/3.parquet", "table", 0, 5), Entry("/a-b.png", "picture")]
    write_listing(tmp_path / listing_name(0), parts_of(first, 3))
    write_listing(tmp_path / listing_name(1), parts_of([Entry("/a/0.png", "picture")], 3))
    there = ["/a/0.png", "/a/2.tar", "/a/3.parquet", "/a/9.png", "/a-b.png"]
    files = [*map(File, there), File("/b.txt", ".txt")]
    found = compared(Location(str(tmp_path)), [listing_name(0), listing_name(1)], files)
    assert list(found) == [
        (File("/a/0.png"), True, True),
        (File("/a/1.png"), True, False),
        (File("/a/2.tar"), True, True),
        (File("/a/3.parquet"), True, True),
        (File("/a/9.png"), False, True),
        (File("/a-b.png"), True, True),
        (File("/b.txt", ".txt"), False, True),
    ]


def test_the_first_five_files_are_named_and_all_are_counted():
    some = Tally()
    for i in range(1007):
        some.add(File(f"{i}.txt", ".txt" if i else ".cls"))
    assert str(some) == "0.txt, 1.txt, 2.txt, 3.txt, 4.txt, and 1,002 more"
    assert some.why == {".txt": 1006, ".cls": 1}
