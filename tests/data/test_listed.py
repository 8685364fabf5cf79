"""Labelled pictures that a table lists, in the forms that people write such tables in."""

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from inkdigits.cli import cli
from inkdigits.data import load
from inkdigits.data.listed import read_all_listed, read_list
from inkdigits.data.pictures import only_arrays
from inkdigits.errors import DataError
from inkdigits.evaluation.contact import rows
from inkdigits.training import sets


@pytest.fixture
def digits(sample):
    """Four digits of each class, as (name, image, label)."""
    index = np.concatenate([np.flatnonzero(sample.test.labels == d)[:4] for d in range(10)])
    images, labels = sample.test.images[index], sample.test.labels[index].tolist()
    return [(f"scan {i:02d}.png", images[i], label) for i, label in enumerate(labels)]


@pytest.fixture
def folder(tmp_path, digits):
    """A folder `in` with the digits' pictures, whose names say nothing."""
    place = tmp_path / "in"
    place.mkdir()
    for name, image, _ in digits:
        Image.fromarray(image).save(place / name)
    return place


def write(path, digits, header="file,label", line="{file},{label}", where=""):
    lines = [line.format(file=f"{where}{name}", label=label) for name, _, label in digits]
    path.write_bytes("\r\n".join([header, *lines, ""]).encode("utf-8-sig"))
    return path


@pytest.mark.parametrize(
    ("header", "line"),
    [
        ("file,label", "{file},{label}"),
        ("Label;Filename", "{label};{file}"),
        ("id\tpath\tsplit\tdigit", "1\t{file}\ttrain\t{label}"),
        ('"image","class"', '"{file}","{label}"'),
        ("picture, target", "{file}, {label}.0"),
    ],
)
def test_columns_are_found_by_name_in_any_order_and_form(folder, digits, header, line):
    found = read_list(write(folder / "labels.csv", digits, header, line))
    assert found.left_out == []
    assert [(picture.file, picture.label) for picture in found.pictures] == [
        (str(folder / name), label) for name, _, label in digits
    ]


def test_the_table_the_folder_and_one_beside_it_are_the_same_set(folder, digits, tmp_path):
    inside = load(str(write(folder / "labels.csv", digits)))
    assert (len(inside.train), len(inside.test), inside.looked) == (30, 10, None)
    assert "in no row" not in inside.notice
    beside = load(str(write(tmp_path / "mine.tsv", digits, "file\tlabel", "{file}\t{label}")))
    whole = load(str(write(tmp_path / "whole.csv", digits, where=f"{folder}/")))
    windows = load(str(write(tmp_path / "w.csv", digits, where="in\\")))
    for other in (load(str(folder)), load(str(tmp_path / "in")), beside, whole, windows):
        assert other.train.sha256 == inside.train.sha256


def test_a_table_counts_before_the_names_of_the_files(folder, digits):
    for name, _, _ in digits:
        (folder / name).rename(folder / f"3_{name}")  # a label in each name, nearly all wrong
    write(folder / "labels.csv", digits, where="3_")
    assert np.bincount(load(str(folder)).train.labels, minlength=10).tolist() == [
        4 - n for n in np.bincount(load(str(folder)).test.labels, minlength=10)
    ]


def test_two_tables_are_the_training_and_the_test_set(folder, digits):
    write(folder / "mine_train.csv", digits[4:])
    write(folder / "mine_test.csv", digits[:4])
    found = load(str(folder))
    assert (len(found.train), found.test.labels.tolist()) == (36, [0, 0, 0, 0])
    write(folder / "more.csv", digits)
    with pytest.raises(DataError, match=r"holds several tables of pictures \(mine_test\.csv, mine"):
        load(str(folder))


def test_rows_that_are_no_labelled_picture_are_named_counted_and_left_out(folder, digits):
    path = write(folder / "labels.csv", digits)
    names = [name for name, _, _ in digits]
    with path.open("a") as table:
        table.write(
            f"gone.png,3\r\n../out.png,4\r\n{names[4]},ten\r\n{names[5]}\r\n,7\r\n\r\n"
            f"{names[0]},0\r\n{names[8]},5\r\n"
        )
    (folder.parent / "out.png").write_bytes((folder / names[0]).read_bytes())
    Image.new("L", (28, 28)).save(folder / "other.png")
    found = sets.load(str(path))
    # Of the 40 one has two labels; that another's second row has none is no matter.
    assert len(found.train) + len(found.test) == 39
    listed = [(row[0].removeprefix(f"{folder}/"), row[1], row[3]) for row in rows(found.looked)]
    assert listed == [
        (names[8], "2", "has several labels: 2, 5 (labels.csv, line 10)"),
        ("gone.png", "3", "no such file (labels.csv, line 42)"),
        (str(folder.parent / "out.png"), "4", "lies outside the table's folder; write its whole "
         "path, or move the table (labels.csv, line 43)"),
        (names[4], "", "label 'ten', expected a digit (labels.csv, line 44)"),
        (names[5], "", "has no label (labels.csv, line 45)"),
        (str(folder), "7", "names no file (labels.csv, line 46)"),
        (names[0], "0", "is listed twice (labels.csv, line 48)"),
        (names[8], "5", "has several labels: 2, 5 (labels.csv, line 49)"),
    ]  # fmt: skip
    assert "8 were left out: " in found.notice
    assert f"1 picture beside them is in no row of labels.csv, {folder}/other.png" in found.notice


def test_a_table_of_which_too_little_is_left_says_what_was_left_out(folder, digits):
    path = write(folder / "labels.csv", digits[:1])
    with path.open("a") as table:
        table.write("gone.png,3\n")
    with pytest.raises(DataError, match=r"cannot split off.*1 was left out: .*gone\.png \(no "):
        load(str(path))


def test_a_table_without_any_picture_says_why(folder, digits, tmp_path):
    empty = tmp_path / "empty.csv"
    empty.write_text("file,label\n")
    with pytest.raises(DataError, match=r"empty\.csv: has a header but no picture"):
        load(str(empty))
    path = write(tmp_path / "moved.csv", digits, where="elsewhere/")
    with pytest.raises(DataError, match=r"found in none of its 40 pictures \(.*no such file"):
        load(str(path))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"file,label\n\xff.png,3\n", r"is not UTF-8: .*; save it as CSV UTF-8"),
        (b"file,label\n" + b"x" * 200_000 + b",3\n", "line 2 cannot be read as CSV: field larger"),
        (b"name,digit\na.png,3\n", r"line 1 has 2 columns.*file,label"),
        (b"name,digit\ra.png,3\r", r"line 1 has 3 columns"),
        (b"", r"its first line is empty; expected a header or a digit"),
        (b"\xff\xfef\0i\0l\0e\0", r"is not UTF-8: .*; save it as CSV UTF-8"),
    ],
    ids=["latin", "long", "header", "macintosh", "empty", "utf16"],
)
def test_a_table_that_cannot_be_read_is_told_where(tmp_path, data, message):
    (tmp_path / "a.csv").write_bytes(data)
    with pytest.raises(DataError, match=message):
        load(str(tmp_path / "a.csv"))


def test_a_few_pictures_of_a_table_are_added_and_scored(folder, digits, tmp_path):
    path = write(folder / "labels.csv", digits[:3])
    for source in (folder, path):
        added, looked = read_all_listed(source, only_arrays)
        assert (added.labels.tolist(), looked) == ([0, 0, 0], None)
    assert read_all_listed(tmp_path, only_arrays) is not None  # a folder in a folder
    assert sets.load_added(path)[0].sha256 == added.sha256
    one = write(folder / "one.csv", digits[:1])  # of one picture no test set can be split off
    done = CliRunner().invoke(cli, ["evaluate", "--data", str(one)])
    assert done.exit_code == 0, done.output
    assert "of 1 digit right" in done.stdout


def test_info_tells_what_a_table_holds(folder, digits):
    path = write(folder / "labels.csv", digits)
    done = CliRunner().invoke(cli, ["data", "info", str(path)])
    assert done.exit_code == 0, done.output
    assert f"30 images from {path}" in done.stdout
    assert "10 images from" in done.stdout
