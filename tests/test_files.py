from pathlib import Path

import pytest

from inkdigits.errors import ConfigError
from inkdigits.files import folder_written_whole, write_text, written_whole


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "old")

    def fail():
        with written_whole(path) as part:
            part.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_the_temporary_name_keeps_the_ending(tmp_path):
    with written_whole(tmp_path / "model.keras") as part:
        assert part.suffix == ".keras"
        assert part.parent == tmp_path
        part.touch()
    assert (tmp_path / "model.keras").exists()


def test_a_failed_folder_leaves_the_old_one_and_no_other(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "old.txt").touch()

    def fail():
        with folder_written_whole(tmp_path / "a", "old.txt", r"\w+\.txt") as part:
            (part / "half.txt").touch()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert [str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*")] == ["a", "a/old.txt"]


def test_what_cannot_be_written_has_its_final_name_in_the_error(tmp_path):
    """Also where a copy names its source first, as on a full disk."""
    source = tmp_path / "source"
    source.touch()

    def fail():
        with folder_written_whole(tmp_path / "a", "old.txt", r"\w+\.txt") as part:
            raise OSError(28, "No space left on device", str(source), None, part / "in" / "b.txt")

    with pytest.raises(OSError, match="No space left on device") as caught:
        fail()
    assert caught.value.filename == str(tmp_path / "a" / "in" / "b.txt")
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError) as moved, written_whole(tmp_path / "folder") as part:
        part.touch()
    assert (moved.value.filename, moved.value.filename2) == (str(tmp_path / "folder"), None)
    with pytest.raises(FileNotFoundError) as other, written_whole(tmp_path / "b.txt"):
        (tmp_path / "not there").read_bytes()
    assert Path(other.value.filename) == tmp_path / "not there"


def test_a_whole_folder_takes_the_old_ones_place(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "old.txt").touch()
    with folder_written_whole(tmp_path / "a", "old.txt", r"\w+\.txt") as part:
        (part / "new.txt").touch()
    assert [str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*")] == ["a", "a/new.txt"]


def written(folder):
    with folder_written_whole(folder, "list.txt", r"list\.txt") as part:
        (part / "list.txt").touch()


def test_another_folder_a_file_and_a_link_are_left_alone(tmp_path):
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "thesis.txt").touch()
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "theirs")
    for name, message in (
        ("theirs", "holds no list.txt"), ("file", "is not a folder"), ("link", "is not a folder"),
    ):  # fmt: skip
        with pytest.raises(ConfigError, match=message):
            written(tmp_path / name)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "link", "theirs"]
    assert (tmp_path / "theirs" / "thesis.txt").exists()


def test_a_folder_in_which_somebody_put_a_file_of_theirs_is_left_alone(tmp_path):
    written(tmp_path / "a")
    (tmp_path / "a" / "CNAME").touch()
    with pytest.raises(ConfigError, match="holds CNAME, which this program did not write"):
        written(tmp_path / "a")
    assert sorted(p.name for p in (tmp_path / "a").iterdir()) == ["CNAME", "list.txt"]


def test_a_name_of_255_bytes_is_written(tmp_path):
    path = tmp_path / ("ä" * 125 + "a.txt")
    write_text(path, "x")
    assert path.read_text() == "x"


def test_the_folder_one_stands_in_can_be_written(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    written(Path("."))
    assert (tmp_path / "here" / "list.txt").exists()
