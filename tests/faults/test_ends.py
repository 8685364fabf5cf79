"""Where reading stops early that is not the end: what is missing is a row with its error."""

import io
import os
import tarfile

import pytest

pytest.importorskip("ray", reason="needs ray: pip install 'inkdigits[batch]'")

from glob import glob

from inkdigits.batch import storage
from inkdigits.batch.plan import Job, plan_of
from inkdigits.batch.source import Source
from inkdigits.batch.storage import Location
from inkdigits.errors import PictureError
from inkdigits.reading.reader import Reader

BLOCK = 512  # bytes of a tar's header, and of three of these pictures


def tar(path, *members):
    """A tar of these names with one block of data each, or of links: (name, where to, kind)."""
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as shard:
        for member in members:
            about = tarfile.TarInfo(member if isinstance(member, str) else member[0])
            if isinstance(member, str):
                about.size = BLOCK
                shard.addfile(about, io.BytesIO(member.encode().ljust(BLOCK, b".")))
            else:
                about.linkname, about.type = member[1:]
                shard.addfile(about)
    return path


def entries(source):
    return [source.entry(file.address)[0] for file in source.files() if not file.why]


def rows(path):
    """The name of each row below the path, and its error or nothing."""
    source = Source(str(path))
    return [
        (
            item.name.removeprefix(f"{path.parent}/"),
            str(item.data) if isinstance(item.data, PictureError) else "",
        )
        for item in source.items(entries(source))
    ]


def test_a_flipped_bit_in_a_header_is_a_row(tmp_path):
    path = tar(tmp_path / "s.tar", "1.png", "2.png", "3.png")
    data = bytearray(path.read_bytes())
    data[2 * BLOCK + 3] ^= 1  # in the second name: 2.pnf, whose checksum is another
    path.write_bytes(data)
    first, second = rows(path)
    assert first == ("s.tar#1.png", "")
    assert second[0] == "s.tar"
    assert "damaged or cut off at byte 1,024 of the tar (bad checksum)" in second[1]


@pytest.mark.parametrize("blocks", [2, 4])
def test_a_tar_that_is_cut_between_its_members_is_a_row(tmp_path, blocks):
    path = tar(tmp_path / "s.tar", "1.png", "2.png")
    path.write_bytes(path.read_bytes()[: blocks * BLOCK])
    *whole, last = rows(path)
    assert whole == [("s.tar#1.png", ""), ("s.tar#2.png", "")][: blocks // 2]
    assert f"cut off at byte {blocks * BLOCK:,} of the tar (empty header)" in last[1]


def test_a_tar_that_is_cut_in_a_header_or_in_a_picture_is_a_row(tmp_path):
    path = tar(tmp_path / "s.tar", "1.png", "2.png")
    whole = path.read_bytes()
    for size, said in ((2 * BLOCK + 99, "truncated header"), (3 * BLOCK + 99, "unexpected end")):
        path.write_bytes(whole[:size])
        assert said in rows(path)[-1][1]


def test_a_second_tar_behind_the_first_is_a_row(tmp_path):
    first, second = tar(tmp_path / "s.tar", "1.png"), tar(tmp_path / "t.tar", "2.png")
    first.write_bytes(first.read_bytes() + second.read_bytes())
    (_, fine), (name, error) = rows(first)
    assert (fine, name) == ("", "s.tar")
    assert "continues after its end mark" in error


def test_a_whole_tar_has_no_such_row(tmp_path):
    path = tar(tmp_path / "s.tar", "1.png", "notes.txt")
    assert rows(path) == [("s.tar#1.png", "")]
    path.write_bytes(path.read_bytes() + bytes(20 * BLOCK))  # filled up, as tapes are
    assert rows(path) == [("s.tar#1.png", "")]


def test_links_in_a_tar_are_rows(tmp_path):
    links = (("2.png", "1.png", tarfile.LNKTYPE), ("3.png", "/etc/passwd", tarfile.SYMTYPE))
    pipe = ("4.png", "", tarfile.FIFOTYPE)
    path = tar(tmp_path / "s.tar", "1.png", *links, pipe, ("folder.png", "", tarfile.DIRTYPE))
    assert rows(path) == [
        ("s.tar#1.png", ""),
        ("s.tar#2.png", "is a link to 1.png, expected a file; links are not followed"),
        ("s.tar#3.png", "is a link to /etc/passwd, expected a file; links are not followed"),
        ("s.tar#4.png", "is a device or a pipe, expected a picture file"),
    ]


@pytest.fixture
def closed(tmp_path, monkeypatch):
    """A folder of three: a.png, closed/b.png, open/c.png; closed may not be listed."""
    folder = tmp_path / "scans"
    for name in ("a.png", "closed/b.png", "open/c.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    scandir = os.scandir

    def refused(path="."):  # as for anybody but root
        if str(path).rstrip("/").endswith("closed"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refused)
    return folder


@pytest.mark.parametrize("pattern", ["", "/**", "/**/*.png"])
def test_a_folder_that_may_not_be_listed_is_a_row(closed, pattern):
    source = Source(f"{closed}{pattern}")
    listed = entries(source)
    assert [entry.address for entry in listed] == [
        f"{closed}/a.png", f"{closed}/closed/", f"{closed}/open/c.png",
    ]  # fmt: skip
    (item,) = source.items(listed[1:2])
    assert item.name == f"{closed}/closed/"
    assert str(item.data) == (
        "is a folder that cannot be listed (Permission denied): none of its pictures was read; fix "
        "that and start the same command with --add-new"
    )


def test_what_could_not_be_listed_is_added_later(closed, tmp_path, monkeypatch):
    source, out, reader = Source(str(closed)), Location(str(tmp_path / "out")), Reader()
    job = Job(source=source, out=str(tmp_path / "out"))
    assert plan_of(job, source, out, reader).added.first[1] == f"{closed}/closed/"
    monkeypatch.undo()
    again = Job(source=source, out=str(tmp_path / "out"), add_new=True)
    plan = plan_of(again, source, out, reader)
    assert plan.added.first == [f"{closed}/closed/b.png"]
    assert plan.gone.first == [f"{closed}/closed/"]


class Failing:
    """A remote storage that fails some times when a folder is asked for."""

    def __init__(self, files, folder, times):
        self._files, self._folder, self.times = files, folder, times

    def __getattr__(self, name):
        return getattr(self._files, name)

    def _fails(self, path):
        if path.rstrip("/") == self._folder and self.times:
            self.times -= 1
            raise ConnectionError("503 Slow Down")

    def ls(self, path, **options):
        self._fails(path)
        return self._files.ls(path, **options)

    def info(self, path, **options):
        self._fails(path)
        return self._files.info(path, **options)


@pytest.fixture
def remote(monkeypatch):
    """Makes a remote source of two pictures that fails so often at a folder."""
    files = Location("memory://faults").files
    files.pipe({"/faults/a.png": b"a", "/faults/below/b.png": b"b"})
    monkeypatch.setattr(storage, "_PAUSES", (0.0, 0.0))

    def source(folder, times, pattern=""):
        opened = storage._opened
        failing = Failing(files, folder, times)
        monkeypatch.setattr(storage, "_opened", lambda a: (failing, opened(a)[1]))
        return Source(f"memory://faults{pattern}")

    return source


@pytest.mark.parametrize("pattern", ["", "/**", "/*/*.png", "/below/*.png"])
@pytest.mark.parametrize("folder", ["/faults", "/faults/below"])
def test_a_remote_listing_that_fails_once_is_tried_again(remote, folder, pattern):
    found = [entry.address for entry in entries(remote(folder, 1, pattern))]
    names = [address.rpartition("faults/")[2] for address in found]
    assert names == (["below/b.png"] if "*.png" in pattern else ["a.png", "below/b.png"])


@pytest.mark.parametrize("pattern", ["", "/**", "/*/*.png"])
def test_a_remote_listing_that_goes_on_failing_is_a_row(remote, pattern):
    source = remote("/faults/below", 1000, pattern)
    entry = entries(source)[-1]
    (item,) = source.items([entry])
    assert entry.address.endswith("faults/below/")
    assert "is a folder that cannot be listed (ConnectionError: 503 Slow Down)" in str(item.data)


def test_a_source_that_cannot_be_reached_is_said(remote):
    with pytest.raises(OSError, match="503 Slow Down"):
        entries(remote("/faults", 1000))


@pytest.mark.parametrize(
    "pattern",
    ["*", "**", "*/*", "**/*.png", "a/**/c*", "a/b/c.png", "[ab]/*", "?.png", ".*/*", "none/*",
     "a/b/**", "d.png/*", "**/b/**/*"],
)  # fmt: skip
def test_a_glob_fits_what_pythons_does(tmp_path, pattern):
    for name in ("a/b/c.png", "a/b/d/c.gif", "a/x.png", "b/y", "d.png", ".h/z.png", "a/.i.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "b" / "link").symlink_to(tmp_path / "a" / "b")
    if "**" not in pattern:
        (tmp_path / "b" / "file.png").symlink_to(tmp_path / "d.png")
    fitting = glob(f"{tmp_path}/{pattern}", recursive=True)
    wanted = {path for path in fitting if os.path.isfile(path)}
    found = {file.address for file in Source(f"{tmp_path}/{pattern}").files() if not file.why}
    # Python follows links with **, round in circles.
    assert found == {path for path in wanted if "**" not in pattern or "/link/" not in path}
