"""Pictures: any file to grey values, and digits to the 28x28 arrays that networks read.

In: a path, bytes, a PIL image or an array. Out: grey values; (28, 28) float32, ink 1, paper 0.
Knows nothing of networks; imports numpy, OpenCV and Pillow.
"""

from inkdigits.picture.open import MAX_PIXELS, Opened, Picture, check_contrast, open_picture

__all__ = ["MAX_PIXELS", "Opened", "Picture", "check_contrast", "open_picture"]
