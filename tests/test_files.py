import pytest

from inkdigits.files import write_text, written_whole


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
