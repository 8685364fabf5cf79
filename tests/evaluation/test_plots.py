import numpy as np
import pytest

from inkdigits.evaluation.plots import confusion_matrix, tiles, training_history
from inkdigits.evaluation.scores import score


def test_tiles_are_drawn_in_rows_on_one_scale_with_0_in_its_middle():
    images = np.zeros((18, 3, 3), np.float32)
    images[0, 1, 1], images[17, 0, 0] = 2, -0.5
    (axes,) = tiles(images, [], "eighteen").axes
    assert len(axes.images) == 18
    assert {image.get_clim() for image in axes.images} == {(-2, 2)}
    assert (axes.images[17].get_array() == images[17]).all()
    lefts, tops = zip(*(tuple(np.take(i.get_extent(), (0, 3))) for i in axes.images), strict=True)
    assert lefts[16:] == lefts[:2]  # sixteen in the first row, two in the second
    assert len(set(tops[:16])) == len(set(tops[16:])) == 1
    assert tops[16] > tops[0] + 1  # an image is 1 high
    (grey,) = tiles(images[:1], [], "one").axes[0].images
    assert (grey.get_clim(), grey.get_cmap().name) == ((0, 2), "gray_r")  # none is under 0


def test_each_tile_has_its_caption_above_its_middle():
    (axes,) = tiles(np.ones((2, 3, 3), np.float32), ["a", "b"], "two").axes
    assert [text.get_text() for text in axes.texts] == ["a", "b"]
    for text, image in zip(axes.texts, axes.images, strict=True):
        left, right, _, top = image.get_extent()
        x, y = text.get_position()
        assert x == (left + right) / 2
        assert top - 0.1 < y < top  # y runs down


def matrix_of(wrong):
    """The figure's axes, where `wrong` of 10 digits are read as the next one."""
    labels = np.arange(10, dtype=np.uint8)
    answers = np.eye(10, dtype=np.float32)[(labels + (labels < wrong)) % 10]
    return confusion_matrix(score(labels, answers, 10)).axes


@pytest.mark.parametrize("wrong", [0, 1, 3])
def test_the_colours_of_a_confusion_matrix_count_images(wrong):
    matrix, bar = matrix_of(wrong)
    assert matrix.collections[0].get_clim() == (0, 1)
    assert bar.get_yticks().tolist() == [0, 1]
    # Off the diagonal all is pale but for what is read wrongly.
    colours = [tuple(colour) for colour in matrix.collections[0].get_facecolors()]
    pale = colours[9]  # 0 read as 9: never
    assert sum(colour != pale and colour[3] > 0 for colour in colours) == wrong
    end = "images read wrongly"
    assert matrix.get_title() == f"{1 - wrong / 10:.2%} right: {wrong} of 10 {end}"


@pytest.mark.parametrize(("epochs", "label"), [(1, "epoch (there was one)"), (2, "epoch")])
def test_a_history_of_one_epoch_says_so(epochs, label):
    row = {"loss": 1.0, "val_loss": 1.0, "accuracy": 0.5, "val_accuracy": 0.5, "learning_rate": 0.1}
    figure = training_history([{"epoch": i + 1, **row} for i in range(epochs)])
    assert [axes.get_xlabel() for axes in figure.axes] == [label] * 3
