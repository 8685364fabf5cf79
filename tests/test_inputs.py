import os
import subprocess

from inkdigits.cli.inputs import pictures_below


def test_pictures_below_a_folder_come_by_name(tmp_path):
    for name in ("b/2.png", "b/1.JPG", "a.png", "a/0.gif", "c.txt", "A.PNG"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "z").symlink_to(tmp_path / "b")
    (tmp_path / "circle.png").symlink_to(tmp_path / "circle.png")
    (tmp_path / "nowhere.png").symlink_to(tmp_path / "nothing.png")
    (tmp_path / "link.png").symlink_to(tmp_path / "a.png")
    found = [os.path.relpath(path, tmp_path) for path in pictures_below(str(tmp_path))]
    expected = ["A.PNG", "a/0.gif", "a.png", "b/1.JPG", "b/2.png", "circle.png", "link.png"]
    assert found == [*expected, "nowhere.png"]  # reading says what is wrong with a link


def test_a_folder_that_is_not_there_is_given_itself(tmp_path):
    closed = str(tmp_path / "closed")
    assert list(pictures_below(closed)) == [closed]


def test_folders_may_lie_deeper_than_python_calls_itself(tmp_path):
    depth, here = 1500, os.open(tmp_path, os.O_RDONLY)
    for _ in range(depth):  # step by step: the whole path may be longer than a call takes
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(os.open("7.png", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)
    found = [os.path.relpath(path, tmp_path) for path in pictures_below(str(tmp_path))]
    subprocess.run(["rm", "-r", tmp_path / "d"], check=True)  # Python's own way calls itself
    assert found == ["d/" * depth + "7.png"]
