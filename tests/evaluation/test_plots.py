import numpy as np

from inkdigits.evaluation.plots import tiles


def test_tiles_are_drawn_on_one_scale_with_0_in_its_middle():
    images = np.zeros((18, 3, 3), np.float32)
    images[0, 1, 1], images[17, 0, 0] = 2, -0.5
    figure = tiles(images, [], "eighteen")
    drawn = [axes.images[0] for axes in figure.axes if axes.images]
    assert len(drawn) == 18  # sixteen in the first row, two in the second
    assert {image.get_clim() for image in drawn} == {(-2, 2)}
    assert (drawn[17].get_array() == images[17]).all()
    (grey,) = tiles(images[:1], [], "one").axes[0].images
    assert (grey.get_clim(), grey.get_cmap().name) == ((0, 2), "gray_r")  # none is under 0
    assert tiles(images[:2], ["a", "b"], "two").axes[1].get_title() == "b"
