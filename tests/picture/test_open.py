import io
import tracemalloc

import numpy as np
import pytest
from bombs import png_chunk
from PIL import Image

from inkdigits.errors import NotAPictureError, PictureError
from inkdigits.picture.decode import upright_image
from inkdigits.picture.open import MAX_SIDE, as_pixels, open_picture
from inkdigits.reading.finder import digit_array
from support import encoded


@pytest.fixture
def drawing(seven):
    """The 7, black on white, 280 x 280."""
    return Image.fromarray(255 - np.kron(seven, np.ones((10, 10), np.uint8)))


def variants(drawing):
    """The same drawing in every format and mode people have."""
    rgba = drawing.convert("RGBA")
    ink_only = Image.new("RGBA", drawing.size, (0, 0, 0, 0))
    ink_only.putalpha(drawing.point(lambda v: 255 - v))
    white_ink = Image.new("RGBA", drawing.size, (255, 255, 255, 0))
    white_ink.putalpha(drawing.point(lambda v: 255 - v))
    deep = Image.fromarray(np.asarray(drawing).astype(np.uint16) * 257)
    palette = drawing.convert("RGB").convert("P", palette=Image.Palette.ADAPTIVE)
    yield "png", encoded(drawing, "PNG")
    yield "inverted", encoded(drawing.point(lambda v: 255 - v), "PNG")
    yield "rgba opaque", encoded(rgba, "PNG")
    yield "black ink on transparent", encoded(ink_only, "PNG")
    yield "white ink on transparent", encoded(white_ink, "PNG")
    yield "la", encoded(ink_only.convert("LA"), "PNG")
    yield "16 bit", encoded(deep, "PNG")
    yield "16 bit tiff", encoded(deep, "TIFF")
    yield "palette", encoded(palette, "PNG")
    yield "palette transparent", encoded(ink_only.convert("P"), "PNG", transparency=0)
    yield "1 bit", encoded(drawing.convert("1"), "PNG")
    yield "cmyk jpeg", encoded(drawing.convert("CMYK"), "JPEG")
    yield "jpeg 5", encoded(drawing, "JPEG", quality=5)
    yield "bmp", encoded(drawing.convert("RGB"), "BMP")
    yield "gif", encoded(drawing, "GIF")
    yield "webp", encoded(drawing.convert("RGB"), "WEBP")
    yield "tiff", encoded(drawing, "TIFF")
    yield "float tiff", encoded(Image.fromarray(np.asarray(drawing) / np.float32(255)), "TIFF")
    for orientation, turn in ((3, "ROTATE_180"), (6, "ROTATE_90"), (8, "ROTATE_270")):
        exif = Image.Exif()
        exif[0x0112] = orientation
        turned = drawing.transpose(Image.Transpose[turn])
        yield f"exif {orientation}", encoded(turned, "JPEG", exif=exif, quality=95)


def test_every_format_and_mode_gives_the_same_array(drawing):
    wanted = digit_array(drawing)
    off = {
        name: float(np.abs(digit_array(data) - wanted).mean()) for name, data in variants(drawing)
    }
    assert len(off) == 21
    assert {name: value for name, value in off.items() if value > 0.05} == {}


def test_paths_bytes_images_and_arrays_are_the_same_picture(tmp_path, drawing):
    path = tmp_path / "seven.png"
    drawing.save(path)
    wanted = digit_array(path)
    assert (digit_array(str(path)) == wanted).all()
    assert (digit_array(path.read_bytes()) == wanted).all()
    assert (digit_array(drawing) == wanted).all()
    pixels = np.asarray(drawing)
    for array in (pixels, pixels[..., None], np.dstack([pixels] * 3), pixels > 127):
        assert (digit_array(array) == wanted).all()
    assert np.abs(digit_array(pixels / 255) - wanted).max() < 0.01
    assert np.abs(digit_array(pixels.astype(np.uint16) * 257) - wanted).max() < 0.01


@pytest.mark.parametrize("size", [(4000, 3000), (28, 400), (10, 10), (1, 50), (1000, 1)])
def test_any_size_comes_out_bounded(size):
    grey = open_picture(Image.effect_noise(size, 80)).grey
    assert max(grey.shape) == min(MAX_SIDE, max(size))
    assert grey.min() >= 0
    assert grey.max() <= 1


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "PPM", "TIFF", "WEBP", "AVIF"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_part_of_a_file_is_called_broken(kind, share):
    whole = encoded(Image.effect_noise((60, 50), 80).convert("RGB"), kind)
    with pytest.raises(NotAPictureError, match=r"^picture: broken or cut off"):
        open_picture(whole[: int(share * len(whole))])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty, expected a picture"),
        (b"GIF89a", "not a picture this program can read"),
        (b"%PDF-1.4 something", "not a picture this program can read"),
        (b"just text", "it reads PNG, JPEG, GIF, BMP, PPM, TIFF, WEBP"),
    ],
)
def test_what_is_no_picture_is_one_clear_error(data, message):
    with pytest.raises(PictureError, match=message):
        open_picture(data)


def test_a_truncated_picture_is_an_error_at_any_length(drawing):
    data = encoded(drawing.convert("RGB"), "PNG")
    for length in range(1, len(data) - 20, 97):
        with pytest.raises(PictureError):
            open_picture(data[:length])


def test_too_many_pixels_are_refused_before_decoding():
    large = encoded(Image.new("1", (8_001, 8_000)), "PNG")
    with pytest.raises(PictureError, match="is 8001x8000, over the limit of 64,000,000 pixels"):
        open_picture(large)
    bomb = encoded(Image.new("1", (30_000, 30_000)), "PNG")
    with pytest.raises(PictureError, match="over the limit of 64,000,000 pixels"):
        open_picture(bomb)


def test_a_missing_file_is_named():
    with pytest.raises(PictureError, match=r"no/such\.png: cannot be read: No such file"):
        open_picture("no/such.png")


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((5, 5, 2), np.uint8), r"array is \(5, 5, 2\), expected \(H, W\)"),
        (np.zeros((0, 5), np.uint8), r"it has no pixel"),
        (np.full((5, 5), 256), r"array is int64, expected uint8"),
        (np.full((5, 5), 7.0), r"array holds 7 to 7, expected \[0, 1\] for floats"),
        (np.full((5, 5), np.nan), r"array holds NaN, expected \[0, 1\] for floats"),
        (np.broadcast_to(np.float64(0.5), (10**6, 10**6)), "over the limit of 64,000,000 pixels"),
        (np.ma.masked_array(np.zeros((5, 5)), mask=np.eye(5)), "array has masked values"),
        (
            np.zeros((4, 5, 5, 3)),
            r"\(4, 5, 5, 3\), expected .*; several pictures go to read_many or",
        ),
    ],
)
def test_an_array_of_another_kind_is_refused(array, message):
    with pytest.raises(PictureError, match=message):
        digit_array(array)


def test_a_large_array_takes_no_copy_of_its_own_type():
    """In strips, which come out as the whole does."""
    levels = np.arange(256, dtype=np.uint8).repeat(20_000).reshape(2_560, 2_000)
    for array in (
        levels / 255,
        np.float16(levels / 255),
        levels * np.uint16(257),
        np.int64(levels),
    ):
        assert np.array_equal(as_pixels(array, 10**7), levels)
    assert np.array_equal(as_pixels(levels > 127, 10**7), np.uint8(255) * (levels > 127))
    tracemalloc.start()
    as_pixels(np.broadcast_to(np.float32(1), (4_000, 4_000)), 10**8)
    (_, most), _ = tracemalloc.get_traced_memory(), tracemalloc.stop()
    assert most < 16e6 + 30e6  # the result, and two strips of 8 MB with their steps


def test_a_tiff_of_nan_is_refused():
    data = encoded(Image.fromarray(np.full((30, 30), np.nan, np.float32)), "TIFF")
    with pytest.raises(PictureError, match="holds values that are not numbers"):
        open_picture(data)


def test_an_animation_is_read_by_its_first_frame(drawing):
    blank = Image.new("L", drawing.size, 255)
    data = encoded(drawing, "GIF", save_all=True, append_images=[blank, blank])
    assert np.abs(digit_array(data) - digit_array(drawing)).mean() < 0.02


def test_red_on_green_of_the_same_lightness_is_told_apart():
    """Lightness 102 and 101 of 255. Along their difference, (140, -70, 0) made a unit vector, red
    lies at 0.777 and green at 0.320 of the way from the least to the most there can be.
    """
    picture = np.full((40, 40, 3), (60, 130, 60), np.uint8)
    picture[10:30, 18:22] = (200, 60, 60)
    grey = open_picture(picture).grey
    assert grey[20, 20] == pytest.approx(0.777, abs=0.002)
    assert grey[5, 5] == pytest.approx(0.320, abs=0.002)


def test_a_red_pen_on_white_paper_stays_as_light_as_it_is():
    picture = np.full((40, 40, 3), 255, np.uint8)
    picture[10:30, 18:22] = (200, 30, 40)  # 0.299 * 200 + 0.587 * 30 + 0.114 * 40 = 82
    grey = open_picture(picture).grey
    assert grey[20, 20] == pytest.approx(82 / 255, abs=0.002)
    assert grey[5, 5] == 1


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_tiff_is_turned_as_a_png_is(drawing, orientation):
    """Pillow turns TIFFs while it decodes them, and no other format."""
    wide = drawing.crop((0, 0, 280, 200))
    exif = Image.Exif()
    exif[0x0112] = orientation
    tiff = open_picture(encoded(wide, "TIFF", tiffinfo={0x0112: orientation}))
    png = open_picture(encoded(wide, "PNG", exif=exif))
    assert (tiff.width, tiff.height) == (png.width, png.height)
    assert (tiff.width, tiff.height) == ((280, 200) if orientation < 5 else (200, 280))
    assert np.array_equal(tiff.grey, png.grey)


@pytest.mark.parametrize("exif", [b"xxxx", b"", b"II*\0", b"MM\0*\0\0\0\x08\xff\xff"])
def test_an_exif_that_is_broken_turns_nothing(drawing, exif, recwarn):
    png = encoded(drawing)
    broken = png[:33] + png_chunk(b"eXIf", exif) + png[33:]  # behind IHDR
    jpeg = encoded(drawing, "JPEG", quality=95, exif=b"Exif\0\0" + exif)
    assert np.array_equal(open_picture(broken).grey, open_picture(png).grey)
    upright = open_picture(encoded(drawing, "JPEG", quality=95)).grey
    assert np.array_equal(open_picture(jpeg).grey, upright)
    assert upright_image(broken)[1:] == upright_image(png)[1:]
    assert not list(recwarn)


def test_a_jpeg_of_many_scans_is_refused(drawing):
    data = encoded(drawing, "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    with pytest.raises(PictureError, match="has over 100 scans, a JPEG has about ten"):
        open_picture(data[:-2] + data[last:-2] * 100 + data[-2:])
    # What looks like scans in another format, or behind the picture (a phone's film), is none.
    assert open_picture(data + data[last:-2] * 200).width == 280
    png = encoded(drawing, "PNG")
    assert open_picture(png + b"\xff\xda" * 200).width == 280


def test_an_image_that_cannot_be_decoded_is_an_error_of_its_own(drawing):
    half = Image.open(io.BytesIO(encoded(drawing, "PNG")[:400]))
    closed = Image.open(io.BytesIO(encoded(drawing, "PNG")))
    closed.close()
    for image in (half, closed):
        with pytest.raises(PictureError, match="picture: cannot be decoded"):
            open_picture(image)


def test_a_view_of_memory_is_a_file_or_an_array(drawing):
    pixels = np.asarray(drawing.convert("L"))
    for picture in (memoryview(pixels), memoryview(encoded(drawing, "PNG"))):
        assert open_picture(picture).width == 280
    assert np.array_equal(
        open_picture(pixels.astype(">u2") * 256).grey, open_picture(pixels.astype("<u2") * 256).grey
    )


def test_what_is_drawn_on_looks_as_the_picture_does(drawing):
    """Transparent paper under black ink is white, 16 bits are not all white, large is smaller."""
    ink = Image.new("RGBA", drawing.size, (0, 0, 0, 0))
    ink.putalpha(drawing.convert("L").point(lambda v: 255 - v))
    deep = Image.fromarray(np.asarray(drawing.convert("L"), np.uint16) * 257)
    grey = np.asarray(drawing.convert("L"), float).mean()
    for picture in (drawing, ink, deep):
        shown = upright_image(picture)
        assert (shown.width, shown.height, shown.image.mode) == (280, 280, "RGB")
        assert abs(np.asarray(shown.image, float).mean() - grey) < 1
    large = upright_image(drawing.resize((5000, 2500)))
    assert (large.width, large.height, large.image.size) == (5000, 2500, (2500, 1250))
