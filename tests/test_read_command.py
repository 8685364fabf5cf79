import contextlib
import csv
import io
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from support import encoded


def inkdigits(*args, given=None):
    done = subprocess.run(
        [sys.executable, "-m", "inkdigits", *map(str, args)],
        capture_output=True, input=given, timeout=120, check=False,
    )  # fmt: skip
    return subprocess.CompletedProcess(
        done.args, done.returncode, done.stdout.decode(), done.stderr.decode()
    )


@pytest.fixture(scope="module")
def folder(sample, tmp_path_factory):
    """Two pages: a number of three digits, and two lines; and a file that is no picture."""
    place = tmp_path_factory.mktemp("pages")
    images, labels = sample.test.images, sample.test.labels
    texts = {}
    for name, rows in (("one", [(7, 60, 111)]), ("two", [(30, 200), (90, 150)])):
        page = np.full((60 * len(rows) + 20, 240), 235, np.uint8)
        for r, row in enumerate(rows):
            for k, i in enumerate(row):
                y, x = 20 + 60 * r, 20 + 45 * k
                page[y : y + 28, x : x + 28] -= (images[i] * 0.75).astype(np.uint8)
        Image.fromarray(page).save(place / f"{name}.png")
        texts[name] = ["".join(str(labels[i]) for i in row) for row in rows]
    (place / "zno.png").write_bytes(b"no picture")
    return place, texts


def test_one_picture_gives_its_text_alone(folder):
    place, texts = folder
    done = inkdigits("read", place / "two.png")
    assert (done.returncode, done.stdout.splitlines()) == (0, texts["two"])


def test_a_folder_gives_names_and_a_bad_file_stops_nothing(folder):
    place, texts = folder
    done = inkdigits("read", place)
    lines = [f"{place / name}.png: {line}" for name in ("one", "two") for line in texts[name]]
    assert done.stdout.splitlines() == lines
    assert done.returncode == 1
    assert "zno.png: not a picture" in done.stderr


@pytest.mark.parametrize("kind", ["TIFF", "PDF"])
def test_each_page_of_a_document_on_standard_input_is_read(folder, tmp_path, kind):
    place, texts = folder
    images = [Image.open(place / f"{name}.png") for name in ("one", "two")]
    document = encoded(images[0], kind, save_all=True, append_images=images[1:])
    done = inkdigits("read", "--draw", tmp_path, "-", given=document)
    lines = [
        f"-#page={page}: {line}" for page, name in ((1, "one"), (2, "two")) for line in texts[name]
    ]
    assert (done.returncode, done.stdout.splitlines()) == (0, lines)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["picture-2.png", "picture.png"]


def test_json_is_a_line_a_picture(folder):
    place, texts = folder
    done = inkdigits("read", "--json", place / "one.png", place / "two.png")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["text"].split("\n") for row in rows] == [texts["one"], texts["two"]]
    assert [len(row["digits"]) for row in rows] == [3, 4]
    assert rows[0]["file"] == str(place / "one.png")


def test_a_picture_that_cannot_be_read_is_a_line_of_json(folder):
    place, texts = folder
    done = inkdigits("read", "--json", place)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row.get("text", "").split("\n") for row in rows] == [texts["one"], texts["two"], [""]]
    assert rows[2].keys() == {"file", "error"}
    assert "not a picture" in rows[2]["error"]
    assert (done.returncode, done.stderr.count("error")) == (1, 0)


def test_a_picture_comes_from_standard_input(folder):
    place, texts = folder
    done = inkdigits("read", "-", given=(place / "two.png").read_bytes())
    assert (done.returncode, done.stdout.splitlines()) == (0, texts["two"])
    done = inkdigits("read", "-", place / "one.png", given=b"no picture")
    assert (done.returncode, done.stdout) == (1, f"{place / 'one.png'}: {texts['one'][0]}\n")
    assert done.stderr.startswith("error: -: not a picture")


def test_a_pattern_stands_for_the_files_it_fits_unless_a_file_is_called_so(folder, tmp_path):
    place, texts = folder
    done = inkdigits("read", f"{place}/*e.p?g")
    assert done.stdout == f"{place / 'one.png'}: {texts['one'][0]}\n"
    (tmp_path / "a[1].png").write_bytes((place / "one.png").read_bytes())
    done = inkdigits("read", tmp_path / "a[1].png")
    assert done.stdout.splitlines() == texts["one"]
    done = inkdigits("read", f"{tmp_path}/*.jpg")
    assert (done.returncode, "cannot be read" in done.stderr) == (1, True)


def test_a_table_is_its_rows_and_columns(sample, tmp_path):
    images, labels = sample.test.images, sample.test.labels
    chosen = {(r, c): 90 * r + 30 * c for r in range(3) for c in range(3) if (r, c) != (1, 1)}
    page = np.full((220, 300), 240, np.uint8)
    for (r, c), i in chosen.items():
        y, x = 20 + 66 * r, 24 + 110 * c
        page[y : y + 28, x : x + 28] -= (images[i] * 0.8).astype(np.uint8)
    Image.fromarray(page).save(tmp_path / "marks.png")
    wanted = [
        ",".join(str(labels[chosen[r, c]]) if (r, c) in chosen else "" for c in range(3))
        for r in range(3)
    ]
    done = inkdigits("read", "--table", tmp_path / "marks.png")
    assert done.stdout.splitlines() == wanted


def test_csv_is_a_row_a_number(folder):
    place, texts = folder
    done = inkdigits("read", "--csv", place / "two.png")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [(row["line"], row["number"]) for row in rows] == [
        (str(i + 1), text) for i, text in enumerate(texts["two"])
    ]
    assert {row["accepted"] for row in rows} <= {"true", "false"}
    assert float(rows[0]["left"]) == pytest.approx(24, abs=8)


def test_csv_leaves_no_picture_out(folder, tmp_path):
    (tmp_path / "a.png").write_bytes((folder[0] / "one.png").read_bytes())
    Image.new("L", (90, 60), 230).save(tmp_path / "b.png")
    (tmp_path / "c.png").write_bytes(b"no picture")
    done = inkdigits("read", "--csv", tmp_path)
    rows = list(csv.reader(io.StringIO(done.stdout)))[1:]
    assert [(Path(row[0]).name, row[2] != "") for row in rows] == [
        ("a.png", True), ("b.png", False), ("c.png", False),
    ]  # fmt: skip
    assert all(len(row) == 9 for row in rows)


def test_each_page_of_one_document_is_named(folder, tmp_path):
    pages = [Image.open(folder[0] / name) for name in ("one.png", "one.png")]
    pages[0].save(tmp_path / "two.tif", save_all=True, append_images=pages[1:])
    for flags in ((), ("--table",)):
        lines = inkdigits("read", *flags, tmp_path / "two.tif").stdout.splitlines()
        assert [f"two.tif#page={i}" in line for i, line in zip((1, 2), lines, strict=True)] == [
            True
        ] * 2


def test_drawings_are_written_one_a_picture(folder, tmp_path):
    place, _ = folder
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "one.png").write_bytes((place / "one.png").read_bytes())
    done = inkdigits(
        "read", "--draw", tmp_path / "drawn", place / "one.png", tmp_path / "other" / "one.png"
    )
    assert done.returncode == 0
    names = sorted(path.name for path in (tmp_path / "drawn").iterdir())
    assert names == ["one-2.png", "one.png"]
    assert Image.open(tmp_path / "drawn" / "one.png").size == (240, 80)


def test_a_drawing_never_takes_the_place_of_a_picture(folder, tmp_path):
    """Not of the one that is read, not of another; a drawing of before is written anew."""
    place, texts = folder
    for name in ("one.png", "two.png"):
        (tmp_path / name).write_bytes((place / name).read_bytes())
    done = inkdigits("read", "--draw", tmp_path, tmp_path / "one.png", place / "two.png")
    assert done.returncode == 1
    assert done.stdout.splitlines()[0].endswith(texts["one"][0])
    assert done.stderr.count("exists and is not an earlier drawing; name another file") == 2
    for name in ("one.png", "two.png"):
        assert (tmp_path / name).read_bytes() == (place / name).read_bytes()
    for _ in range(2):
        assert inkdigits("read", "--draw", tmp_path / "new", place / "one.png").returncode == 0


def test_explaining_shows_each_digit_of_each_picture(folder, tmp_path):
    place, _ = folder
    heights = {}
    for name in ("one", "two", "zno"):
        why = tmp_path / f"{name}.png"
        inkdigits("read", "--explain", why, place / f"{name}.png")
        heights[name] = Image.open(why).height if why.exists() else 0
    assert heights["zno"] == 0
    both = tmp_path / "both.png"
    done = inkdigits("read", "--explain", both, place)
    assert len(done.stdout.splitlines()) == 3  # every picture is read as well
    assert Image.open(both).height == heights["one"] + heights["two"]


@pytest.mark.parametrize("grain", [0, 3])
def test_a_blank_page_is_said_on_standard_error(tmp_path, grain):
    paper = 210 + np.random.default_rng(0).normal(0, grain, (100, 140))
    Image.fromarray(paper.astype(np.uint8)).save(tmp_path / "paper.png")
    done = inkdigits("read", tmp_path / "paper.png")
    assert (done.returncode, done.stdout) == (0, "\n")
    assert "blank: no digit found" in done.stderr
    assert "blank: no digit found" in inkdigits("read", "--csv", tmp_path / "paper.png").stderr


def test_two_formats_exclude_each_other(folder):
    done = inkdigits("read", "--json", "--csv", folder[0])
    assert done.returncode == 2
    assert "--json, --csv and --table exclude each other" in done.stderr


def test_a_picture_that_cannot_be_drawn_on_stops_nothing(folder, tmp_path):
    place, _ = folder
    (tmp_path / "one.png").mkdir()
    done = inkdigits("read", "--draw", tmp_path, place / "one.png", place / "two.png")
    assert done.returncode == 1
    assert "one.png: not drawn: " in done.stderr
    assert len(done.stdout.splitlines()) == 3
    assert (tmp_path / "two.png").is_file()


def test_a_link_to_nothing_and_one_in_a_circle_are_errors(folder, tmp_path):
    (tmp_path / "a.png").symlink_to("gone.png")
    (tmp_path / "b.png").symlink_to("b.png")
    (tmp_path / "c.png").write_bytes((folder[0] / "one.png").read_bytes())
    done = inkdigits("read", tmp_path)
    assert (done.returncode, len(done.stdout.splitlines())) == (1, 1)
    first, second = done.stderr.splitlines()[:2]
    assert first == f"error: {tmp_path / 'a.png'}: cannot be read: No such file or directory"
    assert second.startswith(f"error: {tmp_path / 'b.png'}: cannot be read: ")


def test_pictures_are_not_drawn_into_the_folder_that_is_read(folder):
    done = inkdigits("read", "--draw", folder[0] / ".." / folder[0].name, folder[0])
    assert done.returncode == 2
    assert "is read and cannot be drawn into; name another folder" in done.stderr


@pytest.mark.parametrize("command", ["predict", "read"])
def test_a_drawing_is_called_png(folder, tmp_path, command):
    done = inkdigits(command, "--explain", tmp_path / "why.jpg", folder[0] / "one.png")
    assert (done.returncode, "ends in .jpg, expected .png" in done.stderr) == (2, True)
    assert not (tmp_path / "why.jpg").exists()


@pytest.mark.parametrize("command", ["predict", "read"])
def test_pictures_are_read_where_their_figure_cannot_be_written(folder, tmp_path, command):
    (tmp_path / "taken").touch()
    place, _ = folder
    done = inkdigits(command, "--explain", tmp_path / "taken" / "why.png", place / "one.png")
    assert done.stdout == inkdigits(command, place / "one.png").stdout != ""
    assert done.returncode == 1
    assert done.stderr.splitlines()[0] == (
        f"error: not drawn: {tmp_path / 'taken'}: File exists; expected a folder, or no such name; "
        "name another"
    )


@pytest.mark.parametrize("command", ["predict", "read"])
def test_explaining_never_takes_the_place_of_a_picture(folder, command):
    picture = folder[0] / "one.png"
    before = picture.read_bytes()
    done = inkdigits(command, "--explain", picture, picture)
    assert done.returncode == 2
    assert "exists and is not an earlier drawing" in done.stderr
    assert picture.read_bytes() == before


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_stopped_command_leaves_no_process(folder, tmp_path, sent, code):
    """Hundreds of files, so that they are read in processes of their own."""
    data = (folder[0] / "two.png").read_bytes()
    for k in range(1500):
        (tmp_path / f"{k}.png").write_bytes(data)
    command = [sys.executable, "-m", "inkdigits", "read", str(tmp_path)]
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
    ) as process:
        until = time.monotonic() + 60
        while time.monotonic() < until and len(group(process.pid)) < 4:
            time.sleep(0.05)
        assert len(group(process.pid)) >= 4
        time.sleep(0.3)
        process.send_signal(sent)
        assert process.wait(20) == code
        until = time.monotonic() + 20
        while time.monotonic() < until and group(process.pid):
            time.sleep(0.05)
        assert group(process.pid) == []


def group(number):
    """The processes of a session."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text().rsplit(")", 1)[1].split()
            if int(fields[3]) == number and fields[0] != "Z":
                found.append(stat.parent.name)
    return found
