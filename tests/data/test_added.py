import numpy as np
import pytest
from PIL import Image

from inkdigits.data.added import mixed, times_added
from inkdigits.data.digits import Digits
from inkdigits.data.folders import read_all_pictures, write_png_files
from inkdigits.data.pictures import only_arrays
from inkdigits.errors import DataError


@pytest.mark.parametrize(
    ("n_train", "n_added", "times"),
    [
        (54_000, 30, 200),  # 6,000 of 60,000
        (3_600, 30, 13),  # 390 of 3,990
        (3_600, 1, 400),
        (3_600, 5_000, 1),  # more than the share, and still each once
    ],
)
def test_added_digits_make_up_a_tenth_of_what_is_trained_on(n_train, n_added, times):
    assert times_added(n_train, n_added) == times


def test_each_added_digit_stands_behind_the_others_as_often_as_was_said():
    def digits(n, label):
        return Digits(np.full((n, 28, 28), label, np.uint8), np.full(n, label), f"{label}s", "made")

    both = mixed(digits(4, 1), digits(2, 7), 3)
    assert both.labels.tolist() == [1] * 4 + [7] * 6
    assert both.images[:, 0, 0].tolist() == both.labels.tolist()
    assert both.name == "1s and 7s"


def test_one_digit_is_enough(tmp_path, seven):
    write_png_files(tmp_path / "mine", [("7_00012.png", seven)])
    found, looked = read_all_pictures(tmp_path / "mine", only_arrays)
    assert looked is None
    assert (found.name, found.labels.tolist()) == ("mine", [7])
    assert np.array_equal(found.images[0], seven)


def test_class_folders_need_not_be_ten(tmp_path, seven):
    (tmp_path / "7").mkdir()
    Image.fromarray(seven).save(tmp_path / "7" / "scan.png")
    digits, _ = read_all_pictures(tmp_path, only_arrays)
    assert digits.labels.tolist() == [7]


def test_a_folder_that_is_not_there_says_what_was_expected(tmp_path):
    with pytest.raises(DataError, match=r"mine: does not exist; expected a folder of pictures"):
        read_all_pictures(tmp_path / "mine", only_arrays)


def test_a_folder_without_digits_says_which_names_were_expected(tmp_path):
    with pytest.raises(DataError, match=r"no picture found; expected names like 7_00042\.png, "):
        read_all_pictures(tmp_path, only_arrays)


def test_a_folder_with_a_test_set_is_not_learnt_whole(tmp_path, seven):
    for part in ("train", "test"):
        write_png_files(tmp_path / "both" / part, [("7_00000.png", seven)])
    with pytest.raises(DataError, match=r"holds train/, expected digits that may all be trained"):
        read_all_pictures(tmp_path / "both", only_arrays)
    digits, _ = read_all_pictures(tmp_path / "both" / "train", only_arrays)
    assert len(digits) == 1
