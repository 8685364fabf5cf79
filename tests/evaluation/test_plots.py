import numpy as np

from inkdigits.evaluation.plots import tiles


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
